"""One turn at the page, as a task of its own: it ends when it ends, whether or not Gradio goes on
reading what it shows.

    turn = PageTurn(service, words, Shown(state="answering", typed=text))
    turn.start(turn.answer_text(text, variant, conversation_id))
    async for shown in turn.updates(): ...
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from voicebench.asr.segments import blocks_of
from voicebench.asr.tokens import join_letters
from voicebench.asr.windows import reach_s
from voicebench.clock import TurnClock
from voicebench.errors import AudioError, UserError
from voicebench.events import (
    AnswerTokenShown,
    Event,
    TranscriptCleaned,
    TranscriptFinal,
    TurnCommitted,
    TurnDegraded,
    WindowRecognized,
)
from voicebench.metrics.waterfall import waterfall
from voicebench.pipeline.assistant import Assistant
from voicebench.serving.errors import ApiError
from voicebench.serving.logs import log
from voicebench.serving.page.microphone import Microphone
from voicebench.serving.page.view import BUSY, Shown
from voicebench.serving.page.words import Words
from voicebench.serving.partial import PartialTranscript
from voicebench.serving.service import Service
from voicebench.serving.sound import decode
from voicebench.serving.turn_task import TurnTask
from voicebench.types import Pace, Variant, Window

_BETWEEN_UPDATES_S = 0.05  # an update is a message to the browser, and faster ones are not seen


class PageTurn:
    """One turn.

    Args:
        service: Models and limits.
        words: Language of what the user reads when something fails.
        shown: What is known at its beginning.

    Attributes:
        shown: What is known now.
    """

    def __init__(self, service: Service, words: Words, shown: Shown) -> None:
        self.shown = shown
        self._service = service
        self._words = words
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._turn_task: TurnTask | None = None
        self._partial = PartialTranscript(reach_s(service.settings.variant))

    @property
    def is_busy(self) -> bool:
        """Whether it goes on."""
        return self.shown.state in BUSY

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts the turn: one of `answer_text`, `answer_recording` and `answer_speech`."""
        self._task = asyncio.create_task(self._run_reporting(work))

    def cancel(self) -> None:
        """Ends it, which aborts its request."""
        if self._task:
            self._task.cancel()

    def yield_to_next(self) -> None:
        """Another turn of the conversation begins: it interrupts an answer in progress, which is
        remembered as far as it came. A turn that waits for its place never begins."""
        if not self._turn_task:
            self.cancel()

    async def stop(self) -> None:
        """Stops the answer at the user's wish; what came of it is remembered."""
        if self._turn_task and not self._turn_task.is_interrupted:
            await self._turn_task.interrupt()
        else:
            self.yield_to_next()

    async def ended(self) -> None:
        """Returns when the turn is over."""
        if self._task:
            await asyncio.wait({self._task})

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

    async def answer_text(self, text: str, variant: Variant, conversation_id: str) -> None:
        """Answers what was typed."""
        if len(text) > self._service.settings.limits.max_text_characters:
            raise UserError("too_long")
        assistant = self._service.assistant(self._service.for_uploads(variant))
        memory = self._service.conversations.memory(conversation_id)
        async with self._service.admission.turn():
            await self._run(
                lambda: assistant.answer_text(text, memory, clock=TurnClock()),
                assistant, conversation_id, "real_time",
            )  # fmt: skip

    async def answer_recording(self, path: str, variant: Variant, conversation_id: str) -> None:
        """Answers a recording."""
        data = await asyncio.to_thread(Path(path).read_bytes)
        samples = await decode(data, self._service.settings.limits)
        assistant = self._service.assistant(self._service.for_uploads(variant))
        memory = self._service.conversations.memory(conversation_id)
        async with self._service.admission.turn():
            await self._run(
                lambda: assistant.run_recording(blocks_of(samples), memory),
                assistant, conversation_id, "fast",
            )  # fmt: skip

    async def answer_speech(
        self, variant: Variant, microphone: Microphone, conversation_id: str
    ) -> None:
        """Answers speech into a microphone, and closes it."""
        try:
            assistant = self._service.assistant(variant)
            memory = self._service.conversations.memory(conversation_id)
            with self._service.admission.live():
                clock = TurnClock(await microphone.started_s())
                await self._run(
                    lambda: assistant.run_turn(
                        microphone.chunks(), memory, clock=clock, declare_end=microphone.ended
                    ),
                    assistant, conversation_id, "real_time", microphone,
                )  # fmt: skip
        finally:
            microphone.close()

    async def _run(
        self,
        start: Callable[[], AsyncGenerator[Event, None]],
        assistant: Assistant,
        conversation_id: str,
        pace: Pace,
        microphone: Microphone | None = None,
    ) -> None:
        limits = self._service.settings.limits
        timeout_s = limits.turn_timeout_s + (limits.max_audio_s if microphone else 0)
        self._turn_task = turn_task = TurnTask(start, timeout_s, pace)
        events = self._service.events(turn_task, assistant, conversation_id)
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    self.take(event)
                    if microphone:
                        microphone.follow(event, has_speech=bool(self.shown.tokens))
        finally:
            if turn_task.is_timed_out:
                self._fail(self._words.errors["turn_timeout"])
            else:
                self._end(turn_task)

    def _end(self, turn_task: TurnTask) -> None:
        turn = turn_task.turn
        segments = () if self.shown.typed else waterfall(turn)
        if not turn_task.is_over:
            self._change(state="stopped", segments=segments)
        else:
            self._change(state="degraded" if turn.degraded else "done", segments=segments)

    # ------------------------------------------------------------ what is known

    def take(self, event: Event) -> None:
        """Takes an event of the turn into what is known."""
        match event:
            case WindowRecognized(window=Window() as window):
                self._partial.take(window)
                self._change(tokens=join_letters(self._partial.tokens))
            case TurnCommitted():
                self._change(state="recognising")
            case TranscriptFinal():
                self._change(tokens=event.hypothesis.tokens)
            case TranscriptCleaned():
                self._change(cleaned=event.text, state="answering")
            case AnswerTokenShown():
                self._change(answer=self.shown.answer + event.text)
            case TurnDegraded():
                self._change(hint=self._hint(event))
            case _:
                pass

    def _hint(self, degraded: TurnDegraded) -> str:
        """The pipeline's hint; unclear speech of a real voice is what the bundled models give."""
        is_bundled = self._service.settings.profile == "bundled"
        if is_bundled and degraded.reason in ("low_confidence", "silence"):
            return f"{degraded.hint}{self._words.synthetic_only}"
        return degraded.hint

    def _change(self, **changes: object) -> None:
        self.shown = msgspec.structs.replace(self.shown, **changes)
        self._changed.set()

    def _fail(self, error: str) -> None:
        self._change(state="error", error=error)

    async def _run_reporting(self, work: Coroutine[Any, Any, None]) -> None:
        """Does the work; of what fails the user reads one sentence."""
        try:
            await work
        except ApiError as error:
            self._fail(self._words.errors.get(error.code or "", self._words.failed))
        except UserError as error:
            self._fail(_refusal(error, self._words))
        except asyncio.CancelledError:
            self._change(state="stopped")
            raise
        except Exception as error:
            log("error", "turn at the page failed", exc_info=error)
            self._fail(self._words.failed)
        finally:
            self._changed.set()


def _refusal(error: UserError, words: Words) -> str:
    known = words.errors.get(error.problem)
    if known or not isinstance(error, AudioError):
        return str(known or words.failed)
    return f"{words.errors['invalid_audio']} ({error.problem})"
