"""From a marked-up line to a case: what is said, what is meant, how it sounds, what is a fact.

A line's markup holds both transcripts at once: `[呃]` is said but not meant, `<听日|明天>` is said
one way and meant another, `，` is a pause and in no transcript.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from training.language.values import FACT_TYPES
from training.suites.forms import accepted_forms
from voicebench.suites.render import render_turn
from voicebench.types import Case, CaseTurn, Fact, FactType, Segment

MAX_SENTENCES = 3  # what the seed prompt asks for
CLOCKS = (
    "2026-03-02T09:00:00",
    "2026-04-15T14:30:00",
    "2026-06-11T19:20:00",
    "2026-10-20T08:10:00",
)
_MARKED = re.compile(r"\[([^\]]*)\]|<([^|>]*)\|([^>]*)>")


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice at one rate and pitch."""

    name: str
    rate_wpm: int
    pitch: int


@dataclass(frozen=True)
class Line:
    """One voice's words: marked-up text, the voice, and where a meeting places it."""

    markup: str
    voice: Voice
    speaker: str = ""
    pause_before_s: float = 0.0
    start_s: float | None = None

    @property
    def spoken(self) -> str:
        """What is synthesised: everything said, with pauses."""
        return _MARKED.sub(
            lambda found: found[1] if found[1] is not None else found[2], self.markup
        )

    @property
    def said(self) -> str:
        """The gold transcript."""
        return self.spoken.replace("，", "")

    @property
    def meant(self) -> str:
        """What a person would leave of it."""
        meant = _MARKED.sub(lambda found: found[3] or "", self.markup)
        return meant.replace("，", "")

    def segment(self) -> Segment:
        return Segment(
            voice=self.voice.name,
            spoken=self.spoken,
            rate_wpm=self.voice.rate_wpm,
            pitch=self.voice.pitch,
            pause_before_s=self.pause_before_s,
            start_s=self.start_s,
            speaker=self.speaker,
        )


VARIANTS = ("", "+f1", "+f2", "+f3", "+f4", "+m1", "+m2", "+m3", "+m4", "+m7")


def draw_voice(rng: random.Random, language: str = "cmn") -> Voice:
    """A voice of one language, at an everyday rate and pitch."""
    return Voice(
        language + rng.choice(VARIANTS), rng.randrange(150, 201, 10), rng.randrange(35, 66, 5)
    )


def fact(
    fact_id: str, kind: str, value: str, forbidden: Iterable[str] = (), accepted: Iterable[str] = ()
) -> Fact:
    """A fact of a kind of value (`values.DRAWS`), with the forms that say the same."""
    forms = dict.fromkeys((*accepted, *accepted_forms(kind, value)))
    forms.pop(value, None)
    return Fact(
        id=fact_id,
        type=fact_type(kind),
        value=value,
        accepted=tuple(forms),
        forbidden=tuple(forbidden),
    )


def fact_type(kind: str) -> FactType:
    checked: FactType = msgspec.convert(FACT_TYPES[kind], FactType)
    return checked


def turn(
    lines: Line | Sequence[Line],
    facts: Iterable[Fact] = (),
    expects: Literal["answer", "refusal", "tool", "degraded"] = "answer",
    **more: Any,
) -> CaseTurn:
    """A turn with its end of speech measured on its own synthesis; `more` are further fields."""
    lines = [lines] if isinstance(lines, Line) else lines
    silent = CaseTurn(
        reference="".join(line.said for line in lines),
        meaning="".join(line.meant for line in lines),
        t_eos_s=0.0,
        segments=tuple(line.segment() for line in lines),
        facts=tuple(facts),
        expects=expects,
        max_sentences=0 if expects == "degraded" else MAX_SENTENCES,
        **more,
    )
    _, t_eos_s = render_turn(silent, Path())
    return msgspec.structs.replace(silent, t_eos_s=round(t_eos_s, 3))


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with its slots filled; slots without a value stay."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


def clock_of(number: int) -> str:
    """The clock of the case with this number, from 1."""
    return CLOCKS[number % len(CLOCKS)]


def number_cases(
    suite: str,
    drafts: Iterable[tuple[Sequence[CaseTurn], Sequence[str]]],
    tools: Sequence[dict[str, Any]] = (),
) -> list[Case]:
    """Cases with ids and clocks from (turns, tags) in order; all of them offer the tools."""
    return [
        Case(
            id=f"{suite}-{number:03d}",
            suite=suite,
            clock=clock_of(number),
            turns=tuple(turns),
            tags=tuple(tags),
            tools=tuple(tools),
        )
        for number, (turns, tags) in enumerate(drafts, start=1)
    ]


def jsonl(cases: Iterable[Case]) -> bytes:
    """The bytes of a `cases.jsonl`: one case a line."""
    return b"".join(msgspec.json.encode(case) + b"\n" for case in cases)
