"""Swap tests and differences of medians: known answers, and what must hold of any data."""

from __future__ import annotations

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from voicebench.metrics.paired import (
    MAX_ENUMERATED,
    median_difference,
    quantile_ratio,
    swap_test,
    swap_test_of_medians,
)
from voicebench.metrics.stats import MIN_CONVERSATIONS, mcnemar

# Darwin's plants of Zea mays, crossed minus self-fertilised, in eighths of an inch
DARWIN = (49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48)

pairs = st.lists(
    st.tuples(st.integers(0, 4), st.integers(4, 6), st.integers(0, 4), st.integers(4, 6)),
    min_size=1,
    max_size=8,
)


def both(rows):
    first = {i: (row[0], row[1]) for i, row in enumerate(rows)}
    return first, {i: (row[2], row[3]) for i, row in enumerate(rows)}


def test_fishers_own_example():
    # The Design of Experiments (1935), section 21: 1,726 of the 32,768 arrangements
    first = dict.fromkeys(range(15), (0, 1))
    second = {i: (difference, 1) for i, difference in enumerate(DARWIN)}
    assert swap_test(first, second) == 1726 / 32768
    assert swap_test(second, first) == 1726 / 32768


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_one_yes_or_no_for_each_conversation_is_mcnemars_test(outcomes):
    first = {i: (int(a), 1) for i, (a, _) in enumerate(outcomes)}
    second = {i: (int(b), 1) for i, (_, b) in enumerate(outcomes)}
    only_first = sum(a and not b for a, b in outcomes)
    only_second = sum(b and not a for a, b in outcomes)
    exact = mcnemar(only_first, only_second)
    if only_first + only_second <= MAX_ENUMERATED:
        assert swap_test(first, second) == pytest.approx(exact)
    else:
        assert swap_test(first, second) == pytest.approx(exact, abs=0.05, rel=0.5)


@given(pairs)
def test_every_swap_is_counted(rows):
    first, second = both(rows)

    def difference(order):
        a = [second[i] if swapped else first[i] for i, swapped in enumerate(order)]
        b = [first[i] if swapped else second[i] for i, swapped in enumerate(order)]
        ratios = [sum(n for n, _ in side) / sum(d for _, d in side) for side in (a, b)]
        return abs(ratios[1] - ratios[0])

    observed = difference([False] * len(rows))
    swaps = list(itertools.product([False, True], repeat=len(rows)))
    expected = sum(difference(order) >= observed - 1e-9 for order in swaps) / len(swaps)
    assert swap_test(first, second) == pytest.approx(expected)


@given(pairs)
def test_a_test_does_not_care_which_comes_first_and_never_gives_nought(rows):
    first, second = both(rows)
    assert 0 < swap_test(first, second) <= 1
    assert swap_test(first, second) == pytest.approx(swap_test(second, first))
    assert swap_test(first, first) == 1.0


def test_drawn_swaps_agree_with_normal_theory():
    rng = np.random.default_rng(5)
    first = {i: (float(x), 1) for i, x in enumerate(rng.normal(0, 1, 200))}
    second = {i: (x + 0.1 + float(e), 1) for (i, (x, _)), e in zip(
        first.items(), rng.normal(0, 1, 200), strict=True)}  # fmt: skip
    differences = [second[i][0] - first[i][0] for i in first]
    expected = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=1
    ).pvalue
    assert swap_test(first, second) == pytest.approx(expected, abs=0.03)


def test_the_same_law_gives_small_p_values_as_often_as_it_should():
    rng = np.random.default_rng(11)
    p_values = []
    for _ in range(400):
        of_conversation = rng.beta(1, 3, 40)
        counts = [
            {i: (int(rng.binomial(5, p)), 5) for i, p in enumerate(of_conversation)} for _ in "ab"
        ]
        p_values.append(swap_test(counts[0], counts[1], num_swaps=2000))
    assert 0.02 < np.mean(np.array(p_values) <= 0.05) < 0.08
    assert 0.4 < np.mean(p_values) < 0.6


values = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8)


