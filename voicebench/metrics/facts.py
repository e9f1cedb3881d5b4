"""Whether an answer states the facts it should, and nothing that nobody said.

Each expected fact is `correct`, `missing` or `contradicted`; each value the answer asserts that is
neither in the gold transcript nor in the given context is `unsupported`. A wrong value counts once:
where it contradicts a fact, it is not counted as unsupported as well.

A fact counts as contradicted when the answer asserts what was taken back (`forbidden`), denies the
right value, or gives another value in its place: one of the same kind and unit that belongs to no
other fact. Mentioning is not asserting: 不是周三，是周四 states 周四 alone.

What is not covered: names that nobody listed and that resemble no expected one.
"""

from __future__ import annotations

import datetime
import functools
import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import msgspec

from voicebench.metrics.assertion import Stance, stance
from voicebench.metrics.calendar import Day
from voicebench.metrics.constraints import is_refusal, keeps_constraint, spoken_text
from voicebench.metrics.entities import (
    NAME_KINDS,
    VALUE_KINDS,
    Entity,
    Kind,
    Names,
    compare,
    find_entities,
    known_names,
)
from voicebench.metrics.names import PERSON_IN_PLACE, find_near_name, is_whole_name
from voicebench.metrics.numbers import NUMBER, fold, parse_number, plain
from voicebench.types import Fact

Verdict = Literal["correct", "missing", "contradicted"]


@dataclass(frozen=True)
class FactVerdict:
    """What an answer makes of one fact; `evidence` is the piece of the answer that decided."""

    fact_id: str
    verdict: Verdict
    evidence: str = ""


@dataclass(frozen=True)
class FactScore:
    """Counts over answers; sums add, rates are derived (None where there is nothing to count).

    >>> (FactScore(answers=1, expected=2, correct=2) + FactScore(answers=1, answers_wrong=1,
    ...     expected=2, missing=1, contradicted=1)).fact_miss_rate
    0.25

    Attributes:
        answers: Answers judged.
        answers_wrong: Answers with a contradicted fact or an unsupported entity.
        expected: Facts that the answers should state.
        correct: Expected facts stated.
        missing: Expected facts not stated.
        contradicted: Expected facts stated wrongly.
        unsupported: Entities asserted that nobody said.
        extra: Further entities asserted that were said: true, but not asked for.
        constraints: Demands on form.
        constraints_kept: Those kept.
        refusals: Answers that say they do not know.
        refusals_unasked: Those although the answer was there.
    """

    answers: int = 0
    answers_wrong: int = 0
    expected: int = 0
    correct: int = 0
    missing: int = 0
    contradicted: int = 0
    unsupported: int = 0
    extra: int = 0
    constraints: int = 0
    constraints_kept: int = 0
    refusals: int = 0
    refusals_unasked: int = 0

    def __post_init__(self) -> None:
        if self.correct + self.missing + self.contradicted != self.expected:
            raise ValueError(f"verdicts do not sum to the expected facts: {self}")

    def __add__(self, other: FactScore) -> FactScore:
        return FactScore(*map(operator.add, _COUNTS(self), _COUNTS(other)))

    @property
    def wrong(self) -> int:
        """Facts asserted wrongly."""
        return self.contradicted + self.unsupported

    @property
    def asserted(self) -> int:
        """All facts asserted, right or wrong, asked for or not."""
        return self.correct + self.wrong + self.extra

    @property
    def factual_error_rate(self) -> float | None:
        """Answers with at least one false statement / answers."""
        return _ratio(self.answers_wrong, self.answers)

    @property
    def fact_miss_rate(self) -> float | None:
        """Missing facts / expected facts."""
        return _ratio(self.missing, self.expected)

    @property
    def fact_error_rate(self) -> float | None:
        """Facts asserted wrongly / all facts asserted."""
        return _ratio(self.wrong, self.asserted)

    @property
    def constraint_pass_rate(self) -> float | None:
        """Demands on form kept / demands on form."""
        return _ratio(self.constraints_kept, self.constraints)


_COUNTS = operator.attrgetter(*(field.name for field in fields(FactScore)))


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


