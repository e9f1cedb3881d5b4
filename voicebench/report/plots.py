"""Figures as SVG text: plain data in, no statistics inside.

Every figure carries n, units on its axes and the run id in its footer. Text is drawn as outlines,
so Chinese labels look the same on every machine. Colours are Okabe and Ito's (2008), told apart
with every common colour blindness; marker shapes and hatches repeat what the colour says.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicebench.report.fonts import font_families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999999", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "++", "ooo", "--")
WIDTH_IN = 5.4  # narrow enough that a phone shows 10 point text at a readable size

FOOTER_IN = 0.2
LEGEND_PT = 9
PNG_DPI = 160


@dataclass(frozen=True)
class Estimate:
    """A rate with its 95 % interval. `num` is what the rate is of: turns, answers, characters."""

    group: str
    series: str
    value: float
    low: float
    high: float
    num: int


@dataclass(frozen=True)
class Sample:
    """Measurements of one series, in the unit of the figure's axis."""

    series: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Bar:
    """A bar of contiguous parts: (name, length), in order."""

    label: str
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Point:
    """A value at a setting, with its 95 % interval where there is one."""

    x: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Curve:
    """One series of a panel, in the order of its settings."""

    series: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Panel:
    """Curves on one value axis; `axis` is its label, with its unit."""

    axis: str
    curves: tuple[Curve, ...]


def intervals(
    estimates: Sequence[Estimate],
    *,
    title: str,
    axis: str,
    num_of: str,
    footer: str,
    png: Path | None = None,
) -> str:
    """Rates by group (rows) and series (colour and marker), with intervals, in per cent.

    Args:
        estimates: At least one.
        title: What is shown.
        axis: Label of the value axis, with its unit.
        num_of: What n counts, for the row labels.
        footer: The run id.
        png: Where it is written as PNG too.

    Returns:
        The figure as one `<svg>` element.
    """
    groups = list(dict.fromkeys(estimate.group for estimate in estimates))
    series = list(dict.fromkeys(estimate.series for estimate in estimates))
    height = 1.5 + 0.3 * len(series) + len(groups) * max(0.45, 0.26 * len(series))
    with _style():
        figure, (axes,) = _figure(title, height, footer)
        for position, name in enumerate(series):
            chosen = [estimate for estimate in estimates if estimate.series == name]
            offset = (position - (len(series) - 1) / 2) * 0.7 / max(1, len(series))
            axes.errorbar(
                [100 * e.value for e in chosen],
                [groups.index(e.group) + offset for e in chosen],
                xerr=[
                    [100 * max(0.0, e.value - e.low) for e in chosen],
                    [100 * max(0.0, e.high - e.value) for e in chosen],
                ],
                fmt=MARKERS[position % len(MARKERS)],
                color=COLOURS[position % len(COLOURS)],
                capsize=3,
                markersize=6,
                label=name,
            )
        numbers = {e.group: {x.num for x in estimates if x.group == e.group} for e in estimates}
        labels = [f"{g}\n{num_of} n = {_span(numbers[g])}" for g in groups]
        axes.set_yticks(range(len(groups)), labels)
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlim(left=0, right=max(1.0, 1.08 * 100 * max(e.high for e in estimates)))
        axes.set_xlabel(f"{axis}\nbars: 95 % interval")
        return _svg(figure, num_legend_columns=2 if len(series) > 1 else 0, png=png)


def curves(
    panels: Sequence[Panel],
    *,
    title: str,
    axis: str,
    footer: str,
    chosen: float | None = None,
    is_doubling: bool = False,
    png: Path | None = None,
) -> str:
    """What follows from a setting: panels one below the other over the same setting.

    Args:
        panels: At least one; a series has the same colour, marker and line in all of them.
        title: What is shown.
        axis: Label of the setting's axis, with its unit.
        footer: The run id.
        chosen: The setting that is the default; marked by a vertical line.
        is_doubling: Whether the settings are powers of two, and stand at equal distances.
        png: Where it is written as PNG too.

    Returns:
        The figure as one `<svg>` element.
    """
    series = list(dict.fromkeys(curve.series for panel in panels for curve in panel.curves))
    shown: set[str] = set()
    with _style():
        height = 1.0 + 1.55 * len(panels) + 0.22 * len(series)
        figure, rows = _figure(title, height, footer, num_rows=len(panels))
        for axes, panel in zip(rows, panels, strict=True):
            for curve in panel.curves:
                _draw_curve(axes, curve, series.index(curve.series), is_labelled=shown)
            if chosen is not None:
                axes.axvline(chosen, color="#222222", linewidth=1.4, linestyle=":", zorder=1)
            axes.set_ylabel(panel.axis)
            axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
            axes.grid(visible=True, axis="y")
        settings = sorted({p.x for panel in panels for curve in panel.curves for p in curve.points})
        if is_doubling:
            rows[-1].set_xscale("log", base=2)
        rows[-1].set_xticks(settings, [f"{setting:g}" for setting in settings])
        rows[-1].minorticks_off()
        rows[-1].set_xlabel(axis + ("\ndotted: the default" if chosen is not None else ""))
        return _svg(figure, num_legend_columns=2 if len(series) > 1 else 0, png=png)


