"""Whether an answer states the facts it should, and nothing that was not given.

Each expected fact is `correct`, `missing` or `contradicted`; each value the answer asserts that is
neither in the gold transcript nor in the given context is `unsupported`. A wrong value counts once:
where it contradicts a fact, it is not counted as unsupported as well.

A fact counts as contradicted when the answer asserts what was taken back (`forbidden`), denies the
right value, turns its direction round (下降12% for 增长12%), or gives another value in its place: one of
the same kind and unit that belongs to no other fact, or one of another kind where a word announces
this one. Mentioning is not asserting: 不是周三，是周四 states 周四 alone.

What is not covered: names that were not listed and that resemble no expected one, unless something in
the sentence shows them to stand in its place (`slots`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from voicebench.lexicon.opposites import GAIN, POLES, RISE, SWITCH
from voicebench.lexicon.people import SURNAMES
from voicebench.metrics import slots
from voicebench.metrics.assertion import Polarity
from voicebench.metrics.constraints import is_refusal, keeps_constraint, spoken_text
from voicebench.metrics.derived import is_derived
from voicebench.metrics.fact_forms import goods_of, in_context, parts_of, time_after
from voicebench.metrics.fact_score import FactScore, FactVerdict, Judgement, Verdict
from voicebench.metrics.grounds import Grounds, read_context
from voicebench.metrics.names import find_name, find_near_name, is_titled_only, short_forms
from voicebench.metrics.options import other_options, synonyms
from voicebench.metrics.reading import Reading, Span, overlaps, read_text
from voicebench.metrics.roles import Roles, clause_at, clause_words, clauses, read_roles
from voicebench.metrics.stand_ins import standing_for
from voicebench.metrics.swaps import find_swapped, is_told_of
from voicebench.metrics.values.compare import compare
from voicebench.metrics.values.entity import NAME_KINDS, VALUE_KINDS, Entity
from voicebench.metrics.values.numerals import fold
from voicebench.metrics.values.scan import Names, known_names
from voicebench.types import Fact

__all__ = ["FactScore", "FactVerdict", "Judgement", "Verdict", "judge_answer"]

Spans = list[Span]
_REJECTED = re.compile(r"[没未误错混嫌弃太]|别(?!忘)|不(?!过|见不散|要忘|变)")
_COMPUTED = re.compile(r"[共总加均每差剩隔]|合计")
_AT_FIRST = re.compile(r"此前|最初|原先|先前|一开始|起初|本来|误")
"""What shows that a value beside the right one is rejected, or was there before."""


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
    given = read_context(tuple(context), clock, names)
    stated = [in_context(fact, given, clock) for fact in stated]
    parts = [
        p for f in stated for form in (f.value, *f.accepted) for p in parts_of(f.type, form, clock)
    ]
    reading = read_text(spoken_text(answer), clock, names)
    judge = _Judge(reading, tuple(stated), given.with_entities(parts), clock, is_refusal(answer))
    verdicts, used = [], []
    for fact in stated:
        verdict, evidence = judge.verdict(fact)
        text = "".join(reading.text[start:end] for start, end in evidence[:1])
        verdicts.append(FactVerdict(fact.id, verdict, text))
        used += evidence
    unsupported, extra = judge.further(used)
    demands = [*(fact.value for fact in facts if fact.type == "constraint"), *constraints]
    return Judgement(
        facts=tuple(verdicts),
        unsupported=unsupported,
        extra=extra,
        constraints=tuple((demand, keeps_constraint(answer, demand)) for demand in demands),
        is_refusal=judge.is_refusal,
        expects_refusal="refusal" in demands,
    )


@dataclass(eq=False)
class _Judge:
    """One answer beside its facts and what it may draw on."""

    answer: Reading
    facts: tuple[Fact, ...]
    grounds: Grounds
    clock: str
    is_refusal: bool
    _roles_read: dict[str, Roles | None] = field(default_factory=dict)

    @functools.cached_property
    def asserted(self) -> tuple[Entity, ...]:
        return self.answer.of_polarity("asserted")

    @functools.cached_property
    def denied(self) -> tuple[Entity, ...]:
        return tuple(e for e in self.answer.of_polarity("denied") if e not in self.as_given)

    @functools.cached_property
    def as_given(self) -> tuple[Entity, ...]:
        """What the answer denies as the context does (李明来不了): it is what there is to state."""
        return tuple(
            e for e in self.answer.of_polarity("denied") if self.grounds.polarity_of(e) == "denied"
        )

    def verdict(self, fact: Fact) -> tuple[Verdict, Spans]:
        """The verdict on a fact, and where in the answer it was found."""
        right: Spans = []
        is_stated = False
        for form in (fact.value, *fact.accepted):
            spans = self._find_form(fact.type, form, is_right=True)
            if spans is not None:
                right += spans
                is_stated = True
        for form in fact.forbidden:
            taken_back = [
                span
                for span in self._find_form(fact.type, form) or ()
                if not overlaps(span, right)
                and not (is_stated and self._is_just_history(span, fact.type, form))
            ]
            if taken_back:
                return "contradicted", [*taken_back, *right]
        if is_stated:
            turned = self._find_turned(fact, right) or self._find_swapped(fact, right)
            return ("contradicted", turned) if turned else ("correct", right)
        wrong = self._find_wrong(fact)
        return ("contradicted", wrong) if wrong else ("missing", [])

    def further(self, used: Spans) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the answer asserts beyond the facts: not given at all, and given but not asked for."""
        loose = [
            e for e in self.asserted
            if not overlaps((e.start, e.end), used) and not self._states_any(e)
        ]  # fmt: skip
        unsupported = [e.text for e in loose if _may_be_invented(e) and not self.grounds.support(e)]
        unsupported += [
            self.answer.text[start:end]
            for start, end in slots.surely_people(self.answer, self.grounds)
            if not overlaps((start, end), used)
        ]
        extra = [
            e.value
            for e in loose
            if e.kind in VALUE_KINDS and not e.is_weak and self.grounds.support(e)
        ]
        return tuple(dict.fromkeys(unsupported)), tuple(dict.fromkeys(extra))

    # -------------------------------------------------- stated

    def _find_form(self, fact_type: str, form: str, *, is_right: bool = False) -> Spans | None:
        """Where the answer asserts one form of a fact; None where it does not."""
        parts = parts_of(fact_type, form, self.clock)
        if not parts:
            found = self._find_text(fact_type, form, "asserted", is_right=is_right)
            if found is None and is_right:
                found = self._find_other_form(fact_type, form)
            return found or self._find_split_goods(fact_type, form)
        stated = (*self.asserted, *(self.as_given if is_right else ()))
        spans: Spans = []
        for part in parts:
            stating = [e for e in stated if compare(part, e) == "equal" or self._is_signed(part, e)]
            if not stating:
                return self._find_bare(parts, form)
            spans += [(entity.start, entity.end) for entity in stating]
        return spans

    def _is_signed(self, part: Entity, entity: Entity) -> bool:
        """Whether a word is one's sign where the other has a minus: 下降3% is -3%."""
        is_other_unit = entity.unit != part.unit and bool(entity.unit) and bool(part.unit)
        if (part.value[:1] == "-") == (entity.value[:1] == "-") or is_other_unit:
            return False
        if part.value.lstrip("-") != entity.value.lstrip("-"):
            return False
        if part.value[:1] == "-":
            found = self.answer.directions(entity.start, entity.end)
            return -1 in (found.get(RISE), found.get(GAIN))
        given = self._given_directions(part)
        return -1 in (given.get(RISE), given.get(GAIN))

    def _given_directions(self, part: Entity) -> dict[int, int]:
        found: dict[int, int] = {}
        for reading, i in self.grounds.mentions(part):
            found |= reading.directions(reading.entities[i].start, reading.entities[i].end)
        return found

    def _find_bare(self, parts: Sequence[Entity], form: str) -> Spans | None:
        """A lone digit word (答案是两) is an entity only where a fact expects it."""
        folded = fold(form)
        if len(parts) != 1 or len(folded) != 1:
            return None
        pattern = rf"(?:^|(?<=[是为有共:到]))(?:{re.escape(folded)})(?=$|[。,!])"
        return [match.span() for match in re.finditer(pattern, self.answer.text)] or None

    def _find_text(
        self, fact_type: str, form: str, wanted: Polarity = "asserted", *, is_right: bool = False
    ) -> Spans | None:
        name = fold(form)
        spans = list(find_name(self.answer.text, name, fact_type))
        polarities = [self.answer.polarity(*span, fact_type) for span in spans]
        if is_right and "denied" in polarities:
            given = [r.polarity(*s, fact_type) for r, s in self.grounds.spans(name)]
            if given and given[-1] == "denied":
                return spans
        return [s for s, found in zip(spans, polarities, strict=True) if found == wanted] or None

    def _find_other_form(self, fact_type: str, form: str) -> Spans | None:
        """Where the answer has an abbreviation or a synonym of a name: 北大, 窗边 for 靠窗."""
        name = fold(form)
        forms = short_forms(name, fact_type)
        if fact_type in ("term", "product"):
            forms = (*forms, *synonyms(name), *synonyms(name.lstrip("向往")))
            forms = (*forms, name[1:]) if name[0] in "向往" and len(name) > 2 else forms
        found = [
            [s for s in self._find_text(fact_type, other) or () if not self._goes_on(s, other)]
            for other in forms
        ]
        return [span for spans in found if spans for span in spans] or None

    def _goes_on(self, span: Span, short: str) -> bool:
        """Whether an abbreviation is but the beginning of another name: 复旦 in 复旦中学."""
        return bool(slots.ORGANISATION_HEAD.match(self.answer.text, span[1])) and len(short) < 4

    def _find_split_goods(self, fact_type: str, form: str) -> Spans | None:
        """三箱苹果 said as 苹果三箱."""
        goods = goods_of(fact_type, form, self.clock)
        if goods is None:
            return None
        amount, thing = goods
        where = self._find_text(fact_type, thing)
        stating = [(e.start, e.end) for e in self.asserted if compare(amount, e) == "equal"]
        return [*where, *stating] if where and stating else None

    def _find_turned(self, fact: Fact, right: Spans) -> Spans:
        """Where the answer gives a right value the opposite direction: 下降12% for 增长12%."""
        given: dict[int, int] = {}
        if fact.type == "term":
            for reading, span in self.grounds.spans(fold(fact.value)):
                given |= {p: d for p, d in reading.directions(*span).items() if p == SWITCH}
        elif fact.type in NAME_KINDS:
            return []
        for part in parts_of(fact.type, fact.value, self.clock):
            given |= self._given_directions(part)
        if not given:
            return []
        found = [(span, self.answer.directions(*span)) for span in right]
        turned = [s for s, d in found if any(given.get(pair) == -pole for pair, pole in d.items())]
        return turned if len(turned) == len(found) else []

    # -------------------------------------------------- roles

    def _places(self, reading: Reading, fact_type: str, form: str) -> Spans:
        """Where a text has one form of a fact."""
        parts = parts_of(fact_type, form, self.clock)
        if not parts:
            return list(find_name(reading.text, fold(form), fact_type))
        return [
            (e.start, e.end)
            for e in reading.entities
            if any(compare(part, e) == "equal" for part in parts)
        ]

    def _roles(self, fact: Fact) -> Roles | None:
        """The role of a fact, where the context gives values to several; read once."""
        if fact.id not in self._roles_read:
            parts = parts_of(fact.type, fact.value, self.clock)
            forms = (fact.value, *fact.accepted)
            links = {
                link
                for reading, (start, _) in self.grounds.spans(fold(fact.value))
                if (link := reading.text[max(start - 1, 0) : start]) in tuple("在是叫")
            }

            def is_rival(reading: Reading, clause: Span, shared: frozenset[str]) -> bool:
                if not parts:
                    is_linked = any(link in reading.text[slice(*clause)] for link in links)
                    return (
                        bool(shared)
                        or is_linked
                        or _begins_with_person(fact, reading.text[slice(*clause)])
                    )
                return any(
                    clause[0] <= e.start < clause[1]
                    and polarity == "asserted"
                    and any(compare(part, e) == "conflict" for part in parts)
                    for e, polarity in zip(reading.entities, reading.polarities, strict=True)
                )

            self._roles_read[fact.id] = read_roles(
                self.grounds,
                lambda reading: [s for f in forms for s in self._places(reading, fact.type, f)],
                is_rival,
            )
        return self._roles_read[fact.id]

    def _find_swapped(self, fact: Fact, right: Spans) -> Spans:
        """Where a right value stands in another one's role: 酒店840元 for 机票八百四."""
        roles = self._roles(fact)
        if not right:
            return []
        forms = (fact.value, *fact.accepted)
        swapped = find_swapped(
            self.answer,
            self.grounds,
            lambda reading: [s for form in forms for s in self._places(reading, fact.type, form)],
            right,
        )
        if swapped or roles is None:
            return swapped
        found = [roles.of(self.answer, span) for span in right]
        if all(role == "other" for role in found):
            return right
        if fact.type not in NAME_KINDS or "own" in found:
            return []
        own = [clause_at(self.answer, span) for span in right]
        return [
            clause
            for clause in clauses(self.answer)
            if clause not in own
            and (shares := roles.shares(clause_words(self.answer, clause)))[0]
            and shares[1] > 1
        ]

    def _is_in_other_role(self, span: Span, fact: Fact) -> bool:
        roles = self._roles(fact)
        return roles is not None and roles.of(self.answer, span) == "other"

    def _is_just_history(self, span: Span, fact_type: str, form: str) -> bool:
        """Whether a value that was taken back is only spoken of, or true of something else (周日要加班)."""
        start, end = clause_at(self.answer, span)
        text = self.answer.text
        if _REJECTED.search(text, span[1], end) or _AT_FIRST.search(text, start, span[0]):
            return True
        words = clause_words(self.answer, (start, end))
        mentions = [
            clause_words(reading, clause_at(reading, place))
            for reading in self.grounds.readings
            for place in self._places(reading, fact_type, form)
        ]
        own = [len(words & (mention - mentions[0])) for mention in mentions[1:]]
        return bool(own) and max(own) > len(words & mentions[0])

    # -------------------------------------------------- wrong

    def _find_wrong(self, fact: Fact) -> Spans:
        """Where the answer denies a fact or gives another value in its place."""
        parts = parts_of(fact.type, fact.value, self.clock)
        if fact.type == "time" and time_after(fact.value, self.clock):
            parts = (*parts, *parts_of(fact.type, fact.accepted[-1], self.clock))
        goods = goods_of(fact.type, fact.value, self.clock)
        denied = [
            (e.start, e.end) for part in parts for e in self.denied if compare(part, e) == "equal"
        ]
        states_right = any(compare(part, e) == "equal" for part in parts for e in self.asserted)
        if denied and not states_right:
            return denied
        wrong = [
            (entity.start, entity.end)
            for part in (*parts, *((goods[0],) if goods else ()))
            if not any(compare(part, e) == "equal" for e in self.asserted)
            for entity in self._stated_like(part)
            if self._replaces(entity, part, fact)
        ]
        wrong = self._on_topic(wrong, fact)
        slot = "number" if fact.type == "time" and _is_duration(parts) else fact.type
        wrong = wrong or slots.other_kind(slot, self.answer, self.asserted)
        wrong = wrong or slots.no_value(slot, self.answer)
        if wrong or parts:
            return wrong
        return self._find_wrong_name(fact, goods)

    def _on_topic(self, wrong: Spans, fact: Fact) -> Spans:
        """Of several wrong values, those in a clause on the fact's own topic, if any are."""
        topics = [
            clause_words(reading, clause_at(reading, place))
            for reading in self.grounds.readings
            for place in self._places(reading, fact.type, fact.value)
        ]
        if len(wrong) < 2 or not topics:
            return wrong
        words = {span: clause_words(self.answer, clause_at(self.answer, span)) for span in wrong}
        return [s for s in wrong if words[s] & topics[-1]] or wrong

    def _stated_like(self, part: Entity) -> tuple[Entity, ...]:
        """What is asserted, and what is denied where the context denies its own: 取消周三的会."""
        is_denied = bool(self.denied) and self.grounds.polarity_of(part) == "denied"
        return (*self.asserted, *self.denied) if is_denied else self.asserted

    def _replaces(self, entity: Entity, part: Entity, fact: Fact) -> bool:
        """Whether an asserted value stands where a part of the fact should."""
        if entity.is_weak and (not part.unit or entity.unit != part.unit) and part.kind != "time":
            return False
        if compare(part, entity) != "conflict" or self._states_any(entity):
            return False
        if not self.grounds.support(entity):
            return True
        before = self.answer.text[
            clause_at(self.answer, (entity.start, entity.end))[0] : entity.start
        ]
        if _COMPUTED.search(before) and is_derived(entity, self.grounds.entities):
            return False
        # said by the user, but about something else: wrong only as the one answer to the one question
        is_elsewhere = self._is_in_other_role((entity.start, entity.end), fact)
        is_elsewhere = is_elsewhere or self._is_told_elsewhere(entity, fact)
        return self._is_only(fact) and not self.is_refusal and not is_elsewhere

    def _is_told_elsewhere(self, entity: Entity, fact: Fact) -> bool:
        """Whether the context says of a given value what the answer does, and not of the fact's."""
        return is_told_of(
            self.answer,
            self.grounds,
            (entity.start, entity.end),
            lambda reading: [
                (e.start, e.end) for e in reading.entities if compare(entity, e) == "equal"
            ],
            lambda reading: self._places(reading, fact.type, fact.value),
        )

    def _is_only(self, fact: Fact) -> bool:
        return sum(1 for other in self.facts if other.type == fact.type) == 1

    def _states_any(self, entity: Entity) -> bool:
        """Whether an entity is the value of any of the facts, or a part of it."""
        for fact in self.facts:
            for form in (fact.value, *fact.accepted):
                parts = parts_of(fact.type, form, self.clock)
                if any(compare(part, entity) == "equal" for part in parts):
                    return True
                if entity.kind in NAME_KINDS and (
                    entity.value in fold(form) or fold(form) in entity.value
                ):
                    return True
                goods = goods_of(fact.type, form, self.clock)
                if goods and compare(goods[0], entity) == "equal":
                    return True
        return False

    def _find_wrong_name(self, fact: Fact, goods: tuple[Entity, str] | None) -> Spans:
        name = fold(fact.value)
        near = find_near_name(self.answer.text, name, fact.type)
        if near and self._is_in_other_role(near, fact):
            near = None
        if near and self._is_asserted(near, fact) and not self._is_known_elsewhere(near, fact):
            return [near]
        denied = self._find_text(fact.type, fact.value, "denied")
        if denied:
            return denied
        if opposite := self._find_opposite(name):
            return opposite
        roles = self._roles(fact)
        if fact.type == "person" and (found := slots.people(self.answer, self.grounds)):
            return [s for s in found if roles is None or roles.of(self.answer, s) == "own"]
        named = [
            (e.start, e.end)
            for e in self.asserted
            if e.kind == fact.type and not self._states_any(e)
            if not (e.kind == "person" and is_titled_only(e.value, name))
            if not self.grounds.support(e)
            or (
                self._is_only(fact)
                and not self.is_refusal
                and not self._is_in_other_role((e.start, e.end), fact)
                and not self._is_told_elsewhere(e, fact)
            )
        ]
        return named or self._find_in_its_place(fact, name, goods)

    def _find_opposite(self, name: str) -> Spans:
        """Where a word of the name is turned into its opposite: 打开空调 for 关闭空调."""
        text = self.answer.text
        return [
            match.span()
            for own, (pair, pole) in POLES.items()
            if len(own) > 1 and own in name and name.replace(own, "") in text
            for word, (its_pair, its_pole) in POLES.items()
            if its_pair == pair and its_pole == -pole and len(word) > 1
            for match in re.finditer(re.escape(word), text)
            if self.answer.polarity(*match.span(), "term") == "asserted"
        ]

    def _find_in_its_place(self, fact: Fact, name: str, goods: tuple[Entity, str] | None) -> Spans:
        """Names that were not listed, where the sentence shows them in the fact's place."""
        found: Spans = []
        if goods:
            for entity in self.asserted:
                if compare(goods[0], entity) == "equal":
                    other = slots.other_goods(goods[1], entity.end, self.answer, self.grounds)
                    found += [other] if other else []
        if fact.type in ("term", "product"):
            found += other_options(self.answer.text, name, self.grounds.text)
        found += standing_for(name, fact.type, self.answer, self.grounds)
        found += slots.other_brand(name, self.answer, self.grounds)
        found += slots.other_of_head(name, fact.type, self.answer, self.grounds)
        found += slots.other_of_stem(name, fact.type, self.answer, self.grounds)
        found += slots.in_clause(name, fact.type, self.answer, self.grounds)
        found += slots.in_frame(name, fact.type, self.answer, self.grounds)
        return [
            s for s in found if self._is_asserted(s, fact) and not self._is_known_elsewhere(s, fact)
        ]

    def _is_asserted(self, span: Span, fact: Fact) -> bool:
        return self.answer.polarity(*span, fact.type) == "asserted"

    def _is_known_elsewhere(self, span: Span, fact: Fact) -> bool:
        """Whether a look-alike is really another fact's name, or words that the user said."""
        piece = self.answer.text[span[0] : span[1]]
        others = [other for other in self.facts if other is not fact]
        values = [fold(form) for other in others for form in (other.value, *other.accepted)]
        is_part = any(piece in value for value in values if len(value) > len(piece) + 1)
        is_given = len(self.facts) > 1 and piece in self.grounds.text
        return is_part or piece in values or is_given


def _is_duration(parts: Sequence[Entity]) -> bool:
    return bool(parts) and all(part.kind == "number" for part in parts)


def _begins_with_person(fact: Fact, clause: str) -> bool:
    return fact.type == "person" and clause[:1] in SURNAMES


def _may_be_invented(entity: Entity) -> bool:
    """Whether an entity that was not given is surely a claim. Listed products and terms are everyday
    words, and so are short places (银行): they can contradict a fact, but are not held against an
    answer."""
    if entity.is_weak:
        return False
    if entity.kind in VALUE_KINDS or entity.kind == "person":
        return True
    return entity.kind in ("place", "organisation") and (
        len(entity.text) > 2 or entity.text not in ("银行", "超市", "书店", "药店", "商场", "邮局")
    )
