"""The worst turns, with everything side by side: what was said, heard, cleaned and answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voicebench.metrics.error_rate import align, characters
from voicebench.metrics.judge import judge_turn
from voicebench.metrics.normalize import get_normalizer
from voicebench.report.data import KeptTurn, Report
from voicebench.types import Case, Turn
from voicebench.words import translate

NUM_WORST = 12
Pieces = tuple[tuple[str, str], ...]
"""(CSS class or nothing, text)."""


@dataclass(frozen=True)
class Verdict:
    """A fact and what the answer made of it."""

    text: str
    verdict: str


@dataclass(frozen=True)
class WorstCase:
    """One turn to look at."""

    title: str
    detail: str
    texts: tuple[tuple[str, Pieces], ...]
    verdicts: tuple[Verdict, ...]


def worst_cases(report: Report, num: int = NUM_WORST) -> list[WorstCase]:
    """Turns with something wrong: false statements first, then missed facts, then CER."""
    return [_worst(report, kept) for kept in rank_turns(report.kept)[:num]]


def rank_turns(turns: Iterable[KeptTurn]) -> list[KeptTurn]:
    """The turns with something wrong, the worst first."""
    scored = [(score, kept) for kept in turns if any(score := _badness(kept))]
    return [kept for _, kept in sorted(scored, key=lambda entry: entry[0], reverse=True)]


def _badness(kept: KeptTurn) -> tuple[int, int, float]:
    """(false statements, missed facts, CER); nothing of a turn that failed: it is listed elsewhere."""
    facts = kept.measures.facts
    if facts is None or kept.turn.failure is not None:
        return (0, 0, 0.0)
    return (facts.contradicted + facts.unsupported, facts.missing, _rate(kept))


def _rate(kept: KeptTurn) -> float:
    errors = kept.measures.cer
    return (errors.rate if errors else None) or 0.0


def _worst(report: Report, kept: KeptTurn) -> WorstCase:
    turn = report.read(kept)
    case = report.cases[turn.suite, turn.case_id]
    return WorstCase(
        title=f"{turn.suite} / {turn.case_id}",
        detail=translate(
            "turn {turn}, variant {variant}, repeat {repeat}, CER {cer} %, confidence {confidence}",
            turn=turn.turn_index + 1,
            variant=turn.variant,
            repeat=turn.repeat + 1,
            cer=f"{100 * _rate(kept):.1f}",
            confidence=f"{turn.hypothesis.confidence:.2f}",
        ),
        texts=_texts(turn, case),
        verdicts=verdicts_of(turn, case),
    )


def verdicts_of(turn: Turn, case: Case | None) -> tuple[Verdict, ...]:
    """What the answer makes of each fact, and values in it that nobody said; nothing of a turn that
    failed, or belongs to no case."""
    if case is None or turn.failure is not None:
        return ()
    judgement = judge_turn(turn, case)
    facts = {fact.id: fact for fact in case.turns[turn.turn_index].facts}
    return (
        *(
            Verdict(
                f"{translate(facts[each.fact_id].type)} {facts[each.fact_id].value}", each.verdict
            )
            for each in judgement.facts
        ),
        *(Verdict(text, "unsupported") for text in judgement.unsupported),
    )


def _texts(turn: Turn, case: Case) -> tuple[tuple[str, Pieces], ...]:
    asked = case.turns[turn.turn_index]
    texts: list[tuple[str, Pieces]] = [
        ("reference", (("", asked.reference),)),
        ("hypothesis", compare_texts(asked.reference, turn.hypothesis.text)),
        ("cleaned", (("", turn.cleaned or "(nothing)"),)),
        ("answer", (("", turn.answer or "(none)"),)),
    ]
    for name, answer in (
        ("from gold, cleaned", turn.answer_from_gold_cleaned),
        ("from gold", turn.answer_from_gold),
    ):
        if answer is not None and answer != turn.answer:
            texts.append((name, (("", answer or "(none)"),)))
    return tuple(texts)


def compare_texts(reference: str, hypothesis: str) -> Pieces:
    """The hypothesis as it was scored, what differs marked: struck out what was said instead."""
    normalize = get_normalizer("basic")
    units = [characters(normalize(text)) for text in (reference, hypothesis)]
    pieces: list[tuple[str, str]] = []
    for step in align(units[0], units[1]).steps:
        said, heard = "".join(step.reference), "".join(step.hypothesis)
        if step.operation == "equal":
            pieces.append(("", heard))
            continue
        pieces += [(kind, text) for kind, text in (("was", said), ("became", heard)) if text]
    return tuple(pieces) or (("", "(nothing)"),)
