"""Figures of a comparison: differences with intervals, and errors against latency."""

from __future__ import annotations

from collections.abc import Sequence

from voicebench.metrics.conditions import ALL_SUITES
from voicebench.metrics.registry import COMPARED, METRICS, TOGETHER
from voicebench.metrics.summary_schema import GroupSummary
from voicebench.report.comparison import is_shown
from voicebench.report.data import Report
from voicebench.report.figures import Figure, footer_of, pace_title
from voicebench.report.plots import Estimate, Point, intervals, trade
from voicebench.runs.compare import Comparisons
from voicebench.runs.differences import Comparison
from voicebench.words import join_sentences, translate

_KINDS: tuple[tuple[str, str, str, tuple[str, ...], float], ...] = (
    ("differences_rates", "Differences of rates", "difference (points, variant − baseline)",
     ("%",), 100.0),
    ("differences_times", "Differences of latency", "difference of medians (ms, variant − baseline)",
     ("s,", "ms,"), 1.0),
    ("differences_length", "Differences of length", "difference of means (variant − baseline)",
     ("mean",), 1.0),
)  # fmt: skip
ERRORS = {
    "factual_error_rate": ("factual error rate (% of answers)", "answers"),
    "fact_miss_rate": ("fact miss rate (% of facts)", "facts"),
    "cer": ("CER (%)", "characters"),
}


def difference_figures(found: Comparisons, footer: str) -> list[Figure]:
    """One figure a unit, a row a metric: over all suites, or in the only one."""
    whole = [c for c in found.differences if c.suite == ALL_SUITES] or list(found.differences)
    figures, changed = [], {c.metric for c in whole if c.num_changed}
    for name, title, axis, units, scale in _KINDS:
        estimates = [
            _difference(c, scale)
            for c in whole
            if COMPARED[c.metric].unit.startswith(units) and is_shown(c.metric, changed)
        ]
        if estimates:
            drawing = intervals(
                estimates, title=translate(title), axis=translate(axis), num_of="pairs",
                footer=footer, is_signed=True,
            )  # fmt: skip
            caption = (
                "{title}, paired by turn. Full markers: a difference after Holm's adjustment; "
                "hollow ones may be chance; without a bar fewer than 10 conversations. What no turn "
                "changed is left out."
            )
            figures.append(Figure(name, drawing, translate(caption, title=translate(title))))
    return figures


def _difference(c: Comparison, scale: float) -> Estimate:
    metric = COMPARED[c.metric]
    factor = 1000.0 if metric.unit.startswith("s,") else scale
    low, high = c.interval or (c.difference, c.difference)
    wanted = "less is better" if metric.better == "lower" else "more is better"
    return Estimate(
        f"{translate(metric.title)}\n{translate(wanted)}",
        f"{c.variant} − {c.baseline}",
        factor * c.difference,
        factor * low,
        factor * high,
        c.num_pairs,
        is_hollow=c.outcome == "no difference seen",
    )


def trade_figure(errors: Report, latency: Report, metric: str) -> Figure | None:
    """Errors of each variant against its response latency; None without either.

    Args:
        errors: Whose rates are taken.
        latency: Whose latencies, of the variants of the same name.
        metric: Of `ERRORS`.
    """
    points = []
    for group in errors.whole:
        rate = group["metrics"].get(metric)
        times = _response(latency, group["variant"])
        if rate and times and rate["value"] is not None:
            low, high = rate["interval"] or (rate["value"], rate["value"])
            points.append(
                Point(group["variant"], times,
                      (100 * rate["value"], 100 * low, 100 * high), int(rate["n"]))
            )  # fmt: skip
    if not points:
        return None
    up, num_of = ERRORS[metric]
    footer = footer_of(errors)
    if latency is not errors:
        footer = f"errors: {footer} · latency: run {latency.run.run_id}"
    across = translate("response latency (s, p50, {pace} pace)", pace=pace_title(latency))
    drawing = trade(
        points, unbeaten(points), title=translate("Errors against latency"), up=translate(up),
        num_of=num_of, across=across, footer=footer,
    )  # fmt: skip
    caption = (
        "Each variant by how often it is wrong and how long it takes. The dashed line joins the "
        "variants that no other beats in both."
    )
    return Figure("trade", drawing, join_sentences(translate(caption), _beside(errors, metric)))


def _beside(report: Report, metric: str) -> str:
    """The rates of what a figure of factual errors, or of misses, never stands without."""
    if metric not in TOGETHER:
        return ""
    other = METRICS[next(name for name in TOGETHER if name != metric)]
    parts = [
        f"{group['variant']} {100 * found['value']:.1f} %"
        for group in report.whole
        if (found := group["metrics"].get(other.name)) and found["value"] is not None
    ]
    figures = {"title": translate(other.title), "rates": ", ".join(parts)}
    return translate("Beside it, {title}: {rates}.", **figures) if parts else ""


def _response(report: Report, variant: str) -> tuple[float, float, float] | None:
    group: GroupSummary | None = next(
        (group for group in report.whole if group["variant"] == variant), None
    )
    found = group["metrics"].get("response_latency_s") if group else None
    if not found or found["p50"] is None:
        return None
    low, high = found["interval"] or (found["p50"], found["p50"])
    return (found["p50"], low, high)


def unbeaten(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in one value without being worse in the other (Pareto), by
    the value across."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.across[0], p.up[0])):
        if not front or point.up[0] < front[-1].up[0]:
            front.append(point)
    return front
