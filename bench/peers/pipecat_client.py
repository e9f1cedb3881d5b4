"""Pipecat on the other side of a pipe: turns in as JSON lines, what happened out as JSON lines.

    PIPECAT_PYTHON bench/peers/pipecat_client.py --asr http://127.0.0.1:8001 --llm http://127.0.0.1:8002

Run by `run_peers.py` under the interpreter of an environment that has `pipecat-ai[silero]`; nothing of
voicebench is imported here. The pipeline is Pipecat's own parts, as its guides put them together:

    audio -> VADProcessor (Silero) -> OpenAISTTService -> aggregator -> OpenAILLMService -> text

with UserBotLatencyObserver on. Its speech-to-text service speaks to FunASR's server and its LLM service
to vLLM's. There is no text-to-speech: the first text of an answer stands for the first sound, and that
is when the observer is told that the bot speaks.

The user's turn ends `silence_s` after speech: Pipecat's VAD decides after `VAD_STOP_S` of silence, which
is when recognition begins, and its turn strategy waits out the rest beside it. Times are those of the
monotonic clock, which on Linux is the same in every process.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import sys
import time
from typing import Any

from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    UserStoppedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.observers.user_bot_latency_observer import UserBotLatencyObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.transcriptions.language import Language
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

RATE_HZ = 16_000
VAD_STOP_S = 0.2  # Pipecat's own default
TIMEOUT_S = 300.0
SPACE_IN_HANZI = re.compile(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])")


class OneWordToken(FrameProcessor):
    """Takes out the spaces that FunASR's server sets between Hanzi."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            frame.text = SPACE_IN_HANZI.sub("", frame.text)
        await self.push_frame(frame, direction)


class Speaks(FrameProcessor):
    """Where a text-to-speech service would be: says that the bot speaks at an answer's first text."""

    def __init__(self) -> None:
        super().__init__()
        self._has_spoken = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMTextFrame) and frame.text and not self._has_spoken:
            self._has_spoken = True
            await self.push_frame(BotStartedSpeakingFrame())
        await self.push_frame(frame, direction)


class Happened(BaseObserver):
    """Notes when what was pushed for the first time, and the answer's pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.at_s: dict[str, float] = {}
        self.pieces: list[tuple[float, str]] = []
        self.transcripts: list[TranscriptionFrame] = []
        self.ended = asyncio.Event()
        self._seen: set[int] = set()

    async def on_push_frame(self, data: FramePushed) -> None:
        frame, now_s = data.frame, time.monotonic()
        if frame.id in self._seen or data.direction != FrameDirection.DOWNSTREAM:
            return
        self._seen.add(frame.id)
        match frame:
            case VADUserStoppedSpeakingFrame():
                self.at_s["vad_stopped"] = now_s
            case TranscriptionFrame():
                self.at_s["transcript"] = now_s
                self.transcripts.append(frame)  # `OneWordToken` will have changed its text
            case UserStoppedSpeakingFrame():
                self.at_s["committed"] = now_s
            case LLMFullResponseStartFrame():
                self.at_s.setdefault("requested", now_s)
            case LLMTextFrame() if frame.text:
                self.pieces.append((now_s, frame.text))
            case LLMFullResponseEndFrame():
                self.at_s["ended"] = now_s
                self.ended.set()


def build(asked: dict[str, Any], asr_url: str, llm_url: str, happened: Happened) -> Any:
    """The pipeline of one turn, and the observer of its latency."""
    stt = OpenAISTTService(
        api_key="none",
        base_url=f"{asr_url}/v1",
        settings=OpenAISTTService.Settings(model="custom", language=Language.ZH),
    )
    llm = OpenAILLMService(
        api_key="none",
        base_url=f"{llm_url}/v1",
        settings=OpenAILLMService.Settings(
            model=asked["model"],
            system_instruction=asked["system"],
            temperature=asked["temperature"],
            max_tokens=asked["max_tokens"],
            extra={"extra_body": {"ignore_eos": asked["ignore_eos"]}},
        ),
    )
    strategies = UserTurnStrategies(
        start=[VADUserTurnStartStrategy()],
        stop=[
            SpeechTimeoutUserTurnStopStrategy(
                user_speech_timeout=max(0.0, asked["silence_s"] - VAD_STOP_S)
            )
        ],
    )
    pair = LLMContextAggregatorPair(
        LLMContext(), user_params=LLMUserAggregatorParams(user_turn_strategies=strategies)
    )
    vad = VADProcessor(vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=VAD_STOP_S)))
    latency = UserBotLatencyObserver()
    parts = [vad, stt, OneWordToken(), pair.user(), llm, Speaks(), pair.assistant()]
    worker = PipelineWorker(
        Pipeline(parts),
        params=PipelineParams(audio_in_sample_rate=RATE_HZ, enable_metrics=True),
        observers=[latency, happened],
    )
    return worker, latency


async def speak(worker: Any, pcm: bytes, chunk_s: float) -> float:
    """Feeds audio at the pace of speech, each chunk when all of it has been said.

    Returns:
        When the first sample was, on the monotonic clock.
    """
    size, started_s = 2 * round(chunk_s * RATE_HZ), time.monotonic()
    for number, at in enumerate(range(0, len(pcm), size), start=1):
        await asyncio.sleep(max(0.0, started_s + number * chunk_s - time.monotonic()))
        frame = InputAudioRawFrame(audio=pcm[at : at + size], sample_rate=RATE_HZ, num_channels=1)
        await worker.queue_frame(frame)
    return started_s


async def run_turn(asked: dict[str, Any], asr_url: str, llm_url: str) -> dict[str, Any]:
    """One turn; what happened, on the monotonic clock, and what Pipecat's observer measured."""
    happened, measured = Happened(), {}
    worker, latency = build(asked, asr_url, llm_url, happened)

    @latency.event_handler("on_latency_measured")
    async def on_latency(_observer: Any, latency_s: float) -> None:
        measured["latency_s"] = latency_s

    @latency.event_handler("on_latency_breakdown")
    async def on_breakdown(_observer: Any, breakdown: Any) -> None:
        measured["contributions"] = [
            [each.key, each.owner_kind.value, each.duration_secs]
            for each in breakdown.contributions
        ]

    ready = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_started(_worker: Any, _frame: Any) -> None:
        ready.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    failure = ""
    try:
        await asyncio.wait_for(ready.wait(), TIMEOUT_S)
        speaking = asyncio.create_task(
            speak(worker, base64.b64decode(asked["pcm"]), asked["chunk_s"])
        )
        await asyncio.wait_for(happened.ended.wait(), TIMEOUT_S)
        started_s = await speaking
    except TimeoutError:
        failure, started_s = f"no answer within {TIMEOUT_S:g} s", 0.0
    finally:
        await worker.queue_frame(EndFrame())
        await running
    return {
        "started_s": started_s,
        "at_s": happened.at_s,
        "pieces": happened.pieces,
        "text": "".join(frame.text for frame in happened.transcripts),
        "observer": measured,
        "failure": failure,
    }


async def main() -> None:
    """Answers turns until there are no more."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--asr", required=True, help="address of FunASR's server")
    parser.add_argument("--llm", required=True, help="address of vLLM's server")
    args = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        happened = await run_turn(json.loads(line), args.asr, args.llm)
        print(json.dumps(happened, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
