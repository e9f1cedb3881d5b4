"""Seam errors: what merging overlapping windows duplicates or drops.

An inserted character counts when it repeats its neighbour, a dropped one always, where its time lies
within one window overlap of a window boundary. A dropped character has no time of its own; it takes
that of the character heard before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from voicebench.metrics.counts import AddedByField
from voicebench.metrics.error_rate import align
from voicebench.metrics.normalize import basic
from voicebench.types import Token, Window


@dataclass(frozen=True)
class SeamErrors(AddedByField):
    """Characters duplicated or dropped at seams; sums add."""

    duplicated: int = 0
    dropped: int = 0
    seams: int = 0

    @property
    def errors(self) -> int:
        """Characters duplicated or dropped."""
        return self.duplicated + self.dropped


def seam_errors(reference: str, tokens: Sequence[Token], windows: Sequence[Window]) -> SeamErrors:
    """Seam errors of one merged hypothesis.

    Args:
        reference: Gold transcript.
        tokens: The merged hypothesis, with times in the turn's audio.
        windows: The windows it was merged from; further passes and provisional ones are ignored.
            Between segments with a pause between them there is no seam.
    """
    merged = [w for w in windows if w.pass_number == 1 and not w.is_provisional]
    first = sorted(merged, key=lambda window: window.start_s)
    zones = [
        (late.start_s - overlap, early.end_s + overlap)
        for early, late in itertools.pairwise(first)
        if late.start_s <= early.end_s
        for overlap in [max(early.end_s - late.start_s, 0.0)]
    ]
    if not zones:
        return SeamErrors()
    heard = [(char, token) for token in tokens for char in basic(token.text) if char != " "]
    said = [char for char in basic(reference) if char != " "]
    if said == [char for char, _ in heard]:
        return SeamErrors(seams=len(zones))
    duplicated = dropped = place = 0
    for step in align(said, [char for char, _ in heard]).steps:
        if step.operation == "insert":
            for i in range(place, place + len(step.hypothesis)):
                beside = {heard[j][0] for j in _neighbours(i, place, step.hypothesis, len(heard))}
                duplicated += _is_at_seam(_middle(heard[i][1]), zones) and heard[i][0] in beside
        elif step.operation == "delete" and heard:
            near_s = _middle(heard[max(place - 1, 0)][1])
            dropped += len(step.reference) * _is_at_seam(near_s, zones)
        place += len(step.hypothesis)
    return SeamErrors(duplicated, dropped, len(zones))


def _neighbours(index: int, start: int, inserted: Sequence[str], size: int) -> list[int]:
    """Places that an inserted character repeats if it is a duplicate: as far off as the insertion is
    long (三百三百块: two characters on)."""
    step = len(inserted)
    return [place for place in (index - step, index + step) if 0 <= place < size]


def _middle(token: Token) -> float:
    return (token.start_s + token.end_s) / 2


def _is_at_seam(time_s: float, zones: Sequence[tuple[float, float]]) -> bool:
    return any(start <= time_s <= end for start, end in zones)
