"""`self_correction`: the user takes a value back and gives another, and wants an answer from that."""

from __future__ import annotations

import random
from collections.abc import Iterator

from training.language.frames import BY_ID, FRAMES
from training.suites.asking import (
    HAND_WRITTEN,
    RESTATE,
    Statement,
    line,
    request,
    state,
    written,
)
from training.suites.build import draw_voice, fill, number_cases, turn
from training.suites.sense import clash, draw_other
from voicebench.types import Case, CaseTurn, Fact

SUITE = "self_correction"
_Draft = tuple[list[CaseTurn], list[str]]

CUES = (
    "不对，是",
    "不是，是",
    "哦不，",
    "说错了，是",
    "更正一下，是",
    "不对不对，是",
    "我说错了，应该是",
)
LATE_CUES = ("不对，{label}是{new}", "说错了，{label}应该是{new}", "更正一下，{label}是{new}")
NESTED_CUES = ("不对，", "哦不，是", "说错了，是")
HESITATIONS = ("[呃，]", "[嗯，]", "[那个，]")

_KINDS = {
    "number": (("contact", "phone"), ("parcel", "code"), ("order", "money"), ("hotel", "code")),
    "date": (("doctor", "date"), ("trip", "date"), ("class", "weekday"), ("bill", "date")),
    "name": (("meeting", "person"), ("dinner", "person"), ("pickup", "title"), ("transfer", "person")),
}  # fmt: skip
"""Kind of value taken back: frames and slots."""
_WRITTEN = (
    ("meeting", "time", "我{date}{time}要去{room}见{person}", "请问我几点见{person}"),
    ("parcel", "code", "[那个，]我的{item}放在{place}，取件码是{code}", "告诉我取件码是多少"),
    ("trip", "city", "我和{person}{date}去{city}，[呃，]{time}出发", "请问我们去哪里"),
    ("bill", "money", "这个月的{utility}，[就是说，]一共要{money}，{date}之前交", "请问要交多少钱"),
    ("contact", "phone", "{organisation}的{person}，手机号是{phone}", "请问手机号是多少"),
    ("birthday", "item", "{date}是{person}的生日，我想送{item}", "请问送什么礼物"),
)
"""(frame, the slot corrected and asked for, statement, question)."""


def cases() -> list[Case]:
    """The suite's cases; the same every time."""
    rng, later = random.Random(SUITE), random.Random(f"{SUITE} 2")
    drafts = [*_at_once(rng), *_later(rng), *_all_facts(rng), *_written(rng)]
    drafts += [*_nested(later), *_later(later, 0, 1), *_by_kind(later)]
    return number_cases(SUITE, drafts)


def corrected(said: Statement, slot: str, old: str, cue: str) -> str:
    """The statement with an old value said in a slot and taken back at once."""
    retracted = f"[{old}，{cue}]{said.values[slot]}"
    return fill(said.template, {**said.values, slot: retracted})


def _tags(said: Statement, *more: str) -> list[str]:
    return [SUITE, *more, said.tag]


def _fact(said: Statement, slot: str, old: str) -> Fact:
    return said.fact(slot, forbidden=[old])


def _at_once(rng: random.Random) -> Iterator[_Draft]:
    for index, frame in enumerate(FRAMES + FRAMES[::4]):
        said = state(frame, index // len(FRAMES) + 1, rng)
        slot = said.fact_slots[(index + 1) % len(said.fact_slots)]
        old = draw_other(frame, slot, rng, said.values)
        tag, ask = request(frame, slot, rng)
        opening = rng.choice(["", "", *HESITATIONS])
        text = opening + corrected(said, slot, old, CUES[index % len(CUES)])
        words = line(text, ask, voice=draw_voice(rng))
        yield [turn(words, [_fact(said, slot, old)])], _tags(said, "question", tag)


def _later(rng: random.Random, first: int = 1, nth: int = 0) -> Iterator[_Draft]:
    for index, frame in enumerate(FRAMES[first::2]):
        said = state(frame, nth, rng)
        slot = said.fact_slots[index % len(said.fact_slots)]
        new = said.values[slot]
        old = draw_other(frame, slot, rng, said.values)
        tag, ask = request(frame, slot, rng)
        text = fill(said.template, {**said.values, slot: f"<{old}|{new}>"})
        cue = LATE_CUES[index % len(LATE_CUES)].format(label=frame.slots[slot].label, new=new)
        words = line(text, f"[{cue}]", ask, voice=draw_voice(rng))
        yield [turn(words, [_fact(said, slot, old)])], _tags(said, "question", "late", tag)


def _nested(rng: random.Random) -> Iterator[_Draft]:
    """A value taken back for another that is taken back too."""
    for index, frame in enumerate(FRAMES[:12]):
        said = state(frame, index, rng)
        slot = said.fact_slots[index % len(said.fact_slots)]
        first, second = _two_others(said, slot, rng)
        tag, ask = request(frame, slot, rng)
        cue = CUES[index % len(CUES)]
        text = corrected(said, slot, f"{first}，{NESTED_CUES[index % 3]}{second}", cue)
        words = line(text, ask, voice=draw_voice(rng))
        fact = said.fact(slot, forbidden=[first, second])
        yield [turn(words, [fact])], _tags(said, "question", "nested", tag)


def _two_others(said: Statement, slot: str, rng: random.Random) -> tuple[str, str]:
    """Two values for a slot, neither the right one nor one another."""
    while True:
        first, second = (draw_other(said.frame, slot, rng, said.values) for _ in range(2))
        if not clash(first, second):
            return first, second


def _by_kind(rng: random.Random) -> Iterator[_Draft]:
    """Numbers, dates and names taken back, each in four kinds of event."""
    for kind, pairs in _KINDS.items():
        for index, (frame_id, slot) in enumerate(pairs):
            said = state(BY_ID[frame_id], index, rng)
            old = draw_other(said.frame, slot, rng, said.values)
            tag, ask = request(said.frame, slot, rng)
            text = corrected(said, slot, old, CUES[(index + 3) % len(CUES)])
            words = line(rng.choice(["", *HESITATIONS]) + text, ask, voice=draw_voice(rng))
            yield [turn(words, [_fact(said, slot, old)])], _tags(said, "question", kind, tag)


def _all_facts(rng: random.Random) -> Iterator[_Draft]:
    for index, frame in enumerate(FRAMES[::3]):
        said = state(frame, 0, rng)
        slot = said.fact_slots[-1 - index % len(said.fact_slots)]
        old = draw_other(frame, slot, rng, said.values)
        text = corrected(said, slot, old, CUES[-1 - index % len(CUES)])
        words = line(text, rng.choice(RESTATE), voice=draw_voice(rng))
        facts = [said.fact(each, [old] if each == slot else []) for each in said.fact_slots]
        yield [turn(words, facts)], _tags(said, "restate")


def _written(rng: random.Random) -> Iterator[_Draft]:
    for index, (frame_id, slot, template, ask) in enumerate(_WRITTEN):
        said = written(frame_id, template, rng)
        old = draw_other(said.frame, slot, rng, said.values)
        text = corrected(said, slot, old, CUES[index % len(CUES)])
        words = line(text, fill(ask, said.values), voice=draw_voice(rng))
        yield [turn(words, [_fact(said, slot, old)])], [SUITE, "question", HAND_WRITTEN]
