"""What the figures can carry: intervals, paired comparisons, and how many cases a difference needs.

Turns of one conversation are not independent, so the unit of every interval is the conversation. A
measurement comes as `Counts` by conversation: (numerator, denominator), whose corpus value is the
sum of the one over the sum of the other; a mean is (sum, number).

    share       Wilson's interval with the design effect of conversations and Student's t
    other ratio bootstrap-t: conversations drawn with replacement, the ratio studentized (CER, RTF)
    quantile    bootstrap, percentiles widened for few conversations
    difference  the same, with one more changed conversation on either side

Each is the one whose coverage was best with 10, 30 and 100 conversations, as
`bench/run_coverage.py` measures it (docs/comparisons.md). Fewer than 10 give no interval.

    from voicebench.metrics.stats import ratio_interval, paired_bootstrap, mcnemar, holm
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, stdtrit

Counts = tuple[float, float]
"""(numerator, denominator) of one conversation."""
CountsByConversation = Mapping[Hashable, Counts]

CONFIDENCE = 0.95
MIN_CONVERSATIONS = 10
"""Fewer carry no interval."""
NUM_RESAMPLES = 2000
_RESAMPLES_AT_ONCE = 4_000_000
_FAR = 3.0  # the place of a quantile varies by 0.5 of size / √conversations, or a little more
_FEW_KINDS = 8  # conversations to each kind of counts, from which drawing kinds is faster


@dataclass(frozen=True)
class Interval:
    """Bounds of a confidence interval.

    Attributes:
        low: Lower bound.
        high: Upper bound.
        is_one_sided: Whether only one of them was estimated, because none or all of the trials
            count: 0 and an upper bound, or a lower bound and 1.
    """

    low: float
    high: float
    is_one_sided: bool = False

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Difference:
    """A paired difference, second minus first; its interval is None with fewer conversations than
    `MIN_CONVERSATIONS`."""

    first: float
    second: float
    difference: float
    interval: Interval | None
    num_conversations: int

    @property
    def is_seen(self) -> bool:
        """Whether the interval excludes no difference."""
        return self.interval is not None and 0.0 not in self.interval


def wilson(
    num_events: float, n: float, confidence: float = CONFIDENCE, quantile: float | None = None
) -> Interval:
    """Wilson's score interval of a rate (Wilson 1927); [0, 1] where nothing was counted.

    Args:
        num_events: What is counted.
        n: Independent trials.
        confidence: Of the interval.
        quantile: Standard errors to go in place of the normal distribution's.

    >>> interval = wilson(0, 20)
    >>> interval.low, round(interval.high, 3)
    (0.0, 0.161)
    """
    if n <= 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2) if quantile is None else quantile
    rate = num_events / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if num_events <= 0 else max(0.0, centre - half)
    high = 1.0 if num_events >= n else min(1.0, centre + half)
    return Interval(low, high)


def ratio_interval(
    counts: CountsByConversation,
    *,
    is_share: bool,
    confidence: float = CONFIDENCE,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval | None:
    """The interval of a ratio of sums.

    Args:
        counts: By conversation; those with nothing to count are left out.
        is_share: Whether each trial counts or does not, so that the ratio ends at 1.
        confidence: Of the interval.
        num_resamples: Draws, where the ratio is no share.
        seed: Of the draws.

    Returns:
        None with fewer conversations than `MIN_CONVERSATIONS`; a one-sided bound where the ratio is
        0, or 1 and a share.
    """
    rows = as_rows(counts)
    rows = rows[rows[:, 1] > 0]
    if len(rows) < MIN_CONVERSATIONS:
        return None
    above, below = rows.sum(axis=0)
    if above <= 0 or (is_share and above >= below):
        return one_sided_bound(len(rows), is_all=above > 0, confidence=confidence)
    if is_share:
        return _share_interval(rows, confidence)
    return _bootstrap_t(rows, confidence, num_resamples, seed)


def one_sided_bound(
    num_conversations: int, *, is_all: bool, confidence: float = CONFIDENCE
) -> Interval:
    """The bound of a share that none or all of the trials have (Clopper and Pearson 1934).

    A conversation counts as one trial, however many it holds: the bound is then right whatever
    the trials of a conversation have in common.

    >>> round(one_sided_bound(100, is_all=False).high, 3)
    0.03
    """
    bound = 1 - (1 - confidence) ** (1 / num_conversations)
    return Interval(1 - bound, 1.0, True) if is_all else Interval(0.0, bound, True)


def t_quantile(num_conversations: int, confidence: float = CONFIDENCE) -> float:
    """Standard errors on either side of an estimate from so many conversations (Student 1908)."""
    return float(stdtrit(num_conversations - 1, 0.5 + confidence / 2))


def _share_interval(rows: NDArray[np.float64], confidence: float) -> Interval:
    """Wilson's interval of a share whose trials come in conversations.

    The number of trials is divided by the design effect: the variance of the share between
    conversations over that of independent trials (Kish 1965). That variance is estimated from the
    conversations, hence Student's t.
    """
    numerators, denominators = rows.T
    n, num_conversations = float(denominators.sum()), len(rows)
    rate, variance = float(numerators.sum()) / n, float(_variances(rows[None])[0])
    effective = min(n, rate * (1 - rate) / variance) if variance > 0 else float(num_conversations)
    quantile = t_quantile(num_conversations, confidence)
    return wilson(rate * effective, effective, confidence, quantile)


def _variances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variances between conversations of ratios of sums, linearized (Cochran 1977, section 6.4).

    Args:
        rows: Counts, shape (num_samples, num_conversations, 2).

    Returns:
        Shape (num_samples,).
    """
    above, below = rows[..., 0], rows[..., 1]
    sums = np.stack((above, below, above**2, above * below, below**2), axis=-1).sum(axis=1)
    return _variances_of_sums(sums, rows.shape[1])


