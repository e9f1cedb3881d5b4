"""`pauses`: people who stop to think, speak slowly, or fill the gap, and have not finished yet.

`t_eos` is the end of the last word, however long the silences before it: an endpoint set in one of
them cuts the user off, and is counted (`premature_endpoint_rate`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from training.language.frames import FRAMES
from training.suites.asking import HAND_WRITTEN, Statement, request, state, written
from training.suites.build import Line, Voice, draw_voice, fill, number_cases, turn
from voicebench.types import Case, CaseTurn

SUITE = "pauses"
_Draft = tuple[list[CaseTurn], list[str]]

THINKING_S = (0.6, 0.9, 1.2, 1.6, 2.0)
SLOW_WPM = (100, 110, 120, 130)
FILLERS = ("[呃，]", "[嗯，]", "[那个，]", "[就是说，]", "[嗯，那个，]")
_WRITTEN = (
    ("meeting", "我想想|{date}{time}|要去{room}见{person}", "请问我几点要去", "time"),
    ("order", "我要订|{quantity}|{date}送到|{venue}", "请问送到哪里", "venue"),
    ("trip", "我打算去|{city}|和{person}一起|{date}走", "请问我和谁一起走", "person"),
    ("contact", "请记一下电话|{phone}|是{organisation}的{person}", "请问电话是多少", "phone"),
    ("doctor", "我{date}|{time}|去{hospital}|找{title}", "请问找的是哪位医生", "title"),
    ("birthday", "{person}的生日|是{date}|我想送|{item}", "请问我想送什么", "item"),
    ("hotel", "订好了|{city}的{hotel}|房号是|{code}", "请问房号是几", "code"),
    ("bill", "这个月的{utility}|好像是|{money}|{date}之前交", "请问这个月要交多少", "money"),
)
"""(frame, statement with `|` where one stops to think, question, the slot asked for)."""


def cases() -> list[Case]:
    """The suite's cases, the kinds in turn; the same every time."""
    rng = random.Random(SUITE)
    kinds = [list(kind) for kind in (_thinking(rng), _slow(rng), _filled(rng), _written(rng))]
    drafts: list[_Draft] = []
    while any(kinds):
        drafts += [kind.pop(0) for kind in kinds if kind]
    return number_cases(SUITE, drafts)


def _stops(template: str, count: int, rng: random.Random) -> list[str]:
    """A template in pieces, cut before values that are neither first nor last of it."""
    places = [found.start() for found in re.finditer(r"\{", template) if found.start() > 1]
    cuts = sorted(rng.sample(places, min(count, len(places))))
    return [template[first:last] for first, last in zip([0, *cuts], [*cuts, None], strict=True)]


def _lines(
    pieces: Sequence[str], pauses_s: Sequence[float], voice: Voice, ask: str, before_ask_s: float
) -> list[Line]:
    """The pieces with a pause before each but the first, then the question."""
    waits_s = [0.0, *pauses_s]
    lines = [Line(p, voice, pause_before_s=s) for p, s in zip(pieces, waits_s, strict=True)]
    return [*lines, Line(ask, voice, pause_before_s=before_ask_s)]


def _said(said: Statement, slot: str, lines: Sequence[Line], tags: Sequence[str]) -> _Draft:
    return [turn(lines, [said.fact(slot)])], [*tags, said.tag]


def _thinking(rng: random.Random) -> Iterator[_Draft]:
    """Silences inside the sentence, longer than any endpointer waits."""
    for index, frame in enumerate((*FRAMES, *FRAMES[::2])):
        said = state(frame, index // len(FRAMES), rng)
        slot = said.fact_slots[index % len(said.fact_slots)]
        tag, ask = request(frame, slot, rng)
        pieces = [fill(each, said.values) for each in _stops(said.template, 1 + index % 3, rng)]
        pauses_s = [rng.choice(THINKING_S) for _ in pieces[1:]]
        lines = _lines(pieces, pauses_s, draw_voice(rng), ask, rng.choice(THINKING_S))
        yield _said(said, slot, lines, ["thinking", tag])


def _slow(rng: random.Random) -> Iterator[_Draft]:
    """All of it slow, with short breaks."""
    for index, frame in enumerate(FRAMES):
        said = state(frame, index + 1, rng)
        slot = said.fact_slots[(index + 1) % len(said.fact_slots)]
        tag, ask = request(frame, slot, rng)
        voice = draw_voice(rng)
        slow = Voice(voice.name, rng.choice(SLOW_WPM), voice.pitch)
        pieces = [fill(each, said.values) for each in _stops(said.template, 2, rng)]
        lines = _lines(pieces, [rng.choice((0.1, 0.2)) for _ in pieces[1:]], slow, ask, 0.2)
        yield _said(said, slot, lines, ["slow", tag])


def _filled(rng: random.Random) -> Iterator[_Draft]:
    """Fillers in the gaps, with silence around them."""
    for index, frame in enumerate(FRAMES):
        said = state(frame, index, rng)
        slot = said.fact_slots[(index + 2) % len(said.fact_slots)]
        tag, ask = request(frame, slot, rng)
        pieces = [fill(each, said.values) for each in _stops(said.template, 2, rng)]
        filled = [pieces[0], *(rng.choice(FILLERS) + each for each in pieces[1:])]
        pauses_s = [rng.choice((0.3, 0.5, 0.8)) for _ in filled[1:]]
        lines = _lines(filled, pauses_s, draw_voice(rng), rng.choice(FILLERS) + ask, 0.5)
        yield _said(said, slot, lines, ["filled", tag])


def _written(rng: random.Random) -> Iterator[_Draft]:
    for index, (frame_id, template, ask, slot) in enumerate(_WRITTEN):
        said = written(frame_id, template, rng)
        pieces = [fill(each, said.values) for each in template.split("|")]
        pauses_s = [
            THINKING_S[(index + place) % len(THINKING_S)] for place in range(len(pieces) - 1)
        ]
        lines = _lines(pieces, pauses_s, draw_voice(rng), ask, 0.6)
        yield [turn(lines, [said.fact(slot)])], ["thinking", HAND_WRITTEN]
