"""Comparisons as tables, the same for the terminal and for HTML.

One long table of what was compared over all suites, with everything that a difference stands on; a
compact one with a row a suite; one of facts by type; and the noise floor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from voicebench.metrics.conditions import ALL_SUITES
from voicebench.metrics.registry import COMPARED, TOGETHER
from voicebench.report.data import Report
from voicebench.report.formatting import ABSENT
from voicebench.report.tables import Cell, Column, Table, columns_of
from voicebench.runs.compare import Comparisons, arms_of, compare_arms
from voicebench.runs.differences import Comparison
from voicebench.words import join_sentences, translate

MARKS = {"better": "▲", "worse": "▼", "no difference seen": ""}
CAPTION = (
    "Paired by case, repeat and turn; in brackets the 95 % interval of the difference, resampled by "
    "conversation. p is adjusted (Holm) over all comparisons of the run's suites and metrics: below "
    "0.05 the difference is marked ▲ better or ▼ worse, everything else may be chance."
)
CAPTION_CASES = (
    "+/−: answers (turns) that count under the variant alone / under the baseline alone. Cases: "
    "conversations it takes to see a difference of 1 point in four of five tries, "
    "((1.96 + 0.84) · deviation / 0.01)², before any adjustment; a range, for the deviation is "
    "estimated. Fewer than 10 conversations have no interval. Rates of answers are of turns that "
    "both variants answered; compare how often each fell back."
)


def compare_report(report: Report) -> Comparisons | None:
    """The variants of one run compared with its first; None where there is one variant."""
    if len(report.run.variants) < 2 or not report.kept:
        return None
    return compare_arms(arms_of(report.run, report.cases, report.measured, report.folder))


def comparison_tables(found: Comparisons) -> list[Table]:
    """The tables that have a row."""
    tables = [
        difference_table(found.differences),
        *suite_tables(found.differences),
        fact_type_table(found.by_fact_type),
    ]
    noise = [noise_table(found.noise)] if found.noise else []
    return [*(table for table in tables if table.rows), *noise]


def difference_table(differences: Sequence[Comparison]) -> Table:
    """A row for each variant and metric, over all suites or in the only one."""
    whole = over_all(differences)
    suite = whole[0].suite if whole else ALL_SUITES
    return Table(
        (
            *columns_of(("variant", "settings", "metric")),
            *(Column(title) for title in ("baseline", "variant", "difference", "p")),
            Column("+ / −"),
            Column("changed", "of conversations"),
            Column("cases for", "1 point"),
        ),
        tuple(_long_row(c) for c in whole),
        title="Differences over all suites"
        if suite == ALL_SUITES
        else translate("Differences in {suite}", suite=suite),
        caption=join_sentences(translate(CAPTION), translate(CAPTION_CASES)),
    )


def suite_tables(differences: Sequence[Comparison]) -> list[Table]:
    """A row for each variant and suite, where there are several: first what was heard and answered,
    then how fast. Metrics without any change are left out."""
    apart = [c for c in differences if c.suite != ALL_SUITES]
    if len({c.suite for c in apart}) < 2:
        return []
    moved = {c.metric for c in apart if c.num_changed}
    changed = {c.metric: None for c in apart if is_shown(c.metric, moved)}
    of_time = [name for name in changed if COMPARED[name].value]
    others = [name for name in changed if name not in of_time]
    return [
        _suite_table(apart, metrics, title)
        for metrics, title in (
            (others, "Differences by suite"),
            (of_time, "Differences of latency by suite"),
        )
        if metrics
    ]


def is_shown(metric: str, changed: Collection[str]) -> bool:
    """Whether a metric is: it changed, or what it never stands without did."""
    return metric in changed or (metric in TOGETHER and not set(TOGETHER).isdisjoint(changed))


def _suite_table(apart: Sequence[Comparison], metrics: Sequence[str], title: str) -> Table:
    cells = {(c.variant, c.baseline, c.suite, c.metric): _short_cell(c) for c in apart}
    rows = [
        (Cell(variant, f"− {baseline}"), _settings_cell(settings), Cell(suite),
         *(cells.get((variant, baseline, suite, m), Cell(ABSENT)) for m in metrics))
        for variant, baseline, settings, suite in dict.fromkeys(
            (c.variant, c.baseline, c.settings, c.suite) for c in apart
        )
    ]  # fmt: skip
    columns = (
        *columns_of(("variant", "settings", "suite")),
        *(_metric_column(name) for name in metrics),
    )
    caption = (
        "Variant minus baseline. The p-values are adjusted together with the table over all suites. "
        "Metrics that no turn changed are left out."
    )
    return Table(columns, tuple(rows), title=title, caption=caption)


def fact_type_table(by_type: Sequence[Comparison]) -> Table:
    """A row for each variant and type of fact: contradicted and missed, of all expected."""
    cells = {(c.variant, c.baseline, c.fact_type, c.metric): c for c in by_type}
    rows = []
    for variant, baseline, settings, kind in dict.fromkeys(
        (c.variant, c.baseline, c.settings, c.fact_type) for c in by_type
    ):
        row = [Cell(variant, f"− {baseline}"), _settings_cell(settings), Cell(kind or "")]
        for metric in ("contradicted", "missing"):
            found = cells.get((variant, baseline, kind, metric))
            row += [_value_cell(found), _short_cell(found)] if found else [Cell(ABSENT)] * 2
        rows.append(tuple(row))
    columns = (
        *columns_of(("variant", "settings", "type of fact")),
        Column("contradicted", "% of facts"), Column("difference"),
        Column("missed", "% of facts"), Column("difference"),
    )  # fmt: skip
    caption = "Over all suites; adjusted (Holm) over this table."
    return Table(columns, tuple(rows), title="Differences by type of fact", caption=caption)


def noise_table(noise: Sequence[Comparison]) -> Table:
    """What the same variant does to itself: no smaller difference is worth a word."""
    rows = tuple(
        (
            Cell(f"{c.baseline} and {c.variant}"),
            Cell(translate(_title(c.metric)), translate(COMPARED[c.metric].unit)),
            Cell(_signed(c, c.difference), bounds_text(c)),
            Cell(_number(c, max(map(abs, c.interval))) if c.interval else ABSENT),
            Cell(_p(c)),
        )
        for c in over_all(noise)
        if c.num_changed
    )
    columns = (
        *columns_of(("the same", "metric")), Column("difference"), Column("noise floor"),
        Column("p"),
    )  # fmt: skip
    same = list(
        dict.fromkeys(translate(_title(c.metric)) for c in over_all(noise) if not c.num_changed)
    )
    unchanged = translate("The same in every turn: {names}.", names=", ".join(same))
    caption = join_sentences(
        translate(
            "The same variant twice. The noise floor is the larger bound of the interval; a p below "
            "0.05 would mean that something other than the variant moves the figure."
        ),
        unchanged if same else "",
    )
    return Table(columns, rows, title="Noise floor (A/A)", caption=caption)


def changed_table(found: Comparisons, num: int) -> Table:
    """The first `num` turns whose facts came out differently, with both answers."""
    rows = tuple(
        (
            Cell(f"{each.suite} / {each.case_id}", translate(
                "turn {turn}, repeat {repeat}", turn=each.turn_index + 1, repeat=each.repeat + 1)),
            Cell(translate(each.change), each.variant),
            Cell("; ".join(each.facts), each.reference),
            Cell(each.first.answer, f"{translate('from')}: {each.first.cleaned}"),
            Cell(each.second.answer, f"{translate('from')}: {each.second.cleaned}"),
        )
        for each in found.changed[:num]
    )  # fmt: skip
    left = len(found.changed) - len(rows)
    more = "{num} more: raise --changed, or take --json."
    caption = translate(more, num=left) if left > 0 else ""
    columns = columns_of(("case", "change", "facts", "baseline's answer", "variant's answer"))
    title = translate("Turns whose facts changed: {num}", num=len(found.changed))
    return Table(columns, rows, title=title, caption=caption)


def over_all(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Those over all suites; those of the only suite where there is one."""
    comparisons = list(comparisons)
    whole = [c for c in comparisons if c.suite == ALL_SUITES]
    return whole or comparisons


