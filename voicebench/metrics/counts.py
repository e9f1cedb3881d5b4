"""Counts of turns, which add: rates are derived from their sums, never averaged."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Self


class AddedByField:
    """Mixin of a dataclass of numbers: `a + b` adds them field by field."""

    def __add__(self, other: Self) -> Self:
        mine: Any = self
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(mine)))


def ratio(numerator: float, denominator: float) -> float | None:
    """None where the denominator is 0."""
    return numerator / denominator if denominator else None
