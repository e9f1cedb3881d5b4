"""What the figures can carry: intervals, paired comparisons, and how many cases a difference needs.

Turns of one conversation are not independent, so everything is resampled by conversation. A
measurement comes as `Counts` by conversation: (numerator, denominator), whose corpus value is the
sum of the one over the sum of the other; a mean is (sum, number).

    from voicebench.metrics.stats import paired_bootstrap, mcnemar, holm
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Counts = tuple[float, float]
"""(numerator, denominator) of one conversation."""
CountsByConversation = Mapping[Hashable, Counts]

CONFIDENCE = 0.95
NUM_RESAMPLES = 2000
_RESAMPLES_AT_ONCE = 4_000_000
_FAR = 3.0  # the place of a quantile varies by 0.5 of size / √conversations, or a little more
_FEW_KINDS = 8  # conversations to each kind of counts, from which drawing kinds is faster


@dataclass(frozen=True)
class Interval:
    """Bounds of a confidence interval."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Difference:
    """A paired difference, second minus first, with its interval."""

    first: float
    second: float
    difference: float
    interval: Interval
    num_conversations: int

    @property
    def is_seen(self) -> bool:
        """Whether the interval excludes no difference."""
        return 0.0 not in self.interval


def wilson(num_events: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a rate (Wilson 1927); [0, 1] where nothing was counted.

    >>> interval = wilson(0, 20)
    >>> interval.low, round(interval.high, 3)
    (0.0, 0.161)
    """
    if n <= 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = num_events / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if num_events <= 0 else max(0.0, centre - half)
    high = 1.0 if num_events >= n else min(1.0, centre + half)
    return Interval(low, high)


def wilson_by_conversation(
    counts: CountsByConversation, confidence: float = CONFIDENCE
) -> Interval:
    """Wilson's interval of a rate whose trials come in conversations.

    The number of trials is divided by the design effect: the variance of the rate between
    conversations over that of independent trials (Kish 1965). Where the rate is 0 or 1 no such
    variance can be seen, and every conversation counts as one trial.
    """
    numerators, denominators = as_rows(counts).T
    n, num_conversations = float(denominators.sum()), int((denominators > 0).sum())
    if n <= 0:
        return Interval(0.0, 1.0)
    rate = float(numerators.sum()) / n
    effective = float(min(n, num_conversations))
    if 0 < rate < 1 and num_conversations > 1:
        deviations = numerators - rate * denominators
        variance = float((deviations**2).sum()) / n**2
        variance *= num_conversations / (num_conversations - 1)
        if variance > 0:
            effective = min(n, rate * (1 - rate) / variance)
    return wilson(rate * effective, effective, confidence)


def bootstrap_interval(
    counts: CountsByConversation,
    *,
    confidence: float = CONFIDENCE,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Percentile bootstrap interval of a ratio of sums; None with fewer than two conversations."""
    rows = as_rows(counts)
    if len(rows) < 2 or rows[:, 1].sum() <= 0:
        return None
    above, below = resampled_sums(rows, num_resamples, seed).T
    return percentiles(_ratio(above, below), confidence)


def bootstrap_quantile_interval(
    values: Sequence[float],
    conversations: Sequence[Hashable],
    quantile: float = 0.5,
    *,
    confidence: float = CONFIDENCE,
    num_resamples: int = 500,
    seed: int = 0,
) -> Interval | None:
    """Percentile bootstrap interval of a quantile; None with fewer than two conversations.

    Args:
        values: One per observation.
        conversations: The conversation of each value; whole conversations are drawn.
        quantile: In [0, 1].
        confidence: Of the interval.
        num_resamples: Draws.
        seed: Of the draws.
    """
    numbers = {key: i for i, key in enumerate(dict.fromkeys(conversations))}
    if len(numbers) < 2:
        return None
    order = np.argsort(np.asarray(values))
    ordered = np.asarray(values, dtype=np.float64)[order]
    owner = np.array([numbers[key] for key in conversations])[order]
    rng = np.random.default_rng(seed)
    found = np.empty(num_resamples)
    at_once = max(1, _RESAMPLES_AT_ONCE // len(ordered))
    for start in range(0, num_resamples, at_once):
        num = min(at_once, num_resamples - start)
        drawn = rng.integers(len(numbers), size=(num, len(numbers)))
        drawn += len(numbers) * np.arange(num)[:, np.newaxis]  # one count for all the rows
        times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(num, -1)
        found[start : start + num] = ordered[_quantile_places(times, owner, quantile)]
    return percentiles(found, confidence)


def _quantile_places(
    times: NDArray[np.int64], owner: NDArray[np.int64], quantile: float
) -> NDArray[np.int64]:
    """Where the quantile of each resample lies among all values in order.

    It lies near that of the sample, so only the values around that are gone through one by one; of
    those below only the number is needed, and that is a sum over conversations.

    Args:
        times: How often each conversation was drawn, shape (num_resamples, num_conversations).
        owner: The conversation of each value, the values in order.
        quantile: In [0, 1].
    """
    size, num_conversations = len(owner), times.shape[1]
    middle, reach = int(quantile * size), _FAR * size / math.sqrt(num_conversations)
    low, high = max(0, int(middle - reach)), min(size, int(middle + reach) + 1)
    targets = quantile * (times @ np.bincount(owner, minlength=num_conversations))
    below = times @ np.bincount(owner[:low], minlength=num_conversations)
    reached = below[:, np.newaxis] + np.cumsum(times[:, owner[low:high]], axis=1)
    places = low + (reached < targets[:, np.newaxis]).sum(axis=1)
    is_outside = ((places == low) & (low > 0)) | ((places == high) & (high < size))
    for row in np.flatnonzero(is_outside):
        places[row] = np.searchsorted(np.cumsum(times[row, owner]), targets[row], side="left")
    found: NDArray[np.int64] = np.minimum(places, size - 1)
    return found


def paired_bootstrap(
    first: CountsByConversation,
    second: CountsByConversation,
    *,
    confidence: float = CONFIDENCE,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Difference | None:
    """The difference second − first over the conversations that both have, resampled together.

    Returns:
        None where they share no conversation with anything to count. The interval is widened, if
        need be, to hold the observed difference.
    """
    rows = paired_rows(first, second)
    totals = rows.sum(axis=0)
    if totals[1] <= 0 or totals[3] <= 0:
        return None
    rates = float(totals[0] / totals[1]), float(totals[2] / totals[3])
    draws = difference_of_ratios(resampled_sums(rows, num_resamples, seed))
    return difference_of(*rates, percentiles(draws, confidence), len(rows))


def difference_of(
    first: float, second: float, interval: Interval | None, num_conversations: int
) -> Difference:
    """A difference with its interval, widened, if need be, to hold what was observed."""
    observed = second - first
    low, high = (interval.low, interval.high) if interval else (observed, observed)
    bounds = Interval(min(low, observed), max(high, observed))
    return Difference(first, second, observed, bounds, num_conversations)


def noise_floor(
    first: CountsByConversation, second: CountsByConversation, **settings: int
) -> Difference | None:
    """An A/A comparison, the same variant run twice: it must come out as no difference
    (`not is_seen`), and no smaller difference than its interval's bounds is worth a word."""
    return paired_bootstrap(first, second, **settings)


def as_rows(counts: CountsByConversation) -> NDArray[np.float64]:
    """Counts as an array of shape (num_conversations, 2)."""
    return np.array(list(counts.values()), dtype=np.float64).reshape(-1, 2)


def paired_rows(first: CountsByConversation, second: CountsByConversation) -> NDArray[np.float64]:
    """First and second counts of the conversations that both have, shape (num_shared, 4)."""
    rows = [(*first[key], *second[key]) for key in first if key in second]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def difference_of_ratios(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second ratio minus first of each row of sums, shape (n, 4); NaN where nothing was counted."""
    first = _ratio(sums[:, 0], sums[:, 1])
    difference: NDArray[np.float64] = _ratio(sums[:, 2], sums[:, 3]) - first
    return difference


def resampled_sums(rows: NDArray[np.float64], num_resamples: int, seed: int) -> NDArray[np.float64]:
    """Sums over as many conversations as there are, drawn with replacement.

    Args:
        rows: Counts of each conversation, shape (num_conversations, num_counts).
        num_resamples: Draws.
        seed: The same seed draws the same conversations.

    Returns:
        Shape (num_resamples, num_counts).
    """
    rng, size = np.random.default_rng(seed), len(rows)
    kinds, times = np.unique(rows, axis=0, return_counts=True)
    if len(kinds) * _FEW_KINDS < size:  # how often each kind is drawn is multinomial: the same law
        drawn_kinds = rng.multinomial(size, times / size, num_resamples)
        return drawn_kinds.astype(np.float64) @ kinds
    at_once = max(1, _RESAMPLES_AT_ONCE // size)
    sums = np.empty((num_resamples, rows.shape[1]))
    for start in range(0, num_resamples, at_once):
        drawn = rng.integers(size, size=(min(at_once, num_resamples - start), size))
        for number, column in enumerate(np.ascontiguousarray(rows.T)):
            sums[start : start + len(drawn), number] = column.take(drawn).sum(axis=1)
    return sums


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios: NDArray[np.float64] = np.full(len(above), np.nan)
    return np.divide(above, below, out=ratios, where=below > 0)


def percentiles(draws: NDArray[np.float64], confidence: float) -> Interval | None:
    """The percentile interval of draws; NaNs are left out, None without any other."""
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return None
    tail = 50 * (1 - confidence)
    low, high = np.percentile(draws, (tail, 100 - tail))
    return Interval(float(low), float(high))


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar p-value from the discordant pairs.

    Args:
        only_first: Pairs where only the first variant erred.
        only_second: Pairs where only the second did.

    >>> round(mcnemar(0, 5), 12)
    0.0625
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    steps = np.arange(fewer, dtype=np.float64)
    log_choices = np.concatenate([[0.0], np.cumsum(np.log((n - steps) / (steps + 1)))])
    tail = float(np.exp(log_choices - n * math.log(2)).sum())  # P(X ≤ fewer), X ~ B(n, 1/2)
    return min(1.0, 2 * tail)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment over all comparisons of a table (Holm 1979), in the given order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def cases_needed(
    deviation: float, difference: float = 0.01, power: float = 0.8, confidence: float = CONFIDENCE
) -> int:
    """Conversations that a paired comparison needs to see a difference.

        n = ((z_{1 − α/2} + z_{power}) · deviation / difference)²

    The normal approximation of a paired test (Lachin 1981, "Introduction to sample size
    determination and power analysis for clinical trials"; for evaluations of language models Miller
    2024, "Adding error bars to evals", section 5). For per-answer rates, where the variance of the
    difference is about the share of answers that change, it is Connor's formula for McNemar's test
    (1987) to within the square of the difference.

    Args:
        deviation: Standard deviation of the paired difference between conversations.
        difference: What should be seen; 0.01 is one point of a rate.
        power: Probability of seeing it.
        confidence: 1 − the two-sided level of the test.

    >>> cases_needed(0.5)
    19623
    """
    normal = NormalDist()
    z = normal.inv_cdf(0.5 + confidence / 2) + normal.inv_cdf(power)
    return max(2, math.ceil((z * deviation / difference) ** 2))


def cases_to_see_one_point(first: CountsByConversation, second: CountsByConversation) -> int | None:
    """Conversations it would take to see a difference of 1 point between two variants, from how
    much their paired difference varies in these. Where none of n differs, one in n + 1 is assumed
    to. None with fewer than two shared conversations."""
    shared = [key for key in first if key in second and first[key][1] > 0 and second[key][1] > 0]
    if len(shared) < 2:
        return None
    mean_size = sum(first[key][1] for key in shared) / len(shared)
    differences = np.array(
        [
            second[key][0] / mean_size * (first[key][1] / second[key][1])
            - first[key][0] / mean_size
            for key in shared
        ]
    )
    deviation = float(differences.std(ddof=1))
    if deviation == 0:
        deviation = math.sqrt(1 / (len(shared) + 1))
    return cases_needed(deviation)
