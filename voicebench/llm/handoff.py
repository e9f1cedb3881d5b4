"""How the transcript is handed to the LLM: five forms of the same turn.

    text         the cleaned transcript, tokenised by the LLM's tokenizer
    token_map    recogniser tokens looked up in a table of LLM ids, never tokenised as text
    embeds       the ids of token_map given as rows of the LLM's own embedding table
    soft_embeds  the same, but a doubtful token is the mixture of its likeliest readings, so that
                 the LLM hears the doubt
    marked       text, with the other readings behind a doubtful word: 张(章/彰)三

A token is doubtful below the variant's `doubt_below`, and its `doubt_top_k` likeliest readings count,
their probabilities scaled to sum to 1. Readings are mixed position by position, so a reading with
more or fewer LLM tokens than the one that was recognised is left out. Tokens that cleaning removed
are in no form; what it put in is tokenised as text (`transcript.split_into_pieces`).

Earlier turns are plain text in every form: what was heard in doubt is past once it was answered.
Marks are text like any other, and stay in the conversation as they were sent.

Everything said reaches the LLM as the characters it is. Text and table rows are encoded without
control tokens (`ChatEncoder.encode_text`), each piece apart, so no form can spell one, and mixtures
are made of rows of such ids alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Protocol

import msgspec

from voicebench.errors import ConfigError
from voicebench.llm.base import Generator, Prompt, chat_prompt, encodes_chat
from voicebench.llm.prompts import MARKS_NOTE, build_messages, fill_template, find_prompt
from voicebench.llm.token_table import TokenTable, starts_latin
from voicebench.llm.transcript import Piece, split_into_pieces
from voicebench.types import Message, Mixture, Token, Variant

WITH_EMBEDDINGS = frozenset({"embeds", "soft_embeds"})
THROUGH_TABLE = frozenset({"token_map", *WITH_EMBEDDINGS})
_ANY_TOKEN = (Token(text="一", start_s=0.0, end_s=0.0, confidence=1.0),)


def check_handoff(variant: Variant, takes_embeddings: bool) -> None:
    """Refuses a variant whose hand-off the language model cannot take.

    Raises:
        ConfigError: The variant hands embeddings to a model that takes none.
    """
    if variant.handoff in WITH_EMBEDDINGS and not takes_embeddings:
        raise ConfigError(
            f"variant {variant.name!r}: handoff={variant.handoff!r} needs a language model that "
            "takes embeddings",
            "Set llm.enable_prompt_embeds: true in the profile, or use handoff=text.",
        )


class BuildsPrompts(Protocol):
    """Makes the conversation of a turn and the prompt that it is handed over as; see `Handoff`."""

    def messages(self, history: Sequence[Message], text: str) -> tuple[Message, ...]:
        """The conversation, `text` being what was said now."""
        ...

    def build(
        self,
        history: Sequence[Message],
        cleaned: str,
        tokens: Sequence[Token],
        tools: Sequence[dict[str, Any]] = (),
        after: Sequence[Message] = (),
    ) -> tuple[tuple[Message, ...], Prompt]:
        """The conversation and its prompt."""
        ...

    def beginning(
        self,
        history: Sequence[Message],
        cleaned: str,
        tokens: Sequence[Token],
        tools: Sequence[dict[str, Any]] = (),
    ) -> Prompt:
        """The prompt up to the end of a transcript that goes on."""
        ...


class Handoff:
    """Builds the prompts of one variant.

    Args:
        generator: Encodes, and takes the prompts.
        vocabulary: Texts of the recogniser's tokens, by id.
        variant: Its wording, its hand-off and the hand-off's settings.

    Raises:
        ConfigError: See `check_handoff`; an unknown prompt or a template without its place.
    """

    def __init__(self, generator: Generator, vocabulary: Sequence[str], variant: Variant) -> None:
        self._generator = generator
        self._variant = variant
        self._place = f"\ue002{secrets.token_hex(8)}\ue003"  # nothing that is said holds it
        find_prompt(variant.prompt)
        fill_template(variant.prompt_template, "")
        if variant.handoff in WITH_EMBEDDINGS:
            check_handoff(variant, getattr(generator, "takes_embeddings", False))
        if variant.handoff != "text":
            split_into_pieces("", _ANY_TOKEN)  # loads what aligns, before the first turn
        self._table: TokenTable | None = None
        if variant.handoff in THROUGH_TABLE:
            if not encodes_chat(generator):
                raise ConfigError(
                    f"variant {variant.name!r}: handoff={variant.handoff!r} needs a language model "
                    "with token ids",
                    "Use handoff=text or handoff=marked.",
                )
            self._table = generator.token_table(vocabulary)

    def messages(self, history: Sequence[Message], text: str) -> tuple[Message, ...]:
        """The conversation as the variant words it, `text` being what was said now."""
        variant = self._variant
        note = MARKS_NOTE if variant.handoff == "marked" else ""
        return build_messages(variant.prompt, history, text, variant.prompt_template, note)

    def build(
        self,
        history: Sequence[Message],
        cleaned: str,
        tokens: Sequence[Token],
        tools: Sequence[dict[str, Any]] = (),
        after: Sequence[Message] = (),
    ) -> tuple[tuple[Message, ...], Prompt]:
        """The conversation and the prompt it is handed over as.

        Args:
            history: Earlier turns.
            cleaned: The transcript after cleaning.
            tokens: The transcript before it, as recognised; none where the text was typed.
            tools: Tools offered, as JSON schemas.
            after: What came after it in this turn, such as the results of tools.
        """
        pieces = self._pieces(cleaned, tokens)
        messages = (*self.messages(history, self._written(pieces)), *after)
        if self._table is None:
            return messages, chat_prompt(self._generator, messages, tools)
        with_place = (*self.messages(history, self._place), *after)
        around = self._generator.encode_around(with_place, tools, self._place)
        return messages, self._put_together(around, pieces, self._table)

    def beginning(
        self,
        history: Sequence[Message],
        cleaned: str,
        tokens: Sequence[Token],
        tools: Sequence[dict[str, Any]] = (),
    ) -> Prompt:
        """The prompt up to the end of a transcript that goes on, in the form of the whole: what
        can be warmed while the rest is being said.

        Where the tokenizer has merges, the last token or two may turn out others.
        """
        pieces = self._pieces(cleaned, tokens)
        text = "" if self._table else self._written(pieces)
        with_place = self.messages(history, text + self._place)
        before = self._generator.encode_around(with_place, tools, self._place)[0]
        if self._table is None:
            return Prompt(token_ids=tuple(before))
        return self._put_together((before, ()), pieces, self._table)

    def _pieces(self, cleaned: str, tokens: Sequence[Token]) -> list[Piece]:
        if self._variant.handoff == "text":
            return [Piece(cleaned, None)]
        return split_into_pieces(cleaned, tokens)

    def _written(self, pieces: Sequence[Piece]) -> str:
        """The transcript as text, marked where the variant marks."""
        is_marked = self._variant.handoff == "marked"
        return "".join(self._marked(piece) if is_marked else piece.text for piece in pieces)

    def _put_together(
        self, around: Sequence[Sequence[int]], pieces: Sequence[Piece], table: TokenTable
    ) -> Prompt:
        """The prompt with the transcript, from the table, between the pieces of `around`."""
        spoken = table.ids_of([piece.text for piece in pieces])
        is_soft = self._variant.handoff == "soft_embeds"
        mixtures = list(self._mixtures(pieces, spoken, table)) if is_soft else []
        ids, mixed = list(around[0]), list[Mixture]()
        for following in around[1:]:
            mixed += [
                msgspec.structs.replace(mixture, position=len(ids) + mixture.position)
                for mixture in mixtures
            ]
            ids += [i for piece_ids in spoken for i in piece_ids]
            ids += following
        return Prompt(
            token_ids=tuple(ids),
            as_embeddings=self._variant.handoff in WITH_EMBEDDINGS,
            mixtures=tuple(mixed),
        )

    def _mixtures(
        self, pieces: Sequence[Piece], spoken: Sequence[Sequence[int]], table: TokenTable
    ) -> Iterator[Mixture]:
        """The mixed positions, counted from the transcript's first id."""
        starts = accumulate((len(ids) for ids in spoken), initial=0)
        for start, piece, ids in zip(starts, pieces, spoken, strict=False):
            readings = self._readings(piece)
            space = " " * piece.text.startswith(" ")
            texts = [space * starts_latin(text) + text for text, _ in readings]
            fitting = [
                (reading_ids, probability)
                for reading_ids, (_, probability) in zip(table.ids_of(texts), readings, strict=True)
                if len(reading_ids) == len(ids)
            ]
            for offset in range(len(ids)):
                weights: dict[int, float] = {}
                for reading_ids, probability in fitting:
                    weights[reading_ids[offset]] = weights.get(reading_ids[offset], 0) + probability
                total = sum(weights.values())
                if len(weights) > 1:
                    yield Mixture(
                        position=start + offset,
                        token_ids=tuple(weights),
                        probabilities=tuple(weight / total for weight in weights.values()),
                    )

    def _readings(self, piece: Piece) -> list[tuple[str, float]]:
        """The readings of a doubtful token with their probabilities; none of any other piece."""
        token, variant = piece.token, self._variant
        if token is None or token.confidence >= variant.doubt_below:
            return []
        return [
            (reading.text, reading.probability)
            for reading in token.alternatives[: variant.doubt_top_k]
            if reading.probability > 0
        ]

    def _marked(self, piece: Piece) -> str:
        heard = piece.text.removeprefix(" ")
        others = [text for text, _ in self._readings(piece) if text != heard]
        return f"{piece.text}({'/'.join(others)})" if others else piece.text
