"""Reports and tables in a terminal: the same digest and findings as on the page, the long tables when
asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from voicebench.report.comparison import compare_report, comparison_tables
from voicebench.report.data import Report
from voicebench.report.digest import digest_table
from voicebench.report.findings import findings, matrix
from voicebench.report.tables import Table, problems, shared_settings, tables_of_mode
from voicebench.runs.compare import Comparisons
from voicebench.words import translate

if TYPE_CHECKING:
    from rich.console import Console

MORE_TABLES = "The long tables: add --tables."


def print_report(report: Report, *, has_tables: bool = False) -> None:
    """Prints a run's digest, the answer of its comparison, and what stands against believing it.

    Args:
        report: The run.
        has_tables: Whether its long tables are printed too.
    """
    from rich.text import Text

    console = make_console()
    heading = "{mode} mode, {num} turns, run {run}"
    run = report.run
    console.print(
        Text(translate(heading, mode=translate(run.mode), num=report.num_turns, run=run.run_id))
    )
    print_table(console, digest_table(report))
    if compared := compare_report(report):
        print_comparison(compared, has_tables=has_tables)
    if has_tables:
        for table in tables_of_mode(report):
            print_table(console, table)
        console.print(
            Text(translate("Every variant: {settings}.", settings=shared_settings(report)))
        )
    for problem in problems(report):
        console.print(Text(problem))
    if not has_tables:
        console.print(Text(translate(MORE_TABLES)))


def print_comparison(found: Comparisons, *, has_tables: bool = False) -> None:
    """Prints the answer of a comparison in words and as a matrix; its tables where asked for."""
    from rich.text import Text

    console = make_console()
    console.print(Text(f"\n{translate('Comparison')}", style="bold"))
    for line in findings(found):
        console.print(Text(f"- {line}"))
    whole = matrix(found)
    tables = [*([whole] if whole else []), *(comparison_tables(found) if has_tables else [])]
    for table in tables:
        print_table(console, table)


def make_console() -> Console:
    """Where tables are printed; a log has no edge to wrap at."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=160)


def table_text(table: Table, width: int = 120) -> str:
    """A table as plain text."""
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), color_system=None, force_jupyter=False)
    with console.capture() as captured:
        print_table(console, table)
    return captured.get().strip("\n")


def print_table(console: Console, table: Table) -> None:
    """Prints a table with its title and caption."""
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(show_edge=False, pad_edge=False, show_lines=True)
    for column in table.columns:
        drawn.add_column(
            f"{column.shown_title}\n{translate(column.unit)}".strip(),
            justify="right" if column.is_number else "left",
        )
    for row in table.rows:
        drawn.add_row(*(Text(f"{cell.text}\n{cell.detail}".strip()) for cell in row))
    if table.title:
        console.print(Text(f"\n{translate(table.title)}", style="bold"))
    console.print(drawn)
    if table.caption:
        console.print(Text(translate(table.caption)))