@dataclass(frozen=True)
class Judgement:
    """Everything found about one answer."""

    facts: tuple[FactVerdict, ...]
    unsupported: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    constraints: tuple[tuple[str, bool], ...] = ()
    is_refusal: bool = False
    expects_refusal: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether the answer states anything false."""
        return bool(self.unsupported) or any(f.verdict == "contradicted" for f in self.facts)

    def score(self) -> FactScore:
        """The counts of this answer."""
        verdicts = [fact.verdict for fact in self.facts]
        return FactScore(
            answers=1,
            answers_wrong=int(self.is_wrong),
            expected=len(verdicts),
            correct=verdicts.count("correct"),
            missing=verdicts.count("missing"),
            contradicted=verdicts.count("contradicted"),
            unsupported=len(self.unsupported),
            extra=len(self.extra),
            constraints=len(self.constraints),
            constraints_kept=sum(kept for _, kept in self.constraints),
            refusals=int(self.is_refusal),
            refusals_unasked=int(self.is_refusal and not self.expects_refusal),
        )


@dataclass(frozen=True)
class _Answer:
    """An answer as folded text, with the entities in it that it asserts and that it denies."""

    text: str
    entities: tuple[Entity, ...]
    asserted: tuple[Entity, ...]
    denied: tuple[Entity, ...]
    is_refusal: bool


def judge_answer(
    answer: str,
    facts: Sequence[Fact],
    *,
    clock: str,
    context: Sequence[str] = (),
    names: Names | None = None,
    constraints: Sequence[str] = (),
) -> Judgement:
    """Judges one answer.

    Args:
        answer: What the assistant said, tool calls included.
        facts: What a good answer states. Facts of type `constraint` are demands on form.
        clock: The case's own now, ISO 8601, local.
        context: Gold transcript, earlier turns, tool results: what the answer may draw on.
        names: Names that may be mistaken for one another (`known_names` of a whole suite); None for
            those of `facts` alone.
        constraints: Further demands on form, as `constraints.keeps_constraint` takes them.

    Raises:
        SuiteError: A constraint is unknown.
    """
    stated = [fact for fact in facts if fact.type != "constraint"]
    names = known_names(stated) if names is None else names
    read = _read_answer(answer, clock, names)
    said = _read_context(tuple(context), clock, names)
    stated = [_on_the_context(fact, said, clock) for fact in stated]
    grounds = _Grounds.of(tuple(context), clock, names, stated)
    verdicts, used = [], []
    for fact in stated:
        verdict, evidence = _judge_fact(fact, stated, read, grounds, clock)
        verdicts.append(
            FactVerdict(
                fact.id, verdict, "".join(read.text[start:end] for start, end in evidence[:1])
            )
        )
        used += evidence
    loose = [entity for entity in read.asserted if not _is_within(entity, used)]
    loose = [entity for entity in loose if not _states_any(entity, stated, clock)]
    unsupported = [e for e in loose if _may_be_invented(e) and not grounds.support(e)]
    demands = [*(fact.value for fact in facts if fact.type == "constraint"), *constraints]
    return Judgement(
        facts=tuple(verdicts),
        unsupported=tuple(dict.fromkeys(entity.text for entity in unsupported)),
        extra=tuple(
            dict.fromkeys(
                e.value
                for e in loose
                if e.kind in VALUE_KINDS and not e.is_weak and grounds.support(e)
            )
        ),
        constraints=tuple((demand, keeps_constraint(answer, demand)) for demand in demands),
        is_refusal=read.is_refusal,
        expects_refusal="refusal" in demands,
    )


def _read_answer(answer: str, clock: str, names: Names) -> _Answer:
    said = spoken_text(answer)
    text = fold(said)
    entities = find_entities(said, clock, names)
    stances: list[Stance] = []
    for i, entity in enumerate(entities):
        before = entities[i - 1] if i else None
        if _is_just_today(entity, text):
            stances.append("open")
        elif before and before.end >= entity.start - 1 and before.kind != entity.kind:
            # 不是周三下午三点 denies the time with the day
            own = _stance_of(text, entity, entities)
            stances.append(own if stances[-1] == "asserted" else stances[-1])
        else:
            stances.append(_stance_of(text, entity, entities))
    of = {kind: tuple(e for e, held in zip(entities, stances, strict=True) if held == kind)
          for kind in ("asserted", "denied")}  # fmt: skip
    return _Answer(text, entities, of["asserted"], of["denied"], is_refusal(answer))


def _stance_of(text: str, entity: Entity, entities: Sequence[Entity]) -> Stance:
    of_kind = tuple(
        other.start
        for other in entities
        if other.kind == entity.kind or {other.kind, entity.kind} <= {"number", "money"}
    )
    return stance(text, entity.start, entity.end, of_kind)


def _is_just_today(entity: Entity, text: str) -> bool:
    """今天是周一 tells when one speaks; it answers nothing about another date."""
    is_named = entity.day is not None and entity.day.is_today and text.startswith("是", entity.end)
    return is_named or (entity.kind == "date" and bool(re.search(r"今天是$", text[: entity.start])))


# ---------------------------------------------------------------- one fact


@functools.lru_cache(maxsize=10_000)
def _forms(fact_type: str, text: str, clock: str) -> tuple[Entity, ...]:
    """The values that make up one form of a fact: 下周三下午两点半 is a date and a time."""
    if fact_type in NAME_KINDS:
        return ()
    found = tuple(entity for entity in find_entities(text, clock) if entity.kind in VALUE_KINDS)
    if fact_type == "money":  # 两百五, not 两百五十块
        found = tuple(
            replace(e, kind="money") if e.kind == "number" and not e.unit else e for e in found
        )
    if found:
        return found
    folded = fold(text)
    value = parse_number(folded) if re.fullmatch(NUMBER, folded) else None
    if value is None or fact_type not in ("number", "money"):
        return ()
    kind: Kind = "money" if fact_type == "money" else "number"
    return (Entity(kind, folded, 0, len(folded), plain(value)),)


def _on_the_context(fact: Fact, context: _Grounds, clock: str) -> Fact:
    """A fact whose 两点半 is 14:30, where the context says afternoon."""
    if fact.type != "time":
        return fact
    value, *accepted = (_narrowed(form, context, clock) for form in (fact.value, *fact.accepted))
    return msgspec.structs.replace(fact, value=value, accepted=tuple(accepted))


def _narrowed(form: str, context: _Grounds, clock: str) -> str:
    text = fold(form)
    for time in reversed(find_entities(form, clock)):
        said = {e.minutes for e in context.entities if e.end and set() < e.minutes < time.minutes}
        if time.kind == "time" and len(said) == 1 and len(minutes := said.pop()) == 1:
            hour, minute = divmod(min(minutes), 60)
            text = f"{text[: time.start]}{hour:02}:{minute:02}{text[time.end :]}"
    return text


Spans = list[tuple[int, int]]


def _judge_fact(
    fact: Fact, facts: Sequence[Fact], answer: _Answer, grounds: _Grounds, clock: str
) -> tuple[Verdict, Spans]:
    """The verdict, and where in the answer it was found."""
    right: Spans = []
    is_stated = False
    for form in (fact.value, *fact.accepted):
        spans = _find_form(fact.type, form, answer, clock)
        if spans is not None:
            right += spans
            is_stated = True
    for form in fact.forbidden:
        taken_back = _find_form(fact.type, form, answer, clock)
        if taken_back and any(not _overlaps(span, right) for span in taken_back):
            return "contradicted", [*(s for s in taken_back if not _overlaps(s, right)), *right]
    if is_stated:
        return "correct", right
    wrong = _find_wrong(fact, facts, answer, grounds, clock)
    return ("contradicted", wrong) if wrong else ("missing", [])


def _find_form(fact_type: str, form: str, answer: _Answer, clock: str) -> Spans | None:
    """Where an answer asserts one form of a fact; None where it does not."""
    parts = _forms(fact_type, form, clock)
    if not parts:
        return _find_text(fact_type, form, answer) or _find_split_goods(
            fact_type, form, answer, clock
        )
    spans: Spans = []
    for part in parts:
        stating = [e for e in answer.asserted if compare(part, e) == "equal"]
        if not stating:
            return _find_bare(parts, form, answer)
        spans += [(entity.start, entity.end) for entity in stating]
    return spans


def _find_bare(parts: Sequence[Entity], form: str, answer: _Answer) -> Spans | None:
    """A lone digit word (答案是两) is an entity only where a fact expects it."""
    folded = fold(form)
    if len(parts) != 1 or len(folded) != 1:
        return None
    return [
        match.span()
        for match in re.finditer(rf"(?:^|(?<=[是为有共:到]))(?:{folded})(?=$|[。,!])", answer.text)
    ] or None


def _find_text(
    fact_type: str, form: str, answer: _Answer, wanted_stance: Stance = "asserted"
) -> Spans | None:
    folded = fold(form)
    of_kind = tuple(entity.start for entity in answer.entities if entity.kind == fact_type)
    for text, wanted in (
        (answer.text, folded),
        (digits_in_names(answer.text), digits_in_names(folded)),
    ):
        spans = [
            match.span()
            for match in re.finditer(re.escape(wanted), text)
            if is_whole_name(text, *match.span(), fact_type)
            and stance(text, *match.span(), of_kind) == wanted_stance
        ]
        if spans:
            return spans
    return None


def _find_split_goods(fact_type: str, form: str, answer: _Answer, clock: str) -> Spans | None:
    """三箱苹果 said as 苹果三箱."""
    goods = _goods(fact_type, form, clock)
    if goods is None:
        return None
    amount, thing = goods
    where = _find_text(fact_type, thing, answer)
    stating = [(e.start, e.end) for e in answer.asserted if compare(amount, e) == "equal"]
    return [*where, *stating] if where and stating else None


def _goods(fact_type: str, form: str, clock: str) -> tuple[Entity, str] | None:
    """A quantity and what there is of it, when a product is named so."""
    if fact_type not in ("product", "term"):
        return None
    folded = fold(form)
    entities = find_entities(folded, clock)
    if len(entities) != 1 or entities[0].start != 0 or not entities[0].unit:
        return None
    thing = folded[entities[0].end :]
    return (entities[0], thing) if thing else None


@functools.lru_cache(maxsize=10_000)
def digits_in_names(text: str) -> str:
    """A text with its Hanzi numbers in digits, for names: 三号会议室 is 3号会议室, mate 60 is mate60.

    >>> digits_in_names("小米十四")
    '小米14'
    """

    def in_digits(match: re.Match[str]) -> str:
        value = parse_number(match.group())
        return match.group() if value is None else plain(value)

    return re.sub(r"(?<=[a-z]) (?=\d)", "", re.sub(NUMBER, in_digits, text))


def _find_wrong(
    fact: Fact, facts: Sequence[Fact], answer: _Answer, grounds: _Grounds, clock: str
) -> Spans:
    """Where an answer denies a fact or gives another value in its place."""
    parts = _forms(fact.type, fact.value, clock)
    goods = _goods(fact.type, fact.value, clock)
    denied = [
        (e.start, e.end) for part in parts for e in answer.denied if compare(part, e) == "equal"
    ]
    states_right = any(compare(part, e) == "equal" for part in parts for e in answer.asserted)
    if denied and not states_right:
        return denied
    wrong = [
        (entity.start, entity.end)
        for part in (*parts, *((goods[0],) if goods else ()))
        if not any(compare(part, e) == "equal" for e in answer.asserted)
        for entity in answer.asserted
        if _replaces(entity, part, fact, facts, answer, grounds, clock)
    ]
    if wrong or parts:
        return wrong
    return _find_wrong_name(fact, facts, answer, grounds, clock)


def _replaces(
    entity: Entity, part: Entity, fact: Fact, facts: Sequence[Fact], answer: _Answer,
    grounds: _Grounds, clock: str,
) -> bool:  # fmt: skip
    """Whether an asserted value stands where a part of the fact should."""
    if entity.is_weak and (not part.unit or entity.unit != part.unit) and part.kind != "time":
        return False
    if compare(part, entity) != "conflict" or _states_any(entity, facts, clock):
        return False
    if not grounds.support(entity):
        return True
    # said by the user, but about something else: wrong only as the one answer to the one question
    num_alike = sum(1 for other in facts if other.type == fact.type)
    return num_alike == 1 and not answer.is_refusal


def _states_any(entity: Entity, facts: Iterable[Fact], clock: str) -> bool:
    """Whether an entity is the value of any of the facts, or a part of it."""
    for fact in facts:
        for form in (fact.value, *fact.accepted):
            if any(compare(part, entity) == "equal" for part in _forms(fact.type, form, clock)):
                return True
            if entity.kind in NAME_KINDS and (
                entity.value in fold(form) or fold(form) in entity.value
            ):
                return True
            goods = _goods(fact.type, form, clock)
            if goods and compare(goods[0], entity) == "equal":
                return True
    return False


def _find_wrong_name(
    fact: Fact, facts: Sequence[Fact], answer: _Answer, grounds: _Grounds, clock: str
) -> Spans:
    near = find_near_name(answer.text, fold(fact.value), fact.type)
    if (
        near
        and stance(answer.text, *near) == "asserted"
        and not _is_known_elsewhere(near, answer, facts, grounds)
    ):
        return [near]
    denied = _find_text(fact.type, fact.value, answer, "denied")
    if denied:
        return denied
    if fact.type == "person" and (invented := _invented_people(answer, grounds)):
        return invented
    return [
        (entity.start, entity.end)
        for entity in answer.asserted
        if entity.kind == fact.type and not _states_any(entity, facts, clock)
        if not grounds.support(entity)
        or (sum(other.type == fact.type for other in facts) == 1 and not answer.is_refusal)
    ]


def _invented_people(answer: _Answer, grounds: _Grounds) -> Spans:
    """Names in a name's place that nobody said."""
    return [
        match.span()
        for match in PERSON_IN_PLACE.finditer(answer.text)
        if match.group() not in grounds.text
        and not _overlaps(match.span(), [(e.start, e.end) for e in answer.entities])
        and stance(answer.text, *match.span()) == "asserted"
    ]


