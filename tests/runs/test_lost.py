"""Where facts were lost: the stage, the transcripts, the answers, the sound."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.runs.arms import REFERENCE, make_cases, make_run, make_turn
from tests.runs.toy import write_suite
from voicebench.metrics.summary import summarize
from voicebench.runs.lost import LostFact, lost_facts, suite_folders
from voicebench.types import StageFailure, Turn

CASES = {(case.suite, case.id): case for case in make_cases(3)}


def lost(*turns: Turn) -> list[LostFact]:
    return list(lost_facts(make_run(), turns, CASES))


@pytest.mark.parametrize(
    ("answer", "gold_cleaned", "gold", "verdict", "lost_by"),
    [
        ("四点。", "三点。", "三点。", "contradicted", "asr"),
        ("好的。", "好的。", "三点。", "missing", "cleaning"),
        ("好的。", "四点。", "好的。", "missing", "llm"),
        ("好的。", "好的。", None, "missing", "unknown"),
    ],
)
def test_a_lost_fact_is_blamed_on_the_stage_that_lost_it(
    answer: str, gold_cleaned: str, gold: str | None, verdict: str, lost_by: str
) -> None:
    turn = make_turn(
        "c0", "none", answer, answer_from_gold_cleaned=gold_cleaned, answer_from_gold=gold
    )
    (found,) = lost(turn)
    assert (found.verdict, found.lost_by, found.fact_id) == (verdict, lost_by, "f")
    assert (found.type, found.value) == ("time", "三点")


def test_the_three_transcripts_come_with_their_answers() -> None:
    turn = make_turn("c0", "none", "四点。", heard="明天下午四点开会", cleaned="下午四点开会",
                     gold_cleaned="下午三点在二楼开会")  # fmt: skip
    (found,) = lost(turn)
    assert found.heard == "明天下午四点开会"
    assert (found.recognised.transcript, found.recognised.answer) == ("下午四点开会", "四点。")
    assert found.gold_cleaned.transcript == "下午三点在二楼开会"
    assert (found.gold.transcript, found.gold.answer) == (REFERENCE, "三点。")


def test_a_value_that_nobody_said_is_blamed_too() -> None:
    turn = make_turn("c0", "none", "三点，带3000块钱。", answer_from_gold_cleaned="三点。")
    (found,) = lost(turn)
    assert (found.verdict, found.lost_by, found.fact_id) == ("unsupported", "asr", "")
    assert "3000" in found.value
    everywhere = "三点，带3000块钱。"
    turn = make_turn("c0", "none", everywhere, answer_from_gold_cleaned=everywhere,
                     answer_from_gold=everywhere)  # fmt: skip
    assert [each.lost_by for each in lost(turn)] == ["llm"]


def test_the_facts_of_a_failed_turn_are_lost_with_it() -> None:
    failure = StageFailure(stage="asr", type="StageError", message="stopped")
    (found,) = lost(make_turn("c0", "none", "", failure=failure))
    assert (found.verdict, found.lost_by) == ("missing", "failed")


def test_right_answers_and_warm_up_turns_are_not_listed() -> None:
    assert lost(make_turn("c0", "none"), make_turn("c1", "none", "四点。", is_warm_up=True)) == []


def test_nothing_is_lost_where_only_the_transcript_is_scored() -> None:
    (case, *_) = CASES.values()
    asked = msgspec.structs.replace(case.turns[0], expects="transcript")
    cases = {(case.suite, case.id): msgspec.structs.replace(case, turns=(asked,))}
    failure = StageFailure(stage="asr", type="StageError", message="stopped")
    turns = [make_turn(case.id, "none", "四点。"), make_turn(case.id, "none", "", failure=failure)]
    assert list(lost_facts(make_run(), turns, cases)) == []


def test_the_list_and_the_table_tell_the_same() -> None:
    answers = ("三点。", "四点。", "好的。")
    turns = [
        make_turn(f"c{n}", "none", answer, answer_from_gold_cleaned=answers[(n + 1) % 3],
                  answer_from_gold=answers[(n * 2) % 3])
        for n, answer in enumerate(answers)
    ]  # fmt: skip
    (group,) = summarize(turns, CASES.values())["groups"]
    found = [each for each in lost(*turns) if each.fact_id]
    for stage in ("asr", "cleaning", "llm"):
        counted = group["metrics"][f"attribution_{stage}"]["counts"]["numerator"]
        assert counted == sum(each.lost_by == stage for each in found)


def test_a_recording_is_found_in_its_suite(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "s")
    run = make_run(request={"suites": [str(suite), str(tmp_path / "gone")]})
    assert suite_folders(run) == {"s": suite}
    (found,) = lost_facts(run, [make_turn("c0", "none", "四点。")], CASES)
    assert found.recording == str(suite / "a.wav")
