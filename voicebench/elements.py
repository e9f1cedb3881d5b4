"""The smallest types: tokens and windows of a transcript, messages, calls and mixtures of a prompt.

They are imported from `voicebench.types`, which explains them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Literal, dataclass_transform

import msgspec

SAMPLE_RATE_HZ = 16_000

Recognition = Literal["windows", "segments"]


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all types here: frozen, by keyword, unknown fields refused when read."""


def refuse(condition: bool, message: str) -> None:
    if condition:
        raise ValueError(message)


def refuse_not_finite(record: Record) -> None:
    """NaN passes every comparison that refuses, and JSON has neither it nor infinity."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")


_LATIN = re.compile(r"[A-Za-z0-9'.-]")


def _is_latin(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "'-.")


def is_letter(text: str) -> bool:
    """Whether a token is a single Latin letter, as of a word that is spelled."""
    return len(text) == 1 and text.isascii() and text.isalpha()


def group_letters(texts: Sequence[str]) -> list[range]:
    """Positions of the words that tokens make: a run of single letters is one, any other its own.

    >>> group_letters(["打", "开", "p", "p", "t"])
    [range(0, 1), range(1, 2), range(2, 5)]
    """
    groups: list[range] = []
    for at, text in enumerate(texts):
        if at and is_letter(text) and is_letter(texts[at - 1]):
            groups[-1] = range(groups[-1].start, at + 1)
        else:
            groups.append(range(at, at + 1))
    return groups


def spell(letters: Sequence[str]) -> str:
    """The word of a group of `group_letters`: of several letters, in upper case."""
    return "".join(letters).upper() if len(letters) > 1 else letters[0]


def join_tokens(texts: list[str] | tuple[str, ...]) -> str:
    """Joins recogniser tokens to text: nothing between Hanzi, a space between Latin words; spelled
    letters are one word in upper case, as FunASR writes them.

    >>> join_tokens(["打", "开", "ppt", "app", "吧"])
    '打开ppt app吧'
    >>> join_tokens(["a", "i", "和", "c", "e", "o"])
    'AI和CEO'
    """
    joined = "".join(texts)
    if not _LATIN.search(joined):
        return joined
    joined = ""
    for text in [spell(texts[group.start : group.stop]) for group in group_letters(texts)]:
        if joined and text and _is_latin(joined[-1]) and _is_latin(text[0]):
            joined += " "
        joined += text
    return joined


class Alternative(Record):
    """One of a token's top-k readings; `probability` in [0, 1]."""

    text: str
    probability: float


class Token(Record):
    """One recognised token (a Hanzi or a Latin word) with its time in the turn's audio."""

    text: str
    start_s: float
    end_s: float
    confidence: float
    alternatives: tuple[Alternative, ...] = ()

    def __post_init__(self) -> None:
        # tests first and words only if they fail: there are a hundred tokens a turn
        if self.end_s < self.start_s:
            raise ValueError(f"token ends before it starts: {self}")
        if not 0.0 <= self.confidence <= 1.0 + 1e-6:
            raise ValueError(f"confidence outside [0, 1]: {self}")


class Hypothesis(Record):
    """What the recogniser believes was said so far."""

    tokens: tuple[Token, ...] = ()
    is_final: bool = False

    @property
    def text(self) -> str:
        return join_tokens([token.text for token in self.tokens])

    @property
    def confidence(self) -> float:
        """Mean token confidence in [0, 1]; 0.0 when nothing was heard."""
        if not self.tokens:
            return 0.0
        return sum(token.confidence for token in self.tokens) / len(self.tokens)


class Window(Record):
    """One window or segment through the recogniser: what went in, what came out, what it cost."""

    index: int
    start_s: float
    end_s: float
    tokens: tuple[Token, ...]
    """Letters that are spelled stand alone here: a window may have only some of a word's."""
    compute_s: float
    pass_number: int = 1  # 2 when recognised again with more context
    is_provisional: bool = False
    """Recognised at the onset of a pause that did not end the turn: no part of the hypothesis."""
    context_s: float = 0.0
    """Audio before `start_s` that was recognised with it, and has tokens, too."""

    @property
    def heard_from_s(self) -> float:
        """Where the audio that was recognised begins."""
        return self.start_s - self.context_s

    @property
    def confidence(self) -> float:
        return Hypothesis(tokens=self.tokens).confidence


class AnswerToken(Record):
    """One answer token: its id, the text it added (may be empty) and when it arrived."""

    id: int
    text: str
    t_s: float


class ToolCall(Record):
    """A tool that the LLM called: its name and its arguments by name, as JSON types."""

    name: str
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        refuse(not self.name, "a tool call names no tool")


class Message(Record):
    """One chat message; only an assistant's has tool calls, after its content."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()


class Mixture(Record):
    """A prompt position whose embedding is a mixture: the sum of the embeddings of `token_ids`, each
    times its probability."""

    position: int
    token_ids: tuple[int, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        refuse(self.position < 0, f"a prompt has no position {self.position}")
        refuse(not self.token_ids, f"a mixture of nothing at position {self.position}")
        refuse(
            len(self.token_ids) != len(self.probabilities),
            f"{len(self.token_ids)} ids with {len(self.probabilities)} probabilities",
        )
        refuse(
            abs(sum(self.probabilities) - 1.0) > 1e-6,
            f"probabilities sum to {sum(self.probabilities)}, not 1",
        )
