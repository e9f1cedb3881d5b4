"""The LLM's training dialogues: transcripts and right answers, generated from the frames.

An answer follows from its system prompt's style, the frame's labels and the values spoken, so every
fact in it is a span of the transcript (or a Cantonese word's meaning, or a refusal). Transcripts come
clean, disfluent and misheard; the answer keeps what was heard.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from training.language import lexicon as lx
from training.language.frames import (
    BY_ID,
    DIALECT_FRAMES,
    FRAMES,
    Frame,
    draw,
    slots_of,
)
from training.language.prompts import STYLES, Style, system_prompts
from training.language.sentences import CORRECTIONS, FILLERS, OPENERS, REQUESTS, RESTATE
from training.language.values import (
    ALL_HANZI,
    DRAWS,
    FACT_TYPES,
    World,
    code,
    fact_type,
    meaning,
    person,
    phone,
)
from training.language.wordings import compose_question, compose_statement
from voicebench.types import FactType, Message

REFUSAL = "暂无法确认。"
OFFER = "还有什么可以帮您的吗？"
LATER_OPENERS = ("", "", "", "那么", "还有", "刚才说的", "再问一下", "对了", "请问", "我刚才说")
RESTATE_PARTS = (
    ("", "", "请", "帮我", "麻烦你", "现在", "好了", "最后", "能不能", "那就请你"),
    ("核对", "复述", "确认", "重复", "总结", "再说", "念", "整理", "汇总", "报"),
    ("一下", "一遍", "一次"),
    (
        "",
        "",
        "所有信息",
        "我说的话",
        "刚才的话",
        "以上",
        "这些内容",
        "记下的东西",
        "整件事",
        "前面说的",
    ),
)
UPDATES = ("{label}改成{value}", "{label}换成{value}", "把{label}改为{value}", "{label}变了是{value}",
           "不对{label}应该是{value}", "{label}现在是{value}", "{label}调整为{value}", "改一下{label}是{value}",
           "{label}改了现在是{value}", "请把{label}换成{value}", "{label}要换成{value}", "我要把{label}改成{value}",
           "更正{label}为{value}", "{label}不是那个了是{value}", "{label}定到{value}了", "改到{value}了我说的是{label}",
           "{label}挪到{value}", "通知说{label}改到{value}", "{label}要改到{value}")  # fmt: skip
NUM_UPDATES_HELD_OUT = 1
LATE_CORRECTIONS = ("刚才说错了{label}是{value}", "不对{label}应该是{value}", "更正一下{label}是{value}",
                    "我说错了不是{old}是{value}", "{label}不是{old}是{value}",
                    "说错了{label}应该是{value}", "更正一下是{value}不是{old}", "等一下{label}要改成{value}",
                    "哦不对{old}不对应该是{value}", "{label}我记错了是{value}", "不是{old}应该是{value}",
                    "{old}说错了是{value}", "刚才的{label}不对改成{value}")  # fmt: skip
AT_ONCE = (*CORRECTIONS, "不对", "不对应该是", "哦不对是", "等等是", "啊不是是", "记错了是", "错了是", "不是应该是", "我说错了是",
           "哎不对", "不不不是", "刚才说错了是", "改成")  # fmt: skip
COMPOSED_SHARE = 0.7  # of the statements and questions of training
NESTED = ("不对", "哦不", "不是", "说错了", "不对是", "等等是", "应该是")


@dataclass(frozen=True)
class Expected:
    """What the answer to one user turn has to state, and must not; `types` go with `values`."""

    values: tuple[str, ...] = ()
    types: tuple[FactType, ...] = ()
    forbidden: tuple[str, ...] = ()
    refusal: bool = False


@dataclass(frozen=True)
class Dialogue:
    """Messages with the right answers in them; `expected[i]` belongs to the i-th assistant message."""

    task: str
    style: Style
    messages: tuple[Message, ...]
    expected: tuple[Expected, ...]
    template_ids: tuple[str, ...] = ()
    tools: tuple[dict[str, object], ...] = ()


@dataclass
class Told:
    """What the user has said so far in one frame, in the order said."""

    frame: Frame
    values: dict[str, str]
    order: list[str]
    retracted: list[str] = field(default_factory=list)

    def label(self, slot: str) -> str:
        return self.frame.slots[slot].label

    def said(self, slot: str) -> str:
        return meaning(self.values[slot])

    def expected(self, slots: Iterable[str]) -> Expected:
        """The facts of some slots, with everything taken back so far forbidden."""
        asked = tuple(slots)
        return Expected(
            tuple(self.said(slot) for slot in asked),
            tuple(fact_type(self.frame.slots[slot].kind) for slot in asked),
            tuple(self.retracted),
        )


# ---------------------------------------------------------------- answers


def _clause(told: Told, slot: str) -> str:
    return f"{told.label(slot)}是{told.said(slot)}"


def answer_slots(told: Told, slots: list[str], style: Style) -> str:
    """The answer to a question about some slots."""
    if style == "brief":
        return "，".join(told.said(slot) for slot in slots) + "。"
    body = "，".join(_clause(told, slot) for slot in slots)
    if style == "strict":
        return body + "。"
    position = told.order.index(slots[-1])
    following = told.order[(position + 1) % len(told.order)]
    more = "" if following in slots else f"，{_clause(told, following)}"
    return f"好的，{body}{more}。{OFFER}"


def answer_all(told: Told, style: Style) -> str:
    """The answer that restates everything, in the order said."""
    if style == "brief":
        return "，".join(told.said(slot) for slot in told.order) + "。"
    body = "，".join(_clause(told, slot) for slot in told.order)
    return f"已记下：{body}。" if style == "strict" else f"好的，我帮您记下了，{body}。{OFFER}"


def answer_absent(label: str, style: Style) -> str:
    return f"好的，您没有提到{label}。{OFFER}" if style == "plain" else REFUSAL


def answer_update(told: Told, slot: str, style: Style) -> str:
    if style == "brief":
        return told.said(slot) + "。"
    body = f"{told.label(slot)}改为{told.said(slot)}。"
    return body if style == "strict" else f"好的，{body}{OFFER}"


# ---------------------------------------------------------------- transcripts


def _misheard(text: str, rng: random.Random) -> str:
    """Replaces or drops a few characters, as a recogniser does; applied outside of values."""
    kept = []
    for char in text:
        draw_ = rng.random()
        if draw_ < 0.025:
            kept.append(rng.choice(ALL_HANZI))
        elif draw_ >= 0.035:
            kept.append(char)
    return "".join(kept)


def _disfluent(pieces: list[str], rng: random.Random) -> list[str]:
    out = []
    for piece in pieces:
        if rng.random() < 0.25:
            out.append(rng.choice(FILLERS))
        if piece and rng.random() < 0.12:
            out.append(piece[: rng.randint(1, min(2, len(piece)))])  # a false start or a stutter
        out.append(piece)
        if piece and rng.random() < 0.06:
            out.append(piece)
    return out


def _template_pieces(template: str) -> list[str]:
    pieces, rest = [], template
    while "{" in rest:
        head, _, rest = rest.partition("{")
        slot, _, rest = rest.partition("}")
        pieces += [head, "{" + slot + "}"]
    return [piece for piece in (*pieces, rest) if piece]


def _say(template: str, values: dict[str, str], how: str, rng: random.Random) -> str:
    """A template spoken: clean, disfluent or misheard; values stay whole."""
    pieces = _template_pieces(template)
    said = []
    for piece in pieces:
        if piece.startswith("{"):
            said.append(values[piece[1:-1]])
        else:
            said.append(_misheard(piece, rng) if how == "misheard" else piece)
    return "".join(_disfluent(said, rng) if how == "disfluent" else said)


def _how(rng: random.Random) -> str:
    return rng.choices(("clean", "disfluent", "misheard"), (0.6, 0.25, 0.15))[0]


def _join(pieces: list[str], rng: random.Random) -> str:
    """Joins the parts of an utterance; a fifth of them with punctuation, as some recognisers give."""
    parts = [piece for piece in pieces if piece]
    return "，".join(parts) + "。" if rng.random() < 0.2 else "".join(parts)


# ---------------------------------------------------------------- tasks


class Maker:
    """Makes dialogues of one split from one seeded generator."""

    def __init__(self, rng: random.Random, world: World, held_out: bool) -> None:
        self.rng, self.world, self.held_out = rng, world, held_out
        self.template_ids: list[str] = []

    def _composes(self) -> bool:
        return not self.held_out and self.rng.random() < COMPOSED_SHARE

    def _template(self, frame: Frame) -> str:
        if self._composes():
            return compose_statement(frame, self.rng, drop=self.rng.random() < 0.2)
        template_id, template = self.rng.choice(frame.statement_templates(self.held_out))
        self.template_ids.append(template_id)
        return template

    def _question(self, frame: Frame, slot: str) -> str:
        if frame.id not in BY_ID:  # made for one dialogue: its questions are of the split
            return self.rng.choice(frame.slots[slot].questions)
        if self._composes():
            return compose_question(frame, slot, self.rng)
        template_id, question = self.rng.choice(frame.question_templates(slot, self.held_out))
        self.template_ids.append(template_id)
        return question

    def _tell(self, frame: Frame) -> tuple[Told, str]:
        """A frame with values, and its statement template."""
        template = self._template(frame)
        order = list(slots_of(template))
        return Told(frame, draw(frame, self.rng, self.world), order), template

    def _style(self) -> Style:
        return self.rng.choices(STYLES, (0.55, 0.2, 0.25))[0]

    def _finish(self, task: str, style: Style, turns: list[tuple[str, str, Expected]]) -> Dialogue:
        system = self.rng.choice(system_prompts(style, self.held_out))
        messages = [Message(role="system", content=system)]
        for said, answer, _ in turns:
            messages += [
                Message(role="user", content=said),
                Message(role="assistant", content=answer),
            ]
        ids, self.template_ids = tuple(self.template_ids), []
        return Dialogue(task, style, tuple(messages), tuple(turn[2] for turn in turns), ids)

    def _ask(self, told: Told, style: Style) -> tuple[str, str, Expected]:
        """A question about one or two slots told, or about one that was never told."""
        rng, frame = self.rng, told.frame
        missing = [slot for slot in frame.slots if slot not in told.order]
        if missing and rng.random() < 0.25:
            slot = rng.choice(missing)
            answer = answer_absent(told.label(slot), style)
            return self._question(frame, slot), answer, Expected(refusal=True)
        if rng.random() < 0.14:
            other = rng.choice([f for f in FRAMES if f.id != frame.id])
            # Only what no told value could be mistaken for: two places or two people would be unfair.
            known = {FACT_TYPES[told.frame.slots[slot].kind] for slot in told.order}
            absent = [
                slot for slot, spec in other.slots.items() if FACT_TYPES[spec.kind] not in known
            ]
            if absent:
                slot = rng.choice(absent)
                answer = answer_absent(other.slots[slot].label, style)
                return self._question(other, slot), answer, Expected(refusal=True)
        slots = rng.sample(told.order, 2 if rng.random() < 0.15 and len(told.order) > 1 else 1)
        question = rng.choice(["", "", "还有"]).join(self._question(frame, slot) for slot in slots)
        return question, answer_slots(told, slots, style), told.expected(slots)

    def _restate(self) -> str:
        """A request to say everything again; put together for most of training."""
        if self._composes():
            return "".join(self.rng.choice(words) for words in RESTATE_PARTS)
        return self.rng.choice(RESTATE)

    def _all(self, told: Told, style: Style) -> tuple[str, str, Expected]:
        ask = self.rng.choice((self._restate(), self._restate(), self._restate(), ""))
        return ask, answer_all(told, style), told.expected(told.order)

    def _opening(self, told: Told, template: str, style: Style) -> tuple[str, str, Expected]:
        """The first user turn: statement and request in one utterance."""
        rng = self.rng
        statement = _say(template, told.values, _how(rng), rng)
        asks = rng.random() < 0.7
        ask, answer, expected = (self._ask if asks else self._all)(told, style)
        request = rng.choice(REQUESTS) if asks else ""
        opener = rng.choice(OPENERS)
        return _join([opener, statement, request + ask], rng), answer, expected

    def _later(self, told: Told, style: Style, num_turns: int) -> list[tuple[str, str, Expected]]:
        rng, turns = self.rng, []
        for _ in range(num_turns):
            if rng.random() < 0.3:
                slot = rng.choice(told.order)
                old, told.values[slot] = told.values[slot], self._other(told, slot)
                told.retracted.append(meaning(old))
                cut = len(UPDATES) - NUM_UPDATES_HELD_OUT
                form = rng.choice(UPDATES[cut:] if self.held_out else UPDATES[:cut])
                said = form.format(label=told.label(slot), value=told.values[slot])
                turns.append((said, answer_update(told, slot, style), told.expected([slot])))
                continue
            ask, answer, expected = (
                self._ask(told, style) if rng.random() < 0.85 else self._all(told, style)
            )
            turns.append((rng.choice(LATER_OPENERS) + (ask or "帮我复述一遍"), answer, expected))
        return turns

    def _other(self, told: Told, slot: str) -> str:
        kind = told.frame.slots[slot].kind
        while True:
            value = DRAWS[kind](self.rng, self.world)
            if value not in told.values.values():
                return value

    def question(self, frames: tuple[Frame, ...] = FRAMES, task: str = "daily_qa") -> Dialogue:
        """One statement with its request, then mostly some further questions on it: they cost few
        tokens and teach as much as the first."""
        style = self._style()
        told, template = self._tell(self.rng.choice(frames))
        turns = [self._opening(told, template, style)]
        if self.rng.random() < 0.8:
            turns += self._later(told, style, self.rng.choice((2, 3, 4)))
        return self._finish(task, style, turns)

    def dialect(self) -> Dialogue:
        return self.question(DIALECT_FRAMES, "dialect_mix")

    def multi_turn(self) -> Dialogue:
        """A statement alone, then two to four turns that use and change it."""
        style = self._style()
        told, template = self._tell(self.rng.choice(FRAMES))
        opening = (
            _join(
                [self.rng.choice(OPENERS), _say(template, told.values, _how(self.rng), self.rng)],
                self.rng,
            ),
            answer_all(told, style),
            told.expected(told.order),
        )
        return self._finish(
            "multi_turn", style, [opening, *self._later(told, style, self.rng.choice((2, 3, 4)))]
        )

    def _cue(self) -> str:
        """What takes a value back; tests hear those of the suites."""
        return self.rng.choice(CORRECTIONS if self.held_out else AT_ONCE)

    def correction(self) -> Dialogue:
        """A statement that takes one value back, at once, nested or at its end."""
        rng, style = self.rng, self._style()
        told, template = self._tell(rng.choice(FRAMES))
        slot = rng.choice(told.order)
        old, new = told.values[slot], self._other(told, slot)
        told.retracted.append(meaning(old))
        values, tail = dict(told.values), ""
        told.values[slot] = new
        draw_ = rng.random()
        if draw_ < 0.6:
            values[slot] = old + rng.choice(["", "", rng.choice(FILLERS)]) + self._cue() + new
        elif draw_ < 0.75:
            middle = self._other(told, slot)
            told.retracted.append(meaning(middle))
            values[slot] = old + rng.choice(NESTED) + middle + self._cue() + new
        else:
            tail = rng.choice(LATE_CORRECTIONS).format(label=told.label(slot), old=old, value=new)
        statement = _say(template, values, _how(rng), rng)
        if rng.random() < 0.6:
            question = self._question(told.frame, slot)
            ask, answer = question, answer_slots(told, [slot], style)
            expected = told.expected([slot])
        else:
            ask, answer, expected = (
                self._ask(told, style) if rng.random() < 0.4 else self._all(told, style)
            )
        turns = [(_join([rng.choice(OPENERS), statement, tail, ask], rng), answer, expected)]
        if rng.random() < 0.7:
            turns += self._later(told, style, rng.choice((1, 2, 3)))
        return self._finish("self_correction", style, turns)

    def copying(self) -> Dialogue:
        """Repeats strings and recalls values by key: the skill that all answers stand on."""
        rng, style = self.rng, self._style()
        if rng.random() < 0.3:
            text = self._string(rng.randint(2, 14))
            said = rng.choice(("请重复", "请复述", "跟我说", "重复一遍", "请跟我念")) + text
            return self._finish(
                "copying", style, [(said, text + "。", Expected((text,), ("term",)))]
            )
        known = lx.ITEMS_TRAIN + lx.TOPICS_TRAIN + lx.SUBJECTS + lx.UTILITIES
        keys = [
            key if rng.random() < 0.7 else self._string(rng.randint(2, 4))
            for key in rng.sample(known, rng.choice((2, 3, 4, 5, 5, 8, 14, 25)))
        ]
        pairs = {key: self._value() for key in keys}
        joined = "".join(
            rng.choice(["{}是{}", "{}是{}", "{}的值是{}", "{}叫{}"]).format(k, v)
            for k, v in pairs.items()
        )
        turns = []
        for position in range(rng.choice((2, 3, 4))):
            key = rng.choice(keys)
            ask = rng.choice(
                ("请问{}是什么", "{}是什么", "{}呢", "那么{}是多少", "告诉我{}")
            ).format(key)
            answer = pairs[key] + "。" if style == "brief" else f"{key}是{pairs[key]}。"
            if style == "plain":
                answer = f"好的，{answer}{OFFER}"
            turns.append(
                (
                    (joined if position == 0 else "") + ask,
                    answer,
                    Expected((pairs[key],), ("term",)),
                )
            )
        return self._finish("copying", style, turns)

    def _string(self, length: int) -> str:
        return "".join(self.rng.choice(ALL_HANZI) for _ in range(length))

    def _value(self) -> str:
        rng = self.rng
        return rng.choice(
            [self._string(rng.randint(1, 6)), person(rng, self.world), phone(rng, self.world),
             code(rng, self.world), DRAWS[rng.choice(tuple(DRAWS))](rng, self.world)]
        )  # fmt: skip


MIXTURE = {
    "daily_qa": 22, "multi_turn": 13, "self_correction": 20, "dialect_mix": 12, "copying": 10,
    "entities": 12, "narratives": 18, "long_meeting": 22, "tools": 18, "open_talk": 60, "natural_talk": 45,
    "monologue": 25,
}  # fmt: skip
"""Shares of training's dialogues."""
SECOND_MIXTURE = MIXTURE | {
    "self_correction": 38,
    "daily_qa": 20,
    "narratives": 20,
    "long_meeting": 20,
    "dialect_mix": 8,
}
"""The same for training's last stretch: more of what is learned last."""


