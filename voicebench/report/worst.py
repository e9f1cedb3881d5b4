"""The worst turns, with everything side by side: what was said, heard, cleaned and answered."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from voicebench.metrics.error_rate import align, cer, characters
from voicebench.metrics.judge import judge_turn
from voicebench.metrics.normalize import get_normalizer
from voicebench.report.data import Report
from voicebench.types import Case, Turn

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
    scored = []
    for turn in report.turns:
        case = report.cases.get((turn.suite, turn.case_id))
        if case is None or turn.failure is not None:
            continue
        reference = case.turns[turn.turn_index].reference
        verdicts = _verdicts(turn, case)
        num_false = sum(v.verdict in ("contradicted", "unsupported") for v in verdicts)
        num_missing = sum(v.verdict == "missing" for v in verdicts)
        rate = cer(reference, turn.hypothesis.text).rate or 0.0
        if num_false or num_missing or rate:
            scored.append(((num_false, num_missing, rate), turn, case, verdicts))
            if len(scored) > 10 * num:
                scored = heapq.nlargest(num, scored, key=lambda entry: entry[0])
    scored = heapq.nlargest(num, scored, key=lambda entry: entry[0])
    return [
        WorstCase(
            title=f"{turn.suite} / {turn.case_id}",
            detail=f"turn {turn.turn_index + 1}, variant {turn.variant}, repeat {turn.repeat + 1}, "
            f"CER {100 * score[2]:.1f} %, confidence {turn.hypothesis.confidence:.2f}",
            texts=_texts(turn, case),
            verdicts=verdicts,
        )
        for score, turn, case, verdicts in scored
    ]


def _verdicts(turn: Turn, case: Case) -> tuple[Verdict, ...]:
    judgement = judge_turn(turn, case)
    facts = {fact.id: fact for fact in case.turns[turn.turn_index].facts}
    return (
        *(
            Verdict(f"{facts[each.fact_id].type} {facts[each.fact_id].value}", each.verdict)
            for each in judgement.facts
        ),
        *(Verdict(text, "unsupported") for text in judgement.unsupported),
    )


def _texts(turn: Turn, case: Case) -> tuple[tuple[str, Pieces], ...]:
    asked = case.turns[turn.turn_index]
    texts: list[tuple[str, Pieces]] = [
        ("reference", (("", asked.reference),)),
        ("hypothesis", _compared(asked.reference, turn.hypothesis.text)),
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


def _compared(reference: str, hypothesis: str) -> Pieces:
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
