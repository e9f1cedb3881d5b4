"""OpenAI's realtime API before it left its beta: the same settings and events under other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicebench.serving.errors import ApiError

_HEADER_VALUE = "realtime=v1"
_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_INPUT = {
    "turn_detection": "turn_detection",
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
}
_RENAMED = {"max_response_output_tokens": "max_output_tokens"}
_EVENTS = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "conversation.item.added": "conversation.item.created",
    "conversation.item.done": "",
}


def is_beta(header: str) -> bool:
    """Whether a client's `OpenAI-Beta` header asks for the beta's names of events."""
    return _HEADER_VALUE in [part.strip() for part in header.split(",")]


def beta_event(event_type: str) -> str:
    """The beta's name of a server's event; empty where it had none."""
    return _EVENTS.get(event_type, event_type)


def settings_of_today(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of either generation under today's names.

    Raises:
        ApiError: 400, an audio format that is not supported.
    """
    today: dict[str, Any] = {}
    heard: dict[str, Any] = {}
    for name, value in settings.items():
        if name == "input_audio_format":
            heard["format"] = {"type": _format(value), "rate": 24_000}
        elif name in _INPUT:
            heard[_INPUT[name]] = value
        elif name == "modalities":
            today["output_modalities"] = _modalities(value)
        elif value is not None or name not in _RENAMED:
            today[_RENAMED.get(name, name)] = value
    if heard:
        audio = dict(today.get("audio") or {})
        today["audio"] = {**audio, "input": {**(audio.get("input") or {}), **heard}}
    return today


def _format(name: Any) -> str:
    if name not in _FORMATS:
        known = ", ".join(_FORMATS)
        message = f"input_audio_format {str(name)[:50]!r} is not supported, only {known}"
        raise ApiError(400, message, "invalid_value", "session.input_audio_format")
    return _FORMATS[name]


def _modalities(value: Any) -> Any:
    """The beta answered in text wherever text was among them, and so does this service."""
    return ["text"] if isinstance(value, list) and "text" in value else value
