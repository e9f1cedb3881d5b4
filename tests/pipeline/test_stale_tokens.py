"""Whatever a recogniser takes back, no token of an answer to something else is shown or remembered.

The recogniser says something else at every call, the person pauses and goes on at random, the LLM
fails at random, and audio arrives faster than anything is computed, so that windows, previews,
warming and drafts overlap in every order.
"""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.pipeline.scripted import LoudnessVad, ScriptedGenerator, tone
from voicebench.audio import AudioChunk, chunk_audio
from voicebench.llm.base import Prompt
from voicebench.metrics.latency import is_premature
from voicebench.metrics.speculation import count_drafts
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.types import SAMPLE_RATE_HZ, Event, Hypothesis, Token, Turn, Variant

NUM_REVISIONS = 2 * settings.default.max_examples  # 200, and 1,000 with the profile `nightly`
BEGUN = Turn(
    run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0, mode="latency",
    pace="real_time", t_eos_s=0.0,  # no clock to hold tokens against: audio comes at once
)  # fmt: skip


@dataclass
class FickleRecognizer:
    """Says the next of its sentences at every call, at even distances and one confidence."""

    sentences: Iterator[tuple[str, float]]

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        text, confidence = next(self.sentences)
        step_s = len(samples) / SAMPLE_RATE_HZ / (len(text) or 1)
        return Hypothesis(
            tokens=tuple(
                Token(text=char, start_s=i * step_s, end_s=(i + 1) * step_s, confidence=confidence)
                for i, char in enumerate(text)
            )
        )

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        return [self.recognize(piece) for piece in pieces]

    def close(self) -> None: ...


@dataclass
class TellingGenerator(ScriptedGenerator):
    """Its answer tells which prompt it answers."""

    def answer_to(self, prompt: str) -> str:
        return f"{zlib.crc32(prompt.encode()):08x}"

    async def end_of_turn(self, prompt: Prompt) -> float:
        """As good as random."""
        return zlib.crc32("".join(map(chr, prompt)).encode()) / 2**32


SENTENCES = st.tuples(st.text("三四点嗯", min_size=1, max_size=3), st.sampled_from([0.5, 0.95]))
PARTS = st.tuples(st.integers(3, 9), st.integers(2, 6))  # speech, then a pause, in 0.1 s


@pytest.fixture(autouse=True)
def _vad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebench.asr.vad.SileroVad", LoudnessVad)


@settings(
    max_examples=NUM_REVISIONS,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    sentences=st.lists(SENTENCES, min_size=2, max_size=8),
    parts=st.lists(PARTS, min_size=2, max_size=4),
    yields=st.lists(st.integers(0, 6), min_size=1, max_size=8),
    fails_at=st.sampled_from([(), (), (), (0,), (1,)]),
    fails_after=st.integers(0, 3),
    warming_fails=st.booleans(),
    switches=st.fixed_dictionaries(
        {
            "prefill": st.booleans(),
            "speculation_windows": st.integers(1, 2),
            "re_recognise_below": st.sampled_from([0.0, 0.8]),
            "cleaning": st.sampled_from(["baseline", "none"]),
            "endpoint": st.sampled_from(["silence", "llm"]),
        }
    ),
)
def test_no_token_of_an_abandoned_draft_is_shown_recorded_or_remembered(
    sentences: list[tuple[str, float]],
    parts: list[tuple[int, int]],
    yields: list[int],
    fails_at: tuple[int, ...],
    fails_after: int,
    warming_fails: bool,
    switches: dict[str, Any],
) -> None:
    generator = TellingGenerator(
        fails_at=fails_at, fails_after=fails_after if fails_at else -1, warming_fails=warming_fails
    )
    variant = Variant(
        speculation=True,
        window_s=0.7,
        overlap_s=0.2,
        endpoint_silence_s=0.4,
        endpoint_max_silence_s=0.4,
        **switches,
    )
    assistant = Assistant(FickleRecognizer(itertools.cycle(sentences)), generator, variant)
    conversation = Conversation()
    audio = np.concatenate(
        [tone(length / 10, loud) for part in parts
         for length, loud in zip(part, (True, False), strict=True)]
    )  # fmt: skip
    events = asyncio.run(_listen(assistant, audio, yields, conversation))
    turn = collect_turn(events, BEGUN)

    assert events[-1].kind in ("answer_finished", "degraded", "failed")
    if turn.failure is not None:  # nothing fails but what was told to
        assert fails_at
        assert turn.failure.stage == "llm"
    drafts = count_drafts(turn)
    dropped = [event for event in events if event.kind == "speculation_dropped"]
    begun = [event for event in dropped if "started_s" in event.data]
    assert drafts.dispatched == drafts.kept + len(begun)
    assert drafts.kept <= 1
    kinds = [event.kind for event in events]
    if "answer_token" in kinds:
        assert kinds.index("answer_token") > kinds.index("turn_committed")
        assert kinds.index("answer_token") > kinds.index("prompt_built")
    final_prompt = "".join(map(chr, turn.prompt_token_ids))
    expected = generator.answer_to(final_prompt) if final_prompt else ""
    assert turn.answer == expected[: len(turn.answer)]
    assert [token.text for token in turn.answer_tokens] == list(turn.answer)
    if turn.failure is None and turn.degraded is None:
        assert turn.answer == expected
        assert turn.messages[-1].content == turn.cleaned
        assert [(e.user, e.assistant) for e in conversation.exchanges] == [(turn.cleaned, expected)]
    else:
        assert conversation.history() == ()
    assert not is_premature(turn)
    assert turn.hypothesis.text == next(
        (event.data["text"] for event in events if event.kind == "transcript_final"), ""
    )
    assert generator.num_open == 0
    assert len(generator.asked) <= drafts.dispatched + kinds.count("request_submitted")


async def _listen(
    assistant: Assistant, audio: NDArray[np.float32], yields: list[int], conversation: Conversation
) -> list[Event]:
    async def chunks() -> AsyncIterator[AudioChunk]:
        for chunk, count in zip(chunk_audio(audio), itertools.cycle(yields), strict=False):
            for _ in range(count):
                await asyncio.sleep(0.0003 if count >= 5 else 0)
            yield chunk

    async with aclosing(assistant.run_turn(chunks(), conversation)) as turn:
        events = [event async for event in turn]
    assert len(asyncio.all_tasks()) == 1
    return events
