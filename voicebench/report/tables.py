"""Tables of a report, the same for the terminal and for HTML: text with intervals and n."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from voicebench.metrics.registry import METRICS, TOGETHER, Metric, shown_in
from voicebench.metrics.registry import Table as RegisteredTable
from voicebench.metrics.summary_schema import GroupSummary, MetricValue
from voicebench.report.data import Report, has_random_weights
from voicebench.report.formatting import ABSENT, percent, quantiles_text
from voicebench.runs.provenance import doubt_about_code
from voicebench.types import Run
from voicebench.words import join_sentences, translate

T = TypeVar("T")

MIN_REPEATS = 3
VAD_T_EOS_ERROR = (
    "The end of speech of {num} turns was found by a VAD and not annotated: on suites with "
    "annotation it is late by 76 ms (median) and 1.05 s (p95)."
)


@dataclass(frozen=True)
class Column:
    """A heading in English; `unit` says what its numbers are. A name is never translated."""

    title: str
    unit: str = ""
    is_number: bool = True
    is_name: bool = False

    @property
    def shown_title(self) -> str:
        """The heading in the current language."""
        return self.title if self.is_name else translate(self.title)


@dataclass(frozen=True)
class Cell:
    """What a cell says, smaller below it what that stands on, and how dark it is, in [0, 1]."""

    text: str
    detail: str = ""
    shade: float | None = None


@dataclass(frozen=True)
class Table:
    """A table with its caption; a long one is folded in a page unless it is to be open."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    caption: str = ""
    is_open: bool = False

    def _repr_html_(self) -> str:
        from voicebench.report.html import fragment, table_html

        return fragment(table_html(self))

    def __repr__(self) -> str:
        """As a terminal shows it."""
        from voicebench.report.terminal import table_text

        return table_text(self)


_RESPONSE = METRICS["response_latency_s"]
_TIMES_UNIT = "s, p50 / p95"
_INTERVALS = (
    "In brackets the 95 % interval, which conversations carry: none below 10 of them; ≤ and ≥ are "
    "one-sided bounds at 0 and 100 %. Rates of answers are of answers given; facts of turns without "
    "one count as missed. 3×: the median of 3 repeats, with the least and the greatest."
)


def tables_of_mode(report: Report) -> tuple[Table, ...]:
    """The tables of the run's mode, the main one first."""
    is_latency = report.run.mode == "latency"
    quality, shared = shared_apart(report, quality_table(report))
    of_latency = [latency_table(report), early_work_table(report)] if is_latency else []
    tables = [*of_latency, quality, shared, conditions_table(report), tool_calls_table(report)]
    return tuple(table for table in tables if table)


def shared_apart(report: Report, table: Table) -> tuple[Table, Table | None]:
    """A table of suites and variants without what all variants share, and that once for all.

    Two prompts have the same transcripts: a column whose cells are the same for every variant of a
    suite says nothing of the variants.
    """
    num_names, num_variants = len(_names(report)), len(report.run.variants)
    together = {METRICS[name].title for name in TOGETHER}
    by_suite: dict[str, list[tuple[Cell, ...]]] = {}
    for row in table.rows:
        by_suite.setdefault(row[0].text, []).append(row)
    columns = range(num_names, len(table.columns))
    shared = [
        place
        for place in columns
        if all(len({row[place] for row in rows}) == 1 for rows in by_suite.values())
    ]
    of_pair = {place for place in columns if table.columns[place].title in together}
    if not of_pair <= set(shared):  # neither of them stands alone
        shared = [place for place in shared if place not in of_pair]
    if num_variants < 2 or not shared or len(shared) == len(columns):
        return table, None
    own = [place for place in range(len(table.columns)) if place not in shared]
    once = [0, num_names - 1, *shared]
    rows = tuple(_at(of_suite[0], once) for of_suite in by_suite.values())
    return (
        replace(
            table, columns=_at(table.columns, own), rows=tuple(_at(r, own) for r in table.rows)
        ),
        Table(_at(table.columns, once), rows, title="The same under every variant"),
    )


def _at(row: tuple[T, ...], places: Sequence[int]) -> tuple[T, ...]:
    return tuple(row[place] for place in places)


def _rows_of(report: Report) -> list[GroupSummary]:
    return [*report.groups, *report.overall, *report.apart]


def _shown(report: Report, table: RegisteredTable) -> list[Metric]:
    """The metrics of a table, less those that only some runs have and this one has not."""
    groups = _rows_of(report)
    return [
        metric
        for metric in shown_in(table)
        if metric.name not in _SOMETIMES
        or any((found := group["metrics"].get(metric.name)) and found["value"] for group in groups)
    ]


_SOMETIMES = ("cp_cer", "fallback_rate", "failure_rate")


def metric_column(metric: Metric) -> Column:
    """The column of a registered metric."""
    return Column(metric.title, _TIMES_UNIT if metric.value else metric.unit)


