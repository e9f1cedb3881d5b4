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
from typing import TYPE_CHECKING, Any

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
    from voicebench.metrics.measures import TurnMeasures

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
    cut_off: Counts | None = None
    exact_calls: Counts | None = None
    failed: Counts | None = None
    fallback: Counts | None = None

    def add(self, measures: TurnMeasures | Sums) -> None:
        """Adds a turn's measures, or other sums: they have the same names."""
        for name in _SUMMED:
            found, old = getattr(measures, name), getattr(self, name)
            if found is not None:
                setattr(self, name, found if old is None else _added(old, found))


def _added(old: Any, found: Any) -> Any:
    if isinstance(old, tuple):
        return old[0] + found[0], old[1] + found[1]
    return old + found


_SUMMED = tuple(Sums.__dataclass_fields__)


@dataclass
class Tally:
    """The turns of one suite under one variant.

    Attributes:
        conversations: Sums of each conversation; repeats of a case are one conversation, for they
            say nothing new about the cases not chosen.
        counts: `turns`, `warm_up`, `failed`, `degraded`, `recognised`.
        repeats: Numbers of the repeats that were run.
        rtf_of_repeats: What recognition cost in each repeat.
        t_eos_sources: How many turns have their end of speech from where.
        answer_tokens: How many answers have so many tokens.
        answer_characters: Likewise.
        windows: How many windows have so much confidence (to four decimals) and are right or not.
        timed: The turns of latency mode, one by one.
    """

    conversations: dict[Hashable, Sums] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    repeats: set[int] = field(default_factory=set)
    rtf_of_repeats: dict[int, Rtf] = field(default_factory=dict)
    t_eos_sources: Counter[str] = field(default_factory=Counter)
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
        self.t_eos_sources[turn.t_eos_source] += turn.mode == "latency"
        if measures.rtf:
            found = self.rtf_of_repeats.get(turn.repeat, Rtf())
            self.rtf_of_repeats[turn.repeat] = found + measures.rtf
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
        """Adds other turns."""
        for conversation, sums in other.conversations.items():
            mine_of_it = self.conversations.setdefault(conversation, Sums())
            mine_of_it.add(sums)
        for repeat, rtf in other.rtf_of_repeats.items():
            self.rtf_of_repeats[repeat] = self.rtf_of_repeats.get(repeat, Rtf()) + rtf
        for mine, theirs in (
            (self.counts, other.counts),
            (self.answer_tokens, other.answer_tokens),
            (self.answer_characters, other.answer_characters),
            (self.windows, other.windows),
            (self.t_eos_sources, other.t_eos_sources),
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
