"""How often the breaker sent people to text input, and how often without need.

A trip is a turn that fell back because a threshold said so: its transcript was not believed
(`low_confidence`), its answer lost its way (`illegal_tokens`), or the breaker was open
(`breaker_open`). A stage that failed is no trip but a failure, and is counted as one.

A trip is false where going on would have been fine:

    low_confidence   the hypothesis has CER 0 against the reference; or the reference names values
                     and names, and the hypothesis has all of them with equal value and no others:
                     there was nothing for an answer to state wrongly
    illegal_tokens   what had been answered by then states every fact that the case asks for, and
                     nothing contradicted or unsupported
    breaker_open     cannot be judged: nothing was heard

A case may also expect a turn to fall back, for reasons that it names (silence, music, a language
that the recogniser does not know). Then no trip is false, and a turn that was answered as if somebody
had spoken is a missed trip. Silence that is heard as silence is no trip, but not missed either.
"""

from __future__ import annotations

from dataclasses import dataclass

from voicebench.metrics.counts import AddedByField
from voicebench.metrics.error_rate import cer
from voicebench.metrics.judge import entity_score, judge_turn
from voicebench.metrics.values.scan import Names
from voicebench.types import Case, CaseTurn, Turn

TRIP_REASONS = ("low_confidence", "illegal_tokens", "breaker_open")


@dataclass(frozen=True)
class Trips(AddedByField):
    """Counts over turns; sums add.

    Attributes:
        turns: All turns.
        trips: Those that fell back because a threshold said so.
        judged: Trips of which can be said whether they were needed.
        false: Those that were not.
        due: Turns that a case expects to fall back, and that did not fail.
        missed: Those that did not fall back, or for another reason.
    """

    turns: int = 0
    trips: int = 0
    judged: int = 0
    false: int = 0
    due: int = 0
    missed: int = 0


def turn_trips(
    turn: Turn, case: Case | None, names: Names = (), normalizer: str = "basic"
) -> Trips:
    """The counts of one turn.

    Args:
        turn: The record.
        case: What was said and asked; None where that is not known.
        names: Names to look for (`judge.suite_names`).
        normalizer: Name of the transcript normaliser.

    Raises:
        ConfigError: There is no such normaliser.
        SuiteError: The case demands an unknown constraint.
    """
    reason = turn.degraded.reason if turn.degraded else ""
    asked = case.turns[turn.turn_index] if case and turn.turn_index < len(case.turns) else None
    if asked is not None and asked.expects == "degraded":
        return _trips_where_due(turn, asked, reason)
    if reason not in TRIP_REASONS:
        return Trips(turns=1)
    if case is None or asked is None or reason == "breaker_open":
        return Trips(turns=1, trips=1)
    if reason == "low_confidence":
        is_false = _was_heard_right(turn, case, names, normalizer)
    else:
        is_false = _was_answered_right(turn, case, names)
    return Trips(turns=1, trips=1, judged=1, false=int(is_false))


def _trips_where_due(turn: Turn, asked: CaseTurn, reason: str) -> Trips:
    is_trip = int(reason in TRIP_REASONS)
    if turn.failure is not None:
        return Trips(turns=1, trips=is_trip)
    is_right = reason in (*(asked.degraded_as or ()), "breaker_open")
    judged = is_trip * (reason != "breaker_open")
    return Trips(turns=1, trips=is_trip, judged=judged, due=1, missed=int(not is_right))


def _was_heard_right(turn: Turn, case: Case, names: Names, normalizer: str) -> bool:
    reference, heard = case.turns[turn.turn_index].reference, turn.hypothesis.text
    if cer(reference, heard, normalizer).errors == 0:
        return True
    scores = [
        entity_score(*texts, clock=case.clock, names=names)
        for texts in ((reference, heard), (heard, reference))
    ]
    return all(score.entities > 0 and score.recognised == score.entities for score in scores)


def _was_answered_right(turn: Turn, case: Case, names: Names) -> bool:
    score = judge_turn(turn, case, names or None).score()
    return score.expected > 0 and score.correct == score.expected and not score.answers_wrong
