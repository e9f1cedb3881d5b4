"""Where nobody has said what a good answer is, the transcript alone is scored."""

from __future__ import annotations

from typing import Any

import pytest

from voicebench.metrics.judge import attribute_turn, judge_turn, score_turn
from voicebench.metrics.summary import measure_turn, summarize, turn_metrics
from voicebench.types import Case, CaseTurn, Fact, Hypothesis, StageFailure, Token, Turn


def _case(expects: Any) -> Case:
    fact = Fact(id="when", type="time", value="五点")
    asked = CaseTurn(
        reference="五点见", meaning="五点见", t_eos_s=1.0, audio="a.wav", facts=(fact,),
        expects=expects,
    )  # fmt: skip
    return Case(id="c", suite="own", clock="2026-01-05T09:00:00", turns=(asked,))


def _turn(**changes: Any) -> Turn:
    tokens = tuple(
        Token(text=char, start_s=i / 4, end_s=(i + 1) / 4, confidence=0.9)
        for i, char in enumerate("四点见")
    )
    fields: dict[str, Any] = {
        "run_id": "r", "suite": "own", "case_id": "c", "variant": "seed", "repeat": 0,
        "turn_index": 0, "mode": "quality", "pace": "fast", "audio_s": 2.0,
        "hypothesis": Hypothesis(tokens=tokens, is_final=True), "answer": "四点见，付五十块。",
        "answer_from_gold": "五点。", "answer_from_gold_cleaned": "五点。",
    }  # fmt: skip
    return Turn(**(fields | changes))


FACT_METRICS = {"factual_error_rate", "fact_miss_rate", "attribution_lost", "refusal_rate"}


@pytest.mark.parametrize(("expects", "is_scored"), [("answer", True), ("transcript", False)])
def test_answers_count_only_where_they_are_expected(expects: str, is_scored: bool) -> None:
    metrics = summarize([_turn()], [_case(expects)])["groups"][0]["metrics"]
    assert metrics["cer"]["value"] == pytest.approx(1 / 3)
    assert metrics["entity_accuracy"]["value"] == 0.0
    assert metrics.keys() >= FACT_METRICS if is_scored else not FACT_METRICS & metrics.keys()


def test_no_answer_is_judged() -> None:
    case = _case("transcript")
    judgement = judge_turn(_turn(), case)
    assert (judgement.facts, judgement.unsupported) == ((), ())
    assert score_turn(_turn(), case).answers == 0
    failure = StageFailure(stage="llm", type="StageError", message="gone")
    assert score_turn(_turn(failure=failure), case).expected == 0
    assert attribute_turn(_turn(), case) is None
    assert turn_metrics(_turn(), case)["cer"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize(("expects", "num_facts"), [("answer", 1), ("transcript", 0)])
def test_facts_have_verdicts_only_where_an_answer_is_expected(
    expects: str, num_facts: int, failed: bool
) -> None:
    failure = StageFailure(stage="llm", type="StageError", message="gone") if failed else None
    assert len(measure_turn(_turn(failure=failure), _case(expects)).verdicts) == num_facts
