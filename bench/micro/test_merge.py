"""What merging a window into the transcript costs, per window.

    pytest bench/micro/test_merge.py

A window of 2.4 s holds about a dozen tokens, 0.3 s of which overlap. Only the overlap is looked at,
so a transcript of a meeting must cost no more than one of a question. Times are shown, never
asserted.
"""

from __future__ import annotations

from typing import Any

import pytest

from voicebench.asr.merge import merge
from voicebench.types import Token

SAID = "明天下午三点在二号会议室开会请张伟带上合同和发票不要迟到谢谢"
TOKEN_S = 0.2
WINDOW_S = 2.4


def _tokens(num: int, from_s: float) -> tuple[Token, ...]:
    first = round(from_s / TOKEN_S)
    return tuple(
        Token(
            text=SAID[(first + index) % len(SAID)],
            start_s=from_s + TOKEN_S * index,
            end_s=from_s + TOKEN_S * (index + 1),
            confidence=0.9,
        )
        for index in range(num)
    )


@pytest.mark.parametrize("overlap_s", [0.0, 0.3, 0.6, 1.2])
@pytest.mark.parametrize("before_s", [2.4, 480.0], ids=["question", "meeting"])
def test_merge_a_window(benchmark: Any, before_s: float, overlap_s: float) -> None:
    previous = _tokens(round(before_s / TOKEN_S), 0.0)
    new_start_s = before_s - round(overlap_s / TOKEN_S) * TOKEN_S
    new = _tokens(round(WINDOW_S / TOKEN_S), new_start_s)
    merged = benchmark(merge, previous, new, previous_end_s=before_s, new_start_s=new_start_s)
    assert len(merged) == round((new_start_s + WINDOW_S) / TOKEN_S)
