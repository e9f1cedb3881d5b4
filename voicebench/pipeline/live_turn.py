"""One turn while it happens: listen, understand, answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from voicebench.asr.windows import SlidingWindows, WindowAudio
from voicebench.audio import AudioChunk
from voicebench.clock import TurnClock
from voicebench.deadline import call_within
from voicebench.errors import StageError, StageTimeoutError
from voicebench.pipeline.answering import Answering
from voicebench.pipeline.breaker import LOW_CONFIDENCE
from voicebench.pipeline.endpoint import Endpoint, EndpointEvent
from voicebench.pipeline.hints import NOTHING_TYPED, hint_of
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import SimulatedClock
from voicebench.types import Event, EventKind, Hypothesis, Message

if TYPE_CHECKING:
    from voicebench.pipeline.assistant import Assistant

NOTHING_HEARD_HINT = "没有听到您说话，请再说一遍，或者输入文字。"
NOTHING_MEANT_HINT = "没有听清您的问题，请再说一遍，或者输入文字。"


class LiveTurn:
    """One turn of an assistant.

    Args:
        assistant: Models and variant.
        conversation: Earlier turns.
        clock: Its zero is the turn's first sample.
        put: Takes each event as it happens.
        tools: Offered to the LLM.
    """

    def __init__(
        self,
        assistant: Assistant,
        conversation: Conversation,
        clock: TurnClock,
        put: Callable[[Event], None],
        tools: Sequence[dict[str, Any]],
    ) -> None:
        self._assistant = assistant
        self._conversation = conversation
        self._clock = clock
        self._put = put
        self._tools = tools
        self._stage = "audio"  # the stage whose failure an exception is
        self._recognising: asyncio.Task[None] | None = None  # the latest window's, after all others

    async def run(
        self,
        chunks: AsyncIterator[AudioChunk],
        declare_end: asyncio.Event | None,
        endpointing: bool,
    ) -> None:
        """Runs the turn to its last event; raises nothing but cancellation."""
        try:
            hypothesis = await self._listen(chunks, declare_end, endpointing)
            if messages := self._understand(hypothesis):
                await self._answer(messages)
        except Exception as error:
            self._fail(error)
        finally:
            if self._recognising:
                self._recognising.cancel()

    async def run_text(self, text: str) -> None:
        """The same from typed text on: nothing is heard, and nothing is cleaned of how people
        speak, for what was typed is what was meant."""
        try:
            self._stage, started_s = "prompt", self._clock.t_s()
            data = {"text": text.strip(), "preset": "none", "retracted": ()}
            self._emit("cleaned", {**data, "started_s": started_s})
            if not text.strip():
                self._degrade(NOTHING_TYPED, hint_of(NOTHING_TYPED))
                return
            await self._answer(
                self._assistant.build_messages(self._conversation.history(), text.strip())
            )
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        stage = error.stage if isinstance(error, StageError) else self._stage
        message = " ".join(str(error).split())
        self._emit("failed", {"stage": stage, "type": type(error).__name__, "message": message})

    def _emit(self, kind: EventKind, data: dict[str, Any] | None = None, t_s: float = -1.0) -> None:
        self._put(Event(t_s=self._clock.t_s() if t_s < 0 else t_s, kind=kind, data=data or {}))

    # ------------------------------------------------------------ listening

    async def _listen(
        self,
        chunks: AsyncIterator[AudioChunk],
        declare_end: asyncio.Event | None,
        endpointing: bool,
    ) -> Hypothesis:
        windows = self._assistant.sliding_windows()
        endpoint = Endpoint(self._assistant.variant.endpoint_silence_s)
        self._emit("audio_started", t_s=0.0)
        reason = "audio_end"
        async for chunk in _until(chunks, declare_end):
            self._stage = "endpoint"
            self._announce(endpoint.feed(chunk.samples))
            self._stage = "audio"
            await self._start_recognising(windows, windows.take(chunk.samples))
            if endpointing and endpoint.is_ended:
                reason = "endpoint"
                break
        else:
            reason = "client" if declare_end and declare_end.is_set() else "audio_end"
        self._announce(endpoint.finish())
        silence_s = windows.audio_s - (endpoint.last_speech_s or 0.0)
        self._emit("audio_ended", {"audio_s": windows.audio_s})
        self._emit("turn_committed", {"reason": reason, "silence_s": max(0.0, silence_s)})
        await self._start_recognising(windows, windows.take_rest())
        if self._recognising:
            await self._recognising
        self._stage = "asr"
        hypothesis = Hypothesis(tokens=windows.hypothesis.tokens, is_final=True)
        data = {"text": hypothesis.text, "confidence": hypothesis.confidence}
        self._emit("transcript_final", {**data, "hypothesis": hypothesis})
        return hypothesis

    def _announce(self, noticed: Iterable[EndpointEvent]) -> None:
        for event in noticed:
            if event.kind != "turn_ended":
                self._emit(event.kind, {"at_s": event.at_s})

    async def _start_recognising(
        self, windows: SlidingWindows, ready: Iterable[WindowAudio]
    ) -> None:
        """Queues windows for recognition; raises what an earlier one raised meanwhile."""
        for window in ready:
            data = {"index": window.index, "start_s": window.start_s, "end_s": window.end_s}
            self._emit("window_ready", data)
            self._recognising = asyncio.create_task(
                self._recognise(windows, window, after=self._recognising)
            )
        if self._recognising and isinstance(self._clock, SimulatedClock):
            await self._recognising  # audio must not run ahead while its clock stands still
        elif self._recognising and self._recognising.done():
            self._recognising.result()

    async def _recognise(
        self, windows: SlidingWindows, ready: WindowAudio, after: asyncio.Task[None] | None
    ) -> None:
        if after:
            await after
        started_s = self._clock.t_s()
        timeout_s = self._assistant.variant.guard.asr_timeout_s
        try:
            recognised = await call_within(timeout_s, lambda: windows.recognise(ready))
        except (TimeoutError, StageTimeoutError) as error:
            problem = str(error) or f"not recognised within {timeout_s:g} s"
            raise StageTimeoutError("asr", f"window {ready.index}: {problem}") from error
        except Exception as error:
            raise StageError("asr", f"window {ready.index}: {error}") from error
        for window in recognised:
            self._emit(
                "window_recognised" if window.pass_number == 1 else "window_recognised_again",
                {
                    "index": window.index,
                    "compute_s": window.compute_s,
                    "started_s": started_s,
                    "num_tokens": len(window.tokens),
                    "confidence": window.confidence,
                    "window": window,
                },
            )

    # ------------------------------------------------------------ understanding

    def _understand(self, hypothesis: Hypothesis) -> tuple[Message, ...]:
        """Cleans the transcript and words the prompt; nothing where nothing was said."""
        if not hypothesis.text.strip():
            return self._degrade("silence", NOTHING_HEARD_HINT)
        if self._assistant.is_doubtful(hypothesis):
            return self._degrade(LOW_CONFIDENCE, hint_of(LOW_CONFIDENCE))
        self._stage, started_s = "cleaning", self._clock.t_s()
        cleaned = self._assistant.clean(hypothesis.text)
        data = {"text": cleaned.text, "preset": self._assistant.variant.cleaning}
        self._emit("cleaned", {**data, "started_s": started_s, "retracted": cleaned.retracted})
        if not cleaned.text.strip():
            return self._degrade("nothing_left_after_cleaning", NOTHING_MEANT_HINT)
        self._stage = "prompt"
        return self._assistant.build_messages(self._conversation.history(), cleaned.text)

    def _degrade(self, reason: str, hint: str) -> tuple[Message, ...]:
        self._emit("degraded", {"reason": reason, "hint": hint})
        return ()

    # ------------------------------------------------------------ answering

    async def _answer(self, messages: tuple[Message, ...]) -> None:
        self._stage = "llm"
        answering = Answering(
            self._assistant, self._clock, self._emit, self._tools, self._conversation.now
        )
        self._remember(messages[-1], await answering.run(messages))

    def _remember(self, question: Message, answer: str) -> None:
        if not answer.strip():
            return
        exchange = (question, Message(role="assistant", content=answer))
        num_tokens = len(self._assistant.generator.encode_chat(exchange))
        self._conversation.add(question.content, answer, num_tokens=num_tokens)


async def _until(
    chunks: AsyncIterator[AudioChunk], declare_end: asyncio.Event | None
) -> AsyncGenerator[AudioChunk, None]:
    """The chunks until they end or `declare_end` is set, whichever comes first."""
    if declare_end is None:
        async for chunk in chunks:
            yield chunk
        return
    ended = asyncio.create_task(declare_end.wait())
    try:
        while True:
            following = asyncio.ensure_future(anext(chunks, None))
            await asyncio.wait({following, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                return
            if (arrived := following.result()) is None:
                return
            yield arrived
    finally:
        ended.cancel()
