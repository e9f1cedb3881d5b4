"""Which figures a report has: scored data in, drawings out."""

from __future__ import annotations

import base64
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from voicebench.errors import ConfigError, StorageError
from voicebench.metrics.stats import Counts, ratio_interval
from voicebench.metrics.summary_schema import GroupSummary, MetricValue
from voicebench.report.data import Report, has_random_weights
from voicebench.report.drawing import Drawing
from voicebench.report.formatting import interval_text
from voicebench.report.plots import Bar, Estimate, Sample, cumulative, intervals, stacked
from voicebench.report.tables import suite_label
from voicebench.words import join_sentences, kind_title, stage_title, translate

RATES = (
    ("cer", "Characters heard wrongly", "CER (%)", "characters"),
    ("factual_error_rate", "Answers that state something false",
     "factual error rate (% of answers)", "answers"),
    ("fact_miss_rate", "Expected facts not stated", "fact miss rate (% of facts)", "facts"),
)  # fmt: skip
EARLY_WORK = (
    ("speculation_coverage", "turns drafted early", "of turns"),
    ("speculation_hit_rate", "drafts kept", "of drafts"),
    ("speculation_waste", "tokens thrown away", "of tokens"),
    ("prefill_cached", "prompt tokens cached", "of tokens"),
    ("premature_response_rate", "premature responses", "of turns"),
)
MAX_BARS = 30
"""More bars than this are no figure any more: those of single suites are then left to the table."""

_WIDE = 700


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

    @property
    def width(self) -> int:
        """In pixels of a page."""
        return round(96 * float(self.drawing.figure.get_size_inches()[0]))

    @property
    def height(self) -> int:
        """In pixels of a page."""
        return round(96 * float(self.drawing.figure.get_size_inches()[1]))

    @property
    def is_wide(self) -> bool:
        """Whether it takes the whole width of a page."""
        return self.width > _WIDE

    def _repr_html_(self) -> str:
        from voicebench.report.html import fragment, image_html

        return fragment(image_html(self))

    def __repr__(self) -> str:
        return f"Figure {self.name}: {self.caption} Write it with .save('{self.name}.png')"


def draw_figures(report: Report) -> list[Figure]:
    """Every figure that the records hold data for."""
    from voicebench.report.scenario_figures import level_figure  # which draws with this module

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
        figures.append(level_figure(report))
        if report.run.mode == "quality":
            figures.append(attribution_figure(report))
    return [figure for figure in figures if figure]


def footer_of(report: Report) -> str:
    """Where a figure comes from."""
    run = report.run
    return f"run {run.run_id} · profile {run.profile.get('name')} · commit {run.git_commit[:8]}"


def pace_title(report: Report) -> str:
    """The run's pace for people."""
    return translate(report.run.pace.replace("_", "-"))


def rate_figure(report: Report, metric: str) -> Figure | None:
    """One of `RATES` by suite and variant."""
    _, title, axis, num_of = next(rate for rate in RATES if rate[0] == metric)
    estimates = shown_once(
        [
            rate_estimate(suite_label(report, group["suite"]), group["variant"], found)
            for group in report.groups
            if (found := group["metrics"].get(metric)) and found["value"] is not None
        ]
    )
    if len(estimates) > MAX_BARS and report.overall:
        estimates = [e for e in map(_whole(report, metric), report.overall) if e]
    if not estimates:
        return None
    drawing = intervals(
        estimates, title=translate(title), axis=translate(axis), num_of=num_of,
        footer=footer_of(report),
    )  # fmt: skip
    caption = "{title}, by suite and variant, with 95 % intervals."
    return Figure(metric, drawing, translate(caption, title=translate(title)))


def _whole(report: Report, metric: str) -> Callable[[GroupSummary], Estimate | None]:
    """A variant's rate over all suites, its row named by the variant."""

    def estimate(group: GroupSummary) -> Estimate | None:
        found = group["metrics"].get(metric)
        if not found or found["value"] is None:
            return None
        return rate_estimate(group["variant"], translate("all suites"), found)

    return estimate


