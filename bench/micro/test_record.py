"""What it costs to make an event and to put a turn on disk.

    pytest bench/micro/test_record.py

An event is made many times a turn, while the person waits. A turn is encoded, appended and synced
once, after its last token: the sync is the disk's time, by the wall, and what a kill cannot take
back. Times are shown, never asserted.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from voicebench.events import AnswerTokenShown, Event, make_event
from voicebench.pipeline.turn import collect_turn
from voicebench.runs.record import TurnWriter
from voicebench.types import (
    Alternative,
    AnswerToken,
    Hypothesis,
    Message,
    Token,
    Turn,
    Window,
)

BEGUN = Turn(
    run_id="r", suite="daily_qa", case_id="c", variant="v", repeat=0, turn_index=0, mode="latency",
    pace="real_time",
)  # fmt: skip
NUM_APPENDED = 50
NUM_EVENTS = {"question": (4, 20), "meeting": (240, 120)}
"""Windows of the turn, and tokens of its answer."""


def _window(index: int) -> Window:
    tokens = tuple(
        Token(
            text=char,
            start_s=2.1 * index + 0.2 * n,
            end_s=2.1 * index + 0.2 * n + 0.2,
            confidence=0.9,
            alternatives=tuple(Alternative(text=each, probability=0.2) for each in "章彰中钟种"),
        )
        for n, char in enumerate("明天下午三点在二号会议室")
    )
    return Window(
        index=index, start_s=2.1 * index, end_s=2.1 * index + 2.4, tokens=tokens, compute_s=0.05
    )


def _events(num_windows: int, num_tokens: int) -> list[Event]:
    windows = [_window(index) for index in range(num_windows)]
    events = [
        make_event("window_recognised", w.end_s, {"index": w.index, "compute_s": 0.05, "confidence": 0.9, "window": w})
        for w in windows
    ]  # fmt: skip
    heard = Hypothesis(tokens=tuple(t for w in windows for t in w.tokens), is_final=True)
    events.append(make_event("transcript_final", 9.0, {"hypothesis": heard}))
    events += [
        make_event("answer_token", 9.1 + n / 100, {"index": n, "id": n, "text": "点"})
        for n in range(num_tokens)
    ]
    data = {"finish_reason": "stop", "num_tokens": num_tokens, "cached_prompt_tokens": 32}
    return [*events, make_event("answer_finished", 11.0, data)]


def _turn(size: str) -> Turn:
    turn = collect_turn(_events(*NUM_EVENTS[size]), BEGUN)
    messages = (Message(role="user", content=turn.hypothesis.text),)
    ids = tuple(range(len(turn.hypothesis.tokens) + 60))
    return msgspec.structs.replace(turn, messages=messages, prompt_token_ids=ids)


def test_make_an_event(benchmark: Any) -> None:
    made = benchmark(lambda: AnswerTokenShown(t_s=9.1, index=3, id=17, text="点"))
    assert made.id == 17


def test_make_a_token_of_an_answer(benchmark: Any) -> None:
    assert benchmark(lambda: AnswerToken(id=17, text="点", t_s=9.1)).id == 17


@pytest.mark.parametrize("size", NUM_EVENTS)
def test_fold_a_turn(benchmark: Any, size: str) -> None:
    num_windows, num_tokens = NUM_EVENTS[size]
    turn = benchmark(collect_turn, _events(num_windows, num_tokens), BEGUN)
    assert (len(turn.windows), len(turn.answer_tokens)) == (num_windows, num_tokens)


@pytest.mark.parametrize("size", NUM_EVENTS)
def test_encode_a_turn(benchmark: Any, size: str) -> None:
    turn = _turn(size)
    assert msgspec.json.decode(benchmark(msgspec.json.encode, turn), type=Turn) == turn


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("size", NUM_EVENTS)
def test_encode_append_and_sync_a_turn(benchmark: Any, tmp_path: Path, size: str) -> None:
    turn = _turn(size)
    with TurnWriter(tmp_path) as writer:
        benchmark.pedantic(writer.append, (turn,), rounds=NUM_APPENDED)
    written = (tmp_path / "turns.jsonl").read_bytes()
    assert written.count(b"\n") == NUM_APPENDED
