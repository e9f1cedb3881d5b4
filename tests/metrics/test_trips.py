"""Which falls back to text input were needed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.metrics.test_summary import group_of, make_case, make_turn
from voicebench.metrics.trips import Trips, turn_trips
from voicebench.types import Degradation, StageFailure

REFERENCE = make_case().turns[0].reference


def tripped(reason: str, heard: str = "", answer: str = "", **fields: Any) -> Any:
    degraded = Degradation(reason=reason, hint="请输入文字")
    return make_turn(answer, heard=heard, degraded=degraded, **fields)


ILLEGAL = StageFailure(stage="llm", type="IllegalTokensError", message="3 in a row")


@pytest.mark.parametrize(
    ("turn", "counts"),
    [
        (make_turn(), Trips(turns=1)),
        (tripped("silence"), Trips(turns=1)),
        (tripped("asr_failed"), Trips(turns=1)),
        (tripped("low_confidence", REFERENCE), Trips(1, 1, 1, 1)),
        (tripped("low_confidence", "今天" + REFERENCE[2:]), Trips(1, 1, 1, 0)),
        (tripped("low_confidence", REFERENCE.replace("会议", "会意")), Trips(1, 1, 1, 1)),
        (tripped("low_confidence", REFERENCE.replace("周四", "周五")), Trips(1, 1, 1, 0)),
        (tripped("low_confidence", ""), Trips(1, 1, 1, 0)),
        (tripped("breaker_open", ""), Trips(1, 1, 0, 0)),
        (
            tripped("illegal_tokens", REFERENCE, "周四下午三点。", failure=ILLEGAL),
            Trips(1, 1, 1, 1),
        ),
        (tripped("illegal_tokens", REFERENCE, "周四", failure=ILLEGAL), Trips(1, 1, 1, 0)),
        (tripped("illegal_tokens", REFERENCE, "", failure=ILLEGAL), Trips(1, 1, 1, 0)),
    ],
)
def test_a_trip_is_false_where_going_on_would_have_been_fine(turn: Any, counts: Trips) -> None:
    assert turn_trips(turn, make_case()) == counts


def test_without_a_case_nothing_is_judged() -> None:
    assert turn_trips(tripped("low_confidence", REFERENCE), None) == Trips(1, 1, 0, 0)


def test_the_summary_has_both_rates_with_their_counts() -> None:
    turns = [
        make_turn(),
        tripped("low_confidence", REFERENCE, repeat=1),
        tripped("low_confidence", "", repeat=2),
        tripped("breaker_open", repeat=3),
    ]
    metrics = group_of(turns, [make_case()])["metrics"]
    assert (metrics["breaker_trips"]["value"], metrics["breaker_trips"]["n"]) == (0.75, 4)
    assert (metrics["breaker_false_trips"]["value"], metrics["breaker_false_trips"]["n"]) == (
        0.5,
        2,
    )
    assert metrics["breaker_false_trips"]["counts"]["false"] == 1
    # What was never heard is no error of the recogniser's: 12 of 36 characters, not 24 of 48.
    assert metrics["cer"]["counts"]["deletions"] == len(REFERENCE)


def test_a_client_that_left_before_the_transcript_says_nothing_of_the_recogniser() -> None:
    left = StageFailure(stage="client", type="ClientDisconnectedError", message="gone")
    metrics = group_of([make_turn("", heard="", failure=left)], [make_case()])["metrics"]
    assert "cer" not in metrics
