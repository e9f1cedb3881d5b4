"""`%load_ext voicebench.report`: tables that sort and filter, and our records shown as tables.

The classes of records know nothing of notebooks; IPython is told here how to show them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from html import escape
from typing import Any

import msgspec

from voicebench.metrics.attribution import Attribution
from voicebench.metrics.error_rate import ErrorRate
from voicebench.report.comparison import comparison_tables, difference_table
from voicebench.report.html import fragment, list_html, script_html
from voicebench.report.listening import listen_to
from voicebench.report.tables import Cell, Column, Table, columns_of
from voicebench.runs.compare import Comparisons
from voicebench.runs.differences import Comparison
from voicebench.runs.lost import LostFact
from voicebench.types import Run, Turn


def load(ipython: Any) -> None:
    """Prepares a notebook (or IPython in a terminal)."""
    if hasattr(ipython, "kernel"):
        from IPython.display import HTML, display

        display(HTML(script_html()))  # type: ignore[no-untyped-call]
    pages = ipython.display_formatter.formatters["text/html"]
    texts = ipython.display_formatter.formatters["text/plain"]
    for kind, tables in TABLES.items():
        pages.for_type(kind, functools.partial(_page, tables))
        texts.for_type(kind, functools.partial(_print, tables))
    pages.for_type(Turn, lambda turn: listen_to(turn, None, None, turn.run_id)._repr_html_())
    pages.for_type(Run, _run_page)


def _page(tables: Callable[[Any], list[Table]], each: object) -> str:
    return "".join(table._repr_html_() for table in tables(each))


def _print(
    tables: Callable[[Any], list[Table]], each: object, printer: Any, is_cycle: bool
) -> None:
    printer.text("..." if is_cycle else "\n".join(map(repr, tables(each))))


def _run_page(run: Run) -> str:
    fields = msgspec.to_builtins(run)
    return fragment(
        f"<h4>Run {escape(run.run_id)}</h4>",
        list_html((name, escape(str(value))) for name, value in fields.items()),
    )


def error_rate_table(rate: ErrorRate) -> Table:
    """A corpus error rate with its counts."""
    shown = "–" if rate.rate is None else f"{100 * rate.rate:.1f}"
    counts = {name.replace("_", " "): Cell(f"{num:,}") for name, num in asdict(rate).items()}
    columns = (Column("rate", "%"), *(Column(name) for name in counts))
    return Table(columns, ((Cell(shown, f"{rate.errors:,} of {rate.total:,}"), *counts.values()),))


def attribution_counts(found: Attribution) -> Table:
    """Lost facts by stage, with their share of all expected facts."""
    stages = [("ASR", found.asr), ("cleaning", found.cleaning), ("LLM", found.llm)]
    rows = tuple(
        (Cell(f"lost by {name}" if name != "all" else "lost"), Cell(f"{num:,}"),
         Cell(f"{100 * num / found.expected:.1f}" if found.expected else "–"))
        for name, num in [*stages, ("all", found.lost)]
    )  # fmt: skip
    columns = (*columns_of(("facts",)), Column("number"), Column("share", "% of facts"))
    return Table(columns, rows, caption=f"Of {found.expected:,} expected facts.")


def lost_fact_table(lost: LostFact) -> Table:
    """One lost fact with the three transcripts and what came of each."""
    readings = (("recognised, cleaned", lost.recognised), ("gold, cleaned", lost.gold_cleaned),
                ("gold", lost.gold))  # fmt: skip
    rows = tuple(
        (Cell(name), Cell(r.transcript or "–"), Cell(r.answer or "–")) for name, r in readings
    )
    title = f"{lost.suite} / {lost.case_id}: {lost.type} {lost.value} {lost.verdict}"
    return Table(columns_of(("from", "transcript", "answer")), rows, title=title,
                 caption=f"Lost by {lost.lost_by}.")  # fmt: skip


TABLES: dict[type, Callable[[Any], list[Table]]] = {
    ErrorRate: lambda rate: [error_rate_table(rate)],
    Attribution: lambda found: [attribution_counts(found)],
    LostFact: lambda lost: [lost_fact_table(lost)],
    Comparison: lambda found: [difference_table([found])],
    Comparisons: comparison_tables,
}
"""How each kind of record is shown."""
