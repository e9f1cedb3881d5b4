"""Exact tests of paired differences, and differences of medians; everything by conversation.

If two variants were the same, each conversation might as well have had their results the other way
round. So the results are swapped at random, conversation by conversation, and the p-value is the
share of swaps with a difference at least as large as the one observed (Fisher 1935; for scores of
language systems Noreen 1989). It needs no distribution, holds for any statistic, and where every
conversation has one answer that is right or wrong it is McNemar's exact test.

    from voicebench.metrics.paired import swap_test
    swap_test({"c1": (1, 1), "c2": (0, 1)}, {"c1": (0, 1), "c2": (0, 1)})
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebench.metrics.stats import (
    CONFIDENCE,
    MIN_CONVERSATIONS,
    CountsByConversation,
    Difference,
    Interval,
    difference_of,
    difference_of_ratios,
    paired_rows,
    wide_percentiles,
)

MAX_ENUMERATED = 16
"""Up to so many conversations that differ, all 2^n swaps are counted; beyond, they are drawn."""
NUM_SWAPS = 50_000
NUM_SWAPS_OF_MEDIANS = 5_000
NUM_RESAMPLES_OF_MEDIANS = 1000
_ENOUGH_HITS = 50
_NUMBERS_AT_ONCE = 2_000_000
_FEW_KINDS = 8

Floats = NDArray[np.float64]
Swaps = NDArray[np.bool_]


def swap_test(
    first: CountsByConversation,
    second: CountsByConversation,
    *,
    num_swaps: int = NUM_SWAPS,
    seed: int = 0,
) -> float:
    """Two-sided p-value of a difference of ratios of sums, swapped by conversation.

    Args:
        first: Counts by conversation; those that `second` has not are left out.
        second: Likewise.
        num_swaps: Swaps to draw at most, where there are too many to count them all.
        seed: Of the draws.

    Returns:
        1.0 where nothing differs.

    >>> swap_test({i: (0, 1) for i in range(5)}, {i: (1, 1) for i in range(5)})
    0.0625
    """
    rows = paired_rows(first, second)
    totals = rows.sum(axis=0)
    if not len(rows) or totals[1] <= 0 or totals[3] <= 0:
        return 1.0
    moves = rows[:, [2, 3, 0, 1]] - rows  # what swapping a conversation does to the four sums
    moves = moves[np.any(moves != 0, axis=1)]
    if not len(moves):
        return 1.0
    observed = float(abs(difference_of_ratios(totals[None])[0]))

    def differences(swapped: Floats, of: Floats) -> Floats:
        return np.abs(np.nan_to_num(difference_of_ratios(totals + swapped @ of)))

    if len(moves) <= MAX_ENUMERATED:
        return _share(differences(_all_swaps(len(moves)).astype(np.float64), moves), observed)
    kinds, times = np.unique(moves, axis=0, return_counts=True)
    if len(kinds) * _FEW_KINDS < len(moves):  # of each kind, a binomial number is swapped
        batches = _drawn(num_swaps, len(kinds), lambda rng, size: rng.binomial(times, 0.5, size))
        return _p_value((differences(each, kinds) for each in batches(seed)), observed, num_swaps)
    batches = _drawn(num_swaps, len(moves), lambda rng, size: rng.integers(0, 2, size))
    return _p_value((differences(each, moves) for each in batches(seed)), observed, num_swaps)


def swap_test_of_medians(
    first: Sequence[float],
    second: Sequence[float],
    conversations: Sequence[Hashable],
    *,
    num_swaps: int = NUM_SWAPS_OF_MEDIANS,
    seed: int = 0,
) -> float:
    """Two-sided p-value of a difference of medians, swapped by conversation.

    Args:
        first: One value a pair.
        second: Likewise, in the same order.
        conversations: The conversation of each pair.
        num_swaps: See `swap_test`.
        seed: Of the draws.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    owner, size = _owners(conversations)
    if not len(a) or np.array_equal(a, b):
        return 1.0
    observed = float(abs(np.median(b) - np.median(a)))

    def differences(swapped: Swaps) -> Floats:
        found = []
        for part in np.array_split(swapped, -(-swapped.shape[0] * len(a) // _NUMBERS_AT_ONCE)):
            of_pair = part[:, owner]
            found.append(_medians(np.where(of_pair, a, b)) - _medians(np.where(of_pair, b, a)))
        return np.abs(np.concatenate(found))

    if size <= MAX_ENUMERATED:
        return _share(differences(_all_swaps(size)), observed)
    batches = _drawn(num_swaps, max(size, len(a)), lambda rng, n: rng.random((n[0], size)) < 0.5)
    found = (differences(each.astype(np.bool_)) for each in batches(seed))
    return _p_value(found, observed, num_swaps)


def median_difference(
    first: Sequence[float],
    second: Sequence[float],
    conversations: Sequence[Hashable],
    *,
    confidence: float = CONFIDENCE,
    num_resamples: int = NUM_RESAMPLES_OF_MEDIANS,
    seed: int = 0,
) -> Difference | None:
    """The difference of the medians of pairs, second − first, resampled by conversation.

    Args:
        first: One value a pair.
        second: Likewise, in the same order.
        conversations: The conversation of each pair; whole conversations are drawn.
        confidence: Of the percentile interval.
        num_resamples: Draws.
        seed: Of the draws.

    Returns:
        None without pairs; without an interval with fewer conversations than `MIN_CONVERSATIONS`.
    """
    if not len(first):
        return None
    owner, size = _owners(conversations)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(size, np.full(size, 1 / size), num_resamples)
    medians = [
        _weighted_medians(np.asarray(values, dtype=np.float64), owner, drawn)
        for values in (first, second)
    ]
    is_enough = size >= MIN_CONVERSATIONS
    interval = wide_percentiles(medians[1] - medians[0], confidence, size) if is_enough else None
    return difference_of(float(np.median(first)), float(np.median(second)), interval, size)


@dataclass(frozen=True)
class QuantileRatio:
    """A quantile of one set of times over the same quantile of another, with its interval; None
    with fewer conversations than `MIN_CONVERSATIONS`."""

    first: float
    second: float
    ratio: float
    interval: Interval | None
    num_pairs: int


def quantile_ratio(
    first: Sequence[float],
    second: Sequence[float],
    conversations: Sequence[Hashable],
    quantile: float = 0.5,
    *,
    confidence: float = CONFIDENCE,
    num_resamples: int = NUM_RESAMPLES_OF_MEDIANS,
    seed: int = 0,
) -> QuantileRatio | None:
    """The ratio of a quantile of pairs, second / first, resampled by conversation.

    Args:
        first: One value a pair.
        second: Likewise, in the same order.
        conversations: The conversation of each pair; whole conversations are drawn.
        quantile: In [0, 1], interpolated linearly.
        confidence: Of the percentile interval.
        num_resamples: Draws.
        seed: Of the draws.

    Returns:
        None without pairs, or where the first quantile is not positive.

    >>> quantile_ratio([2.0, 4.0, 6.0], [1.0, 1.0, 5.0], "abc").ratio
    0.25
    """
    pairs = np.asarray([first, second], dtype=np.float64)
    if not pairs.size or (observed := np.quantile(pairs, quantile, axis=1))[0] <= 0:
        return None
    owner, size = _owners(conversations)
    members = [np.flatnonzero(owner == number) for number in range(size)]
    rng, ratios = np.random.default_rng(seed), np.full(num_resamples, np.nan)
    for index in range(num_resamples):
        drawn = np.concatenate([members[number] for number in rng.integers(size, size=size)])
        low, high = np.quantile(pairs[:, drawn], quantile, axis=1)
        if low > 0:
            ratios[index] = high / low
    ratio = float(observed[1] / observed[0])
    interval = wide_percentiles(ratios, confidence, size) if size >= MIN_CONVERSATIONS else None
    bounds = interval and Interval(min(interval.low, ratio), max(interval.high, ratio))
    return QuantileRatio(float(observed[0]), float(observed[1]), ratio, bounds, pairs.shape[1])


def _medians(values: Floats) -> Floats:
    """Medians of rows; sorting them is several times faster than numpy's median."""
    ordered, size = np.sort(values, axis=1), values.shape[1]
    middle: Floats = (ordered[:, (size - 1) // 2] + ordered[:, size // 2]) / 2
    return middle


def _weighted_medians(values: Floats, owner: NDArray[np.intp], drawn: NDArray[np.int64]) -> Floats:
    """Medians (num_resamples,) of values taken as often as their conversation was drawn."""
    order = np.argsort(values)
    ordered, owner = values[order], owner[order]
    found = []
    for part in np.array_split(drawn, -(-drawn.shape[0] * len(values) // _NUMBERS_AT_ONCE)):
        reached = np.cumsum(part[:, owner], axis=1)
        half = reached[:, -1:] / 2
        low, high = np.argmax(reached >= half, axis=1), np.argmax(reached > half, axis=1)
        found.append((ordered[low] + ordered[high]) / 2)
    medians: Floats = np.concatenate(found)
    return medians


def _owners(conversations: Sequence[Hashable]) -> tuple[NDArray[np.intp], int]:
    numbers = {key: i for i, key in enumerate(dict.fromkeys(conversations))}
    return np.array([numbers[key] for key in conversations], dtype=np.intp), len(numbers)


@functools.lru_cache(maxsize=MAX_ENUMERATED + 1)
def _all_swaps(num: int) -> Swaps:
    """Every way to swap `num` conversations, shape (2^num, num)."""
    numbers = np.arange(2**num)[:, None]
    swaps: Swaps = (numbers >> np.arange(num)) % 2 == 1
    return swaps


Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.generic]]


def _drawn(num_swaps: int, width: int, draw: Draw) -> Callable[[int], Iterator[Floats]]:
    """Batches of random swaps, the first ones small: most differences are soon seen to be none."""

    def batches(seed: int) -> Iterator[Floats]:
        rng, left, batch = np.random.default_rng(seed), num_swaps, 500
        while left:
            num = min(left, batch, max(1, _NUMBERS_AT_ONCE // width))
            yield draw(rng, (num, width)).astype(np.float64)
            left, batch = left - num, batch * 4

    return batches


def _share(differences: Floats, observed: float) -> float:
    return float(np.mean(_reaches(differences, observed)))


def _reaches(differences: Floats, observed: float) -> Swaps:
    """Equal differences may come out of other sums, and differ in their last digits."""
    reached: Swaps = differences >= observed - 1e-9 * max(1.0, observed)
    return reached


def _p_value(batches: Iterator[Floats], observed: float, num_swaps: int) -> float:
    """Draws until enough differences reach the observed one: an exact level for any number of draws
    (Besag and Clifford 1991)."""
    hits = done = 0
    for differences in batches:
        where = np.flatnonzero(_reaches(differences, observed))
        if hits + len(where) >= _ENOUGH_HITS:
            return _ENOUGH_HITS / (done + int(where[_ENOUGH_HITS - hits - 1]) + 1)
        hits, done = hits + len(where), done + len(differences)
    return (hits + 1) / (num_swaps + 1)
