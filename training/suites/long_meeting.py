"""`long_meeting`: several people talk, decide, hand out work and worry; then one asks for the upshot.

Twelve last five to ten minutes, with interruptions (voices that overlap), repetitions and a decision
taken back; the others last half a minute to a minute, short enough for tests, and come first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from training.language import meeting_lines
from training.language.lexicon import RISKS as RISK_WORDS
from training.language.values import DRAWS, cardinal
from training.suites.asking import HAND_WRITTEN
from training.suites.build import (
    Line,
    Voice,
    draw_voice,
    fact,
    fill,
    number_cases,
    turn,
)
from training.suites.meeting_talk import (
    AGENDA,
    BRIEF_OPENING,
    BRIEF_TALK,
    CLOSINGS,
    CUT_IN,
    MORE_TALK,
    OPENINGS,
    REPEATED,
    TALK,
)
from training.suites.sense import WORLD, clash, may_be_same_day
from voicebench.suites.speech import synthesize
from voicebench.types import SAMPLE_RATE_HZ, Case, CaseTurn, Fact

SUITE = "long_meeting"
NUM_SHORT = 22
LONG_S = 480.0
LONG_MINUTES = (5, 6, 7, 8, 9, 10, 5.5, 6.5, 7.5, 8.5, 9.5)
"""How long the further long meetings last."""
SPEAKERS = ("甲", "乙", "丙", "丁", "戊", "己")
LONG_TAGS = ["long", "interruptions", "repetitions"]
OVERLAP_S = 0.35  # how long an interrupter talks over the one who is interrupted
_Draft = tuple[list[CaseTurn], list[str]]

DECISIONS = (
    ("{topic}批准{money}", "money"),
    ("经过讨论我们决定{topic}安排在{date}", "date"),
    ("好，那么{topic}就定在{date}", "date"),
)
TODOS = (
    "{person}你来{task}，{date}前给我",
    "{task}请{person}来做，{date}之前要完成",
)
RISKS = ("风险主要是{risk}", "我最担心的是{risk}")
ASKS = {
    "all": ("请把会议的决定待办和风险说一下", "请总结会议的决定待办和风险"),
    "decision": ("刚才会议决定了什么", "请问有什么决定"),
    "todo": ("刚才的待办是什么", "请问待办有什么"),
    "risk": ("请问会议的风险是什么", "刚才说有什么风险"),
}
_HELD_OUT = {
    lines[-1]
    for lines in (
        meeting_lines.DECISIONS,
        meeting_lines.TODOS,
        meeting_lines.RISK_LINES,
        meeting_lines.ASKS,
    )
}


@dataclass(frozen=True)
class Point:
    """Something a summary states: the line that says it, and its facts."""

    part: str
    markup: str
    facts: tuple[Fact, ...]
    template: str


def cases() -> list[Case]:
    """The suite's cases, the short ones first; the same every time."""
    rng, later = random.Random(SUITE), random.Random(f"{SUITE} 2")
    drafts = [*(_short(rng, index) for index in range(NUM_SHORT)), _long(rng)]
    drafts += [_longer(later, index) for index in range(len(LONG_MINUTES))]
    return number_cases(SUITE, drafts)


def _draw(rng: random.Random, taken: set[str]) -> dict[str, str]:
    """Values of one point, none a part of another or of any point before it."""
    while True:
        values = {
            kind: DRAWS[kind](rng, WORLD) for kind in ("topic", "date", "person", "task", "risk")
        }
        values["money"] = cardinal(rng.randrange(1000, 60000, 500)) + "元"
        if values["date"] in ("今天", "明天"):
            continue
        used = {values["date"], values["money"], values["person"], values["topic"]}
        if not any(clash(one, other) for one in used for other in taken):
            taken |= used
            return values


def _fact(number: int, part: str, kind: str, values: Mapping[str, str]) -> Fact:
    return fact(f"{part}{number}_{kind}", kind, values[kind])


