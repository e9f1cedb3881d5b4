"""How often a 95 % interval holds the truth, with 10, 30 and 100 conversations.

    python bench/run_coverage.py --samples 1000

Conversations are drawn from populations whose true value is known, or computed from a million of
them. Each population has the shape of a figure: a yes or no a conversation, answers of longer
conversations, character errors that a few speakers make most of, compute seconds, latencies with a
tail, two variants that disagree now and then. Every sample gets the interval that reports show
(`metrics.stats`, `metrics.paired`) and, beside it, the percentile bootstrap (Wilson with the normal
quantile for shares) that it replaced. A sample of which none or all trials count has a one-sided
bound, and takes part. Shown: the share of samples whose interval holds the truth; in brackets the
median width. With 1,000 samples a coverage of 0.95 is known to ± 0.014.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from _common import finish
from numpy.typing import NDArray

from voicebench.metrics.paired import median_difference
from voicebench.metrics.stats import (
    CONFIDENCE,
    Counts,
    Interval,
    as_rows,
    bootstrap_quantile_interval,
    difference_of_ratios,
    paired_bootstrap,
    paired_rows,
    percentiles,
    ratio_interval,
    resampled_sums,
    wilson,
)

SIZES = (10, 30, 100)
NUM_TRUE, NUM_RESAMPLES = 1_000_000, 1000
Rng = np.random.Generator
Floats = NDArray[np.float64]
Rows = dict[int, Counts]


@dataclass(frozen=True)
class Population:
    """Something to draw conversations from.

    Attributes:
        name: What it is like.
        kind: Which interval it gets: `share`, `ratio`, `median`, `difference`, `median difference`.
        draw: Columns of so many conversations: counts (two of them, four for a difference), or
            times by conversation and turn, NaN where there is no turn (two such for a difference).
    """

    name: str
    kind: str
    draw: Callable[[Rng, int], tuple[Floats, ...]]


def yes_or_no(share: float, rng: Rng, num: int) -> tuple[Floats, ...]:
    return (rng.random(num) < share).astype(np.float64), np.ones(num)


def answers(share: float, rng: Rng, num: int, correlation: float = 0.3) -> tuple[Floats, ...]:
    """One to six answers a conversation, which have something in common."""
    size, spread = rng.integers(1, 7, num), (1 - correlation) / correlation
    each = rng.beta(share * spread, (1 - share) * spread, num)
    return rng.binomial(size, each).astype(np.float64), size.astype(np.float64)


def characters(lost: float, rng: Rng, num: int) -> tuple[Floats, ...]:
    """One to three utterances of 8 to 40 characters; more than half are heard without an error, some
    speakers are harder than others, and `lost` of the utterances are lost."""
    is_there = np.arange(3) < rng.integers(1, 4, (num, 1))
    size = rng.integers(8, 41, (num, 3)) * is_there
    hard = (rng.random((num, 3)) < 0.45) * rng.beta(1.2, 9, (num, 3)) * rng.gamma(1, 1, (num, 1))
    rate = np.where(rng.random((num, 3)) < lost, 1.0, np.minimum(hard, 1.0))
    return rng.binomial(size, rate).sum(axis=1).astype(np.float64), size.sum(axis=1) * 1.0


def compute(rng: Rng, num: int) -> tuple[Floats, ...]:
    """Seconds of compute, with a fixed cost and scatter, for 1 to 12 s of audio."""
    audio_s = rng.uniform(1, 12, num)
    return (0.02 + 0.03 * audio_s) * np.exp(0.35 * rng.standard_normal(num)), audio_s


def latencies(turns: int, rng: Rng, num: int) -> tuple[Floats, ...]:
    """Seconds of one to `turns` turns, alike in a conversation, one in ten with a long tail."""
    scale = np.exp(0.15 * rng.standard_normal((num, 1)))
    seconds = 0.65 * scale * np.exp(0.15 * rng.standard_normal((num, turns)))
    seconds += (rng.random((num, turns)) < 0.1) * rng.exponential(0.5, (num, turns))
    return (np.where(np.arange(turns) < rng.integers(1, turns + 1, (num, 1)), seconds, np.nan),)


def two_latencies(turns: int, rng: Rng, num: int) -> tuple[Floats, ...]:
    (first,) = latencies(turns, rng, num)
    return first, first * np.exp(0.1 * rng.standard_normal(first.shape)) - 0.05


def two_answers(better: float, worse: float, turns: int, rng: Rng, num: int) -> tuple[Floats, ...]:
    """Up to `turns` answers under two variants: `better` of them are wrong under the first alone."""
    size, changed = rng.integers(1, turns + 1, num), better + worse
    spread = 7 / 3 if turns > 1 else 1e6  # answers of a conversation change together
    each = rng.beta(changed * spread, (1 - changed) * spread, num)
    num_changed = rng.binomial(size, each)
    only_first = rng.binomial(num_changed, better / changed)
    both = rng.binomial(size - num_changed, 0.3)
    return tuple(
        x.astype(np.float64)
        for x in (both + only_first, size, both + num_changed - only_first, size)
    )


def two_transcripts(rng: Rng, num: int) -> tuple[Floats, ...]:
    """Character errors of two recognitions, the same in 60 % of the utterances."""
    size, hard = rng.integers(8, 41, num), np.minimum(0.06 * rng.gamma(0.7, 1 / 0.7, num), 1.0)
    first, again = rng.binomial(size, hard), rng.binomial(size, hard)
    second = np.where(rng.random(num) < 0.4, again, first)
    return tuple(x.astype(np.float64) for x in (first, size, second, size))


def two_lengths(rng: Rng, num: int) -> tuple[Floats, ...]:
    """Tokens of one to three answers."""
    size, tokens = rng.integers(1, 4, num), rng.gamma(3, 5, num)
    other = np.maximum(tokens * np.exp(0.3 * rng.standard_normal(num)) - 1, 1)
    return size * tokens, size * 1.0, size * other, size * 1.0


POPULATIONS = (
    *(Population(f"{100 * p:g} % yes, one a conversation", "share", partial(yes_or_no, p))
      for p in (0.05, 0.1, 0.3, 0.5)),
    *(Population(f"{100 * p:g} % of 1 to 6 answers, correlated", "share", partial(answers, p))
      for p in (0.1, 0.3)),
    Population("CER", "ratio", partial(characters, 0.0)),
    Population("CER, 3 % of utterances lost", "ratio", partial(characters, 0.03)),
    Population("RTF", "ratio", compute),
    Population("median latency, one turn", "median", partial(latencies, 1)),
    Population("median latency, 1 to 5 turns", "median", partial(latencies, 5)),
    Population("2 % better, 1 % worse, one answer", "difference", partial(two_answers, 0.02, 0.01, 1)),
    Population("10 % better, 5 % worse, one answer", "difference", partial(two_answers, 0.1, 0.05, 1)),
    Population("10 % better, 5 % worse, 1 to 6 answers", "difference", partial(two_answers, 0.1, 0.05, 6)),
    Population("no difference, 10 % changed, 1 to 6 answers", "difference", partial(two_answers, 0.05, 0.05, 6)),
    Population("CER of two recognitions", "difference", two_transcripts),
    Population("answer tokens", "difference", two_lengths),
    Population("median latency of two variants, 1 to 5 turns", "median difference", partial(two_latencies, 5)),
)  # fmt: skip


def true_value(population: Population, rng: Rng) -> float:
    """Of a million conversations."""
    columns = population.draw(rng, NUM_TRUE)
    if population.kind.startswith("median"):
        medians = [float(np.nanmedian(each)) for each in columns]
        return medians[-1] - medians[0] if len(medians) > 1 else medians[0]
    sums = [float(each.sum()) for each in columns]
    first = sums[0] / sums[1]
    return sums[2] / sums[3] - first if len(sums) > 2 else first


def shown(population: Population, columns: Sequence[Floats]) -> Interval | None:
    """The interval of a report."""
    if population.kind.startswith("median"):
        owners, values = _times(columns)
        if len(values) == 1:
            return bootstrap_quantile_interval(values[0], owners)
        difference = median_difference(values[0], values[1], owners)
        return difference and difference.interval
    if population.kind == "difference":
        found = paired_bootstrap(_rows(columns[:2]), _rows(columns[2:]))
        return found and found.interval
    return ratio_interval(_rows(columns), is_share=population.kind == "share")


def replaced(population: Population, columns: Sequence[Floats], rng: Rng) -> Interval | None:
    """The percentile bootstrap, and Wilson's interval with the normal quantile."""
    if population.kind.startswith("median"):
        owners, values = _times(columns)
        num = len(columns[0])
        by_owner = [np.flatnonzero(np.array(owners) == each) for each in range(num)]
        draws = np.empty(300)
        for index in range(len(draws)):
            drawn = np.concatenate([by_owner[each] for each in rng.integers(num, size=num)])
            medians = [float(np.median(np.asarray(each)[drawn])) for each in values]
            draws[index] = medians[-1] - (medians[0] if len(medians) > 1 else 0.0)
        return percentiles(draws, CONFIDENCE)
    seed = int(rng.integers(2**31))
    if population.kind == "difference":
        rows = paired_rows(_rows(columns[:2]), _rows(columns[2:]))
        sums = resampled_sums(rows, NUM_RESAMPLES, seed)
        return percentiles(difference_of_ratios(sums), CONFIDENCE)
    rows = as_rows(_rows(columns))
    if population.kind == "share":
        return _wilson(rows)
    sums = resampled_sums(rows, NUM_RESAMPLES, seed)
    return percentiles(sums[:, 0] / sums[:, 1], CONFIDENCE)


