"""A microphone of the page: its pieces, its place and its end."""

from __future__ import annotations

import asyncio
import base64
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from voicebench.errors import UserError
from voicebench.events import make_event
from voicebench.serving.admission import Admission
from voicebench.serving.errors import ApiError
from voicebench.serving.page.microphone import PATIENCE_S, Microphone
from voicebench.serving.settings import Limits


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def pcm(duration_s: float, rate_hz: int = 16_000) -> str:
    return base64.b64encode(bytes(2 * round(duration_s * rate_hz))).decode()


async def heard(line: Microphone) -> list[tuple[float, int]]:
    return [(chunk.start_s, len(chunk.samples)) async for chunk in line.chunks()]


@in_loop
async def test_all_that_was_said_before_finishing_is_heard() -> None:
    line = Microphone(16_000, Limits(), Admission(Limits()))
    for _ in range(3):
        line.feed(pcm(0.25))
    line.finish()
    line.feed(pcm(9))
    assert await heard(line) == [(0.0, 4000), (0.25, 4000), (0.5, 4000)]
    assert line.ended.is_set()


@in_loop
async def test_a_line_resamples_and_ends_at_the_longest_turn() -> None:
    line = Microphone(48_000, Limits(max_audio_s=1.0), Admission(Limits()))
    for _ in range(8):
        line.feed(pcm(0.2, 48_000))
    assert not line.is_open
    assert sum(num for _, num in await heard(line)) == 16_000


@in_loop
async def test_lines_are_streams_and_give_their_place_back() -> None:
    admission = Admission(Limits(max_streams=1))
    line = Microphone(16_000, Limits(), admission)
    with pytest.raises(ApiError) as refused:
        Microphone(16_000, Limits(), admission)
    assert refused.value.code == "too_many_streams"
    line.close()
    line.close()
    assert admission.num_streams == 0


@pytest.mark.parametrize("rate_hz", [0, -1, 7_999, 10**9])
@in_loop
async def test_no_microphone_has_such_a_rate(rate_hz: int) -> None:
    with pytest.raises(UserError):
        Microphone(rate_hz, Limits(), Admission(Limits()))


@pytest.mark.parametrize("piece", ["!", "====", "A" * 10**7])
@in_loop
async def test_pieces_that_are_no_audio_are_refused(piece: str) -> None:
    line = Microphone(16_000, Limits(), Admission(Limits()))
    with pytest.raises(UserError):
        line.feed(piece)


@in_loop
async def test_who_says_nothing_is_not_waited_for_for_ever() -> None:
    line = Microphone(16_000, Limits(), Admission(Limits()))
    for _ in range(round(PATIENCE_S) + 1):
        line.feed(pcm(1.0))
    recognized = make_event("window_recognised", 2.4)
    line.follow(recognized, has_speech=True)
    assert line.is_open
    line.follow(recognized, has_speech=False)
    assert not line.is_open


@in_loop
async def test_the_clock_starts_with_the_first_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Microphone(16_000, Limits(), Admission(Limits()))
    waiting = asyncio.create_task(line.started_s())
    monkeypatch.setattr("voicebench.serving.page.microphone.now_s", lambda: 100.0)
    line.feed(pcm(0.5))
    assert await waiting == pytest.approx(99.5)


@in_loop
async def test_a_dead_microphone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebench.serving.page.microphone._FIRST_SOUND_S", 0.01)
    with pytest.raises(UserError, match="no_sound"):
        await Microphone(16_000, Limits(), Admission(Limits())).started_s()
