from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from voicebench.metrics.confidence import auroc, expected_calibration_error
from voicebench.metrics.stats import (
    MIN_CONVERSATIONS,
    as_rows,
    bootstrap_quantile_interval,
    cases_needed,
    cases_to_see_one_point,
    holm,
    mcnemar,
    noise_floor,
    one_sided_bound,
    paired_bootstrap,
    ratio_interval,
    resampled_sums,
    wide_percentiles,
    wilson,
)

counts = st.dictionaries(
    st.integers(0, 20),
    st.tuples(st.integers(0, 5), st.integers(1, 9)).filter(lambda pair: pair[0] <= pair[1]),
    min_size=2,
)


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_is_scipys(num_events, n):
    num_events = min(num_events, n)
    expected = binomtest(num_events, n).proportion_ci(method="wilson")
    found = wilson(num_events, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_is_the_binomial_test_of_discordant_pairs(only_first, only_second):
    n = only_first + only_second
    expected = binomtest(only_second, n, 0.5).pvalue if n else 1.0
    assert mcnemar(only_first, only_second) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_the_order_and_never_lowers(p_values):
    adjusted = holm(p_values)
    for i, p in enumerate(p_values):
        assert p <= adjusted[i] <= min(1.0, p * len(p_values)) + 1e-12
        for j, other in enumerate(p_values):
            if p < other:
                assert adjusted[i] <= adjusted[j]


def test_holm_with_a_known_answer():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@settings(max_examples=50)
@given(counts, counts)
def test_the_interval_holds_the_observed_difference(first, second):
    found = paired_bootstrap(first, second, num_resamples=200)
    if found is None:
        assert not set(first) & set(second)
        return
    assert (found.interval is None) == (found.num_conversations < MIN_CONVERSATIONS)
    assert found.interval is None or found.difference in found.interval
    assert found.difference == pytest.approx(found.second - found.first)


@given(counts)
def test_the_same_variant_twice_is_no_difference(first):
    found = noise_floor(first, dict(first))
    assert found is not None
    assert found.difference == 0.0
    assert not found.is_seen


def test_a_real_difference_is_seen_and_a_coin_is_not():
    rng = random.Random(1)
    first = {i: (int(rng.random() < 0.5), 1) for i in range(300)}
    better = {i: (first[i][0] and int(rng.random() < 0.5), 1) for i in first}
    other_coin = {i: (int(rng.random() < 0.5), 1) for i in first}
    assert paired_bootstrap(first, better).is_seen
    assert not paired_bootstrap(first, other_coin).is_seen


def test_conversations_that_move_together_widen_the_interval():
    alone = {i: (i % 2, 1) for i in range(100)}
    together = {i: (10 * (i % 2), 10) for i in range(10)}
    for is_share in (True, False):
        narrow, wide = (ratio_interval(each, is_share=is_share) for each in (alone, together))
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


@pytest.mark.parametrize("is_share", [True, False])
@pytest.mark.parametrize("num", [1, 9, 10, 40])
def test_fewer_than_ten_conversations_carry_no_interval(num, is_share):
    many_trials = {i: (1 + i % 2, 30) for i in range(num)}
    found = ratio_interval(many_trials, is_share=is_share)
    assert (found is None) == (num < 10)
    pairs = paired_bootstrap(many_trials, many_trials)
    assert (pairs.interval is None) == (num < 10)
    assert (bootstrap_quantile_interval(list(range(num)), list(range(num))) is None) == (num < 10)
    assert (cases_to_see_one_point(many_trials, many_trials) is None) == (num < 10)


def test_conversations_with_nothing_to_count_are_none():
    counts = {i: (i % 2, 1) for i in range(9)} | dict.fromkeys(range(9, 60), (0, 0))
    assert ratio_interval(counts, is_share=True) is None


@given(st.integers(10, 200), st.integers(1, 9))
def test_none_or_all_of_the_trials_give_a_one_sided_bound(num, size):
    none = ratio_interval(dict.fromkeys(range(num), (0, size)), is_share=True)
    every = ratio_interval(dict.fromkeys(range(num), (size, size)), is_share=True)
    exact = binomtest(0, num, alternative="less").proportion_ci(0.95, method="exact")
    assert none.is_one_sided
    assert every.is_one_sided
    assert (none.low, none.high) == (0.0, pytest.approx(exact.high))
    assert (every.low, every.high) == (pytest.approx(1 - exact.high), 1.0)
    assert none == one_sided_bound(num, is_all=False)
    assert ratio_interval(dict.fromkeys(range(num), (0, size)), is_share=False).is_one_sided
    assert not ratio_interval(dict.fromkeys(range(num), (size, size)), is_share=False).is_one_sided


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(3, 30)), min_size=10, max_size=60))
def test_the_interval_of_a_ratio_holds_it(rows):
    counts = dict(enumerate(rows))
    above, below = (sum(row[place] for row in rows) for place in (0, 1))
    for is_share in (True, False):
        found = ratio_interval(counts, is_share=is_share)
        assert found.low <= above / below <= found.high
        assert found == ratio_interval(counts, is_share=is_share)  # the same draws every time


