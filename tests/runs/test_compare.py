"""What a comparison finds, and what it must not find."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.runs.arms import CLOCK, make_cases, make_run, make_turn, simulate_arm, write_records
from voicebench.errors import ConfigError, RecordError
from voicebench.metrics.stats import mcnemar
from voicebench.runs.comparable import (
    couple_arms,
    label_arms,
    refuse_other_suites,
    reservations,
)
from voicebench.runs.compare import Arm, Comparisons, compare_arms, load_arms
from voicebench.runs.differences import Comparison
from voicebench.runs.record import RUN_FILE, TURNS_FILE
from voicebench.types import (
    Case,
    CaseTurn,
    SpokenSegment,
    StageFailure,
    ToolCall,
    Turn,
    Variant,
)

WRONG, RIGHT, SILENT = "四点。", "三点。", "好的。"


def of(comparisons: tuple[Comparison, ...], metric: str, suite: str = "s") -> Comparison:
    return next(c for c in comparisons if (c.metric, c.suite) == (metric, suite))


def compared(folder: Path) -> Comparisons:
    return compare_arms(load_arms(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten cases: `seed` mends six wrong answers of `none`, and breaks one right one."""
    turns = []
    for n in range(10):
        turns.append(make_turn(f"c{n}", "none", WRONG if n < 7 else RIGHT))
        turns.append(make_turn(f"c{n}", "seed", WRONG if n in (6, 7) else RIGHT))
    return write_records(tmp_path / "run", make_run(), turns)


def test_answers_are_paired_and_tested_exactly(folder: Path) -> None:
    found = of(compared(folder).differences, "factual_error_rate")
    assert (found.first, found.second) == (0.7, 0.2)
    assert found.difference == pytest.approx(-0.5)
    assert (found.only_first, found.only_second) == (6, 1)
    assert (found.num_pairs, found.num_conversations, found.num_changed) == (10, 10, 7)
    assert (found.test, found.p_value) == ("mcnemar", mcnemar(6, 1))
    assert found.interval[0] < -0.5 < found.interval[1]
    low, high = found.cases_for_one_point or (0, 0)
    assert 10_000 < low < 30_000 < high


def test_nothing_that_is_the_same_counts_against_what_is_not(folder: Path) -> None:
    differences = compared(folder).differences
    same = of(differences, "cer")
    assert (same.difference, same.num_changed, same.p_holm) == (0.0, 0, 1.0)
    changed = [c for c in differences if c.num_changed]
    assert {c.metric for c in changed} == {"factual_error_rate", "fact_error_rate"}
    assert min(c.p_holm for c in changed) == pytest.approx(2 * mcnemar(6, 1))


def test_facts_are_compared_by_type(folder: Path) -> None:
    found = compared(folder).by_fact_type
    assert {(c.fact_type, c.metric) for c in found} == {
        ("time", "contradicted"), ("time", "missing"),
    }  # fmt: skip
    assert next(c for c in found if c.metric == "contradicted").first == 0.7


def test_changed_turns_are_shown_with_both_answers_the_worse_first(folder: Path) -> None:
    changed = compared(folder).changed
    assert [c.change for c in changed] == ["worse"] + ["better"] * 6
    worse = changed[0]
    assert (worse.case_id, worse.first.answer, worse.second.answer) == ("c7", RIGHT, WRONG)
    assert worse.facts == ("time 三点: correct → contradicted",)


def test_all_suites_are_summed_and_each_is_compared(tmp_path: Path) -> None:
    turns = [
        make_turn(f"c{n}", variant, WRONG if n < (3 if variant == "none" else 1) else RIGHT,
                  suite=suite)
        for variant in ("none", "seed") for suite in ("s", "t") for n in range(6)
    ]  # fmt: skip
    cases = [*make_cases(6), *make_cases(6, "t")]
    run = make_run(suites=("s", "t"), suite_sha256={"s": "aa", "t": "bb"})
    found = compared(write_records(tmp_path / "run", run, turns, cases)).differences
    counts = {
        c.suite: (c.num_conversations, c.only_first)
        for c in found
        if c.metric == "factual_error_rate"
    }
    assert counts == {"all": (12, 4), "s": (6, 2), "t": (6, 2)}


