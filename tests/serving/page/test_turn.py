"""What is known of a turn at the page while it happens."""

from __future__ import annotations

import pytest

from tests.serving.served import make_settings
from voicebench.events import make_event
from voicebench.serving.page.turn import PageTurn
from voicebench.serving.page.view import Shown
from voicebench.serving.page.words import ZH
from voicebench.serving.service import Service
from voicebench.types import Event, Hypothesis, Token, Window


def token(text: str, start_s: float, end_s: float) -> Token:
    return Token(text=text, start_s=start_s, end_s=end_s, confidence=0.9)


def recognised(start_s: float, end_s: float, text: str, **more: bool) -> Event:
    step = (end_s - start_s) / max(1, len(text))
    tokens = tuple(
        token(char, start_s + n * step, start_s + (n + 1) * step) for n, char in enumerate(text)
    )
    window = Window(index=0, start_s=start_s, end_s=end_s, tokens=tokens, compute_s=0.0, **more)
    return make_event("window_recognised", end_s, {"window": window})


def turn(shown: Shown, profile: str = "4090d") -> PageTurn:
    return PageTurn(Service(make_settings(profile=profile)), ZH, shown)


def test_the_transcript_grows_window_by_window_and_overlaps_are_said_once() -> None:
    progress = turn(Shown(state="listening"))
    progress.take(recognised(0.0, 2.4, "明天下午三点开会"))
    assert progress.shown.transcript == "明天下午三点开会"
    progress.take(recognised(2.1, 2.6, "吗", is_provisional=True))
    progress.take(recognised(2.1, 4.5, "会在二楼会议室里"))
    assert progress.shown.transcript == "明天下午三点开会在二楼会议室里"
    final = Hypothesis(tokens=(token("好", 0, 1),), is_final=True)
    progress.take(make_event("transcript_final", 5, {"hypothesis": final}))
    assert progress.shown.transcript == "好"


def test_an_answer_grows_and_a_hint_is_kept() -> None:
    progress = turn(Shown(state="answering", typed="几点"))
    for char in "三点":
        progress.take(make_event("answer_token", 1, {"text": char, "id": 1}))
    progress.take(make_event("prompt_built", 1))
    progress.take(make_event("degraded", 1, {"reason": "x", "hint": "请输入文字。"}))
    assert (progress.shown.answer, progress.shown.hint) == ("三点", "请输入文字。")


@pytest.mark.parametrize(
    ("profile", "reason", "adds"),
    [
        ("bundled", "low_confidence", True),
        ("bundled", "silence", True),
        ("bundled", "llm_failed", False),
        ("4090d", "low_confidence", False),
    ],
)
def test_unclear_speech_says_that_the_bundled_models_know_synthetic_speech_only(
    profile: str, reason: str, adds: bool
) -> None:
    progress = turn(Shown(state="recognising"), profile)
    progress.take(make_event("degraded", 1, {"reason": reason, "hint": "没有听清。"}))
    assert progress.shown.hint.startswith("没有听清。")
    assert (ZH.synthetic_only in progress.shown.hint) == adds
