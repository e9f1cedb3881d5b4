"""`dialect_mix`: Cantonese words in Mandarin speech, some of it in a Cantonese voice."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from training.language import lexicon as lx
from training.language.frames import DIALECT_FRAMES
from training.language.values import meaning
from training.suites.asking import (
    HAND_WRITTEN,
    Statement,
    line,
    question,
    state,
    written,
)
from training.suites.build import (
    Line,
    draw_voice,
    fact,
    fill,
    number_cases,
    turn,
)
from training.suites.dialect_lines import LINES, MORE_WORDS
from voicebench.types import Case, CaseTurn, Fact, FactType

SUITE = "dialect_mix"
_Draft = tuple[list[CaseTurn], list[str]]

_WORDS = {
    **{word: means for word, means in lx.DIALECT.items() if word != means},
    "叫埋": "叫上", "同埋": "和", "同边个": "和谁", "同": "和", "喺": "在", "系": "是", "话": "说", "一齐": "一起",
    "约咗": "约了", "乜嘢": "什么", "做咩": "做什么", "咩": "什么", "呢个": "这个", "嗰个": "那个", "有嘢": "有事",
    "唔该话我知": "麻烦告诉我", "边个医生": "哪位医生", "俾咗": "付了", "畀咗": "付了", "几多点": "几点", "去边度": "去哪里", "我哋": "我们", "嘅": "的", "咗": "了",
}  # fmt: skip
"""Cantonese words of the statements, and what they mean."""
_WORDS_LATER = {
    **_WORDS, **MORE_WORDS, "畀咗": "给了", "俾咗": "给了", "畀": "给", "去边度": "去哪里"
}  # fmt: skip
"""The same for the lines written by hand."""
NOT_TERMS = frozenset({"系", "话", "同", "讲", "食", "饮", "睇", "落", "嘢", "佢", "嘅", "咗"})
"""Words too small to count as terms."""


def terms() -> dict[str, str]:
    """Every Cantonese term that the suite may use, with its meaning in Mandarin."""
    words = {word: means for word, means in _WORDS_LATER.items() if word != means}
    return {word: means for word, means in words.items() if word not in NOT_TERMS}


_NOT_ASKED = ("time",)  # the held-out question for it is not idiomatic; written cases ask for it
_WRITTEN = (
    ("d_plan", "{d_day}我同{d_person}约好咗，去{place}{d_act}", "唔该话我知系几时", "d_day"),
    ("d_plan", "我{d_day}要去{place}{d_act}，{d_person}同我一齐去", "请问我去边度", "place"),
    (
        "d_shop",
        "唔该帮我落单买{d_thing}，{d_money}，{d_day}送到{d_place}",
        "请问一共几多钱",
        "d_money",
    ),
    ("d_shop", "我要买{d_thing}，{d_day}送去{d_place}，{d_money}", "请问送到边度", "d_place"),
    ("d_work", "老细叫我{time}去{room}揾{person}{d_act}", "请问我要揾边个", "person"),
    ("d_work", "{person}话{time}喺{room}等我{d_act}", "请问系几点", "time"),
    ("order", "我想落单买{quantity}，一共{money}，听日送到{venue}", "请问要几多钱", "money"),
    ("order", "唔该帮我落单{quantity}，送去{venue}，{money}", "请问我买咗乜嘢", "quantity"),
    ("doctor", "阿妈听日{time}去{hospital}睇医生，揾{title}", "请问系边个医生", "title"),
    ("dinner", "后日{time}我哋去{restaurant}食饭，{person}埋单", "请问边个埋单", "person"),
    ("trip", "我同{person}听日去{city}倾生意，{time}走", "请问几时走", "time"),
    ("parcel", "我嘅{item}喺{place}，取件码系{code}", "唔该话我知取件码", "code"),
)
"""(frame, statement, question, the slot asked for)."""


def cases() -> list[Case]:
    """The suite's cases; the same every time."""
    rng, later = random.Random(SUITE), random.Random(f"{SUITE} 2")
    return number_cases(SUITE, [*_framed(rng), *_written(rng), *_lines(later)])


