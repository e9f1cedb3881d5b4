"""`entities`: telephone numbers, money, dates, numbers of all kinds, and names that sound alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from training.language.values import DRAWS
from training.suites.asking import HAND_WRITTEN, line, written
from training.suites.build import draw_voice, fact, fill, number_cases, turn
from training.suites.entity_lines import (
    ASKED,
    DATES,
    IDS,
    MONEY,
    NAMES,
    PAIRS,
    PHONES,
    WHO,
)
from training.suites.sense import WORLD
from voicebench.suites.check import SAME_SOUND_TAG
from voicebench.types import Case, CaseTurn, Fact

SUITE = "entities"
_Draft = tuple[list[CaseTurn], list[str]]


def cases() -> list[Case]:
    """The suite's cases, the kinds in turn; the same every time."""
    rng = random.Random(SUITE)
    kinds = [
        list(kind) for kind in (_phones(rng), _money(rng), _dates(rng), _ids(rng), _names(rng))
    ]
    drafts: list[_Draft] = []
    while any(kinds):
        drafts += [kind.pop(0) for kind in kinds if kind]
    return number_cases(SUITE, drafts)


@dataclass(frozen=True)
class _Asked:
    """A statement in a frame's slots with a value of its own in `{value}`, and what is asked."""

    frame_id: str
    template: str
    question: str


def _draft(asked: _Asked, value: str, wanted: Fact, tags: list[str], rng: random.Random) -> _Draft:
    """A case whose values other than the one asked for are no part of it."""
    while True:
        said = written(asked.frame_id, asked.template, rng)
        if not any(each in value or value in each for each in said.values.values()):
            break
    values = {**said.values, "value": value}
    texts = [fill(text, values) for text in (asked.template, asked.question)]
    words = line(*texts, voice=draw_voice(rng))
    return [turn(words, [wanted])], [*tags, HAND_WRITTEN]


def _phones(rng: random.Random) -> Iterator[_Draft]:
    for template, question, value in PHONES:
        value = value or DRAWS["phone"](rng, WORLD)
        wanted = fact("phone", "phone", value)
        yield _draft(_Asked("contact", template, question), value, wanted, ["phone"], rng)


def _money(rng: random.Random) -> Iterator[_Draft]:
    for frame_id, template, question, value, *accepted in MONEY:
        wanted = Fact(id="money", type="money", value=value, accepted=tuple(accepted))
        yield _draft(_Asked(frame_id, template, question), value, wanted, ["money"], rng)


def _dates(rng: random.Random) -> Iterator[_Draft]:
    for frame_id, template, question, value in DATES:
        wanted = fact("date", "date", value)
        yield _draft(_Asked(frame_id, template, question), value, wanted, ["date"], rng)


def _ids(rng: random.Random) -> Iterator[_Draft]:
    for frame_id, template, question, value in IDS:
        wanted = fact("id", "people" if "十" in value else "code", value)
        yield _draft(_Asked(frame_id, template, question), value, wanted, ["id"], rng)


def _names(rng: random.Random) -> Iterator[_Draft]:
    """A name and how it is written; then two people of one sound, told apart by the writing."""
    tags = ["name", SAME_SOUND_TAG]
    for index, (name, explained, *others) in enumerate(NAMES):
        frame_id, template = WHO[index % len(WHO)]
        value = f"{name}，{explained}，"
        wanted = fact("person", "person", name, others)
        yield _draft(
            _Asked(frame_id, template, ASKED[index % len(ASKED)]), value, wanted, tags, rng
        )
    for template, question, name, other in PAIRS:
        wanted = fact("person", "person", name, [other])
        words = line(template, question, voice=draw_voice(rng))
        yield [turn(words, [wanted])], [*tags, "two_people", HAND_WRITTEN]