def shown_once(estimates: Sequence[Estimate]) -> list[Estimate]:
    """One series for all variants where they have the same values in every group."""
    by_group: dict[str, set[tuple[float, int]]] = {}
    for e in estimates:
        by_group.setdefault(e.group, set()).add((e.value, e.num))
    if len({e.series for e in estimates}) < 2 or any(len(v) > 1 for v in by_group.values()):
        return list(estimates)
    first = {e.group: e for e in reversed(estimates)}
    return [replace(first[group], series=translate("all variants")) for group in by_group]


def rate_estimate(group: str, series: str, metric: MetricValue) -> Estimate:
    """A rate, in per cent."""
    value = metric["value"]
    assert value is not None
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
            few = translate("p50 without 95 % interval: few conversations")
            note = f"p50 {interval_text(bounds, 3, 1.0)}" if bounds else few
            samples.append(Sample(group["variant"], tuple(values), note))
    if not samples:
        return None
    pace = pace_title(report)
    drawing = cumulative(
        samples, title=translate("Response latency, {pace} pace", pace=pace),
        axis=translate("response latency (s from the end of speech to the first token)"),
        footer=footer_of(report),
    )  # fmt: skip
    caption = join_sentences(
        translate("Share of turns answered within a time; in brackets 95 %."), _cut_off(report),
        _premature(report),
    )  # fmt: skip
    return Figure("response_latency", drawing, caption.strip())


def _latencies(report: Report, group: GroupSummary) -> list[float]:
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
    text = "Cut off, and in no latency: {num} of {total} turns."
    return translate(text, num=early, total=turns) if early else ""


def _premature(report: Report) -> str:
    """Of every variant that speculates, how often it answered too early."""
    parts = []
    for variant in report.run.variants:
        early = [m.is_premature for turn, m in report.measured if turn.variant == variant.name]
        if variant.speculation and early:
            counts = {"num": sum(map(bool, early)), "total": len(early)}
            parts.append(
                translate("{num} of {total} with {variant}", **counts, variant=variant.name)
            )
    return translate("Premature responses: {counts}.", counts=", ".join(parts)) if parts else ""


def suite_latency_figure(report: Report) -> Figure | None:
    """Median response latency by suite and variant, the p95 beside it."""
    estimates = []
    for group in report.groups:
        found = group["metrics"].get("response_latency_s")
        if found and found["p50"] is not None:
            low, high = found["interval"] or (found["p50"], found["p50"])
            label = suite_label(report, group["suite"])
            estimates.append(
                Estimate(
                    label, group["variant"], found["p50"], low, high, int(found["n"]), found["p95"]
                )
            )
    if not estimates:
        return None
    drawing = intervals(
        estimates, num_of="turns", footer=footer_of(report),
        title=translate("Response latency by suite, {pace} pace", pace=pace_title(report)),
        axis=translate("response latency (s)\nmarker: p50; stroke: p95"),
    )  # fmt: skip
    caption = "Median response latency with its 95 % interval, and the p95, by suite and variant."
    caption = join_sentences(translate(caption), _cut_off(report))
    return Figure("latency_by_suite", drawing, caption)


def waterfall_figure(report: Report) -> Figure | None:
    """Where the response latency goes, a bar a suite and variant."""
    every = [*report.groups, *report.overall, *report.apart]
    groups = [group for group in every if group["waterfall"]]
    if not groups:
        return None
    bars = [
        Bar(
            f"{_label(report, group)}\n{translate('turns')} n = {group['waterfall'][0]['n']:,}",
            tuple(
                (segment_title(s["stage"], s["tag"]), 1000 * s["mean_s"])
                for s in group["waterfall"]
            ),
            _mean_interval_ms(report, group),
        )
        for group in groups
    ]
    drawing = stacked(
        bars, title=translate("Where the response latency goes"), footer=footer_of(report),
        axis=translate("mean ms a turn, from the end of speech\nto the first token; black: its 95 % "
                       "interval"),
    )  # fmt: skip
    mean = "Mean of each stage over the turns, so that the parts sum to the mean latency."
    caption = join_sentences(translate(mean), _cut_off(report))
    return Figure("waterfall", drawing, caption)


