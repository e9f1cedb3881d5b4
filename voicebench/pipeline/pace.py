"""Feeding recorded audio to a pipeline as a microphone would.

Real-time pace waits for the clock. Fast pace does not wait: the clock jumps to when the audio would
have arrived, so computing takes the time it takes and listening takes none. A recogniser that falls
behind stays behind, as it would live; the two paces are different measurements all the same.

What is computed while audio arrives (a warmed prompt, a draft) runs beside it, and must not get that
time for nothing nor be denied it: while such work is in flight (`start_beside`), the clock of fast
pace goes by itself and chunks are waited for as in real time. Only time in which nothing was computed is
jumped over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine, Iterable

from voicebench.audio import AudioChunk
from voicebench.clock import TurnClock
from voicebench.types import Pace


class SimulatedClock(TurnClock):
    """A turn's clock that can be moved forward over time in which nothing was computed."""

    def __init__(self, start_s: float | None = None) -> None:
        super().__init__(start_s)
        self._num_working = 0
        self._idle = asyncio.Event()

    def jump_to(self, t_s: float) -> None:
        """Moves the clock to `t_s`; does nothing when it is later already."""
        self.start_s -= max(0.0, t_s - self.t_s())

    def begin_work(self) -> None:
        """From here to `end_work` something is computed; begun twice, it ends twice."""
        self._num_working += 1
        self._idle.clear()

    def end_work(self) -> None:
        """See `begin_work`."""
        self._num_working -= 1
        if not self._num_working:
            self._idle.set()

    async def reach(self, t_s: float) -> None:
        """Brings the clock to `t_s`: waits for as long as something is at work, then jumps."""
        while self._num_working and (wait_s := t_s - self.t_s()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), wait_s)
        self.jump_to(t_s)


def start_beside(clock: TurnClock, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Starts work that goes on while audio arrives, known to a simulated clock."""
    task = asyncio.create_task(work)
    if isinstance(clock, SimulatedClock):
        clock.begin_work()
        task.add_done_callback(lambda _: clock.end_work())
    return task


def make_clock(pace: Pace) -> TurnClock:
    """A turn's clock, starting now; make it when the first sample would be spoken."""
    return TurnClock() if pace == "real_time" else SimulatedClock()


async def paced(chunks: Iterable[AudioChunk], clock: TurnClock) -> AsyncGenerator[AudioChunk, None]:
    """Yields each chunk when all of it has been spoken, by the clock.

    Args:
        chunks: A turn's audio in order, `start_s` from the turn's first sample.
        clock: From `make_clock`; a `SimulatedClock` is moved instead of waited for.
    """
    for chunk in chunks:
        if isinstance(clock, SimulatedClock):
            await clock.reach(chunk.end_s)
        elif (wait_s := chunk.end_s - clock.t_s()) > 0:
            await asyncio.sleep(wait_s)
        yield chunk
