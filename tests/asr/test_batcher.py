"""Many streams, one recogniser: batches, failures that stay with their piece, calls that hang."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebench.asr.batcher import BatchingRecognizer
from voicebench.errors import StageError, StageTimeoutError
from voicebench.types import Hypothesis, Token

WAIT_S = 30.0


class Echo:
    """Hears each piece's first sample as a number; fails on -1, hangs on -2 until released."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.busy = threading.Event()
        self.released = threading.Event()
        self.is_closed = False

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        return self.recognize_batch([samples])[0]

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        numbers = [int(piece[0]) for piece in pieces]
        self.calls.append(numbers)
        if -1 in numbers:
            raise RuntimeError("CUDA out of memory")
        if -2 in numbers:
            self.busy.set()
            assert self.released.wait(WAIT_S)
        return [said(number) for number in numbers]

    def close(self) -> None:
        self.is_closed = True


def piece(number: int) -> NDArray[np.float32]:
    return np.full(4, number, np.float32)


def said(number: int) -> Hypothesis:
    token = Token(text=str(number), start_s=0.0, end_s=0.1, confidence=0.9)
    return Hypothesis(tokens=(token,), is_final=True)


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.released.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def _until_waiting(batcher: BatchingRecognizer, num: int) -> None:
    while batcher._waiting.qsize() < num:
        threading.Event().wait(0.005)


def test_what_waits_while_the_model_is_at_work_goes_in_one_call(
    echo: Echo, pool: ThreadPoolExecutor
) -> None:
    batcher = BatchingRecognizer(echo)
    first = pool.submit(batcher.recognize, piece(-2))
    assert echo.busy.wait(WAIT_S)
    others = [pool.submit(batcher.recognize, piece(number)) for number in range(5)]
    _until_waiting(batcher, 5)
    echo.released.set()
    assert [other.result(WAIT_S) for other in others] == [said(number) for number in range(5)]
    assert first.result(WAIT_S) == said(-2)
    assert [sorted(call) for call in echo.calls] == [[-2], [0, 1, 2, 3, 4]]
    assert (batcher.num_calls, batcher.num_pieces) == (2, 6)
    assert batcher.compute_s > 0
    batcher.close()


def test_a_piece_that_finds_the_model_idle_goes_alone_at_once(echo: Echo) -> None:
    batcher = BatchingRecognizer(echo)
    for number in range(3):
        assert batcher.recognize(piece(number)) == said(number)
    assert echo.calls == [[0], [1], [2]]
    batcher.close()


def test_a_call_is_no_larger_than_allowed(echo: Echo) -> None:
    batcher = BatchingRecognizer(echo, max_batch=3)
    assert batcher.recognize_batch([piece(n) for n in range(8)]) == [said(n) for n in range(8)]
    assert max(map(len, echo.calls)) <= 3
    batcher.close()


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 99), max_size=4), max_size=12))
def test_everybody_gets_their_own_results_in_order(asked: list[list[int]]) -> None:
    batcher = BatchingRecognizer(Echo(), max_batch=5)
    with ThreadPoolExecutor(12) as pool:
        answers = pool.map(
            lambda numbers: batcher.recognize_batch(list(map(piece, numbers))), asked
        )
        assert list(answers) == [[said(number) for number in numbers] for numbers in asked]
    batcher.close()


def test_a_piece_that_fails_fails_alone(echo: Echo, pool: ThreadPoolExecutor) -> None:
    batcher = BatchingRecognizer(echo)
    hanging = pool.submit(batcher.recognize, piece(-2))
    assert echo.busy.wait(WAIT_S)
    asked = {number: pool.submit(batcher.recognize, piece(number)) for number in (1, -1, 2)}
    _until_waiting(batcher, 3)
    echo.released.set()
    assert asked[1].result(WAIT_S) == said(1)
    assert asked[2].result(WAIT_S) == said(2)
    with pytest.raises(RuntimeError, match="out of memory"):
        asked[-1].result(WAIT_S)
    assert hanging.result(WAIT_S) == said(-2)
    assert batcher.recognize(piece(3)) == said(3)
    batcher.close()


def test_a_call_that_hangs_is_left_behind_and_the_next_one_is_answered(
    echo: Echo, pool: ThreadPoolExecutor
) -> None:
    batcher = BatchingRecognizer(echo, stuck_after_s=0.2)
    with pytest.raises(StageTimeoutError, match=r"not answered for 0\.2 s"):
        batcher.recognize(piece(-2))
    assert batcher.recognize(piece(7)) == said(7)
    echo.released.set()  # the one left behind comes back, and takes no work from its successor
    assert [batcher.recognize(piece(n)) for n in range(4)] == [said(n) for n in range(4)]
    batcher.close()


class EchoWithSpeech(Echo):
    """Notes which speech times came with which piece."""

    takes_speech_times = True

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[tuple[int, Any]] = []

    def recognize_batch(
        self, pieces: Sequence[NDArray[np.float32]], speech_s: Any = None
    ) -> list[Hypothesis]:
        known = [None if each is None else each.tolist() for each in speech_s]
        self.pairs += zip([int(piece[0]) for piece in pieces], known, strict=True)
        return super().recognize_batch(pieces)


@pytest.mark.parametrize("max_batch", [1, 2, 32, None])
def test_speech_times_stay_with_their_piece(max_batch: int | None) -> None:
    echo = EchoWithSpeech()
    batcher = BatchingRecognizer(echo, max_batch=max_batch)
    assert batcher.takes_speech_times
    batcher.recognize_batch([piece(1), piece(2)], [np.array([0.5]), None])
    batcher.recognize(piece(3))
    assert echo.pairs == [(1, [0.5]), (2, None), (3, None)]
    assert not BatchingRecognizer(Echo()).takes_speech_times
    batcher.close()


def test_closing_answers_what_waits_and_takes_no_more(echo: Echo, pool: ThreadPoolExecutor) -> None:
    batcher = BatchingRecognizer(echo)
    hanging = pool.submit(batcher.recognize, piece(-2))
    assert echo.busy.wait(WAIT_S)
    waiting = pool.submit(batcher.recognize, piece(1))
    _until_waiting(batcher, 1)
    closing = pool.submit(batcher.close)
    echo.released.set()
    closing.result(WAIT_S)
    assert (hanging.result(WAIT_S), waiting.result(WAIT_S)) == (said(-2), said(1))
    assert echo.is_closed
    with pytest.raises(StageError, match="closed"):
        batcher.recognize(piece(1))
    batcher.close()


@pytest.mark.models
def test_the_bundled_recogniser_hears_the_same_in_a_batch_as_alone(
    bundled_recognizer: Any, pool: ThreadPoolExecutor
) -> None:
    noise = np.random.default_rng(0)
    pieces = [
        (0.1 * np.sin(2 * np.pi * hz * np.arange(38_400) / 16_000) + noise.normal(0, 0.02, 38_400))
        .astype(np.float32)[: 38_400 - 1600 * index]
        for index, hz in enumerate((150, 220, 330, 440))
    ]  # fmt: skip
    alone = [bundled_recognizer.recognize(each) for each in pieces]
    batcher = BatchingRecognizer(bundled_recognizer)
    together = list(pool.map(batcher.recognize, pieces * 3))
    assert batcher.num_calls < batcher.num_pieces == len(pieces) * 3
    for expected, heard in zip(alone * 3, together, strict=True):
        assert heard.text == expected.text
        assert heard.confidence == pytest.approx(expected.confidence, abs=1e-3)
