from __future__ import annotations

import json
import weakref

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebench.errors import SuiteError
from voicebench.events import make_event
from voicebench.metrics.attribution import Attribution, blame
from voicebench.metrics.facts import FactScore, judge_answer
from voicebench.metrics.judge import attribute_turn, score_turn
from voicebench.metrics.measures import turn_metrics
from voicebench.metrics.summary import summarize
from voicebench.types import (
    AnswerToken,
    Case,
    CaseTurn,
    Degradation,
    Fact,
    Hypothesis,
    Message,
    Segment,
    StageFailure,
    Token,
    Turn,
)

CLOCK = "2026-03-02T09:00"
FACTS = (
    Fact(id="day", type="date", value="周四", forbidden=("周三",)),
    Fact(id="time", type="time", value="下午三点"),
)


def make_case(case_id="c1", suite="daily", facts=FACTS, **settings):
    said = "会议周三不对周四下午三点"
    turn = CaseTurn(
        reference=said, meaning="会议在周四下午三点", t_eos_s=3.0, facts=facts,
        segments=(Segment(voice="cmn", spoken=said),), **settings,
    )  # fmt: skip
    return Case(id=case_id, suite=suite, clock=CLOCK, turns=(turn,))


def make_turn(answer="周四下午三点。", heard="会议周三不对周四下午三点", case_id="c1", **settings):
    tokens = tuple(
        Token(text=char, start_s=i * 0.2, end_s=i * 0.2 + 0.2, confidence=0.9)
        for i, char in enumerate(heard)
    )
    return Turn(
        **{
            "run_id": "r", "suite": "daily", "case_id": case_id, "variant": "seed", "repeat": 0,
            "turn_index": 0, "mode": "latency", "pace": "real_time", "t_eos_s": 3.0,
            "t_eos_source": "annotated", "audio_s": 4.0, "asr_compute_s": 1.0,
            "hypothesis": Hypothesis(tokens=tokens, is_final=True), "answer": answer,
            "answer_tokens": (AnswerToken(id=1, text=answer, t_s=4.0),) if answer else (),
            "events": (make_event("request_submitted", 3.5),),
            **settings,
        }
    )  # fmt: skip


def group_of(turns, cases):
    (group,) = summarize(turns, cases)["groups"]
    return group


def test_counts_are_summed_and_rates_derived():
    cases = [make_case("c1"), make_case("c2")]
    turns = [make_turn(), make_turn("周三下午三点。", "会议周三不对周四下午两点", "c2")]
    metrics = group_of(turns, cases)["metrics"]
    assert metrics["cer"]["value"] == 1 / 24
    assert metrics["cer"]["counts"]["substitutions"] == 1
    assert metrics["factual_error_rate"]["value"] == 0.5
    assert metrics["factual_error_rate"]["n"] == 2
    assert metrics["fact_miss_rate"]["value"] == 0.0
    assert metrics["fact_error_rate"]["value"] == 0.25
    assert metrics["rtf"]["value"] == 0.25
    assert metrics["rtfx"]["value"] == 4.0
    assert metrics["response_latency_s"]["p50"] == 1.0
    assert metrics["ttft_s"]["n"] == 2
    assert metrics["factual_error_rate"]["conversations"] == 2
    assert metrics["factual_error_rate"]["interval"] is None  # fewer than ten conversations


def test_ten_conversations_carry_an_interval():
    cases = [make_case(f"c{n}") for n in range(10)]
    turns = [make_turn("周三。" if n < 4 else "周四下午三点。", case_id=f"c{n}") for n in range(10)]
    metrics = group_of(turns, cases)["metrics"]
    low, high = metrics["factual_error_rate"]["interval"]
    assert 0 < low < 0.4 < high < 1
    assert metrics["cer"]["interval"][0] == 0.0  # nothing was heard wrongly: a bound
    assert (metrics["cer"]["one_sided"], metrics["factual_error_rate"]["one_sided"]) == (
        True,
        False,
    )
    assert metrics["response_latency_s"]["conversations"] == metrics["rtf"]["conversations"] == 10


def test_warm_up_is_left_out_and_counted_failures_and_degradations_are_shown():
    turns = [
        make_turn("周三。", is_warm_up=True),
        make_turn(),
        make_turn(
            "", failure=StageFailure(stage="llm", type="StageError", message="gone"), repeat=1
        ),
        make_turn(
            "", heard="", degraded=Degradation(reason="silence", hint="请再说一遍"), repeat=2
        ),
    ]
    group = group_of(turns, [make_case()])
    assert group["counts"] == {
        "turns": 3, "warm_up": 1, "failed": 1, "degraded": 1, "conversations": 1, "repeats": 3,
    }  # fmt: skip
    metrics = group["metrics"]
    assert metrics["factual_error_rate"]["n"] == 1  # the two others gave no answer
    assert metrics["fallback_rate"]["value"] == metrics["failure_rate"]["value"] == 1 / 3
    assert metrics["fact_miss_rate"]["value"] == pytest.approx(4 / 6)  # but their facts are missing
    assert metrics["cer"]["value"] == pytest.approx(12 / 36)  # silence where speech was is deletion


