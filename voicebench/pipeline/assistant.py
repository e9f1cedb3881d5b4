"""The assistant: speech in, answer out, as one stream of events on one clock.

    assistant = Assistant(recognizer, generator, Variant())
    clock = make_clock("fast")
    async for event in assistant.run_turn(paced(chunks, clock), conversation, clock=clock): ...

Windows are recognised on another thread while audio keeps coming. A stage that fails ends the turn
with a `failed` event, never with an exception, and a turn that failed, or in which nothing was said
or nothing can be believed, ends `degraded`: the person is sent to text input, which `answer_text`
takes. `collect_turn` makes the record of the events.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.asr.companions import StreamVad, companions_of
from voicebench.asr.segments import (
    SpeechSegments,
    blocks_of,
    recognise_blocks,
    variant_recognition,
    variant_segments,
)
from voicebench.asr.vad import open_stream
from voicebench.asr.windows import SlidingWindows, SpeechTimes, variant_windows
from voicebench.audio import AudioChunk, chunk_audio
from voicebench.cleaning.presets import Cleaned, clean
from voicebench.clock import TurnClock
from voicebench.deadline import call_within
from voicebench.errors import ConfigError, StageError
from voicebench.llm.base import Generator, PredictsEndOfTurn, Prompt
from voicebench.llm.handoff import THROUGH_TABLE, BuildsPrompts, Handoff
from voicebench.llm.tools import Toolbox
from voicebench.pipeline.breaker import Breaker, with_circuit_breaker
from voicebench.pipeline.end_of_turn import FINAL_MARKS, check_source
from voicebench.pipeline.hints import LOW_CONFIDENCE, SILENCE
from voicebench.pipeline.incoming import checked
from voicebench.pipeline.live_turn import LiveTurn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.pipeline.prefill import check_prefill
from voicebench.pipeline.turn import collect_turn
from voicebench.pipeline.variants import check_variant
from voicebench.types import (
    SAMPLE_RATE_HZ,
    AnswerToken,
    Event,
    Hypothesis,
    Message,
    Record,
    StageFailure,
    Variant,
    Window,
)

__all__ = ["Answer", "Assistant", "Transcript", "collect_turn"]


class Transcript(Record):
    """A whole recording recognised: the merged hypothesis and every window."""

    hypothesis: Hypothesis
    windows: tuple[Window, ...]


class Answer(Record):
    """One answer of a batch, or why there is none."""

    tokens: tuple[AnswerToken, ...] = ()
    finish_reason: str = ""
    failure: StageFailure | None = None

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)


class Assistant:
    """Runs turns under one variant. Several turns may run at the same time.

    Args:
        recognizer: See `Recognizer`.
        generator: See `Generator`.
        variant: Every switch.
        toolbox: Tools that the LLM may call.
        breaker: Of the whole process, where it has several assistants; None: one of its own.
        prompts: Makes the prompts; None: as the variant says.
        hands_out_calls: Whether a tool call ends the turn, for the caller to run, instead of being
            run from the toolbox.
        is_read_live: Whether answers are read while they are made; tokens of others come in fewer,
            larger pieces.

    Raises:
        ConfigError: The variant names an unknown cleaning or prompt, or asks for something that
            this version cannot do.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        generator: Generator,
        variant: Variant,
        *,
        toolbox: Toolbox | None = None,
        breaker: Breaker | None = None,
        prompts: BuildsPrompts | None = None,
        hands_out_calls: bool = False,
        is_read_live: bool = True,
    ) -> None:
        check_variant(variant)
        if variant.prefill:
            check_prefill(generator, variant)  # refused now, not in a turn
        vocabulary = recognizer.vocabulary if variant.handoff in THROUGH_TABLE else ()
        companions = companions_of(recognizer)
        if variant.speakers and companions.speakers is None:
            raise ConfigError(
                f"variant {variant.name!r}: no model here tells speakers apart",
                "Name one in the profile (asr.speakers), or set speakers=false.",
            )
        self._vad = companions.vad if variant.vad == "profile" else None
        self._punctuation = companions.punctuation if variant.punctuation == "profile" else None
        check_source(variant, generator, punctuates=self._punctuation is not None)
        self._handoff = prompts or Handoff(generator, vocabulary, variant)
        self.recognizer = recognizer
        self.generator = generator
        self.variant = variant
        self.toolbox = toolbox or Toolbox()
        self.hands_out_calls = hands_out_calls
        self.is_read_live = is_read_live
        self.breaker = breaker or Breaker(variant.guard)

    def run_turn(
        self,
        chunks: AsyncIterator[AudioChunk],
        conversation: Conversation,
        *,
        clock: TurnClock | None = None,
        declare_end: asyncio.Event | None = None,
        endpointing: bool = True,
        tools: Sequence[dict[str, Any]] = (),
        answers: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """Runs one turn; closing the generator cancels it and aborts its request.

        Args:
            chunks: The turn's audio as it arrives (`pace.paced` for recordings).
            conversation: Earlier turns; this one is added when it has been answered.
            clock: Its zero is the turn's first sample; None starts one now.
            declare_end: Set by a client that knows the person has finished.
            endpointing: Whether silence ends the turn; otherwise only the end of the audio or
                `declare_end` does. The VAD reports speech either way.
            answers: Whether the turn is answered; otherwise its last event is `cleaned`.
            tools: Tools offered to the LLM, as JSON schemas; empty: those of the toolbox.

        Yields:
            Events in the order in which they happened; the last is `answer_finished` or
            `degraded`. While the breaker is open the audio is not touched.
        """
        clock = clock or TurnClock()
        arriving = checked(chunks, self.variant.guard.audio_idle_s)
        return self._run_turn_task(
            lambda turn: turn.run(arriving, declare_end, endpointing, answers),
            conversation,
            clock,
            tools,
        )

    def run_recording(
        self,
        blocks: Iterable[NDArray[np.float32]],
        conversation: Conversation,
        *,
        clock: TurnClock | None = None,
        tools: Sequence[dict[str, Any]] = (),
    ) -> AsyncGenerator[Event, None]:
        """Runs one turn on a recording that is there as a whole; all of it is the question.

        In segments, the audio is looked at block by block, however long it is, and none of it is
        kept. In windows, it is a turn as `run_turn` has it.

        Args:
            blocks: 16 kHz mono float32 of any lengths, in order (`segments.blocks_of` cuts an
                array, `audio.stream_audio` reads a file); may raise what decoding raises.
            conversation: See `run_turn`.
            clock: From `pace.make_clock`; None makes one of fast pace.
            tools: See `run_turn`.

        Yields:
            The events of `run_turn`.
        """
        clock = clock or make_clock("fast")
        if self.variant.recognition == "windows":
            chunks = paced(_chunks(blocks), clock)
            return self.run_turn(chunks, conversation, clock=clock, endpointing=False, tools=tools)
        return self._run_turn_task(
            lambda turn: turn.run_recording(iter(blocks)), conversation, clock, tools
        )

    def answer_text(
        self,
        text: str,
        conversation: Conversation,
        *,
        clock: TurnClock | None = None,
        tools: Sequence[dict[str, Any]] = (),
    ) -> AsyncGenerator[Event, None]:
        """Answers what was typed: what is left when speech fails. Never refused by the breaker.

        Args:
            text: Taken as it is, not cleaned.
            conversation: See `run_turn`; turns spoken and typed go in one conversation.
            clock: Its zero is when the text came; None starts one now.
            tools: See `run_turn`.

        Yields:
            The events of `run_turn` from `cleaned` on.
        """
        clock = clock or TurnClock()
        return self._run_turn_task(
            lambda turn: turn.run_text(text), conversation, clock, tools, is_speech=False
        )

    def _run_turn_task(
        self,
        start: Callable[[LiveTurn], Coroutine[Any, Any, None]],
        conversation: Conversation,
        clock: TurnClock,
        tools: Sequence[dict[str, Any]],
        *,
        is_speech: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """Runs a turn under the circuit breaker; closing cancels it."""
        events = self._task_events(start, conversation, clock, tools)
        return with_circuit_breaker(events, self.breaker, clock, is_speech=is_speech)

    async def _task_events(
        self,
        start: Callable[[LiveTurn], Coroutine[Any, Any, None]],
        conversation: Conversation,
        clock: TurnClock,
        tools: Sequence[dict[str, Any]],
    ) -> AsyncGenerator[Event, None]:
        """Runs a turn as a task of its own; closing cancels it."""
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        offered = tuple(tools) or self.toolbox.schemas
        turn = LiveTurn(self, conversation, clock, events.put_nowait, offered)

        async def run() -> None:
            try:
                await start(turn)
            finally:  # not once the task is done: that would be a turn of the event loop later
                events.put_nowait(None)

        task = asyncio.create_task(run())
        try:
            while (event := await events.get()) is not None:
                yield event
            await task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def sliding_windows(self, speech_times: SpeechTimes | None = None) -> SlidingWindows:
        """This variant's windows over the recogniser, for one turn; see `SlidingWindows`."""
        return variant_windows(self.recognizer, self.variant, speech_times)

    def segments(self) -> SpeechSegments:
        """What recognizes a recording in segments, for one recording."""
        return variant_segments(self.recognizer, self.variant)

    def recognition(self) -> SlidingWindows | SpeechSegments:
        """What recognizes a recording that is there as a whole, in windows or segments."""
        return variant_recognition(self.recognizer, self.variant)

    def fallback_reason(self, hypothesis: Hypothesis) -> str:
        """Why a turn with this transcript falls back to text input; empty where it is answered."""
        if not hypothesis.text.strip():
            return SILENCE
        is_doubtful = hypothesis.confidence < self.variant.guard.min_confidence
        return LOW_CONFIDENCE if is_doubtful else ""

    def stream_vad(self) -> StreamVad:
        """The VAD of a stream that begins: the profile's, or Silero."""
        return open_stream(self._vad)

    def punctuate(self, hypothesis: Hypothesis) -> str | None:
        """The transcript with marks in it; None where nothing sets any.

        Args:
            hypothesis: Of one that is not final, its last words get no mark yet.
        """
        if self._punctuation is None:
            return None
        return self._punctuation.punctuate(hypothesis.text, is_final=hypothesis.is_final)

    def clean(self, text: str) -> Cleaned:
        """Cleans a transcript as this variant does."""
        return clean(text, self.variant.cleaning)

    def clean_heard(self, hypothesis: Hypothesis) -> Cleaned:
        """Sets marks into a transcript and cleans it, both as this variant does."""
        punctuated = self.punctuate(hypothesis)
        return self.clean(hypothesis.text if punctuated is None else punctuated)

    def build_messages(self, history: Sequence[Message], cleaned: str) -> tuple[Message, ...]:
        """The conversation that the LLM gets, as this variant words it."""
        return self._handoff.messages(history, cleaned)

    def build_prompt(
        self,
        history: Sequence[Message],
        cleaned: str,
        hypothesis: Hypothesis,
        tools: Sequence[dict[str, Any]] = (),
        after: Sequence[Message] = (),
    ) -> tuple[tuple[Message, ...], Prompt]:
        """The conversation, and the prompt that it is handed to the LLM as.

        Args:
            history: Earlier turns.
            cleaned: The transcript after cleaning, or what was typed.
            hypothesis: The transcript before it; need not be final, and is empty for typed text.
            tools: Tools offered, as JSON schemas.
            after: What came after it in this turn, such as the results of tools.
        """
        return self._handoff.build(history, cleaned, hypothesis.tokens, tools, after)

    def build_beginning(
        self,
        history: Sequence[Message],
        hypothesis: Hypothesis,
        tools: Sequence[dict[str, Any]] = (),
    ) -> Prompt:
        """The prompt as far as it can be known while the transcript goes on after `hypothesis`."""
        cleaned = self.clean_heard(hypothesis).text
        return self._handoff.beginning(history, cleaned, hypothesis.tokens, tools)

    async def end_of_turn(
        self,
        history: Sequence[Message],
        hypothesis: Hypothesis,
        tools: Sequence[dict[str, Any]] = (),
    ) -> float:
        """The probability that a turn is over after `hypothesis`, from the variant's source."""
        if self.variant.endpoint == "punctuation":
            said = msgspec.structs.replace(hypothesis, is_final=True)
            timeout_s = self.variant.guard.asr_timeout_s
            marked = await call_within(timeout_s, lambda: self.punctuate(said))
            return float((marked or "").rstrip().endswith(tuple(FINAL_MARKS)))
        assert isinstance(self.generator, PredictsEndOfTurn)  # checked in the constructor
        return await self.generator.end_of_turn(self.build_beginning(history, hypothesis, tools))

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        """Recognizes a whole recording in the variant's windows or segments; blocks.

        Args:
            samples: Shape (num_samples,), 16 kHz mono float32.
        """
        recognition = self.recognition()
        steps = recognise_blocks(recognition, blocks_of(samples))
        windows = tuple(window for step in steps for window in step)
        return Transcript(hypothesis=recognition.hypothesis, windows=windows)

    def answer_many(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Answers many prompts in one batch; blocks.

        Args:
            prompts: From `build_prompt`.

        Returns:
            One answer each, in order; one that failed says why and does not affect others.
        """
        try:
            batch = self.generator.generate(prompts, self.variant.sampling)
        except StageError:  # says of one prompt only that it failed: find out which ones do
            return [self._answer_alone(prompt) for prompt in prompts]
        return [self._answer(tokens) for tokens in batch]

    def _answer_alone(self, prompt: Prompt) -> Answer:
        try:
            return self._answer(self.generator.generate([prompt], self.variant.sampling)[0])
        except StageError as error:
            failure = StageFailure(stage=error.stage, type=type(error).__name__, message=str(error))
            return Answer(failure=failure)

    def _answer(self, tokens: tuple[AnswerToken, ...]) -> Answer:
        is_cut = len(tokens) >= self.variant.sampling.max_tokens
        return Answer(tokens=tokens, finish_reason="length" if is_cut else "stop")


def _chunks(blocks: Iterable[NDArray[np.float32]]) -> Iterator[AudioChunk]:
    start_s = 0.0
    for block in blocks:
        for chunk in chunk_audio(block):
            yield AudioChunk(chunk.samples, start_s + chunk.start_s)
        start_s += len(block) / SAMPLE_RATE_HZ
