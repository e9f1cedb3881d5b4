"""A recorded turn laid beside its case: transcript errors, facts, attribution."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from voicebench.metrics.attribution import Attribution, attribute
from voicebench.metrics.counts import AddedByField, ratio
from voicebench.metrics.facts import FactScore, Judgement, judge_answer
from voicebench.metrics.selection import answer_text, gave_answer
from voicebench.metrics.values.compare import compare
from voicebench.metrics.values.entity import NAME_KINDS, VALUE_KINDS
from voicebench.metrics.values.numerals import fold
from voicebench.metrics.values.scan import Names, find_entities, known_names
from voicebench.types import Case, CaseTurn, Fact, Turn


def suite_names(cases: Iterable[Case]) -> Names:
    """Every name that the facts of some cases are about: what may be mistaken for one another."""
    return known_names(fact for case in cases for turn in case.turns for fact in turn.facts)


@functools.lru_cache(maxsize=20_000)
def _context(case_id: str, turns: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(text for turn in turns for text in turn if text)


def given_context(turn: Turn, case: Case) -> tuple[str, ...]:
    """What an answer may draw on: what the user has said so far, word for word and as meant, and
    what tools and system messages told the assistant. The assistant's own words are no ground."""
    said = tuple((t.reference, t.meaning) for t in case.turns[: turn.turn_index + 1])
    told = tuple(m.content for m in turn.messages if m.role in ("system", "tool"))
    return (*_context(case.id, said), *told)


def demands(asked: CaseTurn) -> tuple[str, ...]:
    """Demands on form that a case's turn makes beside its facts, as `constraints` takes them."""
    sentences = (f"max_sentences:{asked.max_sentences}",) if asked.max_sentences else ()
    calls = tuple(f"tool_call:{call.name}" for call in asked.tool_calls or ())
    kind = {"refusal": ("refusal",), "tool": calls or ("tool_call",)}.get(asked.expects, ())
    return (*sentences, *kind)


def expected_facts(asked: CaseTurn) -> tuple[Fact, ...]:
    """The facts that an answer should state; none where only the transcript is scored."""
    if asked.expects == "transcript":
        return ()
    return tuple(fact for fact in asked.facts if fact.type != "constraint")


@dataclass(frozen=True)
class TurnJudgement:
    """A turn's answer judged, and the same LLM's answers from gold text where they are recorded.

    Attributes:
        answer: What was said; None where the turn failed, or only its transcript is scored.
        is_given: Whether that is an answer (`selection.gave_answer`), and no fall-back or nothing.
        gold_cleaned: From the gold transcript, cleaned; None where it was not recorded.
        gold: From the gold transcript.
        num_facts: Facts that the answer should state.
    """

    answer: Judgement | None
    gold_cleaned: Judgement | None
    gold: Judgement | None
    num_facts: int
    is_given: bool = True

    def score(self) -> FactScore:
        """The counts of the answer. A turn that failed, fell back or answered nothing gave none, so
        there is none to be right or wrong; but what it should have said is missing."""
        if self.answer is not None and self.is_given:
            return self.answer.score()
        return FactScore(expected=self.num_facts, missing=self.num_facts)

    def attribution(self) -> Attribution | None:
        """The lost facts by stage; None unless the three answers are recorded."""
        if self.answer is None or self.gold_cleaned is None or self.gold is None:
            return None
        return attribute(self.answer.facts, self.gold_cleaned.facts, self.gold.facts)


def judge_turn(turn: Turn, case: Case, names: Names | None = None) -> Judgement:
    """Judges a turn's answer.

    Raises:
        SuiteError: The case demands an unknown constraint.
    """
    return _judge(answer_text(turn), turn, case, names)


def judge_answers(turn: Turn, case: Case, names: Names | None = None) -> TurnJudgement:
    """Judges a turn's answer and those from gold text, equal ones once; nothing where only the
    transcript is scored.

    Raises:
        SuiteError: The case demands an unknown constraint.
    """
    asked = case.turns[turn.turn_index]
    if asked.expects == "transcript":
        return TurnJudgement(None, None, None, 0)
    is_given = gave_answer(turn)
    texts = {
        "answer": None if turn.failure else answer_text(turn) if is_given else "",
        "gold_cleaned": turn.answer_from_gold_cleaned,
        "gold": turn.answer_from_gold,
    }
    judged = {
        text: _judge(text, turn, case, names) for text in set(texts.values()) if text is not None
    }
    judgements = {name: judged.get(text) if text is not None else None
                  for name, text in texts.items()}  # fmt: skip
    return TurnJudgement(num_facts=len(expected_facts(asked)), is_given=is_given, **judgements)


def _judge(answer: str, turn: Turn, case: Case, names: Names | None) -> Judgement:
    asked = case.turns[turn.turn_index]
    if asked.expects == "transcript":
        return Judgement(facts=())
    return _judge_text(
        answer, asked.facts, case.clock, given_context(turn, case), names, demands(asked)
    )


@functools.lru_cache(maxsize=20_000)
def _judge_text(
    answer: str,
    facts: tuple[Fact, ...],
    clock: str,
    context: tuple[str, ...],
    names: Names | None,
    constraints: tuple[str, ...],
) -> Judgement:
    """Repeats, and variants that differ in speed alone, give the same answer again."""
    return judge_answer(
        answer, facts, clock=clock, context=context, names=names, constraints=constraints
    )


def score_turn(turn: Turn, case: Case, names: Names | None = None) -> FactScore:
    """The counts of a turn's answer (`TurnJudgement.score`)."""
    return judge_answers(turn, case, names).score()


def attribute_turn(turn: Turn, case: Case, names: Names | None = None) -> Attribution | None:
    """Attributes a turn's lost facts (`TurnJudgement.attribution`)."""
    return judge_answers(turn, case, names).attribution()


@dataclass(frozen=True)
class EntityScore(AddedByField):
    """Entities of references recognised with equal value; sums add.

    Attributes:
        recognised: Reference entities that the hypothesis has.
        entities: All reference entities.
    """

    recognised: int = 0
    entities: int = 0

    @property
    def entity_accuracy(self) -> float | None:
        """Recognised / all; None without entities."""
        return ratio(self.recognised, self.entities)


@functools.lru_cache(maxsize=20_000)
def entity_score(reference: str, hypothesis: str, *, clock: str, names: Names = ()) -> EntityScore:
    """Compares the entities of a transcript by value, each recognised one used once.

    Args:
        reference: Gold transcript.
        hypothesis: What was recognised.
        clock: ISO 8601 local time for relative dates.
        names: Names to look for (`known_names`).

    >>> entity_score("三万五千块", "付35000元", clock="2026-03-02T09:00:00").entity_accuracy
    1.0
    """
    wanted = [
        e for e in find_entities(reference, clock, names)
        if not e.is_weak and (e.kind in VALUE_KINDS or e.kind in NAME_KINDS)
    ]  # fmt: skip
    left = list(find_entities(hypothesis, clock, names))
    text = fold(hypothesis)
    recognised = 0
    for entity in wanted:
        match = next((heard for heard in left if compare(entity, heard) == "equal"), None)
        if match is not None:
            left.remove(match)
            recognised += 1
        elif entity.kind in NAME_KINDS and entity.value in text:
            recognised += 1
    return EntityScore(recognised, len(wanted))
