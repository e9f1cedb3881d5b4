"""Figures by condition, expected tool calls, and turns that were cut off."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.metrics.test_summary import group_of, make_case, make_turn
from voicebench.events import make_event
from voicebench.metrics.conditions import heard_under
from voicebench.metrics.tool_calls import makes_calls
from voicebench.metrics.trips import Trips, turn_trips
from voicebench.types import (
    Case,
    CaseTurn,
    Condition,
    Degradation,
    Fact,
    Segment,
    Sound,
    StageFailure,
    ToolCall,
)


def under(kind: Any, level: float, case_id: str) -> Case:
    case = make_case()
    turn = msgspec.structs.replace(case.turns[0], condition=Condition(kind=kind, level=level))
    return msgspec.structs.replace(case, id=case_id, turns=(turn,))


def sound_case() -> Case:
    sound = Sound(kind="music", duration_s=2.0)
    turn = CaseTurn(
        reference="", meaning="", t_eos_s=0.0, sound=sound, expects="degraded",
        degraded_as=("silence", "low_confidence"),
    )  # fmt: skip
    return msgspec.structs.replace(make_case(), turns=(turn,))


def test_cer_is_told_apart_by_condition_the_easiest_first() -> None:
    clean = make_case()
    cases = [clean, under("noise", 0, "b"), under("noise", 20, "c"), under("packet_loss", 0.1, "d")]
    reference = clean.turns[0].reference
    heard = {clean.id: reference, "b": "", "c": reference[:-1], "d": reference[:-2]}
    turns = [make_turn(heard=heard[case.id], case_id=case.id) for case in cases]
    rows = group_of(turns, cases)["conditions"]
    errors = {row["condition"]: row["metrics"]["cer"]["counts"]["deletions"] for row in rows}
    assert list(errors.items()) == [
        ("clean", 0), ("noise 20 dB", 1), ("noise 0 dB", len(reference)), ("packet_loss 10 %", 2)
    ]  # fmt: skip
    assert [row["turns"] for row in rows] == [1, 1, 1, 1]


def test_a_clean_suite_has_no_conditions() -> None:
    assert group_of([make_turn()], [make_case()])["conditions"] == []


@pytest.mark.parametrize(
    ("reason", "failure", "counts"),
    [
        ("", None, Trips(turns=1, due=1, missed=1)),
        ("silence", None, Trips(turns=1, due=1)),
        ("low_confidence", None, Trips(turns=1, trips=1, judged=1, due=1)),
        ("nothing_left_after_cleaning", None, Trips(turns=1, due=1, missed=1)),
        ("breaker_open", None, Trips(turns=1, trips=1, due=1)),
        ("asr_failed", StageFailure(stage="asr", type="X", message=""), Trips(turns=1)),
    ],
)
def test_a_turn_that_should_fall_back_and_does_not_is_missed(
    reason: str, failure: StageFailure | None, counts: Trips
) -> None:
    degraded = Degradation(reason=reason, hint="") if reason else None
    turn = make_turn("", heard="", degraded=degraded, failure=failure)
    assert turn_trips(turn, sound_case()) == counts


def test_missed_trips_are_a_rate_and_invented_speech_shows_in_the_cer() -> None:
    case = sound_case()
    missed = make_turn("好的。", heard="你好")
    right = make_turn("", heard="", degraded=Degradation(reason="silence", hint=""), repeat=1)
    group = group_of([missed, right], [case])
    metric = group["metrics"]["breaker_missed_trips"]
    assert (metric["value"], metric["n"]) == (0.5, 2)
    assert group["metrics"]["cer"]["counts"]["insertions"] == 2
    assert [row["condition"] for row in group["conditions"]] == ["music"]


def test_a_language_nobody_expects_is_a_condition_of_its_own() -> None:
    turn = CaseTurn(
        reference="good day", meaning="good day", t_eos_s=1.0, expects="degraded",
        degraded_as=("low_confidence",), segments=(Segment(voice="en", spoken="good day"),),
    )  # fmt: skip
    assert heard_under(turn).label == "another language"


WEATHER = ToolCall(name="get_weather", arguments={"city": "北京", "date": "明天"})
ORDER = ToolCall(name="get_order_status", arguments={"order_id": "幺零零二"})


def asked_for(*calls: ToolCall) -> CaseTurn:
    return CaseTurn(
        reference="明天", meaning="明天", t_eos_s=1.0, expects="tool", tool_calls=calls,
        segments=(Segment(voice="cmn", spoken="明天"),),
        facts=(Fact(id="order_id", type="number", value="幺零零二", accepted=("1002",)),),
    )  # fmt: skip


def called(name: str, **arguments: str) -> str:
    body = msgspec.json.encode({"name": name, "arguments": arguments}).decode()
    return f"<tool_call>\n{body}\n</tool_call>"


@pytest.mark.parametrize(
    ("answer", "calls", "is_exact"),
    [
        (called("get_weather", city="北京", date="明天"), (WEATHER,), True),
        (called("get_weather", date="明天", city="北京"), (WEATHER,), True),
        (called("get_weather", city="北京"), (WEATHER,), False),
        (called("get_weather", city="北京", date="后天"), (WEATHER,), False),
        (called("get_weather", city="北京", date="明天", unit="度"), (WEATHER,), False),
        (called("get_events", city="北京", date="明天"), (WEATHER,), False),
        ("明天北京晴天。", (WEATHER,), False),
        (called("get_order_status", order_id="1002"), (ORDER,), True),
        (called("get_order_status", order_id="幺零零二"), (ORDER,), True),
        (called("get_order_status", order_id="1003"), (ORDER,), False),
        (called("get_order_status", order_id="1002") * 2, (ORDER,), False),
        (
            called("get_order_status", order_id="1002")
            + called("get_weather", city="北京", date="明天"),
            (WEATHER, ORDER),
            True,
        ),
        (called("get_weather", city="北京", date="明天"), (), None),
    ],
)
def test_a_call_is_exact_by_name_and_every_argument(
    answer: str, calls: tuple[ToolCall, ...], is_exact: bool | None
) -> None:
    asked = asked_for(*calls) if calls else make_case().turns[0]
    assert makes_calls(answer, asked) is is_exact


def test_the_right_tool_is_a_demand_on_form() -> None:
    case = msgspec.structs.replace(make_case(), turns=(asked_for(ORDER),))
    right = make_turn(called("get_order_status", order_id="1003"), heard="明天")
    wrong = make_turn(called("get_weather", city="北京", date="明天"), heard="明天", repeat=1)
    metrics = group_of([right, wrong], [case])["metrics"]
    assert metrics["constraint_pass_rate"]["value"] == 0.5
    assert metrics["tool_call_exact"]["value"] == 0.0


def test_a_turn_committed_before_the_end_of_speech_was_cut_off() -> None:
    def committed(at_s: float, repeat: int) -> Any:
        event = make_event("turn_committed", at_s)
        return make_turn(mode="latency", t_eos_s=2.0, events=(event,), repeat=repeat)

    metrics = group_of([committed(1.5, 0), committed(2.5, 1)], [make_case()])["metrics"]
    rate = metrics["premature_endpoint_rate"]
    assert (rate["value"], rate["n"]) == (0.5, 2)
