"""What a summary holds, as `report --json` prints it: groups of turns, each with its metrics by name."""

from __future__ import annotations

from typing import Any, Required, TypedDict


class Repeats(TypedDict):
    """A figure over the repeats of a run."""

    n: int
    median: float
    min: float
    max: float


class MetricValue(TypedDict, total=False):
    """One metric of one group: a ratio has `value`, a time or length its quantiles.

    Keys:
        n: What it stands on: the denominator of a ratio, or the number of values.
        value: None where `n` is 0.
        interval: 95 % bounds; None with too few conversations.
        one_sided: Whether one bound alone was estimated.
        conversations: That the interval stands on.
        counts: The sums it is made of.
        p50, p95, p99: Quantiles; None with too few values.
        repeats: The same over the repeats.
        baseline: The variant that a saving is against.
    """

    n: Required[float]
    value: float | None
    interval: list[float] | None
    one_sided: bool
    conversations: int
    counts: dict[str, Any]
    p50: float | None
    p95: float | None
    p99: float | None
    repeats: Repeats | None
    baseline: str


class StageTime(TypedDict):
    """Seconds of a stage of the waterfall a turn."""

    stage: str
    tag: str
    mean_s: float
    n: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class ConditionSummary(TypedDict):
    """The turns of a group under one acoustic condition."""

    condition: str
    turns: int
    degraded: int
    metrics: dict[str, MetricValue]


class GroupSummary(TypedDict):
    """Turns of one suite, variant, mode and pace; `kind` where a group is of several suites."""

    suite: str
    variant: str
    mode: str
    pace: str
    kind: str
    counts: dict[str, int]
    t_eos_sources: dict[str, int]
    metrics: dict[str, MetricValue]
    waterfall: list[StageTime]
    conditions: list[ConditionSummary]


class Summary(TypedDict):
    """All groups of a run."""

    normalizer: str
    groups: list[GroupSummary]
