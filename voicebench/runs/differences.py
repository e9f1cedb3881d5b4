"""One paired difference: a metric, two variants, the turns that both have.

Every metric is either a ratio of sums (rates, CER, mean answer length) or a median of turns
(latencies). Its difference has a bootstrap interval and an exact p-value, both by conversation:
McNemar's test where each conversation has one answer that is right or wrong, otherwise the swap
test, which is the same test for everything else (`metrics.paired`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from voicebench.metrics import stats
from voicebench.metrics.facts import Verdict
from voicebench.metrics.measures import TurnMeasures
from voicebench.metrics.paired import median_difference, swap_test, swap_test_of_medians
from voicebench.metrics.registry import Better, Metric
from voicebench.metrics.stats import Counts
from voicebench.types import FactType, Record, Variant

LEVEL = 1 - stats.CONFIDENCE
CountsByConversation = dict[Hashable, Counts]


@dataclass(frozen=True)
class Pair:
    """One turn under both variants; `conversation` is what is resampled and swapped."""

    conversation: Hashable
    first: TurnMeasures
    second: TurnMeasures


def fact_type_metrics(fact_type: FactType) -> tuple[Metric, Metric]:
    """Contradicted and missed facts of one type, of all expected facts of that type."""

    def counting(verdict: Verdict) -> Callable[[TurnMeasures], Counts | None]:
        def counts(measures: TurnMeasures) -> Counts | None:
            of_type = [found for kind, found in measures.verdicts if kind == fact_type]
            return (of_type.count(verdict), len(of_type))

        return counts

    return (
        Metric("contradicted", "contradicted", "% of facts", "lower",
               "Facts of a type stated wrongly / expected.", counting("contradicted")),
        Metric("missing", "missed", "% of facts", "lower",
               "Facts of a type not stated / expected.", counting("missing")),
    )  # fmt: skip


class Comparison(Record):
    """A paired difference, `variant` minus `baseline`, and what it stands on.

    Rates are fractions. `interval` is a 95 % interval of this difference alone, None with fewer than
    10 conversations (`metrics.stats.MIN_CONVERSATIONS`); `p_holm` is adjusted
    over all comparisons of the table. `num_changed` counts the conversations with another result;
    `only_first` and `only_second` the answers that count (are wrong, ...) under one variant alone,
    where there is one yes or no for each pair. `cases_for_one_point`: the range of conversations it
    would take to see a difference of 1 point four times out of five
    (`metrics.stats.cases_to_see_one_point`).
    """

    baseline: str
    variant: str
    suite: str
    metric: str
    better: Better
    first: float
    second: float
    difference: float
    interval: tuple[float, float] | None
    num_pairs: int
    num_conversations: int
    num_changed: int
    settings: tuple[str, ...]
    """What the variant sets otherwise than the baseline, such as `window_s 2.4 → 4.8`."""
    test: Literal["mcnemar", "swap", "swap of medians"]
    p_value: float
    p_holm: float = 1.0
    fact_type: FactType | None = None
    only_first: int | None = None
    only_second: int | None = None
    cases_for_one_point: tuple[int, int] | None = None

    @property
    def outcome(self) -> Literal["better", "worse", "no difference seen"]:
        """What can be said at the 5 % level over the whole table."""
        if self.p_holm >= LEVEL or not self.difference:
            return "no difference seen"
        is_lower = self.difference < 0
        return "better" if is_lower == (self.better == "lower") else "worse"


@dataclass(frozen=True)
class Scope:
    """What a comparison is of."""

    baseline: str
    variant: str
    suite: str
    fact_type: FactType | None = None
    settings: tuple[str, ...] = ()


def changed_settings(baseline: Variant, variant: Variant) -> tuple[str, ...]:
    """The switches in which a variant differs from its baseline.

    >>> changed_settings(Variant(name="a"), Variant(name="b", window_s=4.8))
    ('window_s 2.4 → 4.8',)
    """
    before, after = baseline.switches, variant.switches
    return tuple(
        f"{name} {before[name]} → {after[name]}" for name in before if before[name] != after[name]
    )


def compare_pairs(scope: Scope, metric: Metric, pairs: Sequence[Pair]) -> Comparison | None:
    """Compares one metric over pairs; None where no pair has it on both sides."""
    if metric.value is not None:
        return _compare_medians(scope, metric, metric.value, pairs)
    if metric.name == "mer" and all(m.mer == m.cer for p in pairs for m in (p.first, p.second)):
        return None  # no Latin word was said or heard: it would be CER again
    assert metric.paired_counts is not None
    first, second, outcomes = _paired_counts(metric.paired_counts, pairs)
    found = stats.paired_bootstrap(first, second)
    if found is None:
        return None
    is_yes_or_no = metric.is_rate and all(set(pair) <= {(0, 1), (1, 1)} for pair in outcomes)
    only = (outcomes.count(((1, 1), (0, 1))), outcomes.count(((0, 1), (1, 1))))
    is_mcnemar = is_yes_or_no and len(first) == len(outcomes)
    return Comparison(
        **_names(scope, metric, found),
        num_pairs=len(outcomes),
        num_changed=sum(first[key] != second[key] for key in first),
        test="mcnemar" if is_mcnemar else "swap",
        p_value=stats.mcnemar(*only) if is_mcnemar else swap_test(first, second),
        only_first=only[0] if is_yes_or_no else None,
        only_second=only[1] if is_yes_or_no else None,
        cases_for_one_point=stats.cases_to_see_one_point(first, second) if metric.is_rate else None,
    )


def _paired_counts(
    counts: Callable[[TurnMeasures], Counts | None], pairs: Sequence[Pair]
) -> tuple[CountsByConversation, CountsByConversation, list[tuple[Counts, Counts]]]:
    """Sums by conversation over the pairs that both sides have, and the pairs' own counts."""
    sums: tuple[CountsByConversation, CountsByConversation] = ({}, {})
    outcomes = []
    for pair in pairs:
        first, second = counts(pair.first), counts(pair.second)
        if first is None or second is None or not (first[1] or second[1]):
            continue
        outcomes.append((first, second))
        for by_conversation, (above, below) in zip(sums, (first, second), strict=True):
            old = by_conversation.get(pair.conversation, (0.0, 0.0))
            by_conversation[pair.conversation] = (old[0] + above, old[1] + below)
    return (*sums, outcomes)


