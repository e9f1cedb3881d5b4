"""One turn while it happens: listen, understand, answer."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.segments import SpeechSegments, batches
from voicebench.asr.vad import SpeechEdge
from voicebench.asr.windows import SlidingWindows, WindowAudio
from voicebench.audio import AudioChunk
from voicebench.clock import TurnClock
from voicebench.deadline import call_within
from voicebench.errors import StageError, StageTimeoutError
from voicebench.events import (
    AudioEnded,
    AudioStarted,
    CommitReason,
    Event,
    Punctuated,
    RequestSubmitted,
    SpeechStarted,
    SpeechStopped,
    TranscriptCleaned,
    TranscriptFinal,
    TurnCommitted,
    TurnFailed,
    WindowReady,
    WindowRecognized,
    WindowRecognizedAgain,
)
from voicebench.llm.base import Delta, Prompt
from voicebench.pipeline.answering import Answering
from voicebench.pipeline.end_of_turn import EndOfTurn, rule_of
from voicebench.pipeline.endpoint import Endpoint, EndpointEvent
from voicebench.pipeline.hints import (
    LOW_CONFIDENCE,
    NOTHING_LEFT,
    NOTHING_TYPED,
    UNCLEAR_AGAIN,
    degraded,
)
from voicebench.pipeline.incoming import check
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import SimulatedClock
from voicebench.pipeline.pauses import Pauses
from voicebench.pipeline.prefill import Prefill
from voicebench.pipeline.speculation import DraftPrompt, Speculation
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Message, Window

if TYPE_CHECKING:
    from voicebench.pipeline.assistant import Assistant

_NO_AUDIO = np.zeros(0, np.float32)
UNREAD_HOLD_S = 0.25
"""How long tokens are held back where nobody reads them as they come."""


class LiveTurn:
    """One turn of an assistant.

    Args:
        assistant: Models and variant.
        conversation: Earlier turns.
        clock: Its zero is the turn's first sample.
        emit: Takes each event as it happens.
        tools: Offered to the LLM.
    """

    def __init__(
        self,
        assistant: Assistant,
        conversation: Conversation,
        clock: TurnClock,
        emit: Callable[[Event], None],
        tools: Sequence[dict[str, Any]],
    ) -> None:
        self._assistant = assistant
        self._conversation = conversation
        self._clock = clock
        self._emit = emit
        self._tools = tools
        self._stage = "audio"  # the stage whose failure an exception is
        self._recognising: asyncio.Task[None] | None = None  # the latest window's, after all others
        self._is_committed = False
        self._prefill: Prefill | None = None
        self._speculation: Speculation | None = None
        self._pauses: Pauses | None = None
        self._end_of_turn: EndOfTurn | None = None
        if assistant.variant.prefill:
            self._prefill = Prefill(assistant.generator, clock, self._emit, self._beginning)
        if assistant.variant.speculation:
            self._speculation = Speculation(
                assistant.variant, clock, self._emit, self._draft_prompt, self._stream
            )

    async def run(
        self,
        chunks: AsyncIterator[AudioChunk],
        declare_end: asyncio.Event | None,
        endpointing: bool,
        answers: bool,
    ) -> None:
        """Runs the turn to its last event; raises nothing but cancellation."""
        await self._run(self._listen(chunks, declare_end, endpointing), answers=answers)

    async def run_recording(self, blocks: Iterator[NDArray[np.float32]]) -> None:
        """The same on a recording that is there as a whole, in segments."""
        await self._run(self._read(blocks))

    async def _run(
        self, listening: Coroutine[Any, Any, Hypothesis], *, answers: bool = True
    ) -> None:
        try:
            hypothesis = await listening
            cleaned = self._understand(hypothesis)
            if cleaned and answers:
                await self._answer(cleaned, hypothesis)
        except Exception as error:
            self._fail(error)
        finally:
            if self._recognising:
                self._recognising.cancel()
            for early_work in (self._prefill, self._speculation, self._end_of_turn):
                if early_work:
                    await early_work.close()

    async def run_text(self, text: str) -> None:
        """The same from typed text on: nothing is heard, and nothing is cleaned of how people
        speak, for what was typed is what was meant."""
        try:
            self._stage, started_s = "prompt", self._clock.t_s()
            self._emit(
                TranscriptCleaned(
                    t_s=self._clock.t_s(), text=text.strip(), preset="none", started_s=started_s
                )
            )
            if not text.strip():
                self._degrade(NOTHING_TYPED)
                return
            await self._answer(text.strip(), Hypothesis(is_final=True))
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        stage = error.stage if isinstance(error, StageError) else self._stage
        message = " ".join(str(error).split())
        self._abandon_early_work()
        name = type(error).__name__
        self._emit(TurnFailed(t_s=self._clock.t_s(), stage=stage, type=name, message=message))

    # ------------------------------------------------------------ listening

    async def _listen(
        self,
        chunks: AsyncIterator[AudioChunk],
        declare_end: asyncio.Event | None,
        endpointing: bool,
    ) -> Hypothesis:
        endpoint = self._open_endpoint(endpointing)
        windows = self._assistant.sliding_windows(endpoint.speech_times)
        self._emit(AudioStarted(t_s=0.0))
        if self._prefill:
            self._prefill.begin(Hypothesis())
        reason: CommitReason = "audio_end"
        async with contextlib.aclosing(_until(chunks, declare_end)) as arriving:
            async for chunk in arriving:
                self._stage = "endpoint"
                noticed = endpoint.feed(chunk.samples)
                self._announce(noticed)
                self._stage = "audio"
                ready: Iterable[WindowAudio] = windows.take(chunk.samples)
                if self._pauses:
                    ready = self._pauses.let_pass(noticed, ready)
                await self._start_recognising(windows, ready)
                if self._pauses:
                    self._recognising = self._pauses.begin(windows, noticed, self._recognising)
                if endpoint.is_ended:
                    reason = "endpoint"
                    break
            else:
                reason = "client" if declare_end and declare_end.is_set() else "audio_end"
        if self._end_of_turn:
            self._end_of_turn.reset()
        is_quiet = endpoint.is_quiet
        self._announce(endpoint.finish())
        self._commit(reason, windows.audio_s, endpoint.last_speech_s)
        pause = await self._pauses.last(self._recognising) if self._pauses and is_quiet else None
        if pause is None:
            waited = self._pauses.end() if self._pauses else ()
            await self._start_recognising(windows, (*waited, *windows.take_rest()))
            if self._recognising:
                await self._recognising
        self._stage = "asr"
        heard = pause.hypothesis if pause and pause.hypothesis else windows.hypothesis
        return self._finish_transcript(heard, pause.end_s if pause else None)

    def _open_endpoint(self, endpointing: bool) -> Endpoint:
        """The endpointer, and what works at the onset of pauses."""
        variant, guard = self._assistant.variant, self._assistant.variant.guard
        rule = rule_of(variant)
        endpoint = Endpoint(
            rule.max_silence_s if endpointing else float("inf"),
            self._assistant.stream_vad(),
            rule.min_silence_s,
        )
        if endpointing and variant.endpoint != "silence":
            self._end_of_turn = EndOfTurn(
                self._probability, rule, endpoint, self._clock, self._emit, guard.llm_timeout_s
            )
        if self._speculation or self._end_of_turn:
            self._pauses = Pauses(
                self._speculation, self._end_of_turn, self._clock, guard.asr_timeout_s,
                self._report_ready, self._report_windows,
            )  # fmt: skip
        return endpoint

    async def _probability(self, hypothesis: Hypothesis) -> float:
        """That the turn is over after these words; 0 where there are none."""
        if not hypothesis.text.strip():
            return 0.0
        history = self._conversation.history()
        return await self._assistant.end_of_turn(history, hypothesis, self._tools)

    def _finish_transcript(
        self, heard: Hypothesis, from_pause_s: float | None = None
    ) -> Hypothesis:
        hypothesis = Hypothesis(tokens=heard.tokens, is_final=True)
        self._emit(
            TranscriptFinal(
                t_s=self._clock.t_s(),
                text=hypothesis.text,
                confidence=hypothesis.confidence,
                from_pause_s=from_pause_s,
                hypothesis=hypothesis,
            )
        )
        return hypothesis

    async def _read(self, blocks: Iterator[NDArray[np.float32]]) -> Hypothesis:
        """Recognizes a recording block by block, each as if it had just arrived."""
        segments = self._assistant.segments()
        timeout_s = self._assistant.variant.guard.asr_timeout_s
        self._emit(AudioStarted(t_s=0.0, recognition="segments"))
        block = await _next_block(blocks, timeout_s)
        is_last = False
        while not is_last:
            following = await _next_block(blocks, timeout_s)
            is_last = following is None
            samples = check(
                AudioChunk(_NO_AUDIO if block is None else block, segments.audio_s)
            ).samples
            if isinstance(self._clock, SimulatedClock):
                self._clock.jump_to(segments.audio_s + len(samples) / SAMPLE_RATE_HZ)
            self._stage, started_s = "endpoint", self._clock.t_s()
            cut = functools.partial(_cut, segments, samples, is_last=is_last)
            ready = await call_within(timeout_s, cut)
            self._announce(segments.pop_edges(), started_s)
            if is_last:
                self._commit("audio_end", segments.audio_s, segments.last_speech_s)
            for batch in batches(ready):
                await self._recognise_batch(segments, batch, timeout_s)
            self._stage, block = "audio", following
        return self._finish_transcript(segments.hypothesis)

    async def _recognise_batch(
        self, segments: SpeechSegments, batch: Sequence[WindowAudio], timeout_s: float
    ) -> None:
        for segment in batch:
            self._report_ready(segment)
        started_s = self._clock.t_s()
        name = f"segments {batch[0].index} to {batch[-1].index}"
        for window in await self._asr_within(timeout_s, name, lambda: segments.recognise(batch)):
            self._report_windows([window], started_s)
            started_s += window.compute_s

    def _commit(self, reason: CommitReason, audio_s: float, last_speech_s: float | None) -> None:
        self._emit(AudioEnded(t_s=self._clock.t_s(), audio_s=audio_s))
        silence_s = max(0.0, audio_s - (last_speech_s or 0.0))
        self._emit(TurnCommitted(t_s=self._clock.t_s(), reason=reason, silence_s=silence_s))
        self._is_committed = True

    def _announce(
        self, noticed: Iterable[EndpointEvent | SpeechEdge], started_s: float | None = None
    ) -> None:
        """Reports speech and pauses; `started_s` is when the VAD began on a whole block."""
        for edge in noticed:
            t_s = self._clock.t_s()
            if edge.kind == "speech_started":
                self._emit(SpeechStarted(t_s=t_s, at_s=edge.at_s, started_s=started_s))
            elif edge.kind == "speech_stopped":
                self._emit(SpeechStopped(t_s=t_s, at_s=edge.at_s, started_s=started_s))

    async def _start_recognising(
        self, windows: SlidingWindows, ready: Iterable[WindowAudio]
    ) -> None:
        """Queues windows for recognition; raises what an earlier one raised meanwhile."""
        queued = False
        for window in ready:
            self._report_ready(window)
            queued = True
            self._recognising = asyncio.create_task(
                self._recognise(windows, window, after=self._recognising)
            )
        if self._recognising and queued and isinstance(self._clock, SimulatedClock):
            await self._recognising  # audio must not run ahead while its clock stands still
        elif self._recognising and self._recognising.done():
            self._recognising.result()

    async def _recognise(
        self, windows: SlidingWindows, ready: WindowAudio, after: asyncio.Task[None] | None
    ) -> None:
        if after:
            await after
        if self._prefill:
            variant = self._assistant.variant
            self._prefill.begin(windows.stable, is_waited_for=not variant.double_buffering)
            if not variant.double_buffering:
                await self._prefill.finished(variant.guard.llm_timeout_s)
        started_s = self._clock.t_s()
        timeout_s = self._assistant.variant.guard.asr_timeout_s
        recognised = await self._asr_within(
            timeout_s, f"window {ready.index}", lambda: windows.recognise(ready)
        )
        self._report_windows(recognised, started_s)
        if self._speculation and not self._is_committed:
            best = max(recognised, key=lambda window: window.confidence)
            self._speculation.hear(best, windows.hypothesis)

    async def _asr_within(
        self, timeout_s: float, name: str, recognise: Callable[[], list[Window]]
    ) -> list[Window]:
        try:
            return await call_within(timeout_s, recognise)
        except (TimeoutError, StageTimeoutError) as error:
            problem = str(error) or f"not recognised within {timeout_s:g} s"
            raise StageTimeoutError("asr", f"{name}: {problem}") from error
        except Exception as error:
            raise StageError("asr", f"{name}: {error}") from error

    def _report_ready(self, window: WindowAudio) -> None:
        t_s = self._clock.t_s()
        self._emit(
            WindowReady(t_s=t_s, index=window.index, start_s=window.start_s, end_s=window.end_s)
        )

    def _report_windows(self, recognised: Iterable[Window], started_s: float) -> None:
        for window in recognised:
            event = WindowRecognized if window.pass_number == 1 else WindowRecognizedAgain
            self._emit(
                event(
                    t_s=self._clock.t_s(),
                    index=window.index,
                    compute_s=window.compute_s,
                    started_s=started_s,
                    num_tokens=len(window.tokens),
                    confidence=window.confidence,
                    window=window,
                )
            )

    # ------------------------------------------------------------ understanding

    def _understand(self, hypothesis: Hypothesis) -> str:
        """Sets marks into the transcript and cleans it; nothing where nothing was said."""
        if reason := self._assistant.fallback_reason(hypothesis):
            is_unclear = reason == LOW_CONFIDENCE
            return self._degrade(reason, self._count_unclear() if is_unclear else "")
        text = self._punctuate(hypothesis)
        self._stage, started_s = "cleaning", self._clock.t_s()
        cleaned = self._assistant.clean(text)
        self._emit(
            TranscriptCleaned(
                t_s=self._clock.t_s(),
                text=cleaned.text,
                preset=self._assistant.variant.cleaning,
                started_s=started_s,
                retracted=cleaned.retracted,
            )
        )
        if not cleaned.text.strip():
            return self._degrade(NOTHING_LEFT)
        return cleaned.text

    def _punctuate(self, hypothesis: Hypothesis) -> str:
        self._stage, started_s = "punctuation", self._clock.t_s()
        punctuated = self._assistant.punctuate(hypothesis)
        if punctuated is None:
            return hypothesis.text
        self._emit(Punctuated(t_s=self._clock.t_s(), text=punctuated, started_s=started_s))
        return punctuated

    def _degrade(self, reason: str, hint_for: str = "") -> str:
        self._abandon_early_work()
        self._emit(degraded(reason, self._clock.t_s(), hint_for=hint_for))
        return ""

    def _count_unclear(self) -> str:
        """Counts an unclear turn; a run of them in one conversation has a hint of its own."""
        self._conversation.num_unclear += 1
        is_run = self._conversation.num_unclear >= self._assistant.variant.guard.open_after
        return UNCLEAR_AGAIN if is_run else LOW_CONFIDENCE

    # ------------------------------------------------------------ prompts

    def _build_prompt(
        self, cleaned: str, hypothesis: Hypothesis, after: Sequence[Message] = ()
    ) -> tuple[tuple[Message, ...], Prompt]:
        """The one place that makes prompts, of drafts and answers; `after` are tools' results."""
        history = self._conversation.history()
        return self._assistant.build_prompt(history, cleaned, hypothesis, self._tools, after)

    def _beginning(self, hypothesis: Hypothesis) -> Prompt:
        """What the prompt begins with, if what is said begins with `hypothesis`."""
        history = self._conversation.history()
        return self._assistant.build_beginning(history, hypothesis, self._tools)

    def _draft_prompt(self, hypothesis: Hypothesis) -> DraftPrompt | None:
        said = Hypothesis(tokens=hypothesis.tokens, is_final=True)  # as a draft bets that it is
        cleaned = self._assistant.clean_heard(said).text
        if not cleaned.strip():
            return None
        _, prompt = self._build_prompt(cleaned, hypothesis)
        return DraftPrompt(transcript=hypothesis.text, cleaned=cleaned, prompt=prompt)

    # ------------------------------------------------------------ answering

    def _abandon_early_work(self) -> None:
        if self._end_of_turn:
            self._end_of_turn.reset()
        if self._prefill:
            self._prefill.cancel()
        if self._speculation:
            self._speculation.drop("turn_over")

    def _stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        variant, hold_s = self._assistant.variant, 0.0
        if not self._assistant.is_read_live:  # what is held must not pass for a stalled LLM
            hold_s = min(UNREAD_HOLD_S, variant.guard.llm_timeout_s / 2)
        return self._assistant.generator.stream(prompt, variant.sampling, hold_s=hold_s)

    def _open(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """The answer to a prompt: the draft that was begun on just this one, else a new one."""
        if self._prefill:
            self._prefill.cancel()
        if self._speculation and (draft := self._speculation.keep(prompt)):
            return draft
        self._emit(RequestSubmitted(t_s=self._clock.t_s()))
        if self._prefill:
            return self._prefill.answer(prompt, self._assistant.variant.sampling)
        return self._stream(prompt)

    async def _answer(self, cleaned: str, hypothesis: Hypothesis) -> None:
        self._stage = "llm"
        answering = Answering(
            self._assistant,
            self._clock,
            self._emit,
            self._conversation.now,
            lambda after: self._build_prompt(cleaned, hypothesis, after),
            self._open,
        )
        question, answer = await answering.run()
        self._conversation.num_unclear = 0
        self._conversation.remember(self._assistant.generator, question.content, answer)


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


async def _next_block(
    blocks: Iterator[NDArray[np.float32]], timeout_s: float
) -> NDArray[np.float32] | None:
    """The next block, decoded on another thread; None at the end."""
    return await call_within(timeout_s, lambda: next(blocks, None))


def _cut(
    segments: SpeechSegments, samples: NDArray[np.float32], *, is_last: bool
) -> list[WindowAudio]:
    """The segments that a block ends."""
    return segments.take(samples) + (segments.take_rest() if is_last else [])
