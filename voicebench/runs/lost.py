"""Every wrong or missing fact of a run: which stage lost it, with all that was said on the way.

The same LLM answered three transcripts; `metrics.attribution` says how that tells the stage. Values
that nobody said are blamed alike: one that is stated from recognised text alone came in with the
recogniser, one that gold text brings out only after cleaning with the cleaning, else with the LLM.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from voicebench.errors import SuiteError
from voicebench.metrics.attribution import blame
from voicebench.metrics.facts import FactVerdict, Judgement
from voicebench.metrics.judge import TurnJudgement, expected_facts, judge_answers, suite_names
from voicebench.metrics.values.scan import Names
from voicebench.suites.load import find_suite
from voicebench.types import Case, Record, Run, Turn

LostBy = Literal["asr", "cleaning", "llm", "failed", "unknown"]
"""`failed`: the turn failed before it had an answer; `unknown`: no answers from gold text were
recorded (latency mode)."""


class Reading(Record):
    """A transcript and what the LLM answered from it; None where it was not recorded."""

    transcript: str | None
    answer: str | None


class LostFact(Record):
    """One fact that an answer misses or gets wrong, or one value in it that nobody said."""

    suite: str
    case_id: str
    turn_index: int
    variant: str
    repeat: int
    fact_id: str
    """Empty for a value that nobody said."""
    type: str
    value: str
    verdict: Literal["missing", "contradicted", "unsupported"]
    evidence: str
    """The piece of the answer that decided."""
    lost_by: LostBy
    heard: str
    """What was recognised, before cleaning."""
    recognised: Reading
    """Recognised and cleaned: what the pipeline did."""
    gold_cleaned: Reading
    gold: Reading
    recording: str
    """Path of the turn's recording; empty where its speech is synthesised."""


def lost_facts(
    run: Run, turns: Iterable[Turn], cases: dict[tuple[str, str], Case]
) -> Iterator[LostFact]:
    """The lost facts of a run, in the order of its turns; warm-up turns are left out.

    Raises:
        SuiteError: A case demands an unknown constraint.
    """
    names, folders = suite_names(cases.values()), suite_folders(run)
    for turn in turns:
        case = cases.get((turn.suite, turn.case_id))
        if case is not None and not turn.is_warm_up and turn.turn_index < len(case.turns):
            yield from _of_turn(turn, case, names, folders.get(turn.suite))


def suite_folders(run: Run) -> dict[str, Path]:
    """Where the suites of a run lie; one that is gone is left out."""
    folders = {}
    for name in run.request.get("suites", ()) or run.suites:
        try:
            folder = find_suite(name)
        except SuiteError:
            continue
        folders[folder.resolve().name] = folder.resolve()
    return folders


def _of_turn(turn: Turn, case: Case, names: Names, folder: Path | None) -> Iterator[LostFact]:
    judged = judge_answers(turn, case, names)
    asked = case.turns[turn.turn_index]
    recording = str((folder or Path()) / asked.audio) if asked.audio else ""
    facts = {fact.id: fact for fact in expected_facts(asked)}
    for place, verdict in enumerate(_verdicts(judged, list(facts))):
        if verdict.verdict == "correct":
            continue
        fact = facts[verdict.fact_id]
        yield _lost(
            turn, asked.reference, recording, verdict.fact_id, fact.type, fact.value,
            verdict.verdict, verdict.evidence, _who_lost(judged, place),
        )  # fmt: skip
    for value in judged.answer.unsupported if judged.answer else ():
        yield _lost(
            turn, asked.reference, recording, "", "value", value, "unsupported", value,
            _who_invented(judged, value),
        )  # fmt: skip


def _verdicts(judged: TurnJudgement, fact_ids: list[str]) -> tuple[FactVerdict, ...]:
    if judged.answer:
        return judged.answer.facts
    return tuple(FactVerdict(fact_id, "missing") for fact_id in fact_ids)


def _who_lost(judged: TurnJudgement, place: int) -> LostBy:
    def states(judgement: Judgement) -> bool:
        return judgement.facts[place].verdict == "correct"

    if judged.answer is None:
        return "failed"
    if judged.gold_cleaned is None or judged.gold is None:
        return "unknown"
    stage = blame(states(judged.answer), states(judged.gold_cleaned), states(judged.gold))
    return stage or "unknown"


def _who_invented(judged: TurnJudgement, value: str) -> LostBy:
    if judged.gold_cleaned is None or judged.gold is None:
        return "unknown"
    is_free = [value not in each.unsupported for each in (judged.gold_cleaned, judged.gold)]
    return blame(False, *is_free) or "unknown"


def _lost(
    turn: Turn, reference: str, recording: str, fact_id: str, type_: str, value: str,
    verdict: Literal["missing", "contradicted", "unsupported"], evidence: str, lost_by: LostBy,
) -> LostFact:  # fmt: skip
    return LostFact(
        suite=turn.suite, case_id=turn.case_id, turn_index=turn.turn_index, variant=turn.variant,
        repeat=turn.repeat, fact_id=fact_id, type=type_, value=value, verdict=verdict,
        evidence=evidence, lost_by=lost_by, heard=turn.hypothesis.text,
        recognised=Reading(transcript=turn.cleaned, answer=turn.answer),
        gold_cleaned=Reading(transcript=turn.gold_cleaned, answer=turn.answer_from_gold_cleaned),
        gold=Reading(transcript=reference, answer=turn.answer_from_gold),
        recording=recording,
    )  # fmt: skip