def test_suites_and_variants_are_kept_apart_and_summed_for_all():
    cases = [make_case(), make_case(suite="other")]
    turns = [make_turn(), make_turn("周三。", suite="other"), make_turn(variant="plain")]
    groups = {(g["suite"], g["variant"]): g for g in summarize(turns, cases)["groups"]}
    assert set(groups) == {
        ("daily", "seed"), ("other", "seed"), ("daily", "plain"), ("all", "seed"), ("all", "plain")
    }  # fmt: skip
    assert groups["all", "seed"]["metrics"]["factual_error_rate"]["value"] == 0.5


def test_paces_and_modes_are_never_put_together():
    turns = [make_turn(), make_turn(pace="fast"), make_turn(mode="quality", pace="fast")]
    groups = summarize(turns, [make_case()])["groups"]
    assert [(g["mode"], g["pace"]) for g in groups] == [
        ("latency", "real_time"), ("latency", "fast"), ("quality", "fast")
    ]  # fmt: skip
    assert "response_latency_s" not in groups[2]["metrics"]
    assert "cer" in groups[2]["metrics"]


def test_repeats_give_a_median_with_its_range():
    turns = [
        make_turn(repeat=i, answer_tokens=(AnswerToken(id=1, text="好", t_s=4.0 + i),))
        for i in range(3)
    ]
    repeats = group_of(turns, [make_case()])["metrics"]["response_latency_s"]["repeats"]
    assert repeats == {"n": 3, "median": 2.0, "min": 1.0, "max": 3.0}


def test_the_mean_waterfall_sums_to_the_mean_response_latency():
    turns = [make_turn(t_eos_s=3.0 - i / 10) for i in range(4)]
    rows = group_of(turns, [make_case()])["waterfall"]
    assert sum(row["mean_s"] for row in rows) == pytest.approx(1.15)


def test_an_answer_before_the_end_of_speech_is_in_no_mean_of_the_waterfall():
    early = make_turn(case_id="c2", answer_tokens=(AnswerToken(id=1, text="好。", t_s=1.0),))
    cases = [make_case(), make_case("c2")]
    group = group_of([make_turn(), early], cases)
    assert group["waterfall"] == group_of([make_turn()], cases)["waterfall"]
    assert group["metrics"]["response_latency_s"]["n"] == 1
    assert group["metrics"]["premature_response_rate"]["counts"]["numerator"] == 1


def test_everything_is_plain_json():
    summary = summarize([make_turn()], [make_case(max_sentences=3)])
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    metrics = turn_metrics(make_turn(), make_case())
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_nothing_to_summarise_is_no_error():
    assert summarize([], [])["groups"] == []
    assert group_of([make_turn(is_warm_up=True)], [make_case()])["metrics"] == {}


def test_a_turn_outside_any_suite_has_its_times_alone():
    metrics = turn_metrics(make_turn())
    assert metrics["response_latency_s"] == 1.0
    assert metrics["rtf"] == 0.25
    assert "cer" not in metrics
    assert sum(s["duration_s"] for s in metrics["waterfall"]) == pytest.approx(1.0)


def test_a_turn_of_a_case_says_what_became_of_each_fact():
    metrics = turn_metrics(make_turn("周三。"), make_case(max_sentences=1))
    assert [(f["fact_id"], f["verdict"]) for f in metrics["facts"]] == [
        ("day", "contradicted"), ("time", "missing")
    ]  # fmt: skip
    assert metrics["constraints"] == {"max_sentences:1": True}


@pytest.mark.parametrize(
    ("answer", "settings", "kept"),
    [
        ("周四。下午三点。", {"max_sentences": 2}, 1),
        ("好的。周四。下午三点。", {"max_sentences": 2}, 0),
        ("暂无法确认。", {"expects": "refusal"}, 1),
        ("周四。", {"expects": "refusal"}, 0),
        (
            '<tool_call>{"name": "f", "arguments": {"day": "周四"}}</tool_call>',
            {"expects": "tool"},
            1,
        ),
        ('<tool_call>{"name": "f", "arg', {"expects": "tool"}, 0),
    ],
)
def test_demands_on_form(answer, settings, kept):
    score = score_turn(make_turn(answer), make_case(facts=FACTS[:1], **settings))
    assert (score.constraints, score.constraints_kept) == (1, kept)


def test_values_of_tool_calls_state_facts():
    answer = '<tool_call>{"name": "f", "arguments": {"day": "2026-03-05"}}</tool_call>'
    assert judge_answer(answer, FACTS[:1], clock=CLOCK).facts[0].verdict == "correct"