def _compare_medians(
    scope: Scope,
    metric: Metric,
    value: Callable[[TurnMeasures], float | None],
    pairs: Sequence[Pair],
) -> Comparison | None:
    first, second, conversations = [], [], []
    for pair in pairs:
        a, b = value(pair.first), value(pair.second)
        if a is not None and b is not None:
            first.append(a)
            second.append(b)
            conversations.append(pair.conversation)
    found = median_difference(first, second, conversations)
    if found is None:
        return None
    differing = {c for a, b, c in zip(first, second, conversations, strict=True) if a != b}
    return Comparison(
        **_names(scope, metric, found),
        num_pairs=len(first),
        num_changed=len(differing),
        test="swap of medians",
        p_value=swap_test_of_medians(first, second, conversations),
    )


def _names(scope: Scope, metric: Metric, found: stats.Difference) -> dict[str, Any]:
    return {
        "baseline": scope.baseline, "variant": scope.variant, "suite": scope.suite,
        "fact_type": scope.fact_type, "metric": metric.name, "better": metric.better,
        "first": found.first, "second": found.second, "difference": found.difference,
        "interval": found.interval and (found.interval.low, found.interval.high),
        "num_conversations": found.num_conversations, "settings": scope.settings,
    }  # fmt: skip


def with_holm(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """A table's comparisons with Holm's adjustment over all of them. Those in which not one
    conversation has another result cannot come out as a difference, whatever is true (their p-value
    is always 1), so they do not count (Tarone 1990)."""
    tested = [c for c in comparisons if c.num_changed]
    adjusted = iter(stats.holm([c.p_value for c in tested]))
    return tuple(
        msgspec.structs.replace(c, p_holm=next(adjusted)) if c.num_changed else c
        for c in comparisons
    )
