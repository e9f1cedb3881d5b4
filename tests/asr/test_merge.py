"""The seam between two windows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from voicebench.asr.merge import merge
from voicebench.types import Token

SEAM = {"previous_end_s": 2.4, "new_start_s": 2.1}


def tokens(*timed: tuple[str, float, float]) -> tuple[Token, ...]:
    return tuple(Token(text=t, start_s=s, end_s=e, confidence=1.0) for t, s, e in timed)


def text(merged: tuple[Token, ...]) -> str:
    return "".join(token.text for token in merged)


@pytest.mark.parametrize(
    ("previous", "new", "expected"),
    [
        pytest.param(
            [("明", 1.8, 2.0), ("天", 2.0, 2.2)], [("天", 2.1, 2.25), ("上", 2.3, 2.5)], "明天上",
            id="the same character at both sides, its start cut off in the new window",
        ),
        pytest.param(
            [("明", 1.9, 2.1), ("天", 2.15, 2.3)], [("天", 2.2, 2.35), ("上", 2.4, 2.6)], "明天上",
            id="the same character with times that differ",
        ),
        pytest.param(
            [("明", 1.9, 2.1), ("田", 2.3, 2.4)], [("天", 2.3, 2.5), ("上", 2.5, 2.7)], "明天上",
            id="cut at the end of the previous window and misheard there",
        ),
        pytest.param(
            [("明", 1.8, 2.0), ("天", 2.0, 2.2)], [("点", 2.1, 2.2), ("上", 2.3, 2.5)], "明天上",
            id="cut at the start of the new window and misheard there",
        ),
        pytest.param(
            [("明", 1.8, 2.0), ("天", 2.0, 2.2)], [("上", 2.5, 2.7)], "明天上",
            id="only the previous window heard it",
        ),
        pytest.param(
            [("谢", 1.9, 2.1), ("谢", 2.15, 2.35)], [("谢", 2.15, 2.35), ("你", 2.4, 2.6)], "谢谢你",
            id="a character said twice stays twice",
        ),
        pytest.param(
            [("好", 2.05, 2.2), ("好", 2.2, 2.35)], [("好", 2.2, 2.35), ("好", 2.35, 2.5)], "好好好",
            id="a character said three times at once stays three times",
        ),
        pytest.param([], [("明", 2.1, 2.2), ("天", 2.3, 2.5)], "明天", id="nothing before"),
        pytest.param([("明", 1.0, 1.2)], [], "明", id="nothing after"),
    ],
)  # fmt: skip
def test_seams(
    previous: list[tuple[str, float, float]], new: list[tuple[str, float, float]], expected: str
) -> None:
    before = tokens(*previous)
    end_s = SEAM["previous_end_s"] if before else 0.0
    assert text(merge(before, tokens(*new), **{**SEAM, "previous_end_s": end_s})) == expected


@st.composite
def sequences(draw: st.DrawFn, start_s: float = 0.0) -> tuple[Token, ...]:
    """Tokens in order of time, with pauses, from 4 characters so that repetitions are common."""
    lengths = draw(st.lists(st.tuples(st.floats(0, 0.3), st.floats(0.05, 0.4)), max_size=15))
    made, at_s = [], start_s
    for pause_s, length_s in lengths:
        at_s += pause_s
        made.append((draw(st.sampled_from("今天上海")), at_s, at_s + length_s))
        at_s += length_s
    return tokens(*made)


@given(sequences(), sequences(start_s=1.5), st.floats(1.5, 3.0))
def test_times_never_fall_and_tokens_are_only_taken(
    previous: tuple[Token, ...], new: tuple[Token, ...], end_s: float
) -> None:
    merged = merge(previous, new, previous_end_s=end_s, new_start_s=1.5)
    assert all(a.start_s <= b.start_s for a, b in pairwise(merged))
    taken = [t for t in merged if t in new]
    assert taken == list(new[len(new) - len(taken) :]) or not taken
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(merged))


@given(sequences(), st.floats(0.5, 3.0), st.floats(0.25, 0.6))
def test_heard_alike_nothing_is_lost_or_doubled(
    said: tuple[Token, ...], cut_s: float, overlap_s: float
) -> None:
    """Both windows hear every token that lies whole in them: the merge is what was said, but for
    tokens longer than the overlap at the cut, which neither window hears whole. Two of one text
    that are each heard by one window only, less than 0.2 s apart, look like one heard twice."""
    end_s, start_s = cut_s + overlap_s, cut_s
    previous = tuple(token for token in said if token.end_s <= end_s)
    new = tuple(token for token in said if token.start_s >= start_s)
    assume(
        not any(
            a.text == b.text and b.start_s + b.end_s - a.start_s - a.end_s <= 2 * 0.2
            for a in previous if a not in new
            for b in new if b not in previous
        )
    )  # fmt: skip
    heard = [token for token in said if token in previous or token in new]
    merged = merge(previous, new, previous_end_s=end_s, new_start_s=start_s)
    assert text(merged) == text(tuple(heard))


@given(sequences())
def test_without_overlap_both_are_kept(said: tuple[Token, ...]) -> None:
    cut_s = said[len(said) // 2].start_s if said else 1.0
    previous = tuple(token for token in said if token.end_s <= cut_s)
    new = tuple(token for token in said if token.start_s >= cut_s)
    assert merge(previous, new, previous_end_s=cut_s, new_start_s=cut_s) == previous + new
