"""One turn of a request while it happens: its events as they come, stopped from outside or in time.

    turn_task = TurnTask(lambda: assistant.run_turn(...), timeout_s=300)
    async for event in turn_task.events(): ...
    turn_task.turn            its record, whether it came to its end or not

Leaving the loop, being cancelled and `interrupt` all close the turn, which aborts its request.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from voicebench.llm.base import Generator
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.turn import collect_turn, last_question, new_turn
from voicebench.types import Event, Pace, Turn


class TurnTask:
    """One turn.

    Args:
        start: Starts the turn.
        timeout_s: Longest time that it may take.
        pace: How its clock goes, for the record.

    Attributes:
        happened: Its events so far.
        on_interrupted: Called once it has been stopped from outside.
        is_interrupted: Whether it was stopped from outside.
        is_timed_out: Whether it took too long.
    """

    def __init__(
        self, start: Callable[[], AsyncGenerator[Event, None]], timeout_s: float, pace: Pace
    ) -> None:
        self._start = start
        self._timeout_s = timeout_s
        self._pace = pace
        self._stop: Callable[[], Awaitable[Any]] | None = None
        self._record: tuple[int, Turn] | None = None  # of so many events
        self.happened: list[Event] = []
        self.on_interrupted: Callable[[], None] = lambda: None
        self.is_interrupted = False
        self.is_timed_out = False

    @property
    def turn(self) -> Turn:
        """The record of what has happened."""
        if self._record and self._record[0] == len(self.happened):
            return self._record[1]
        turn = collect_turn(self.happened, new_turn("service", self._pace))
        self._record = (len(self.happened), turn)
        return turn

    @property
    def is_over(self) -> bool:
        """Whether it came to an end of its own."""
        ends = ("answer_finished", "degraded")
        return any(event.kind in ends for event in self.happened[-1:])

    async def events(self) -> AsyncGenerator[Event, None]:
        """Runs the turn; once only. Ends where the turn does, or when it is stopped."""
        if self.is_interrupted:
            return
        inbox: asyncio.Queue[Event | None] = asyncio.Queue()
        pump = asyncio.create_task(self._run(inbox.put_nowait))

        async def stop() -> None:
            if not pump.done():
                pump.cancel()
                await asyncio.wait({pump})

        self._stop = stop
        try:
            while (event := await inbox.get()) is not None:
                yield event
            await asyncio.wait({pump})
            if not pump.cancelled():
                pump.result()  # raises what the turn raised
        finally:
            await stop()

    async def finish(self) -> None:
        """Runs the turn to its end, for who reads its events then; once only, instead of `events`.
        It runs in the caller's task: each task more is a turn of the event loop more, and for each
        the loop waits until the engine's thread lets the interpreter go."""
        if self.is_interrupted:
            return
        over = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(None) as until_stopped:

                async def stop() -> None:
                    if not over.done():
                        if not until_stopped.expired():
                            until_stopped.reschedule(-math.inf)
                        await asyncio.wait({over})

                self._stop = stop
                await self._run(lambda _: None)
        except TimeoutError:
            if not until_stopped.expired():
                raise
        finally:
            over.set_result(None)

    async def interrupt(self) -> None:
        """Stops the turn and waits until its request is gone."""
        self.is_interrupted = not self.is_over
        if self._stop:
            await self._stop()
        if self.is_interrupted:
            self.on_interrupted()

    async def _run(self, put: Callable[[Event | None], None]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s), contextlib.aclosing(self._start()) as turn:
                async for event in turn:
                    self.happened.append(event)
                    put(event)
        except TimeoutError:
            self.is_timed_out = True
        finally:
            put(None)


def remember_interrupted(
    turn_task: TurnTask, conversation: Conversation, generator: Generator
) -> None:
    """Remembers of an interrupted turn what was asked and as much of the answer as was given: what
    is said next refers to it."""
    turn = turn_task.turn
    conversation.remember(generator, last_question(turn), turn.answer)
