"""Statements and requests from held-out templates, and the facts they ask for."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from training.language.frames import BY_ID, Frame, slots_of
from training.language.values import meaning
from training.suites.build import Line, Voice, fact, fill
from training.suites.sense import draw
from voicebench.types import Fact

REQUESTS = ("请问", "请问", "告诉我", "我想知道", "")
RESTATE = ("帮我确认一下", "请复述一遍", "帮我核对一下", "请重复一遍")
HAND_WRITTEN = "hand-written"


@dataclass(frozen=True)
class Statement:
    """A frame's statement with values drawn for it."""

    frame: Frame
    template_id: str
    template: str
    values: Mapping[str, str]

    @property
    def slots(self) -> tuple[str, ...]:
        return slots_of(self.template)

    @property
    def fact_slots(self) -> tuple[str, ...]:
        """The slots that can be asked for; a bare count is no value that stands alone."""
        return tuple(slot for slot in self.slots if self.frame.slots[slot].kind != "count")

    @property
    def text(self) -> str:
        return fill(self.template, self.values)

    @property
    def tag(self) -> str:
        """How a case names where its words are from."""
        return (
            self.template_id if self.template_id == HAND_WRITTEN else "template:" + self.template_id
        )

    def fact(self, slot: str, forbidden: Iterable[str] = ()) -> Fact:
        """The fact that a slot has its value."""
        value = self.values[slot]
        return fact(slot, self.frame.slots[slot].kind, meaning(value), forbidden, accepted=[value])

    def facts(self) -> list[Fact]:
        """The facts of all it says, in the order said."""
        return [self.fact(slot) for slot in self.fact_slots]


def state(frame: Frame, index: int, rng: random.Random) -> Statement:
    """A frame's `index`-th held-out statement with sensible held-out values."""
    templates = frame.statement_templates(held_out=True)
    template_id, template = templates[index % len(templates)]
    return Statement(frame, template_id, template, draw(frame, rng))


def written(frame_id: str, template: str, rng: random.Random) -> Statement:
    """A hand-written statement in a frame's slots."""
    frame = BY_ID[frame_id]
    return Statement(frame, HAND_WRITTEN, template, draw(frame, rng))


def question(frame: Frame, slot: str) -> tuple[str, str]:
    """(tag, the held-out question for one slot)."""
    template_id, words = frame.question_templates(slot, held_out=True)[0]
    return "template:" + template_id, words


def request(frame: Frame, slot: str, rng: random.Random) -> tuple[str, str]:
    """(tag, the held-out question for one slot, asked politely)."""
    tag, words = question(frame, slot)
    return tag, rng.choice(REQUESTS) + words


def line(*clauses: str, voice: Voice) -> Line:
    """Clauses said by one voice with pauses between them."""
    return Line("，".join(clause for clause in clauses if clause), voice)