def dialogues(
    rng: random.Random, split: str, task: str = "", mixture: Mapping[str, int] = MIXTURE
) -> Iterator[Dialogue]:
    """Endless dialogues of a split (`train` or `test`), of one task or of a mixture."""
    from training.language.entity_tasks import entity
    from training.language.long_tasks import meeting, tool_call
    from training.language.narratives import narrative
    from training.language.open_talk import monologue, natural_talk, open_talk

    held_out = split == "test"
    world = World(held_out=held_out, coined=not held_out, colloquial=not held_out)
    maker = Maker(rng, world, held_out)
    makers: dict[str, Callable[[], Dialogue]] = {
        "daily_qa": maker.question,
        "multi_turn": maker.multi_turn,
        "self_correction": maker.correction,
        "dialect_mix": maker.dialect,
        "copying": maker.copying,
        "entities": lambda: entity(maker),
        "narratives": lambda: narrative(maker),
        "long_meeting": lambda: meeting(maker),
        "tools": lambda: tool_call(maker),
        "open_talk": lambda: open_talk(maker),
        "natural_talk": lambda: natural_talk(maker),
        "monologue": lambda: monologue(maker),
    }
    while True:
        name = task or rng.choices(tuple(mixture), tuple(mixture.values()))[0]
        yield makers[name]()
