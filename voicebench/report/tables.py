"""Tables of a report, the same for the terminal and for HTML: text with intervals and n."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicebench.report.data import Report, has_random_weights
from voicebench.runs.provenance import doubt_about_code

if TYPE_CHECKING:
    from rich.console import Console

ABSENT = "–"


@dataclass(frozen=True)
class Column:
    """A heading; `unit` says what its numbers are."""

    title: str
    unit: str = ""
    is_number: bool = True


@dataclass(frozen=True)
class Cell:
    """What a cell says, and smaller below it what that stands on."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its caption."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    caption: str = ""

    def _repr_html_(self) -> str:
        from voicebench.report.interactive import table_html

        return table_html(self)

    def __repr__(self) -> str:
        """As a terminal shows it."""
        return table_text(self)


_QUALITY = (
    ("cer", "CER", "% of characters"),
    ("cp_cer", "cpCER", "% of characters"),
    ("factual_error_rate", "factual errors", "% of answers"),
    ("fact_miss_rate", "facts missed", "% of facts"),
    ("entity_accuracy", "entities heard", "% of entities"),
    ("constraint_pass_rate", "form kept", "% of demands"),
)
_RESPONSE = "response_latency_s"
_LATENCY = (
    (_RESPONSE, "response", "s, p50 / p95 / p99"),
    ("ttft_s", "TTFT", "s, p50 / p95 / p99"),
    ("asr_final_s", "ASR final", "s, p50 / p95 / p99"),
    ("endpoint_delay_s", "endpoint", "s, p50 / p95 / p99"),
    ("e2e_latency_s", "end to end", "s, p50 / p95 / p99"),
)


def tables_of_mode(report: Report) -> tuple[Table, ...]:
    """The tables of the run's mode, the main one first."""
    more = [conditions_table(report), tool_calls_table(report)]
    if report.run.mode == "quality":
        return (quality_table(report), *filter(None, more))
    return (latency_table(report), *filter(None, [early_work_table(report), *more]))


def quality_table(report: Report) -> Table:
    """Transcripts and answers per suite and variant: rates with 95 % intervals and n."""
    groups = [*report.groups, *report.overall]
    shown = [
        metric
        for metric in _QUALITY
        if metric[0] != "cp_cer" or any("cp_cer" in group["metrics"] for group in groups)
    ]
    columns = (
        *_names(report),
        *(Column(title, unit) for _, title, unit in shown),
        Column("RTF"),
    )
    rows = [
        (
            *_name_cells(report, group),
            *(_quality_cell(report, group["metrics"].get(name)) for name, _, _ in shown),
            _rtf_cell(group["metrics"].get("rtf")),
        )
        for group in groups
    ]
    return Table(
        columns,
        tuple(rows),
        caption="In brackets the 95 % interval (by conversation); n is what the rate is of. "
        "RTF is of batched recognition.",
    )


def latency_table(report: Report) -> Table:
    """Latencies per suite and variant: p50 / p95 / p99 with n."""
    columns = (
        *_names(report),
        *(Column(title, unit) for _, title, unit in _LATENCY),
        Column("premature", "% of turns"),
        Column("cut off", "% of turns"),
        Column("RTF"),
        Column("CER", "% of characters"),
        Column("factual errors", "% of answers"),
    )
    rows = [
        (
            *_name_cells(report, group),
            *(_times_cell(group["metrics"].get(name)) for name, _, _ in _LATENCY),
            _rate_cell(group["metrics"].get("premature_response_rate")),
            _rate_cell(group["metrics"].get("premature_endpoint_rate")),
            _rtf_cell(group["metrics"].get("rtf")),
            _quality_cell(report, group["metrics"].get("cer")),
            _quality_cell(report, group["metrics"].get("factual_error_rate")),
        )
        for group in [*report.groups, *report.overall]
    ]
    pace = report.run.pace.replace("_", "-")
    return Table(
        columns,
        tuple(rows),
        caption=f"From the true end of speech (TTFT: from the request), {pace} pace, "
        f"{report.run.repeats} repeats, {report.num_warm_up} warm-up turns left out. "
        "Premature: answered before the person had finished, or something else than was said. "
        "Cut off: the turn was committed before the person had finished.",
    )


_CONDITIONS = (
    ("cer", "CER", "% of characters"),
    ("factual_error_rate", "factual errors", "% of answers"),
    ("fact_miss_rate", "facts missed", "% of facts"),
    ("breaker_false_trips", "false trips", "% of trips"),
    ("breaker_missed_trips", "missed trips", "% of turns due"),
)