def test_turns_of_one_conversation_are_no_independent_trials(tmp_path: Path) -> None:
    turns = [
        make_turn(f"c{n}", variant, WRONG if variant == "none" else RIGHT, turn_index=index)
        for variant in ("none", "seed") for n in range(3) for index in range(4)
    ]  # fmt: skip
    folder = write_records(tmp_path / "run", make_run(), turns, make_cases(3, num_turns=4))
    found = of(compared(folder).differences, "factual_error_rate")
    assert (found.num_pairs, found.only_first, found.test) == (12, 12, "swap")
    assert found.p_value == 2 / 2**3  # three conversations, not twelve answers


def test_a_failed_turn_misses_its_facts_and_is_said(tmp_path: Path) -> None:
    failure = StageFailure(stage="llm", type="StageError", message="stopped")
    turns = [make_turn("c0", "none"), make_turn("c1", "none"), make_turn("c0", "seed")]
    turns.append(make_turn("c1", "seed", "", failure=failure))
    found = compared(write_records(tmp_path / "run", make_run(), turns))
    assert of(found.differences, "factual_error_rate").num_pairs == 1
    missed = of(found.differences, "fact_miss_rate")
    assert (missed.first, missed.second) == (0.0, 0.5)
    assert any("seed: 1 of 2 turns failed" in warning for warning in found.warnings)
    assert found.changed[0].second.answer == "(failed in llm)"


def test_turns_without_a_partner_are_left_out_and_said(tmp_path: Path) -> None:
    turns = [make_turn("c0", "none"), make_turn("c1", "none"), make_turn("c0", "seed")]
    found = compared(write_records(tmp_path / "run", make_run(), turns))
    assert of(found.differences, "factual_error_rate").num_pairs == 1
    assert any("share 1 turns; 1 and 0 others" in warning for warning in found.warnings)


def test_mixed_speech_is_compared_by_its_own_units(tmp_path: Path) -> None:
    turns = [make_turn("c0", "none"), make_turn("c0", "seed", heard="明天下午三点 app 在二楼开会")]
    found = compared(write_records(tmp_path / "run", make_run(), turns)).differences
    assert (of(found, "mer").second, of(found, "cer").second) == (1 / 11, 3 / 11)
    turns = [make_turn("c0", "none"), make_turn("c0", "seed", heard="明天下午")]
    found = compared(write_records(tmp_path / "other", make_run(), turns)).differences
    assert not [c for c in found if c.metric == "mer"]


def test_the_same_variant_twice_is_the_noise_floor(tmp_path: Path) -> None:
    variants = (Variant(name="a"), Variant(name="again"), Variant(name="b", cleaning="none"))
    turns = [
        make_turn(f"c{n}", v.name, WRONG if (n + i) % 4 == 0 else RIGHT)
        for i, v in enumerate(variants) for n in range(8)
    ]  # fmt: skip
    folder = write_records(tmp_path / "run", make_run(variants=variants), turns)
    found = compared(folder)
    assert {c.variant for c in found.noise} == {"again"}
    assert {c.variant for c in found.differences} == {"b"}
    assert of(found.noise, "factual_error_rate").outcome == "no difference seen"


def test_repeats_are_a_noise_floor(tmp_path: Path) -> None:
    turns = [
        make_turn(f"c{n}", v, RIGHT if r or n else WRONG, repeat=r)
        for v in ("none", "seed") for n in range(4) for r in range(2)
    ]  # fmt: skip
    found = compared(write_records(tmp_path / "run", make_run(), turns))
    floor = of(found.noise, "factual_error_rate")
    assert (floor.baseline, floor.variant) == ("none", "none, repeated")
    assert (floor.first, floor.second) == (0.25, 0.0)


def test_two_runs_of_the_same_are_a_noise_floor(tmp_path: Path) -> None:
    same = compare_arms(arms := arms_of(tmp_path / "a", {}, {}), couple_arms(arms, "run"))
    assert not same.differences
    assert {c.variant for c in same.noise} == {"r2:none", "r2:seed"}
    for changes in ({"git_commit": "ffff"}, {"git_dirty": True}, {"machine": {"cpu": "y"}}):
        arms = arms_of(tmp_path / str(changes), {}, changes)
        other = compare_arms(arms, couple_arms(arms, "run"))
        assert other.differences
        assert not other.noise


# ---------------------------------------------------------------- what chance may do


