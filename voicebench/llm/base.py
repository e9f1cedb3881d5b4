"""What the pipeline asks of a language model, and what it gives it: prompts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

from voicebench.types import AnswerToken, Message, Mixture, Record, Sampling

if TYPE_CHECKING:
    from voicebench.llm.token_table import TokenTable


class Prompt(Record):
    """A prompt as data: token ids or their embeddings, or messages for an LLM without token ids.

    The generator looks embeddings up in the model's own table, so two prompts that are equal here
    are the same to the LLM, and a record of this is a record of what was sent. Reads as the
    sequence of its token ids.

    Attributes:
        token_ids: At every position the id that is meant, the likeliest one in a mixture.
        as_embeddings: Whether the embeddings of the ids are sent. A prefix cache shares nothing
            between the two forms, so a prefix is warmed in the form of the whole prompt.
        mixtures: Positions with another embedding than their id's, in order; embeddings only.
        messages: The conversation, for a generator without `encode_chat`; there are no ids then.
        tools: Tools offered beside `messages`, as JSON schemas.
    """

    token_ids: tuple[int, ...] = ()
    as_embeddings: bool = False
    mixtures: tuple[Mixture, ...] = ()
    messages: tuple[Message, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.messages and self.token_ids:
            raise ValueError("a prompt is token ids or messages, not both")
        positions = [mixture.position for mixture in self.mixtures]
        if positions and not self.as_embeddings:
            raise ValueError("token ids cannot be mixed: mixtures need as_embeddings=True")
        if positions != sorted(set(positions)) or (positions and positions[-1] >= len(self)):
            raise ValueError(f"mixtures at {positions} in a prompt of {len(self)} tokens")

    def __len__(self) -> int:
        return len(self.token_ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self.token_ids)

    def prefix(self, num_tokens: int) -> Prompt:
        """The first tokens in the same form: what to warm before the rest is known."""
        return Prompt(
            token_ids=self.token_ids[:num_tokens],
            as_embeddings=self.as_embeddings,
            mixtures=tuple(m for m in self.mixtures if m.position < num_tokens),
        )

    def followed_by(self, token_ids: Sequence[int]) -> Prompt:
        """The prompt with more tokens behind it, such as an answer begun."""
        return Prompt(
            token_ids=(*self.token_ids, *token_ids),
            as_embeddings=self.as_embeddings,
            mixtures=self.mixtures,
        )


def as_prompt(prompt: Prompt | Sequence[int]) -> Prompt:
    """A prompt as it is, or one of plain token ids."""
    return prompt if isinstance(prompt, Prompt) else Prompt(token_ids=tuple(prompt))


def chat_prompt(
    generator: Generator, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
) -> Prompt:
    """The prompt of a conversation: token ids, or the messages for a generator without them."""
    if encodes_chat(generator):
        return Prompt(token_ids=tuple(generator.encode_chat(messages, tools)))
    return Prompt(messages=tuple(messages), tools=tuple(tools))


def count_tokens(generator: Generator, messages: Sequence[Message]) -> int:
    """Tokens of messages in a prompt; of a generator without token ids, their characters."""
    if encodes_chat(generator):
        return len(generator.encode_chat(messages))
    return sum(len(message.content) for message in messages)


def encodes_chat(generator: object) -> bool:
    """Whether a generator has token ids (`encode_chat` and all that goes with it). One without has
    `stream`, `generate` and `close` alone and takes prompts of messages."""
    return hasattr(generator, "encode_chat")


def reset_prefix_cache(generator: Generator) -> None:
    """`Generator.forget_prompts`, where the generator has a cache of its own."""
    if encodes_chat(generator):
        generator.forget_prompts()


class Delta(Record):
    """A step of a streamed answer. `tokens[i].t_s` is on `clock.now_s()`'s clock."""

    tokens: tuple[AnswerToken, ...]
    finish_reason: str = ""
    """Empty until the last delta: `stop`, `length` or `abort`."""
    cached_prompt_tokens: int = 0


def joined(deltas: Sequence[Delta]) -> Delta:
    """Steps of one answer, one or more and in order, as one."""
    if len(deltas) == 1:
        return deltas[0]
    return Delta(
        tokens=tuple(token for delta in deltas for token in delta.tokens),
        finish_reason=deltas[-1].finish_reason,
        cached_prompt_tokens=max(delta.cached_prompt_tokens for delta in deltas),
    )


