"""Every metric, declared once: name, unit, direction, definition, what it counts, who shows it.

Summaries, comparisons, tables, trends and the index read this list. To add a metric is to add an
entry; what it counts is a function of a turn's measures (`metrics.measures.TurnMeasures`) or of a
conversation's sums (`metrics.tally.Sums`), which have the same names.

    METRICS["cer"].counts(measures)         (errors, characters) of a turn, or of a conversation
    [m.name for m in shown_in("quality")]   the columns of the quality table, in order
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from voicebench.metrics.stats import Counts

Better = Literal["lower", "higher", ""]
Table = Literal["quality", "latency", "conditions", "early work", "trend", "index"]
Counting = Callable[[Any], Counts | None]


@dataclass(frozen=True)
class Metric:
    """Something that is measured.

    Attributes:
        name: As in the metric definitions.
        title: For people.
        unit: What its numbers are; a rate's begins with %.
        better: Which way is better; empty where neither is.
        definition: What it is, in a sentence.
        counts: (numerator, denominator) of a turn's measures or a conversation's sums; None where
            it does not apply. Sums add, and the metric is their ratio.
        value: Seconds or milliseconds of a turn, whose quantiles are taken, in place of `counts`.
        length: Tokens or characters of a turn's answer: quantiles, and compared by their mean.
        is_share: Whether each trial counts or does not, so that the ratio ends at 1.
        details: Names of sums whose counts stand beside the rate's own.
        is_compared: Whether variants are compared by it.
        tables: Who shows it.
    """

    name: str
    title: str
    unit: str
    better: Better
    definition: str
    counts: Counting | None = None
    value: Callable[[Any], float | None] | None = None
    length: Callable[[Any], int | None] | None = None
    is_share: bool = True
    details: str = ""
    is_compared: bool = True
    tables: tuple[Table, ...] = ()

    @property
    def is_rate(self) -> bool:
        return self.unit.startswith("%")

    @property
    def paired_counts(self) -> Counting | None:
        """What a comparison sums up: `counts`, or the length and 1."""
        if self.length is None:
            return self.counts
        length = self.length
        return lambda m: None if (found := length(m)) is None else (found, 1)


def _of(part: str, numerator: str, denominator: str) -> Counting:
    """Two counts of one part of the measures, such as `facts`."""
    whole, both = attrgetter(part), attrgetter(numerator, denominator)

    def counts(measures: Any) -> Counts | None:
        found = whole(measures)
        return None if found is None else both(found)

    return counts


def _of_answers(numerator: str, denominator: str) -> Counting:
    """Counts of answers given: a turn without one has none, though its facts are missing."""
    counts = _of("facts", numerator, denominator)
    return lambda m: counts(m) if m.facts is not None and m.facts.answers else None


def _rate(
    name: str,
    title: str,
    unit: str,
    better: Better,
    counts: Counting,
    definition: str,
    **other: Any,
) -> Metric:
    return Metric(name, title, unit, better, definition, counts, **other)


def _errors(name: str, title: str, unit: str, definition: str, **other: Any) -> Metric:
    return _rate(name, title, unit, "lower", _of(name, "errors", "total"), definition,
                 is_share=False, details=name, **other)  # fmt: skip


def _time(name: str, title: str, definition: str, *tables: Table, unit: str = "s") -> Metric:
    return Metric(
        name, title, f"{unit}, median", "lower", definition,
        value=lambda m: m.latencies.get(name), tables=tables,
    )  # fmt: skip


_ALL: tuple[Metric, ...] = (
    # transcripts
    _errors("cer", "CER", "% of characters",
            "(S + D + I) / reference characters, after the named normaliser.",
            tables=("quality", "latency", "conditions", "trend", "index")),
    _errors("cp_cer", "cpCER", "% of characters",
            "CER of several speakers, each laid beside the voice that fits best.",
            tables=("quality",)),
    _errors("mer", "MER", "% of units", "The same as CER, Latin by word."),
    _rate("entity_accuracy", "entities heard", "% of entities", "higher",
          _of("entities", "recognised", "entities"),
          "Reference entities recognised with equal value / all of them.", tables=("quality",)),
    # answers
    _rate("factual_error_rate", "factual errors", "% of answers", "lower",
          _of_answers("answers_wrong", "answers"),
          "Answers with a contradicted fact or an unsupported entity / answers given.",
          details="facts", tables=("quality", "latency", "conditions", "trend", "index")),
    _rate("fact_miss_rate", "facts missed", "% of facts", "lower",
          _of("facts", "missing", "expected"),
          "Missing facts / expected facts; a turn without an answer misses all of its own.",
          details="facts", tables=("quality", "latency", "conditions", "trend", "index")),
    _rate("fact_error_rate", "wrong facts", "% of facts asserted", "lower",
          _of_answers("wrong", "asserted"),
          "Contradicted and unsupported / all facts asserted.", details="facts"),
    _rate("constraint_pass_rate", "form kept", "% of demands", "higher",
          _of_answers("constraints_kept", "constraints"),
          "Demands on form that the answers given keep / all of them.",
          details="facts", tables=("quality",)),
    _rate("refusal_rate", "refusals", "% of answers", "", _of_answers("refusals", "answers"),
          "Answers that say they do not know / answers given.", details="facts", is_compared=False),
    _rate("tool_call_exact", "exact tool calls", "% of turns that need a call", "higher",
          attrgetter("exact_calls"),
          "Turns that make just the calls expected / turns that should make some."),
    Metric("answer_length_tokens", "answer tokens", "mean", "lower", "Tokens of an answer given.",
           length=attrgetter("answer_tokens")),
    Metric("answer_length_characters", "answer characters", "mean", "lower",
           "Characters of an answer given.", length=attrgetter("answer_characters")),
    # turns without an answer
    _rate("fallback_rate", "fell back", "% of turns", "lower", attrgetter("fallback"),
          "Turns that fell back to text input without a failure / turns.",
          tables=("quality", "latency")),
    _rate("failure_rate", "failed", "% of turns", "lower", attrgetter("failed"),
          "Turns in which a stage failed / turns.", tables=("quality", "latency")),
    _rate("breaker_trips", "trips", "% of turns", "", _of("trips", "trips", "turns"),
          "Turns that fell back because a threshold said so / turns.",
          details="trips", is_compared=False),
    _rate("breaker_false_trips", "false trips", "% of trips", "lower", _of("trips", "false", "judged"),
          "Trips that were not needed / trips that can be judged.",
          details="trips", is_compared=False, tables=("conditions",)),
    _rate("breaker_missed_trips", "missed trips", "% of turns due", "lower",
          _of("trips", "missed", "due"), "Turns that should have fallen back and did not / such turns.",
          details="trips", is_compared=False, tables=("conditions",)),
    # where facts were lost
    *(_rate(f"attribution_{stage}", title, "% of facts", "lower", _of("attribution", stage, "expected"),
            f"Facts {'' if stage == 'lost' else 'lost '}{title} / expected facts.", is_compared=False)
      for stage, title in (("lost", "lost"), ("asr", "by ASR"), ("cleaning", "by cleaning"),
                           ("llm", "by LLM"))),
    # time
    _time("response_latency_s", "response", "First answer token − end of speech.",
          "latency", "early work", "trend", "index"),
    _time("ttft_s", "TTFT", "First answer token − request to the LLM.", "latency"),
    _time("asr_final_s", "ASR final", "Final transcript − end of speech.", "latency"),
    _time("endpoint_delay_s", "endpoint delay", "Turn committed − end of speech.", "latency"),
    _time("e2e_latency_s", "end to end", "Last answer token − end of speech.", "latency"),
    _time("first_sentence_s", "first sentence", "First complete clause − end of speech."),
    _time("tpot_ms", "a token", "(end to end − first token) / (tokens − 1).", unit="ms"),
    _time("framework_overhead_ms", "framework overhead",
          "Response latency less time inside models and less configured waits.", unit="ms"),
    _rate("rtf", "RTF", "s a second of audio", "lower", _of("rtf", "compute_s", "audio_s"),
          "Recogniser compute seconds / audio seconds.", is_share=False, details="rtf",
          is_compared=False, tables=("quality", "latency", "trend", "index")),
    _rate("premature_response_rate", "premature", "% of turns", "lower", attrgetter("premature"),
          "Turns answered before the end of speech, or from another transcript / turns.",
          tables=("latency", "early work")),
    _rate("premature_endpoint_rate", "cut off", "% of turns", "lower", attrgetter("cut_off"),
          "Turns committed before the end of speech / turns; they are in no latency.",
          tables=("latency", "early work", "index")),
    # early work
    _rate("prefill_cached", "cached", "% of prompt tokens", "", _of("cached", "cached", "prompt"),
          "Prompt tokens computed before the request / prompt tokens.", is_compared=False,
          tables=("early work",)),
    _rate("speculation_coverage", "drafted", "% of turns", "", _of("drafts", "turns_dispatched", "turns"),
          "Turns with a draft / turns.", details="drafts", is_compared=False, tables=("early work",)),
    _rate("speculation_hit_rate", "drafts kept", "% of drafts", "higher",
          _of("drafts", "kept", "dispatched"), "Drafts kept / drafts begun.",
          details="drafts", is_compared=False, tables=("early work",)),
    _rate("speculation_waste", "waste", "% of tokens", "lower",
          _of("drafts", "tokens_discarded", "tokens_made"), "Discarded tokens / all tokens made.",
          details="drafts", is_compared=False, tables=("early work",)),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
COMPARED = {metric.name: metric for metric in _ALL if metric.is_compared}
TOGETHER = ("factual_error_rate", "fact_miss_rate")
"""Neither is shown without the other: silence must not look like truth."""


def shown_in(table: Table) -> tuple[Metric, ...]:
    """The metrics of a table, in order."""
    return tuple(metric for metric in _ALL if table in metric.tables)
