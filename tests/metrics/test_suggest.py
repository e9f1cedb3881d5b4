"""Suggestions are values that the transcript holds, as it writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.metrics.suggest import suggest_facts

CLOCK = "2026-01-05T09:00:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("明天下午三点付三百块", ["date 明天", "time 下午三点", "money 三百块"]),
        ("听日五點見，改到六點", ["date 听日", "time 五點", "time2 六點"]),
        ("打13800138000", ["number 13800138000"]),
        ("三百块对就是三百块", ["money 三百块"]),
        ("我 要 付 ３万 元 给 王经理", ["money ３万 元", "person 王经理"]),
        ("一点都不好", []),
        ("", []),
    ],
)
def test_values_are_suggested_as_written(text: str, expected: list[str]) -> None:
    facts = suggest_facts(text, CLOCK)
    assert [f"{fact.id} {fact.value}" for fact in facts] == expected
    assert all(fact.id.startswith(fact.type) for fact in facts)


@given(st.text(alphabet="一三五十百万点半块元上下午明天周月号日 ３5.两幺点", max_size=15))
def test_a_suggestion_is_a_piece_of_the_text_and_its_id_its_own(text: str) -> None:
    facts = suggest_facts(text, CLOCK)
    assert all(fact.value in text for fact in facts)
    assert len({fact.id for fact in facts}) == len({fact.value for fact in facts}) == len(facts)
