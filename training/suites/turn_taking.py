"""`turn_taking`: has the person finished? The same words with and without more to come.

`t_eos` is the end of the last word of all. A turn that is committed in a silence before it is cut off,
a turn that is committed long after it keeps the person waiting; both are measured on the same cases, so
that no policy looks good by doing one of the two.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from training.language.frames import FRAMES
from training.language.values import SPOKEN_DIGITS
from training.suites.asking import HAND_WRITTEN, question, request, state
from training.suites.build import Line, Voice, draw_voice, fact, fill, number_cases, turn
from training.suites.pauses import FILLERS, _stops
from training.suites.sense import draw_other
from voicebench.types import Case, CaseTurn

SUITE = "turn_taking"
_Draft = tuple[list[CaseTurn], list[str]]
THINKING_S = (0.3, 0.5, 0.8, 1.2, 1.6, 2.2, 3.0)
AFTER_THE_END_S = (0.4, 0.6, 0.9, 1.3)
_LISTS = (
    ("我要买{a}|{b}|还有{c}", "请问我一共要买几样东西"),
    ("帮我记一下要带的东西|{a}|{b}|{c}", "请问第二样是什么"),
    ("先去{a}|再去{b}|最后去{c}", "请问我最后去哪里"),
    ("参加的人有{a}|{b}|和{c}", "请问最后一位是谁"),
)
_NUMBERS = (
    ("我的电话是|{n}", "phone"), ("请记一下手机号|{n}", "phone"), ("订单号是|{n}", "code"), ("取件码|{n}", "code"), ("卡号的后面几位是|{n}", "code"),
)  # fmt: skip
_ADDITIONS = ("对了|{ask}", "还有|{ask}", "嗯|{ask}", "哦对|{ask}")
_CORRECTIONS = ("不对|是{new}", "哦不|是{new}", "说错了|应该是{new}", "等一下|是{new}")


def cases() -> list[Case]:
    """The suite's cases, the kinds in turn; the same every time."""
    rng = random.Random(SUITE)
    kinds = [
        list(kind(rng))
        for kind in (_whole, _goes_on, _thinking, _listed, _grouped, _filled, _added, _corrected)
    ]
    drafts: list[_Draft] = []
    while any(kinds):
        drafts += [kind.pop(0) for kind in kinds if kind]
    return number_cases(SUITE, drafts)


def _lines(pieces: Sequence[str], waits_s: Sequence[float], voice: Voice) -> list[Line]:
    """The pieces, with a silence before each but the first."""
    before_s = (0.0, *waits_s)
    return [Line(p, voice, pause_before_s=s) for p, s in zip(pieces, before_s, strict=True)]


def _whole(rng: random.Random) -> Iterator[_Draft]:
    """A statement and a question in one breath: finished."""
    for index, frame in enumerate(FRAMES[:16]):
        said = state(frame, index, rng)
        slot = said.fact_slots[index % len(said.fact_slots)]
        tag, ask = request(frame, slot, rng)
        lines = [Line(f"{said.text}，{ask}", draw_voice(rng))]
        yield [turn(lines, [said.fact(slot)])], ["whole", said.tag, tag]


def _goes_on(rng: random.Random) -> Iterator[_Draft]:
    """A statement that could be all, and its question after a silence."""
    for index, frame in enumerate(FRAMES[:16]):
        said = state(frame, index + 1, rng)
        slot = said.fact_slots[(index + 1) % len(said.fact_slots)]
        tag, ask = question(frame, slot)
        waits_s = [rng.choice(THINKING_S)]
        lines = _lines([said.text, "请问" + ask], waits_s, draw_voice(rng))
        yield [turn(lines, [said.fact(slot)])], ["goes_on", said.tag, tag]


def _thinking(rng: random.Random) -> Iterator[_Draft]:
    """Silences inside the sentence."""
    for index, frame in enumerate((*FRAMES, *FRAMES[:8])):
        said = state(frame, index, rng)
        slot = said.fact_slots[(index + 2) % len(said.fact_slots)]
        tag, ask = request(frame, slot, rng)
        pieces = [fill(each, said.values) for each in _stops(said.template, 1 + index % 2, rng)]
        pieces[-1] += "，" + ask
        lines = _lines(pieces, [rng.choice(THINKING_S) for _ in pieces[1:]], draw_voice(rng))
        yield [turn(lines, [said.fact(slot)])], ["thinking", said.tag, tag]


