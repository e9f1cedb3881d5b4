"""Table, distribution, waterfall and comparison count the same turns, whatever went wrong in others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.report.runs import SAID, make_case, make_turn, timed, write
from voicebench.events import make_event
from voicebench.report.data import Report, load_report
from voicebench.report.figures import _latencies, latency_figure, waterfall_figure
from voicebench.report.tables import latency_table, quality_table, shared_apart
from voicebench.runs.compare import arms_of, compare_arms
from voicebench.types import Degradation, Event, Segment, StageFailure, Turn, Variant

VARIANTS = (Variant(name="plain"), Variant(name="full", cleaning="full"))


def early() -> tuple[Event, ...]:
    """Committed a second before the end of speech, at 3 s."""
    return (
        make_event("turn_committed", 2.0, {"reason": "endpoint", "silence_s": 0.4}),
        make_event("transcript_final", 2.0, {"text": SAID}),
        make_event("request_submitted", 2.1),
    )


def turns_of(variant: str) -> list[Turn]:
    """Twelve that count, and of each trouble one."""
    counted = [timed(f"c{n}", variant, 4.0 + n / 10) for n in range(12)]
    troubles: tuple[dict[str, Any], ...] = (
        {"events": early(), "first_s": 2.5},
        {"events": early(), "first_s": 3.2},
        {"degraded": Degradation(reason="low_confidence", hint="")},
        {"failure": StageFailure(stage="llm", type="StageTimeout", message="late"), "answer": ""},
        {"answer": "", "answer_tokens": ()},
        {"t_eos_s": None},
    )
    return counted + [timed(f"t{n}", variant, **each) for n, each in enumerate(troubles)]


def meetings(variant: str, suite: str) -> list[Turn]:
    return [timed(f"m{n}", variant, 3.1, suite=suite) for n in range(3)]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    turns = [t for v in VARIANTS for t in (*turns_of(v.name), *meetings(v.name, "meetings"))]
    segments = tuple(Segment(voice="cmn", spoken=SAID, speaker=name) for name in "AB")
    cases = [make_case(case) for case in sorted({t.case_id for t in turns_of("plain")})]
    cases += [make_case(f"m{n}", "meetings", segments=segments) for n in range(3)]
    folder = write(
        tmp_path / "run", turns, cases, mode="latency", variants=VARIANTS,
        suites=("daily_qa", "meetings"),
    )  # fmt: skip
    return load_report(folder)


def test_all_four_count_the_same_turns(report: Report) -> None:
    for group in [*report.groups, *report.overall]:
        num = 3 if group["suite"] == "meetings" else 12
        times = group["metrics"]["response_latency_s"]
        assert times["n"] == num
        assert len(_latencies(report, group)) == num
        assert {row["n"] for row in group["waterfall"]} == {num}
        mean_s = sum(row["mean_s"] for row in group["waterfall"])
        assert mean_s == pytest.approx(sum(_latencies(report, group)) / num)
    found = compare_arms(arms_of(report.run, report.cases, report.measured))
    pairs = {c.suite: c.num_pairs for c in found.differences if c.metric == "response_latency_s"}
    assert pairs == {"daily_qa": 12, "meetings": 3, "all": 12}


def test_what_is_left_out_stands_beside(report: Report) -> None:
    (whole,) = [group for group in report.overall if group["variant"] == "plain"]
    cut_off = whole["metrics"]["premature_endpoint_rate"]
    assert (cut_off["counts"]["numerator"], cut_off["n"]) == (2, 17)
    table = latency_table(report)
    assert "cut off" in [column.title for column in table.columns]
    assert "Not pooled with the rest over all suites: meetings" in table.caption
    for figure in (latency_figure(report), waterfall_figure(report)):
        assert figure is not None
        assert "Cut off, and in no latency: 4 of 34 turns." in figure.caption


def test_three_repeats_show_their_range_and_two_do_not(tmp_path: Path) -> None:
    for num, is_shown in ((2, False), (3, True)):
        turns = [timed("c0", "plain", 4.0 + n / 10, repeat=n) for n in range(num)]
        folder = write(
            tmp_path / str(num), turns, mode="latency", variants=VARIANTS[:1], repeats=num
        )
        (row,) = latency_table(load_report(folder)).rows
        details = [line for cell in row for line in cell.detail.splitlines()]
        assert ("3×: 1.100 (1.000, 1.200)" in details) is is_shown
        assert any("×:" in line for line in details) is is_shown


def test_who_found_the_end_of_speech_is_said(tmp_path: Path) -> None:
    turns = [timed(f"c{n}", "plain", t_eos_source="vad" if n else "annotated") for n in range(3)]
    folder = write(tmp_path / "run", turns, mode="latency", variants=VARIANTS[:1])
    table = latency_table(load_report(folder))
    assert "The end of speech of 2 turns was found by a VAD" in table.caption
    assert any("2 t_eos by VAD" in cell.detail for cell in table.rows[0])


def test_errors_and_misses_are_not_parted_by_what_variants_share(tmp_path: Path) -> None:
    """Both variants miss nothing, and only one of them states something false."""
    turns = [
        make_turn(f"c{n}", variant.name, answer="下午四点。" if variant.name == "full" else "三点。")
        for variant in VARIANTS for n in range(2)
    ]  # fmt: skip
    report = load_report(write(tmp_path / "run", turns, variants=VARIANTS))
    own, shared = shared_apart(report, quality_table(report))
    titles = [[column.title for column in table.columns] for table in (own, shared) if table]
    assert ["factual errors" in each for each in titles] == [True, False]
    assert ["facts missed" in each for each in titles] == [True, False]
