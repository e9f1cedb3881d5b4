"""Subtitles: where cues end, and that no word is ever split between two of them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.serving.subtitles import segments, srt, verbose, vtt
from voicebench.types import Token, join_tokens

WORDS = ["人民大会堂", "会议室", "明天", "北京", "图书馆", "电脑", "材料", "我们", "讨论"]
NUMBERS = ["一百二十三", "二零二六", "三点二十", "第十二", "百分之五十"]
LATIN = ["ppt", "kubernetes", "GPU", "it's", "qwen"]
DIGITS = ["2026", "3.5", "10%"]


def spoken(words: list[str], gaps: list[float], pace_s: float = 0.2) -> tuple[Token, ...]:
    """Hanzi and digits are tokens of their own, as a recognizer gives them; a gap is silence before
    one."""
    tokens, now_s = [], 0.0
    for word in words:
        for text in [word] if word in LATIN else word:
            now_s += gaps[len(tokens) % len(gaps)]
            end_s = now_s + pace_s
            tokens.append(Token(text=text, start_s=now_s, end_s=end_s, confidence=0.9))
            now_s = end_s
    return tuple(tokens)


@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(WORDS + NUMBERS + LATIN + DIGITS), st.sampled_from(WORDS)),
        min_size=1,
        max_size=40,
    ),
    gaps=st.lists(st.floats(0.0, 1.9), min_size=1, max_size=13),
    pace_s=st.floats(0.05, 1.0),
)
def test_no_cue_ends_inside_a_word(
    pairs: list[tuple[str, str]], gaps: list[float], pace_s: float
) -> None:
    words = [word for pair in pairs for word in pair]  # two numbers in a row would be one
    tokens = spoken(words, gaps, pace_s)
    parts = list(segments(tokens))
    assert [token for part in parts for token in part] == list(tokens), "nothing is lost"
    starts = set(itertools.accumulate(len(part) for part in parts))
    at = 0
    for word in words:
        size = 1 if word in LATIN else len(word)
        assert not starts & set(range(at + 1, at + size)), f"{word} is split"
        at += size


@pytest.mark.parametrize(
    ("words", "gap_s", "cues"),
    [
        (["我们"] * 7 + ["人民大会堂"] * 3, 0.0, ["我们" * 7 + "人民大会堂" * 2, "人民大会堂"]),
        (["明天"] * 13 + ["会议室"], 0.0, ["明天" * 13, "会议室"]),
        (["明天"] * 13 + ["kubernetes", "ppt"], 0.0, ["明天" * 13, "kubernetes ppt"]),
        (["明天"] * 13 + ["一百二十三"], 0.0, ["明天" * 13, "一百二十三"]),
        (["明天"] * 13 + ["2026"], 0.0, ["明天" * 13, "2 0 2 6"]),
        (["会议室"], 1.0, ["会议室"]),  # a pause within a word
        (["会议室"], 2.5, ["会", "议", "室"]),  # no word has so much silence in it
        (["会议室", "北京"], 0.0, ["会议室北京"]),
    ],
)
def test_where_a_cue_ends(words: list[str], gap_s: float, cues: list[str]) -> None:
    pace_s = 0.1 if gap_s == 0 else 0.2
    parts = segments(spoken(words, [gap_s], pace_s))
    assert [join_tokens([token.text for token in part]) for part in parts] == cues


def test_spelled_letters_stay_together() -> None:
    tokens = spoken(["明天"] * 13 + ["ceo"], [0.0], 0.1)
    assert srt(tokens).rstrip().endswith("CEO")
    assert vtt(tokens).rstrip().endswith("CEO")


def test_a_number_longer_than_a_cue_is_cut() -> None:
    tokens = spoken(["7" * 100], [0.0])
    assert all(len(part) <= 28 for part in segments(tokens))


@pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0])
def test_segments_of_openai_have_the_mean_logarithm_of_confidence(confidence: float) -> None:
    tokens = (Token(text="好", start_s=0.0, end_s=0.2, confidence=confidence),)
    body: Any = verbose(tokens, np.zeros(16_000, np.float32), with_words=True, with_segments=True)
    expected = {0.0: -13.8155, 0.5: -0.6931, 1.0: 0.0}[confidence]
    assert body["segments"][0]["avg_logprob"] == pytest.approx(expected, abs=1e-4)
