"""`multi_turn`: the user tells something, then asks for it, changes it, or asks what was never told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from training.language.frames import BY_ID, FRAMES
from training.suites.asking import (
    HAND_WRITTEN,
    Statement,
    line,
    question,
    state,
    written,
)
from training.suites.build import Voice, draw_voice, fill, number_cases, turn
from training.suites.sense import draw_other
from voicebench.types import Case, CaseTurn

SUITE = "multi_turn"
_Draft = tuple[list[CaseTurn], list[str]]
_Asked = tuple[CaseTurn, str]

LATER = ("", "那么", "刚才说的", "再问一下", "对了", "请问")
RESTATE = ("现在请复述一遍", "最后帮我确认一下", "现在帮我核对一下全部内容")
_MOVED = ("date", "weekday", "time", "room", "place", "venue", "city", "restaurant", "hotel")
"""Kinds of value of which one says that something 要改到."""

_WRITTEN = (
    (
        "meeting",
        "我{date}{time}在{room}见{person}，谈{topic}",
        "topic",
        "那我几点见{person}",
        "time",
    ),
    (
        "parcel",
        "有我的快递，是{item}，放在{place}，取件码{code}",
        "code",
        "快递放在哪里来着",
        "place",
    ),
    ("trip", "我和{person}{date}从{origin}去{city}，{time}出发", "city", "我们从哪里走", "origin"),
    (
        "dinner",
        "{date}{time}在{restaurant}聚餐，{person}订的位子",
        "person",
        "那我们几点吃饭",
        "time",
    ),
    (
        "class",
        "{title}的{subject}课改到{weekday}{time}，在{room}上",
        "weekday",
        "几点开始上课",
        "time",
    ),
    (
        "contact",
        "{organisation}的{person}找我谈{topic}，电话是{phone}",
        "topic",
        "他的电话是多少",
        "phone",
    ),
    ("repair", "{title}{date}{time}来修{item}，要{money}", "money", "师傅哪天来", "date"),
    ("hotel", "我{date}住{city}{hotel}，房号{code}，一晚{money}", "hotel", "我住几号房", "code"),
)
"""(frame, statement, slot asked for at once, question in hand-written words, its slot)."""


def cases() -> list[Case]:
    """The suite's cases; the same every time."""
    rng, later = random.Random(SUITE), random.Random(f"{SUITE} 2")
    drafts = [*_told_first(rng), *_written(rng)]
    drafts += [*_told_first(later, 1), *_told_first(later, 2), *_long_talks(later)]
    return number_cases(SUITE, drafts)


def _told_first(rng: random.Random, shift: int = 0) -> Iterator[_Draft]:
    """A statement alone, which is to be confirmed, then two turns on it; `shift` gives each frame
    another pattern."""
    patterns = (_two_questions, _change_then_question, _absent_then_question, _change_then_all)
    for index, frame in enumerate(FRAMES):
        said, voice = state(frame, index + 1 + shift, rng), draw_voice(rng)
        opening = turn(line(said.text, voice=voice), said.facts())
        pattern = patterns[(index + shift) % len(patterns)]
        later = pattern(said, voice, rng)
        tags = [pattern.__name__.strip("_"), said.tag]
        yield [opening, *(each for each, _ in later)], [*tags, *(tag for _, tag in later if tag)]


def _long_talks(rng: random.Random) -> Iterator[_Draft]:
    """Five turns: told, asked, changed, asked for what changed and for what did not."""
    for index, frame in enumerate(FRAMES[::2]):
        said, voice = state(frame, index, rng), draw_voice(rng)
        opening = turn(line(said.text, voice=voice), said.facts())
        first = _ask(said, rng.choice(said.fact_slots), voice, rng)
        now, slot, old, changed = _change(said, voice, rng)
        kept = rng.choice([each for each in said.fact_slots if each != slot])
        later = [first, changed, _ask(now, slot, voice, rng, old), _ask(now, kept, voice, rng)]
        tags = ["long_talk", said.tag, *dict.fromkeys(tag for _, tag in later if tag)]
        yield [opening, *(each for each, _ in later)], tags


def _ask(said: Statement, slot: str, voice: Voice, rng: random.Random, old: str = "") -> _Asked:
    tag, ask = question(said.frame, slot)
    return turn(
        line(rng.choice(LATER) + ask, voice=voice), [said.fact(slot, [old] if old else [])]
    ), tag


def _change(
    said: Statement, voice: Voice, rng: random.Random
) -> tuple[Statement, str, str, _Asked]:
    """(what now holds, the slot that changed, its old value, the turn that says so)."""
    slots = said.frame.slots
    movable = [slot for slot in said.fact_slots if slots[slot].kind in _MOVED]
    slot = rng.choice(movable or said.fact_slots)
    new = draw_other(said.frame, slot, rng, said.values)
    verb = "要改到" if slots[slot].kind in _MOVED else "改成"
    now, old = replace(said, values={**said.values, slot: new}), said.values[slot]
    words = line(f"{slots[slot].label}{verb}{new}", voice=voice)
    return now, slot, old, (turn(words, [now.fact(slot)]), "")


def _two_questions(said: Statement, voice: Voice, rng: random.Random) -> list[_Asked]:
    first, second = rng.sample(said.fact_slots, 2)
    return [_ask(said, first, voice, rng), _ask(said, second, voice, rng)]


def _change_then_question(said: Statement, voice: Voice, rng: random.Random) -> list[_Asked]:
    now, slot, old, changed = _change(said, voice, rng)
    return [changed, _ask(now, slot, voice, rng, old)]


def _absent_then_question(said: Statement, voice: Voice, rng: random.Random) -> list[_Asked]:
    known = {slot.kind for slot in said.frame.slots.values()}
    absent = [
        (frame, slot)
        for frame in FRAMES
        for slot, spec in frame.slots.items()
        if spec.kind not in known
        and spec.kind in ("phone", "hospital", "hotel", "money", "subject")
    ]
    frame, slot = rng.choice(absent)
    tag, ask = question(frame, slot)
    refused = turn(line(ask, voice=voice), expects="refusal")
    return [(refused, tag), _ask(said, rng.choice(said.fact_slots), voice, rng)]


def _change_then_all(said: Statement, voice: Voice, rng: random.Random) -> list[_Asked]:
    now, slot, old, changed = _change(said, voice, rng)
    facts = [now.fact(each, [old] if each == slot else []) for each in now.fact_slots]
    return [changed, (turn(line(rng.choice(RESTATE), voice=voice), facts), "")]


def _written(rng: random.Random) -> Iterator[_Draft]:
    """A statement with its question, then another question in hand-written words."""
    for frame_id, template, first, ask, second in _WRITTEN:
        said, voice = written(frame_id, template, rng), draw_voice(rng)
        tag, first_ask = question(BY_ID[frame_id], first)
        opening = turn(line(said.text, "请问" + first_ask, voice=voice), [said.fact(first)])
        later = turn(line(fill(ask, said.values), voice=voice), [said.fact(second)])
        yield [opening, later], ["two_questions", HAND_WRITTEN, tag]
