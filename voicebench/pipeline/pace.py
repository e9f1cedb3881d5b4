"""Feeding recorded audio to a pipeline as a microphone would.

Real-time pace waits for the clock. Fast pace does not wait: the clock jumps to when the audio would
have arrived, so computing takes the time it takes and listening takes none. A recogniser that falls
behind stays behind, as it would live; the two paces are different measurements all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

from voicebench.audio import AudioChunk
from voicebench.clock import TurnClock
from voicebench.types import Pace


class SimulatedClock(TurnClock):
    """A turn's clock that can be moved forward over time in which nothing was computed."""

    def jump_to(self, t_s: float) -> None:
        """Moves the clock to `t_s`; does nothing when it is later already."""
        self.start_s -= max(0.0, t_s - self.t_s())


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
            clock.jump_to(chunk.end_s)
        elif (wait_s := chunk.end_s - clock.t_s()) > 0:
            await asyncio.sleep(wait_s)
        yield chunk