def quality_table(report: Report) -> Table:
    """Transcripts and answers per suite and variant: rates with 95 % intervals and n."""
    shown = _shown(report, "quality")
    columns = (*_names(report), *map(metric_column, shown))
    rows = [
        (*_name_cells(report, group), *(metric_cell(report, group, each) for each in shown))
        for group in _rows_of(report)
    ]
    is_batched = report.run.mode == "quality"
    batched = translate("RTF is of batched recognition.") if is_batched else ""
    caption = join_sentences(translate(_INTERVALS), batched, apart_note(report))
    return Table(columns, tuple(rows), title="Recognition and answers", caption=caption)


def latency_table(report: Report) -> Table:
    """Latencies per suite and variant: p50, p95 and p99 with n, and what they may be bought with."""
    quality = shown_in("quality")
    shown = [metric for metric in _shown(report, "latency") if metric not in quality]
    shown.sort(key=lambda metric: metric.value is None)
    columns = (*_names(report), *map(metric_column, shown))
    rows = [
        (*_name_cells(report, group), *(metric_cell(report, group, each) for each in shown))
        for group in _rows_of(report)
    ]
    about = translate(
        "From the true end of speech (TTFT: from the request), {pace} pace, {repeats} repeats, "
        "{warm_up} warm-up turns left out. Latencies are of turns that were answered and not cut "
        "off; of fewer than 3 there is one value. Premature: answered before the person had "
        "finished, or something else than was said. Cut off: the turn was committed before the "
        "person had finished.",
        pace=translate(report.run.pace.replace("_", "-")), repeats=report.run.repeats,
        warm_up=report.num_warm_up,
    )  # fmt: skip
    caption = join_sentences(about, translate(_INTERVALS), _t_eos_note(report), apart_note(report))
    return Table(columns, tuple(rows), title="Latency", caption=caption)


def _t_eos_note(report: Report) -> str:
    """What a VAD's end of speech is worth, where there is one."""
    of_vad = sum(group["t_eos_sources"].get("vad", 0) for group in report.groups)
    if not of_vad:
        return ""
    return translate(VAD_T_EOS_ERROR, num=of_vad)


def apart_note(report: Report) -> str:
    """What the rows over all suites do not hold."""
    kinds = sorted({measures.kind for _, measures in report.measured} - {"speech"})
    if not report.overall or not kinds:
        return ""
    names = ", ".join(map(translate, kinds))
    return translate("Not pooled with the rest over all suites: {names}.", names=names)


