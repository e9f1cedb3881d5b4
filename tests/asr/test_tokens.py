"""Token times and words from pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebench.asr.tokens import (
    centred,
    join_letters,
    join_pieces,
    token_centres,
    token_times,
)
from voicebench.types import Alternative, Token, join_tokens


def piece(text: str, start_s: float, *readings: tuple[str, float]) -> Token:
    return Token(
        text=text,
        start_s=start_s,
        end_s=start_s + 0.2,
        confidence=readings[0][1] if readings else 1.0,
        alternatives=tuple(Alternative(text=t, probability=p) for t, p in readings),
    )


def test_tokens_start_at_their_fires() -> None:
    weights = np.zeros(100, np.float32)
    weights[[20, 30, 45]] = 1.0  # two tokens: a fire starts each, the third ends the last
    assert token_times(weights, 2, 0.02) == [
        pytest.approx((0.37, 0.57)),
        pytest.approx((0.57, 0.87)),
    ]


def test_a_pause_belongs_to_no_token() -> None:
    weights = np.zeros(100, np.float32)
    weights[[20, 90]] = 1.0
    assert token_times(weights, 1, 0.02) == [pytest.approx((0.37, 0.77))]


@given(
    st.lists(st.floats(0, 2, width=32), max_size=80),
    st.integers(0, 30),
    st.sampled_from([0.02, 0.06]),
)
def test_times_never_fall(weights: list[float], num_tokens: int, frame_s: float) -> None:
    times = token_times(np.array(weights, np.float32), num_tokens, frame_s)
    assert len(times) == num_tokens
    assert all(0 <= start <= end <= len(weights) * frame_s + 1e-9 for start, end in times)
    starts = [start for start, _ in times]
    assert starts == sorted(starts)


def test_a_token_is_where_the_predictor_gathers_it() -> None:
    weights = np.zeros(20, np.float32)
    weights[[4, 5]] = 0.5  # the first token, half in frame 4 and half in frame 5
    weights[12] = 1.0
    assert token_centres(weights, 2, 0.06) == pytest.approx([0.30, 0.75], abs=1e-3)


def test_tokens_move_to_their_centres_and_meet_where_they_would_overlap() -> None:
    times = [(0.0, 0.2), (0.2, 0.4), (0.4, 0.8)]
    assert centred(times, np.array([0.3, 0.4, 1.0]), 1.1) == [
        pytest.approx((0.2, 0.35)),
        pytest.approx((0.35, 0.5)),
        pytest.approx((0.8, 1.1)),
    ]
    assert centred([], np.zeros(0), 1.0) == []


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 0.4)), max_size=20),
    st.floats(0.1, 3),
)
def test_centred_times_never_fall(tokens: list[tuple[float, float]], duration_s: float) -> None:
    centres = np.sort([centre for centre, _ in tokens])
    times = centred([(0.0, length) for _, length in tokens], centres, duration_s)
    assert all(0 <= start <= end <= duration_s for start, end in times)
    assert [start for start, _ in times] == sorted(start for start, _ in times)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["今", "天"], ["今", "天"]),
        (["he@@", "llo", "吧"], ["hello", "吧"]),
        (["pre@@", "sen@@", "tation"], ["presentation"]),
        (["he@@", "天"], ["he", "天"]),
        (["天", "he@@"], ["天", "he"]),
        ([], []),
    ],
)
def test_pieces_become_words(pieces: list[str], words: list[str]) -> None:
    joined = join_pieces([piece(text, index * 0.2) for index, text in enumerate(pieces)])
    assert [word.text for word in joined] == words


def test_a_word_carries_its_likeliest_readings() -> None:
    (word,) = join_pieces(
        [
            piece("he@@", 0.0, ("he@@", 0.9), ("ha@@", 0.1)),
            piece("llo", 0.2, ("llo", 0.5), ("lp", 0.4)),
        ]
    )
    assert (word.start_s, word.end_s, word.confidence) == (0.0, 0.4, 0.45)
    assert [(r.text, round(r.probability, 2)) for r in word.alternatives] == [
        ("hello", 0.45),
        ("help", 0.36),
    ]


def test_a_piece_of_a_word_is_no_reading_of_a_whole_one() -> None:
    (word,) = join_pieces([piece("天", 0.0, ("天", 0.6), ("ten@@", 0.3), ("田", 0.1))])
    assert [reading.text for reading in word.alternatives] == ["天", "田"]


# ---------------------------------------------------------------- spelled letters


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ("打 开 p p t", "打 开 PPT"),
        ("a i 和 c e o", "AI 和 CEO"),
        ("i", "i"),
        ("i think", "i think"),
        ("a demo 吧", "a demo 吧"),
        ("demo a", "demo a"),
        ("选 a 吧", "选 a 吧"),
        ("vitamin b c 片", "vitamin BC 片"),
        ("b 2 b", "b 2 b"),
        ("b 二 b", "b 二 b"),
        ("H R 来 了", "HR 来 了"),
        ("ppt p p t", "ppt PPT"),
        ("é e", "é e"),
        ("' t", "' t"),
        ("今 天", "今 天"),
        ("", ""),
    ],
)
def test_spelled_letters_become_a_word(heard: str, words: str) -> None:
    tokens = [piece(text, index * 0.2) for index, text in enumerate(heard.split())]
    joined = join_letters(tokens)
    assert " ".join(word.text for word in joined) == words
    assert join_letters(joined) == joined
    assert join_tokens([t.text for t in tokens]) == join_tokens([w.text for w in joined])


def test_a_spelled_word_has_the_time_confidence_and_readings_of_its_letters() -> None:
    p, t = (("p", 0.9), ("b", 0.1), ("皮", 0.05)), (("t", 0.5), ("d", 0.4), ("tea", 0.1))
    (word,) = join_letters([piece("p", 0.3, *p), piece("t", 0.6, *t)])
    assert (word.text, word.start_s, word.end_s) == ("PT", 0.3, pytest.approx(0.8))
    assert word.confidence == pytest.approx((0.9 * 0.5) ** 0.5)
    assert [(r.text, round(r.probability, 2)) for r in word.alternatives] == [
        ("PT", 0.45),
        ("PD", 0.36),
    ]


@pytest.mark.models
@settings(max_examples=300)
@given(st.lists(st.sampled_from(["打", "开", "p", "t", "A", "demo", "he@@ llo", "2"]), max_size=9))
def test_words_and_their_times_are_those_of_funasr(said: list[str]) -> None:
    from funasr.utils.postprocess_utils import sentence_postprocess

    pieces = [text for word in said for text in word.split()]
    times = [[200 * index, 200 * index + 150] for index in range(len(pieces))]
    _, expected_times, expected = sentence_postprocess(list(pieces), list(times))
    tokens = [
        Token(text=text, start_s=start_ms / 1000, end_s=end_ms / 1000, confidence=1.0)
        for text, (start_ms, end_ms) in zip(pieces, times, strict=True)
    ]
    words = join_letters(join_pieces(tokens))
    assert [word.text for word in words] == expected
    assert [[round(1000 * w.start_s), round(1000 * w.end_s)] for w in words] == expected_times