def test_a_few_changes_do_not_make_a_short_interval():
    """With no change, or one, draws of conversations hardly ever change: that is not certainty."""
    same = dict.fromkeys(range(100), (0, 1))
    one = same | {0: (1, 1)}
    for first, second in ((same, same), (same, one), (one, same)):
        found = paired_bootstrap(first, second).interval
        assert found.low < -0.01 < 0.01 < found.high
        assert found.high - found.low < 0.15


@pytest.mark.parametrize("num", [10, 30, 100])
def test_intervals_hold_the_truth_often_enough(num):
    """A coarse check with fixed draws; `bench/run_coverage.py` measures it."""
    rng = np.random.default_rng(num)
    held = {"share": 0, "ratio": 0, "difference": 0}
    for _ in range(200):
        size = rng.integers(1, 6, num)
        wrong = rng.binomial(size, rng.beta(0.7, 1.633, num))  # 30 % of answers that are alike
        characters = rng.integers(8, 41, num)
        errors = rng.binomial(characters, rng.beta(0.5, 9.5, num))  # 5 % of characters
        other = rng.binomial(size, 0.3)
        rows = [dict(enumerate(zip(a.tolist(), b.tolist(), strict=True)))
                for a, b in ((wrong, size), (errors, characters), (other, size))]  # fmt: skip
        held["share"] += 0.3 in ratio_interval(rows[0], is_share=True)
        held["ratio"] += 0.05 in ratio_interval(rows[1], is_share=False)
        held["difference"] += 0.0 in paired_bootstrap(rows[0], rows[2]).interval
    assert min(held.values()) > 0.88 * 200, held


def test_a_median_lies_in_its_interval():
    values = [float(i) for i in range(99)]
    found = bootstrap_quantile_interval(values, list(range(99)))
    assert 30 < found.low < 49 < found.high < 69


def test_cases_needed_grows_with_the_square():
    assert cases_needed(0.5, 0.01) == pytest.approx(100 * cases_needed(0.5, 0.1), rel=0.01)
    # (1.95996 + 0.84162)^2 * 0.25 / 0.01 = 196.2
    assert cases_needed(0.5, 0.1) == 197


def test_cases_to_see_one_point_follow_the_data():
    same = dict.fromkeys(range(50), (0, 1))
    few = {i: (int(i < 5), 1) for i in range(50)}
    many = {i: (int(i < 25), 1) for i in range(50)}
    ranges = [cases_to_see_one_point(same, each) for each in (same, few, many)]
    assert all(0 < low < high for low, high in ranges)
    for less, more in itertools.pairwise(ranges):
        assert less[0] < more[0]
        assert less[1] < more[1]


def test_cases_to_see_one_point_are_known_the_better_the_more_there_are():
    # 10 % change: deviation 0.3, ((1.96 + 0.84) · 0.3 / 0.01)² = 7,064
    def spread(num):
        low, high = cases_to_see_one_point(
            dict.fromkeys(range(num), (0, 1)), {i: (int(i % 10 == 0), 1) for i in range(num)}
        )
        assert low < 7064 < high
        return high / low

    assert spread(1000) < spread(100) < spread(30)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.6, 0.9]), st.booleans()), min_size=1))
def test_auroc_is_the_share_of_pairs_in_order(windows):
    right = [score for score, is_right in windows if is_right]
    wrong = [score for score, is_right in windows if not is_right]
    found = auroc([score for score, _ in windows], [is_right for _, is_right in windows])
    if not right or not wrong:
        assert found is None
        return
    pairs = [(r > w) + (r == w) / 2 for r in right for w in wrong]
    assert found == pytest.approx(sum(pairs) / len(pairs))


