"""The page over all runs, and the trends in it; the command line of figures and traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.runs import latency_turns, make_turn, quality_turns, write
from voicebench.cli import main
from voicebench.errors import RecordError
from voicebench.report.data import load_report
from voicebench.report.index import write_index
from voicebench.report.trends import trend_figures


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    worse = [make_turn(case_id, heard="明天") for case_id in "abc"]
    write(folder / "old", quality_turns(), created_at="2026-01-05T08:00:00+08:00")
    write(folder / "new", worse, created_at="2026-01-07T08:00:00+08:00", git_commit="fedcba987",
          git_dirty=True)  # fmt: skip
    write(folder / "timed", latency_turns(), mode="latency", created_at="2026-01-06T08:00+08:00")
    return folder


def test_all_runs_are_there_the_latest_first(reports: Path) -> None:
    html = write_index(reports).read_text(encoding="utf-8")
    places = [html.index(f"<strong>{name}</strong>") for name in ("new", "timed", "old")]
    assert places == sorted(places)
    assert "code fedcba98 with changes not committed" in html
    assert html.count("<script") == 1  # what sorts its tables


def test_a_run_that_cannot_be_read_hides_no_other(reports: Path) -> None:
    (reports / "broken").mkdir()
    (reports / "broken" / "run.json").write_text('{"schema_version": 0}')
    html = write_index(reports).read_text(encoding="utf-8")
    assert "has schema version 0" in html
    assert "<strong>old</strong>" in html


def test_trends_join_what_was_measured_alike(reports: Path) -> None:
    read = [load_report(reports / name) for name in ("new", "timed", "old")]
    figures = {figure.name: figure for figure in trend_figures(read)}
    assert set(figures) == {"trend_1_cer", "trend_1_factual_error_rate", "trend_1_fact_miss_rate",
                            "trend_1_rtf"}  # fmt: skip
    axes = figures["trend_1_cer"].drawing.figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["abcdef12", "fedcba98*"]
    plain = axes.containers[0].lines[0].get_ydata()
    assert list(plain) == pytest.approx([0.0, 100 * 9 / 11])


def test_a_folder_without_runs(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"holds no run\. Make one"):
        write_index(tmp_path)


def test_the_commands(reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", str(reports)]) == 0
    assert capsys.readouterr().out.strip() == str(reports / "index.html")
    trace = tmp_path / "trace.json"
    run = str(reports / "timed")
    assert main(["report", run, "--png", "--trace", str(trace), "--case", "a"]) == 0
    captured = capsys.readouterr()
    assert f"{trace}: 2 turns." in captured.err
    names = {path.name for path in (reports / "timed" / "figures").iterdir()}
    assert {"waterfall.svg", "waterfall.png", "latency_by_suite.png"} <= names
    assert main(["report", run, "--trace", str(trace), "--case", "q"]) == 2
    assert "no turn of case 'q'" in capsys.readouterr().err
