"""`daily_qa`: the user says something and asks for one part of it, all of it, or what is not in it."""

from __future__ import annotations

import random
from collections.abc import Iterator

from training.language.frames import BY_ID, FRAMES
from training.suites.asking import RESTATE, line, request, state, written
from training.suites.build import draw_voice, number_cases, turn
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

_WRITTEN_LATER = (
    ("meeting", "{person}{date}{time}来{room}，我们要谈{topic}", "请问我们谈什么", "topic"),
    ("order", "老板订了{quantity}，{date}送来，送到{venue}就可以", "请问送到什么地方", "venue"),
    ("trip", "我和{person}要去{city}参观，{date}{time}在{origin}坐车", "请问我跟谁去", "person"),
    ("doctor", "奶奶要看{department}，{date}{time}去{hospital}", "请问奶奶去哪家医院", "hospital"),
    ("dinner", "{date}{time}家人去{restaurant}吃晚饭，有{people}", "请问有多少人吃晚饭", "people"),
    ("transfer", "我要还{person}{money}，卡号尾号是{code}", "请问我要还多少钱", "money"),
    ("pickup", "客户{title}{date}{time}到{place}，手机号{phone}", "请问客户几点到", "time"),
    ("assignment", "{person}要在{date}之前{task}，给{organisation}", "请问谁去做这件事", "person"),
)
_ABSENT = (
    ("meeting", "bill", "money"),
    ("parcel", "doctor", "hospital"),
    ("class", "contact", "phone"),
    ("birthday", "hotel", "hotel"),
)
"""(frame stated, frame and slot asked for): the answer is not in what was said."""


def cases() -> list[Case]:
    """The suite's cases; the same every time."""
    rng, later = random.Random(SUITE), random.Random(f"{SUITE} 2")
    drafts = [*_one_fact(rng), *_all_facts(rng), *_written(rng, _WRITTEN), *_absent(rng)]
    drafts += [*_one_fact(later, 1), *_written(later, _WRITTEN_LATER)]
    return number_cases(SUITE, drafts)


def _one_fact(rng: random.Random, nth: int = 0) -> Iterator[_Draft]:
    """A question about one slot of each frame's `nth` held-out statement."""
    for index, frame in enumerate(FRAMES):
        said = state(frame, nth, rng)
        slot = said.fact_slots[(index + 1 + 2 * nth) % len(said.fact_slots)]
        tag, ask = request(frame, slot, rng)
        words = line(said.text, ask, voice=draw_voice(rng))
        yield [turn(words, [said.fact(slot)])], ["question", said.tag, tag]


def _all_facts(rng: random.Random) -> Iterator[_Draft]:
    for frame in FRAMES[::2]:
        said = state(frame, 1, rng)
        words = line(said.text, rng.choice(RESTATE), voice=draw_voice(rng))
        yield [turn(words, said.facts())], ["restate", said.tag]


def _written(rng: random.Random, lines: tuple[tuple[str, str, str, str], ...]) -> Iterator[_Draft]:
    for frame_id, template, ask, slot in lines:
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
