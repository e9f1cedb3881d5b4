"""All metrics of a run, per suite and variant, under the names of the metric definitions.

    summary = summarize(turns, cases)
    summary["groups"][0]["metrics"]["cer"]     {"value", "n", "interval", "counts"}

A rate carries its value, the n it stands on, its 95 % interval and its counts; a latency its p50,
p95 and p99, n, the interval of its p50, and the medians of its repeats. Warm-up turns are left out
and counted; failed and degraded turns are counted beside every figure. Latencies exist in latency
mode only, and real-time and fast pace are never put together.
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from voicebench.metrics import confidence, latency, stats
from voicebench.metrics.attribution import Attribution
from voicebench.metrics.conditions import CLEAN, CLEANLY, Heard, heard_under
from voicebench.metrics.entities import Names
from voicebench.metrics.error_rate import ErrorRate, cer, cp_cer, mer
from voicebench.metrics.facts import FactScore, Verdict
from voicebench.metrics.judge import (
    EntityScore,
    TurnJudgement,
    called,
    entity_score,
    expected_facts,
    judge_answers,
    judge_turn,
    suite_names,
)
from voicebench.metrics.latency import Rtf
from voicebench.metrics.seams import SeamErrors, seam_errors
from voicebench.metrics.speculation import (
    AudioKey,
    Cached,
    Drafts,
    baseline_of,
    count_cached,
    count_drafts,
    saved_between,
)
from voicebench.metrics.stats import Counts, Interval
from voicebench.metrics.tally import Sums, Tally
from voicebench.metrics.tool_calls import makes_calls
from voicebench.metrics.trips import Trips, turn_trips
from voicebench.metrics.waterfall import framework_overhead_ms, waterfall
from voicebench.types import Case, CaseTurn, FactType, Turn, Variant

_STAGES_BEFORE_TRANSCRIPT = frozenset({"audio", "endpoint", "asr"})
ALL_SUITES = "all"
_LATIN = re.compile(r"[^\W一-鿿]")


@dataclass(frozen=True)
class TurnMeasures:
    """Everything measured on one turn; None where it does not apply."""

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
    spoken: dict[str, Any] = {}
    asked = _asked(turn, case)
    if asked and case:
        judged = judge_answers(turn, case, names)
        spoken["facts"] = judged.score()
        spoken["verdicts"] = _verdicts(judged, asked)
        spoken["attribution"] = judged.attribution()
        spoken["heard"] = heard_under(asked)
        spoken["makes_calls"] = makes_calls(turn.answer + called(turn), asked)
        if is_transcript_counted(turn):
            spoken |= _measure_transcript(turn, asked, case.clock, names or (), normalizer)
    if turn.failure is None:
        spoken["answer_tokens"] = len(turn.answer_tokens)
        spoken["answer_characters"] = len("".join(turn.answer.split()))
    if turn.mode == "latency":
        segments = waterfall(turn)
        overhead_ms = framework_overhead_ms(segments)
        spoken["latencies"] = {**latency.latencies(turn), "framework_overhead_ms": overhead_ms}
        spoken["itl_ms"] = tuple(latency.itl_ms(turn))
        spoken["is_premature"] = latency.is_premature(turn)
        delay_s = spoken["latencies"]["endpoint_delay_s"]
        spoken["is_cut_off"] = None if delay_s is None else delay_s < 0
        spoken["drafts"], spoken["cached"] = count_drafts(turn), count_cached(turn)
        spoken["stages"] = tuple((s.stage, s.tag, s.duration_s) for s in segments)
    trips = turn_trips(turn, case, names or (), normalizer)
    return TurnMeasures(rtf=latency.turn_rtf(turn), trips=trips, **spoken)


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
        return latency.first_event(turn, "transcript_final") is not None
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


# ---------------------------------------------------------------- groups


def summarize(
    turns: Iterable[Turn],
    cases: Iterable[Case],
    normalizer: str = "basic",
    variants: Sequence[Variant] = (),
) -> dict[str, Any]:
    """All metrics per suite and variant, ready for JSON.

    Args:
        turns: Records of one run, or of several.
        cases: The cases that ran. Turns of other cases get the metrics that need no case.
        normalizer: Name of the transcript normaliser, the same on both sides.
        variants: What the turns' variants are; without, nothing is said of early work.

    Returns:
        `{"normalizer": ..., "groups": [...]}`; a group has `suite`, `variant`, `mode`, `pace`,
        `counts`, `metrics` and `waterfall`. Where there is more than one suite, each variant also
        has a group of the suite "all", its counts summed.

    Raises:
        ConfigError: There is no such normaliser.
        SuiteError: A case demands an unknown constraint.
    """
    return summarize_measured(measure_turns(turns, cases, normalizer), normalizer, variants)


Measured = tuple[Turn, TurnMeasures]
"""A turn and its measures."""
GroupKey = tuple[str, str, str, str]
"""Suite, variant, mode, pace."""


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


def summarize_measured(
    measured: Iterable[Measured], normalizer: str = "basic", variants: Sequence[Variant] = ()
) -> dict[str, Any]:
    """The same as `summarize`, of turns measured before."""
    groups: dict[GroupKey, Tally] = defaultdict(Tally)
    conditions: dict[GroupKey, dict[Heard, Tally]] = defaultdict(lambda: defaultdict(Tally))
    key: GroupKey
    for turn, measures in measured:
        key = (turn.suite, turn.variant, turn.mode, turn.pace)
        groups[key].add(turn, measures)
        if not turn.is_warm_up:
            conditions[key][measures.heard].add(turn, measures)
    if len({suite for suite, *_ in groups}) > 1:
        for (_, *rest), tally in list(groups.items()):
            groups[ALL_SUITES, rest[0], rest[1], rest[2]].merge(tally)
    summarized = []
    for key, tally in groups.items():
        group = _summarize_group(*key, tally, conditions[key])
        group["metrics"] |= _early_work_metrics(groups, key, variants)
        summarized.append(group)
    return {"normalizer": normalizer, "groups": summarized}


def _summarize_group(
    suite: str,
    variant: str,
    mode: str,
    pace: str,
    tally: Tally,
    conditions: Mapping[Heard, Tally],
) -> dict[str, Any]:
    metrics = {**_transcript_metrics(tally), **_answer_metrics(tally)}
    metrics |= _speed_metrics(tally)
    metrics |= _trip_metrics(tally)
    return {
        "suite": suite,
        "variant": variant,
        "mode": mode,
        "pace": pace,
        "counts": {
            **{name: tally.counts[name] for name in ("turns", "warm_up", "failed", "degraded")},
            "conversations": len(tally.conversations),
            "repeats": len(tally.repeats),
        },
        "metrics": {name: metric for name, metric in metrics.items() if metric["n"]},
        "waterfall": _waterfall(tally),
        "conditions": _by_condition(conditions),
    }


_METRICS_OF_CONDITIONS = (
    "cer", "factual_error_rate", "fact_miss_rate", "breaker_trips", "breaker_false_trips",
    "breaker_missed_trips",
)  # fmt: skip


def _by_condition(conditions: Mapping[Heard, Tally]) -> list[dict[str, Any]]:
    """The figures of each condition that the suite's turns are heard under; none where all of it
    is clean."""
    if {heard.label for heard in conditions} <= {CLEAN}:
        return []
    rows = []
    for heard, tally in sorted(conditions.items(), key=lambda item: item[0]):
        metrics = {**_transcript_metrics(tally), **_answer_metrics(tally), **_trip_metrics(tally)}
        rows.append(
            {
                "condition": heard.label,
                "turns": tally.counts["turns"],
                "degraded": tally.counts["degraded"],
                "metrics": {n: metrics[n] for n in _METRICS_OF_CONDITIONS if metrics[n]["n"]},
            }
        )
    return rows


def _conversation(turn: Turn) -> Hashable:
    return turn.suite, turn.case_id


def _bounds(interval: Interval | None) -> list[float] | None:
    return [interval.low, interval.high] if interval else None


def _rate(
    tally: Tally, counts: Callable[[Sums], Counts | None], *, is_share: bool = True
) -> dict[str, Any]:
    """A rate with n (its denominator), interval and counts; a share is bounded by 1."""
    sums = {
        conversation: found
        for conversation, of_conversation in tally.conversations.items()
        if (found := counts(of_conversation)) and found[1] > 0
    }
    numerator = sum(above for above, _ in sums.values())
    denominator = sum(below for _, below in sums.values())
    interval: Interval | None = None
    if denominator:
        by_wilson = stats.wilson_by_conversation(sums) if is_share else None
        interval = by_wilson or stats.bootstrap_interval(sums, num_resamples=1000)
    return {
        "value": numerator / denominator if denominator else None,
        "n": _whole(denominator),
        "interval": _bounds(interval),
        "counts": {"numerator": _whole(numerator), "denominator": _whole(denominator)},
    }


def _whole(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _transcript_metrics(tally: Tally) -> dict[str, dict[str, Any]]:
    metrics: dict[str, dict[str, Any]] = {}
    for name in ("cer", "cp_cer", "mer"):
        rates: list[ErrorRate] = [getattr(m, name) for m in tally.sums() if getattr(m, name)]
        metric = _rate(tally, lambda m, name=name: _errors(getattr(m, name)), is_share=False)  # type: ignore[misc]
        metrics[name] = {**metric, "counts": asdict(sum(rates, ErrorRate()))}
    metrics["entity_accuracy"] = _rate(
        tally, lambda m: (m.entities.recognised, m.entities.entities) if m.entities else None
    )
    seams = sum((m.seams for m in tally.sums() if m.seams), SeamErrors())
    metrics["seam_errors"] = {
        "value": seams.errors, "n": seams.seams, "interval": None, "counts": asdict(seams)
    }  # fmt: skip
    outcomes = list(tally.windows.elements())
    scores, right = [score for score, _ in outcomes], [is_right for _, is_right in outcomes]
    for name, value in (
        ("confidence_ece", confidence.expected_calibration_error(scores, right)),
        ("confidence_auroc", confidence.auroc(scores, right)),
    ):
        metrics[name] = {
            "value": value, "n": len(scores), "interval": None,
            "counts": {"windows": len(scores), "right": sum(right)},
        }  # fmt: skip
    return metrics


def _errors(rate: ErrorRate | None) -> Counts | None:
    return (rate.errors, rate.total) if rate else None


_FACT_RATES: Mapping[str, Callable[[FactScore], Counts]] = {
    "factual_error_rate": lambda s: (s.answers_wrong, s.answers),
    "fact_miss_rate": lambda s: (s.missing, s.expected),
    "fact_error_rate": lambda s: (s.wrong, s.asserted),
    "constraint_pass_rate": lambda s: (s.constraints_kept, s.constraints),
    "refusal_rate": lambda s: (s.refusals, s.answers),
}


def _answer_metrics(tally: Tally) -> dict[str, dict[str, Any]]:
    total = sum((m.facts for m in tally.sums() if m.facts), FactScore())
    metrics: dict[str, dict[str, Any]] = {}
    for name, counts in _FACT_RATES.items():
        metrics[name] = _rate(
            tally, lambda m, counts=counts: counts(m.facts) if m.facts else None  # type: ignore[misc]
        )  # fmt: skip
        metrics[name]["counts"] |= asdict(total)
    metrics["tool_call_exact"] = _rate(tally, lambda m: m.exact_calls)
    metrics |= _attribution(tally)
    for unit, lengths in (("tokens", tally.answer_tokens), ("characters", tally.answer_characters)):
        metrics[f"answer_length_{unit}"] = asdict(latency.quantiles(lengths.elements()))
    return metrics


def _attribution(tally: Tally) -> dict[str, dict[str, Any]]:
    """Facts lost by the recogniser, the cleaning and the LLM, each over all expected facts."""
    stages: Mapping[str, Callable[[Attribution], int]] = {
        "lost": lambda a: a.lost, "asr": lambda a: a.asr, "cleaning": lambda a: a.cleaning,
        "llm": lambda a: a.llm,
    }  # fmt: skip
    return {
        f"attribution_{name}": _rate(
            tally,
            lambda m, lost=lost: (
                (lost(m.attribution), m.attribution.expected)  # type: ignore[misc]
                if m.attribution
                else None
            ),
        )
        for name, lost in stages.items()
    }


def _speed_metrics(tally: Tally) -> dict[str, dict[str, Any]]:
    rtf = _rate(
        tally, lambda m: (m.rtf.compute_s, m.rtf.audio_s) if m.rtf else None, is_share=False
    )
    rtf |= {"n": tally.counts["recognised"], "counts": {
        "compute_s": rtf["counts"]["numerator"], "audio_s": rtf["counts"]["denominator"]
    }}  # fmt: skip
    rtfx = {**rtf, "value": 1 / rtf["value"] if rtf["value"] else None}
    rtfx["interval"] = (
        [1 / bound for bound in reversed(rtf["interval"])]
        if rtf["interval"] and min(rtf["interval"]) > 0
        else None
    )
    metrics = {"rtf": rtf, "rtfx": rtfx}
    for name in (*latency.LATENCY_NAMES, "framework_overhead_ms"):
        metrics[name] = _times(
            [(t, m.latencies[name]) for t, m in tally.timed if m.latencies.get(name) is not None]
        )
    metrics["itl_ms"] = asdict(latency.quantiles(gap for _, m in tally.timed for gap in m.itl_ms))
    metrics["premature_response_rate"] = _rate(tally, lambda m: m.premature)
    metrics["premature_endpoint_rate"] = _rate(tally, lambda m: m.cut_off)
    metrics["prefill_cached"] = _rate(
        tally, lambda m: (m.cached.cached, m.cached.prompt) if m.cached else None
    )
    return metrics


_DRAFT_RATES: Mapping[str, Callable[[Drafts], Counts]] = {
    "speculation_coverage": lambda d: (d.turns_dispatched, d.turns),
    "speculation_hit_rate": lambda d: (d.kept, d.dispatched),
    "speculation_waste": lambda d: (
        d.tokens_discarded,
        d.tokens_discarded + d.tokens_answered,
    ),
}


def _draft_metrics(tally: Tally) -> dict[str, dict[str, Any]]:
    total = sum((m.drafts for m in tally.sums() if m.drafts), Drafts())
    metrics = {
        name: _rate(
            tally, lambda m, counts=counts: counts(m.drafts) if m.drafts else None  # type: ignore[misc]
        )
        for name, counts in _DRAFT_RATES.items()
    }  # fmt: skip
    for metric in metrics.values():
        metric["counts"] |= asdict(total)
    return metrics


def _trip_metrics(tally: Tally) -> dict[str, dict[str, Any]]:
    """Turns sent to text input by a threshold, those of them that need not have been, and those
    that should have been and were not."""
    total = sum((m.trips for m in tally.sums() if m.trips), Trips())
    metrics = {
        "breaker_trips": _rate(
            tally, lambda m: (m.trips.trips, m.trips.turns) if m.trips else None
        ),
        "breaker_false_trips": _rate(
            tally, lambda m: (m.trips.false, m.trips.judged) if m.trips else None
        ),
        "breaker_missed_trips": _rate(
            tally, lambda m: (m.trips.missed, m.trips.due) if m.trips else None
        ),
    }
    for metric in metrics.values():
        metric["counts"] |= asdict(total)
    return metrics


def _early_work_metrics(
    groups: Mapping[GroupKey, Tally], key: GroupKey, variants: Sequence[Variant]
) -> dict[str, dict[str, Any]]:
    """What the group's drafts came to, and what early work saved a turn: against the variant
    without it, on the same audio."""
    suite, name, mode, pace = key
    variant = next((variant for variant in variants if variant.name == name), None)
    if variant is None or mode != "latency":
        return {}
    metrics = _draft_metrics(groups[key]) if variant.speculation else {}
    baseline = baseline_of(variant, variants)
    if baseline:
        off = groups.get((suite, baseline.name, mode, pace), Tally())
        saved = saved_between(_response_ms(off), _response_ms(groups[key]))
        if saved:
            metrics["saved_ms"] = {
                "value": saved.difference, "n": saved.num_conversations,
                "interval": _bounds(saved.interval), "baseline": baseline.name,
                "counts": {"off_ms": saved.second, "on_ms": saved.first},
            }  # fmt: skip
    return {metric: found for metric, found in metrics.items() if found["n"]}


def _response_ms(tally: Tally) -> dict[AudioKey, float]:
    return {
        (turn.suite, turn.case_id, turn.repeat, turn.turn_index): 1000 * latency_s
        for turn, measures in tally.timed
        if (latency_s := measures.latencies.get("response_latency_s")) is not None
    }


def _times(values: Sequence[tuple[Turn, float | None]]) -> dict[str, Any]:
    """Quantiles, the interval of the median, and the medians of the repeats."""
    present = [(turn, value) for turn, value in values if value is not None]
    metric: dict[str, Any] = asdict(latency.quantiles(value for _, value in present))
    if not present:
        return metric
    metric["interval"] = _bounds(
        stats.bootstrap_quantile_interval(
            [value for _, value in present], [_conversation(turn) for turn, _ in present]
        )
    )
    by_repeat: dict[int, list[float]] = defaultdict(list)
    for turn, value in present:
        by_repeat[turn.repeat].append(value)
    medians = [statistics.median(repeat) for repeat in by_repeat.values()]
    metric["repeats"] = {
        "n": len(medians), "median": statistics.median(medians),
        "min": min(medians), "max": max(medians),
    }  # fmt: skip
    return metric


def _waterfall(tally: Tally) -> list[dict[str, Any]]:
    """Each stage's seconds a turn, over the turns with a waterfall: quantiles, and the mean, whose
    sum over the stages is the mean response latency of these turns. An answer given before the end of
    speech has no stages to wait for; it is counted as premature and not here."""
    totals: dict[tuple[str, str], list[float]] = {}
    num_turns = 0
    for _, measures in tally.timed:
        if not measures.stages or measures.stages[0][0] == "premature":
            continue
        for stage, tag, duration_s in measures.stages:
            seconds = totals.setdefault((stage, tag), [])
            seconds.extend([0.0] * (num_turns + 1 - len(seconds)))
            seconds[num_turns] += duration_s
        num_turns += 1
    rows = []
    for (stage, tag), seconds in totals.items():
        seconds.extend([0.0] * (num_turns - len(seconds)))
        row = {f"{name}_s" if name != "n" else name: value
               for name, value in asdict(latency.quantiles(seconds)).items()}  # fmt: skip
        rows.append({"stage": stage, "tag": tag, "mean_s": sum(seconds) / num_turns, **row})
    return rows