def tables(num: int, seed: int, **second: float) -> list[Comparisons]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(num):
        difficulty = {suite: rng.beta(1, 4, 10) for suite in ("s", "t")}
        arms = [
            simulate_arm("first", rng, difficulty),
            simulate_arm("second", rng, difficulty, **second),
        ]
        found.append(compare_arms(arms))
    return found


def sees_a_difference(comparisons: tuple[Comparison, ...]) -> bool:
    return any(c.outcome != "no difference seen" for c in comparisons)


def test_the_same_twice_is_no_difference_in_at_least_95_of_100_tables() -> None:
    found = tables(100, seed=2026)
    assert all(len(table.differences) > 15 for table in found)
    assert sum(sees_a_difference(table.differences) for table in found) <= 5
    assert sum(sees_a_difference(table.by_fact_type) for table in found) <= 5


def test_a_difference_that_is_there_is_seen() -> None:
    found = tables(3, seed=7, error_factor=3.0, delay_s=1.0)
    for table in found:
        outcomes = {c.metric: c.outcome for c in table.differences if c.suite == "all"}
        assert outcomes["cer"] == outcomes["response_latency_s"] == "worse"


# ---------------------------------------------------------------- several runs


def arms_of(tmp_path: Path, *runs: dict[str, object]) -> list[Arm]:
    arms = []
    for number, changes in enumerate(runs, 1):
        run = make_run(**{"run_id": f"r{number}", **changes})  # type: ignore[arg-type]
        turns = [make_turn(f"c{n}", v.name) for v in run.variants for n in range(2)]
        arms += load_arms(write_records(tmp_path / f"r{number}", run, turns))
    return label_arms(arms)


def test_runs_are_coupled_by_variant_name(tmp_path: Path) -> None:
    arms = arms_of(tmp_path, {}, {})
    assert [arm.label for arm in arms] == ["r1:none", "r1:seed", "r2:none", "r2:seed"]
    couples = [(a.label, b.label) for a, b in couple_arms(arms, "run")]
    assert couples == [("r1:none", "r2:none"), ("r1:seed", "r2:seed")]
    turned = [(a.label, b.label) for a, b in couple_arms(arms, "run", "r2")]
    assert turned == [("r2:none", "r1:none"), ("r2:seed", "r1:seed")]
    by_variant = [(a.label, b.label) for a, b in couple_arms(arms, "variant", "r1:seed")]
    assert by_variant == [("r1:seed", other) for other in ("r1:none", "r2:none", "r2:seed")]


def test_two_runs_of_one_variant_each_meet_under_any_name(tmp_path: Path) -> None:
    arms = arms_of(
        tmp_path, {"variants": (Variant(name="old"),)}, {"variants": (Variant(name="n"),)}
    )
    ((first, second),) = couple_arms(arms, "run")
    assert (first.label, second.label) == ("old", "n")


@pytest.mark.parametrize(
    ("by", "baseline", "message"),
    [("variant", "sead", "no variant 'sead'"), ("run", "", "nothing to compare")],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, by: str, baseline: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        couple_arms(arms_of(tmp_path, {}), by, baseline)  # type: ignore[arg-type]


def test_other_cases_under_one_name_are_refused_with_both_hashes(tmp_path: Path) -> None:
    arms = arms_of(tmp_path, {}, {"suite_sha256": {"s": "cc11"}})
    with pytest.raises(
        RecordError, match=rf"r1/{RUN_FILE}:\d+ has aa, .*r2/{RUN_FILE}:\d+ has cc11"
    ):
        refuse_other_suites(couple_arms(arms, "run"))
    arms = arms_of(tmp_path / "b", {}, {"suites": ("t",), "suite_sha256": {"t": "dd"}})
    with pytest.raises(RecordError, match=r"s \(aa\).* t \(dd\): none in common"):
        refuse_other_suites(couple_arms(arms, "run"))


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"machine": {"cpu": "y"}}, "different machines: cpu x / y"),
        ({"git_dirty": True}, "changes that are not in commit"),
        ({"git_commit": "unknown", "git_dirty": True}, "an installed package, whose commit is not"),
        ({"git_commit": "ffff"}, "different code: abcdef123456, ffff"),
        ({"pace": "real_time", "mode": "latency"}, "no latency is compared"),
        ({"model_sha256": {"asr": "zz"}}, "differ in model sha256: asr bb / zz"),
        ({"finished_at": None}, "not finished"),
        ({"suites": ("s", "t"), "suite_sha256": {"s": "aa", "t": "d"}}, "share only the suites s"),
    ],
)
def test_what_speaks_against_a_comparison_is_said(
    tmp_path: Path, changes: dict[str, object], warning: str
) -> None:
    couples = couple_arms(arms_of(tmp_path, {}, changes), "run")
    assert any(warning in line for line in reservations(couples))
    assert reservations(couple_arms(arms_of(tmp_path / "same", {}, {}), "run")) == []