def conditions_table(report: Report) -> Table | None:
    """The figures by the condition that turns were heard under; None where all of them are clean."""
    shown = shown_in("conditions")
    rows = [
        (
            Cell(suite_names(report, group["suite"])[0]),
            *_name_cells(report, group)[1:-1],
            Cell(condition_title(part["condition"])),
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
        *map(metric_column, shown),
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
    columns = (*_names(report), Column("saved", "ms a turn"), *map(metric_column, shown))
    rows = [
        (
            *_name_cells(report, group),
            _saved_cell(group["metrics"].get("saved_ms")),
            *(metric_cell(report, group, metric) for metric in shown),
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
    return Table(columns, tuple(rows), title="Facts lost, by stage")


def problems(report: Report) -> list[str]:
    """What a reader must know before believing a figure, one sentence each."""
    run, found = report.run, []
    if has_random_weights(run):
        text = (
            "Random weights (profile {name}): the times are those of models of this size; nothing "
            "here says anything about quality."
        )
        found.append(translate(text, name=run.profile.get("name")))
    missing = run.num_turns_planned - report.num_turns
    if missing > 0:
        text = "Incomplete: {missing} of {planned} turns have not run yet."
        found.append(translate(text, missing=missing, planned=run.num_turns_planned))
    for num, text in (
        (report.num_failed, "{num} of {total} turns failed; they are counted and listed."),
        (report.num_degraded, "{num} of {total} turns fell back to text input."),
    ):
        if num:
            found.append(translate(text, num=num, total=len(report.turns)))
    found += _false_trips(report)
    if report.num_half_written:
        text = "A half-written record ({num} bytes) is left out."
        found.append(translate(text, num=report.num_half_written))
    if doubt := doubt_about_code(run):
        found.append(_sentence(doubt, run))
    return found


def _sentence(doubt: str, run: Run) -> str:
    """A doubt about a run's code in the current language: its commit is no word of it."""
    commit = run.git_commit[:12]
    template = f"{doubt[0].upper()}{doubt[1:]}.".replace(commit, "{commit}")
    return translate(template, commit=commit)


def _false_trips(report: Report) -> list[str]:
    rates = [group["metrics"].get("breaker_false_trips") for group in report.groups]
    judged = sum(rate["counts"]["judged"] for rate in rates if rate)
    if not judged:
        return []
    false = sum(rate["counts"]["false"] for rate in rates if rate)
    text = (
        "The breaker's thresholds stopped {judged} turns that can be judged, {false} of them "
        "without need (all was heard or answered right)."
    )
    return [translate(text, judged=judged, false=false)]


def suite_label(report: Report, suite: str) -> str:
    """A suite's name with its title."""
    return " ".join(suite_names(report, suite)).strip()


def suite_names(report: Report, suite: str) -> tuple[str, str]:
    """A suite's name and its title; of several suites together, the words for that."""
    title = report.run.suite_titles.get(suite, "")
    return (suite if suite in report.run.suites else translate(suite), translate(title))


def condition_title(label: str) -> str:
    """A condition for people: its kind, and its level as it is."""
    kind, space, level = label.partition(" ")
    return translate(label) if not any(map(str.isdigit, level)) else translate(kind) + space + level


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
    switches = (Column(n, is_number=False, is_name=True) for n in _differing(report))
    return (*columns_of(("suite", "variant")), *switches, Column("turns"))


def _name_cells(report: Report, group: GroupSummary) -> tuple[Cell, ...]:
    counts = group["counts"]
    bad = [f"{counts[n]} {translate(n)}" for n in ("failed", "degraded") if counts[n]]
    vad = group["t_eos_sources"].get("vad", 0)
    of_vad = [translate("{num} t_eos by VAD", num=vad)] if vad else []
    about = [translate("{num} conv.", num=counts["conversations"]), *bad, *of_vad]
    variant = next(v for v in report.run.variants if v.name == group["variant"])
    return (
        Cell(*suite_names(report, group["suite"])),
        Cell(group["variant"]),
        *(Cell(str(variant.switches[name]) or ABSENT) for name in _differing(report)),
        Cell(str(counts["turns"]), ", ".join(about)),
    )


_QUALITY_OF_MODELS = frozenset(
    metric.name for metric in METRICS.values()
    if metric.name in ("cer", "cp_cer", "mer", "entity_accuracy") or metric.details == "facts"
)  # fmt: skip
"""What says how good the models are, which random weights are not."""


def metric_cell(report: Report, group: GroupSummary, metric: Metric) -> Cell:
    """A registered metric of a group with what it stands on; nothing of what random weights say."""
    found = group["metrics"].get(metric.name)
    if metric.name in _QUALITY_OF_MODELS and has_random_weights(report.run):
        return Cell(ABSENT, translate("random weights"))
    conversations = group["counts"]["conversations"]  # of the row: its cells name others alone
    if metric.value:
        return _times_cell(found, conversations)
    return _ratio_cell(found, conversations, percent if metric.is_rate else "{:.4f}".format)


def _rate_cell(metric: MetricValue | None) -> Cell:
    return _ratio_cell(metric, None, percent)


def _ratio_cell(
    metric: MetricValue | None, conversations: int | None, number: Callable[[float], str]
) -> Cell:
    """A ratio of sums with its interval, what it stands on, and the range of its repeats."""
    if not metric or metric["value"] is None:
        return Cell(ABSENT)
    bounds = f"{metric_bounds(metric, number)} {stands_on(metric, conversations)}".strip()
    details = [bounds, _repeats(metric, number)]
    return Cell(number(metric["value"]), "\n".join(filter(None, details)))


def metric_bounds(metric: MetricValue, number: Callable[[float], str]) -> str:
    """The 95 % interval of a metric, a one-sided bound, or nothing where it has none."""
    if not (bounds := metric.get("interval")):
        return ""
    low, high = bounds
    if metric["one_sided"]:
        return f"≤ {number(high)}" if metric["value"] == low else f"≥ {number(low)}"
    return f"[{number(low)}, {number(high)}]"


def stands_on(metric: MetricValue, conversations: int | None = None) -> str:
    """n, and the conversations that it is in, which an interval stands on; unless they are as many
    as `conversations`."""
    n, num = metric["n"], metric.get("conversations")
    if num in (None, n, conversations):
        return f"n = {n:,}"
    return f"n = {n:,} " + translate("in {num} conv.", num=f"{num:,}")


def _repeats(metric: MetricValue, number: Callable[[float], str]) -> str:
    """Median, least and greatest of the repeats, from three on."""
    repeats = metric.get("repeats")
    if not repeats or repeats["n"] < MIN_REPEATS:
        return ""
    low, middle, high = (number(repeats[name]) for name in ("min", "median", "max"))
    return f"{repeats['n']}×: {middle} ({low}, {high})"


def _times_cell(metric: MetricValue | None, conversations: int | None) -> Cell:
    """p50 and p95, or the one value where there are too few; p99 and the repeats below."""
    if not metric or metric["p50"] is None:
        return Cell(ABSENT)
    number = "{:.3f}".format
    tail = f"p99 {number(metric['p99'])}, " if metric["p99"] is not None else ""
    details = (tail + stands_on(metric, conversations), _repeats(metric, number))
    return Cell(quantiles_text(metric), "\n".join(filter(None, details)))


def _saved_cell(metric: MetricValue | None) -> Cell:
    if not metric:
        return Cell(ABSENT)
    bounds = "[{:.0f}, {:.0f}] ".format(*metric["interval"]) if metric["interval"] else ""
    against = translate("against {baseline}", baseline=metric["baseline"])
    return Cell(f"{metric['value']:.0f}", f"{bounds}n = {metric['n']:,}\n{against}")


def columns_of(names: Sequence[str]) -> tuple[Column, ...]:
    """Columns of text."""
    return tuple(Column(name, is_number=False) for name in names)
