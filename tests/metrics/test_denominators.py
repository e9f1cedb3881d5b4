"""What each figure is of: answers given, turns with a latency, suites that are alike."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.test_summary import group_of, make_case, make_turn
from voicebench.events import make_event
from voicebench.metrics.conditions import pools
from voicebench.metrics.measures import measure_turn
from voicebench.metrics.registry import COMPARED, METRICS, TOGETHER, shown_in
from voicebench.metrics.selection import gave_answer, has_latency, is_cut_off
from voicebench.metrics.summary import summarize
from voicebench.types import (
    AnswerToken,
    Case,
    CaseTurn,
    Degradation,
    Segment,
    Sound,
    StageFailure,
    Turn,
)

RIGHT, FALSE, SILENT = "周四下午三点。", "周三下午三点。", "好的。"
FELL_BACK: dict[str, Any] = {
    "answer": "",
    "degraded": Degradation(reason="low_confidence", hint=""),
}
FAILED: dict[str, Any] = {
    "answer": "", "failure": StageFailure(stage="llm", type="StageError", message="gone"),
    "degraded": Degradation(reason="llm_failed", hint=""),
}  # fmt: skip
CALL = make_event("tool_called", 3.6, {"name": "f", "arguments": "{}"})


@pytest.mark.parametrize(
    ("changes", "is_answer"),
    [
        ({"answer": RIGHT}, True),
        ({"answer": ""}, False),
        ({"answer": " \n"}, False),
        ({"answer": "", "events": (CALL,)}, True),
        (FELL_BACK, False),
        ({**FELL_BACK, "answer": "周四"}, False),  # given up in the middle
        (FAILED, False),
        ({**FAILED, "answer": "周四"}, False),
    ],
)
def test_an_answer_is_one_that_was_given(changes: dict[str, Any], is_answer: bool) -> None:
    turn = make_turn(**changes)
    assert gave_answer(turn) is is_answer
    metrics = group_of([turn], [make_case()])["metrics"]
    for name in ("factual_error_rate", "refusal_rate"):
        assert metrics.get(name, {"n": 0})["n"] == is_answer
    assert metrics["fact_miss_rate"]["n"] == 2
    assert metrics.get("answer_length_tokens", {"n": 0})["n"] == is_answer


def test_turns_without_an_answer_stand_beside_the_answers() -> None:
    turns = [
        make_turn(**{"answer": RIGHT, **changes}, repeat=repeat)
        for repeat, changes in enumerate(({}, {"answer": FALSE}, FELL_BACK, FELL_BACK, FAILED))
    ]
    metrics = group_of(turns, [make_case()])["metrics"]
    assert (metrics["factual_error_rate"]["value"], metrics["factual_error_rate"]["n"]) == (0.5, 2)
    assert metrics["fallback_rate"]["value"] == 2 / 5
    assert metrics["failure_rate"]["value"] == 1 / 5
    assert metrics["fact_miss_rate"]["counts"]["missing"] == 6


outcomes = st.lists(st.sampled_from((RIGHT, FALSE, SILENT)), min_size=1, max_size=8)


@given(outcomes, st.integers(1, 6))
def test_a_stricter_breaker_does_not_look_like_better_answers(
    answers: list[str], num_more: int
) -> None:
    """The same answers and more turns that fall back: no rate of answers moves, and more is missed."""
    given_answers = [make_turn(answer, repeat=n) for n, answer in enumerate(answers)]
    more = [make_turn(**FELL_BACK, repeat=100 + n) for n in range(num_more)]
    before, after = (
        group_of(turns, [make_case(max_sentences=1)])["metrics"]
        for turns in (given_answers, [*given_answers, *more])
    )
    for name in ("factual_error_rate", "fact_error_rate", "constraint_pass_rate", "refusal_rate"):
        assert after.get(name, {}).get("value") == before.get(name, {}).get("value")
    assert after["fact_miss_rate"]["value"] >= before["fact_miss_rate"]["value"]
    assert after["fallback_rate"]["value"] > before["fallback_rate"]["value"]


def test_factual_errors_never_stand_without_misses() -> None:
    no_facts = make_case(facts=())
    for turns in ([make_turn()], [make_turn(**FELL_BACK)]):
        for case in (no_facts, make_case()):
            metrics = group_of(turns, [case])["metrics"]
            assert (TOGETHER[0] in metrics) == (TOGETHER[1] in metrics)
    for table in ("quality", "latency", "conditions", "early work", "trend", "index"):
        names = [metric.name for metric in shown_in(table)]
        assert (TOGETHER[0] in names) == (TOGETHER[1] in names)
    assert set(TOGETHER) <= COMPARED.keys()


# ---------------------------------------------------------------- latencies


def timed(committed_s: float, first_s: float | None = None, **changes: Any) -> Turn:
    """A turn whose speech ends at 3 s, with an answer half a second after it is committed."""
    first_s = committed_s + 0.5 if first_s is None else first_s
    return make_turn(
        **{
            "answer_tokens": (AnswerToken(id=1, text="周四。", t_s=first_s),),
            "events": (
                make_event("turn_committed", committed_s, {"reason": "endpoint"}),
                make_event("request_submitted", committed_s + 0.1),
            ),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("turn", "cut_off", "is_timed"),
    [
        (timed(3.5), False, True),
        (timed(3.0), False, True),  # a meeting ends with its audio
        (timed(2.99997), False, True),  # by less than a sample
        (timed(2.0), True, False),
        (timed(2.9, 4.0), True, False),  # committed before, answered after
        (timed(3.5, 2.0), False, False),  # a token before the end of speech
        (timed(3.5, **FELL_BACK), False, False),
        (timed(2.0, **FAILED), True, False),
        (timed(3.5, answer="", answer_tokens=()), False, False),
        (timed(3.5, t_eos_s=None), None, False),
    ],
)
def test_a_latency_is_of_a_turn_that_was_answered_and_not_cut_off(
    turn: Turn, cut_off: bool | None, is_timed: bool
) -> None:
    assert is_cut_off(turn) is cut_off
    assert has_latency(turn) is is_timed
    measures = measure_turn(turn, make_case())
    assert bool(measures.latencies) is bool(measures.stages) is is_timed
    assert measures.is_cut_off is cut_off


times_s = st.floats(0.5, 8.0).map(lambda s: round(s, 3))


@given(st.lists(st.tuples(times_s, times_s), min_size=1, max_size=12))
def test_no_percentile_is_negative_and_every_cut_off_is_counted(drawn) -> None:
    turns = [timed(a, max(a, b), repeat=n) for n, (a, b) in enumerate(drawn)]
    group = group_of(turns, [make_case()])
    metrics, num_early = group["metrics"], sum(a < 3.0 for a, _ in drawn)
    assert metrics["premature_endpoint_rate"]["counts"]["numerator"] == num_early
    assert metrics["premature_endpoint_rate"]["n"] == len(drawn)
    if num_early == len(drawn):
        assert "response_latency_s" not in metrics
        return
    for name in ("response_latency_s", "endpoint_delay_s", "e2e_latency_s"):
        assert metrics[name]["n"] == len(drawn) - num_early
        assert metrics[name]["p50"] >= 0
        assert metrics[name]["repeats"]["min"] >= 0
    assert {row["n"] for row in group["waterfall"]} == {len(drawn) - num_early}


def test_fewer_than_three_values_are_one_value() -> None:
    for num, has_tails in ((1, False), (2, False), (3, True)):
        turns = [timed(3.4 + n / 10, repeat=n) for n in range(num)]
        found = group_of(turns, [make_case()])["metrics"]["response_latency_s"]
        assert found["p50"] == pytest.approx(0.9 + (num - 1) / 20)
        assert (found["p95"] is not None) is (found["p99"] is not None) is has_tails


def test_rtf_has_the_range_of_its_repeats() -> None:
    turns = [timed(3.5, repeat=n, asr_compute_s=0.4 * (n + 1)) for n in range(3)]
    metrics = group_of(turns, [make_case()])["metrics"]
    assert metrics["rtf"]["repeats"] == pytest.approx(
        {"n": 3, "median": 0.2, "min": 0.1, "max": 0.3}
    )
    assert metrics["rtfx"]["repeats"]["max"] == pytest.approx(10.0)


def test_where_the_end_of_speech_is_from_is_counted() -> None:
    turns = [timed(3.5, t_eos_source="vad"), timed(3.5, repeat=1), timed(3.5, repeat=2)]
    group = group_of(turns, [make_case()])
    assert group["t_eos_sources"] == {"vad": 1, "annotated": 2}


# ---------------------------------------------------------------- what is pooled


def meeting(case_id: str, suite: str) -> Case:
    case = make_case(case_id, suite)
    segments = tuple(Segment(voice="cmn", spoken="会议", speaker=name) for name in "AB")
    turn = msgspec.structs.replace(case.turns[0], segments=segments)
    return msgspec.structs.replace(case, turns=(turn,))


def music(case_id: str, suite: str) -> Case:
    turn = CaseTurn(
        reference="", meaning="", t_eos_s=0.0, sound=Sound(kind="music", duration_s=2.0),
        expects="degraded", degraded_as=("silence",),
    )  # fmt: skip
    return msgspec.structs.replace(make_case(case_id, suite), turns=(turn,))


def test_all_pools_speech_and_what_is_unlike_has_rows_of_its_own() -> None:
    cases = [make_case(), make_case("n1", "noise"), music("n2", "noise"), meeting("m1", "meetings")]
    turns = [
        timed(3.5), timed(3.7, case_id="n1", suite="noise"),
        timed(3.0, case_id="m1", suite="meetings", heard=""),
        make_turn("你好。", heard="你好", case_id="n2", suite="noise", t_eos_s=None),
    ]  # fmt: skip
    groups = {group["suite"]: group for group in summarize(turns, cases)["groups"]}
    assert set(groups) == {"daily", "noise", "meetings", "all", "all: no words"}
    assert [groups[name]["kind"] for name in ("daily", "all", "all: no words")] == [
        "", "speech", "no words",
    ]  # fmt: skip
    whole = groups["all"]["metrics"]
    assert whole["response_latency_s"]["n"] == 2
    assert whole["cer"]["value"] == 0.0
    assert groups["all: no words"]["metrics"]["cer"]["counts"]["insertions"] == 2
    assert groups["meetings"]["metrics"]["cer"]["value"] == 1.0  # its own row already
    assert groups["noise"]["counts"]["turns"] == 2


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        ([("a", "speech")], {}),
        ([("a", "speech"), ("a", "meetings"), ("a", "no words")], {}),
        ([("a", "speech"), ("b", "speech")], {"speech": "all"}),
        ([("a", "speech"), ("b", "meetings")], {"speech": "all"}),
        ([("a", "speech"), ("b", "meetings"), ("c", "meetings")],
         {"speech": "all", "meetings": "all: meetings"}),
        ([("a", "meetings"), ("b", "meetings")], {"meetings": "all"}),
    ],
)  # fmt: skip
def test_rows_over_all_suites(found: list[Any], rows: dict[str, str]) -> None:
    assert pools(found) == rows


@given(st.lists(st.sampled_from(("speech", "no words", "meetings")), min_size=2, max_size=6))
def test_rows_over_all_suites_hold_every_turn_once(kinds: list[str]) -> None:
    makers = {"speech": make_case, "no words": music, "meetings": meeting}
    cases = [makers[kind](f"c{n}", f"s{n % 2}") for n, kind in enumerate(kinds)]
    turns = [make_turn(case_id=case.id, suite=case.suite) for case in cases]
    groups = summarize(turns, cases)["groups"]
    pooled = [group["kind"] for group in groups if group["kind"]]
    assert len(pooled) == len(set(pooled))
    for group in groups:
        num = sum(kind == group["kind"] for kind in kinds)
        assert not group["kind"] or group["counts"]["turns"] == num


def test_every_metric_has_a_definition_and_counts_one_thing() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.definition.endswith(".")
        assert sum(each is not None for each in (metric.counts, metric.value, metric.length)) == 1
