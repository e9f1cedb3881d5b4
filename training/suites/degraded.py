"""`degraded`: nobody speaks, or nobody that the recogniser understands: the turn falls back to text.

Silence, music, noise, a crowd far off, other languages; ordinary questions between them, which must
be answered; and conversations in which noise comes between what is told and what is asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from training.language.frames import BY_ID
from training.suites.asking import HAND_WRITTEN, line, question, written
from training.suites.build import Line, Voice, draw_voice, number_cases, turn
from voicebench.types import Case, CaseTurn, DegradedReason, Sound

SUITE = "degraded"
_Draft = tuple[list[CaseTurn], list[str]]

NOT_UNDERSTOOD: tuple[DegradedReason, ...] = (
    "silence", "low_confidence", "nothing_left_after_cleaning"
)  # fmt: skip
"""Right reasons where there is sound but nothing for the assistant."""
NUM_SOUNDS = {"music": 14, "noise": 14, "silence": 8, "crowd": 8}
FOREIGN = (
    ("en", "good morning what is the weather like in london today"),
    ("de", "guten tag ich möchte einen tisch für vier personen reservieren"),
    ("fr", "bonjour je voudrais savoir à quelle heure part le train"),
    ("en", "please remind me to call my sister tomorrow afternoon"),
    ("es", "buenos días quiero comprar dos billetes para madrid"),
    ("ru", "здравствуйте скажите пожалуйста который час"),
    ("it", "buongiorno vorrei prenotare una camera per due notti"),
    ("en", "how long does it take to get to the airport from here"),
    ("pt", "bom dia eu gostaria de saber o preço do bilhete"),
    ("de", "können sie mir bitte sagen wo der bahnhof ist"),
    ("fr", "est ce que vous pouvez répéter la question s il vous plaît"),
    ("en", "the meeting has been moved to the third floor next monday"),
    ("es", "necesito cambiar la fecha de mi cita con el médico"),
    ("ru", "мне нужно заказать такси на завтра утром"),
    ("it", "mi può dire quanto costa questo libro"),
    ("en", "i would like to cancel my order and get my money back"),
)
_ASKED = (
    ("meeting", "{date}{time}我去{room}和{person}谈{topic}", "请问我去哪里谈", "room"),
    ("parcel", "{item}到了，在{place}，{date}之前取，码是{code}", "请问哪天之前取", "date"),
    ("order", "我订的是{quantity}，{money}，送去{venue}", "请问我订的是什么", "quantity"),
    ("trip", "{person}{date}从{origin}到{city}，{time}的票", "请问票是几点的", "time"),
    ("doctor", "{title}在{hospital}{department}，我{date}去", "请问我看什么科", "department"),
    ("class", "{weekday}{time}有{subject}课，{title}教，在{room}", "请问有什么课", "subject"),
    ("repair", "{item}出了问题，{date}{title}来，费用{money}", "请问是谁来", "title"),
    ("hotel", "{city}的{hotel}一晚{money}，我{date}到", "请问我住哪家酒店", "hotel"),
    ("pickup", "{title}{time}到{place}，他的电话{phone}", "请问到哪里接他", "place"),
    ("bill", "{utility}{money}要交给{organisation}，{date}为止", "请问要交给谁", "organisation"),
    ("birthday", "我给{person}买{item}，{date}过生日", "请问是谁过生日", "person"),
    ("medicine", "医生让我吃{medicine}，一次{doses}，{date}复查", "请问我吃的是什么药", "medicine"),
)
"""(frame, statement, question, the slot asked for): to be answered as ever."""
_RESUMED = ("meeting", "parcel", "trip", "dinner", "class", "contact", "repair", "pickup")


def cases() -> list[Case]:
    """The suite's cases, the kinds in turn; the same every time."""
    rng = random.Random(SUITE)
    kinds = [list(_sounds(kind)) for kind in NUM_SOUNDS]
    kinds[1:1] = [list(_answerable(rng)), list(_foreign(rng))]
    kinds.append(list(_resumed(rng)))
    drafts: list[_Draft] = []
    while any(kinds):
        drafts += [kind.pop(0) for kind in kinds if kind]
    return number_cases(SUITE, drafts)


def sound_turn(kind: str, number: int) -> CaseTurn:
    """A turn in which nobody speaks, two to six seconds long."""
    sound = msgspec.convert({"kind": kind, "duration_s": 2.0 + number % 5, "seed": number}, Sound)
    reasons: tuple[DegradedReason, ...] = ("silence",) if kind == "silence" else NOT_UNDERSTOOD
    return CaseTurn(
        reference="", meaning="", t_eos_s=0.0, sound=sound, expects="degraded", degraded_as=reasons
    )


def _sounds(kind: str) -> Iterator[_Draft]:
    for number in range(1, NUM_SOUNDS[kind] + 1):
        yield [sound_turn(kind, number)], [kind]


def _foreign(rng: random.Random) -> Iterator[_Draft]:
    for language, text in FOREIGN:
        voice = Voice(language + rng.choice(("", "+f2", "+m3")), rng.randrange(150, 181, 10), 50)
        asked = turn(Line(text, voice), expects="degraded", degraded_as=NOT_UNDERSTOOD)
        yield [asked], ["another_language", language]


def _answerable(rng: random.Random) -> Iterator[_Draft]:
    for frame_id, template, ask, slot in _ASKED:
        said = written(frame_id, template, rng)
        asked = turn(line(said.text, ask, voice=draw_voice(rng)), [said.fact(slot)])
        yield [asked], ["answerable", HAND_WRITTEN]


def _resumed(rng: random.Random) -> Iterator[_Draft]:
    """Something is told, sound comes in between, then it is asked for and must still be known."""
    told = {frame_id: template for frame_id, template, *_ in _TOLD}
    for number, frame_id in enumerate(_RESUMED):
        said, voice = written(frame_id, told[frame_id], rng), draw_voice(rng)
        kind = ("music", "noise", "silence", "crowd")[number % 4]
        slot = said.fact_slots[number % len(said.fact_slots)]
        tag, ask = question(BY_ID[frame_id], slot)
        turns = [
            turn(line(said.text, voice=voice), said.facts()),
            sound_turn(kind, 100 + number),
            turn(line("请问" + ask, voice=voice), [said.fact(slot)]),
        ]
        yield turns, ["resumed", kind, HAND_WRITTEN, tag]


_TOLD = (
    ("meeting", "我要和{person}谈{topic}，{date}{time}，在{room}"),
    ("parcel", "快递是{item}，{date}之前去{place}拿，码{code}"),
    ("trip", "我带{person}去{city}，{date}{time}，从{origin}坐车"),
    ("dinner", "{people}去{restaurant}吃饭，{date}{time}，{person}订的位子"),
    ("class", "{title}{weekday}{time}教{subject}，上课在{room}"),
    ("contact", "{person}在{organisation}，找他说{topic}，号码{phone}"),
    ("repair", "{item}要修，{title}{date}{time}来，要付{money}"),
    ("pickup", "{date}{time}接{title}，在{place}，号码是{phone}"),
)
"""(frame, statement)."""
