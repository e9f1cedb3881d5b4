"""How a figure has moved from run to run: what was measured alike, in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from voicebench.metrics.registry import Metric, shown_in
from voicebench.metrics.summary_schema import MetricValue
from voicebench.report.data import Report
from voicebench.report.drawing import COLOURS, LINES, MARKERS, Drawing, begin, finish, style
from voicebench.report.figures import Figure, pace_title
from voicebench.words import join_sentences, translate

_MOST_RUNS = 20


@dataclass(frozen=True)
class Spot:
    """One run's value in a trend: `place` is the run's, from 0."""

    place: int
    value: float
    low: float
    high: float
    num: int


def trend_figures(reports: Sequence[Report]) -> list[Figure]:
    """A figure a metric, for every kind of run that there is more than one of.

    Runs are of one kind when they have profile, mode, pace and suites in common; a line joins one
    variant of one kind. Times are joined on one machine alone.
    """
    kinds: dict[tuple[Any, ...], list[Report]] = {}
    for report in sorted(reports, key=lambda each: each.run.created_at):
        kinds.setdefault(_kind(report), []).append(report)
    figures = []
    for number, members in enumerate(kinds.values(), 1):
        if len(members) > 1:
            for metric in shown_in("trend"):
                figure = _figure(members[-_MOST_RUNS:], metric, number)
                figures += [figure] if figure else []
    return figures


def _kind(report: Report) -> tuple[Any, ...]:
    run = report.run
    return (run.profile.get("name"), run.mode, run.pace, tuple(sorted(run.suite_sha256.items())))


def _figure(members: Sequence[Report], metric: Metric, number: int) -> Figure | None:
    is_time, factor = not metric.is_rate, 100.0 if metric.is_rate else 1.0
    axis = f"{translate(metric.title)} ({translate(metric.unit)})"
    series: dict[str, list[Spot]] = {}
    machines = list(dict.fromkeys(_machine(report) for report in members))
    for place, report in enumerate(members):
        for group in report.whole:
            spot = _spot(place, group["metrics"].get(metric.name), factor)
            if spot:
                name = group["variant"]
                if is_time and len(machines) > 1:
                    name += f", {translate('machine')} {machines.index(_machine(report)) + 1}"
                series.setdefault(name, []).append(spot)
    if not series or sum(map(len, series.values())) < 2:
        return None
    run = members[0].run
    about = f"{run.profile.get('name')}, {translate(run.mode)}, {pace_title(members[0])}"
    ids = f"runs {members[0].run.run_id} to {members[-1].run.run_id}"
    labels = [f"{r.run.git_commit[:8]}{'*' if r.run.git_dirty else ''}" for r in members]
    title = translate(metric.title)
    drawing = _draw(series, labels, f"{title}: {about}", axis, ids)
    caption = translate(
        "{title} of {suites} from run to run, with 95 % intervals; * marks code with changes not "
        "committed.", title=title, suites=", ".join(run.suites),
    )  # fmt: skip
    if is_time and len(machines) > 1:
        caption = join_sentences(
            caption, translate("Machines: {names}.", names="; ".join(machines))
        )
    return Figure(f"trend_{number}_{metric.name}", drawing, caption)


def _machine(report: Report) -> str:
    machine = report.run.machine
    gpus = ", ".join(str(gpu.get("name")) for gpu in machine.get("gpus", []))
    return f"{machine.get('cpu')}{f' with {gpus}' if gpus else ''}"


def _spot(place: int, metric: MetricValue | None, factor: float) -> Spot | None:
    if not metric:
        return None
    value = metric.get("value", metric.get("p50"))
    if value is None:
        return None
    low, high = metric.get("interval") or (value, value)
    return Spot(place, factor * value, factor * low, factor * high, int(metric["n"]))


def _draw(
    series: dict[str, list[Spot]], labels: Sequence[str], title: str, axis: str, footer: str
) -> Drawing:
    with style():
        figure, axes = begin(title, 3.2 + 0.24 * len(series), f"{footer}")
        for position, (name, spots) in enumerate(series.items()):
            shift = (position - (len(series) - 1) / 2) * 0.12
            least, most = min(s.num for s in spots), max(s.num for s in spots)
            num = f"{least:,}" if least == most else f"{least:,}–{most:,}"
            axes.errorbar(
                [spot.place + shift for spot in spots],
                [spot.value for spot in spots],
                yerr=[
                    [max(0.0, s.value - s.low) for s in spots],
                    [max(0.0, s.high - s.value) for s in spots],
                ],
                color=COLOURS[position % len(COLOURS)],
                marker=MARKERS[position % len(MARKERS)],
                linestyle=LINES[position % len(LINES)],
                capsize=3,
                label=f"{name} (n = {num})",
            )
        axes.set_xticks(range(len(labels)), labels, rotation=45 if len(labels) > 4 else 0,
                        ha="right" if len(labels) > 4 else "center", fontsize=8)  # fmt: skip
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, axis="y")
        axes.grid(visible=False, axis="x")
        axes.set_xlabel(translate("commit, in order of the runs"))
        axes.set_ylabel(axis)
        return finish(figure, num_legend_columns=2)
