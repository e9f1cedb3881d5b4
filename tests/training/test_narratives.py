"""Free sentences of the LLM's training: answered by a part of them, in Cantonese or in Mandarin."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.language.dialogues import Maker
from training.language.narratives import LABELS, Teller, narrative
from training.language.values import World, to_mandarin

TRAINING = World(coined=True, colloquial=True)


def maker(seed: int) -> Maker:
    return Maker(random.Random(seed), TRAINING, held_out=False)


@given(st.integers(0, 10_000))
def test_what_is_asked_for_is_said_and_not_given_away_by_the_question(seed: int) -> None:
    teller = Teller(maker(seed))
    clause = teller.clause()
    for ask in clause.asks:
        assert ask.part.kind in LABELS
        assert ask.part.said in clause.text or ask.part.kind == "who"
        assert ask.part.said not in ask.text
        assert ask.part.meant not in ask.forbidden


@given(st.integers(0, 10_000))
def test_the_parts_of_an_utterance_are_told_apart(seed: int) -> None:
    teller = Teller(maker(seed))
    for _ in range(3):
        teller.clause()
    parts = sorted(teller.taken)
    assert not any(one in other for one in parts for other in parts if one != other)


@given(st.integers(0, 10_000))
def test_a_mandarin_utterance_says_what_it_means(seed: int) -> None:
    teller = Teller(maker(seed))
    teller.cantonese = False
    for ask in teller.clause().asks:
        assert ask.part.said == ask.part.meant
        assert not {"咗", "喺", "嘅"}.intersection(ask.text)


def test_an_answer_states_the_part_or_refuses_what_was_not_told() -> None:
    answered, refused = 0, 0
    for seed in range(300):
        dialogue = narrative(maker(seed))
        answers = [m.content for m in dialogue.messages if m.role == "assistant"]
        for answer, expected in zip(answers, dialogue.expected, strict=True):
            answered += bool(expected.values)
            refused += expected.refusal
            assert all(value in answer for value in expected.values)
            assert not any(value in answer for value in expected.forbidden)
    assert answered > 400
    assert 20 < refused < 150


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("阿妈琴日喺士多买咗生果", "妈妈昨天在小卖部买了水果"),
        ("边个唔得闲", "谁没空"),
        ("佢点解迟到", "他为什么迟到"),
        ("呢件衫几多钱", "这件衫多少钱"),
        ("听日朝早我哋搭的士返屋企", "明天早上我们坐出租车回家"),
        ("衫", "衣服"),
        ("明天开会", "明天开会"),
        ("", ""),
    ],
)
def test_cantonese_in_mandarin(said: str, meant: str) -> None:
    assert to_mandarin(said) == meant
