"""Curves over a setting: what follows when it is swept, panels one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicebench.report.drawing import (
    COLOURS,
    LINES,
    MARKERS,
    WIDTH_IN,
    Drawing,
    begin_rows,
    finish,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Setting:
    """A value at a setting `x`, with its 95 % interval where there is one."""

    x: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Curve:
    """One series of a panel, in the order of its settings."""

    series: str
    points: tuple[Setting, ...]


@dataclass(frozen=True)
class Panel:
    """Curves on one value axis; `axis` is its label, with its unit."""

    axis: str
    curves: tuple[Curve, ...]


def curves(
    panels: Sequence[Panel],
    *,
    title: str,
    axis: str,
    footer: str,
    chosen: float | None = None,
    is_doubling: bool = False,
) -> Drawing:
    """Draws panels over the same setting.

    Args:
        panels: At least one; a series has the same colour, marker and line in all of them.
        title: What is shown.
        axis: Label of the setting's axis, with its unit.
        footer: The run id.
        chosen: The setting that is the default; marked by a vertical line.
        is_doubling: Whether the settings are powers of two, and stand at equal distances.
    """
    series = list(dict.fromkeys(curve.series for panel in panels for curve in panel.curves))
    shown: set[str] = set()
    with style():
        height = 1.0 + 1.55 * len(panels) + 0.22 * len(series)
        figure, rows = begin_rows(title, (1.0,) * len(panels), height, footer, WIDTH_IN)
        for axes, panel in zip(rows, panels, strict=True):
            for curve in panel.curves:
                _draw(axes, curve, series.index(curve.series), shown)
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
        return finish(figure, num_legend_columns=2 if len(series) > 1 else 0)


def _draw(axes: Axes, curve: Curve, position: int, labelled: set[str]) -> None:
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
        label="_" if curve.series in labelled else curve.series,
    )
    labelled.add(curve.series)