class Generator(Protocol):
    """Answers prompts. Safe to call from any thread or event loop.

    A generator without token ids has `stream`, `generate` and `close` alone; see `encodes_chat`.

    Attributes:
        block_tokens: Beginnings of prompts are kept in whole blocks of so many tokens; 0 where
            nothing is kept.
    """

    block_tokens: int

    @property
    def takes_embeddings(self) -> bool:
        """Whether prompts may come `as_embeddings`."""
        ...

    def encode_chat(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        """Prompt token ids of a conversation, through the model's own chat template, ending where
        the assistant begins. Control tokens written in a message's content stay plain text."""
        ...

    def encode_around(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], place: str
    ) -> list[list[int]]:
        """`encode_chat` in pieces, cut at every `place` in a message's content."""
        ...

    def token_table(self, vocabulary: Sequence[str]) -> TokenTable:
        """The table from a recogniser's tokens to this model's; built once for a vocabulary."""
        ...

    def stream(
        self,
        prompt: Prompt | Sequence[int],
        sampling: Sampling,
        request_id: str = "",
        *,
        hold_s: float = 0.0,
    ) -> AsyncGenerator[Delta, None]:
        """Streams one answer; closing the iterator aborts the request.

        Args:
            prompt: A `Prompt`, or token ids from `encode_chat`.
            sampling: How to sample.
            request_id: For logs; need not be unique.
            hold_s: How long tokens may be held back, to come in fewer deltas; each still says
                when it was made. For answers that nobody reads before their end.

        Raises:
            StageError: The engine failed on this request; others are not affected.
        """
        ...

    async def warm(self, prompt: Prompt | Sequence[int]) -> int:
        """Computes the beginning of a prompt to come, so that it is found in the prefix cache.

        Nothing is answered; cancelling aborts it. Only whole blocks (`block_tokens`) are kept.

        Returns:
            How many of the tokens were there before.

        Raises:
            StageError: The engine failed on it; others are not affected.
        """
        ...

    def generate(
        self, prompts: Sequence[Prompt | Sequence[int]], sampling: Sampling
    ) -> list[tuple[AnswerToken, ...]]:
        """Answers many prompts batched, in order; for quality mode and evaluation."""
        ...

    def forget_prompts(self) -> None:
        """Drops what is kept of earlier prompts (the prefix cache), so that the next request
        costs what it would cost alone; for latency mode. Call it while nothing is in flight."""
        ...

    def close(self) -> None:
        """Stops the engine and frees its memory."""
        ...


@runtime_checkable
class PredictsEndOfTurn(Protocol):
    """A generator that says whether a user's turn is over."""

    async def end_of_turn(self, prompt: Prompt | Sequence[int]) -> float:
        """Probability that the user's message ends here: of the token that ends it in the chat
        template, after a prompt that stops at the user's last word. Cancelling aborts it.

        Raises:
            StageError: The engine failed on it; others are not affected.
        """
        ...


@runtime_checkable
class ServesRequests(Protocol):
    """A generator that knows its limits, for who takes requests of strangers.

    Attributes:
        max_model_tokens: Most tokens of a prompt and its answer together.
    """

    max_model_tokens: int

    @property
    def num_requests(self) -> int:
        """Requests that are waiting or being answered."""
        ...

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuses a form that an answer cannot be held to (`json_schema`, `functions`).

        Raises:
            ConfigError: A schema is none, or uses something that is not supported.
        """
        ...


class KnowsTokens(Protocol):
    """A generator that can tell which tokens may stand in an answer; one that is given text only,
    by another service, cannot."""

    def is_legal_token(self, token_id: int) -> bool:
        """Whether the tokenizer knows the token and it is no control token. Marks of a tool call
        are legal."""
        ...


class AnswersAtRandom(Protocol):
    """A generator that may have random weights. Then no token of its answers means anything, and
    none is illegal."""

    answers_at_random: bool


# `isinstance` of a protocol looks at each of its members: 20 µs in Python 3.11, and these are asked
# in every turn.


def knows_tokens(generator: object) -> TypeGuard[KnowsTokens]:
    """Whether a generator is of that kind."""
    return hasattr(generator, "is_legal_token")


def may_answer_at_random(generator: object) -> TypeGuard[AnswersAtRandom]:
    """Whether a generator is an `AnswersAtRandom`."""
    return hasattr(generator, "answers_at_random")


def knows_length(generator: object) -> TypeGuard[ServesRequests]:
    """Whether a generator is a `ServesRequests`."""
    return hasattr(generator, "max_model_tokens")