def _draw_curve(axes: Axes, curve: Curve, position: int, is_labelled: set[str]) -> None:
    points = curve.points
    bars = [
        [max(0.0, p.value - (p.value if p.low is None else p.low)) for p in points],
        [max(0.0, (p.value if p.high is None else p.high) - p.value) for p in points],
    ]
    axes.errorbar(
        [p.x for p in points],
        [p.value for p in points],
        yerr=bars if any(map(any, bars)) else None,
        fmt=MARKERS[position % len(MARKERS)],
        linestyle=LINES[position % len(LINES)],
        color=COLOURS[position % len(COLOURS)],
        markersize=5,
        linewidth=1.2,
        capsize=3,
        label="_" if curve.series in is_labelled else curve.series,
    )
    is_labelled.add(curve.series)


def cumulative(
    samples: Sequence[Sample], *, title: str, axis: str, footer: str, png: Path | None = None
) -> str:
    """Empirical distribution of each series with its p50 and p95 marked.

    Args:
        samples: Each with at least one value.
        title: What is shown.
        axis: Label of the value axis, with its unit.
        footer: The run id.
        png: Where it is written as PNG too.

    Returns:
        The figure as one `<svg>` element.
    """
    import numpy as np

    with _style():
        figure, (axes,) = _figure(title, 3.1 + 0.36 * len(samples), footer)
        for position, sample in enumerate(samples):
            colour = COLOURS[position % len(COLOURS)]
            values = np.sort(sample.values)
            p50, p95 = np.quantile(values, [0.5, 0.95])
            axes.step(
                np.concatenate([values[:1], values]),
                np.linspace(0, 1, len(values) + 1),
                where="post",
                color=colour,
                linestyle=LINES[position % len(LINES)],
                label=f"{sample.series} (n = {len(values)}): p50 {p50:.3g}, p95 {p95:.3g}",
            )
            axes.plot(
                [p50, p95],
                [0.5, 0.95],
                MARKERS[position % len(MARKERS)],
                color=colour,
                markersize=7,
                markeredgecolor="white",
            )
        for level, name in ((0.5, "p50"), (0.95, "p95")):
            axes.axhline(level, color="#888888", linewidth=0.7, linestyle=":", zorder=0)
            axes.annotate(
                name, (1, level), xycoords=("axes fraction", "data"), xytext=(4, -3),
                textcoords="offset points", color="#555555",
            )  # fmt: skip
        axes.set_ylim(0, 1.02)
        axes.set_xlim(left=min(0.0, min(min(sample.values) for sample in samples)))
        axes.set_xlabel(axis)
        axes.set_ylabel("share of turns")
        return _svg(figure, num_legend_columns=1, png=png)


def stacked(bars: Sequence[Bar], *, title: str, axis: str, footer: str) -> str:
    """Bars of contiguous parts, the same part in the same colour and hatch everywhere.

    Args:
        bars: At least one; a part may be missing from a bar.
        title: What is shown.
        axis: Label of the value axis, with its unit.
        footer: The run id.

    Returns:
        The figure as one `<svg>` element.
    """
    names = list(dict.fromkeys(name for bar in bars for name, _ in bar.parts))
    with _style():
        figure, (axes,) = _figure(title, 1.6 + 0.5 * len(bars) + 0.25 * len(names), footer)
        for row, bar in enumerate(bars):
            left = 0.0
            for name, length in bar.parts:
                position = names.index(name)
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
            axes.annotate(
                f"{left:.3g}", (left, row), xytext=(4, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
        axes.set_ylim(len(bars) - 0.5, -0.5)
        longest = max(sum(length for _, length in bar.parts) for bar in bars)
        axes.set_xlim(0, 1.15 * longest if longest else 1)
        axes.set_xlabel(axis)
        return _svg(figure, num_legend_columns=2)


def _style() -> AbstractContextManager[None]:
    import matplotlib as mpl

    return mpl.rc_context(
        {
            "font.family": list(font_families()),
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.grid.axis": "x",
            "axes.axisbelow": True,
            "axes.unicode_minus": False,
            "grid.color": "#e4e4e4",
            "hatch.linewidth": 0.6,
            "legend.fontsize": LEGEND_PT,
            "svg.fonttype": "path",
            "svg.hashsalt": "voicebench",  # the same data gives the same file
        }
    )


def _figure(
    title: str, height_in: float, footer: str, num_rows: int = 1
) -> tuple[Figure, list[Axes]]:
    # the object interface: pyplot keeps global state and may look for a display
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    footer_height = FOOTER_IN / height_in
    layout = ConstrainedLayoutEngine(rect=(0, footer_height, 1, 1 - footer_height))
    figure = Figure(figsize=(WIDTH_IN, height_in), layout=layout)
    rows = list(figure.subplots(num_rows, sharex=True, squeeze=False)[:, 0])
    rows[0].set_title(title, loc="left", fontweight="normal")
    figure.text(0.99, 0.3 * footer_height, footer, fontsize=7, color="#666666", ha="right")
    return figure, rows


def _svg(figure: Figure, num_legend_columns: int, png: Path | None = None) -> str:
    if num_legend_columns:
        # The layout keeps the axes off the footer, but not the legend: its distance has to.
        distance = FOOTER_IN * 72 / LEGEND_PT
        figure.legend(
            loc="outside lower left",
            frameon=False,
            ncols=num_legend_columns,
            borderaxespad=distance,
        )
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    if png is not None:
        figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def _seen_before(bars: Sequence[Bar], row: int, name: str) -> bool:
    return any(name == earlier for bar in bars[:row] for earlier, _ in bar.parts)


def _span(numbers: set[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
