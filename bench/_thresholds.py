"""Thresholds of confidence from a model's own histogram, with the rule that gives each.

Three thresholds of this project were set on the shipped recogniser, whose right tokens lie near 1.
A model trained with label smoothing (paraformer-zh: 0.1) puts its right tokens near .9, so the same
numbers mean something else there. A rule fixes what a threshold costs, not its number: the share of
what is right that lies below it. The shares are about those of the shipped recogniser.

    _DOUBT_BELOW            2 % of right tokens     are doubted: the VAD decides on them
    min_confidence          1 % of good transcripts (CER up to 10 %) are not believed
    speculation_confidence  5 % of right windows    begin no draft

How much of what is wrong lies below is printed beside it. With too few samples a rule proposes nothing
and says how many it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

BINS = 20
BAR = 30
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
    share: float
    """Of what is right, that may lie below."""
    samples: Samples
    proposed: float | None = None
    reason: str = ""
    """Why nothing is proposed."""

    def row(self) -> list[str]:
        """Cells of the report's table."""
        proposed = f"{self.proposed:.2f}" if self.proposed is not None else f"none: {self.reason}"
        return [
            self.name, self.of, f"{self.now:.2f}", self._rates(self.now), proposed,
            self._rates(self.proposed) if self.proposed is not None else "",
            f"{100 * self.share:g} % of right below",
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
    kinds = (
        ("_DOUBT_BELOW", "token", tokens, 0.02, 200),
        ("min_confidence", "transcript", transcripts, 0.01, 100),
        ("speculation_confidence", "window", windows, 0.05, 100),
    )
    return [
        _proposal(Proposal(name, of, current, share, samples), needed)
        for (name, of, samples, share, needed), current in zip(kinds, now, strict=True)
    ]


def histogram(samples: Samples) -> list[str]:
    """One line a bin: its lower edge, how many are right and wrong, and a bar of each.

    The longest bar of each kind has `BAR` characters.
    """
    edges = np.linspace(0, 1, BINS + 1)
    columns = []
    for mark, values in (("#", samples.right), ("x", samples.wrong)):
        counts = np.histogram(np.clip(values, 0, 1), edges)[0].tolist()
        longest = max(1, *counts)
        columns.append([(count, mark * -(-BAR * count // longest)) for count in counts])
    return [
        f"{edge:.2f} {right:>6} {wrong:>6}  {bar:<{BAR}} {other}".rstrip()
        for edge, (right, bar), (wrong, other) in zip(edges, *columns, strict=False)
    ]


def _proposal(empty: Proposal, num_needed: int) -> Proposal:
    """The proposal, or why there is none: too few samples."""
    right = empty.samples.right
    if len(right) < num_needed:
        return replace(empty, reason=f"{len(right)} right, {num_needed} needed")
    threshold = np.quantile(right, empty.share)
    return replace(empty, proposed=float(np.floor(100 * threshold) / 100))  # the share at most
