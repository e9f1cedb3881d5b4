"""What is measured on one turn: a pure function of its record and its case.

measure_turn(turn, case)            every measure, None where it does not apply
turn_metrics(turn, case)            the same under the names of the metric definitions, as JSON
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from voicebench.events import TranscriptFinal
from voicebench.metrics import confidence, latency
from voicebench.metrics.attribution import Attribution
from voicebench.metrics.conditions import CLEANLY, Heard, TurnKind, heard_under, kind_of
from voicebench.metrics.error_rate import ErrorRate, cer, cp_cer, mer
from voicebench.metrics.facts import FactScore, Verdict
from voicebench.metrics.judge import (
    EntityScore,
    TurnJudgement,
    entity_score,
    expected_facts,
    judge_answers,
    judge_turn,
    suite_names,
)
from voicebench.metrics.latency import Rtf
from voicebench.metrics.seams import SeamErrors, seam_errors
from voicebench.metrics.selection import (
    answer_text,
    fell_back,
    gave_answer,
    has_latency,
    is_cut_off,
)
from voicebench.metrics.speculation import Cached, Drafts, count_cached, count_drafts
from voicebench.metrics.stats import Counts
from voicebench.metrics.tool_calls import makes_calls
from voicebench.metrics.trips import Trips, turn_trips
from voicebench.metrics.values.scan import Names
from voicebench.metrics.waterfall import framework_overhead_ms, waterfall
from voicebench.types import Case, CaseTurn, FactType, Turn

_STAGES_BEFORE_TRANSCRIPT = frozenset({"audio", "endpoint", "asr"})
_LATIN = re.compile(r"[^\W一-鿿]")


@dataclass(frozen=True)
class TurnMeasures:
    """Everything measured on one turn; None where it does not apply.

    `latencies`, `itl_ms` and `stages` are there of turns that count in latencies alone
    (`selection.has_latency`), so that everything made of them counts the same turns.
    """

    cer: ErrorRate | None = None
    cp_cer: ErrorRate | None = None
    mer: ErrorRate | None = None
    entities: EntityScore | None = None
    seams: SeamErrors | None = None
    windows: tuple[tuple[float, bool], ...] = ()
    facts: FactScore | None = None
    verdicts: tuple[tuple[FactType, Verdict], ...] = ()
    attribution: Attribution | None = None
    rtf: Rtf | None = None
    trips: Trips = field(default_factory=Trips)
    heard: Heard = CLEANLY
    kind: TurnKind = "speech"
    is_failed: bool = False
    is_fallback: bool = False
    makes_calls: bool | None = None
    answer_tokens: int | None = None
    answer_characters: int | None = None
    is_premature: bool | None = None
    is_cut_off: bool | None = None
    latencies: Mapping[str, float | None] = field(default_factory=dict)
    itl_ms: tuple[float, ...] = ()
    stages: tuple[tuple[str, str, float], ...] = ()
    drafts: Drafts | None = None
    cached: Cached | None = None

    @property
    def failed(self) -> Counts:
        """Turns that failed, of all."""
        return int(self.is_failed), 1

    @property
    def fallback(self) -> Counts:
        """Turns that fell back to text without a failure, of all."""
        return int(self.is_fallback), 1

    @property
    def premature(self) -> Counts | None:
        """Answers that came too early, of all."""
        return _yes(self.is_premature)

    @property
    def cut_off(self) -> Counts | None:
        """Turns committed before the end of speech, of those whose end of speech is known."""
        return _yes(self.is_cut_off)

    @property
    def exact_calls(self) -> Counts | None:
        """Answers that make just the tool calls expected, of all that should make some."""
        return _yes(self.makes_calls)


def _yes(is_so: bool | None) -> Counts | None:
    return None if is_so is None else (int(is_so), 1)


def measure_turn(
    turn: Turn, case: Case | None, names: Names | None = None, normalizer: str = "basic"
) -> TurnMeasures:
    """Measures one turn.

    Args:
        turn: The record.
        case: What was said and asked; None for a turn outside any suite.
        names: Names that may be mistaken for one another (`judge.suite_names`).
        normalizer: Name of the transcript normaliser.

    Raises:
        ConfigError: There is no such normaliser.
        SuiteError: The case demands an unknown constraint.
    """
    spoken: dict[str, Any] = {"is_failed": turn.failure is not None, "is_fallback": fell_back(turn)}
    asked = _asked(turn, case)
    if asked and case:
        judged = judge_answers(turn, case, names)
        spoken["facts"] = judged.score()
        spoken["verdicts"] = _verdicts(judged, asked)
        spoken["kind"] = kind_of(asked)
        spoken["attribution"] = judged.attribution()
        spoken["heard"] = heard_under(asked)
        spoken["makes_calls"] = makes_calls(answer_text(turn), asked)
        if is_transcript_counted(turn):
            spoken |= _measure_transcript(turn, asked, case.clock, names or (), normalizer)
    if gave_answer(turn):
        spoken["answer_tokens"] = len(turn.answer_tokens)
        spoken["answer_characters"] = len("".join(turn.answer.split()))
    if turn.mode == "latency":
        spoken["is_premature"], spoken["is_cut_off"] = latency.is_premature(turn), is_cut_off(turn)
        spoken["drafts"], spoken["cached"] = count_drafts(turn), count_cached(turn)
        if has_latency(turn):
            spoken |= _measure_times(turn)
    trips = turn_trips(turn, case, names or (), normalizer)
    return TurnMeasures(rtf=latency.turn_rtf(turn), trips=trips, **spoken)


def _measure_times(turn: Turn) -> dict[str, Any]:
    segments = waterfall(turn)
    overhead_ms = framework_overhead_ms(segments)
    return {
        "latencies": {**latency.latencies(turn), "framework_overhead_ms": overhead_ms},
        "itl_ms": tuple(latency.itl_ms(turn)),
        "stages": tuple((s.stage, s.tag, s.duration_s) for s in segments),
    }


def _verdicts(judged: TurnJudgement, asked: CaseTurn) -> tuple[tuple[FactType, Verdict], ...]:
    """Each expected fact's type and what became of it."""
    types = [fact.type for fact in expected_facts(asked)]
    verdicts: Sequence[Verdict] = ["missing"] * len(types)
    if judged.answer:
        verdicts = [fact.verdict for fact in judged.answer.facts]
    return tuple(zip(types, verdicts, strict=True))