def _decision(rng: random.Random, number: int, taken: set[str]) -> Point:
    template, kind = rng.choice(DECISIONS)
    values = _draw(rng, taken)
    facts = tuple(_fact(number, "decision", each, values) for each in ("topic", kind))
    return Point("decision", fill(template, values), facts, template)


def _todo(rng: random.Random, number: int, taken: set[str]) -> Point:
    template, values = rng.choice(TODOS), _draw(rng, taken)
    facts = tuple(_fact(number, "todo", each, values) for each in ("person", "task", "date"))
    return Point("todo", fill(template, values), facts, template)


def _risk(rng: random.Random) -> Point:
    template = rng.choice(RISKS)
    return _risk_of(template, 1, DRAWS["risk"](rng, WORLD))


def _risks(rng: random.Random, count: int) -> list[Point]:
    """Different risks, each worded in its own way."""
    named = rng.sample(RISK_WORDS, count)
    return [_risk_of(RISKS[number - 1], number, risk) for number, risk in enumerate(named, start=1)]


def _risk_of(template: str, number: int, risk: str) -> Point:
    values = {"risk": risk}
    return Point("risk", fill(template, values), (_fact(number, "risk", "risk", values),), template)


def _taken_back(point: Point, rng: random.Random, taken: set[str]) -> Point:
    """The decision with a first value that its speaker corrects at once."""
    kind = "date" if point.facts[-1].type == "date" else "money"
    return _with_retracted(point, _draw(rng, taken)[kind])


def _taken_back_for_another_day(point: Point, rng: random.Random, taken: set[str]) -> Point:
    """The same, the two days different ones on every clock."""
    kind = "date" if point.facts[-1].type == "date" else "money"
    old = _draw(rng, taken)[kind]
    while kind == "date" and may_be_same_day(old, point.facts[-1].value):
        old = _draw(rng, set(taken))[kind]
    taken.add(old)
    return _with_retracted(point, old)


def _with_retracted(point: Point, old: str) -> Point:
    last = point.facts[-1]
    markup = point.markup.replace(last.value, f"[{old}，不对，是]{last.value}")
    corrected = fact(last.id, last.type, last.value, [old])
    return replace(point, markup=markup, facts=(*point.facts[:-1], corrected))


def _template_tags(points: list[Point], ask: str) -> list[str]:
    """What is worded by the recipe's held-out lines, and whether anything is written for here."""
    words = {point.template.replace("，", "") for point in points} | {ask}
    tags = [f"template:meeting/{line}" for line in sorted(words & _HELD_OUT)]
    return [*tags, *([HAND_WRITTEN] if words - _HELD_OUT else [])]


def _short(rng: random.Random, index: int) -> _Draft:
    taken: set[str] = set()
    points = [_decision(rng, 1, taken), _todo(rng, 1, taken), _risk(rng)]
    if index % 4 == 3:
        points.append(_todo(rng, 2, taken))
    rng.shuffle(points)
    texts = rng.sample(BRIEF_TALK, 5 + index % 5)
    positions = sorted(rng.sample(range(len(texts) + len(points)), len(points)))
    for position, point in zip(positions, points, strict=True):
        texts.insert(position, point.markup)
    texts.insert(0, BRIEF_OPENING)
    voices = _voices(rng, 2 + index % 2)
    lines = [_line(text, voices, position, rng) for position, text in enumerate(texts)]
    part = ("all", "all", "decision", "todo", "risk")[index % 5]
    return _asked(lines, voices, points, part, rng, ["short"])


def _long(rng: random.Random) -> _Draft:
    """Eight minutes, five voices."""
    taken: set[str] = set()
    points = [
        _taken_back(_decision(rng, 1, taken), rng, taken),
        _todo(rng, 1, taken),
        _decision(rng, 2, taken),
        _risk(rng),
        _todo(rng, 2, taken),
    ]
    voices = _voices(rng, 5)
    lines = _talked_over(points, LONG_S, voices, _long_texts(rng), rng)
    return _asked(lines, voices, points, "all", rng, LONG_TAGS)


