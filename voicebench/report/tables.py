"""Tables of a report, the same for the terminal and for HTML: text with intervals and n."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicebench.metrics.conditions import ALL_SUITES
from voicebench.metrics.registry import METRICS, Metric, shown_in
from voicebench.metrics.registry import Table as RegisteredTable
from voicebench.report.data import Report, has_random_weights
from voicebench.runs.provenance import doubt_about_code

if TYPE_CHECKING:
    from rich.console import Console

ABSENT = "–"
MIN_REPEATS = 3
VAD_T_EOS_ERROR = "on suites with annotation it is late by 76 ms (median) and 1.05 s (p95)"


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


_RESPONSE = METRICS["response_latency_s"]
_TIMES_UNIT = "s, p50 / p95 / p99"
_INTERVALS = (
    "In brackets the 95 % interval, which conversations carry: none below 10 of them; ≤ and ≥ are "
    "one-sided bounds at 0 and 100 %. Rates of answers are of answers given; facts of turns without "
    "one count as missed."
)


def tables_of_mode(report: Report) -> tuple[Table, ...]:
    """The tables of the run's mode, the main one first."""
    more = [conditions_table(report), tool_calls_table(report)]
    if report.run.mode == "quality":
        return (quality_table(report), *filter(None, more))
    return (latency_table(report), *filter(None, [early_work_table(report), *more]))


def _rows_of(report: Report) -> list[dict[str, Any]]:
    return [*report.groups, *report.overall, *report.apart]


def _shown(report: Report, table: RegisteredTable) -> list[Metric]:
    """The metrics of a table, less those that only some runs have and this one has not."""
    groups = _rows_of(report)
    return [
        metric
        for metric in shown_in(table)
        if metric.name not in _SOMETIMES
        or any((group["metrics"].get(metric.name) or {}).get("value") for group in groups)
    ]


_SOMETIMES = ("cp_cer", "fallback_rate", "failure_rate")


def _column(metric: Metric) -> Column:
    return Column(metric.title, _TIMES_UNIT if metric.value else metric.unit)


def quality_table(report: Report) -> Table:
    """Transcripts and answers per suite and variant: rates with 95 % intervals and n."""
    shown = _shown(report, "quality")
    columns = (*_names(report), *map(_column, shown))
    rows = [
        (*_name_cells(report, group), *(_metric_cell(report, group, each) for each in shown))
        for group in _rows_of(report)
    ]
    caption = f"{_INTERVALS} RTF is of batched recognition.{_apart(report)}"
    return Table(columns, tuple(rows), caption=caption)


def latency_table(report: Report) -> Table:
    """Latencies per suite and variant: p50 / p95 / p99 with n."""
    shown = sorted(_shown(report, "latency"), key=lambda metric: metric.value is None)
    columns = (*_names(report), *map(_column, shown))
    rows = [
        (*_name_cells(report, group), *(_metric_cell(report, group, each) for each in shown))
        for group in _rows_of(report)
    ]
    pace = report.run.pace.replace("_", "-")
    caption = (
        f"From the true end of speech (TTFT: from the request), {pace} pace, "
        f"{report.run.repeats} repeats, {report.num_warm_up} warm-up turns left out. Latencies are "
        "of turns that were answered and not cut off; of fewer than 3 there is one value. "
        "Premature: answered before the person had finished, or something else than was said. "
        "Cut off: the turn was committed before the person had finished. "
        f"{_INTERVALS}{_t_eos_note(report)}{_apart(report)}"
    )
    return Table(columns, tuple(rows), caption=caption)


def _t_eos_note(report: Report) -> str:
    """What a VAD's end of speech is worth, where there is one."""
    of_vad = sum(group["t_eos_sources"].get("vad", 0) for group in report.groups)
    if not of_vad:
        return ""
    return (
        f" The end of speech of {of_vad} turns was found by a VAD and annotated by nobody: "
        f"{VAD_T_EOS_ERROR}."
    )


def _apart(report: Report) -> str:
    """What the rows over all suites do not hold."""
    kinds = sorted({measures.kind for _, measures in report.measured} - {"speech"})
    if not report.overall or not kinds:
        return ""
    held = " and ".join(kinds)
    return f" Not pooled with the rest in {ALL_SUITES!r}: {held}."


