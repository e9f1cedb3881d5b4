"""Token times and words from pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.asr.tokens import centred, join_pieces, token_centres, token_times
from voicebench.types import Alternative, Token


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
