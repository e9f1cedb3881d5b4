"""What the pipeline asks of a language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol, runtime_checkable

from voicebench.types import AnswerToken, Message, Record, Sampling


class Delta(Record):
    """A step of a streamed answer. `tokens[i].t_s` is on `clock.now_s()`'s clock."""

    tokens: tuple[AnswerToken, ...]
    finish_reason: str = ""
    """Empty until the last delta: `stop`, `length` or `abort`."""
    cached_prompt_tokens: int = 0


class Generator(Protocol):
    """Answers prompts. Safe to call from any thread or event loop."""

    def encode_chat(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        """Prompt token ids of a conversation, through the model's own chat template, ending where
        the assistant begins. Control tokens written in a message's content stay plain text."""
        ...

    def stream(
        self, prompt_token_ids: Sequence[int], sampling: Sampling, request_id: str = ""
    ) -> AsyncGenerator[Delta, None]:
        """Streams one answer; closing the iterator aborts the request.

        Raises:
            StageError: The engine failed on this request; others are not affected.
        """
        ...

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling
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
class KnowsTokens(Protocol):
    """A generator that can tell which tokens may stand in an answer; one that is given text only,
    by another service, cannot."""

    def is_legal_token(self, token_id: int) -> bool:
        """Whether the tokenizer knows the token and it is no control token. Marks of a tool call
        are legal."""
        ...
