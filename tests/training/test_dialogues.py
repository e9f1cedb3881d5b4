"""The LLM's training dialogues: right by construction, and disjoint from what it is tested on."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from training.language import lexicon as lx
from training.language.dialogues import Dialogue, dialogues
from training.language.frames import DIALECT_FRAMES, FRAMES
from training.language.prompts import STYLES, SYSTEM_PROMPTS, system_prompts
from training.language.values import NAME_CHARS_HELD_OUT, meaning
from training.llm.evaluate import unseen_names
from voicebench.llm.prompts import PROMPTS

TASKS = (
    "daily_qa", "multi_turn", "self_correction", "dialect_mix", "copying", "entities", "narratives", "long_meeting",
    "tools",
)  # fmt: skip


RANKS = ("经理", "主任", "总监", "院长", "校长", "老师", "医生", "师傅", "先生", "女士")


def some(split: str, task: str = "", count: int = 300) -> list[Dialogue]:
    return list(islice(dialogues(random.Random(f"{split}{task}"), split, task), count))


def text_of(dialogue: Dialogue) -> str:
    return "\n".join(message.content for message in dialogue.messages)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_an_answer_states_every_expected_value_and_what_was_said_holds_it(
    task: str, split: str
) -> None:
    for dialogue in some(split, task):
        answers = [m for m in dialogue.messages if m.role == "assistant"]
        assert len(answers) == len(dialogue.expected)
        for answer, expected in zip(answers, dialogue.expected, strict=True):
            assert all(value in answer.content for value in expected.values)
            if expected.refusal and dialogue.style != "plain":
                assert answer.content == "暂无法确认。"


@pytest.mark.parametrize("task", ["daily_qa", "multi_turn", "self_correction", "dialect_mix"])
def test_every_fact_is_a_span_of_the_transcript_or_a_dialect_words_meaning(task: str) -> None:
    meanings = {meaning(word) for word in (*lx.DIALECT, *lx.MORE_DIALECT)}
    for dialogue in some("train", task):
        said = "".join(m.content for m in dialogue.messages if m.role == "user")
        for value in (v for expected in dialogue.expected for v in expected.values):
            assert value in said or value in meanings or value.removesuffix("元") + "蚊" in said


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_meeting_is_summed_up_by_what_was_decided_last(split: str) -> None:
    taken_back, longest = 0, 0
    for dialogue in some(split, "long_meeting"):
        said, answer = dialogue.messages[1].content, dialogue.messages[2].content
        expected = dialogue.expected[0]
        longest = max(longest, len(said))
        assert all(value in said for value in (*expected.values, *expected.forbidden))
        for old in expected.forbidden:
            taken_back += 1
            assert old not in answer or any(old in value for value in expected.values)
    assert taken_back > 40
    assert longest > 1200  # as long as ten minutes of talk


def test_training_never_meets_what_is_held_out() -> None:
    held_out_ids = {
        template_id
        for frame in FRAMES + DIALECT_FRAMES
        for template_id, _ in (
            *frame.statement_templates(held_out=True),
            *(q for slot in frame.slots for q in frame.question_templates(slot, held_out=True)),
        )
    }
    prompts = {p for style in STYLES for p in system_prompts(style, held_out=True)}
    meanings = set(lx.DIALECT.values())  # what a Cantonese word means has to be learned
    held_out = (*lx.ITEMS_HELD_OUT, *lx.TOPICS_HELD_OUT, *lx.TASKS_HELD_OUT)
    words = [word for word in held_out if word not in meanings]
    assert len(words) > 40
    for dialogue in some("train", count=1500):
        assert not held_out_ids.intersection(dialogue.template_ids)
        assert dialogue.messages[0].content not in prompts
        values = {v for expected in dialogue.expected for v in expected.values}
        assert not values.intersection(words)


def test_tested_dialogues_speak_only_held_out_templates_and_prompts() -> None:
    prompts = {p for style in STYLES for p in system_prompts(style, held_out=False)}
    trained_ids = {i for dialogue in some("train", count=1500) for i in dialogue.template_ids}
    for dialogue in some("test", count=500):
        assert dialogue.messages[0].content not in prompts
        assert not trained_ids.intersection(dialogue.template_ids)


def test_no_training_name_holds_a_character_of_the_unseen_names() -> None:
    unseen = set(NAME_CHARS_HELD_OUT)
    for dialogue in some("train", count=1500):
        for expected in dialogue.expected:
            people = (
                v
                for v, kind in zip(expected.values, expected.types, strict=True)
                if kind == "person" and v[1:] not in RANKS
            )
            assert not unseen.intersection("".join(people))
    names = [
        value
        for dialogue in islice(unseen_names(random.Random(1)), 50)
        for expected in dialogue.expected
        for value, kind in zip(expected.values, expected.types, strict=True)
        if kind == "person" and value[0] in lx.SURNAMES and value[1:2] in unseen
    ]
    assert len(names) > 50
    assert all(unseen.issuperset(name[1:]) for name in names)


def test_the_named_prompts_are_the_ones_trained_on() -> None:
    named = {"baseline": "strict", "brief": "brief", "plain": "plain"}
    for name, style in named.items():
        assert PROMPTS[name].system == SYSTEM_PROMPTS[style][0]  # type: ignore[index]


def test_dialogues_are_seeded() -> None:
    assert some("train", count=50) == some("train", count=50)
