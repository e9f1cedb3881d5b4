"""Which figures a report has: scored data in, SVG out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from voicebench.metrics.latency import is_premature, latencies
from voicebench.report.data import Report
from voicebench.report.plots import Bar, Estimate, Sample, cumulative, intervals, stacked
from voicebench.report.tables import suite_label

MAX_BARS = 30
"""More bars than this are no figure any more: those of single suites are then left to the table."""


@dataclass(frozen=True)
class Figure:
    """A drawn figure: `name` is its file's name, `caption` says how to read it."""

    name: str
    svg: str
    caption: str


def draw_figures(report: Report) -> list[Figure]:
    """Every figure that the records hold data for."""
    run = report.run
    footer = f"run {run.run_id} · profile {run.profile.get('name')} · commit {run.git_commit[:8]}"
    figures = [
        _rates(report, footer, "cer", "Characters heard wrongly", "CER (%)", "characters"),
        _rates(report, footer, "factual_error_rate", "Answers that state something false",
               "factual error rate (% of answers)", "answers"),
        _rates(report, footer, "fact_miss_rate", "Expected facts not stated",
               "fact miss rate (% of facts)", "facts"),
    ]  # fmt: skip
    if run.mode == "latency":
        figures = [_waterfall(report, footer), _latency(report, footer), *figures]
    else:
        figures.append(_attribution(report, footer))
    return [figure for figure in figures if figure]


def _rates(
    report: Report, footer: str, metric: str, title: str, axis: str, num_of: str
) -> Figure | None:
    estimates = []
    for group in report.groups:
        found = group["metrics"].get(metric)
        if found and found["value"] is not None:
            low, high = found["interval"] or (found["value"], found["value"])
            label = suite_label(report, group["suite"])
            estimates.append(
                Estimate(label, group["variant"], found["value"], low, high, int(found["n"]))
            )
    if not estimates:
        return None
    svg = intervals(estimates, title=title, axis=axis, num_of=num_of, footer=footer)
    return Figure(metric, svg, f"{title}, by suite and variant, with 95 % intervals.")


def _latency(report: Report, footer: str) -> Figure | None:
    samples = []
    for variant in report.run.variants:
        values = [
            value
            for turn in report.turns
            if turn.variant == variant.name
            and (value := latencies(turn)["response_latency_s"]) is not None
        ]
        if values:
            samples.append(Sample(variant.name, tuple(values)))
    if not samples:
        return None
    pace = report.run.pace.replace("_", "-")
    premature = _premature(report)
    svg = cumulative(
        samples, title=f"Response latency, {pace} pace", footer=footer,
        axis="response latency (s from the end of speech to the first token)",
    )  # fmt: skip
    caption = f"Share of turns answered within a time; p50 and p95. {premature}".strip()
    return Figure("response_latency", svg, caption)


def _premature(report: Report) -> str:
    """Of every variant that speculates, how often it answered too early."""
    parts = []
    for variant in report.run.variants:
        if not variant.speculation:
            continue
        turns = [turn for turn in report.turns if turn.variant == variant.name]
        if turns:
            parts.append(f"{sum(map(is_premature, turns))} of {len(turns)} with {variant.name}")
    return f"Premature responses: {', '.join(parts)}." if parts else ""


def _waterfall(report: Report, footer: str) -> Figure | None:
    groups = [group for group in [*report.groups, *report.overall] if group["waterfall"]]
    if not groups:
        return None
    bars = [
        Bar(
            f"{_label(report, group)}\nn = {group['waterfall'][0]['n']}",
            tuple((f"{s['stage']} ({s['tag']})", 1000 * s["mean_s"]) for s in group["waterfall"]),
        )
        for group in groups
    ]
    svg = stacked(
        bars, title="Where the response latency goes", footer=footer,
        axis="ms from the end of speech to the first token, mean over turns",
    )  # fmt: skip
    caption = "Mean of each stage over the turns, so that the parts sum to the mean latency."
    return Figure("waterfall", svg, caption)


def _attribution(report: Report, footer: str) -> Figure | None:
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
            bars.append(Bar(f"{_label(report, group)}\nfacts n = {n:,}", parts))
    if not bars:
        return None
    svg = stacked(
        bars, title="Which stage lost the facts", axis="lost facts (% of facts)", footer=footer
    )
    where = ", over all suites; by suite they stand in the table" if is_long else ""
    return Figure("attribution", svg, f"Lost facts by the stage that lost them{where}.")


def _label(report: Report, group: dict[str, Any]) -> str:
    suite = suite_label(report, group["suite"])
    return f"{suite}\n{group['variant']}" if len(report.run.variants) > 1 else suite
