"""Pauses of a turn whose onset is worth work: what is recognised, what waits, what counts.

At the onset of a pause the audio that is in no window yet is recognised aside: the windows and their
hypothesis stay as they are (`SlidingWindows.preview`), so if speech goes on nothing has to be undone.
Windows that become whole during the pause wait, for there may be nothing in them. Then either

- speech goes on: the waiting windows are recognised in their order, and what was recognised aside is
  forgotten; the transcript is the one that it would have been, or
- the turn ends: silence needs no recognition, and the transcript of the onset is the final one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from voicebench.asr.windows import SlidingWindows, WindowAudio
from voicebench.clock import TurnClock
from voicebench.deadline import call_within
from voicebench.pipeline.end_of_turn import EndOfTurn
from voicebench.pipeline.endpoint import EndpointEvent
from voicebench.pipeline.pace import start_beside
from voicebench.pipeline.speculation import Speculation
from voicebench.types import Hypothesis, Window

_MAX_WAITING = 2  # a longer pause is no end of a question, and audio must not pile up


class ReportWindows(Protocol):
    """Takes windows that were recognised, and when that began."""

    def __call__(self, recognised: Iterable[Window], started_s: float) -> None:
        """Reports."""
        ...


@dataclass
class Pause:
    """One pause. `hypothesis` is the transcript up to `end_s`, where it is noticed, once it is known;
    `spoken_s` is the end of the speech before it."""

    end_s: float
    spoken_s: float
    hypothesis: Hypothesis | None = None
    waiting: list[WindowAudio] = field(default_factory=list)


class Pauses:
    """The pauses of one turn.

    Args:
        speculation: Begins a draft at the onset, drops it when speech goes on; may be None.
        end_of_turn: Says at the onset whether the turn is over; may be None.
        clock: The turn's.
        timeout_s: Longest time for what is recognised aside.
        report_ready: Takes a window that is about to be recognised.
        report_windows: Takes windows that were.
    """

    def __init__(
        self,
        speculation: Speculation | None,
        end_of_turn: EndOfTurn | None,
        clock: TurnClock,
        timeout_s: float,
        report_ready: Callable[[WindowAudio], None],
        report_windows: ReportWindows,
    ) -> None:
        self._speculation = speculation
        self._end_of_turn = end_of_turn
        self._clock = clock
        self._timeout_s = timeout_s
        self._report_ready = report_ready
        self._report_windows = report_windows
        self._pause: Pause | None = None
        self._is_over = False

    def let_pass(
        self, noticed: Sequence[EndpointEvent], ready: Iterable[WindowAudio]
    ) -> Iterable[WindowAudio]:
        """The windows to recognise now: in a pause none, at its end those that waited as well."""
        if any(event.kind == "speech_started" for event in noticed):
            if self._speculation:
                self._speculation.drop("speech_resumed")
            if self._end_of_turn:
                self._end_of_turn.reset()
            return (*self.end(), *ready)
        if self._pause is None:
            return ready
        self._pause.waiting += ready
        return self.end() if len(self._pause.waiting) > _MAX_WAITING else ()

    def begin(
        self,
        windows: SlidingWindows,
        noticed: Sequence[EndpointEvent],
        after: asyncio.Task[None] | None,
    ) -> asyncio.Task[None] | None:
        """At the onset of a pause, recognises the rest of the audio aside and begins a draft on it.

        Args:
            windows: The turn's.
            noticed: By the endpointer in the last chunk, all of which `windows` has taken.
            after: Recognition of the windows so far.

        Returns:
            What later recognition has to wait for.
        """
        if not noticed or noticed[-1].kind != "speech_stopped":
            return after
        self._pause = pause = Pause(end_s=windows.audio_s, spoken_s=noticed[-1].at_s)
        if rest := windows.peek_rest():
            self._report_ready(rest)
        return start_beside(self._clock, self._look_ahead(windows, rest, pause, after))

    def end(self) -> list[WindowAudio]:
        """From here on windows pass as they come; returns those that waited."""
        pause, self._pause = self._pause, None
        return pause.waiting if pause else []

    async def last(self, recognising: asyncio.Task[None] | None) -> Pause | None:
        """The pause in which the turn was committed, its hypothesis known; None where windows have
        to be recognised. No draft is begun any more."""
        self._is_over = True
        if self._pause and recognising:
            await recognising
        return self._pause if self._pause and self._pause.hypothesis else None

    async def _look_ahead(
        self,
        windows: SlidingWindows,
        rest: WindowAudio | None,
        pause: Pause,
        after: asyncio.Task[None] | None,
    ) -> None:
        if after:
            await after
        if self._pause is not pause:
            return
        hypothesis, started_s = windows.hypothesis, self._clock.t_s()
        if rest:
            try:
                recognised, hypothesis = await call_within(
                    self._timeout_s, lambda: windows.preview(rest)
                )
            except Exception as error:  # all of it is recognised again if this was the end
                if self._speculation:
                    self._speculation.report_failure("pause", error)
                return
            provisional = [msgspec.structs.replace(w, is_provisional=True) for w in recognised]
            self._report_windows(provisional, started_s)
        pause.hypothesis = msgspec.structs.replace(hypothesis, is_final=True)
        if self._pause is pause and not self._is_over:
            if self._end_of_turn:
                self._end_of_turn.begin(hypothesis, pause.spoken_s)
            if self._speculation:
                self._speculation.begin(pause.hypothesis, "pause")
