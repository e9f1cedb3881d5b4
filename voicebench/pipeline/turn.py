"""Folding a turn's events into its record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from voicebench.events import (
    AnswerFinished,
    AnswerTokenShown,
    AudioEnded,
    AudioStarted,
    Event,
    PromptBuilt,
    Punctuated,
    SpeechStopped,
    TranscriptCleaned,
    TranscriptFinal,
    TurnDegraded,
    TurnFailed,
    WindowRecognized,
    WindowRecognizedAgain,
)
from voicebench.llm.base import Prompt
from voicebench.types import AnswerToken, Degradation, Pace, StageFailure, Turn, Window

_ENDS = (AnswerFinished, TurnDegraded, TurnFailed)
_LEFT = StageFailure(
    stage="client",
    type="ClientDisconnectedError",
    message="the client left before the turn was over",
)
"""A turn without an end: whoever read its events stopped reading, and the turn was cancelled."""


def collect_turn(events: Iterable[Event], begun: Turn) -> Turn:
    """The record of a turn from its events; a turn that failed gives one too, and one that broke
    off when its client left is a failed one.

    Args:
        events: What `Assistant.run_turn` yielded, in order.
        begun: What was known before: run, suite, case, variant, repeat, mode, pace, and `t_eos_s`
            with `t_eos_source="annotated"` where the suite has it. Without, the VAD's last end of
            speech is taken.

    Returns:
        `begun` with everything that happened filled in.
    """
    happened = list(events)
    fields: dict[str, Any] = {"windows": (), "answer_tokens": ()}
    for event in happened:
        _fold(event, fields, has_t_eos=begun.t_eos_s is not None)
    if not any(isinstance(event, _ENDS) for event in happened):
        fields["failure"] = _LEFT
    fields["answer"] = "".join(token.text for token in fields["answer_tokens"])
    fields["asr_compute_s"] = sum(window.compute_s for window in fields["windows"])
    fields["events"] = tuple(event.recorded() for event in happened)
    return msgspec.structs.replace(begun, **fields)


def _fold(event: Event, fields: dict[str, Any], *, has_t_eos: bool) -> None:
    match event:
        case (
            WindowRecognized(window=Window() as window)
            | WindowRecognizedAgain(window=Window() as window)
        ):
            fields["windows"] += (window,)
        case SpeechStopped() if not has_t_eos:
            fields |= {"t_eos_s": event.at_s, "t_eos_source": "vad"}
        case AudioStarted():
            fields["recognition"] = event.recognition
        case AudioEnded():
            fields["audio_s"] = event.audio_s
        case TranscriptFinal():
            fields["hypothesis"] = event.hypothesis
            fields["windows"] = tuple(
                msgspec.structs.replace(window, is_provisional=False)
                if window.is_provisional and window.end_s == event.from_pause_s
                else window
                for window in fields["windows"]
            )
        case Punctuated():
            fields["punctuated"] = event.text
        case TranscriptCleaned():
            fields |= {"cleaned": event.text, "retracted": event.retracted}
        case PromptBuilt():
            fields |= {
                "messages": event.messages,
                "prompt_token_ids": event.token_ids,
                "prompt_as_embeddings": event.as_embeddings,
                "prompt_mixtures": event.mixtures,
            }
        case AnswerTokenShown():
            token = AnswerToken(id=event.id, text=event.text, t_s=event.t_s)
            fields["answer_tokens"] += (token,)
        case AnswerFinished():
            fields["finish_reason"] = event.finish_reason
            fields["cached_prompt_tokens"] = event.cached_prompt_tokens
        case TurnDegraded():
            fields["degraded"] = Degradation(reason=event.reason, hint=event.hint)
        case TurnFailed():
            fields["failure"] = StageFailure(
                stage=event.stage, type=event.type, message=event.message
            )


def prompt_fields(prompt: Prompt) -> dict[str, Any]:
    """What a turn's record keeps of its prompt: all of it."""
    return {
        "prompt_token_ids": prompt.token_ids,
        "prompt_as_embeddings": prompt.as_embeddings,
        "prompt_mixtures": prompt.mixtures,
    }


def last_question(turn: Turn) -> str:
    """What the user asked the LLM in a recorded turn; empty where the turn did not come so far. After
    it there may be calls of tools and their results."""
    texts = (message.content for message in reversed(turn.messages) if message.role == "user")
    return next(texts, "")


def new_turn(source: str, pace: Pace, **fields: Any) -> Turn:
    """The record of a turn outside a run before anything has happened.

    Args:
        source: Names run, suite and variant that are not given: `ask`, `service`.
        pace: Of the audio.
        fields: What is known of it, as `Turn` has it.
    """
    known: dict[str, Any] = {"run_id": source, "suite": source, "variant": source, "case_id": "",
             "repeat": 0, "turn_index": 0, "mode": "latency"}  # fmt: skip
    return Turn(pace=pace, **known | fields)
