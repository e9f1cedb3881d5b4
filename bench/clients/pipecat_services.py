"""Pipecat's OpenAI services in its pipelines: LLM, STT, realtime LLM.

    uv venv DIR/pipecat && uv pip install --python DIR/pipecat/bin/python 'pipecat-ai[openai]'
    DIR/pipecat/bin/python bench/clients/pipecat_services.py --url http://127.0.0.1:8000 --question a.wav

The realtime service asks for audio unless `output_modalities=["text"]` is set; a TTS service then
speaks the text.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from _checks import CHUNK_S, Given, chunks, expect, run
from loguru import logger
from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.transcriptions.language import Language
from pipecat.workers.runner import WorkerRunner

ASKED = [{"role": "user", "content": "北京天气怎么样"}]
WEATHER = FunctionSchema(
    name="get_weather",
    description="The weather in a city",
    properties={"city": {"type": "string", "enum": ["北京", "上海"]}},
    required=["city"],
)


class Seen(BaseObserver):
    """What went through a pipeline."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.transcripts: list[str] = []
        self.num_interim = 0
        self.errors: list[str] = []
        self.num_answers = 0
        self.changed = asyncio.Event()
        self._ids: set[int] = set()

    async def on_push_frame(self, data: FramePushed) -> None:
        frame: Frame = data.frame
        if frame.id in self._ids:
            return
        self._ids.add(frame.id)
        match frame:
            case LLMTextFrame():
                self.text += frame.text
            case TranscriptionFrame():
                self.transcripts.append(frame.text)
            case InterimTranscriptionFrame():
                self.num_interim += 1
            case ErrorFrame():
                self.errors.append(frame.error)
            case LLMFullResponseEndFrame():
                self.num_answers += 1
        self.changed.set()

    async def until(self, condition: Any) -> None:
        """Waits for something; an error of the pipeline ends it."""
        while not condition():
            expect(not self.errors, "; ".join(self.errors))
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 30)
        expect(not self.errors, "; ".join(self.errors))


@asynccontextmanager
async def running(parts: Sequence[Any], rate_hz: int = 16_000) -> AsyncIterator[tuple[Any, Seen]]:
    """A pipeline, started."""
    seen, ready = Seen(), asyncio.Event()
    worker = PipelineWorker(
        Pipeline(list(parts)), params=PipelineParams(audio_in_sample_rate=rate_hz), observers=[seen]
    )

    @worker.event_handler("on_pipeline_started")
    async def on_started(_worker: Any, _frame: Any) -> None:
        ready.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    task = asyncio.create_task(runner.run())
    await asyncio.wait_for(ready.wait(), 30)
    try:
        yield worker, seen
    finally:
        await worker.queue_frame(EndFrame())
        await task


async def speak(worker: Any, given: Given, silence_s: float = 1.5) -> None:
    """The question, at the pace of speech."""
    pcm, rate_hz = given.pcm(silence_s)
    for part in chunks(pcm, rate_hz):
        await worker.queue_frame(InputAudioRawFrame(part, rate_hz, 1))
        await asyncio.sleep(CHUNK_S)


def called(service: Any) -> list[dict[str, Any]]:
    """The arguments of calls of the tool, which answers 晴."""
    calls: list[dict[str, Any]] = []

    async def get_weather(params: Any) -> None:
        calls.append(dict(params.arguments))
        await params.result_callback({"weather": "晴"})

    service.register_function("get_weather", get_weather)
    return calls


def _llm(given: Given) -> Any:
    settings = OpenAILLMService.Settings(model=given.model, temperature=0.0)
    return OpenAILLMService(api_key="none", base_url=given.base_url, settings=settings)


async def chat(given: Given) -> str:
    """OpenAILLMService: a context answered."""
    async with running([_llm(given)]) as (worker, seen):
        await worker.queue_frame(LLMContextFrame(LLMContext(ASKED)))
        await seen.until(lambda: seen.num_answers)
        expect(seen.text, "an empty answer")
        return seen.text


async def tools(given: Given) -> str:
    """OpenAILLMService: a function is called, and its result answered."""
    service = _llm(given)
    calls = called(service)
    tools = ToolsSchema(standard_tools=[WEATHER])
    context = LLMContext(list(ASKED), tools=tools, tool_choice="required")
    pair = LLMContextAggregatorPair(context)
    async with running([pair.user(), service, pair.assistant()]) as (worker, seen):
        await worker.queue_frame(LLMContextFrame(context))
        await seen.until(lambda: calls)
        context.set_tool_choice("none")
        await seen.until(lambda: seen.text and seen.num_answers >= 2)
        return f"get_weather({calls[0]}) -> {seen.text}"


