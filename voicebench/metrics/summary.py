"""All metrics of a run, per suite and variant, under the names of the metric definitions.

    summary = summarize(turns, cases)
    summary["groups"][0]["metrics"]["cer"]     {"value", "n", "conversations", "interval", "counts"}

A rate carries its value, the n it stands on, its conversations, its 95 % interval and its counts; a
latency its p50, p95 and p99, n, the interval of its p50, and the medians of its repeats. Warm-up
turns are left out and counted; failed and degraded turns are counted beside every figure. Latencies
exist in latency mode only, and real-time and fast pace are never put together.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from voicebench.metrics import confidence, latency, stats
from voicebench.metrics.conditions import ALL_SUITES, CLEAN, Heard, TurnKind, pools
from voicebench.metrics.measures import (
    Measured,
    TurnMeasures,
    is_transcript_counted,
    measure_turn,
    measure_turns,
    turn_metrics,
)
from voicebench.metrics.registry import METRICS, TOGETHER, Metric, shown_in
from voicebench.metrics.seams import SeamErrors
from voicebench.metrics.speculation import AudioKey, baseline_of, saved_between
from voicebench.metrics.stats import Counts, Interval
from voicebench.metrics.summary_schema import (
    ConditionSummary,
    GroupSummary,
    MetricValue,
    Repeats,
    StageTime,
    Summary,
)
from voicebench.metrics.tally import Sums, Tally
from voicebench.types import Case, Turn, Variant

__all__ = [
    "ALL_SUITES", "Measured", "TurnMeasures", "belongs_to", "is_transcript_counted", "measure_turn",
    "measure_turns", "summarize", "summarize_measured", "turn_metrics",
]  # fmt: skip

GroupKey = tuple[str, str, str, str]
"""Suite, variant, mode, pace."""


def summarize(
    turns: Iterable[Turn],
    cases: Iterable[Case],
    normalizer: str = "basic",
    variants: Sequence[Variant] = (),
) -> Summary:
    """All metrics per suite and variant, ready for JSON.

    Args:
        turns: Records of one run, or of several.
        cases: The cases that ran. Turns of other cases get the metrics that need no case.
        normalizer: Name of the transcript normaliser, the same on both sides.
        variants: What the turns' variants are; without, nothing is said of early work.

    Returns:
        `{"normalizer": ..., "groups": [...]}`; a group has `suite`, `kind`, `variant`, `mode`,
        `pace`, `counts`, `metrics` and `waterfall`. Where there is more than one suite, each variant
        also has a group of the suite "all", its counts summed, and others for turns that are not
        like those in it (`conditions.pools`); `kind` is empty where a group is one suite.

    Raises:
        ConfigError: There is no such normaliser.
        SuiteError: A case demands an unknown constraint.
    """
    return summarize_measured(measure_turns(turns, cases, normalizer), normalizer, variants)


def summarize_measured(
    measured: Iterable[Measured], normalizer: str = "basic", variants: Sequence[Variant] = ()
) -> Summary:
    """The same as `summarize`, of turns measured before."""
    tallies: dict[GroupKey, dict[TurnKind, dict[Heard, Tally]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(Tally))
    )
    key: GroupKey
    for turn, measures in measured:
        key = (turn.suite, turn.variant, turn.mode, turn.pace)
        tallies[key][measures.kind][measures.heard].add(turn, measures)
    groups = {key: _merged(_each(kinds.values())) for key, kinds in tallies.items()}
    kinds_of = dict.fromkeys(groups, "")
    found = {(key[0], kind) for key, kinds in tallies.items() for kind in _counted(kinds)}
    for kind, name in pools(found).items():
        for (_, *rest), kinds in tallies.items():
            if kind in _counted(kinds):
                key = (name, rest[0], rest[1], rest[2])
                groups.setdefault(key, Tally()).merge(_merged(_each([kinds[kind]])))
                kinds_of[key] = kind
    summarized = []
    for key, tally in groups.items():
        by_condition = _conditions(tallies[key]) if key in tallies else {}
        group = _summarize_group(*key, kinds_of[key], tally, by_condition)
        group["metrics"] |= _early_work_metrics(groups, key, variants)
        summarized.append(group)
    return {"normalizer": normalizer, "groups": summarized}


def belongs_to(group: GroupSummary, turn: Turn, measures: TurnMeasures) -> bool:
    """Whether a turn is one of a group's: what else is made of a group takes the same turns."""
    is_of_kind = measures.kind == group["kind"] if group["kind"] else turn.suite == group["suite"]
    return is_of_kind and turn.variant == group["variant"]


