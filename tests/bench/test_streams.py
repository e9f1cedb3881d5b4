"""Streams side by side: every turn played, each stream in order, one that stalls held by nobody."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs.toy import ToyGenerator, ToyRecognizer
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.audio import chunk_audio
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock
from voicebench.pipeline.ready import share_recognizer
from voicebench.suites.load import load_suite
from voicebench.suites.render import render_turn
from voicebench.types import Case, CaseTurn, Guard, Turn, Variant

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from _streams import Speech, play_streams

LOUD = np.tile(np.array([0.3, -0.3], np.float32), 12_000)  # 1.5 s
SILENCE = np.zeros(16_000, np.float32)
BEGUN = Turn(
    run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0, mode="latency",
    pace="fast",
)  # fmt: skip


def speech(case_id: str, num_turns: int) -> Speech:
    asked = CaseTurn(reference="今天", meaning="今天", t_eos_s=1.5, audio="a.wav")
    case = Case(id=case_id, suite="s", clock="2026-01-05T08:00", turns=(asked,) * num_turns)
    return Speech(case, ((np.concatenate([LOUD, SILENCE]), 1.5),) * num_turns)


def test_every_stream_says_all_that_it_has_in_order() -> None:
    shared = share_recognizer(ToyRecognizer(), num_streams=3)
    assert isinstance(shared, BatchingRecognizer)
    assistant = Assistant(shared, ToyGenerator(), Variant(name="v"))
    streams = [[speech("a", 2), speech("b", 1)], [speech("c", 3)], [speech("d", 1)]]
    played = asyncio.run(play_streams(assistant, streams, "fast", repeat=1))
    assert [(p.stream, p.turn.case_id, p.turn.turn_index) for p in played] == [
        (0, "a", 0), (0, "a", 1), (0, "b", 0), (1, "c", 0), (1, "c", 1), (1, "c", 2), (2, "d", 0),
    ]  # fmt: skip
    for each in played:
        turn = each.turn
        assert (turn.failure, turn.finish_reason, turn.variant, turn.repeat) == (
            None,
            "stop",
            "v",
            1,
        )
        assert (turn.t_eos_s, turn.t_eos_source) == (1.5, "annotated")
        assert each.duration_s > 0
    by_stream = [[p for p in played if p.stream == number] for number in range(3)]
    for of_stream in by_stream:
        assert [p.started_s for p in of_stream] == sorted(p.started_s for p in of_stream)
        for earlier, later in itertools.pairwise(of_stream):
            assert earlier.ended_s <= later.started_s
    # The second turn of a conversation has the first as history, and no other stream's.
    remembered = {p.turn.case_id: len(p.turn.messages) for p in played if p.turn.turn_index == 1}
    assert remembered == {"a": 4, "c": 4}
    assert shared.num_pieces == sum(len(p.turn.windows) for p in played)
    shared.close()


@pytest.mark.models
def test_a_client_that_stalls_is_sent_to_text_and_holds_nobody(
    bundled_recognizer: Any, bundled_generator: Any
) -> None:
    """Its audio stops coming in the middle of a word, on the very models the others speak to."""
    suite = load_suite("multi_turn")
    variant = Variant(name="v", prefill=True, guard=Guard(min_confidence=0.0))
    impatient = Variant(guard=Guard(audio_idle_s=0.5))
    shared = BatchingRecognizer(bundled_recognizer)
    assistant = Assistant(shared, bundled_generator, variant)
    waiting = Assistant(shared, bundled_generator, impatient)
    cases = suite.cases[:3]
    speeches = [
        Speech(case, ((render_turn(case.turns[0], suite.folder)[0], case.turns[0].t_eos_s),))
        for case in cases
    ]
    conversation = Conversation()

    async def stalled() -> Turn:
        async def speaking() -> Any:
            for chunk in list(chunk_audio(speeches[0].turns[0][0]))[:8]:
                yield chunk
            await asyncio.Event().wait()

        events = waiting.run_turn(speaking(), conversation, clock=make_clock("fast"))
        return collect_turn([event async for event in events], BEGUN)

    async def play() -> tuple[Turn, list[Any], Turn]:
        held, played = await asyncio.gather(
            stalled(), play_streams(assistant, [[each] for each in speeches * 2], "fast")
        )
        samples = speeches[0].turns[0][0]
        padded = np.concatenate([samples, SILENCE])

        async def speaking() -> Any:
            for chunk in chunk_audio(padded):
                yield chunk

        events = assistant.run_turn(speaking(), conversation, clock=make_clock("fast"))
        return held, played, collect_turn([event async for event in events], BEGUN)

    held, played, following = asyncio.run(play())
    assert held.failure is not None
    assert held.failure.type == "AudioStalledError"
    assert held.degraded is not None
    assert (held.degraded.reason, bool(held.degraded.hint)) == ("audio_stalled", True)
    assert [each.turn.failure for each in played] == [None] * 6
    assert all(each.turn.answer for each in played)
    assert [each.turn.answer for each in played[:3]] == [each.turn.answer for each in played[3:]]
    assert (following.failure, bool(following.answer)) == (None, True)
