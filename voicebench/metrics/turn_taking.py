"""Turn-taking figures: when a policy commits a turn, cut-offs against waits, and its curve.

A turn's pauses are recorded with the probability that the turn was over, and when that was known. So
every rule from probability to wait can be tried on one run: `commit_s` says when the turn would have
been committed, `curve` sweeps a rule, `wait_at` reads the mean wait at a share of cut-offs. METRICS.md,
"Turn-taking", defines the terms.

    curve(turns, [Rule(0.2, 1.2, threshold) for threshold in (0.1, 0.3, 0.5)])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from voicebench.events import EndOfTurnEstimated, SpeechStarted, SpeechStopped
from voicebench.types import Turn

TOLERANCE_S = 0.1
"""A commit so much before the annotated end of speech is no cut-off: VAD frames are coarse."""


@dataclass(frozen=True)
class Rule:
    """From the probability that a turn is over to the silence that ends it.

    At `sure_above` and more `min_silence_s`, at `unsure_below` and less `max_silence_s`, between them on
    a straight line. Fixed silence is a rule whose two silences are equal.

    Raises:
        ValueError: A silence is negative, the silences or the thresholds are in the wrong order, or
            a threshold is no probability.
    """

    min_silence_s: float
    max_silence_s: float
    sure_above: float = 1.0
    unsure_below: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_silence_s <= self.max_silence_s:
            raise ValueError(
                f"min_silence_s {self.min_silence_s:g} must be in 0 to max_silence_s {self.max_silence_s:g}"
            )
        if not 0 <= self.unsure_below <= self.sure_above <= 1:
            raise ValueError(
                f"unsure_below {self.unsure_below:g} must be in 0 to sure_above {self.sure_above:g} <= 1"
            )

    def silence_s(self, probability: float | None) -> float:
        """The silence that ends the turn; the longest while no probability is known."""
        if probability is None or not probability > self.unsure_below:  # nan is not sure
            return self.max_silence_s
        if probability >= self.sure_above:
            return self.min_silence_s
        share = (probability - self.unsure_below) / (self.sure_above - self.unsure_below)
        return self.max_silence_s + share * (self.min_silence_s - self.max_silence_s)


@dataclass(frozen=True)
class Pause:
    """A silence of a turn, in seconds of its audio.

    Args:
        start_s: End of the speech before it.
        end_s: Where speech goes on; None after the last speech.
        probability: That the turn is over; None where the policy has none.
        known_s: When the probability was there; None where there is none.
    """

    start_s: float
    end_s: float | None = None
    probability: float | None = None
    known_s: float | None = None


@dataclass(frozen=True)
class TurnPauses:
    """A turn for a curve: its pauses in order, and the true end of its speech."""

    pauses: tuple[Pause, ...]
    t_eos_s: float


def pauses_of(turn: Turn) -> TurnPauses | None:
    """A recorded turn's pauses and probabilities; None of one whose end of speech is not known.

    A curve over them needs turns that ran to their end: record them with a longest silence that no
    person makes (`endpoint_min_silence_s` = `endpoint_max_silence_s` = 4).
    """
    if turn.t_eos_s is None:
        return None
    pauses: list[Pause] = []
    for event in turn.events:
        match event:
            case SpeechStopped(at_s=float(at_s)):
                pauses.append(Pause(at_s))
            case SpeechStarted(at_s=float(at_s)) if pauses and pauses[-1].end_s is None:
                pauses[-1] = replace(pauses[-1], end_s=at_s)
            case EndOfTurnEstimated(probability=float(p), at_s=at_s, t_s=known_s) if pauses:
                if pauses[-1].start_s == at_s:
                    pauses[-1] = replace(pauses[-1], probability=p, known_s=known_s)
            case _:
                pass
    return TurnPauses(tuple(pauses), turn.t_eos_s)


def commit_s(turn: TurnPauses, rule: Rule) -> float | None:
    """When a rule commits a turn: in the first pause that lasts as long as the rule waits there, and
    not before the probability is known; None when no pause does."""
    for pause in turn.pauses:
        ends_s = pause.start_s + rule.max_silence_s
        if pause.probability is not None and pause.known_s is not None:
            sure_s = pause.start_s + rule.silence_s(pause.probability)
            ends_s = min(ends_s, max(sure_s, pause.known_s))
        if pause.end_s is None or ends_s < pause.end_s:
            return ends_s
    return None


@dataclass(frozen=True)
class CurvePoint:
    """One rule on some turns; `mean_wait_s` is of the turns that were not cut off, None without any."""

    rule: Rule
    num_turns: int
    num_cut_off: int
    mean_wait_s: float | None

    @property
    def cut_off_rate(self) -> float:
        return self.num_cut_off / self.num_turns if self.num_turns else 0.0


def point(turns: Iterable[TurnPauses], rule: Rule) -> CurvePoint:
    """A rule's cut-offs and waits; a turn that it never commits is left out."""
    committed = [
        (at_s, turn.t_eos_s) for turn in turns if (at_s := commit_s(turn, rule)) is not None
    ]
    waits_s = [at_s - eos_s for at_s, eos_s in committed if at_s >= eos_s - TOLERANCE_S]
    mean_s = sum(waits_s) / len(waits_s) if waits_s else None
    return CurvePoint(rule, len(committed), len(committed) - len(waits_s), mean_s)


def curve(turns: Sequence[TurnPauses], rules: Iterable[Rule]) -> list[CurvePoint]:
    """The rules that no other beats in both cut-offs and wait, from few cut-offs to many."""
    points = sorted(
        (p for p in (point(turns, rule) for rule in rules) if p.mean_wait_s is not None),
        key=lambda p: (p.cut_off_rate, p.mean_wait_s),
    )
    best: list[CurvePoint] = []
    for each in points:
        if not best or _wait(each) < _wait(best[-1]):
            best.append(each)
    return best


def _wait(each: CurvePoint) -> float:
    return each.mean_wait_s if each.mean_wait_s is not None else float("inf")


def wait_at(points: Sequence[CurvePoint], cut_off_rate: float) -> float | None:
    """Mean wait of a curve at a share of cut-offs, on the line between its measured points.

    None where the curve does not reach so far: its best point has more cut-offs. Beyond its last
    point the wait is that of the last one.
    """
    before = [p for p in points if p.cut_off_rate <= cut_off_rate]
    after = [p for p in points if p.cut_off_rate > cut_off_rate]
    if not before:
        return None
    if not after:
        return _wait(before[-1])
    low, high = before[-1], after[0]
    share = (cut_off_rate - low.cut_off_rate) / (high.cut_off_rate - low.cut_off_rate)
    return _wait(low) + share * (_wait(high) - _wait(low))


def auroc(ends: Sequence[float], others: Sequence[float]) -> float | None:
    """Share of pairs of an end and another pause in which the end's probability is the higher; ties
    count half. None where one of the two is empty. Hanley and McNeil (1982)."""
    if not ends or not others:
        return None
    ordered = sorted([*ends, *others])
    rank: dict[float, float] = {}
    start = 0
    while start < len(ordered):
        stop = start
        while stop < len(ordered) and ordered[stop] == ordered[start]:
            stop += 1
        rank[ordered[start]] = (start + 1 + stop) / 2
        start = stop
    total = sum(rank[value] for value in ends) - len(ends) * (len(ends) + 1) / 2
    return total / (len(ends) * len(others))
