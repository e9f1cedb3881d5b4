"""Several conversations at once: as if each were alone, and none held up by another."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.pipeline.scripted import ScriptedGenerator, ScriptedRecognizer, tone
from tests.pipeline.test_assistant import BEGUN
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.audio import AudioChunk, chunk_audio, load_audio
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.types import Guard, Hypothesis, Turn, Variant

SPEECH = tone(1.5)


async def hear(assistant: Assistant, chunks: AsyncIterator[AudioChunk] | None = None) -> Turn:
    clock = make_clock("fast")
    arriving = chunks or paced(chunk_audio(SPEECH), clock)
    events = assistant.run_turn(arriving, Conversation(), clock=clock)
    return collect_turn([event async for event in events], BEGUN)


class GatedRecognizer(ScriptedRecognizer):
    """Lets calls through only while its gate is open; notes how many pieces each call had."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.sizes: list[int] = []

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        self.sizes.append(len(pieces))
        assert self.gate.wait(30)
        return super().recognize_batch(pieces)


def test_windows_of_several_streams_go_in_one_call() -> None:
    recognizer = GatedRecognizer()
    batcher = BatchingRecognizer(recognizer)
    assistant = Assistant(batcher, ScriptedGenerator(), Variant())

    async def all_at_once() -> list[Turn]:
        turns = [asyncio.create_task(hear(assistant)) for _ in range(6)]
        while sum(recognizer.sizes) + batcher._waiting.qsize() < 6:
            await asyncio.sleep(0.01)
        recognizer.gate.set()
        return await asyncio.gather(*turns)

    turns = asyncio.run(all_at_once())
    assert len(recognizer.sizes) <= 2, "what waits goes in one call"
    assert sum(recognizer.sizes) == 6
    assert {turn.hypothesis.text for turn in turns} == {"明天下午三"}
    assert {turn.answer for turn in turns} == {"三点。"}
    batcher.close()


@pytest.mark.parametrize("what", ["speaker", "reader", "answer"])
def test_a_slow_stream_does_not_hold_the_others(what: str) -> None:
    """One speaks slowly, is read slowly, or gets a slow answer; the others finish before it."""
    batcher = BatchingRecognizer(ScriptedRecognizer())
    quick = Assistant(batcher, ScriptedGenerator(), Variant())
    slow = Assistant(batcher, ScriptedGenerator(token_s=0.2), Variant())

    async def play() -> None:
        go_on = asyncio.Event()

        async def speaking() -> AsyncIterator[AudioChunk]:
            for chunk in chunk_audio(SPEECH):
                if chunk.start_s > 0.5 and what == "speaker":
                    await go_on.wait()
                yield chunk

        async def read_slowly() -> Turn:
            events, clock = [], make_clock("fast")
            async for event in slow.run_turn(speaking(), Conversation(), clock=clock):
                events.append(event)
                if what == "reader" or (what == "answer" and event.kind == "answer_token"):
                    await go_on.wait()
            return collect_turn(events, BEGUN)

        held = asyncio.create_task(read_slowly())
        others = await asyncio.gather(*(hear(quick) for _ in range(5)))
        assert {turn.answer for turn in others} == {"三点。"}
        assert not held.done()
        go_on.set()
        assert (await held).answer == "三点。"

    asyncio.run(play())
    batcher.close()


def test_a_stream_that_is_cancelled_takes_nothing_with_it() -> None:
    batcher = BatchingRecognizer(ScriptedRecognizer(compute_s=0.02))
    assistant = Assistant(batcher, ScriptedGenerator(token_s=0.01), Variant())

    async def play() -> list[Turn]:
        turns = [asyncio.create_task(hear(assistant)) for _ in range(8)]
        await asyncio.sleep(0.1)
        for turn in turns[::2]:
            turn.cancel()
        for turn in turns[::2]:
            with contextlib.suppress(asyncio.CancelledError):
                await turn
        return await asyncio.gather(*turns[1::2])

    turns = asyncio.run(play())
    assert [turn.answer for turn in turns] == ["三点。"] * 4
    batcher.close()


@pytest.mark.models
def test_the_bundled_models_answer_several_streams_as_they_answer_one(
    bundled_recognizer: Any, bundled_generator: Any, speech_dir: Path
) -> None:
    recordings = [load_audio(path) for path in sorted(speech_dir.glob("*.wav"))[:4]]
    assert recordings
    variant = Variant(guard=Guard(min_confidence=0.0))  # it mishears people, and doubts itself
    alone = Assistant(bundled_recognizer, bundled_generator, variant)

    async def ask(assistant: Assistant, samples: NDArray[np.float32]) -> Turn:
        clock = make_clock("fast")
        events = assistant.run_turn(
            paced(chunk_audio(samples), clock), Conversation(), clock=clock, endpointing=False
        )
        return collect_turn([event async for event in events], BEGUN)

    async def ask_all(assistant: Assistant) -> list[Turn]:
        return await asyncio.gather(*(ask(assistant, samples) for samples in recordings * 2))

    one_by_one = [asyncio.run(ask(alone, samples)) for samples in recordings]
    batcher = BatchingRecognizer(bundled_recognizer)
    together = asyncio.run(ask_all(Assistant(batcher, bundled_generator, variant)))
    assert batcher.num_pieces == 2 * sum(len(turn.windows) for turn in one_by_one)
    for expected, turn in zip(one_by_one * 2, together, strict=True):
        assert turn.failure is None
        assert turn.hypothesis.text == expected.hypothesis.text
        assert turn.answer == expected.answer
