"""Progress of a run on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from rich.console import Console
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
from voicebench.types import Run, Turn

_SECONDS_BETWEEN_LINES = 20.0
_TURNS_BEFORE_ESTIMATE = 8  # quality mode gives turns in bursts: one alone says nothing


class RunProgress:
    """A `runs.runner.Watcher` that shows how far a run is; a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("turns"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)
        self._total = self._done = self._new = self._failed = 0
        self._started_s = self._last_line_s = now_s()

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

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
        self._bar.update(self._task, description=text)
        if self._bar.disable:
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
        if self._bar.disable and now_s() - self._last_line_s > _SECONDS_BETWEEN_LINES:
            self._last_line_s = now_s()
            self._say(f"{self._done} of {self._total} turns{failed}{self._left()}")

    def _left(self) -> str:
        if self._new < _TURNS_BEFORE_ESTIMATE:
            return ""
        left_s = (now_s() - self._started_s) / self._new * (self._total - self._done)
        return f", about {timedelta(seconds=round(left_s))} left"

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
