"""Statements and questions put together in training: whole, unambiguous, and never a held-out one."""

from __future__ import annotations

import random
import re

import pytest

from training.language.frames import DIALECT_FRAMES, FRAMES, Frame, slots_of
from training.language.wordings import (
    INTERROGATIVES,
    WORDINGS,
    compose_question,
    compose_statement,
    interrogatives,
)

ALL_FRAMES = FRAMES + DIALECT_FRAMES
every_frame = pytest.mark.parametrize("frame", ALL_FRAMES, ids=lambda frame: frame.id)


@every_frame
def test_every_slot_can_be_said_and_asked_for(frame: Frame) -> None:
    wording = WORDINGS[frame.id]
    assert set(wording.questions) == set(frame.slots)
    for slot in frame.slots:
        assert len(wording.clauses[(slot,)]) >= 5
        assert len(wording.questions[slot]) >= 7
    for slots, clauses in wording.clauses.items():
        for clause in clauses:
            assert sorted(slots_of(clause)) == sorted(slots), clause


@every_frame
def test_a_statement_says_each_slot_once_and_leaves_out_as_many_as_asked(frame: Frame) -> None:
    rng = random.Random(frame.id)
    for _ in range(200):
        for drop in (0, 1):
            said = slots_of(compose_statement(frame, rng, drop=drop))
            assert len(said) == len(set(said)) == len(frame.slots) - drop
            assert set(said) <= set(frame.slots)


@every_frame
def test_what_is_held_out_is_never_made(frame: Frame) -> None:
    rng = random.Random(frame.id)
    statements = {text for _, text in frame.statement_templates(held_out=True)}
    made = {compose_statement(frame, rng) for _ in range(500)}
    assert not made & statements
    for slot in frame.slots:
        questions = {text for _, text in frame.question_templates(slot, held_out=True)}
        assert not questions & {compose_question(frame, slot, rng) for _ in range(500)}


@every_frame
def test_no_question_asks_for_two_slots(frame: Frame) -> None:
    asked: dict[str, str] = {}
    for slot in frame.slots:
        for skeleton in WORDINGS[frame.id].questions[slot]:
            for word in interrogatives(frame, slot):
                question = skeleton.replace("W", word)
                assert asked.setdefault(question, slot) == slot, question


def test_interrogatives_are_words() -> None:
    for words in INTERROGATIVES.values():
        assert all(re.fullmatch("[一-鿿]+", word) for word in words.split())