def _is_known_elsewhere(
    span: tuple[int, int], answer: _Answer, facts: Sequence[Fact], grounds: _Grounds
) -> bool:
    """Whether a look-alike is really another fact's name, or words that the user said."""
    piece = answer.text[span[0] : span[1]]
    values = [fold(form) for fact in facts for form in (fact.value, *fact.accepted)]
    return any(
        piece in value and piece != value for value in values if len(value) > len(piece) + 1
    ) or (any(piece == value for value in values) or (len(facts) > 1 and piece in grounds.text))


# ---------------------------------------------------------------- what an answer may draw on


@dataclass(frozen=True)
class _Grounds:
    """The given context, read once."""

    text: str
    entities: tuple[Entity, ...]

    @staticmethod
    def of(context: tuple[str, ...], clock: str, names: Names, facts: Sequence[Fact]) -> _Grounds:
        grounds = _read_context(context, clock, names)
        given = tuple(
            part
            for fact in facts
            for form in (fact.value, *fact.accepted)
            for part in _forms(fact.type, form, clock)
        )
        return _Grounds(grounds.text, (*grounds.entities, *given))

    def support(self, entity: Entity) -> bool:
        """Whether somebody said this value."""
        if entity.kind in NAME_KINDS:
            return self._names(entity)
        if any(compare(ground, entity) in ("equal", "partial") for ground in self.entities):
            return True
        # in run-on speech 八点二十个人 reads as a time; the words themselves still stand there
        where = self.text.find(entity.text) if len(entity.text) > 1 else -1
        if entity.kind in ("date", "time"):
            return where >= 0
        return where >= 0 and not re.match(
            r"[\d零〇一二两三四五六七八九幺十百千万亿]", self.text[max(where - 1, 0) : where]
        )

    def _names(self, entity: Entity) -> bool:
        if entity.value in self.text:
            return True
        name = re.sub(r"(?:总经理|[^\W\d_]{2}|总)$", "", entity.value) or entity.value
        return entity.kind == "person" and name != entity.value and name in self.text


