"""Where a response latency went: contiguous segments from the end of speech to the first token.

Every moment belongs to one segment, named by stage and tagged

    service     inside a model: recogniser, VAD, LLM
    setting     a wait that was configured, or that the recording or the client imposed
    framework   everything else: ours

so the segments sum to `response_latency_s` by construction. Where work overlaps, the moment goes to
what the turn was waiting for: before it is committed to the configured wait, then to the LLM, then
to the recogniser. Stages that finished before the end of speech cost nothing and do not appear.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from voicebench.events import (
    PrefillFinished,
    PrefillStarted,
    Punctuated,
    RequestSubmitted,
    SpeechStopped,
    ToolAnswered,
    ToolCalled,
    TurnCommitted,
    WindowRecognized,
    WindowRecognizedAgain,
)
from voicebench.metrics.latency import first_event, last_event, llm_span, token_times_s
from voicebench.types import Turn

Tag = Literal["service", "setting", "framework"]
_WAITS = {"endpoint": "endpoint_silence", "audio_end": "audio_tail", "client": "client_wait"}
_STEPS = {
    "turn_committed": "endpoint_decision",
    "transcript_final": "transcript_merge",
    "punctuated": "punctuation",
    "cleaned": "cleaning",
    "prompt_built": "prompt",
    "speculation_kept": "draft_check",
    "request_submitted": "llm_handoff",
}
"""What the framework was doing when nothing else was going on, by the event that ended it."""


@dataclass(frozen=True)
class Segment:
    """One piece of a waterfall; times are seconds of the turn."""

    stage: str
    tag: Tag
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length; negative only for `premature`."""
        return self.end_s - self.start_s


def waterfall(turn: Turn) -> tuple[Segment, ...]:
    """The segments of one turn, in order of time, without gap or overlap.

    Returns:
        Nothing when the turn has no answer or no known end of speech; the one segment `premature`,
        of negative length, when its first token came before the end of speech.
    """
    times = token_times_s(turn)
    if not times or turn.t_eos_s is None:
        return ()
    start_s, end_s = turn.t_eos_s, times[0]
    if end_s <= start_s:
        return (Segment("premature", "framework", start_s, end_s),)
    claims = [
        Segment(claim.stage, claim.tag, max(claim.start_s, start_s), min(claim.end_s, end_s))
        for claim in _claims(turn, start_s)
    ]
    claims = [claim for claim in claims if claim.end_s > claim.start_s]
    steps = [(e.t_s, _STEPS[e.kind]) for e in turn.events if e.kind in _STEPS]
    steps = sorted(step for step in steps if start_s < step[0] < end_s)
    cuts = {start_s, end_s, *(step_s for step_s, _ in steps)}
    cuts |= {cut for claim in claims for cut in (claim.start_s, claim.end_s)}
    ordered = sorted(cuts)
    pieces: list[Segment] = []
    for left, right in itertools.pairwise(ordered):
        owner = next((c for c in claims if c.start_s <= left and right <= c.end_s), None)
        if owner:
            stage, tag = owner.stage, owner.tag
        else:
            stage = next((name for step_s, name in steps if step_s >= right), "token_delivery")
            tag = "framework"
        if pieces and (pieces[-1].stage, pieces[-1].tag) == (stage, tag):
            pieces[-1] = Segment(stage, tag, pieces[-1].start_s, right)
        else:
            pieces.append(Segment(stage, tag, left, right))
    return tuple(pieces)


def _claims(turn: Turn, start_s: float) -> Iterator[Segment]:
    """Spans of time with a known owner, the strongest claim first."""
    committed = first_event(turn, TurnCommitted)
    if committed:
        yield from _waits(turn, committed, start_s)
    if span := llm_span(turn):
        # Nobody waits for a draft before the turn is committed.
        begun_s = max(span.request_s, committed.t_s) if committed else span.request_s
        yield Segment("llm_first_token", "service", begun_s, span.first_token_s)
    yield from _tools(turn)
    for event in turn.events:
        match event:
            case WindowRecognized() | WindowRecognizedAgain():
                started_s = event.t_s if event.started_s is None else event.started_s
                computed_s = started_s + event.compute_s
                yield Segment("asr", "service", started_s, min(computed_s, event.t_s))
            case SpeechStopped(started_s=float() as started_s):
                yield Segment("vad", "service", started_s, event.t_s)
            case Punctuated(started_s=float() as started_s):
                yield Segment("punctuation", "service", started_s, event.t_s)
    yield from _prefills(turn)


def _prefills(turn: Turn) -> Iterator[Segment]:
    """What the LLM read while recognition waited for it (a variant without double buffering)."""
    begun_s: float | None = None
    for event in turn.events:
        if isinstance(event, PrefillStarted):
            begun_s = event.t_s if event.is_waited_for else None
        elif isinstance(event, PrefillFinished) and begun_s is not None:
            yield Segment("prefill", "service", begun_s, event.t_s)
            begun_s = None


def _tools(turn: Turn) -> Iterator[Segment]:
    """Answers that were calls of tools, each from its request on, and the tools themselves."""
    called_s = 0.0
    for event in turn.events:
        if isinstance(event, ToolCalled):
            called_s = event.t_s
            asked = last_event(turn, RequestSubmitted, called_s)
            answered = last_event(turn, ToolAnswered, called_s)
            started_s = max(e.t_s for e in (asked, answered) if e) if asked else called_s
            yield Segment("llm_tool_call", "service", started_s, called_s)
        elif isinstance(event, ToolAnswered):
            yield Segment("tool", "service", called_s, event.t_s)


def _waits(turn: Turn, committed: TurnCommitted, start_s: float) -> Iterator[Segment]:
    """The silence waited for, from where the VAD heard speech stop, until the turn was committed."""
    stopped = last_event(turn, SpeechStopped, committed.t_s)
    stopped_s = start_s if stopped is None or stopped.at_s is None else stopped.at_s
    waited_s = stopped_s + committed.silence_s
    stage = _WAITS[committed.reason]
    if stopped_s > start_s:
        yield Segment("vad_overhang", "service", start_s, min(stopped_s, committed.t_s))
    yield Segment(stage, "setting", stopped_s, min(waited_s, committed.t_s))


def framework_overhead_ms(segments: Sequence[Segment]) -> float | None:
    """`response_latency_s` less time inside the models and less waits that were set.

    Args:
        segments: A turn's `waterfall`.

    Returns:
        None without a waterfall or where the answer was premature.
    """
    if not segments or segments[0].stage == "premature":
        return None
    return 1000 * sum(s.duration_s for s in segments if s.tag == "framework")
