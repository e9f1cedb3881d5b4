"""One turn at the page, as a task of its own: it ends when it ends, whether or not Gradio goes on
reading what it shows.

    talk = Talk(service, words, Shown(state="answering", typed=text))
    talk.start(talk.typed(assistant, text, conversation_id))
    async for shown in talk.updates(): ...
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.segments import blocks_of
from voicebench.clock import TurnClock
from voicebench.errors import AudioError, UserError
from voicebench.pipeline.assistant import Assistant
from voicebench.serving.errors import ApiError
from voicebench.serving.logs import log
from voicebench.serving.page.line import Line
from voicebench.serving.page.progress import Progress
from voicebench.serving.page.view import Shown
from voicebench.serving.page.words import Words
from voicebench.serving.service import Service
from voicebench.serving.turns import Running
from voicebench.types import Event, Pace

_BETWEEN_UPDATES_S = 0.05  # faster than that nobody sees, and each costs a message


class Talk:
    """One turn.

    Args:
        service: Models and limits.
        words: In which the person is told what went wrong.
        begun: What is known at its beginning.
    """

    def __init__(self, service: Service, words: Words, begun: Shown) -> None:
        self._service = service
        self._words = words
        self._progress = Progress(begun)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: Running | None = None

    @property
    def shown(self) -> Shown:
        """What is known now."""
        return self._progress.shown

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts the turn: `typed`, `recorded` or `spoken`."""
        self._task = asyncio.create_task(self._tell(work))

    def drop(self) -> None:
        """Ends it, which aborts its request: nobody reads the answer any more."""
        if self._task:
            self._task.cancel()

    def give_way(self) -> None:
        """Another turn of the conversation begins. An answer in progress is interrupted by that,
        and remembered as far as it came; a turn that has not begun never does."""
        if not self._running:
            self.drop()

    async def stop(self) -> None:
        """Stops the answer at the person's wish; what came of it is remembered."""
        if self._running and not self._running.is_interrupted:
            await self._running.interrupt()
        else:
            self.give_way()

    async def updates(self) -> AsyncGenerator[Shown, None]:
        """What is known, whenever it has changed, until the turn is over."""
        assert self._task
        yield self.shown
        while not self._task.done():
            await self._changed.wait()
            self._changed.clear()
            yield self.shown
            await asyncio.sleep(_BETWEEN_UPDATES_S)
        yield self.shown

    # ------------------------------------------------------------ the three kinds of turn

    async def typed(self, assistant: Assistant, text: str, conversation_id: str) -> None:
        """Answers what was typed."""
        memory = self._service.conversations.memory(conversation_id)

        def begin() -> AsyncGenerator[Event, None]:
            return assistant.answer_text(text, memory, clock=TurnClock())

        async with self._service.admission.turn():
            await self._run(begin, assistant, conversation_id, "real_time")

    async def recorded(
        self, assistant: Assistant, samples: NDArray[np.float32], conversation_id: str
    ) -> None:
        """Answers a recording.

        Args:
            assistant: Answers it.
            samples: Shape (num_samples,), 16 kHz mono float32.
            conversation_id: Where it belongs.
        """
        memory = self._service.conversations.memory(conversation_id)

        def begin() -> AsyncGenerator[Event, None]:
            return assistant.run_recording(blocks_of(samples), memory)

        async with self._service.admission.turn():
            await self._run(begin, assistant, conversation_id, "fast")

    async def spoken(self, assistant: Assistant, line: Line, conversation_id: str) -> None:
        """Listens to a line and answers what is said on it."""
        memory = self._service.conversations.memory(conversation_id)
        with self._service.admission.live():
            clock = TurnClock(await line.begun_s())

            def begin() -> AsyncGenerator[Event, None]:
                chunks = line.chunks()
                return assistant.run_turn(chunks, memory, clock=clock, declare_end=line.ended)

            await self._run(begin, assistant, conversation_id, "real_time", line)

    async def _run(
        self,
        begin: Callable[[], AsyncGenerator[Event, None]],
        assistant: Assistant,
        conversation_id: str,
        pace: Pace,
        line: Line | None = None,
    ) -> None:
        limits = self._service.settings.limits
        running = Running(begin, limits.turn_timeout_s + (limits.max_audio_s if line else 0), pace)
        self._running = running
        events = self._service.events(running, assistant, conversation_id)
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    if self._progress.take(event):
                        self._changed.set()
                    if line:
                        line.notice(event, self._progress.heard)
        finally:
            if running.is_timed_out:
                self._progress.fail(self._words.errors["turn_timeout"])
            else:
                self._progress.end(running.turn, is_stopped=not running.is_over)

    async def _tell(self, work: Coroutine[Any, Any, None]) -> None:
        """Does the work; whatever goes wrong is told to the person, and no more than that."""
        try:
            await work
        except ApiError as error:
            self._progress.fail(self._words.errors.get(error.code or "", self._words.failed))
        except UserError as error:
            self._progress.fail(_refusal(error, self._words))
        except Exception as error:
            log("error", "turn at the page failed", exc_info=error)
            self._progress.fail(self._words.failed)
        finally:
            self._changed.set()


def _refusal(error: UserError, words: Words) -> str:
    known = words.errors.get(error.problem)
    if known or not isinstance(error, AudioError):
        return known or words.failed
    return f"{words.errors['invalid_audio']} ({error.problem})"