def _wilson(rows: Floats) -> Interval:
    n, num = float(rows[:, 1].sum()), len(rows)
    rate = float(rows[:, 0].sum()) / n
    effective = min(n, num)
    if 0 < rate < 1:
        variance = float(((rows[:, 0] - rate * rows[:, 1]) ** 2).sum()) / n**2 * num / (num - 1)
        effective = min(n, rate * (1 - rate) / variance) if variance > 0 else effective
    return wilson(rate * effective, effective)


def _rows(columns: Sequence[Floats]) -> Rows:
    return dict(enumerate(zip(*(each.tolist() for each in columns), strict=True)))


def _times(columns: Sequence[Floats]) -> tuple[list[int], list[list[float]]]:
    """The conversation of each turn, and the times under each variant."""
    owners, turns = np.nonzero(~np.isnan(columns[0]))
    return owners.tolist(), [each[owners, turns].tolist() for each in columns]


def measure(population: Population, num_samples: int, seed: int) -> dict[str, dict[str, float]]:
    """Coverage and median width by number of conversations, of the intervals shown and replaced."""
    rng = np.random.default_rng(seed)
    truth = true_value(population, rng)
    found: dict[str, dict[str, float]] = {}
    for size in SIZES:
        widths: tuple[list[float], list[float]] = ([], [])
        held = [0, 0]
        for _ in range(num_samples):
            columns = population.draw(rng, size)
            for place, interval in enumerate(
                (shown(population, columns), replaced(population, columns, rng))
            ):
                assert interval is not None
                held[place] += interval.low - 1e-12 <= truth <= interval.high + 1e-12
                widths[place].append(interval.high - interval.low)
        found[str(size)] = {
            "coverage": held[0] / num_samples, "width": float(np.median(widths[0])),
            "coverage_replaced": held[1] / num_samples, "width_replaced": float(np.median(widths[1])),
        }  # fmt: skip
    return found


def _cells(found: dict[str, dict[str, float]], suffix: str) -> list[str]:
    return [f"{f[f'coverage{suffix}']:.3f} ({f[f'width{suffix}']:.3g})" for f in found.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=1000, help="of each population and size")
    parser.add_argument("--only", default="", help="populations whose name holds this text")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    columns = ("population", *(f"shown, {n}" for n in SIZES), *(f"replaced, {n}" for n in SIZES))
    rows, figures = [], {}
    for population in (each for each in POPULATIONS if args.only in each.name):
        found = measure(population, args.samples, args.seed)
        figures[f"{population.kind}: {population.name}"] = found
        rows.append([population.name, *_cells(found, ""), *_cells(found, "_replaced")])
    finish("coverage", columns, rows, {"num_samples": args.samples, "coverage": figures})


if __name__ == "__main__":
    main()
