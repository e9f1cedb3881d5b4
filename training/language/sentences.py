"""The recogniser's training and test texts.

A fifth are sentences of `frames` with a request; a third are strings of words, the language's own and
those of jieba's dictionary (they teach unseen phrases); the rest are what the LLM's dialogues say and
everyday sentences, also in Cantonese (they teach which of many characters of one sound is meant). A
sentence belongs to the test split by its own hash, so a slot combination heard in training is never
tested. Suites speak held-out templates: never here.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from training.language import lexicon as lx
from training.language.everyday import everyday
from training.language.frames import DIALECT_FRAMES, FRAMES, Frame, draw, slots_of
from training.language.values import DRAWS, World

Split = Literal["train", "test"]
OPENERS = (
    "",
    "",
    "",
    "你好",
    "请听我说",
    "帮我记一下",
    "麻烦你",
    "嗯",
    "那个",
    "我跟你说",
    "跟你说一下",
)
REQUESTS = ("", "请问", "告诉我", "麻烦问一下", "我想知道", "帮我看看", "说一下", "那么")
RESTATE = ("帮我确认一下", "请复述一遍", "帮我核对一下", "请重复一遍", "记下来了吗", "帮我总结一下")
FILLERS = ("呃", "嗯", "啊", "那个", "就是说", "就是", "然后", "其实", "这个")
CORRECTIONS = (
    "不对是",
    "不是是",
    "哦不",
    "说错了是",
    "更正一下是",
    "应该是",
    "不对不对是",
    "我说错了应该是",
)
DIALECT_PATTERNS = (
    "我{d}想{d}{quantity}", "{d}{time}我{d}去{place}", "{d}{person}{d}{item}", "唔该{d}{quantity}一共{money}",
    "{d}去{place}要{d}时间", "{person}话{d}{time}{d}", "我哋{d}喺{place}{d}", "呢个{item}{money}{d}",
    "{d}同{person}{d}好唔好", "{place}{d}{d}要{money}", "我阿妈{d}要{d}{quantity}", "老细{d}{date}{d}",
)  # fmt: skip
LONGEST_WORD = 4
DIALECT_EXTRA = tuple(
    "呢个 嗰个 话 同 好唔好 有冇 系唔系 喺度 嚟 嘅 咗 啲 佢 佢哋 我哋 你哋 乜嘢 咁 先 喇".split()
)


@dataclass(frozen=True)
class AsrText:
    """One utterance: `text` is the transcript, `spoken` what is synthesised (commas pause)."""

    text: str
    spoken: str
    voice_family: Literal["cmn", "yue", "en-mixed"]


def is_test(text: str) -> bool:
    """Whether a sentence belongs to the test split; a twentieth do."""
    return lx.is_held_out("asr:" + text, 20)


def asr_texts(rng: random.Random, split: Split) -> Iterator[AsrText]:
    """Endless utterances of one split, 2 to about 40 characters each."""
    makers, shares = zip(*SHARES.items(), strict=True)
    world, known = World(spoken=True, colloquial=True), frozenset(characters())
    while True:
        candidate = rng.choices(makers, shares)[0](rng, world)
        # Names of the LLM's dialogues are written with rarer characters too.
        spoken = all(char in known for char in candidate.text if not char.isascii())
        if candidate.text and spoken and is_test(candidate.text) == (split == "test"):
            yield candidate


def template_texts(rng: random.Random, split: Split) -> Iterator[AsrText]:
    """Only sentences of templates: what "unseen slot combinations" is measured on."""
    world = World(spoken=True)
    while True:
        candidate = rng.choice((_sentence, _correction))(rng, world)
        if is_test(candidate.text) == (split == "test"):
            yield candidate


def free_texts(rng: random.Random, *, cantonese: bool) -> Iterator[AsrText]:
    """Everyday sentences that training never held, of words that it did, for a Mandarin voice."""
    make, world, known = (
        _everyday_cantonese if cantonese else _everyday,
        World(spoken=True),
        frozenset(characters()),
    )
    while True:
        candidate = make(rng, world)
        is_known = known.issuperset(candidate.text)
        if candidate.voice_family == "cmn" and is_known and is_test(candidate.text):
            yield candidate


def _text(pieces: list[str], pauses: bool, rng: random.Random, family: str = "cmn") -> AsrText:
    said = [piece for piece in pieces if piece]
    spoken = ("，" if pauses else "").join(said)
    text = "".join(said)
    if any(char.isascii() and char.isalnum() for char in text):
        family = "en-mixed"
    return AsrText(text.replace("，", ""), spoken, family)  # type: ignore[arg-type]


def _frame_values(frame: Frame, rng: random.Random, world: World) -> dict[str, str]:
    # Every word has to be heard somewhere.
    either = World(spoken=True, held_out=rng.random() < 0.3, colloquial=world.colloquial)
    return draw(frame, rng, either)


def _sentence(rng: random.Random, world: World) -> AsrText:
    frame = rng.choice(FRAMES)
    _, template = rng.choice(frame.statement_templates(held_out=False))
    statement = template.format(**_frame_values(frame, rng, world))
    slot = rng.choice(slots_of(template))
    _, question = rng.choice(frame.question_templates(slot, held_out=False))
    ask = rng.choice([rng.choice(REQUESTS) + question, rng.choice(RESTATE), ""])
    if rng.random() < 0.15:  # a question alone, as later turns ask
        return _text([rng.choice(OPENERS), ask or question], False, rng)
    opener = rng.choice(OPENERS)
    if rng.random() < 0.25:
        opener += rng.choice(FILLERS)
    return _text([opener, statement, ask], rng.random() < 0.7, rng)


def _correction(rng: random.Random, world: World) -> AsrText:
    frame = rng.choice(FRAMES)
    _, template = rng.choice(frame.statement_templates(held_out=False))
    values = _frame_values(frame, rng, world)
    slot = rng.choice(slots_of(template))
    second = DRAWS[frame.slots[slot].kind](rng, world)
    values[slot] = values[slot] + "，" + rng.choice(CORRECTIONS) + second
    return _text([template.format(**values)], False, rng)


def _clause_string(rng: random.Random, world: World) -> AsrText:
    """Questions, openers, fillers and values of all kinds in any order."""
    pieces: list[str] = []
    for _ in range(rng.randint(2, 5)):
        frame = rng.choice(FRAMES)
        slot = rng.choice(tuple(frame.slots))
        pieces.append(
            rng.choice(
                [
                    rng.choice(REQUESTS + RESTATE + OPENERS + FILLERS + CORRECTIONS),
                    DRAWS[frame.slots[slot].kind](
                        rng,
                        World(spoken=True, held_out=rng.random() < 0.4, colloquial=True),
                    ),
                    frame.slots[slot].label + "是",
                    rng.choice(lx.COMMON),
                ]
            )
        )
    return _text(pieces or ["好"], rng.random() < 0.4, rng)


@cache
def dictionary() -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Words of jieba's dictionary (MIT) that the vocabulary can write, and cumulative weights.

    A word weighs the square root of its count there: 了 is drawn often, and rare words are drawn.
    """
    known = frozenset(characters())
    words, weights = [], []
    jieba = find_spec("jieba")  # its import would warn of its own source
    assert jieba, "FunASR needs jieba"
    assert jieba.origin
    for line in Path(jieba.origin).with_name("dict.txt").read_text("utf-8").splitlines():
        word, count, *_ = line.split()
        if len(word) <= LONGEST_WORD and known.issuperset(word):
            words.append(word)
            weights.append(math.sqrt(int(count)))
    return tuple(words), tuple(itertools.accumulate(weights))