def _listed(rng: random.Random) -> Iterator[_Draft]:
    """Lists, whose every item could be the last."""
    from training.language import lexicon as lx

    people = [a + b for a in lx.SURNAMES[:12] for b in lx.GIVEN_NAMES[:12]]
    for index in range(16):
        template, ask = _LISTS[index % len(_LISTS)]
        pool = (
            people if "人" in template else lx.PLACES if "先去" in template else lx.ITEMS_HELD_OUT
        )
        kind = "person" if "人" in template else "place" if "先去" in template else "item"
        names = dict(zip("abc", rng.sample(list(pool), 3), strict=True))
        pieces = [piece.format(**names) for piece in template.split("|")]
        waits_s = [rng.choice((0.4, 0.7, 1.0, 1.5)) for _ in pieces[1:]]
        asked = "b" if "第二" in ask else "c"
        facts = [] if "几样" in ask else [fact("asked", kind, names[asked])]
        if not facts:
            ask = "请问最后一样是什么"
            facts = [fact("asked", kind, names["c"])]
        pieces[-1] += "，" + ask
        yield [turn(_lines(pieces, waits_s, draw_voice(rng)), facts)], ["list", HAND_WRITTEN]


def _grouped(rng: random.Random) -> Iterator[_Draft]:
    """Numbers said in groups."""
    for index in range(16):
        template, kind = _NUMBERS[index % len(_NUMBERS)]
        if kind == "phone":
            digits = rng.choice(("13", "15", "18")) + "".join(
                str(rng.randrange(10)) for _ in range(9)
            )
            groups = [digits[:3], digits[3:7], digits[7:]]
        else:
            digits = "".join(str(rng.randrange(10)) for _ in range(6))
            groups = [digits[:3], digits[3:]]
        spoken = ["".join(SPOKEN_DIGITS[int(d)] for d in group) for group in groups]
        head = template.split("|")[0]
        pieces = [head + spoken[0], *spoken[1:]]
        pieces[-1] += "，请问" + ("电话" if kind == "phone" else "号码") + "是多少"
        waits_s = [rng.choice((0.3, 0.5, 0.8, 1.1)) for _ in pieces[1:]]
        lines = _lines(pieces, waits_s, draw_voice(rng))
        facts = [fact("number", kind, "".join(spoken))]
        yield [turn(lines, facts)], ["number_groups", HAND_WRITTEN]


def _filled(rng: random.Random) -> Iterator[_Draft]:
    """Fillers, and silence around them."""
    for index, frame in enumerate(FRAMES[:16]):
        said = state(frame, index, rng)
        slot = said.fact_slots[index % len(said.fact_slots)]
        tag, ask = request(frame, slot, rng)
        first, *rest = [fill(each, said.values) for each in _stops(said.template, 1, rng)]
        pieces = [first + rng.choice(FILLERS), *rest]
        pieces[-1] += "，" + ask
        lines = _lines(pieces, [rng.choice(THINKING_S[1:5]) for _ in rest], draw_voice(rng))
        yield [turn(lines, [said.fact(slot)])], ["filled", said.tag, tag]


def _added(rng: random.Random) -> Iterator[_Draft]:
    """A question, and then another one after all."""
    for index, frame in enumerate(FRAMES[:16]):
        said = state(frame, index + 1, rng)
        one, other = rng.sample(said.fact_slots, 2)
        tag, ask = request(frame, one, rng)
        addition = rng.choice(_ADDITIONS).replace("|", "，").format(ask=question(frame, other)[1])
        lines = _lines(
            [f"{said.text}，{ask}", addition], [rng.choice(AFTER_THE_END_S)], draw_voice(rng)
        )
        facts = [said.fact(one), said.fact(other)]
        yield [turn(lines, facts)], ["added", said.tag, tag]


def _corrected(rng: random.Random) -> Iterator[_Draft]:
    """A finished statement and question, then a value is taken back."""
    for index, frame in enumerate(FRAMES[:16]):
        said = state(frame, index, rng)
        slot = said.fact_slots[-1]
        tag, ask = request(frame, slot, rng)
        new = draw_other(frame, slot, rng, said.values)
        old = said.values[slot]
        tail = rng.choice(_CORRECTIONS).replace("|", "，").format(new=new)
        lines = _lines(
            [f"{said.text}，{ask}", tail], [rng.choice(AFTER_THE_END_S)], draw_voice(rng)
        )
        facts = [fact(slot, frame.slots[slot].kind, new, [old])]
        yield [turn(lines, facts)], ["corrected", said.tag, tag]
