"""Kinds of figures: plain data in, a drawing out, no statistics inside.

Every figure carries n and intervals, units on its axes and the run id in its footer
(`drawing` has what they share).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicebench.report.drawing import (
    COLOURS,
    HATCHES,
    LINES,
    MARKERS,
    WIDTH_IN,
    Drawing,
    begin,
    begin_grid,
    finish,
    style,
)
from voicebench.report.formatting import significant
from voicebench.words import translate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_STEPS = 500
"""More steps of a distribution than this cannot be told apart on paper."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval.

    Attributes:
        group: Its row.
        series: Its colour and marker.
        value: In the unit of the axis, as `low` and `high`.
        low: Lower bound.
        high: Upper bound.
        num: What it stands on: turns, answers, characters.
        tail: A further value, marked by a stroke, such as a p95.
        is_hollow: Whether its marker is empty.
    """

    group: str
    series: str
    value: float
    low: float
    high: float
    num: int
    tail: float | None = None
    is_hollow: bool = False


@dataclass(frozen=True)
class Sample:
    """Measurements of one series, in the unit of the figure's axis; `note` is added to its label."""

    series: str
    values: tuple[float, ...]
    note: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar of contiguous parts: (name, length), in order; `interval` is drawn on it."""

    label: str
    parts: tuple[tuple[str, float], ...]
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Point:
    """A variant by two values, each (value, low, high)."""

    label: str
    across: tuple[float, float, float]
    up: tuple[float, float, float]
    num: int


def intervals(
    estimates: Sequence[Estimate],
    *,
    title: str,
    axis: str,
    num_of: str,
    footer: str,
    is_signed: bool = False,
) -> Drawing:
    """Values by group (rows) and series (colour and marker), with intervals.

    Args:
        estimates: At least one.
        title: What is shown.
        axis: Label of the value axis, with its unit.
        num_of: What n counts, for the row labels.
        footer: The run id.
        is_signed: Whether the values are differences, on both sides of a line at 0.
    """
    groups = list(dict.fromkeys(estimate.group for estimate in estimates))
    series = list(dict.fromkeys(estimate.series for estimate in estimates))
    height = 1.5 + 0.3 * len(series) + len(groups) * max(0.45, 0.26 * len(series))
    with style():
        figure, axes = begin(title, height, footer)
        for position, name in enumerate(series):
            offset = (position - (len(series) - 1) / 2) * 0.7 / max(1, len(series))
            chosen = [estimate for estimate in estimates if estimate.series == name]
            _draw_series(axes, chosen, [groups.index(e.group) + offset for e in chosen], position)
        numbers = {e.group: {x.num for x in estimates if x.group == e.group} for e in estimates}
        labels = [f"{g}\n{translate(num_of)} n = {_span(numbers[g])}" for g in groups]
        axes.set_yticks(range(len(groups)), labels)
        axes.set_ylim(len(groups) - 0.5, -0.5)
        if is_signed:
            axes.axvline(0, color="#555555", linewidth=0.9, zorder=1)
            axes.margins(x=0.08)
        else:
            right = max(max(e.high, e.tail or 0.0) for e in estimates)
            axes.set_xlim(left=0, right=1.08 * right or 1.0)
        axes.set_xlabel(f"{axis}\n{translate('bars: 95 % interval')}")
        return finish(figure, num_legend_columns=2 if len(series) > 1 else 0)


def _draw_series(
    axes: Axes, chosen: Sequence[Estimate], rows: Sequence[float], position: int
) -> None:
    colour, marker = COLOURS[position % len(COLOURS)], MARKERS[position % len(MARKERS)]
    axes.errorbar(
        [e.value for e in chosen],
        rows,
        xerr=[
            [max(0.0, e.value - e.low) for e in chosen],
            [max(0.0, e.high - e.value) for e in chosen],
        ],
        fmt="none",
        ecolor=colour,
        capsize=3,
    )
    for is_hollow in (False, True):
        of_kind = [
            (e, row) for e, row in zip(chosen, rows, strict=True) if e.is_hollow == is_hollow
        ]
        if of_kind:
            axes.plot(
                [e.value for e, _ in of_kind], [row for _, row in of_kind], marker,
                markersize=6, color=colour, markerfacecolor="white" if is_hollow else colour,
                label="_" if is_hollow and len(of_kind) < len(chosen) else chosen[0].series,
            )  # fmt: skip
    tails = [(e.tail, row) for e, row in zip(chosen, rows, strict=True) if e.tail is not None]
    axes.plot([x for x, _ in tails], [row for _, row in tails], "|", color=colour, markersize=10,
              markeredgewidth=2)  # fmt: skip


def cumulative(samples: Sequence[Sample], *, title: str, axis: str, footer: str) -> Drawing:
    """Empirical distribution of each series with its p50, p95 and p99 marked.

    Args:
        samples: Each with at least one value.
        title: What is shown.
        axis: Label of the value axis, with its unit.
        footer: The run id.
    """
    import numpy as np

    levels = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    with style():
        lines = sum(1 + bool(sample.note) for sample in samples)
        figure, axes = begin(title, 3.1 + 0.24 * lines + 0.12 * len(samples), footer)
        for position, sample in enumerate(samples):
            colour = COLOURS[position % len(COLOURS)]
            values = np.sort(sample.values)
            marks = np.quantile(values, list(levels.values()))
            named = ", ".join(f"{n} {significant(v)}" for n, v in zip(levels, marks, strict=True))
            shares = np.linspace(0, 1, len(values) + 1)
            if len(values) > MOST_STEPS:
                shares = np.linspace(0, 1, MOST_STEPS + 1)
                values = np.quantile(values, shares[1:])
            label = f"{sample.series} (n = {len(sample.values):,}): {named}"
            axes.step(
                np.concatenate([values[:1], values]),
                shares,
                where="post",
                color=colour,
                linestyle=LINES[position % len(LINES)],
                label=f"{label}\n{sample.note}" if sample.note else label,
            )
            axes.plot(
                marks,
                list(levels.values()),
                MARKERS[position % len(MARKERS)],
                color=colour,
                markersize=7,
                markeredgecolor="white",
            )
        for name in ("p50", "p95"):
            axes.axhline(levels[name], color="#888888", linewidth=0.7, linestyle=":", zorder=0)
            axes.annotate(
                name, (1, levels[name]), xycoords=("axes fraction", "data"), xytext=(4, -3),
                textcoords="offset points", color="#555555",
            )  # fmt: skip
        axes.set_ylim(0, 1.02)
        axes.set_xlim(left=min(0.0, min(min(sample.values) for sample in samples)))
        axes.set_xlabel(axis)
        axes.set_ylabel(translate("share of turns"))
        return finish(figure, num_legend_columns=1)


def stacked(
    bars: Sequence[Bar],
    *,
    title: str,
    axis: str,
    footer: str,
    has_totals: bool = True,
    looks: Mapping[str, int] | None = None,
) -> Drawing:
    """Bars of contiguous parts, the same part in the same colour and hatch everywhere.

    Args:
        bars: At least one; a part may be missing from a bar.
        title: What is shown.
        axis: Label of the value axis, with its unit.
        footer: The run id.
        has_totals: Whether the sum of the parts is written behind a bar.
        looks: Place of each part's colour; in order of appearance where it is left out.
    """
    names = list(dict.fromkeys(name for bar in bars for name, _ in bar.parts))
    looks = looks or {name: place for place, name in enumerate(names)}
    with style():
        lines = max(bar.label.count("\n") + 1 for bar in bars)
        height = 1.6 + max(0.5, 0.19 * lines + 0.06) * len(bars) + 0.25 * ((len(names) + 1) // 2)
        figure, axes = begin(title, height, footer)
        for row, bar in enumerate(bars):
            _draw_bar(axes, row, bar, looks, bars)
            total = sum(length for _, length in bar.parts)
            end = max(total, bar.interval[1] if bar.interval else 0.0)
            if has_totals:
                axes.annotate(
                    significant(total), (end, row), xytext=(5, 0), textcoords="offset points",
                    va="center",
                )  # fmt: skip
        axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
        axes.set_ylim(len(bars) - 0.5, -0.5)
        longest = max(
            max(sum(length for _, length in bar.parts), *(bar.interval or (0.0,))) for bar in bars
        )
        axes.set_xlim(0, (1.15 if has_totals else 1.0) * longest if longest else 1)
        axes.set_xlabel(axis)
        return finish(figure, num_legend_columns=2)


def _draw_bar(
    axes: Axes, row: int, bar: Bar, looks: Mapping[str, int], bars: Sequence[Bar]
) -> None:
    left = 0.0
    for name, length in bar.parts:
        position = looks[name]
        round_number = position // len(COLOURS)  # a colour again gets another hatch
        axes.barh(
            row,
            length,
            left=left,
            height=0.6,
            color=COLOURS[position % len(COLOURS)],
            hatch=HATCHES[(position + round_number) % len(HATCHES)],
            edgecolor="white",
            linewidth=0.6,
            label="_" if _seen_before(bars, row, name) else name,
        )
        left += length
    if bar.interval:
        low, high = bar.interval
        for width, colour in ((3.2, "white"), (1.2, "black")):  # white around black: on any colour
            axes.errorbar(
                (low + high) / 2, row, xerr=(high - low) / 2, ecolor=colour, elinewidth=width,
                capsize=4, capthick=width, fmt="none",
            )  # fmt: skip


def trade(
    points: Sequence[Point],
    front: Sequence[Point],
    *,
    title: str,
    across: str,
    up: str,
    num_of: str,
    footer: str,
) -> Drawing:
    """Variants by two values of which less is better, with intervals of both.

    Args:
        points: At least one.
        front: Those that no other beats in both, in order.
        title: What is shown.
        across: Label of the horizontal axis, with its unit.
        up: Label of the vertical axis, with its unit.
        num_of: What n counts.
        footer: The run id.
    """
    with style():
        figure, axes = begin(title, 3.6 + 0.24 * len(points), footer)
        axes.step(
            [p.across[0] for p in front], [p.up[0] for p in front], where="post",
            color="#888888", linestyle="--", linewidth=1, zorder=1,
            label=translate("no variant is better in both"),
        )  # fmt: skip
        for position, point in enumerate(points):
            (x, x_low, x_high), (y, y_low, y_high) = point.across, point.up
            axes.errorbar(
                x, y, xerr=[[x - x_low], [x_high - x]], yerr=[[y - y_low], [y_high - y]],
                fmt=MARKERS[position % len(MARKERS)], color=COLOURS[position % len(COLOURS)],
                capsize=3, markersize=7, label=f"{point.label} ({translate(num_of)} n = {point.num:,})",
            )  # fmt: skip
        axes.grid(visible=True, axis="y")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=min(0.0, *(p.up[1] for p in points)))
        axes.set_xlabel(f"{across}\n{translate('bars: 95 % intervals; lower left is better')}")
        axes.set_ylabel(up)
        return finish(figure, num_legend_columns=1)


def _seen_before(bars: Sequence[Bar], row: int, name: str) -> bool:
    return any(name == earlier for bar in bars[:row] for earlier, _ in bar.parts)


def _span(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def multiples(
    rows: Mapping[str, Mapping[str, Sequence[Estimate]]], *, title: str, footer: str
) -> Drawing:
    """Small figures in rows and columns: estimates against a level, left the easiest.

    Args:
        rows: Label of the value axis to column to estimates; an estimate's group is its level. All
            rows have the same columns, and a column has the same levels in each of them.
        title: What is shown.
        footer: The run id.
    """
    columns = {name: levels for panels in rows.values() for name, levels in panels.items()}
    series = list(dict.fromkeys(e.series for panels in rows.values() for es in panels.values()
                                for e in es))  # fmt: skip
    with style():
        height = 1.2 + 1.5 * len(rows) + 0.13 * len(series)
        width = max(WIDTH_IN, min(9.2, 2.4 + 1.7 * len(columns)))
        figure, grid = begin_grid(title, (len(rows), len(columns)), height, footer, width)
        for (label, panels), line in zip(rows.items(), grid, strict=True):
            line[0].set_ylabel(label)
            for name, axes in zip(columns, line, strict=True):
                levels = list(dict.fromkeys(e.group for e in panels[name]))
                here = list(dict.fromkeys(e.series for e in panels[name]))
                for place, each in enumerate(here):
                    chosen = [e for e in panels[name] if e.series == each]
                    shift = 0.6 * (place - (len(here) - 1) / 2) / len(here)
                    _draw_levels(axes, chosen, levels, shift, series.index(each))
                axes.set_xticks(range(len(levels)), levels, rotation=40, ha="right", fontsize=8)
                axes.set_xlim(-0.5, len(levels) - 0.5)
                axes.set_ylim(bottom=0, top=max(1.0, axes.get_ylim()[1]))
                axes.grid(visible=True, axis="y")
        for name, axes in zip(columns, grid[0], strict=True):
            axes.set_title(name, fontsize=10, loc="left")
        entries = {
            name: handle
            for line in grid
            for axes in line
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        num_columns = (3 if width > 7 else 2) if len(series) > 1 else 0
        return finish(figure, num_columns, (list(entries.values()), list(entries)))


def _draw_levels(
    axes: Axes, chosen: Sequence[Estimate], levels: Sequence[str], shift: float, position: int
) -> None:
    if not chosen:
        return
    axes.errorbar(
        [levels.index(e.group) + shift for e in chosen],
        [e.value for e in chosen],
        yerr=[
            [max(0.0, e.value - e.low) for e in chosen],
            [max(0.0, e.high - e.value) for e in chosen],
        ],
        color=COLOURS[position % len(COLOURS)],
        marker=MARKERS[position % len(MARKERS)],
        linestyle=LINES[position % len(LINES)],
        markersize=4,
        linewidth=1.1,
        elinewidth=0.8,
        capsize=2,
        clip_on=False,
        label=chosen[0].series,
    )