def test_times_at_another_pace_are_not_compared() -> None:
    rng = np.random.default_rng(1)
    difficulty = {"s": rng.beta(1, 4, 6)}
    live = simulate_arm("a", rng, difficulty, run=make_run(mode="latency", pace="real_time"))
    fast = simulate_arm("b", rng, difficulty, run=make_run(mode="latency", pace="fast"))
    metrics = {c.metric for c in compare_arms([live, fast]).differences}
    assert "cer" in metrics
    assert "response_latency_s" not in metrics
    other = dataclasses.replace(fast, run=live.run)
    found = {c.metric for c in compare_arms([live, other]).differences}
    assert "response_latency_s" in found


def test_turns_are_streamed_as_they_are_read(tmp_path: Path) -> None:
    folder = write_records(tmp_path / "r", make_run(), [make_turn("c0", "none")])
    path = folder / TURNS_FILE
    half = msgspec.json.encode(make_turn("c1", "none"))[:50]
    path.write_bytes(path.read_bytes() + half)
    none, seed = load_arms(folder)
    assert [turn.case_id for turn, _ in none.turns.values()] == ["c0"]
    kept = next(iter(none.turns.values()))[0]
    assert isinstance(kept, Turn)
    assert (kept.hypothesis.tokens, kept.answer) == ((), "")
    assert not seed.turns


def test_exact_tool_calls_are_compared(tmp_path: Path) -> None:
    call = ToolCall(name="get_weather", arguments={"city": "上海"})
    turn = CaseTurn(reference="上海天气", meaning="上海天气", t_eos_s=1.0, audio="a.wav",
                    expects="tool", tool_calls=(call,))  # fmt: skip
    cases = [Case(id=f"c{n}", suite="s", clock=CLOCK, turns=(turn,)) for n in range(12)]
    made = '<tool_call>{"name": "get_weather", "arguments": {"city": "上海"}}</tool_call>'
    turns = [make_turn(f"c{n}", "none", made, heard="上海天气") for n in range(12)]
    turns += [
        make_turn(f"c{n}", "seed", made if n < 2 else "好的。", heard="上海天气") for n in range(12)
    ]
    folder = write_records(tmp_path / "run", make_run(), turns, cases)
    found = of(compared(folder).differences, "tool_call_exact")
    assert (found.first, found.second, found.only_first) == (1.0, pytest.approx(2 / 12), 10)
    assert (found.outcome, found.p_value) == ("worse", mcnemar(10, 0))


def test_cp_cer_is_compared_where_both_variants_separate_speakers(tmp_path: Path) -> None:
    spoken = tuple(
        SpokenSegment(speaker=speaker, text=text, start_s=at, end_s=at + 1)
        for at, (speaker, text) in enumerate((("A", "你好吗"), ("B", "我很好")))
    )
    turn = CaseTurn(reference="你好吗我很好", meaning="你好吗我很好", t_eos_s=2.0, audio="a.wav",
                    spoken=spoken)  # fmt: skip
    cases = [Case(id=f"c{n}", suite="s", clock=CLOCK, turns=(turn,)) for n in range(10)]
    mixed = (SpokenSegment(speaker="A", text="你好吗我很好", start_s=0.0, end_s=2.0),)
    turns = [
        make_turn(f"c{n}", variant, heard="你好吗我很好", speakers=speakers)
        for variant, speakers in (("none", spoken), ("seed", mixed))
        for n in range(10)
    ]
    folder = write_records(tmp_path / "run", make_run(), turns, cases)
    found = of(compared(folder).differences, "cp_cer")
    assert (found.first, found.second, found.outcome) == (0.0, 1.0, "worse")
    silent = [msgspec.structs.replace(each, speakers=()) for each in turns]
    without = write_records(tmp_path / "without", make_run(), silent, cases)
    assert "cp_cer" not in {c.metric for c in compared(without).differences}