def _counted(kinds: Mapping[TurnKind, Mapping[Heard, Tally]]) -> list[TurnKind]:
    """The kinds with a turn that counts; warm-up turns are not measured, and of no known kind."""
    return [k for k, heard in kinds.items() if any(t.counts["turns"] for t in heard.values())]


def _each(kinds: Iterable[Mapping[Heard, Tally]]) -> Iterator[Tally]:
    return (tally for heard in kinds for tally in heard.values())


def _merged(tallies: Iterable[Tally]) -> Tally:
    merged = Tally()
    for tally in tallies:
        merged.merge(tally)
    return merged


def _conditions(kinds: Mapping[TurnKind, Mapping[Heard, Tally]]) -> dict[Heard, Tally]:
    found: dict[Heard, Tally] = defaultdict(Tally)
    for heard_in in kinds.values():
        for heard, tally in heard_in.items():
            if tally.counts["turns"]:
                found[heard].merge(tally)
    return found


def _summarize_group(
    suite: str,
    variant: str,
    mode: str,
    pace: str,
    kind: str,
    tally: Tally,
    conditions: Mapping[Heard, Tally],
) -> GroupSummary:
    metrics = _rates(tally, METRICS.values())
    metrics |= {**_windows_and_seams(tally), **_lengths(tally), **_times_of(tally)}
    metrics |= _rtf(tally, metrics["rtf"])
    for name in _DRAFTS:  # of variants that speculate alone
        del metrics[name]
    return {
        "suite": suite,
        "variant": variant,
        "mode": mode,
        "pace": pace,
        "kind": kind,
        "counts": {
            **{name: tally.counts[name] for name in ("turns", "warm_up", "failed", "degraded")},
            "conversations": len(tally.conversations),
            "repeats": len(tally.repeats),
        },
        "t_eos_sources": {name: num for name, num in tally.t_eos_sources.items() if num},
        "metrics": _present(metrics),
        "waterfall": _waterfall(tally),
        "conditions": _by_condition(conditions),
    }


def _present(metrics: Mapping[str, MetricValue]) -> dict[str, MetricValue]:
    """The metrics with something to count, and those that are never shown alone."""
    found = {name: metric for name, metric in metrics.items() if metric["n"]}
    if any(name in found for name in TOGETHER):
        found |= {name: metrics[name] for name in TOGETHER}
    return found


def _by_condition(conditions: Mapping[Heard, Tally]) -> list[ConditionSummary]:
    """The figures of each condition that the suite's turns are heard under; none where all of it
    is clean."""
    if {heard.label for heard in conditions} <= {CLEAN}:
        return []
    shown = (*shown_in("conditions"), METRICS["breaker_trips"])
    return [
        {
            "condition": heard.label,
            "turns": tally.counts["turns"],
            "degraded": tally.counts["degraded"],
            "metrics": _present(_rates(tally, shown)),
        }
        for heard, tally in sorted(conditions.items(), key=lambda item: item[0])
    ]


def _conversation(turn: Turn) -> Hashable:
    return turn.suite, turn.case_id


# ---------------------------------------------------------------- rates


