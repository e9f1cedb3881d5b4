"""Thresholds of confidence from a model's own histogram, with the rule that gives each.

Three thresholds of this project were set on the shipped recogniser, whose right tokens lie near 1.
A model trained with label smoothing (paraformer-zh: 0.1) puts its right tokens near .9, so the same
numbers mean something else there. Each rule fixes what a threshold is for, not its number:

    _DOUBT_BELOW            of a token       separates right tokens from wrong ones best (Youden's J)
    min_confidence          of a transcript  refuses at most 1 in 100 good transcripts (CER <= 10 %)
    speculation_confidence  of a window      lets 9 in 10 windows without an error begin a draft

A rule with too few samples proposes nothing and says how many it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

BINS = 20
BAR = 40
"""Characters of the longest bar."""


@dataclass(frozen=True)
class Samples:
    """Confidences of one kind, of what was right and of what was wrong."""

    right: tuple[float, ...]
    wrong: tuple[float, ...]


@dataclass(frozen=True)
class Proposal:
    """What a rule says of one threshold."""

    name: str
    of: str
    now: float
    rule: str
    samples: Samples
    proposed: float | None = None
    reason: str = ""
    """Why nothing is proposed."""

    def row(self) -> list[str]:
        """Cells of the report's table."""
        proposed = f"{self.proposed:.2f}" if self.proposed is not None else f"none: {self.reason}"
        return [
            self.name, self.of, f"{self.now:.2f}", self._rates(self.now), proposed,
            self._rates(self.proposed) if self.proposed is not None else "", self.rule,
        ]  # fmt: skip

    def _rates(self, threshold: float) -> str:
        right, wrong = self.samples.right, self.samples.wrong
        return f"{below(right, threshold)} of right, {below(wrong, threshold)} of wrong below"


def below(values: Sequence[float], threshold: float) -> str:
    """The share under a threshold, with its counts.

    >>> below((0.2, 0.8, 0.9, 0.95), 0.5)
    '25 % (1/4)'
    """
    if not values:
        return "none"
    count = sum(value < threshold for value in values)
    return f"{100 * count / len(values):.0f} % ({count}/{len(values)})"


def propose(
    tokens: Samples, transcripts: Samples, windows: Samples, now: tuple[float, float, float]
) -> list[Proposal]:
    """The three thresholds, in the order of the module's table.

    Args:
        tokens: Of single tokens; wrong ones include what is made up in noise.
        transcripts: Means of transcripts; right are those with a CER of at most 10 %.
        windows: Means of windows; right are those without an error.
        now: The three numbers in force.
    """
    doubt, believed, sure = now
    return [
        _proposal(
            Proposal("_DOUBT_BELOW", "token", doubt, "best separates right from wrong", tokens),
            _youden, num_right=200, num_wrong=50,
        ),
        _proposal(
            Proposal("min_confidence", "transcript", believed, "refuses 1 in 100 good ones", transcripts),
            lambda samples: _quantile(samples, 0.01), num_right=100,
        ),
        _proposal(
            Proposal("speculation_confidence", "window", sure, "9 in 10 right ones pass", windows),
            lambda samples: _quantile(samples, 0.1), num_right=100,
        ),
    ]  # fmt: skip


def histogram(samples: Samples) -> list[str]:
    """One line a bin: its lower edge, a bar of right and one of wrong, and both counts."""
    edges = np.linspace(0, 1, BINS + 1)
    right, wrong = (
        np.histogram(np.clip(each, 0, 1), edges)[0] for each in (samples.right, samples.wrong)
    )
    longest = max(1, int((right + wrong).max()))
    return [
        f"{edge:.2f} {'#' * round(BAR * r / longest):<{BAR}} {'x' * round(BAR * w / longest):<{BAR}} "
        f"{r:>5} {w:>5}".rstrip()
        for edge, r, w in zip(edges, right.tolist(), wrong.tolist(), strict=False)
    ]


def _proposal(
    empty: Proposal, find: Callable[[Samples], float], num_right: int, num_wrong: int = 0
) -> Proposal:
    """The proposal, or why there is none: too few samples."""
    for kind, values, needed in (
        ("right", empty.samples.right, num_right),
        ("wrong", empty.samples.wrong, num_wrong),
    ):
        if len(values) < needed:
            return replace(empty, reason=f"{len(values)} {kind}, {needed} needed")
    return replace(empty, proposed=find(empty.samples))


def _youden(samples: Samples) -> float:
    """The threshold with the largest share of wrong below less share of right below."""
    candidates = np.linspace(0, 1, 101)
    right, wrong = np.sort(samples.right), np.sort(samples.wrong)
    gain = np.searchsorted(wrong, candidates) / len(wrong)
    gain -= np.searchsorted(right, candidates) / len(right)
    best = np.flatnonzero(np.isclose(gain, gain.max()))
    return round(float(candidates[best].mean()), 2)  # the middle of equally good ones


def _quantile(samples: Samples, share: float) -> float:
    """Rounded down, so that the share is kept."""
    return float(np.floor(100 * np.quantile(samples.right, share)) / 100)
