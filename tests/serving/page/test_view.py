"""What the chat shows of a turn: known turns in, messages out."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.metrics.waterfall import Segment
from voicebench.serving.page.view import Shown, as_text, chat_messages, waterfall_text
from voicebench.serving.page.words import EN, WORDS, ZH, Words
from voicebench.types import Alternative, Token

HOSTILE = "<img src=x onerror=alert(1)>${1+1}{{value}}`x`**粗**&amp;\"'"


def token(text: str, confidence: float, *others: tuple[str, float]) -> Token:
    readings = tuple(Alternative(text=other, probability=p) for other, p in others)
    return Token(text=text, start_s=0, end_s=0.2, confidence=confidence, alternatives=readings)


def shown_texts(shown: Shown, words: Words = ZH) -> list[tuple[str, str]]:
    """Role and text of each message; of a line that opens, its title and what is in it."""
    texts = []
    for message in chat_messages(shown, 0.7, words):
        title = message.get("metadata", {}).get("title", "")
        texts.append(
            (message["role"], f"{title}|{message['content']}" if title else message["content"])
        )
    return texts


@given(st.text())
def test_text_stays_text(text: str) -> None:
    assert html.unescape(as_text(text)) == html.unescape(html.escape(text, quote=False))
    assert not set("<>") & set(as_text(text))


@pytest.mark.parametrize("words", WORDS.values())
def test_what_was_said_typed_and_answered_is_never_markup(words: Words) -> None:
    shown = Shown(
        state="degraded", tokens=(token(HOSTILE, 0.1, (HOSTILE + "2", 0.1)),), cleaned=HOSTILE + "3",
        answer=HOSTILE, hint=HOSTILE, error=HOSTILE,
    )  # fmt: skip
    typed = Shown(state="done", typed=HOSTILE, answer=HOSTILE)
    texts = [text for each in (shown, typed) for _, text in shown_texts(each, words)]
    assert len(texts) >= 7
    for text in texts:
        assert not re.search(r"[<>]", text)
        assert HOSTILE in html.unescape(text)


TURNS: list[tuple[Shown, list[tuple[str, str]]]] = [
    (Shown(state="listening"), [("assistant", "正在听……|")]),
    (
        Shown(state="listening", tokens=(token("好", 0.3),)),
        [("user", "好"), ("assistant", "正在听……|")],
    ),
    (
        Shown(state="answering", typed="几点", answer="三"),
        [("user", "几点"), ("assistant", "三")],
    ),
    (
        Shown(state="done", tokens=(token("张", 0.42, ("张", 0.42), ("章", 0.31)), token("三", 0.9)),
              cleaned="张三", answer="是。"),
        [("user", "张三"), ("assistant", "听得不够确定： 张|张: 把握 0.42; 也可能是 章 0.31"), ("assistant", "是。")],
    ),
    (
        Shown(state="done", tokens=(token("呃好", 0.9),), cleaned="好", answer="是。"),
        [("user", "呃好"), ("assistant", "理解为|好"), ("assistant", "是。")],
    ),
    (
        Shown(state="stopped", typed="讲", answer="从前"),
        [("user", "讲"), ("assistant", "从前 （已打断）")],
    ),
    (Shown(state="stopped", typed="讲"), [("user", "讲"), ("assistant", "已停止")]),
    (
        Shown(state="degraded", tokens=(token("好", 0.9),), hint="请再说一遍。"),
        [("user", "好"), ("assistant", "⚠ 请再说一遍。")],
    ),
    (Shown(state="error", error="请稍后再试。"), [("assistant", "⚠ 请稍后再试。")]),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "texts"), TURNS)
def test_a_turn_is_a_few_messages(shown: Shown, texts: list[tuple[str, str]]) -> None:
    assert shown_texts(shown) == texts


def test_an_uploaded_recording_can_be_played() -> None:
    (first, *_) = chat_messages(Shown(state="recognising", recording="/cache/a.wav"), 0.7, ZH)
    assert first == {"role": "user", "content": {"path": "/cache/a.wav"}}


def test_latin_words_keep_their_spaces() -> None:
    tokens = tuple(token(text, 0.9) for text in ("打", "开", "ppt", "app"))
    assert shown_texts(Shown(state="listening", tokens=tokens))[0] == ("user", "打开ppt app")


SEGMENTS = st.lists(
    st.tuples(st.sampled_from(["asr", "prompt", "unheard_of"]), st.floats(0, 2)), min_size=1
)


@given(SEGMENTS, st.floats(0, 100), st.sampled_from([ZH, EN]))
def test_the_stages_shown_add_up_to_the_total_shown(
    stages: list[tuple[str, float]], start_s: float, words: Words
) -> None:
    segments: list[Any] = []
    for stage, duration_s in stages:
        segments.append(Segment(stage, "service", start_s, start_s + duration_s))
        start_s += duration_s
    title, lines = waterfall_text(segments, words)
    (total,) = re.findall(r"([\d.]+) s", title)
    parts = [line.split(" s ")[0] for line in lines.splitlines()]
    assert sum(round(100 * float(part)) for part in parts) == round(100 * float(total))
    assert "0.00" not in parts


def test_a_waterfall_is_one_line_that_opens() -> None:
    segments = [
        Segment("endpoint_silence", "setting", 2.0, 2.5),
        Segment("asr", "service", 2.5, 2.5004),
        Segment("llm_first_token", "service", 2.5004, 2.65),
    ]
    assert waterfall_text(segments, ZH) == (
        "0.65 s 后开始回答：等待静音 0.50、模型首字 0.15",
        "0.50 s  等待静音 (设定的等待)\n0.15 s  模型首字 (模型)",
    )


def test_an_answer_before_the_end_of_speech_is_shown_as_negative() -> None:
    title, lines = waterfall_text([Segment("premature", "framework", 3.0, 2.9)], ZH)
    assert title.startswith("-0.10 s")
    assert lines == "-0.10 s  抢先回答 (程序)"


def test_both_languages_have_words_for_the_same_things() -> None:
    assert vars(ZH).keys() == vars(EN).keys()
    for name in ("states", "kinds", "stages", "prompts", "cleanings", "errors"):
        assert getattr(ZH, name).keys() == getattr(EN, name).keys()