def _dictionary_string(rng: random.Random, world: World) -> AsrText:
    words, cumulative = dictionary()
    return _text(
        rng.choices(words, cum_weights=cumulative, k=rng.randint(3, 10)), rng.random() < 0.15, rng
    )


def _everyday(rng: random.Random, world: World) -> AsrText:
    said = [everyday(rng, world, cantonese=False) for _ in range(rng.choice((1, 1, 2, 3)))]
    return _text("，".join(said).split("，"), True, rng)


def _everyday_cantonese(rng: random.Random, world: World) -> AsrText:
    said = [everyday(rng, world, cantonese=True) for _ in range(rng.choice((1, 2, 2)))]
    family = "yue" if rng.random() < 0.45 else "cmn"
    return _text("，".join(said).split("，"), rng.random() < 0.5, rng, family)


def _narrative(rng: random.Random, world: World) -> AsrText:
    from training.language.dialogues import Maker
    from training.language.narratives import narrative

    maker = Maker(rng, World(spoken=True, held_out=rng.random() < 0.3, colloquial=True), False)
    asked = [m.content for m in narrative(maker).messages if m.role == "user"]
    said = rng.choice((asked[0], rng.choice(asked))).rstrip("。")
    cantonese = any(char in said for char in "嘅咗喺唔嘢佢冇")
    family = "yue" if cantonese and rng.random() < 0.45 else "cmn"
    return _text(said.split("，"), rng.random() < 0.5, rng, family)