def test_calibration_error_with_known_answers():
    assert expected_calibration_error([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0.0)
    assert expected_calibration_error([0.9] * 10, [False] * 10) == pytest.approx(0.9)
    assert expected_calibration_error([], []) is None


def test_mcnemar_with_many_pairs_is_scipys():
    for only_first, only_second in ((86, 150), (4000, 4100), (60_000, 60_500)):
        expected = binomtest(only_first, only_first + only_second, 0.5).pvalue
        assert mcnemar(only_first, only_second) == pytest.approx(expected, rel=1e-7)


def test_mcnemar_of_the_prime_ministers_ratings():
    # Agresti, Categorical Data Analysis, table 10.1: 150 and 86 changed their minds; z² = 17.36
    assert mcnemar(150, 86) == pytest.approx(3.7e-5, rel=0.05)


def test_the_bootstrap_of_a_ratio_with_a_known_answer():
    # Efron and Tibshirani, An Introduction to the Bootstrap, section 10.3: the hormone patches of
    # eight people, new − old over old − placebo: −0.0713, standard error 0.105
    old = [8406, 2342, 8187, 8459, 4795, 3516, 4796, 10238]
    new = [-1200, 2601, -2705, 1982, -1290, 351, -638, -2719]
    sums = resampled_sums(as_rows(dict(enumerate(zip(new, old, strict=True)))), 20_000, 0)
    assert sum(new) / sum(old) == pytest.approx(-0.0713, abs=1e-4)
    assert (sums[:, 0] / sums[:, 1]).std() == pytest.approx(0.105, abs=0.005)


def test_drawing_kinds_is_drawing_conversations():
    rows = as_rows({i: (i % 2, 1 + i % 3) for i in range(240)})  # six kinds: drawn as such
    told_apart = rows + 1e-12 * np.arange(len(rows))[:, None]  # each its own kind
    few, many = (resampled_sums(each, 4000, 0) for each in (rows, told_apart))
    assert few.mean(axis=0) == pytest.approx(many.mean(axis=0), rel=0.01)
    assert np.cov(few.T) == pytest.approx(np.cov(many.T), rel=0.1, abs=6)


def test_cases_needed_see_the_difference_as_often_as_they_say():
    # answers changed: 12 % better, 7 % worse. Connor's formula for McNemar's test (1987):
    # (1.96 √0.19 + 0.8416 √(0.19 − 0.05²))² / 0.05² = 594
    difference, changed = 0.05, 0.19
    deviation = math.sqrt(changed - difference**2)
    n = cases_needed(deviation, difference)
    assert n == pytest.approx(594, abs=8)
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(400):
        better, worse, _ = rng.multinomial(n, [0.12, 0.07, 0.81])
        seen += mcnemar(int(better), int(worse)) < 0.05
    assert 0.74 < seen / 400 < 0.86


def one_by_one(values: Sequence[float], owners: Sequence[int], quantile: float) -> list[float]:
    """The quantile's interval, each resample drawn and gone through alone."""
    numbers = {key: i for i, key in enumerate(dict.fromkeys(owners))}
    order = np.argsort(np.asarray(values))
    owner = np.array([numbers[key] for key in owners])[order]
    rng, found = np.random.default_rng(0), []
    for _ in range(500):
        drawn = np.bincount(rng.integers(len(numbers), size=len(numbers)), minlength=len(numbers))
        reached = np.cumsum(drawn[owner])
        place = int(np.searchsorted(reached, quantile * reached[-1]))
        found.append(np.asarray(values)[order][min(place, len(order) - 1)])
    bounds = wide_percentiles(np.array(found), 0.95, len(numbers))
    return [bounds.low, bounds.high]


def test_percentiles_go_further_out_with_few_conversations():
    draws = np.linspace(-1, 1, 100_001)
    spread = {n: wide_percentiles(draws, 0.95, n).high for n in (10, 30, 100, 100_000)}
    assert spread[10] > spread[30] > spread[100] > spread[100_000]
    assert spread[100_000] == pytest.approx(0.95, abs=1e-4)
    # 2.262 · √(10 / 9) = 2.385 standard errors: 0.85 % on either side
    assert spread[10] == pytest.approx(1 - 2 * 0.00855, abs=1e-4)


@settings(max_examples=30)
@given(
    st.integers(10, 400), st.integers(10, 90), st.sampled_from((0.0, 0.5, 0.95, 1.0)), st.randoms()
)
def test_resampling_at_once_draws_the_same_as_one_by_one(num, num_owners, quantile, rng):
    values = [rng.choice((0.5, rng.random())) for _ in range(num)]
    owners = [*range(10), *(rng.randrange(num_owners) for _ in range(num - 10))]
    found = bootstrap_quantile_interval(values, owners, quantile)
    assert [found.low, found.high] == one_by_one(values, owners, quantile)


def test_a_quantile_far_from_the_samples_own_is_found_too():
    """One conversation holds half of all values, all of them the highest."""
    values = [*range(5000), *range(10_000, 15_000)]
    owners = [*range(1, 5001), *[0] * 5000]
    found = bootstrap_quantile_interval(values, owners)
    assert [found.low, found.high] == one_by_one(values, owners, 0.5)
    assert found.low < 5000 <= found.high
