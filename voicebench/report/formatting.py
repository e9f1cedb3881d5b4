"""Numbers as people read them: no exponents, per cent only here, an interval beside its value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from voicebench.metrics.summary_schema import MetricValue

ABSENT = "–"


def significant(value: float) -> str:
    """Three significant digits, whole numbers whole, without an exponent.

    >>> [significant(x) for x in (1013.2, 86.04, 0.6521, 0.04, 0.0)]
    ['1,013', '86.0', '0.652', '0.0400', '0']
    """
    if not value:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 6)}f}"


def percent(rate: float) -> str:
    """A fraction in per cent, to a tenth, without the sign.

    >>> percent(0.1234)
    '12.3'
    """
    return f"{100 * rate:.1f}"


def interval_text(bounds: Sequence[float] | None, digits: int = 1, factor: float = 100.0) -> str:
    """The bounds of an interval, in per cent unless another factor is given; empty without one.

    >>> interval_text((0.1, 0.25)), interval_text(None)
    ('[10.0, 25.0]', '')
    """
    if bounds is None:
        return ""
    low, high = (f"{factor * bound:.{digits}f}" for bound in bounds)
    return f"[{low}, {high}]"


def quantiles_text(
    metric: MetricValue, names: Sequence[Literal["p50", "p95", "p99"]] = ("p50", "p95")
) -> str:
    """Quantiles in seconds, to the millisecond; one value where fewer than 3 were measured.

    >>> quantiles_text({"p50": 1.0, "p95": 2.0, "n": 40}), quantiles_text({"p50": 1.0, "n": 1})
    ('1.000 / 2.000', '1.000')
    """
    shown = names if metric["n"] >= 3 else names[:1]
    return " / ".join(f"{metric[name]:.3f}" for name in shown)