def is_transcript_counted(turn: Turn) -> bool:
    """Whether the turn has a transcript to be scored, be it an empty one."""
    if turn.degraded is not None and turn.degraded.reason == "breaker_open":
        return False
    if turn.failure is not None and turn.failure.stage == "client":
        return latency.first_event(turn, TranscriptFinal) is not None
    return turn.failure is None or turn.failure.stage not in _STAGES_BEFORE_TRANSCRIPT


def _asked(turn: Turn, case: Case | None) -> CaseTurn | None:
    return case.turns[turn.turn_index] if case and turn.turn_index < len(case.turns) else None


def _measure_transcript(
    turn: Turn, asked: CaseTurn, clock: str, names: Names, normalizer: str
) -> dict[str, Any]:
    heard = turn.hypothesis.text
    by_character = cer(asked.reference, heard, normalizer)
    is_mixed = bool(_LATIN.search(asked.reference + heard))
    return {
        "cer": by_character,
        "cp_cer": _cp_cer(turn, asked, normalizer),
        "mer": mer(asked.reference, heard, normalizer) if is_mixed else by_character,
        "entities": entity_score(asked.reference, heard, clock=clock, names=names),
        "seams": seam_errors(asked.reference, turn.hypothesis.tokens, turn.windows),
        "windows": tuple(confidence.window_outcomes(turn, asked.reference)),
    }


def _cp_cer(turn: Turn, asked: CaseTurn, normalizer: str) -> ErrorRate | None:
    """None where nobody told the speakers apart, or only one is known to speak."""
    segments = (
        [(each.speaker, each.spoken) for each in asked.segments]
        if asked.spoken is msgspec.UNSET
        else [(each.speaker, each.text) for each in asked.spoken]
    )
    said = _by_speaker(segments)
    if len(said) < 2 or not turn.speakers:
        return None
    heard = _by_speaker((each.speaker, each.text) for each in turn.speakers)
    return cp_cer(said, heard, normalizer)


def _by_speaker(segments: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = defaultdict(str)
    for speaker, text in segments:
        found[speaker] += text
    return found


def turn_metrics(turn: Turn, case: Case | None = None, normalizer: str = "basic") -> dict[str, Any]:
    """The metrics of one turn under their names, ready for JSON; what does not apply is left out.

    Raises:
        ConfigError: There is no such normaliser.
        SuiteError: The case demands an unknown constraint.
    """
    measures = measure_turn(turn, case, normalizer=normalizer)
    segments = waterfall(turn)
    overhead_ms = framework_overhead_ms(segments)
    metrics: dict[str, Any] = {
        "rtf": measures.rtf.rtf if measures.rtf else None,
        "rtfx": measures.rtf.rtfx if measures.rtf else None,
        "t_eos": turn.t_eos_s,
        **latency.latencies(turn),
        "framework_overhead_ms": overhead_ms,
        "waterfall": [
            {"stage": s.stage, "tag": s.tag, "start_s": s.start_s, "duration_s": s.duration_s}
            for s in segments
        ],
        "premature_response": latency.is_premature(turn),
        "answer_length_tokens": measures.answer_tokens,
        "answer_length_characters": measures.answer_characters,
        "confidence": turn.hypothesis.confidence if turn.hypothesis.tokens else None,
    }
    gaps = latency.itl_ms(turn)
    metrics["itl_ms"] = statistics.median(gaps) if gaps else None
    if case is not None and measures.facts is not None:
        metrics |= {
            "cer": measures.cer.rate if measures.cer else None,
            "cp_cer": measures.cp_cer.rate if measures.cp_cer else None,
            "mer": measures.mer.rate if measures.mer else None,
            "entity_accuracy": measures.entities.entity_accuracy if measures.entities else None,
        }
        if turn.failure is None:
            judgement = judge_turn(turn, case)
            metrics["facts"] = [asdict(verdict) for verdict in judgement.facts]
            metrics["unsupported"] = list(judgement.unsupported)
            metrics["constraints"] = dict(judgement.constraints)
    return {name: value for name, value in metrics.items() if value is not None}


Measured = tuple[Turn, TurnMeasures]
"""A turn and its measures."""


def measure_turns(
    turns: Iterable[Turn], cases: Iterable[Case], normalizer: str = "basic"
) -> Iterator[Measured]:
    """Measures turns one by one, so that a long run can be streamed.

    Yields:
        Warm-up turns too, not measured.

    Raises:
        ConfigError, SuiteError: See `measure_turn`.
    """
    by_id = {(case.suite, case.id): case for case in cases}
    names = suite_names(by_id.values())
    for turn in turns:
        case = by_id.get((turn.suite, turn.case_id))
        measures = (
            TurnMeasures() if turn.is_warm_up else measure_turn(turn, case, names, normalizer)
        )
        yield turn, measures