def _long_row(c: Comparison) -> tuple[Cell, ...]:
    only = ABSENT if c.only_first is None else f"{c.only_second} / {c.only_first}"
    return (
        Cell(c.variant, f"− {c.baseline}"),
        _settings_cell(c.settings),
        Cell(translate(_title(c.metric)), translate(COMPARED[c.metric].unit)),
        Cell(_number(c, c.first)),
        Cell(_number(c, c.second), f"n = {c.num_pairs:,}"),
        Cell(marked_difference(c), bounds_text(c)),
        Cell(_p(c), f"{c.test}, {translate('alone')} {_p_text(c.p_value)}"),
        Cell(only),
        Cell(f"{c.num_changed:,}", translate("of {num}", num=f"{c.num_conversations:,}")),
        Cell(cases_text(c).replace(" ", "\n", 1) or ABSENT),
    )


def cases_text(c: Comparison) -> str:
    """Conversations that it takes to see a difference of 1 point, as a range to two digits: more
    would be false; empty where unknown."""
    if c.cases_for_one_point is None:
        return ""
    low, high = (int(float(f"{num:.1e}")) for num in c.cases_for_one_point)
    return translate("{low} to {high}", low=f"{low:,}", high=f"{high:,}")


def _settings_cell(settings: Sequence[str]) -> Cell:
    return Cell("\n".join(settings) or ABSENT)