def test_tool_calls_that_ran_are_judged_with_the_answer_they_led_to():
    called = {"name": "f", "arguments": '{"day": "2026-03-05"}'}
    case = make_case(facts=FACTS[:1], expects="tool")
    golds = {"answer_from_gold": "好的。", "answer_from_gold_cleaned": "好的。"}
    ran = make_turn("好的。", events=(make_event("tool_called", 3.5, called),), **golds)
    for turn, is_right in ((ran, True), (make_turn("好的。", **golds), False)):
        score = score_turn(turn, case)
        assert (score.correct, score.constraints_kept) == (is_right, is_right)
        attribution = attribute_turn(turn, case)
        assert attribution is not None
        assert attribution.lost == (not is_right)


def test_an_unknown_constraint_is_the_suites_mistake():
    with pytest.raises(SuiteError, match="max_words"):
        judge_answer("好", [Fact(id="f", type="constraint", value="max_words:3")], clock=CLOCK)


def test_tool_results_and_earlier_turns_are_grounds_but_the_assistants_words_are_not():
    case = make_case(facts=())
    told = Message(role="tool", content="气温二十六度")
    claimed = Message(role="assistant", content="气温二十六度")
    turn = make_turn("气温26度。")
    assert score_turn(turn, case).unsupported == 1
    assert score_turn(make_turn("气温26度。", messages=(claimed,)), case).unsupported == 1
    assert score_turn(make_turn("气温26度。", messages=(told,)), case).unsupported == 0


@pytest.mark.parametrize(
    ("recognised", "gold_cleaned", "gold", "stage"),
    [
        (True, True, True, None), (True, False, False, None), (False, True, True, "asr"),
        (False, True, False, "asr"), (False, False, True, "cleaning"), (False, False, False, "llm"),
    ],
)  # fmt: skip
def test_a_lost_fact_has_one_culprit(recognised, gold_cleaned, gold, stage):
    assert blame(recognised, gold_cleaned, gold) == stage


answers = st.sampled_from(
    ["周四下午三点。", "周三下午三点。", "周四。", "暂无法确认。", "下午四点。"]
)


@given(answers, answers, answers)
def test_the_shares_sum_to_all_that_was_lost(answer, gold_cleaned, gold):
    turn = make_turn(answer, answer_from_gold_cleaned=gold_cleaned, answer_from_gold=gold)
    found = attribute_turn(turn, make_case())
    score = score_turn(turn, make_case())
    assert found.asr + found.cleaning + found.llm == score.missing + score.contradicted
    assert found.expected == 2
    assert attribute_turn(make_turn(answer), make_case()) is None


@given(st.lists(answers, max_size=5))
def test_scores_add(several):
    scores = [score_turn(make_turn(answer), make_case()) for answer in several]
    total = sum(scores, FactScore())
    assert total.answers == len(several)
    assert total.correct + total.missing + total.contradicted == total.expected == 2 * len(several)
    assert sum((Attribution(expected=1, llm=1) for _ in several), Attribution()).lost == len(
        several
    )


class WatchedTurn(Turn, weakref=True, frozen=True):
    """A turn that tells when it is gone."""


def watched(**settings):
    return WatchedTurn(**msgspec.structs.asdict(make_turn(**settings)))


def test_a_turn_is_let_go_of_before_the_next_but_one_is_read():
    seen, most_alive = [], 0

    def read():
        nonlocal most_alive
        for repeat in range(40):
            turn = watched(mode="quality", pace="fast", repeat=repeat, answer="周三。")
            seen.append(weakref.ref(turn))
            yield turn
            del turn
            most_alive = max(most_alive, sum(each() is not None for each in seen))

    (group,) = summarize(read(), [make_case()])["groups"]
    assert group["counts"] | {"turns": 40, "conversations": 1, "repeats": 40} == group["counts"]
    assert group["metrics"]["factual_error_rate"]["counts"]["numerator"] == 40
    assert most_alive <= 2


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12))
def test_a_summary_is_a_sum_whatever_the_order(drawn):
    cases = [make_case(case_id) for case_id in "abc"]
    turns = [
        make_turn("周三。" if is_wrong else "周四下午三点。", case_id=case_id, repeat=repeat,
                  mode="quality", pace="fast")
        for repeat, (case_id, is_wrong) in enumerate(drawn)
    ]  # fmt: skip
    ((first,), (second,)) = (summarize(each, cases)["groups"] for each in (turns, turns[::-1]))
    assert first["counts"] == second["counts"]
    for name, metric in first["metrics"].items():
        assert (metric["value"] if "value" in metric else metric["p50"]) == (
            second["metrics"][name]["value"] if "value" in metric else
            second["metrics"][name]["p50"]
        )  # fmt: skip
    wrong = sum(is_wrong for _, is_wrong in drawn)
    assert first["metrics"]["factual_error_rate"]["counts"]["numerator"] == wrong
