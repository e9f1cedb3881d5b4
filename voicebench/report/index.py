"""One page over all runs of a folder: what each is, its main figures, and trends over commits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from voicebench.errors import RecordError, StorageError
from voicebench.metrics.registry import shown_in
from voicebench.report.data import Report, load_report
from voicebench.report.html import render_page
from voicebench.report.opened import open_run, run_folders
from voicebench.report.store import is_installed
from voicebench.report.tables import Cell, Column, Table, metric_cell, metric_column
from voicebench.report.trends import trend_figures
from voicebench.runs.provenance import code_of
from voicebench.words import translate

INDEX_FILE = "index.html"


@dataclass(frozen=True)
class IndexedRun:
    """A run's row: its pages as (title, address), and its main figures."""

    run_id: str
    created_at: str
    about: tuple[str, ...]
    pages: tuple[tuple[str, str], ...]
    table: Table
    trouble: str = ""


def write_index(reports: Path, out: Path | None = None) -> Path:
    """Writes the page over a folder of runs, to `out` or as `index.html` into that folder.

    A run that cannot be read is listed with the reason, so that one does not hide the others.

    Raises:
        RecordError: There is no run.
        StorageError: The page cannot be written.
    """
    folders, path = run_folders(reports), out or reports / INDEX_FILE
    if not folders:
        raise RecordError(f"{reports} holds no run", "Make one: voicebench run --max-cases 3")
    read: list[Report] = []
    rows: list[IndexedRun] = []
    for folder in folders:
        try:
            report = _load(folder)
        except RecordError as error:
            rows.append(IndexedRun(folder.name, "", (), (), Table((), ()), str(error)))
            continue
        read.append(report)
        rows.append(_row(folder, report, path.parent))
    rows.sort(key=lambda row: row.created_at, reverse=True)
    text = render_page("index.html", rows=rows, figures=trend_figures(read))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}",
            f"Name another place: voicebench index {reports} --out FILE",
        ) from error
    return path


def _load(folder: Path) -> Report:
    """With the packages for it, from the turns as they were measured before."""
    return open_run(folder).report if is_installed() else load_report(folder)


def _row(folder: Path, report: Report, base: Path) -> IndexedRun:
    run = report.run
    missing = run.num_turns_planned - len(report.turns)
    lacking = "{num} of {planned} turns missing"
    unfinished = translate(lacking, num=missing, planned=run.num_turns_planned)
    about = (
        str(run.profile.get("name")),
        f"{run.mode}, {run.pace.replace('_', '-')} pace",
        ", ".join(run.suites),
        translate("{n} turns", n=f"{len(report.turns):,}"),
        translate("code {code}", code=code_of(run, length=8)),
        *([unfinished] if missing > 0 else []),
    )
    pages = tuple(
        (path.stem, os.path.relpath(path, base)) for path in sorted(folder.glob("*.html"))
    )
    metrics = shown_in("index")
    columns = (Column("variant", is_number=False), *map(metric_column, metrics))
    rows = tuple(
        (Cell(group["variant"]), *(Cell(metric_cell(report, group, m).text) for m in metrics))
        for group in report.whole
    )
    return IndexedRun(run.run_id, run.created_at, about, pages, Table(columns, rows))
