"""A microphone's line, and what is shown of a turn while it happens."""

from __future__ import annotations

import asyncio
import base64
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from voicebench.errors import UserError
from voicebench.serving.errors import ApiError
from voicebench.serving.limits import Admission
from voicebench.serving.page.line import PATIENCE_S, Line
from voicebench.serving.page.progress import Progress
from voicebench.serving.page.view import Shown
from voicebench.serving.settings import Limits
from voicebench.types import Event, Hypothesis, Token, Window


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def pcm(duration_s: float, rate_hz: int = 16_000) -> str:
    return base64.b64encode(bytes(2 * round(duration_s * rate_hz))).decode()


async def heard(line: Line) -> list[tuple[float, int]]:
    return [(chunk.start_s, len(chunk.samples)) async for chunk in line.chunks()]


@in_loop
async def test_all_that_was_said_before_finishing_is_heard() -> None:
    line = Line(16_000, Limits(), Admission(Limits()))
    for _ in range(3):
        line.feed(pcm(0.25))
    line.finish()
    line.feed(pcm(9))
    assert await heard(line) == [(0.0, 4000), (0.25, 4000), (0.5, 4000)]
    assert line.ended.is_set()


@in_loop
async def test_a_line_resamples_and_ends_at_the_longest_turn() -> None:
    line = Line(48_000, Limits(max_audio_s=1.0), Admission(Limits()))
    for _ in range(8):
        line.feed(pcm(0.2, 48_000))
    assert not line.is_open
    assert sum(num for _, num in await heard(line)) == 16_000


@in_loop
async def test_lines_are_streams_and_give_their_place_back() -> None:
    admission = Admission(Limits(max_streams=1))
    line = Line(16_000, Limits(), admission)
    with pytest.raises(ApiError) as refused:
        Line(16_000, Limits(), admission)
    assert refused.value.code == "too_many_streams"
    line.close()
    line.close()
    assert admission.num_streams == 0


@pytest.mark.parametrize("rate_hz", [0, -1, 7_999, 10**9])
@in_loop
async def test_no_microphone_has_such_a_rate(rate_hz: int) -> None:
    with pytest.raises(UserError):
        Line(rate_hz, Limits(), Admission(Limits()))


@pytest.mark.parametrize("piece", ["!", "====", "A" * 10**7])
@in_loop
async def test_pieces_that_are_no_audio_are_refused(piece: str) -> None:
    line = Line(16_000, Limits(), Admission(Limits()))
    with pytest.raises(UserError):
        line.feed(piece)


@in_loop
async def test_who_says_nothing_is_not_waited_for_for_ever() -> None:
    line = Line(16_000, Limits(), Admission(Limits()))
    for _ in range(round(PATIENCE_S) + 1):
        line.feed(pcm(1.0))
    line.notice(recognised(0, 2.4, "好"), [token("好", 0, 1)])
    assert line.is_open
    line.notice(recognised(0, 2.4, ""), ())
    assert not line.is_open


@in_loop
async def test_the_clock_starts_with_the_first_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(16_000, Limits(), Admission(Limits()))
    waiting = asyncio.create_task(line.begun_s())
    monkeypatch.setattr("voicebench.serving.page.line.now_s", lambda: 100.0)
    line.feed(pcm(0.5))
    assert await waiting == pytest.approx(99.5)


@in_loop
async def test_a_dead_microphone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebench.serving.page.line._FIRST_SOUND_S", 0.01)
    with pytest.raises(UserError, match="no_sound"):
        await Line(16_000, Limits(), Admission(Limits())).begun_s()


# ---------------------------------------------------------------- progress


def token(text: str, start_s: float, end_s: float) -> Token:
    return Token(text=text, start_s=start_s, end_s=end_s, confidence=0.9)


def recognised(start_s: float, end_s: float, text: str, **more: bool) -> Event:
    step = (end_s - start_s) / max(1, len(text))
    tokens = tuple(
        token(char, start_s + n * step, start_s + (n + 1) * step) for n, char in enumerate(text)
    )
    window = Window(index=0, start_s=start_s, end_s=end_s, tokens=tokens, compute_s=0.0, **more)
    return Event(t_s=end_s, kind="window_recognised", data={"window": window})


def text_of(progress: Progress) -> str:
    return "".join(each.text for each in progress.shown.tokens)


def test_the_transcript_grows_window_by_window_and_overlaps_are_said_once() -> None:
    progress = Progress(Shown(state="listening"))
    assert progress.take(recognised(0.0, 2.4, "明天下午三点开会"))
    assert text_of(progress) == "明天下午三点开会"
    assert not progress.take(recognised(2.1, 2.6, "吗", is_provisional=True))
    assert progress.take(recognised(2.1, 4.5, "会在二楼会议室里"))
    assert text_of(progress) == "明天下午三点开会在二楼会议室里"
    final = Hypothesis(tokens=(token("好", 0, 1),), is_final=True)
    progress.take(Event(t_s=5, kind="transcript_final", data={"hypothesis": final}))
    assert text_of(progress) == "好"


def test_an_answer_grows_and_a_hint_is_kept() -> None:
    progress = Progress(Shown(state="answering", typed="几点"))
    for char in "三点":
        assert progress.take(Event(t_s=1, kind="answer_token", data={"text": char, "id": 1}))
    assert not progress.take(Event(t_s=1, kind="prompt_built", data={}))
    progress.take(Event(t_s=1, kind="degraded", data={"reason": "x", "hint": "请输入文字。"}))
    assert (progress.shown.answer, progress.shown.hint) == ("三点", "请输入文字。")
    assert progress.shown.state == "degraded"
