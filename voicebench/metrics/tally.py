"""What is kept of a group's turns once they are measured: sums by conversation, and no texts.

Every rate is a ratio of sums, and its interval needs the sums of each conversation and nothing else.
So the turns of a run can be read one by one, and memory grows with the cases, not with the turns.
Only what is no sum is kept turn by turn: the times of latency mode, which runs at the pace of speech
and is never long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from voicebench.metrics.attribution import Attribution
from voicebench.metrics.error_rate import ErrorRate
from voicebench.metrics.facts import FactScore
from voicebench.metrics.judge import EntityScore
from voicebench.metrics.latency import Rtf
from voicebench.metrics.seams import SeamErrors
from voicebench.metrics.speculation import Cached, Drafts
from voicebench.metrics.stats import Counts
from voicebench.metrics.trips import Trips
from voicebench.types import Hypothesis, Turn

if TYPE_CHECKING:
    from voicebench.metrics.summary import TurnMeasures

CONFIDENCE_DECIMALS = 4


@dataclass(slots=True)
class Sums:
    """The measures of some turns, added up; None where none of the turns has them."""

    cer: ErrorRate | None = None
    cp_cer: ErrorRate | None = None
    mer: ErrorRate | None = None
    entities: EntityScore | None = None
    seams: SeamErrors | None = None
    facts: FactScore | None = None
    attribution: Attribution | None = None
    rtf: Rtf | None = None
    trips: Trips | None = None
    drafts: Drafts | None = None
    cached: Cached | None = None
    premature: Counts | None = None
    """Answers that came too early, of all answers."""
    cut_off: Counts | None = None
    """Turns declared over before the speaker had finished, of all turns with an endpoint."""
    exact_calls: Counts | None = None
    """Answers that make just the tool calls expected, of all that should make some."""

    def add(self, measures: TurnMeasures) -> None:
        """Adds a turn's measures."""
        for name in _SUMMED:
            found, old = getattr(measures, name), getattr(self, name)
            if found is not None:
                setattr(self, name, found if old is None else old + found)
        self.premature = _counted(self.premature, measures.is_premature)
        self.cut_off = _counted(self.cut_off, measures.is_cut_off)
        self.exact_calls = _counted(self.exact_calls, measures.makes_calls)


def _counted(counts: Counts | None, is_so: bool | None) -> Counts | None:
    if is_so is None:
        return counts
    above, below = counts or (0, 0)
    return above + is_so, below + 1


_SUMMED = tuple(
    name
    for name in Sums.__dataclass_fields__
    if name not in ("premature", "cut_off", "exact_calls")
)


@dataclass
class Tally:
    """The turns of one suite under one variant.

    Attributes:
        conversations: Sums of each conversation; repeats of a case are one conversation, for they
            say nothing new about the cases not chosen.
        counts: `turns`, `warm_up`, `failed`, `degraded`, `recognised`.
        repeats: Numbers of the repeats that were run.
        answer_tokens: How many answers have so many tokens.
        answer_characters: Likewise.
        windows: How many windows have so much confidence (to four decimals) and are right or not.
        timed: The turns of latency mode, one by one.
    """

    conversations: dict[Hashable, Sums] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    repeats: set[int] = field(default_factory=set)
    answer_tokens: Counter[int] = field(default_factory=Counter)
    answer_characters: Counter[int] = field(default_factory=Counter)
    windows: Counter[tuple[float, bool]] = field(default_factory=Counter)
    timed: list[tuple[Turn, TurnMeasures]] = field(default_factory=list)

    def add(self, turn: Turn, measures: TurnMeasures) -> None:
        """Adds a turn; one of the warm-up is only counted."""
        if turn.is_warm_up:
            self.counts["warm_up"] += 1
            return
        self.conversations.setdefault((turn.suite, turn.case_id), Sums()).add(measures)
        self.counts["turns"] += 1
        self.counts["failed"] += turn.failure is not None
        self.counts["degraded"] += turn.degraded is not None
        self.counts["recognised"] += measures.rtf is not None
        self.repeats.add(turn.repeat)
        for lengths, length in (
            (self.answer_tokens, measures.answer_tokens),
            (self.answer_characters, measures.answer_characters),
        ):
            if length is not None:
                lengths[length] += 1
        for confidence, is_right in measures.windows:
            self.windows[round(confidence, CONFIDENCE_DECIMALS), is_right] += 1
        if turn.mode == "latency":
            self.timed.append((without_content(turn), measures))

    def merge(self, other: Tally) -> None:
        """Adds another suite's turns."""
        self.conversations |= other.conversations
        for mine, theirs in (
            (self.counts, other.counts),
            (self.answer_tokens, other.answer_tokens),
            (self.answer_characters, other.answer_characters),
            (self.windows, other.windows),
        ):
            mine.update(theirs)  # type: ignore[arg-type]
        self.repeats |= other.repeats
        self.timed += other.timed

    def sums(self) -> Iterator[Sums]:
        """The sums of each conversation."""
        return iter(self.conversations.values())


def without_content(turn: Turn) -> Turn:
    """A turn without what it says and when: its measures have that."""
    return msgspec.structs.replace(
        turn, windows=(), hypothesis=Hypothesis(), cleaned="", retracted=(), messages=(),
        prompt_token_ids=(), prompt_mixtures=(), answer="", answer_tokens=(), gold_cleaned=None,
        answer_from_gold_cleaned=None, answer_from_gold=None, events=(),
    )  # fmt: skip