def _rates(tally: Tally, metrics: Iterable[Metric]) -> dict[str, MetricValue]:
    return {metric.name: _rate(tally, metric) for metric in metrics if metric.counts}


def _rate(tally: Tally, metric: Metric) -> MetricValue:
    """A ratio of sums with n (its denominator), conversations, interval and counts."""
    assert metric.counts is not None
    sums = _by_conversation(tally, metric.counts)
    numerator = sum(above for above, _ in sums.values())
    denominator = sum(below for _, below in sums.values())
    found: MetricValue = {
        "value": numerator / denominator if denominator else None,
        "n": _whole(denominator),
        "counts": {"numerator": _whole(numerator), "denominator": _whole(denominator)},
    }
    _add_interval(found, stats.ratio_interval(sums, is_share=metric.is_share), len(sums))
    if metric.details:
        details = [each for m in tally.sums() if (each := getattr(m, metric.details)) is not None]
        total = asdict(sum(details[1:], details[0])) if details else {}
        found["counts"] = found["counts"] | total if metric.is_share else total
    return found


def _by_conversation(
    tally: Tally, counts: Callable[[Sums], Counts | None]
) -> dict[Hashable, Counts]:
    return {
        conversation: found
        for conversation, sums in tally.conversations.items()
        if (found := counts(sums)) and found[1] > 0
    }


def _add_interval(
    metric: MetricValue, interval: Interval | None, num_conversations: int
) -> MetricValue:
    """With bounds, and what they stand on; None with too few conversations."""
    metric["interval"] = [interval.low, interval.high] if interval else None
    metric["one_sided"] = bool(interval and interval.is_one_sided)
    metric["conversations"] = num_conversations
    return metric