@functools.lru_cache(maxsize=5_000)
def _read_context(context: tuple[str, ...], clock: str, names: Names) -> _Grounds:
    now = datetime.datetime.fromisoformat(clock)
    entities = [entity for text in context for entity in find_entities(text, clock, names)]
    today = Day(dates=frozenset({now.date()}), is_today=True)
    entities.append(Entity("date", "今天", 0, 0, str(today), day=today))
    minute = now.hour * 60 + now.minute
    entities.append(Entity("time", "现在", 0, 0, "", minutes=frozenset({minute})))
    return _Grounds("\n".join(fold(text) for text in context), tuple(entities))


def _may_be_invented(entity: Entity) -> bool:
    """Whether an entity nobody said is surely a claim. Listed products and terms are everyday words,
    and so are short places (银行): they can contradict a fact, but are not held against an answer."""
    if entity.is_weak:
        return False
    if entity.kind in VALUE_KINDS or entity.kind == "person":
        return True
    return entity.kind in ("place", "organisation") and (
        len(entity.text) > 2 or entity.text not in ("银行", "超市", "书店", "药店", "商场", "邮局")
    )


def _overlaps(span: tuple[int, int], spans: Iterable[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in spans)


def _is_within(entity: Entity, spans: Iterable[tuple[int, int]]) -> bool:
    return _overlaps((entity.start, entity.end), spans)