def conditions_table(report: Report) -> Table | None:
    """The figures by the condition that turns were heard under; None where all of them are clean."""
    rows = []
    for group in report.groups:
        for part in group["conditions"]:
            rows.append(
                (
                    Cell(group["suite"]),
                    *_name_cells(report, group)[1:-1],
                    Cell(part["condition"]),
                    Cell(str(part["turns"])),
                    Cell(str(part["degraded"])),
                    *(_rate_cell(part["metrics"].get(name)) for name, _, _ in _CONDITIONS),
                )
            )
    columns = (
        *_names(report)[:-1],
        Column("condition", is_number=False),
        Column("turns"),
        Column("fell back"),
        *(Column(title, unit) for _, title, unit in _CONDITIONS),
    )
    return Table(columns, tuple(rows), title="By condition") if rows else None


def tool_calls_table(report: Report) -> Table | None:
    """How many of the expected tool calls were made exactly; None where none is expected."""
    metrics = [(group, group["metrics"].get("tool_call_exact")) for group in report.groups]
    rows = [(*_name_cells(report, group), _rate_cell(found)) for group, found in metrics if found]
    columns = (*_names(report), Column("exact", "% of turns that need a call"))
    caption = "Exact: that tool, with every argument and no other, and no further call."
    return Table(columns, tuple(rows), title="Tool calls", caption=caption) if rows else None


def early_work_table(report: Report) -> Table | None:
    """What prefill and speculation saved and cost, beside the latency and how often it is too good
    to be true; None where no variant does any."""
    if not any(variant.prefill or variant.speculation for variant in report.run.variants):
        return None
    title, unit = next((title, unit) for name, title, unit in _LATENCY if name == _RESPONSE)
    columns = (
        *_names(report),
        Column(title, unit),
        Column("premature", "% of turns"),
        *(Column(title, unit) for _, title, unit, _ in _EARLY_WORK),
    )
    rows = [
        (
            *_name_cells(report, group),
            _times_cell(group["metrics"].get(_RESPONSE)),
            _rate_cell(group["metrics"].get("premature_response_rate")),
            *(cell(group["metrics"].get(name)) for name, _, _, cell in _EARLY_WORK),
        )
        for group in [*report.groups, *report.overall]
    ]
    return Table(
        columns,
        tuple(rows),
        title="Early work",
        caption="Saved: response latency of the variant without early work less this one's, paired "
        "by turn; n is conversations. Drafted: an answer was begun before the turn was committed.",
    )


def attribution_table(report: Report) -> Table:
    """Lost facts by the stage that lost them; the three parts sum to all that was lost."""
    stages = (("lost", "lost"), ("asr", "by ASR"), ("cleaning", "by cleaning"), ("llm", "by LLM"))
    rows = []
    for group in [*report.groups, *report.overall]:
        metrics = [group["metrics"].get(f"attribution_{stage}") for stage, _ in stages]
        if any(metrics):
            cells = (_quality_cell(report, each) for each in metrics)
            rows.append((*_name_cells(report, group), *cells))
    columns = (*_names(report), *(Column(title, "% of facts") for _, title in stages))
    return Table(columns, tuple(rows))


def print_tables(report: Report) -> None:
    """Prints the table of the run's mode, and what went wrong, to stdout."""
    from rich.text import Text

    console = make_console()
    console.print(f"{report.run.mode} mode, {len(report.turns)} turns, run {report.run.run_id}")
    for table in tables_of_mode(report):
        print_table(console, table)
    console.print(Text(f"Every variant: {shared_settings(report)}."))
    for problem in problems(report):
        console.print(Text(problem))


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
            f"{column.title}\n{column.unit}".strip(),
            justify="right" if column.is_number else "left",
        )
    for row in table.rows:
        drawn.add_row(*(Text(f"{cell.text}\n{cell.detail}".strip()) for cell in row))
    if table.title:
        console.print(Text(f"\n{table.title}", style="bold"))
    console.print(drawn)
    if table.caption:
        console.print(Text(table.caption))


def problems(report: Report) -> list[str]:
    """What a reader must know before believing a figure, one sentence each."""
    run, found = report.run, []
    if has_random_weights(run):
        found.append(
            f"Random weights (profile {run.profile.get('name')}): the times are those of models of "
            "this size; nothing here says anything about quality."
        )
    missing = run.num_turns_planned - report.num_turns
    if missing > 0:
        found.append(f"Incomplete: {missing} of {run.num_turns_planned} turns have not run yet.")
    of_turns = f"of {len(report.turns)} turns"
    if report.num_failed:
        found.append(f"{report.num_failed} {of_turns} failed; they are counted and listed.")
    if report.num_degraded:
        found.append(f"{report.num_degraded} {of_turns} fell back to text input.")
    found += _false_trips(report)
    if report.num_half_written:
        found.append(f"A half-written record ({report.num_half_written} bytes) is left out.")
    if doubt := doubt_about_code(run):
        found.append(f"{doubt.capitalize()}.")
    return found