def _whole(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _windows_and_seams(tally: Tally) -> dict[str, MetricValue]:
    seams = sum((m.seams for m in tally.sums() if m.seams), SeamErrors())
    metrics: dict[str, MetricValue] = {
        "seam_errors": {
            "value": seams.errors, "n": seams.seams, "interval": None, "counts": asdict(seams)
        }
    }  # fmt: skip
    outcomes = list(tally.windows.elements())
    scores, right = [score for score, _ in outcomes], [is_right for _, is_right in outcomes]
    for name, value in (
        ("confidence_ece", confidence.expected_calibration_error(scores, right)),
        ("confidence_auroc", confidence.auroc(scores, right)),
    ):
        metrics[name] = {
            "value": value, "n": len(scores), "interval": None,
            "counts": {"windows": len(scores), "right": sum(right)},
        }  # fmt: skip
    return metrics


def _lengths(tally: Tally) -> dict[str, MetricValue]:
    return {
        f"answer_length_{unit}": _quantiles(lengths.elements())
        for unit, lengths in (
            ("tokens", tally.answer_tokens),
            ("characters", tally.answer_characters),
        )
    }


def _rtf(tally: Tally, rtf: MetricValue) -> dict[str, MetricValue]:
    """RTF with its repeats, and its inverse; n is turns recognised."""
    of_repeats = [found.rtf for found in tally.rtf_of_repeats.values() if found.rtf]
    rtf |= {"n": tally.counts["recognised"], "repeats": _repeats(of_repeats)}
    inverse, bounds = rtf.copy(), rtf["interval"]
    inverse["value"] = 1 / rtf["value"] if rtf["value"] else None
    is_bounded = bounds is not None and min(bounds) > 0
    inverse["interval"] = [1 / b for b in reversed(bounds or ())] if is_bounded else None
    inverse["repeats"] = _repeats([1 / each for each in of_repeats])
    return {"rtf": rtf, "rtfx": inverse}


# ---------------------------------------------------------------- early work

_DRAFTS = ("speculation_coverage", "speculation_hit_rate", "speculation_waste")


def _early_work_metrics(
    groups: Mapping[GroupKey, Tally], key: GroupKey, variants: Sequence[Variant]
) -> dict[str, MetricValue]:
    """What the group's drafts came to, and what early work saved a turn: against the variant
    without it, on the same audio."""
    suite, name, mode, pace = key
    variant = next((variant for variant in variants if variant.name == name), None)
    if variant is None or mode != "latency":
        return {}
    drafts = [METRICS[each] for each in _DRAFTS] if variant.speculation else []
    metrics = _rates(groups[key], drafts)
    baseline = baseline_of(variant, variants)
    if baseline:
        off = groups.get((suite, baseline.name, mode, pace), Tally())
        saved = saved_between(_response_ms(off), _response_ms(groups[key]))
        if saved:
            found: MetricValue = {
                "value": saved.difference, "n": saved.num_conversations, "baseline": baseline.name,
                "counts": {"off_ms": saved.second, "on_ms": saved.first},
            }  # fmt: skip
            metrics["saved_ms"] = _add_interval(found, saved.interval, saved.num_conversations)
    return {name: metric for name, metric in metrics.items() if metric["n"]}


def _response_ms(tally: Tally) -> dict[AudioKey, float]:
    return {
        (turn.suite, turn.case_id, turn.repeat, turn.turn_index): 1000 * latency_s
        for turn, measures in tally.timed
        if (latency_s := measures.latencies.get("response_latency_s")) is not None
    }


# ---------------------------------------------------------------- times


def _times_of(tally: Tally) -> dict[str, MetricValue]:
    metrics = {
        metric.name: _times([(turn, metric.value(m)) for turn, m in tally.timed])
        for metric in METRICS.values()
        if metric.value
    }
    return {**metrics, "itl_ms": _quantiles(gap for _, m in tally.timed for gap in m.itl_ms)}


def _quantiles(values: Iterable[float]) -> MetricValue:
    found = latency.quantiles(values)
    return {"n": found.n, "p50": found.p50, "p95": found.p95, "p99": found.p99}


def _times(values: Sequence[tuple[Turn, float | None]]) -> MetricValue:
    """Quantiles, the interval of the median, and the medians of the repeats."""
    present = [(turn, value) for turn, value in values if value is not None]
    metric = _quantiles(value for _, value in present)
    if not present:
        return metric
    conversations = [_conversation(turn) for turn, _ in present]
    found = stats.bootstrap_quantile_interval([value for _, value in present], conversations)
    _add_interval(metric, found, len(set(conversations)))
    by_repeat: dict[int, list[float]] = defaultdict(list)
    for turn, value in present:
        by_repeat[turn.repeat].append(value)
    metric["repeats"] = _repeats([statistics.median(repeat) for repeat in by_repeat.values()])
    return metric


def _repeats(values: Sequence[float]) -> Repeats | None:
    """The median of a figure over its repeats, and its range."""
    if not values:
        return None
    return {"n": len(values), "median": statistics.median(values),
            "min": min(values), "max": max(values)}  # fmt: skip


def _waterfall(tally: Tally) -> list[StageTime]:
    """Each stage's seconds a turn, over the turns with a waterfall: quantiles, and the mean, whose
    sum over the stages is the mean response latency of these turns."""
    totals: dict[tuple[str, str], list[float]] = {}
    num_turns = 0
    for _, measures in tally.timed:
        if not measures.stages:
            continue
        for stage, tag, duration_s in measures.stages:
            seconds = totals.setdefault((stage, tag), [])
            seconds.extend([0.0] * (num_turns + 1 - len(seconds)))
            seconds[num_turns] += duration_s
        num_turns += 1
    rows = []
    for (stage, tag), seconds in totals.items():
        seconds.extend([0.0] * (num_turns - len(seconds)))
        found = latency.quantiles(seconds)
        rows.append(
            StageTime(stage=stage, tag=tag, mean_s=sum(seconds) / num_turns,
                      n=found.n, p50_s=found.p50, p95_s=found.p95, p99_s=found.p99)
        )  # fmt: skip
    return rows
