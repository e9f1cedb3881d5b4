"""The comparison of arms drawn: distributions of latencies, and where the time went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicebench.report.fonts import font_families
from voicebench.report.plots import COLOURS, HATCHES, LINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {
    "response_latency_s": "from the end of speech\n(endpoint wait in it)",
    "after_commit_s": "from the endpoint's decision\n(without the wait)",
}


def draw(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    arms: Mapping[str, Mapping[str, Any]],
    title: str,
    footer: str,
) -> list[Path]:
    """Writes `latency` and `waterfall` as PNG and SVG.

    Args:
        folder: Where they go.
        rows: From `row_of`, one a turn.
        arms: From `summarize`.
        title: What was measured.
        footer: Where the figures come from.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style = {"font.family": list(font_families()), "font.size": 9, "axes.spines.top": False,
             "axes.spines.right": False, "svg.fonttype": "path", "svg.hashsalt": "voicebench",
             "hatch.linewidth": 0.6}  # fmt: skip
    paths = []
    with mpl.rc_context(style):
        figure = Figure(figsize=(8.4, 3.9), layout="constrained")
        for axes, (name, axis) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
            _distributions(axes, rows, list(arms), name)
            axes.set_xlabel(f"first answer token, ms {axis}")
        figure.axes[0].set_ylabel("share of turns")
        figure.suptitle(f"{title}\n{footer}", fontsize=9)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        paths += _save(figure, folder / "latency")
        figure = Figure(figsize=(8.4, 1.6 + 0.5 * len(arms)), layout="constrained")
        axes = figure.subplots()
        _waterfalls(axes, arms)
        figure.suptitle(f"{title}\n{footer}", fontsize=9)
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
        paths += _save(figure, folder / "waterfall")
    return paths


def _distributions(
    axes: Axes, rows: Sequence[Mapping[str, Any]], arms: Sequence[str], name: str
) -> None:
    for number, arm in enumerate(arms):
        times = (row["times"][name] for row in rows if row["arm"] == arm)
        values = np.sort([1000 * value for value in times if value is not None])
        if not len(values):
            continue
        axes.step(
            np.concatenate([values[:1], values]),
            np.linspace(0, 1, len(values) + 1),
            where="post",
            color=COLOURS[number],
            linestyle=LINES[number % len(LINES)],
            label=f"{arm} (n = {len(values)})",
        )
    for level in (0.5, 0.95):
        axes.axhline(level, color="#888888", linewidth=0.7, linestyle=":")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)


def _waterfalls(axes: Axes, arms: Mapping[str, Mapping[str, Any]]) -> None:
    stages = list(dict.fromkeys(s for arm in arms.values() for s, _, _ in arm["waterfall_mean_s"]))
    seen = set()
    for line, arm in enumerate(arms.values()):
        left = 0.0
        for stage, _, mean_s in arm["waterfall_mean_s"]:
            place = stages.index(stage)
            axes.barh(
                line,
                1000 * mean_s,
                left=left,
                height=0.6,
                color=COLOURS[place % len(COLOURS)],
                hatch=HATCHES[(place + place // len(COLOURS)) % len(HATCHES)],
                edgecolor="white",
                label=stage.replace("_", " ") if stage not in seen else f"_{stage}",
            )
            seen.add(stage)
            left += 1000 * mean_s
        axes.annotate(f" {left:.0f}", (left, line), va="center")
    axes.set_yticks(range(len(arms)), list(arms))
    axes.invert_yaxis()
    axes.set_xlabel("mean ms of each stage, from the end of speech to the first answer token")


def _save(figure: Any, stem: Path) -> list[Path]:
    paths = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
    for path in paths:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    return paths
