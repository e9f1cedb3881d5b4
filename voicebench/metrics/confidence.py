"""Whether the recogniser knows when it is wrong: calibration of window confidence.

A window is right when its text, normalised, stands in the normalised reference as it is: its CER
against the stretch of the reference that fits it best is 0. Windows in which nothing was recognised
have no confidence and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voicebench.metrics.normalize import basic
from voicebench.types import Hypothesis, Turn

NUM_BINS = 10


def window_outcomes(turn: Turn, reference: str) -> list[tuple[float, bool]]:
    """(confidence, is right) of each first-pass window with text, provisional ones left out."""
    gold = basic(reference).replace(" ", "")
    outcomes = []
    for window in turn.windows:
        text = basic(Hypothesis(tokens=window.tokens).text).replace(" ", "")
        if text and window.pass_number == 1 and not window.is_provisional:
            outcomes.append((window.confidence, text in gold))
    return outcomes


def expected_calibration_error(
    confidences: Sequence[float], is_right: Sequence[bool], num_bins: int = NUM_BINS
) -> float | None:
    """Mean distance of confidence and accuracy over equally wide bins, weighted by their size
    (Naeini et al. 2015); None without values.

    >>> expected_calibration_error([1.0, 1.0, 0.5, 0.5], [True, True, True, False])
    0.0
    """
    if not confidences:
        return None
    scores, right = np.asarray(confidences, np.float64), np.asarray(is_right, np.float64)
    bins = np.clip(np.ceil(scores * num_bins).astype(int) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, weights=right - scores, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(scores))


def auroc(confidences: Sequence[float], is_right: Sequence[bool]) -> float | None:
    """Probability that a right window is more confident than a wrong one, ties counting half
    (Mann-Whitney); None unless there are both.

    >>> auroc([0.9, 0.8, 0.3], [True, True, False])
    1.0
    """
    right = np.asarray(is_right, bool)
    num_right, num_wrong = int(right.sum()), int((~right).sum())
    if not num_right or not num_wrong:
        return None
    _, inverse, sizes = np.unique(np.asarray(confidences), return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(sizes) - (sizes - 1) / 2
    rank_sum = float(mean_ranks[inverse][right].sum())
    return (rank_sum - num_right * (num_right + 1) / 2) / (num_right * num_wrong)
