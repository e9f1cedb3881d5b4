"""One page over all runs of a folder: what each is, its main figures, and trends over commits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebench.errors import RecordError, StorageError
from voicebench.report.data import Report, load_report
from voicebench.report.opened import open_run, run_folders
from voicebench.report.render import embed, embedded_font, page_template
from voicebench.report.store import is_installed
from voicebench.report.trends import trend_figures
from voicebench.runs.provenance import code_of

INDEX_FILE = "index.html"


@dataclass(frozen=True)
class IndexedRun:
    """A run's row: its pages as (title, address), and its main figures as (variant, texts)."""

    run_id: str
    created_at: str
    about: tuple[str, ...]
    pages: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, tuple[str, ...]], ...]
    trouble: str = ""


def write_index(reports: Path) -> Path:
    """Writes `index.html` into a folder of runs.

    A run that cannot be read is listed with the reason, so that one does not hide the others.

    Raises:
        RecordError: There is no run.
        StorageError: The page cannot be written.
    """
    folders = run_folders(reports)
    if not folders:
        raise RecordError(f"{reports} holds no run", "Make one: voicebench run --limit 3")
    read: list[Report] = []
    rows: list[IndexedRun] = []
    for folder in folders:
        try:
            report = _load(folder)
        except RecordError as error:
            rows.append(IndexedRun(folder.name, "", (), (), (), str(error)))
            continue
        read.append(report)
        rows.append(_row(folder, report))
    rows.sort(key=lambda row: row.created_at, reverse=True)
    content = {"rows": rows, "figures": [embed(figure) for figure in trend_figures(read)]}
    page, path = page_template("index.html"), reports / INDEX_FILE
    text = page.render(**content, font="")
    try:
        path.write_text(page.render(**content, font=embedded_font(text)), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _load(folder: Path) -> Report:
    """With the packages for it, from the turns as they were measured before."""
    return open_run(folder).report if is_installed() else load_report(folder)


def _row(folder: Path, report: Report) -> IndexedRun:
    run = report.run
    missing = run.num_turns_planned - len(report.turns)
    unfinished = (f"{missing} of {run.num_turns_planned} turns missing",) if missing > 0 else ()
    about = (
        str(run.profile.get("name")),
        f"{run.mode}, {run.pace.replace('_', '-')} pace",
        ", ".join(run.suites),
        f"{len(report.turns):,} turns",
        f"code {code_of(run, length=8)}",
        *unfinished,
    )
    pages = tuple(
        (path.stem, f"{folder.name}/{path.name}") for path in sorted(folder.glob("*.html"))
    )
    figures = tuple((group["variant"], _main_figures(group["metrics"])) for group in report.whole)
    return IndexedRun(run.run_id, run.created_at, about, pages, figures)


def _main_figures(metrics: dict[str, Any]) -> tuple[str, ...]:
    response = metrics.get("response_latency_s", {}).get("p50")
    return (
        _percent(metrics.get("cer")),
        _percent(metrics.get("factual_error_rate")),
        _percent(metrics.get("fact_miss_rate")),
        "–" if response is None else f"{response:.3f}",
    )


def _percent(metric: dict[str, Any] | None) -> str:
    return f"{100 * metric['value']:.1f}" if metric and metric["value"] is not None else "–"