@given(values)
def test_the_interval_of_a_difference_of_medians_holds_it(rows):
    first, second = [float(a) for a, _ in rows], [float(b) for _, b in rows]
    found = median_difference(first, second, range(len(rows)), num_resamples=50)
    assert found is not None
    assert found.difference == statistics.median(second) - statistics.median(first)
    same = median_difference(first, first, range(len(rows)), num_resamples=50)
    if len(rows) < MIN_CONVERSATIONS:
        assert found.interval is same.interval is None
    else:
        assert found.difference in found.interval
        assert (same.interval.low, same.interval.high) == (0, 0)


@given(values)
def test_every_swap_of_medians_is_counted(rows):
    first, second = [float(a) for a, _ in rows], [float(b) for _, b in rows]

    def difference(order):
        a = [pair[swapped] for pair, swapped in zip(rows, order, strict=True)]
        b = [pair[not swapped] for pair, swapped in zip(rows, order, strict=True)]
        return abs(statistics.median(b) - statistics.median(a))

    swaps = list(itertools.product([False, True], repeat=len(rows)))
    observed = difference(swaps[0])
    expected = sum(difference(order) >= observed for order in swaps) / len(swaps)
    assert swap_test_of_medians(first, second, range(len(rows))) == pytest.approx(expected)


def test_repeats_of_a_case_are_no_new_cases():
    rng = np.random.default_rng(4)
    first = rng.normal(1, 0.3, 12)
    second = first + rng.normal(0.1, 0.2, 12)
    conversations = [i % 12 for i in range(48)]
    alone = swap_test_of_medians(first, second, range(12))
    assert swap_test_of_medians(
        np.tile(first, 4), np.tile(second, 4), conversations
    ) == pytest.approx(alone, abs=0.15)
    once = median_difference(list(first), list(second), range(12)).interval
    often = median_difference(list(first) * 4, list(second) * 4, conversations).interval
    assert often.high - often.low > 0.7 * (once.high - once.low) > 0


def test_a_shift_of_every_turn_is_seen():
    rng = np.random.default_rng(2)
    first = list(rng.lognormal(0, 0.2, 80))
    second = [value + 0.3 for value in first]
    found = median_difference(first, second, range(80))
    assert found.difference == pytest.approx(0.3)
    assert found.interval.low == pytest.approx(0.3)
    assert swap_test_of_medians(first, second, range(80)) < 0.001
    assert swap_test_of_medians(first, first, range(80)) == 1.0


@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_a_ratio_of_quantiles_of_the_same_times_is_one_and_of_scaled_ones_the_scale(
    quantile: float,
) -> None:
    times = np.random.default_rng(1).gamma(3.0, 0.2, 60)
    conversations = [number // 2 for number in range(60)]
    same = quantile_ratio(times, times, conversations, quantile)
    assert same is not None
    assert (same.ratio, same.interval.low, same.interval.high) == (1.0, 1.0, 1.0)
    fourth = quantile_ratio(times, 0.25 * times, conversations, quantile)
    assert fourth is not None
    assert fourth.ratio == pytest.approx(0.25)
    assert fourth.interval.high - fourth.interval.low == pytest.approx(0.0, abs=1e-12)
    assert fourth.num_pairs == 60


def test_the_interval_of_a_ratio_of_medians_holds_the_true_ratio_as_often_as_it_says() -> None:
    rng, held, trials = np.random.default_rng(3), 0, 100
    for trial in range(trials):
        first, second = rng.lognormal(1.0, 0.3, 40), rng.lognormal(0.0, 0.3, 40)
        ratio = quantile_ratio(first, second, range(40), num_resamples=200, seed=trial)
        assert ratio is not None
        held += ratio.interval.low <= np.exp(-1.0) <= ratio.interval.high
    assert held >= 86  # 95 of 100 expected; less than 1 in 1,000 by chance


def test_a_ratio_needs_pairs_and_something_to_divide_by() -> None:
    assert quantile_ratio([], [], []) is None
    assert quantile_ratio([0.0, 0.0], [1.0, 2.0], "ab") is None
