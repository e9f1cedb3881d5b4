from __future__ import annotations

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
    as_rows,
    bootstrap_interval,
    bootstrap_quantile_interval,
    cases_needed,
    cases_to_see_one_point,
    holm,
    mcnemar,
    noise_floor,
    paired_bootstrap,
    resampled_sums,
    wilson,
    wilson_by_conversation,
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
    assert found.difference in found.interval
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
    narrow, wide = wilson_by_conversation(alone), wilson_by_conversation(together)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    narrow, wide = bootstrap_interval(alone), bootstrap_interval(together)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


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
    assert cases_to_see_one_point(same, few) < cases_to_see_one_point(same, many)
    assert cases_to_see_one_point(same, same) > 0
    assert cases_to_see_one_point({1: (0, 1)}, {1: (0, 1)}) is None


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
    tail = 50 * (1 - 0.95)  # 2.5 but for rounding, which shows between two drawn values
    return [float(bound) for bound in np.percentile(found, (tail, 100 - tail))]


@settings(max_examples=30)
@given(
    st.integers(2, 400), st.integers(2, 90), st.sampled_from((0.0, 0.5, 0.95, 1.0)), st.randoms()
)
def test_resampling_at_once_draws_the_same_as_one_by_one(num, num_owners, quantile, rng):
    values = [rng.choice((0.5, rng.random())) for _ in range(num)]
    owners = [0, 1, *(rng.randrange(num_owners) for _ in range(num - 2))]
    found = bootstrap_quantile_interval(values, owners, quantile)
    assert [found.low, found.high] == one_by_one(values, owners, quantile)


def test_a_quantile_far_from_the_samples_own_is_found_too():
    """One conversation holds half of all values, all of them the highest."""
    values = [*range(5000), *range(10_000, 15_000)]
    owners = [*range(1, 5001), *[0] * 5000]
    found = bootstrap_quantile_interval(values, owners)
    assert [found.low, found.high] == one_by_one(values, owners, 0.5)
    assert found.low < 5000 <= found.high