def _spoken_dialogue(rng: random.Random, world: World) -> AsrText:
    """A piece of what the LLM's training dialogues say in meetings, of names and to tools."""
    from training.language.dialogues import Maker
    from training.language.entity_tasks import entity
    from training.language.long_tasks import ask_line, spoken_line, talk_line, tool_call

    maker = Maker(rng, World(spoken=True, held_out=rng.random() < 0.3, colloquial=True), False)
    kind = rng.choice(("meeting", "meeting", "talk", "talk", "entity", "entity", "entity", "tool"))
    ask = ask_line(rng) if rng.random() < 0.3 else ""  # of a meeting
    if kind == "meeting":
        return _text([spoken_line(rng, maker.world), ask], bool(ask), rng)
    if kind == "talk":  # what sentences are like: of one sound, 时间不多 and not 时间布多
        lines = [talk_line(rng, maker.world) for _ in range(rng.randint(1, 3))]
        return _text([*lines, ask], True, rng)
    dialogue = entity(maker) if kind == "entity" else tool_call(maker)
    said = next(m.content for m in dialogue.messages if m.role == "user").rstrip("。")
    return _text(said.split("，"), rng.random() < 0.5, rng)


def _word_string(rng: random.Random, world: World) -> AsrText:
    words = [rng.choice(lx.ALL_WORDS) for _ in range(rng.randint(2, 9))]
    if rng.random() < 0.3:
        words.insert(
            rng.randrange(len(words)), rng.choice(lx.SURNAMES) + rng.choice(lx.GIVEN_NAMES)
        )
    return _text(words, rng.random() < 0.2, rng)


def _dialect(rng: random.Random, world: World) -> AsrText:
    family = "yue" if rng.random() < 0.4 else "cmn"
    if rng.random() < 0.5:
        frame = rng.choice(DIALECT_FRAMES)
        _, template = rng.choice(frame.statement_templates(held_out=False))
        slot = rng.choice(slots_of(template))
        _, question = rng.choice(frame.question_templates(slot, held_out=False))
        ask = rng.choice(["", rng.choice(REQUESTS) + question])
        return _text([template.format(**draw(frame, rng, world)), ask], False, rng, family)
    template = rng.choice(DIALECT_PATTERNS)
    while "{d}" in template:
        template = template.replace(
            "{d}", rng.choice((*lx.DIALECT, *lx.MORE_DIALECT, *DIALECT_EXTRA)), 1
        )
    values = {slot: DRAWS[slot](rng, world) for slot in slots_of(template)}
    return _text([template.format(**values)], False, rng, family)


SHARES = {
    _sentence: 4, _correction: 1.5, _word_string: 4, _dictionary_string: 3, _clause_string: 3,
    _dialect: 1.5, _spoken_dialogue: 7, _everyday: 2.5, _everyday_cantonese: 1.5, _narrative: 2,
}  # fmt: skip
"""How often each kind of text is drawn."""


def characters() -> tuple[str, ...]:
    """The Hanzi that any of these texts can contain, sorted."""
    fixed = "".join(
        (*OPENERS, *REQUESTS, *RESTATE, *FILLERS, *CORRECTIONS, *DIALECT_PATTERNS, *DIALECT_EXTRA)
    )
    from training.language import entity_tasks, long_tasks

    lines = "".join((*long_tasks.LINES, *entity_tasks.LINES))
    framed = "".join(
        "".join(frame.statements)
        + "".join(s.label + "".join(s.questions) for s in frame.slots.values())
        for frame in FRAMES + DIALECT_FRAMES
    )
    hanzi = {char for char in fixed + framed + lines if "一" <= char <= "鿿"}
    return tuple(sorted(hanzi | set(lx.characters())))
