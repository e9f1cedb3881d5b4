"""What cleaning a transcript costs, with every preset.

    pytest bench/micro/test_cleaning.py

Cleaning stands between the last word and the prompt, so its time is felt. Times are shown, never
asserted.
"""

from __future__ import annotations

from typing import Any

import pytest

from voicebench.cleaning.presets import PRESETS, clean

QUESTION = "嗯那个张伟明天下午三点，不对，是四点在二号会议室开会，就是说请问请问几点开会"
PLAIN = "第二季度的预算是三百二十万元，李娜负责市场部分，下周三之前交初稿。"
MEETING = (PLAIN * 24 + QUESTION) * 20  # 17,000 characters, a correction a minute


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("said", [QUESTION, MEETING], ids=["question", "meeting"])
def test_clean(benchmark: Any, preset: str, said: str) -> None:
    rounds = 200 if said == QUESTION else 2
    cleaned = benchmark.pedantic(clean, (said, preset), rounds=rounds).text
    assert (cleaned == said) == (preset == "none")
