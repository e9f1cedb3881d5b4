"""`daily_qa`: the user says something and asks for one part of it, all of it, or what is not in it."""

from __future__ import annotations

import random
from collections.abc import Iterator

from voicebench.bundled.recipe.cases.asking import RESTATE, line, request, state, written
from voicebench.bundled.recipe.cases.build import draw_voice, number_cases, turn
from voicebench.bundled.recipe.frames import BY_ID, FRAMES
from voicebench.types import Case, CaseTurn

SUITE = "daily_qa"
_Draft = tuple[list[CaseTurn], list[str]]

_WRITTEN = (
    ("meeting", "我{date}{time}要去{room}见{person}", "请问我几点见{person}", "time"),
    ("parcel", "我的{item}到了，放在{place}，取件码{code}", "告诉我取件码是多少", "code"),
    ("order", "同事让我买{quantity}，{date}送到{venue}，一共{money}", "请问要付多少钱", "money"),
    ("trip", "{person}约我去{city}旅游，{date}{time}从{origin}走", "请问我们去哪里", "city"),
    (
        "doctor",
        "爸爸{date}{time}去{hospital}{department}复查，医生是{title}",
        "请问找哪位医生",
        "title",
    ),
    (
        "dinner",
        "朋友聚会定在{date}{time}，地方是{restaurant}，一共{people}",
        "请问聚会在哪里",
        "restaurant",
    ),
    ("bill", "{organisation}打电话说{utility}要{money}，{date}之前交", "请问哪天之前要交", "date"),
    (
        "class",
        "女儿的{subject}课{weekday}{time}在{room}上，老师是{title}",
        "请问在哪里上课",
        "room",
    ),
    ("contact", "{organisation}的联系人是{person}，手机号{phone}", "请问手机号是多少", "phone"),
    ("repair", "家里的{item}坏了，{title}{date}{time}上门，要{money}", "请问谁来修", "title"),
    ("birthday", "{date}是{person}的生日，我买了{item}，花了{money}", "请问我送什么礼物", "item"),
    ("hotel", "我出差住{city}的{hotel}，{date}入住，房号{code}", "告诉我房号是多少", "code"),
)
"""(frame, statement, question, the slot asked for)."""

_ABSENT = (
    ("meeting", "bill", "money"),
    ("parcel", "doctor", "hospital"),
    ("class", "contact", "phone"),
    ("birthday", "hotel", "hotel"),
)
"""(frame stated, frame and slot asked for): the answer is not in what was said."""


def cases() -> list[Case]:
    """The suite's cases; the same every time."""
    rng = random.Random(SUITE)
    return number_cases(SUITE, [*_one_fact(rng), *_all_facts(rng), *_written(rng), *_absent(rng)])


def _one_fact(rng: random.Random) -> Iterator[_Draft]:
    for index, frame in enumerate(FRAMES):
        said = state(frame, 0, rng)
        slot = said.fact_slots[(index + 1) % len(said.fact_slots)]
        tag, ask = request(frame, slot, rng)
        words = line(said.text, ask, voice=draw_voice(rng))
        yield [turn(words, [said.fact(slot)])], ["question", said.tag, tag]


def _all_facts(rng: random.Random) -> Iterator[_Draft]:
    for frame in FRAMES[::2]:
        said = state(frame, 1, rng)
        words = line(said.text, rng.choice(RESTATE), voice=draw_voice(rng))
        yield [turn(words, said.facts())], ["restate", said.tag]


def _written(rng: random.Random) -> Iterator[_Draft]:
    for frame_id, template, ask, slot in _WRITTEN:
        said = written(frame_id, template, rng)
        ask = ask.format(**said.values)
        words = line(said.text, ask, voice=draw_voice(rng))
        yield [turn(words, [said.fact(slot)])], ["question", said.tag]


def _absent(rng: random.Random) -> Iterator[_Draft]:
    for frame_id, asked_frame_id, slot in _ABSENT:
        said = state(BY_ID[frame_id], 1, rng)
        tag, ask = request(BY_ID[asked_frame_id], slot, rng)
        words = line(said.text, ask, voice=draw_voice(rng))
        yield [turn(words, expects="refusal")], ["refusal", said.tag, tag]