def _variances_of_sums(sums: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The same from Σa, Σb, Σa², Σab and Σb² over `size` conversations, shape (num_samples, 5)."""
    above, below, above_2, both, below_2 = sums.T
    ratio = _ratio(above, below)
    squares = above_2 - 2 * ratio * both + ratio**2 * below_2
    variances: NDArray[np.float64] = (
        np.maximum(squares, 0.0) / np.where(below > 0, below, np.nan) ** 2 * (size / (size - 1))
    )
    return variances


def _bootstrap_t(
    rows: NDArray[np.float64], confidence: float, num_resamples: int, seed: int
) -> Interval:
    """Bootstrap-t of a ratio of sums (Efron and Tibshirani 1993, section 12.5).

    Where so few conversations have anything in the numerator that many draws have none, a draw
    has no variance to be divided by. Then Student's t on the logarithm takes its place.
    """
    above, below = rows.T
    columns = np.stack((above, below, above**2, above * below, below**2), axis=1)
    ratio = float(above.sum() / below.sum())
    error = math.sqrt(float(_variances(rows[None])[0]))
    if error <= 1e-12 * ratio:
        return Interval(ratio, ratio)
    sums = resampled_sums(columns, num_resamples, seed)
    errors = np.sqrt(_variances_of_sums(sums, len(rows)))
    ratios = _ratio(sums[:, 0], sums[:, 1])
    studentized = np.full(num_resamples, -math.inf)  # a draw without errors: far too low
    np.divide(ratios - ratio, errors, out=studentized, where=errors > 1e-12 * ratio)
    tail = (1 - confidence) / 2
    low, high = np.quantile(studentized, (tail, 1 - tail), method="nearest")
    if math.isinf(low):
        num_above = int((above > 0).sum())
        factor = math.exp(min(700.0, t_quantile(num_above + 1, confidence) * error / ratio))
        return Interval(ratio / factor, ratio * factor)
    return Interval(max(0.0, ratio - float(high) * error), ratio - float(low) * error)


def bootstrap_quantile_interval(
    values: Sequence[float],
    conversations: Sequence[Hashable],
    quantile: float = 0.5,
    *,
    confidence: float = CONFIDENCE,
    num_resamples: int = 500,
    seed: int = 0,
) -> Interval | None:
    """Bootstrap interval of a quantile; None with fewer conversations than `MIN_CONVERSATIONS`.

    Args:
        values: One per observation.
        conversations: The conversation of each value; whole conversations are drawn.
        quantile: In [0, 1].
        confidence: Of the interval.
        num_resamples: Draws.
        seed: Of the draws.
    """
    numbers = {key: i for i, key in enumerate(dict.fromkeys(conversations))}
    if len(numbers) < MIN_CONVERSATIONS:
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
    return wide_percentiles(found, confidence, len(numbers))


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

    Where few conversations change, a bootstrap draws no change too often and its interval is too
    short. So two more conversations are drawn from: one that changes for the better and one for the
    worse, each by as much as those that changed typically do, at least by one trial (for one yes
    or no a conversation that is Bonett and Price's interval, 2012).

    Returns:
        None where they share no conversation with anything to count. The interval is widened, if
        need be, to hold the observed difference.
    """
    rows = paired_rows(first, second)
    totals = rows.sum(axis=0)
    if totals[1] <= 0 or totals[3] <= 0:
        return None
    rates = float(totals[0] / totals[1]), float(totals[2] / totals[3])
    num = int((rows[:, [1, 3]] > 0).any(axis=1).sum())
    interval = None
    if num >= MIN_CONVERSATIONS:
        sums = resampled_sums(np.vstack((rows, _two_changes(rows))), num_resamples, seed)
        interval = wide_percentiles(difference_of_ratios(sums), confidence, num + 2)
    return difference_of(*rates, interval, num)


def _two_changes(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two conversations of mean size that change by ± as much as a changed one, shape (2, 4)."""
    totals, mean = rows.sum(axis=0), rows.mean(axis=0)
    rate = (totals[0] / totals[1] + totals[2] / totals[3]) / 2
    changes = (
        (rows[:, 2] - totals[2] / totals[3] * rows[:, 3]) / mean[3]
        - (rows[:, 0] - totals[0] / totals[1] * rows[:, 1]) / mean[1]
        + (totals[2] / totals[3] - totals[0] / totals[1])
    )
    changes = changes[np.any(rows[:, :2] != rows[:, 2:], axis=1)]
    typical = math.sqrt(float(np.mean(changes**2))) if len(changes) else 0.0
    change = max(typical, 1 / mean[1])
    return np.array(
        [(rate * mean[1], mean[1], (rate + sign * change) * mean[3], mean[3]) for sign in (1, -1)]
    )


def difference_of(
    first: float, second: float, interval: Interval | None, num_conversations: int
) -> Difference:
    """A difference with its interval, widened, if need be, to hold what was observed."""
    observed = second - first
    if interval:
        interval = Interval(min(interval.low, observed), max(interval.high, observed))
    return Difference(first, second, observed, interval, num_conversations)


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


def wide_percentiles(
    draws: NDArray[np.float64], confidence: float, num_conversations: int
) -> Interval | None:
    """Percentiles of draws, as far out as Student's t and not the normal distribution has them.

    A bootstrap of n conversations varies by √((n − 1)/n) too little, and its percentiles take the
    variance for known: both matter where n is small (Hesterberg 2015, expanded percentiles).
    """
    reach = t_quantile(num_conversations, confidence)
    reach *= math.sqrt(num_conversations / (num_conversations - 1))
    return percentiles(draws, 1 - 2 * NormalDist().cdf(-reach))


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar p-value from the discordant pairs.

    Args:
        only_first: Pairs where only the first variant erred.
        only_second: Pairs where only the second did.

    >>> round(mcnemar(0, 5), 12)
    0.0625
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    return min(1.0, 2 * float(bdtr(fewer, n, 0.5))) if n else 1.0


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


def cases_to_see_one_point(
    first: CountsByConversation, second: CountsByConversation, confidence: float = CONFIDENCE
) -> tuple[int, int] | None:
    """Conversations it would take to see a difference of 1 point between two variants: a range.

    How many depends on how much the paired difference varies, which these conversations tell only
    so well. The range is that of its variance (Student's t on the logarithm, with one more changed
    conversation on either side as in `paired_bootstrap`).

    Returns:
        None with fewer than `MIN_CONVERSATIONS` shared conversations.
    """
    shared = [key for key in first if key in second and first[key][1] > 0 and second[key][1] > 0]
    if len(shared) < MIN_CONVERSATIONS:
        return None
    rows = paired_rows({key: first[key] for key in shared}, second)
    rows = np.vstack((rows, _two_changes(rows)))
    totals, mean = rows.sum(axis=0), rows.mean(axis=0)
    deviations = (rows[:, 2] - totals[2] / totals[3] * rows[:, 3]) / mean[3]
    deviations -= (rows[:, 0] - totals[0] / totals[1] * rows[:, 1]) / mean[1]
    squares = deviations**2
    variance, num = float(squares.mean()), len(rows)
    error = float(squares.std(ddof=1)) / math.sqrt(num)
    factor = math.exp(t_quantile(num, confidence) * error / variance)
    low, high = (cases_needed(math.sqrt(each)) for each in (variance / factor, variance * factor))
    return low, high