def conditions_table(report: Report) -> Table | None:
    """The figures by the condition that turns were heard under; None where all of them are clean."""
    shown = shown_in("conditions")
    rows = [
        (
            Cell(group["suite"]),
            *_name_cells(report, group)[1:-1],
            Cell(part["condition"]),
            Cell(str(part["turns"])),
            Cell(str(part["degraded"])),
            *(_rate_cell(part["metrics"].get(metric.name)) for metric in shown),
        )
        for group in report.groups
        for part in group["conditions"]
    ]
    columns = (
        *_names(report)[:-1],
        Column("condition", is_number=False),
        Column("turns"),
        Column("fell back"),
        *map(_column, shown),
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
    shown = shown_in("early work")
    columns = (*_names(report), Column("saved", "ms a turn"), *map(_column, shown))
    rows = [
        (
            *_name_cells(report, group),
            _saved_cell(group["metrics"].get("saved_ms")),
            *(_metric_cell(report, group, metric) for metric in shown),
        )
        for group in _rows_of(report)
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
    for group in _rows_of(report):
        metrics = [group["metrics"].get(f"attribution_{stage}") for stage, _ in stages]
        if any(metrics):
            is_random = has_random_weights(report.run)
            cells = (Cell(ABSENT) if is_random else _rate_cell(each) for each in metrics)
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
    vad = group["t_eos_sources"].get("vad", 0)
    about = [f"{counts['conversations']} conv.", *bad, *([f"{vad} t_eos by VAD"] if vad else [])]
    variant = next(v for v in report.run.variants if v.name == group["variant"])
    return (
        Cell(group["suite"], report.run.suite_titles.get(group["suite"], "")),
        Cell(group["variant"]),
        *(Cell(str(variant.switches[name]) or ABSENT) for name in _differing(report)),
        Cell(str(counts["turns"]), ", ".join(about)),
    )


_QUALITY_OF_MODELS = frozenset(
    metric.name for metric in METRICS.values()
    if metric.name in ("cer", "cp_cer", "mer", "entity_accuracy") or metric.details == "facts"
)  # fmt: skip
"""What says how good the models are, which random weights are not."""


def _metric_cell(report: Report, group: dict[str, Any], metric: Metric) -> Cell:
    found = group["metrics"].get(metric.name)
    if metric.name in _QUALITY_OF_MODELS and has_random_weights(report.run):
        return Cell(ABSENT, "random weights")
    if metric.value:
        return _times_cell(found)
    return _rate_cell(found) if metric.is_rate else _ratio_cell(found)


def _rate_cell(metric: dict[str, Any] | None) -> Cell:
    return _ratio_cell(metric, _percent)


def _ratio_cell(
    metric: dict[str, Any] | None, number: Callable[[float], str] = "{:.4f}".format
) -> Cell:
    """A ratio of sums with its interval, what it stands on, and the range of its repeats."""
    if not metric or metric["value"] is None:
        return Cell(ABSENT)
    details = [_bounds(metric, number), _stands_on(metric), _repeats(metric, number)]
    return Cell(number(metric["value"]), "\n".join(filter(None, details)))


def _bounds(metric: dict[str, Any], number: Callable[[float], str]) -> str:
    if not metric.get("interval"):
        return ""
    low, high = metric["interval"]
    if metric["one_sided"]:
        return f"≤ {number(high)}" if metric["value"] <= low else f"≥ {number(low)}"
    return f"[{number(low)}, {number(high)}]"


def _stands_on(metric: dict[str, Any]) -> str:
    """n, and the conversations that it is in, which an interval stands on."""
    n, num = metric["n"], metric.get("conversations")
    return f"n = {n:,}" if num is None or num == n else f"n = {n:,} in {num:,} conv."


def _repeats(metric: dict[str, Any], number: Callable[[float], str]) -> str:
    """Median, least and greatest of the repeats, from three on."""
    repeats = metric.get("repeats")
    if not repeats or repeats["n"] < MIN_REPEATS:
        return ""
    low, middle, high = (number(repeats[name]) for name in ("min", "median", "max"))
    return f"{repeats['n']} repeats: {middle} ({low} to {high})"


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}"


def _times_cell(metric: dict[str, Any] | None) -> Cell:
    """p50, p95 and p99, or the one value where there are too few; then the medians of the repeats."""
    if not metric or metric["p50"] is None:
        return Cell(ABSENT)
    number = "{:.3f}".format
    values = [metric[name] for name in ("p50", "p95", "p99") if metric[name] is not None]
    details = (_stands_on(metric), _repeats(metric, number))
    return Cell(" / ".join(map(number, values)), "\n".join(filter(None, details)))


def _saved_cell(metric: dict[str, Any] | None) -> Cell:
    if not metric:
        return Cell(ABSENT)
    bounds = "[{:.0f}, {:.0f}] ".format(*metric["interval"]) if metric["interval"] else ""
    return Cell(
        f"{metric['value']:.0f}", f"{bounds}n = {metric['n']:,} against {metric['baseline']}"
    )


def columns_of(names: Sequence[str]) -> tuple[Column, ...]:
    """Columns of text."""
    return tuple(Column(name, is_number=False) for name in names)