def _false_trips(report: Report) -> list[str]:
    rates = [group["metrics"].get("breaker_false_trips") for group in report.groups]
    judged = sum(rate["counts"]["judged"] for rate in rates if rate)
    if not judged:
        return []
    false = sum(rate["counts"]["false"] for rate in rates if rate)
    return [
        f"The breaker's thresholds stopped {judged} turns that can be judged, {false} of them "
        "without need (all was heard or answered right)."
    ]


def suite_label(report: Report, suite: str) -> str:
    """A suite's name with its title."""
    title = report.run.suite_titles.get(suite, "")
    return f"{suite} {title}".strip()


def shared_settings(report: Report) -> str:
    """The switches that are no columns of the run's tables, for no two of its variants differ in
    them."""
    differing = _differing(report)
    shared = report.run.variants[0].switches.items()
    return ", ".join(f"{name} {value!r}" for name, value in shared if name not in differing)


def _differing(report: Report) -> list[str]:
    """The switches in which the run's variants differ."""
    every = [variant.switches for variant in report.run.variants]
    return [name for name in every[0] if any(one[name] != every[0][name] for one in every)]


def _names(report: Report) -> tuple[Column, ...]:
    named = ("suite", "variant", *_differing(report))
    return (*columns_of(named), Column("turns"))


def _name_cells(report: Report, group: dict[str, Any]) -> tuple[Cell, ...]:
    counts = group["counts"]
    bad = [f"{counts[name]} {name}" for name in ("failed", "degraded") if counts[name]]
    variant = next(v for v in report.run.variants if v.name == group["variant"])
    return (
        Cell(group["suite"], report.run.suite_titles.get(group["suite"], "")),
        Cell(group["variant"]),
        *(Cell(str(variant.switches[name]) or ABSENT) for name in _differing(report)),
        Cell(str(counts["turns"]), ", ".join(bad)),
    )


def _rate_cell(metric: dict[str, Any] | None) -> Cell:
    if not metric or metric["value"] is None:
        return Cell(ABSENT)
    interval = metric.get("interval")
    bounds = f"[{_percent(interval[0])}, {_percent(interval[1])}] " if interval else ""
    return Cell(_percent(metric["value"]), f"{bounds}n = {metric['n']:,}")


def _quality_cell(report: Report, metric: dict[str, Any] | None) -> Cell:
    """A rate that says how good the models are, which random weights are not."""
    if has_random_weights(report.run):
        return Cell(ABSENT, "random weights")
    return _rate_cell(metric)


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}"


def _times_cell(metric: dict[str, Any] | None) -> Cell:
    if not metric or metric["p50"] is None:
        return Cell(ABSENT)
    return Cell(
        " / ".join(f"{metric[name]:.3f}" for name in ("p50", "p95", "p99")), f"n = {metric['n']:,}"
    )


def _saved_cell(metric: dict[str, Any] | None) -> Cell:
    if not metric:
        return Cell(ABSENT)
    bounds = "[{:.0f}, {:.0f}] ".format(*metric["interval"])
    return Cell(
        f"{metric['value']:.0f}", f"{bounds}n = {metric['n']:,} against {metric['baseline']}"
    )


def _rtf_cell(metric: dict[str, Any] | None) -> Cell:
    if not metric or metric["value"] is None:
        return Cell(ABSENT)
    return Cell(f"{metric['value']:.4f}", f"n = {metric['n']:,}")


_EARLY_WORK: tuple[tuple[str, str, str, Callable[[dict[str, Any] | None], Cell]], ...] = (
    ("saved_ms", "saved", "ms a turn", _saved_cell),
    ("speculation_coverage", "drafted", "% of turns", _rate_cell),
    ("speculation_hit_rate", "drafts kept", "% of drafts", _rate_cell),
    ("speculation_waste", "waste", "% of tokens", _rate_cell),
    ("prefill_cached", "cached", "% of prompt tokens", _rate_cell),
)


def columns_of(names: Sequence[str]) -> tuple[Column, ...]:
    """Columns of text."""
    return tuple(Column(name, is_number=False) for name in names)
