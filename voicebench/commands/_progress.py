"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from voicebench.clock import now_s
from voicebench.pipeline.ready import READY_LINE
from voicebench.types import Run, Turn

_SECONDS_BETWEEN_LINES = 20.0
_TURNS_BEFORE_ESTIMATE = 8  # quality mode gives turns in bursts: one alone says nothing


def _make_bar(unit: str) -> Progress:
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _time_left(started_s: float, num_done: int, num_left: int) -> str:
    left_s = (now_s() - started_s) / num_done * num_left
    return f", about {timedelta(seconds=round(left_s))} left"


class _Shown:
    """A bar, or lines where there is no terminal; a context manager."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._bar = _make_bar(unit)
        self._task = self._bar.add_task("", total=None)
        self._started_s = self._last_line_s = now_s()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def _say_now_and_then(self, text: Callable[[], str]) -> None:
        if self._bar.disable and now_s() - self._last_line_s > _SECONDS_BETWEEN_LINES:
            self._last_line_s = now_s()
            self._say(text())

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class RunProgress(_Shown):
    """A `runs.runner.Watcher` that shows how far a run is; a context manager."""

    def __init__(self) -> None:
        super().__init__("turns")
        self._total = self._done = self._new = self._failed = 0

    def planned(self, folder: Path, run: Run, num_done: int, num_half_written: int) -> None:
        """Says what begins or goes on."""
        self._total, self._done = run.num_turns_planned, num_done
        verb = "Continuing" if num_done else "Running"
        self._say(
            f"{verb} {folder}: {run.mode} mode, {run.pace.replace('_', '-')} pace, "
            f"{', '.join(run.suites)}; {num_done} of {run.num_turns_planned} turns are there"
        )
        if num_half_written:
            self._say(
                f"A half-written record ({num_half_written} bytes) was set aside in "
                f"{folder}/turns.jsonl.half_written; its turn runs again"
            )
        self._bar.update(self._task, total=self._total, completed=num_done)

    def stage(self, text: str) -> None:
        """Says what goes on before the next turn; the time left counts from the latest stage."""
        self._started_s = now_s()
        self._bar.update(self._task, description=escape(text))
        if self._bar.disable or text == READY_LINE:
            self._say(text)

    def recorded(self, turn: Turn) -> None:
        """Counts a turn."""
        if turn.is_warm_up:
            self._bar.update(self._task, description="warming up")
            self._started_s = now_s()
            return
        if not self._new:
            self._bar.reset(self._task, total=self._total, completed=self._done)
        self._done, self._new = self._done + 1, self._new + 1
        self._failed += turn.failure is not None
        failed = f", {self._failed} failed" if self._failed else ""
        self._bar.update(self._task, completed=self._done, description=f"{turn.suite}{failed}")
        self._say_now_and_then(lambda: f"{self._done} of {self._total} turns{failed}{self._left()}")

    def _left(self) -> str:
        if self._new < _TURNS_BEFORE_ESTIMATE:
            return ""
        return _time_left(self._started_s, self._new, self._total - self._done)


class ItemProgress(_Shown):
    """Progress over a known number of like items; a context manager.

    Args:
        unit: What the items are.
    """

    def done(self, num_done: int, total: int, name: str) -> None:
        """Shows that `num_done` of `total` items are done, `name` the last of them."""
        self._bar.update(self._task, total=total, completed=num_done, description=name)
        self._say_now_and_then(
            lambda: f"{num_done} of {total} {self._unit}{self._left(num_done, total)}"
        )

    def _left(self, num_done: int, total: int) -> str:
        return _time_left(self._started_s, num_done, total - num_done) if num_done else ""
