"""What notebooks call: every figure where there is data for it, a sentence where there is none."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs import (
    latency_turns,
    make_case,
    make_turn,
    quality_turns,
    timed,
    write,
)  # fmt: skip
from voicebench import report
from voicebench.errors import ConfigError, RecordError, StorageError
from voicebench.events import make_event
from voicebench.report.figures import Figure
from voicebench.report.html import Note, Several
from voicebench.report.plots import Point
from voicebench.report.tables import Table
from voicebench.report.variant_figures import unbeaten
from voicebench.runs.compare import Comparisons
from voicebench.types import Variant, Window

ALL = (
    "waterfall", "response_latency", "latency_by_suite", "early_work", "rates", "conditions",
    "facts_by_type", "attribution", "lost_facts", "worst_turns", "turn_table", "machine",
    "model_speed", "gpu_memory", "provenance", "summary", "trade",
)  # fmt: skip


@pytest.fixture
def quality(tmp_path: Path) -> report.views.OpenRun:
    return report.open_run(write(tmp_path / "quality", quality_turns()))


@pytest.fixture
def latency(tmp_path: Path) -> report.views.OpenRun:
    variants = (Variant(name="plain"), Variant(name="full", prefill=True, speculation=True))
    folder = write(tmp_path / "latency", latency_turns(), mode="latency", variants=variants)
    return report.open_run(folder)


def parts_of(shown: Any) -> list[Any]:
    if isinstance(shown, Several):
        return [part for each in shown.parts for part in parts_of(each)]
    return [shown]


def kinds(run: Any) -> dict[str, set[type]]:
    return {name: {type(p) for p in parts_of(getattr(report, name)(run))} for name in ALL}


def test_a_quality_run_has_its_figures_and_says_what_it_lacks(quality: Any) -> None:
    shown = kinds(quality)
    for name in ("rates", "conditions", "facts_by_type"):
        assert shown[name] == {Figure}
    assert shown["attribution"] == {Figure, Table}
    for name in ("waterfall", "response_latency", "latency_by_suite", "early_work", "trade"):
        assert shown[name] == {Note}
        assert "voicebench run --mode latency" in repr(getattr(report, name)(quality))
    assert "without a GPU" in repr(report.gpu_memory(quality))


def test_a_latency_run_has_its_figures_and_says_what_it_lacks(latency: Any) -> None:
    shown = kinds(latency)
    for name in ("waterfall", "response_latency", "latency_by_suite", "trade", "rates"):
        assert shown[name] == {Figure}
    assert shown["early_work"] == {Figure, Table}
    assert "voicebench run --mode quality" in repr(report.attribution(latency))


def test_everything_shows_itself_in_a_page_and_in_a_terminal(latency: Any, quality: Any) -> None:
    for run in (latency, quality):
        for name in ALL:
            for part in parts_of(getattr(report, name)(run)):
                assert "<div" in part._repr_html_()
                assert repr(part).strip()


def test_every_figure_has_run_unit_n_and_interval(latency: Any, quality: Any) -> None:
    """Text is drawn as outlines, so what stands in a figure is read off the drawing itself."""
    seen = set()
    for run in (latency, quality):
        compared = report.differences(report.compare(run), run)
        for part in [p for name in ALL for p in parts_of(getattr(report, name)(run))] + parts_of(
            compared
        ):
            if isinstance(part, Figure):
                seen.add(part.name)
                figure = part.drawing.figure
                texts = [
                    text.get_text() for text in figure.findobj(lambda o: hasattr(o, "get_text"))
                ]
                assert any(run.run.run_id in text for text in texts), part.name
                assert any(re.search(r"\bn = \d", text) for text in texts), part.name
                assert any("95 %" in t or "[" in t for t in texts), part.name
                assert figure.axes[-1].get_xlabel(), part.name
    assert {"waterfall", "trade", "differences_rates", "differences_times", "early_work", "saved",
            "cer_by_condition", "facts_by_type", "attribution"} <= seen  # fmt: skip


@pytest.mark.parametrize(("ending", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_a_figure_is_written_as_asked(
    quality: Any, tmp_path: Path, ending: str, begins: bytes
) -> None:
    figure = parts_of(report.rates(quality))[0]
    assert figure.save(tmp_path / "x" / f"cer.{ending}").read_bytes().startswith(begins)
    with pytest.raises(ConfigError, match=r"no \.svg and no \.png"):
        figure.save(tmp_path / "cer.pdf")
    with pytest.raises(StorageError, match="cannot be written"):
        figure.save(tmp_path / "x" / f"cer.{ending}" / f"y.{ending}")


def test_a_difference_is_shown_with_the_turn_that_changed(quality: Any) -> None:
    found = report.compare(quality)
    cer = next(c for c in found.differences if c.metric == "cer")
    assert cer.difference == pytest.approx(1 / 33)
    (row,) = report.changed(found).rows
    assert (row[3].text, row[4].text) == ("三点。", "下午四点开会。")
    nothing = Comparisons(differences=(), by_fact_type=(), noise=(), changed=(), warnings=())
    assert "No turn's facts" in repr(report.changed(nothing))


def test_runs_of_different_machines_are_compared_with_a_warning(tmp_path: Path) -> None:
    one = (Variant(name="plain"),)
    turns = [turn for turn in latency_turns() if turn.variant == "plain"]
    mine = write(tmp_path / "mine", turns, mode="latency", variants=one)
    other = write(tmp_path / "other", turns, mode="latency", variants=one, machine={"cpu": "y"})
    opened = report.open_run(mine)
    shown = report.differences(report.compare(opened, str(other)), opened)
    notes = [part.text for part in parts_of(shown) if isinstance(part, Note)]
    assert any("different machines: cpu x / y. Times say little." in text for text in notes)


def test_runs_of_other_cases_are_not_compared(tmp_path: Path, quality: Any) -> None:
    other = write(tmp_path / "other", quality_turns(), suite_sha256={"daily_qa": "bb"})
    with pytest.raises(RecordError, match="suite daily_qa is another in each run"):
        report.compare(quality, str(other))


def test_one_variant_alone_is_nothing_to_compare(tmp_path: Path) -> None:
    turns = [turn for turn in quality_turns() if turn.variant == "plain"]
    opened = report.open_run(write(tmp_path / "r", turns, variants=(Variant(name="plain"),)))
    with pytest.raises(ConfigError, match="nothing to compare"):
        report.compare(opened)


def test_errors_of_one_run_are_laid_against_latencies_of_another(
    quality: Any, latency: Any
) -> None:
    figure = report.trade(quality, str(latency.folder))
    assert isinstance(figure, Figure)
    with pytest.raises(ConfigError, match="Did you mean 'cer'"):
        report.trade(quality, str(latency.folder), errors="cerr")


points = st.lists(
    st.builds(
        lambda x, y: Point("p", (x, x, x), (y, y, y), 1), st.integers(0, 9), st.integers(0, 9)
    ),
    min_size=1,
)


@given(points)
def test_unbeaten_points_are_those_that_no_other_beats(points: list[Point]) -> None:
    front = unbeaten(points)
    values = {(p.across[0], p.up[0]) for p in points}
    best = {
        (x, y) for x, y in values
        if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in values)
    }  # fmt: skip
    assert {(p.across[0], p.up[0]) for p in front} == best


# ---------------------------------------------------------------- one turn


def test_a_turn_is_shown_with_its_sound(quality: Any) -> None:
    page = report.listen(quality, "b", variant="full")._repr_html_()
    assert 'src="data:audio/wav;base64,UklGR' in page
    assert '<span class="was">三</span><span class="became">四</span>' in page
    assert '<mark class="contradicted" title="contradicted">' in page
    assert "time 三点: contradicted" in page
    assert 'title="0.90, 0.00 to 0.25 s; "' in page


def test_a_suite_whose_recordings_are_gone_is_shown_without_sound(tmp_path: Path) -> None:
    case = make_case("a", "gone", audio="a.wav", segments=())
    turns = [make_turn("a", suite="gone")]
    folder = write(tmp_path / "r", turns, [case], suites=("gone",), suite_sha256={"gone": "x"})
    page = report.listen(report.open_run(folder))._repr_html_()
    assert "No sound: the folder of suite gone, with a.wav, is gone. Put it back" in page
    assert "<audio" not in page
    assert "三点" in page


def test_what_was_said_is_never_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    folder = write(
        tmp_path / "r",
        [timed("a", answer=evil, cleaned=evil, heard=evil)],
        [make_case("a", reference=evil)],
        mode="latency", variants=(Variant(name="plain"),),
    )  # fmt: skip
    run = report.open_run(folder)
    for shown in (report.listen(run), report.turn_table(run), report.worst_turns(run), run):
        assert "<script>" not in shown._repr_html_()


# ---------------------------------------------------------------- traces


def test_a_trace_has_a_process_a_turn_and_its_spans_in_microseconds(tmp_path: Path) -> None:
    draft = (
        make_event("speculation_started", 2.0, {"trigger": "pause"}),
        make_event("speculation_dropped", 2.5, {"num_tokens": 3}),
    )
    turn = timed("a")
    turns = [turn, timed("b", events=(*turn.events, *draft))]
    run = report.open_run(write(tmp_path / "r", turns, mode="latency"))
    written = repr(report.trace(run, tmp_path / "trace.json"))
    assert "2 turns" in written
    document = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    events = document["traceEvents"]
    names = {e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert names == {"daily_qa / a turn 1, plain", "daily_qa / b turn 1, plain"}
    spans = {(e["pid"], e["cat"]): (e["ts"], e["dur"]) for e in events if e["ph"] == "X"}
    assert spans[1, "recogniser"] == (2.4e6, 1e5)
    assert spans[1, "LLM"] == (3.6e6, 4e5)
    assert spans[2, "drafts"] == (2e6, 5e5)
    assert (1, "drafts") not in spans
    marks = {(e["pid"], e["name"]): e["ts"] for e in events if e["ph"] == "i"}
    assert marks[1, "end of speech"] == 3e6
    assert all(e.keys() >= {"ph", "pid", "tid", "name"} for e in events)


def test_no_span_of_a_trace_is_cut_by_another_of_its_thread(tmp_path: Path) -> None:
    windows = tuple(
        Window(index=i, start_s=2.1 * i, end_s=2.1 * i + 2.4, tokens=(), compute_s=0.1)
        for i in range(4)
    )
    turn = msgspec.structs.replace(timed("a"), windows=windows)
    run = report.open_run(write(tmp_path / "r", [turn], mode="latency"))
    report.trace(run, tmp_path / "trace.json")
    document = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    spans = [e for e in document["traceEvents"] if e["ph"] == "X"]
    assert len([e for e in spans if e["cat"] == "windows"]) == 4
    for first, second in itertools.permutations(spans, 2):
        if first["tid"] == second["tid"] and first["ts"] < second["ts"]:
            end = first["ts"] + first["dur"]
            assert second["ts"] >= end or second["ts"] + second["dur"] <= end


def test_a_trace_of_one_case(tmp_path: Path, latency: Any) -> None:
    assert "2 turns" in repr(report.trace(latency, tmp_path / "t.json", case="a"))
    with pytest.raises(ConfigError, match="no turn of case 'q'"):
        report.trace(latency, tmp_path / "t.json", case="q")