def segment_title(stage: str, kind: str) -> str:
    """A part of a waterfall for people."""
    return f"{stage_title(stage)} ({kind_title(kind)})"


def _mean_interval_ms(report: Report, group: GroupSummary) -> tuple[float, float] | None:
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
        rate_estimate(f"{translate(title)}\n{translate(num_of)}", group["variant"], found)
        for metric, title, num_of in EARLY_WORK
        for group in report.whole
        if _works_early(report, group)
        and (found := group["metrics"].get(metric))
        and found["value"] is not None
    ]
    if not estimates:
        return None
    drawing = intervals(
        estimates, title=_of_one(translate("Speculation and prefill"), estimates),
        axis=translate("share (%)"), num_of="", footer=footer_of(report),
    )  # fmt: skip
    caption = (
        "Answers begun before the turn was committed, what became of them, and what of the prompt "
        "was computed by then."
    )
    return Figure("early_work", drawing, translate(caption))


def saved_figure(report: Report) -> Figure | None:
    """The time that early work saves a turn, by suite and variant."""
    estimates = [
        Estimate(suite_label(report, group["suite"]), group["variant"], value,
                 bounds[0], bounds[1], int(found["n"]))
        for group in [*report.groups, *report.overall]
        if (found := group["metrics"].get("saved_ms")) and (value := found["value"]) is not None
        and (bounds := found["interval"] or [value, value])
    ]  # fmt: skip
    if not estimates:
        return None
    drawing = intervals(
        estimates, title=_of_one(translate("Time saved by early work"), estimates),
        num_of="conversations", axis=translate("saved response latency (ms a turn)"),
        footer=footer_of(report), is_signed=True,
    )  # fmt: skip
    caption = (
        "Response latency of the variant without early work less this one's, paired by turn; right "
        "of the line is faster."
    )
    return Figure("saved", drawing, translate(caption))


def _of_one(title: str, estimates: Sequence[Estimate]) -> str:
    """A title with the series where there is one, and so no legend."""
    series = {estimate.series for estimate in estimates}
    return f"{title}: {series.pop()}" if len(series) == 1 else title


def _works_early(report: Report, group: GroupSummary) -> bool:
    variant = next(v for v in report.run.variants if v.name == group["variant"])
    return variant.prefill or variant.speculation


def attribution_figure(report: Report) -> Figure | None:
    """Lost facts by the stage that lost them, a bar a suite and variant."""
    bars = []
    groups = [*report.groups, *report.overall]
    is_long = len(groups) > MAX_BARS and bool(report.overall)
    for group in report.overall if is_long else groups:
        found = [(s, group["metrics"].get(f"attribution_{s}")) for s in ("asr", "cleaning", "llm")]
        parts = tuple((translate(_LOST_BY[s]), 100 * (m["value"] or 0.0)) for s, m in found if m)
        if parts and sum(length for _, length in parts) > 0:
            n = next(m["n"] for _, m in found if m)
            lost = group["metrics"]["attribution_lost"]["interval"]
            bounds = (100 * lost[0], 100 * lost[1]) if lost else None
            label = f"{_label(report, group)}\n{translate('facts')} n = {n:,}"
            bars.append(Bar(label, parts, bounds))
    if not bars:
        return None
    drawing = stacked(
        bars, title=translate("Which stage lost the facts"), footer=footer_of(report),
        axis=translate("lost facts (% of facts)\nblack: 95 % interval of all that was lost"),
    )  # fmt: skip
    caption = "Lost facts by the stage that lost them."
    if is_long:
        caption = (
            "Lost facts by the stage that lost them, over all suites; the table has each suite."
        )
    return Figure("attribution", drawing, translate(caption))


_LOST_BY = {"asr": "lost by ASR", "cleaning": "lost by cleaning", "llm": "lost by LLM"}


def _label(report: Report, group: GroupSummary) -> str:
    suite = suite_label(report, group["suite"])
    return f"{suite}\n{group['variant']}" if len(report.run.variants) > 1 else suite