def _short_cell(c: Comparison) -> Cell:
    return Cell(
        marked_difference(c),
        f"{bounds_text(c)}\np {_p(c)}" if c.num_changed else translate("none changed"),
    )


def marked_difference(c: Comparison) -> str:
    """The difference, relative too where it is no rate, and whether it is one."""
    return f"{_signed(c, c.difference)}{_relative(c)} {MARKS[c.outcome]}".strip()


def difference_text(c: Comparison) -> str:
    """The difference with its unit, for a sentence."""
    unit = translate("points") if _is_rate(c) else COMPARED[c.metric].unit.split(",")[0]
    return f"{_signed(c, c.difference)} {unit}".removesuffix(" mean") + _relative(c)


def _relative(c: Comparison) -> str:
    share = "" if _is_rate(c) or not c.first else f" ({100 * c.difference / c.first:+.0f} %)"
    return share.replace("-", "−")


def _value_cell(c: Comparison) -> Cell:
    return Cell(f"{_number(c, c.first)} → {_number(c, c.second)}", f"n = {c.num_pairs:,}")


def _metric_column(name: str) -> Column:
    return Column(_title(name), COMPARED[name].unit)


def _title(name: str) -> str:
    return COMPARED[name].title


def _is_rate(c: Comparison) -> bool:
    return c.metric not in COMPARED or COMPARED[c.metric].is_rate


def _number(c: Comparison, value: float) -> str:
    """A rate in per cent, seconds to the millisecond, anything else to a tenth."""
    if _is_rate(c):
        return f"{100 * value:.1f}"
    return f"{value:.3f}" if COMPARED[c.metric].unit.startswith("s,") else f"{value:.1f}"


def _signed(c: Comparison, value: float) -> str:
    text = _number(c, abs(value))
    sign = "" if not float(text) else "+" if value > 0 else "−"
    return f"{sign}{text}"


def bounds_text(c: Comparison) -> str:
    """The 95 % interval of a difference, or that there is none."""
    if c.interval is None:
        return translate("no interval")
    low, high = c.interval
    return f"[{_signed(c, low)}, {_signed(c, high)}]"


def _p(c: Comparison) -> str:
    return _p_text(c.p_holm) if c.num_changed else ABSENT


def _p_text(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"
