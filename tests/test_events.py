"""Events: a record keeps every field but those of live events, and records of version 1 open."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.errors import RecordError
from voicebench.events import EVENT_TYPES, Event, TranscriptFinal, WindowRecognized, make_event
from voicebench.metrics.latency import is_premature, latencies
from voicebench.metrics.waterfall import waterfall
from voicebench.runs.record import TURNS_FILE, TurnWriter, read_turns
from voicebench.types import Hypothesis, Token, Turn, Window

VERSION_1 = Path(__file__).parent / "runs" / "turns_of_version_1.jsonl"
finite = st.floats(0, 1e6)


def _turn(*events: Event) -> Turn:
    return Turn(
        run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0,
        mode="latency", pace="fast", events=events,
    )  # fmt: skip


@st.composite
def event(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(sorted(EVENT_TYPES)))
    fields = {
        field.name: draw(st.from_type(field.type))
        for field in msgspec.structs.fields(EVENT_TYPES[kind])
        if field.type in (int, str, bool)
    }
    times = {
        field.name: draw(finite)
        for field in msgspec.structs.fields(EVENT_TYPES[kind])
        if field.type in (float, float | None) and field.name != "t_s"
    }
    return make_event(kind, draw(finite), fields | times)


@given(st.lists(event()))
def test_a_record_gives_back_its_events(events: list[Event]) -> None:
    turn = _turn(*events)
    assert msgspec.json.decode(msgspec.json.encode(turn), type=Turn) == turn


@given(event())
def test_kind_and_data_make_the_event_again(one: Event) -> None:
    assert make_event(one.kind, one.t_s, one.data) == one.recorded()


def test_what_the_turn_keeps_itself_is_not_recorded_twice() -> None:
    token = Token(text="好", start_s=0, end_s=0.2, confidence=0.9)
    window = Window(index=0, start_s=0, end_s=1, tokens=(token,), compute_s=0.1)
    live = WindowRecognized(t_s=1.0, index=3, window=window)
    assert live.recorded() == WindowRecognized(t_s=1.0, index=3)
    final = TranscriptFinal(t_s=1.0, text="好", hypothesis=Hypothesis(tokens=(token,)))
    assert msgspec.to_builtins(final.recorded()) == {
        "kind": "transcript_final", "t_s": 1.0, "text": "好"
    }  # fmt: skip


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid event kind 'sneezed'"):
        make_event("sneezed", 1.0)


def test_a_record_of_version_1_opens_and_is_continued(tmp_path: Path) -> None:
    lines = VERSION_1.read_bytes()
    (tmp_path / TURNS_FILE).write_bytes(lines)
    tools, degraded = read_turns(tmp_path).turns
    old = msgspec.json.decode(lines.splitlines()[0])["events"]
    assert [event.kind for event in tools.events] == [event["kind"] for event in old]
    assert [
        event.data | event_["data"] for event, event_ in zip(tools.events, old, strict=True)
    ] == [event.data for event in tools.events], "every value of the old record is there"
    assert degraded.events[-1].kind == "degraded"
    assert latencies(tools)["response_latency_s"] == pytest.approx(
        sum(segment.duration_s for segment in waterfall(tools))
    )
    assert not is_premature(tools)
    with TurnWriter(tmp_path) as writer:
        writer.append(msgspec.structs.replace(tools, repeat=1))
    assert read_turns(tmp_path).turns[2].events == tools.events


@pytest.mark.parametrize(
    ("pattern", "with_", "message"),
    [
        (b'"kind":"turn_committed"', b'"kind":"turn_closed"', "event kind 'turn_closed'"),
        (b'"reason":"endpoint"', b'"reason":"boredom"', "Invalid enum value 'boredom'"),
        (b'"audio_s":[0-9.]+', b'"audio_s":"long"', "Expected `float`, got `str`"),
    ],
)
def test_damage_in_a_record_of_version_1_is_named(
    tmp_path: Path, pattern: bytes, with_: bytes, message: str
) -> None:
    damaged = re.sub(pattern, with_, VERSION_1.read_bytes(), count=2)
    (tmp_path / TURNS_FILE).write_bytes(damaged)
    with pytest.raises(RecordError, match=message) as raised:
        read_turns(tmp_path)
    assert f"{TURNS_FILE} line 1" in str(raised.value)
