"""Policies of endpoints: short silence where the end is sure, long where it is not, and no harm done."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from tests.pipeline.scripted import CodedRecognizer, LoudnessVad, ScriptedGenerator, coded
from voicebench.audio import chunk_audio
from voicebench.errors import ConfigError, StageError
from voicebench.events import EndOfTurnEstimated
from voicebench.llm.base import Prompt
from voicebench.metrics.turn_taking import Rule, commit_s, pauses_of
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.types import Event, Guard, Turn, Variant

BEGUN = Turn(
    run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0, mode="latency",
    pace="fast",
)  # fmt: skip
QUESTION = "明天下午三点在北京开会"
MIN_S, MAX_S = 0.3, 2.0
SHORT_PAUSE, LONG_END = " " * 5, " " * 14  # 1 s, 2.8 s


@dataclass
class SureGenerator(ScriptedGenerator):
    """Knows whether a turn is over: where the words so far end as one of `ends`."""

    ends: tuple[str, ...] = ()
    answers: Any = None
    """Instead of a probability: a value to return, an exception to raise, or None."""
    delay_s: float = 0.0
    judged: list[str] = field(default_factory=list)

    async def end_of_turn(self, prompt: Prompt) -> float:
        self.judged.append("".join(map(chr, prompt)))
        await asyncio.sleep(self.delay_s)
        if isinstance(self.answers, Exception):
            raise self.answers
        if self.answers is not None:
            return float(self.answers)
        return 0.9 if self.judged[-1].endswith(self.ends) else 0.001


@pytest.fixture(autouse=True)
def _vad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebench.asr.vad.SileroVad", LoudnessVad)


def run(said: str, generator: ScriptedGenerator, **settings: Any) -> list[Event]:
    switches: dict[str, Any] = {
        "endpoint": "llm", "endpoint_min_silence_s": MIN_S, "endpoint_max_silence_s": MAX_S,
        **settings,
    }  # fmt: skip
    assistant = Assistant(CodedRecognizer(), generator, Variant(**switches))

    async def listen() -> list[Event]:
        clock = make_clock("fast")
        turn = assistant.run_turn(
            paced(chunk_audio(coded(said)), clock), Conversation(), clock=clock
        )
        events = [event async for event in turn]
        assert len(asyncio.all_tasks()) == 1
        return events

    return asyncio.run(listen())


def estimates(events: list[Event]) -> list[EndOfTurnEstimated]:
    return [event for event in events if isinstance(event, EndOfTurnEstimated)]


def silence_s(events: list[Event]) -> float:
    (committed,) = (event for event in events if event.kind == "turn_committed")
    assert committed.data["reason"] == "endpoint"
    return float(committed.data["silence_s"])


@pytest.mark.parametrize("speculation", [False, True])
def test_a_sure_end_is_answered_after_the_shortest_silence(speculation: bool) -> None:
    generator = SureGenerator(ends=(QUESTION,))
    events = run(QUESTION + LONG_END, generator, speculation=speculation)
    (estimate,) = estimates(events)
    assert (estimate.probability, estimate.silence_s) == (0.9, MIN_S)
    assert silence_s(events) < 1.0
    assert collect_turn(events, BEGUN).answer == "三点。"


@pytest.mark.parametrize("speculation", [False, True])
def test_a_pause_in_a_sentence_is_waited_out(speculation: bool) -> None:
    first, rest = QUESTION[:6], QUESTION[6:]
    generator = SureGenerator(ends=(QUESTION,))
    events = run(first + SHORT_PAUSE + rest + LONG_END, generator, speculation=speculation)
    assert [estimate.probability for estimate in estimates(events)] == [0.001, 0.9]
    assert collect_turn(events, BEGUN).hypothesis.text == QUESTION
    assert silence_s(events) < 1.0


def test_a_wrong_certainty_cuts_off() -> None:
    """What the policy is sure of is believed: the curve counts it."""
    first, rest = QUESTION[:6], QUESTION[6:]
    events = run(first + SHORT_PAUSE + rest + LONG_END, SureGenerator(ends=(first, QUESTION)))
    assert collect_turn(events, BEGUN).hypothesis.text == first


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (math.nan, "nan is no probability"),
        (1.5, "1.5 is no probability"),
        (StageError("llm", "out of memory"), "StageError: out of memory"),
    ],
)
def test_without_a_probability_the_longest_silence_ends_the_turn(answers: Any, error: str) -> None:
    events = run(QUESTION + LONG_END, SureGenerator(answers=answers))
    (estimate,) = estimates(events)
    assert (estimate.probability, estimate.silence_s) == (None, MAX_S)
    assert error in str(estimate.error)
    assert silence_s(events) == pytest.approx(MAX_S, abs=0.2)
    assert collect_turn(events, BEGUN).answer == "三点。"


def test_a_source_that_never_answers_holds_nothing_up() -> None:
    guard = Guard(llm_timeout_s=0.5)
    events = run(QUESTION + LONG_END, SureGenerator(delay_s=30.0), guard=guard)
    (estimate,) = estimates(events)
    assert estimate.error is not None
    assert "TimeoutError" in estimate.error
    assert silence_s(events) == pytest.approx(MAX_S, abs=0.2)


def test_a_late_probability_of_a_pause_that_is_over_is_dropped() -> None:
    first, rest = QUESTION[:6], QUESTION[6:]
    generator = SureGenerator(answers=0.9, delay_s=0.8)
    events = run(first + " " * 3 + rest + LONG_END, generator)
    assert len(generator.judged) == 2
    assert len(estimates(events)) == 1
    assert collect_turn(events, BEGUN).hypothesis.text == QUESTION


def test_the_prompt_stops_at_the_last_word() -> None:
    generator = SureGenerator()
    run(QUESTION + LONG_END, generator, cleaning="none")
    assert generator.judged[0].endswith(QUESTION)


def test_a_record_gives_the_pauses_of_a_curve() -> None:
    first, rest = QUESTION[:6], QUESTION[6:]
    generator = SureGenerator(ends=(QUESTION,))
    events = run(first + SHORT_PAUSE + rest + LONG_END, generator)
    record = msgspec.structs.replace(collect_turn(events, BEGUN), t_eos_s=3.2)
    read_again = msgspec.json.decode(msgspec.json.encode(record), type=Turn)
    pauses = pauses_of(read_again)
    assert pauses is not None
    inner, last = pauses.pauses
    assert inner.probability == 0.001
    assert inner.end_s is not None
    assert last.probability == 0.9
    assert last.end_s is None
    sure = Rule(MIN_S, MAX_S, sure_above=0.5, unsure_below=0.01)
    (committed,) = (event for event in events if event.kind == "turn_committed")
    at_s = commit_s(pauses, sure)
    assert at_s is not None
    assert at_s == pytest.approx(committed.t_s, abs=0.15)
    assert commit_s(pauses, Rule(0.5, 0.5)) == pytest.approx(inner.start_s + 0.5)
    assert pauses_of(msgspec.structs.replace(record, t_eos_s=None)) is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"endpoint": "llm"}, "needs a language model that gives probabilities"),
        ({"endpoint": "punctuation"}, "needs a punctuation model"),
        ({"endpoint": "llm", "recognition": "segments"}, "follow windows"),
    ],
)
def test_a_variant_whose_models_cannot_tell_is_refused(
    settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        Assistant(CodedRecognizer(), ScriptedGenerator(), Variant(**settings))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"endpoint_min_silence_s": 2.0}, "must not be above endpoint_max_silence_s"),
        ({"endpoint_min_silence_s": -0.1}, "must not be negative"),
        ({"endpoint_sure_above": 0.1, "endpoint_unsure_below": 0.2}, "in this order"),
        ({"endpoint_sure_above": 1.2}, "in this order"),
    ],
)
def test_settings_that_make_no_rule_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Variant(**settings)
