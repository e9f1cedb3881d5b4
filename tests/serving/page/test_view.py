"""What the page shows of a turn: known turns in, HTML out."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.metrics.waterfall import Segment
from voicebench.serving.page.view import (
    Shown,
    as_text,
    history,
    marked_transcript,
    turn_panel,
    waterfall_table,
)
from voicebench.serving.page.words import EN, WORDS, ZH, Words
from voicebench.types import Alternative, Token

HOSTILE = "<img src=x onerror=alert(1)>${1+1}{{value}}`x`**粗**&amp;\"'"


def token(text: str, confidence: float, *others: tuple[str, float]) -> Token:
    readings = tuple(Alternative(text=other, probability=p) for other, p in others)
    return Token(text=text, start_s=0, end_s=0.2, confidence=confidence, alternatives=readings)


class Reader(HTMLParser):
    """The text and the tags that a browser would make of HTML."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@given(st.text())
def test_text_stays_text(text: str) -> None:
    shown = as_text(text)
    assert html.unescape(shown) == text
    assert not set("<>{}$`\"'") & set(shown)


def test_doubtful_words_are_marked_and_say_how_sure_they_are() -> None:
    tokens = [token("张", 0.42, ("张", 0.42), ("章", 0.31)), token("三", 0.95), token("号", 0.7)]
    marked = Reader(marked_transcript(tokens, 0.7, ZH))
    assert marked.text == "张三号"
    assert marked.tags == [("mark", {"class": "vb-doubt", "title": "把握 0.42; 也可能是 章 0.31"})]


def test_latin_words_keep_their_spaces() -> None:
    tokens = [token("打", 0.9), token("开", 0.9), token("ppt", 0.1), token("app", 0.9)]
    assert Reader(marked_transcript(tokens, 0.7, EN)).text == "打开ppt app"


@pytest.mark.parametrize("words", WORDS.values())
def test_what_was_said_typed_and_answered_is_never_markup(words: Words) -> None:
    shown = Shown(
        state="degraded", tokens=(token(HOSTILE, 0.1, (HOSTILE + "2", 0.1)),), cleaned=HOSTILE + "3",
        answer=HOSTILE, hint=HOSTILE, error=HOSTILE,
    )  # fmt: skip
    typed = Shown(state="done", typed=HOSTILE, answer=HOSTILE)
    for page in (turn_panel(shown, 0.7, words), history([shown, typed], 0.7, words)):
        read = Reader(page)
        assert HOSTILE in read.text
        ours = {"section", "h2", "div", "p", "b", "span", "mark", "ol", "li"}
        assert {tag for tag, _ in read.tags} <= ours
        assert not re.search(r"[{}$`]", page)


SEGMENTS = st.lists(
    st.tuples(st.sampled_from(["asr", "prompt", "unheard_of"]), st.floats(0, 2)), min_size=1
)


@given(SEGMENTS, st.floats(0, 100), st.sampled_from([ZH, EN]))
def test_the_stages_shown_add_up_to_the_total_shown(
    stages: list[tuple[str, float]], start_s: float, words: Words
) -> None:
    segments = []
    for stage, duration_s in stages:
        segments.append(Segment(stage, "service", start_s, start_s + duration_s))
        start_s += duration_s
    page = waterfall_table(segments, words)
    *shown, total = (round(10 * float(ms)) for ms in re.findall(r">(-?[\d.]+)</td>", page))
    assert len(shown) == len(segments)
    assert sum(shown) == total


def test_a_waterfall_names_its_stages_and_places_their_bars() -> None:
    segments = [
        Segment("endpoint_silence", "setting", 2.0, 2.5),
        Segment("llm_first_token", "service", 2.5, 3.0),
    ]
    page = waterfall_table(segments, EN)
    assert Reader(page).text == (
        "Where the time went, from the end of speech to the first token"
        "StagemsWaiting for silence set wait500.0First token model500.0Total1000.0"
    )
    assert "margin-left:50.00%;width:50.00%" in page
    assert waterfall_table((), EN) == ""


def test_an_answer_before_the_end_of_speech_is_shown_as_negative() -> None:
    page = waterfall_table([Segment("premature", "framework", 3.0, 2.9)], ZH)
    assert "抢先回答" in page
    assert page.count(">-100.0<") == 2


@pytest.mark.parametrize("words", WORDS.values())
def test_a_turn_is_told_step_by_step(words: Words) -> None:
    assert words.ask in turn_panel(None, 0.7, words)
    assert words.no_history in history((), 0.7, words)
    listening = turn_panel(Shown(state="listening", tokens=(token("好", 0.3),)), 0.7, words)
    assert 'aria-busy="true"' in listening
    assert words.doubtful in listening
    done = turn_panel(Shown(state="done", tokens=(token("好", 0.9),), cleaned="好"), 0.7, words)
    assert 'aria-busy="false"' in done
    assert words.doubtful not in done
    assert words.cleaned not in done  # it is what was heard
    hint = turn_panel(Shown(state="degraded", hint="请输入您的问题。"), 0.7, words)
    assert 'role="alert"' in hint
    assert 'lang="zh-CN"' in hint


def test_both_languages_have_words_for_the_same_things() -> None:
    for name in ("states", "kinds", "stages", "prompts", "cleanings", "errors"):
        assert getattr(ZH, name).keys() == getattr(EN, name).keys()
