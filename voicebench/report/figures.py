"""Which figures a report has: scored data in, drawings out."""

from __future__ import annotations

import base64
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from voicebench.errors import ConfigError, StorageError
from voicebench.metrics.stats import Counts, ratio_interval
from voicebench.report.data import Report, has_random_weights
from voicebench.report.drawing import Drawing
from voicebench.report.plots import Bar, Estimate, Sample, cumulative, intervals, stacked
from voicebench.report.tables import suite_label

RATES = (
    ("cer", "Characters heard wrongly", "CER (%)", "characters"),
    ("factual_error_rate", "Answers that state something false",
     "factual error rate (% of answers)", "answers"),
    ("fact_miss_rate", "Expected facts not stated", "fact miss rate (% of facts)", "facts"),
)  # fmt: skip
EARLY_WORK = (
    ("speculation_coverage", "turns drafted early", "turns"),
    ("speculation_hit_rate", "drafts kept", "drafts"),
    ("speculation_waste", "tokens thrown away", "tokens"),
    ("prefill_cached", "prompt tokens cached", "tokens"),
    ("premature_response_rate", "premature responses", "turns"),
)
MAX_BARS = 30
"""More bars than this are no figure any more: those of single suites are then left to the table."""


@dataclass(frozen=True)
class Figure:
    """A drawn figure: `name` is its file's name, `caption` says how to read it."""

    name: str
    drawing: Drawing
    caption: str

    @cached_property
    def svg(self) -> str:
        """The figure as one `<svg>` element."""
        return self.drawing.svg()

    def save(self, path: str | Path) -> Path:
        """Writes the figure as its file's name says, .svg or .png.

        Raises:
            ConfigError: Another ending.
            StorageError: The file cannot be written.
        """
        path = Path(path)
        if path.suffix not in (".svg", ".png"):
            raise ConfigError(f"{path} is no .svg and no .png", "Name one of the two")
        content = self.svg.encode() if path.suffix == ".svg" else self.drawing.png()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}") from error
        return path

    @property
    def uri(self) -> str:
        """The SVG as an address that an `<img>` takes."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"

    def _repr_html_(self) -> str:
        from voicebench.report.html import figure_html

        return figure_html(self)

    def __repr__(self) -> str:
        return f"Figure {self.name}: {self.caption} Write it with .save('{self.name}.png')"


def draw_figures(report: Report) -> list[Figure]:
    """Every figure that the records hold data for."""
    figures: list[Figure | None] = []
    if report.run.mode == "latency":
        figures = [
            waterfall_figure(report),
            latency_figure(report),
            suite_latency_figure(report),
            early_work_figure(report),
            saved_figure(report),
        ]
    if not has_random_weights(report.run):
        figures += [rate_figure(report, name) for name, *_ in RATES]
        if report.run.mode == "quality":
            figures.append(attribution_figure(report))
    return [figure for figure in figures if figure]


def footer_of(report: Report) -> str:
    """Where a figure comes from."""
    run = report.run
    return f"run {run.run_id} · profile {run.profile.get('name')} · commit {run.git_commit[:8]}"


def rate_figure(report: Report, metric: str) -> Figure | None:
    """One of `RATES` by suite and variant."""
    _, title, axis, num_of = next(rate for rate in RATES if rate[0] == metric)
    estimates = [
        _estimate(suite_label(report, group["suite"]), group["variant"], found)
        for group in report.groups
        if (found := group["metrics"].get(metric)) and found["value"] is not None
    ]
    if not estimates:
        return None
    drawing = intervals(
        estimates, title=title, axis=axis, num_of=num_of, footer=footer_of(report)
    )  # fmt: skip
    return Figure(metric, drawing, f"{title}, by suite and variant, with 95 % intervals.")


def _estimate(group: str, series: str, metric: Mapping[str, Any]) -> Estimate:
    """A rate, in per cent."""
    value = metric["value"]
    low, high = metric["interval"] or (value, value)
    return Estimate(group, series, 100 * value, 100 * low, 100 * high, int(metric["n"]))


def latency_figure(report: Report) -> Figure | None:
    """The distribution of response latencies, a line a variant."""
    samples = []
    for group in report.whole:
        values = _latencies(report, group)
        found = group["metrics"].get("response_latency_s")
        if values and found:
            bounds = found["interval"]
            few = "p50 without 95 % interval: few conversations"
            note = "p50 [{:.3g}, {:.3g}]".format(*bounds) if bounds else few
            samples.append(Sample(group["variant"], tuple(values), note))
    if not samples:
        return None
    pace = report.run.pace.replace("_", "-")
    drawing = cumulative(
        samples, title=f"Response latency, {pace} pace", footer=footer_of(report),
        axis="response latency (s from the end of speech to the first token)",
    )  # fmt: skip
    caption = (
        f"Share of turns answered within a time; in brackets 95 %. {_cut_off(report)} "
        f"{_premature(report)}"
    )
    return Figure("response_latency", drawing, caption.strip())


def _latencies(report: Report, group: Mapping[str, Any]) -> list[float]:
    return [
        value
        for _, measures in report.measured_of(group)
        if (value := measures.latencies.get("response_latency_s")) is not None
    ]


def _cut_off(report: Report) -> str:
    """How many turns have no latency because they were committed before the end of speech."""
    found = [group["metrics"].get("premature_endpoint_rate") for group in report.whole]
    counts = [each["counts"] for each in found if each]
    early, turns = (sum(c[name] for c in counts) for name in ("numerator", "denominator"))
    return f"Cut off, and in no latency: {early} of {turns} turns." if early else ""


def _premature(report: Report) -> str:
    """Of every variant that speculates, how often it answered too early."""
    parts = []
    for variant in report.run.variants:
        early = [m.is_premature for turn, m in report.measured if turn.variant == variant.name]
        if variant.speculation and early:
            parts.append(f"{sum(map(bool, early))} of {len(early)} with {variant.name}")
    return f"Premature responses: {', '.join(parts)}." if parts else ""


def suite_latency_figure(report: Report) -> Figure | None:
    """Median response latency by suite and variant, the p95 beside it."""
    estimates = []
    for group in report.groups:
        found = group["metrics"].get("response_latency_s")
        if found and found["p50"] is not None:
            low, high = found["interval"] or (found["p50"], found["p50"])
            label = suite_label(report, group["suite"])
            estimates.append(
                Estimate(label, group["variant"], found["p50"], low, high, found["n"], found["p95"])
            )
    if not estimates:
        return None
    pace = report.run.pace.replace("_", "-")
    drawing = intervals(
        estimates, title=f"Response latency by suite, {pace} pace", num_of="turns",
        axis="response latency (s)\nmarker: p50; stroke: p95", footer=footer_of(report),
    )  # fmt: skip
    return Figure("latency_by_suite", drawing, "Median response latency with its 95 % interval, "
                  "and the p95, by suite and variant.")  # fmt: skip


def waterfall_figure(report: Report) -> Figure | None:
    """Where the response latency goes, a bar a suite and variant."""
    every = [*report.groups, *report.overall, *report.apart]
    groups = [group for group in every if group["waterfall"]]
    if not groups:
        return None
    bars = [
        Bar(
            f"{_label(report, group)}\nturns n = {group['waterfall'][0]['n']:,}",
            tuple((f"{s['stage']} ({s['tag']})", 1000 * s["mean_s"]) for s in group["waterfall"]),
            _mean_interval_ms(report, group),
        )
        for group in groups
    ]
    drawing = stacked(
        bars, title="Where the response latency goes", footer=footer_of(report),
        axis="mean ms a turn, from the end of speech\nto the first token; "
        "black: its 95 % interval",
    )  # fmt: skip
    caption = (
        "Mean of each stage over the turns, so that the parts sum to the mean latency. "
        f"{_cut_off(report)}"
    ).strip()
    return Figure("waterfall", drawing, caption)


def _mean_interval_ms(report: Report, group: Mapping[str, Any]) -> tuple[float, float] | None:
    """The interval of the mean of what a bar of the waterfall sums up, by conversation."""
    sums: dict[Hashable, Counts] = {}
    for turn, measures in report.measured_of(group):
        if measures.stages:
            key = (turn.suite, turn.case_id)
            above, below = sums.get(key, (0.0, 0.0))
            sums[key] = (above + sum(seconds for *_, seconds in measures.stages), below + 1)
    found = ratio_interval(sums, is_share=False, num_resamples=500)
    return (1000 * found.low, 1000 * found.high) if found else None


def early_work_figure(report: Report) -> Figure | None:
    """What became of drafts and cached prompts, by variant."""
    estimates = [
        _estimate(f"{title}\nof {num_of}", group["variant"], found)
        for metric, title, num_of in EARLY_WORK
        for group in report.whole
        if _works_early(report, group)
        and (found := group["metrics"].get(metric))
        and found["value"] is not None
    ]
    if not estimates:
        return None
    drawing = intervals(
        estimates, title=_of_one("Speculation and prefill", estimates), axis="share (%)", num_of="",
        footer=footer_of(report),
    )  # fmt: skip
    return Figure("early_work", drawing, "Answers begun before the turn was committed, what became "
                  "of them, and what of the prompt was computed by then.")  # fmt: skip


def saved_figure(report: Report) -> Figure | None:
    """The time that early work saves a turn, by suite and variant."""
    estimates = [
        Estimate(suite_label(report, group["suite"]), group["variant"], found["value"],
                 bounds[0], bounds[1], int(found["n"]))
        for group in [*report.groups, *report.overall]
        if (found := group["metrics"].get("saved_ms"))
        and (bounds := found["interval"] or [found["value"]] * 2)
    ]  # fmt: skip
    if not estimates:
        return None
    drawing = intervals(
        estimates, title=_of_one("Time saved by early work", estimates), num_of="conversations",
        axis="saved response latency (ms a turn)", footer=footer_of(report), is_signed=True,
    )  # fmt: skip
    return Figure("saved", drawing, "Response latency of the variant without early work less this "
                  "one's, paired by turn; right of the line is faster.")  # fmt: skip


def _of_one(title: str, estimates: Sequence[Estimate]) -> str:
    """A title with the series where there is one, and so no legend."""
    series = {estimate.series for estimate in estimates}
    return f"{title}: {series.pop()}" if len(series) == 1 else title


def _works_early(report: Report, group: Mapping[str, Any]) -> bool:
    variant = next(v for v in report.run.variants if v.name == group["variant"])
    return variant.prefill or variant.speculation


def attribution_figure(report: Report) -> Figure | None:
    """Lost facts by the stage that lost them, a bar a suite and variant."""
    bars = []
    groups = [*report.groups, *report.overall]
    is_long = len(groups) > MAX_BARS and bool(report.overall)
    for group in report.overall if is_long else groups:
        found = [(s, group["metrics"].get(f"attribution_{s}")) for s in ("asr", "cleaning", "llm")]
        parts = tuple(
            ("lost by " + (s if s == "cleaning" else s.upper()), 100 * m["value"])
            for s, m in found
            if m
        )
        if parts and sum(length for _, length in parts) > 0:
            n = next(m["n"] for _, m in found if m)
            lost = group["metrics"]["attribution_lost"]["interval"]
            bounds = (100 * lost[0], 100 * lost[1]) if lost else None
            bars.append(Bar(f"{_label(report, group)}\nfacts n = {n:,}", parts, bounds))
    if not bars:
        return None
    drawing = stacked(
        bars, title="Which stage lost the facts", footer=footer_of(report),
        axis="lost facts (% of facts)\nblack: 95 % interval of all that was lost",
    )  # fmt: skip
    where = ", over all suites; by suite they stand in the table" if is_long else ""
    return Figure("attribution", drawing, f"Lost facts by the stage that lost them{where}.")


def _label(report: Report, group: Mapping[str, Any]) -> str:
    suite = suite_label(report, group["suite"])
    return f"{suite}\n{group['variant']}" if len(report.run.variants) > 1 else suite
