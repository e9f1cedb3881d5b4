"""What every figure shares: style, size, footer, legend, and its two forms, SVG and PNG.

Text is drawn as outlines, so Chinese labels look the same on every machine. Colours are Okabe and
Ito's (2008), told apart with every common colour blindness; marker shapes and hatches repeat what
the colour says, so that a figure survives a grey printer.
"""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicebench.report.fonts import font_families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999999", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "++", "ooo", "--")
WIDTH_IN = 5.4  # narrow enough that a phone shows 10 point text at a readable size
PNG_DPI = 200

FOOTER_IN = 0.2
LEGEND_PT = 9
TITLE_PT = 11


_CLIP_PATH = re.compile(r"\bp[0-9a-f]{10}\b")


@dataclass(frozen=True)
class Drawing:
    """A finished figure."""

    figure: Figure

    def svg(self) -> str:
        """One `<svg>` element; the same data gives the same text."""
        file = io.StringIO()
        with style():
            self.figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
        text = file.getvalue()
        return _with_stable_ids(text[text.index("<svg") :])

    def png(self, dpi: int = PNG_DPI) -> bytes:
        """An image on white."""
        file = io.BytesIO()
        with style():
            self.figure.savefig(file, format="png", dpi=dpi, facecolor="white")
        return file.getvalue()


def _with_stable_ids(svg: str) -> str:
    """Names clip paths by what is drawn: matplotlib names some by where they lie in memory."""
    names = list(dict.fromkeys(_CLIP_PATH.findall(svg)))
    drawn = hashlib.sha256(_CLIP_PATH.sub("", svg).encode()).hexdigest()[:10]
    return _CLIP_PATH.sub(lambda found: f"clip{drawn}_{names.index(found[0])}", svg)


def style() -> AbstractContextManager[None]:
    """Within it a figure is drawn and saved."""
    import matplotlib as mpl

    return mpl.rc_context(
        {
            "font.family": list(font_families()),
            "font.size": 10,
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


def begin(
    title: str, height_in: float, footer: str, width_in: float = WIDTH_IN
) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes, its title and its footer."""
    figure, (axes,) = begin_rows(title, (1.0,), height_in, footer, width_in)
    return figure, axes


def begin_rows(
    title: str, heights: tuple[float, ...], height_in: float, footer: str, width_in: float
) -> tuple[Figure, tuple[Axes, ...]]:
    """An empty figure with axes one below the other, of relative `heights`, sharing their x."""
    figure = _begin(title, height_in, footer, width_in)
    rows = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    return figure, tuple(rows)


def begin_grid(
    title: str, shape: tuple[int, int], height_in: float, footer: str, width_in: float
) -> tuple[Figure, tuple[tuple[Axes, ...], ...]]:
    """An empty figure with rows and columns of axes that share y in a row and x in a column."""
    figure = _begin(title, height_in, footer, width_in)
    grid = figure.subplots(*shape, sharex="col", sharey="row", squeeze=False)
    return figure, tuple(tuple(row) for row in grid)


def _begin(title: str, height_in: float, footer: str, width_in: float) -> Figure:
    # the object interface: pyplot keeps global state and may look for a display
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    footer_height = FOOTER_IN / height_in
    layout = ConstrainedLayoutEngine(rect=(0, footer_height, 1, 1 - footer_height))
    figure = Figure(figsize=(width_in, height_in), layout=layout)
    figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE_PT)  # axes may begin far to the right
    figure.text(0.99, 0.3 * footer_height, footer, fontsize=7, color="#666666", ha="right")
    return figure


def finish(
    figure: Figure, num_legend_columns: int = 0, entries: tuple[Any, Any] | tuple[()] = ()
) -> Drawing:
    """The figure with a legend below it, if it needs one: of all labels, or of these entries."""
    if num_legend_columns:
        # The layout keeps the axes off the footer, but not the legend: its distance has to.
        distance = FOOTER_IN * 72 / LEGEND_PT
        figure.legend(
            *entries,
            loc="outside lower left",
            frameon=False,
            ncols=num_legend_columns,
            borderaxespad=distance,
        )
    return Drawing(figure)
