"""Folding a turn's events into its record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from voicebench.llm.base import Prompt
from voicebench.types import AnswerToken, Degradation, Event, StageFailure, Turn

_WHOLE_OBJECTS = ("window", "hypothesis", "messages", "prompt", "retracted")
"""Keys under which events carry what the record keeps in fields of its own."""

_ENDS = ("answer_finished", "degraded", "failed")
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
    if not any(event.kind in _ENDS for event in happened):
        fields["failure"] = _LEFT
    fields["answer"] = "".join(token.text for token in fields["answer_tokens"])
    fields["asr_compute_s"] = sum(window.compute_s for window in fields["windows"])
    fields["events"] = tuple(_without_whole_objects(event) for event in happened)
    return msgspec.structs.replace(begun, **fields)


def _fold(event: Event, fields: dict[str, Any], *, has_t_eos: bool) -> None:
    data = event.data
    match event.kind:
        case "window_recognised" | "window_recognised_again":
            fields["windows"] += (data["window"],)
        case "speech_stopped" if not has_t_eos:
            fields |= {"t_eos_s": data["at_s"], "t_eos_source": "vad"}
        case "audio_started" if "recognition" in data:
            fields["recognition"] = data["recognition"]
        case "audio_ended":
            fields["audio_s"] = data["audio_s"]
        case "transcript_final":
            fields["hypothesis"] = data["hypothesis"]
            fields["windows"] = tuple(
                msgspec.structs.replace(window, is_provisional=False)
                if window.is_provisional and window.end_s == data.get("from_pause_s")
                else window
                for window in fields["windows"]
            )
        case "punctuated":
            fields["punctuated"] = data["text"]
        case "cleaned":
            fields |= {"cleaned": data["text"], "retracted": data["retracted"]}
        case "prompt_built":
            fields |= {"messages": data["messages"], **prompt_fields(data["prompt"])}
        case "answer_token":
            token = AnswerToken(id=data["id"], text=data["text"], t_s=event.t_s)
            fields["answer_tokens"] += (token,)
        case "answer_finished":
            fields["finish_reason"] = data["finish_reason"]
            fields["cached_prompt_tokens"] = data["cached_prompt_tokens"]
        case "degraded":
            fields["degraded"] = Degradation(reason=data["reason"], hint=data["hint"])
        case "failed":
            fields["failure"] = StageFailure(
                stage=data["stage"], type=data["type"], message=data["message"]
            )


def prompt_fields(prompt: Prompt) -> dict[str, Any]:
    """What a turn's record keeps of its prompt: all of it."""
    return {
        "prompt_token_ids": prompt.token_ids,
        "prompt_as_embeddings": prompt.as_embeddings,
        "prompt_mixtures": prompt.mixtures,
    }


def _without_whole_objects(event: Event) -> Event:
    data = {key: value for key, value in event.data.items() if key not in _WHOLE_OBJECTS}
    return msgspec.structs.replace(event, data=data)