def _longer(rng: random.Random, index: int) -> _Draft:
    """Five to ten minutes, three to six voices, five to seven points, one of them taken back."""
    taken: set[str] = set()
    points = [
        _taken_back_for_another_day(_decision(rng, 1, taken), rng, taken),
        _todo(rng, 1, taken),
        _decision(rng, 2, taken),
        *(_todo(rng, number, taken) for number in range(2, 3 + index % 2)),
        *_risks(rng, 1 + index % 2),
    ]
    rng.shuffle(points)
    voices = _voices(rng, 3 + index % 4)
    talk = _long_texts(rng, (*TALK, *MORE_TALK))
    lines = _talked_over(points, 60 * LONG_MINUTES[index], voices, talk, rng)
    part = ("all", "todo", "decision", "all", "risk")[index % 5]
    return _asked(lines, voices, points, part, rng, LONG_TAGS)


def _talked_over(
    points: list[Point],
    long_s: float,
    voices: list[Voice],
    texts: Iterator[str],
    rng: random.Random,
) -> list[Line]:
    """The points spread over talk that lasts so long, with the closing words."""
    lines: list[Line] = []
    end_s, position, cut = 0.0, 0, long_s / (len(points) + 1)
    waiting = list(points)
    for text in texts:
        if waiting and end_s > cut * (len(points) + 1 - len(waiting)):
            end_s = _append(lines, _line(waiting.pop(0).markup, voices, position, rng), end_s, rng)
            position += 1
        if end_s > long_s:
            break
        end_s = _append(lines, _line(text, voices, position, rng), end_s, rng)
        position += 1
    assert not waiting, "the talk was too short for its points"
    return lines + [_line(text, voices, position, rng) for text in CLOSINGS]


def _long_texts(rng: random.Random, talk: tuple[str, ...] = TALK) -> Iterator[str]:
    """Talk without end: an agenda item, then remarks on it, some said twice."""
    yield from OPENINGS
    while True:
        for item in AGENDA:
            yield item
            remarks = rng.sample(talk, 14)
            for number, remark in enumerate(remarks):
                if number % 5 == 3:
                    yield rng.choice(CUT_IN)
                yield remark if number % 4 else rng.choice(REPEATED) + remark


def _append(lines: list[Line], line: Line, end_s: float, rng: random.Random) -> float:
    """Adds a line after the talk so far, an interruption over its end; when the talk now ends."""
    if line.markup in CUT_IN and lines and line.speaker != lines[-1].speaker:
        start_s = round(end_s - OVERLAP_S, 2)
        line = replace(line, start_s=start_s, pause_before_s=0.0)
    else:
        start_s = end_s + line.pause_before_s
    lines.append(line)
    return start_s + len(synthesize(line.segment())) / SAMPLE_RATE_HZ


def _voices(rng: random.Random, count: int) -> list[Voice]:
    """Voices of different variants."""
    voices: dict[str, Voice] = {}
    while len(voices) < count:
        voice = draw_voice(rng)
        voices.setdefault(voice.name, voice)
    return list(voices.values())


def _line(text: str, voices: list[Voice], position: int, rng: random.Random) -> Line:
    number = position % len(voices) if position % 3 else rng.randrange(len(voices))
    pause_s = rng.choice((0.2, 0.3, 0.4, 0.5))
    return Line(text, voices[number], SPEAKERS[number], pause_s if position else 0.0)


def _asked(
    lines: list[Line], voices: list[Voice], points: list[Point], part: str, rng: random.Random,
    tags: list[str],
) -> _Draft:  # fmt: skip
    """The meeting with its request at the end, by the first voice."""
    ask = rng.choice(ASKS[part])
    said = [*lines, Line(ask, voices[0], SPEAKERS[0], 0.6)]
    facts = [each for point in points if part in ("all", point.part) for each in point.facts]
    return [turn(said, facts)], [*tags, f"ask_{part}", *_template_tags(points, ask)]