async def recognized(given: Given) -> str:
    """OpenAISTTService: a segment between two VAD frames."""
    settings = OpenAISTTService.Settings(model=given.model, language=Language.ZH)
    service = OpenAISTTService(api_key="none", base_url=given.base_url, settings=settings)
    async with running([service], given.pcm()[1]) as (worker, seen):
        await worker.queue_frame(VADUserStartedSpeakingFrame())
        await speak(worker, given, silence_s=0.2)
        await worker.queue_frame(VADUserStoppedSpeakingFrame())
        await seen.until(lambda: seen.transcripts)
        return seen.transcripts[0]


def _realtime(given: Given, **session: Any) -> Any:
    properties = events.SessionProperties(output_modalities=["text"], **session)
    settings = OpenAIRealtimeLLMService.Settings(
        model=given.model, system_instruction="回答最多三句话。", session_properties=properties
    )
    url = given.base_url.replace("http", "ws", 1) + "/realtime"
    return OpenAIRealtimeLLMService(api_key="none", base_url=url, settings=settings)


@asynccontextmanager
async def conversing(service: Any, context: LLMContext, rate_hz: int) -> Any:
    """A realtime pipeline with its aggregators, its context given."""
    pair = LLMContextAggregatorPair(context)
    async with running([pair.user(), service, pair.assistant()], rate_hz) as (worker, seen):
        await worker.queue_frame(LLMContextFrame(context))
        yield worker, seen


async def realtime_typed(given: Given) -> str:
    """OpenAIRealtimeLLMService: a context answered, an item retrieved, a missing one refused."""
    service = _realtime(given)
    ids: list[str] = []

    @service.event_handler("on_conversation_item_created")
    async def on_created(_service: Any, item_id: str, _item: Any) -> None:
        ids.append(item_id)

    async with conversing(service, LLMContext(list(ASKED)), 24_000) as (_, seen):
        await seen.until(lambda: seen.text and seen.num_answers)
        item = await asyncio.wait_for(service.retrieve_conversation_item(ids[0]), 10)
        expect(item.id == ids[0], "another item")
        try:
            await asyncio.wait_for(service.retrieve_conversation_item("none"), 10)
        except Exception as error:
            expect("none" in str(error), f"{type(error).__name__}: {error}")
        expect(not seen.errors, "; ".join(seen.errors))
        return seen.text


async def realtime_spoken(given: Given) -> str:
    """OpenAIRealtimeLLMService: speech with its default turn detection, transcript and answer."""
    return await _spoken(given, events.TurnDetection(silence_duration_ms=500))


async def realtime_semantic(given: Given) -> str:
    """OpenAIRealtimeLLMService: speech with semantic_vad."""
    return await _spoken(given, events.SemanticTurnDetection(eagerness="high"))


async def _spoken(given: Given, detection: Any) -> str:
    listening = events.AudioInput(
        transcription=events.InputAudioTranscription(model=given.model, language="zh"),
        turn_detection=detection,
    )
    service = _realtime(given, audio=events.AudioConfiguration(input=listening))
    async with conversing(service, LLMContext(list(ASKED)), given.pcm()[1]) as (worker, seen):
        await seen.until(lambda: seen.num_answers)
        first = seen.text
        await speak(worker, given)
        await seen.until(lambda: seen.transcripts and len(seen.text) > len(first))
        await seen.until(lambda: seen.num_answers >= 2)
        return f"{seen.num_interim} interim; {seen.transcripts[0]} -> {seen.text[len(first) :]}"


async def realtime_tools(given: Given) -> str:
    """OpenAIRealtimeLLMService: a function is called, and its result answered."""
    service = _realtime(given, tool_choice="required")
    calls = called(service)
    context = LLMContext(list(ASKED), tools=ToolsSchema(standard_tools=[WEATHER]))
    async with conversing(service, context, 24_000) as (worker, seen):
        await seen.until(lambda: calls)
        from pipecat.frames.frames import LLMUpdateSettingsFrame

        properties = events.SessionProperties(output_modalities=["text"], tool_choice="none")
        delta = OpenAIRealtimeLLMService.Settings(session_properties=properties)
        await worker.queue_frame(LLMUpdateSettingsFrame(delta=delta, service=service))
        await seen.until(lambda: seen.text)
        return f"get_weather({calls[0]}) -> {seen.text}"


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    run(
        "pipecat-ai",
        [
            chat,
            tools,
            recognized,
            realtime_typed,
            realtime_spoken,
            realtime_semantic,
            realtime_tools,
        ],
    )
