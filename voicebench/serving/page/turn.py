"""One turn at the page, as a task of its own: it ends when it ends, whether or not Gradio goes on
reading what it shows.

    turn = PageTurn(service, words, Shown(state="answering", typed=text))
    turn.start(variant, conversation_id)
    async for shown in turn.updates(): ...
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

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
from voicebench.serving.page.view import Shown
from voicebench.serving.page.words import Words
from voicebench.serving.partial import PartialTranscript
from voicebench.serving.service import Service
from voicebench.serving.sound import decode
from voicebench.serving.turn_task import TurnTask
from voicebench.types import Variant, Window

_BETWEEN_UPDATES_S = 0.05  # an update is a message to the browser, and faster ones are not seen


class PageTurn:
    """One turn.

    Args:
        service: Models and limits.
        words: Language of what the user reads when something fails.
        shown: What is known at its beginning: the text, the recording, or nothing of speech.
        microphone: Where the speech comes from.

    Attributes:
        shown: What is known now.
    """

    def __init__(
        self, service: Service, words: Words, shown: Shown, microphone: Microphone | None = None
    ) -> None:
        self.shown = shown
        self._service = service
        self._words = words
        self._microphone = microphone
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._turn_task: TurnTask | None = None
        self._partial = PartialTranscript(reach_s(service.settings.variant))

    def start(self, variant: Variant, conversation_id: str) -> None:
        """Starts the turn."""
        self._task = asyncio.create_task(self._run_reporting(variant, conversation_id))

    async def stop(self) -> None:
        """Stops the answer; what came of it is remembered. A turn that waits never begins."""
        if self._turn_task and not self._turn_task.is_interrupted:
            await self._turn_task.interrupt()
        else:
            self.cancel()

    def cancel(self) -> None:
        """Ends it, which aborts its request."""
        if self._task:
            self._task.cancel()

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

    # ------------------------------------------------------------ the turn

    async def _run_reporting(self, variant: Variant, conversation_id: str) -> None:
        """Runs the turn; of what fails the user reads one sentence."""
        error = ""
        try:
            if self._microphone:
                await self._answer_speech(variant, conversation_id, self._microphone)
            else:
                await self._answer_upload(self._service.for_uploads(variant), conversation_id)
        except (ApiError, UserError) as refusal:
            error = _sentence(refusal, self._words)
        except asyncio.CancelledError:
            self._change(state="stopped")
            raise
        except Exception as failure:
            log("error", "turn at the page failed", exc_info=failure)
            error = self._words.failed
        finally:
            self._change(**{"state": "error", "error": error} if error else {})

    async def _answer_upload(self, variant: Variant, conversation_id: str) -> None:
        limits, memory = self._service.settings.limits, self._service.conversations.memory
        assistant = self._service.assistant(variant)
        if text := self.shown.typed:
            if len(text) > limits.max_text_characters:
                raise UserError("too_long")
        else:
            data = await asyncio.to_thread(Path(self.shown.recording).read_bytes)
            samples = await decode(data, limits)

        def start() -> AsyncGenerator[Event, None]:
            if text:
                return assistant.answer_text(text, memory(conversation_id), clock=TurnClock())
            return assistant.run_recording(blocks_of(samples), memory(conversation_id))

        turn_task = TurnTask(start, limits.turn_timeout_s, "real_time" if text else "fast")
        async with self._service.admission.turn():
            await self._follow(turn_task, assistant, conversation_id)

    async def _answer_speech(
        self, variant: Variant, conversation_id: str, microphone: Microphone
    ) -> None:
        with contextlib.closing(microphone), self._service.admission.live():
            assistant = self._service.assistant(variant)
            memory = self._service.conversations.memory(conversation_id)
            clock = TurnClock(await microphone.started_s())
            limits = self._service.settings.limits
            turn_task = TurnTask(
                lambda: assistant.run_turn(
                    microphone.chunks(), memory, clock=clock, declare_end=microphone.ended
                ),
                limits.turn_timeout_s + limits.max_audio_s, "real_time",
            )  # fmt: skip
            await self._follow(turn_task, assistant, conversation_id)

    async def _follow(
        self, turn_task: TurnTask, assistant: Assistant, conversation_id: str
    ) -> None:
        self._turn_task = turn_task
        events = self._service.events(turn_task, assistant, conversation_id)
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    self.take(event)
                    if self._microphone:
                        self._microphone.follow(event, has_speech=bool(self.shown.tokens))
        finally:
            turn = turn_task.turn
            state = "degraded" if turn.degraded else "done" if turn_task.is_over else "stopped"
            self._change(state=state, segments=() if self.shown.typed else waterfall(turn))
        if turn_task.is_timed_out:
            raise UserError("turn_timeout")


def _sentence(error: ApiError | UserError, words: Words) -> str:
    code = error.code or "" if isinstance(error, ApiError) else error.problem
    if isinstance(error, AudioError) and code not in words.errors:
        return f"{words.errors['invalid_audio']} ({code})"
    return str(words.errors.get(code, words.failed))
