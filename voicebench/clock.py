"""One monotonic clock for every time in the project."""

from __future__ import annotations

import time


def now_s() -> float:
    """Seconds on the process's monotonic clock; only differences mean anything."""
    return time.monotonic()


class TurnClock:
    """Seconds since the turn's first audio sample.

    >>> clock = TurnClock(start_s=now_s() - 1.0)
    >>> clock.t_s() >= 1.0
    True
    """

    def __init__(self, start_s: float | None = None) -> None:
        self.start_s = now_s() if start_s is None else start_s

    def t_s(self) -> float:
        return now_s() - self.start_s
