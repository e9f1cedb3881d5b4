"""A turn's events as spans of time on lanes, for its timeline and for traces.

for span in turn_spans(turn): span.lane, span.name, span.start_s, span.end_s
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from voicebench.events import (
    EventBase,
    PrefillFinished,
    PrefillStarted,
    SpeculationDropped,
    SpeculationKept,
    SpeculationStarted,
    SpeechStarted,
    SpeechStopped,
    ToolAnswered,
    ToolCalled,
    WindowRecognized,
    WindowRecognizedAgain,
)
from voicebench.metrics.latency import llm_span, token_times_s
from voicebench.metrics.waterfall import waterfall
from voicebench.types import Turn

LANES = (
    "speech", "windows", "recogniser", "prefill", "drafts", "LLM", "tools", "answer", "waterfall",
)  # fmt: skip
"""From what is heard to what is said."""
_ENDS: Mapping[type[EventBase], tuple[type[EventBase], ...]] = {
    PrefillStarted: (PrefillFinished,),
    SpeculationStarted: (SpeculationKept, SpeculationDropped),
    ToolCalled: (ToolAnswered,),
}
E = TypeVar("E", bound=EventBase)


@dataclass(frozen=True)
class Span:
    """Something that took time; seconds of the turn."""

    lane: str
    name: str
    start_s: float
    end_s: float
    data: dict[str, Any] = field(default_factory=dict)


def turn_spans(turn: Turn) -> list[Span]:
    """Everything in a turn that took time, lane by lane."""
    return [
        *_speech(turn),
        *_windows(turn),
        *_recognised(turn),
        *_between(turn, "prefill", PrefillStarted, lambda e: e.part),
        *_between(turn, "drafts", SpeculationStarted, _draft_name),
        *_llm(turn),
        *_between(turn, "tools", ToolCalled, lambda e: e.name or "tool"),
        *_answer(turn),
        *(
            Span("waterfall", f"{s.stage} ({s.tag})", s.start_s, s.end_s)
            for s in waterfall(turn)
            if s.end_s >= s.start_s
        ),
    ]


def _speech(turn: Turn) -> Iterator[Span]:
    """Where the VAD heard speech; until the audio's end where it heard no stop."""
    started_s: float | None = None
    for event in turn.events:
        if not isinstance(event, SpeechStarted | SpeechStopped):
            continue
        at_s = event.t_s if event.at_s is None else event.at_s
        if isinstance(event, SpeechStarted):
            started_s = at_s
        elif started_s is not None:
            yield Span("speech", "speech", started_s, max(started_s, at_s))
            started_s = None
    if started_s is not None:
        yield Span("speech", "speech", started_s, max(started_s, turn.audio_s))


def _windows(turn: Turn) -> Iterator[Span]:
    for window in turn.windows:
        text = "".join(token.text for token in window.tokens)
        yield Span(
            "windows", text or "(nothing)", window.start_s, window.end_s,
            {"index": window.index, "confidence": window.confidence,
             "compute_s": window.compute_s, "context_s": window.context_s, "pass": window.pass_number,
             "is_provisional": window.is_provisional},
        )  # fmt: skip


def _recognised(turn: Turn) -> Iterator[Span]:
    for event in turn.events:
        if isinstance(event, WindowRecognized | WindowRecognizedAgain):
            started_s = event.t_s if event.started_s is None else event.started_s
            name = "again" if isinstance(event, WindowRecognizedAgain) else "recognise"
            ended_s = started_s + event.compute_s
            yield Span("recogniser", name, started_s, max(started_s, ended_s), event.data)


def _between(turn: Turn, lane: str, begins: type[E], name: Callable[[E], str]) -> Iterator[Span]:
    """Spans from each event of a kind to the next that ends it; what never ends is left out."""
    for place, event in enumerate(turn.events):
        if isinstance(event, begins):
            ends = (e for e in turn.events[place:] if isinstance(e, _ENDS[begins]))
            if end := next(ends, None):
                outcome = {"outcome": end.kind, **end.data}
                yield Span(lane, name(event), event.t_s, end.t_s, {**event.data, **outcome})


def _draft_name(event: SpeculationStarted) -> str:
    return f"draft at {event.trigger}"


def _llm(turn: Turn) -> Iterator[Span]:
    if span := llm_span(turn):
        yield Span("LLM", "first token", span.request_s, max(span.request_s, span.first_token_s))


def _answer(turn: Turn) -> Iterator[Span]:
    times = token_times_s(turn)
    if times:
        yield Span("answer", turn.answer, times[0], times[-1], {"num_tokens": len(times)})