def terms_tsv(made: Sequence[Case]) -> bytes:
    """The terms that cases use: term, meaning, in how many cases; the ones used most first."""
    any_term = re.compile("|".join(sorted(map(re.escape, terms()), key=len, reverse=True)))
    said = ["".join(turn.reference for turn in case.turns) for case in made]
    counts = Counter(term for text in said for term in set(any_term.findall(text)))
    lines = [
        f"{term}\t{terms()[term]}\t{count}\n"
        for term, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]
    return "".join(["term\tmeaning\tcases\n", *lines]).encode()


def mandarin(text: str, words: Mapping[str, str] = _WORDS) -> str:
    """A line with each Cantonese word marked up as said one way and meant another.

    >>> mandarin("我同佢听日食饭")
    '我<同|和>佢<听日|明天><食饭|吃饭>'
    """
    any_word = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.sub(any_word, lambda found: f"<{found[0]}|{words[found[0]]}>", text)


def _marked(said: Statement, text: str) -> str:
    """A template's own words and the values in it, both with what they mean."""
    values = {
        slot: value if meaning(value) == value else f"<{value}|{meaning(value)}>"
        for slot, value in said.values.items()
    }
    parts = re.split(r"(\{\w+\})", text)
    return "".join(fill(part, values) if part.startswith("{") else mandarin(part) for part in parts)


def _framed(rng: random.Random) -> Iterator[_Draft]:
    """Each held-out statement of the Cantonese frames, with two of its questions."""
    for index in range(4):
        for frame in DIALECT_FRAMES:
            said = state(frame, index, rng)
            slots = [slot for slot in said.fact_slots if slot not in _NOT_ASKED]
            slot = slots[(index + index // 2) % len(slots)]
            tag, ask = question(frame, slot)
            language = ("cmn", "yue")[index // 2]
            words = line(
                _marked(said, said.template), mandarin(ask), voice=draw_voice(rng, language)
            )
            yield [turn(words, [said.fact(slot)])], [language, "question", said.tag, tag]


def _written(rng: random.Random) -> Iterator[_Draft]:
    for index, (frame_id, template, ask, slot) in enumerate(_WRITTEN):
        said = written(frame_id, template, rng)
        language = "yue" if index % 3 == 2 else "cmn"
        words = line(_marked(said, template), mandarin(ask), voice=draw_voice(rng, language))
        yield [turn(words, [said.fact(slot)])], [language, "question", HAND_WRITTEN]


def _lines(rng: random.Random) -> Iterator[_Draft]:
    """Whole utterances, two of five in the Cantonese voice."""
    for index, (said, ask, kind, value) in enumerate(LINES):
        language = "yue" if index % 5 in (1, 3) else "cmn"
        marked = [mandarin(each, _WORDS_LATER) for each in (said, ask)]
        words = line(*marked, voice=draw_voice(rng, language))
        yield [turn(words, [_fact(kind, value)])], [language, "question", HAND_WRITTEN]


def _fact(kind: str, value: str) -> Fact:
    """The fact that a hand-written value is right: in Mandarin, the words as said accepted too."""
    said, _, denied = value.partition("!")
    means = Line(mandarin(said, _WORDS_LATER), draw_voice(random.Random(0))).meant
    forbidden = (denied,) if denied else ()
    if kind in _PLAIN_TYPES:
        accepted = (said,) if said != means else ()
        return Fact(
            id="asked", type=_PLAIN_TYPES[kind], value=means, accepted=accepted, forbidden=forbidden
        )
    return fact("asked", kind, means, forbidden, accepted=[said])


_PLAIN_TYPES: dict[str, FactType] = {"word": "term", "number": "number"}
