"""`noise`: the same sentences clean and under nineteen conditions, so that conditions compare."""

from __future__ import annotations

import random
import zlib

import msgspec

from training.suites.asking import HAND_WRITTEN, Statement, line, written
from training.suites.build import draw_voice, number_cases, turn
from voicebench.types import Case, CaseTurn, Condition

SUITE = "noise"
SNRS_DB = (20, 15, 10, 5, 0)
LEVELS: tuple[tuple[str, float], ...] = (
    *(("noise", snr_db) for snr_db in SNRS_DB),
    *(("babble", snr_db) for snr_db in SNRS_DB),
    *(("reverberation", seconds) for seconds in (0.3, 0.6, 1.0)),
    *(("clipping", share) for share in (0.1, 0.3, 0.5)),
    *(("packet_loss", share) for share in (0.05, 0.1, 0.2)),
)
_CLEAN = ("clean", 0.0)
_SENTENCES = (
    ("meeting", "{date}{time}我和{person}在{room}谈{topic}", "请问我跟谁谈", "person"),
    ("parcel", "{item}放在{place}了，取件码是{code}", "告诉我取件码", "code"),
    ("trip", "我{date}{time}从{origin}走，到{city}见{person}", "请问我到哪个城市", "city"),
    ("repair", "{title}{date}{time}来修{item}，一共收{money}", "请问要多少钱", "money"),
    ("dinner", "{person}订了{restaurant}，{date}{time}，{people}", "请问订的是几点", "time"),
    ("contact", "{organisation}的{person}要谈{topic}，手机{phone}", "请问手机号是多少", "phone"),
)
"""(frame, statement, question, the slot asked for)."""


def cases() -> list[Case]:
    """The suite's cases, the conditions in turn; the same every time."""
    rng = random.Random(SUITE)
    spoken = [_speak(rng, *sentence) for sentence in _SENTENCES]
    conditions = (LEVELS[0], _CLEAN, *LEVELS[1:])
    drafts = []
    for round_ in range(len(spoken)):
        for number, (kind, level) in enumerate(conditions):
            clean = spoken[(number + round_) % len(spoken)]
            tags = ["question", kind, HAND_WRITTEN]
            drafts.append(([_under(clean, kind, level)], tags))
    return number_cases(SUITE, drafts)


def _speak(rng: random.Random, frame_id: str, template: str, ask: str, slot: str) -> CaseTurn:
    said: Statement = written(frame_id, template, rng)
    return turn(line(said.text, ask, voice=draw_voice(rng)), [said.fact(slot)])


def _under(clean: CaseTurn, kind: str, level: float) -> CaseTurn:
    """A sentence under a condition, its seed from what is said and done."""
    if (kind, level) == _CLEAN:
        return clean
    seed = zlib.crc32(f"{kind} {level} {clean.reference}".encode()) % 10_000
    condition = msgspec.convert({"kind": kind, "level": level, "seed": seed}, Condition)
    return msgspec.structs.replace(clean, condition=condition)
