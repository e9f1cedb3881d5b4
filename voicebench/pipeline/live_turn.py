"""One turn while it happens: listen, understand, answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from voicebench.asr.windows import SlidingWindows, WindowAudio
from voicebench.audio import AudioChunk
from voicebench.clock import TurnClock
from voicebench.errors import StageError
from voicebench.pipeline.endpoint import Endpoint, EndpointEvent
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
            if cleaned := self._understand(hypothesis):
                await self._answer(cleaned, hypothesis)
        except Exception as error:
            stage = error.stage if isinstance(error, StageError) else self._stage
            message = " ".join(str(error).split())
            self._emit("failed", {"stage": stage, "type": type(error).__name__, "message": message})
        finally:
            if self._recognising:
                self._recognising.cancel()

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
        try:
            recognised = await asyncio.to_thread(windows.recognise, ready)
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

    def _understand(self, hypothesis: Hypothesis) -> str:
        """Cleans the transcript; nothing where nothing was said."""
        if not hypothesis.text.strip():
            return self._degrade("silence", NOTHING_HEARD_HINT)
        self._stage, started_s = "cleaning", self._clock.t_s()
        cleaned = self._assistant.clean(hypothesis.text)
        data = {"text": cleaned.text, "preset": self._assistant.variant.cleaning}
        self._emit("cleaned", {**data, "started_s": started_s, "retracted": cleaned.retracted})
        if not cleaned.text.strip():
            return self._degrade("nothing_left_after_cleaning", NOTHING_MEANT_HINT)
        return cleaned.text

    def _degrade(self, reason: str, hint: str) -> str:
        self._emit("degraded", {"reason": reason, "hint": hint})
        return ""

    # ------------------------------------------------------------ answering

    async def _answer(self, cleaned: str, hypothesis: Hypothesis) -> None:
        self._stage, started_s = "prompt", self._clock.t_s()
        history = self._conversation.history()
        messages, prompt = self._assistant.build_prompt(history, cleaned, hypothesis, self._tools)
        data = {"num_tokens": len(prompt), "started_s": started_s}
        self._emit("prompt_built", {**data, "messages": messages, "prompt": prompt})
        self._stage, texts = "llm", list[str]()
        self._emit("request_submitted")
        stream = self._assistant.generator.stream(prompt, self._assistant.variant.sampling)
        async with contextlib.aclosing(stream):
            async for delta in stream:
                for token in delta.tokens:
                    at = {"index": len(texts), "id": token.id, "text": token.text}
                    self._emit("answer_token", at, t_s=token.t_s - self._clock.start_s)
                    texts.append(token.text)
                if delta.finish_reason:
                    self._finish(delta.finish_reason, len(texts), delta.cached_prompt_tokens)
        self._remember(messages[-1], "".join(texts))

    def _finish(self, finish_reason: str, num_tokens: int, cached_prompt_tokens: int) -> None:
        self._emit(
            "answer_finished",
            {
                "finish_reason": finish_reason,
                "num_tokens": num_tokens,
                "cached_prompt_tokens": cached_prompt_tokens,
            },
        )

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
