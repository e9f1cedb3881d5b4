"""Events that a client of `/v1/realtime` sends, as far as they are supported here.

Settings come in two generations: OpenAI's today (`audio.input.format`) and its beta's
(`input_audio_format`). The beta's are read as today's (`realtime_beta`). A setting that decides how
audio is read, or what an answer is, is obeyed or refused. Settings of voices and of noise reduction
mean nothing here and are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from voicebench.serving.schemas import JsonObject, Text
from voicebench.serving.sound import Encoding

_ID = Field(default=None, max_length=512)


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


# ---------------------------------------------------------------- settings


class TurnDetection(_Lenient):
    """The server decides when a turn is over."""

    type: Literal["server_vad", "semantic_vad"]
    silence_duration_ms: int = Field(default=500, ge=100, le=10_000)
    prefix_padding_ms: int = Field(default=300, ge=0, le=3_000)
    create_response: bool = True
    interrupt_response: bool = True

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None}


class AudioFormat(_Lenient):
    """How audio is appended: 16-bit PCM, or G.711 at 8 kHz."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: Literal[8_000, 16_000, 24_000, 48_000] = 24_000

    @property
    def encoding(self) -> Encoding:
        """As `PcmStream` names it."""
        names: dict[str, Encoding] = {"audio/pcmu": "pcmu", "audio/pcma": "pcma"}
        return names.get(self.type, "pcm16")

    @property
    def rate_hz(self) -> int:
        """Samples a second."""
        return self.rate if self.type == "audio/pcm" else 8_000


class AudioInput(_Lenient):
    """How speech comes in."""

    format: AudioFormat = AudioFormat(type="audio/pcm")
    turn_detection: TurnDetection | None = TurnDetection(type="server_vad")


class Audio(_Lenient):
    """Settings of audio."""

    input: AudioInput = AudioInput()


class RealtimeTool(_Lenient):
    """A function, in the flat form of this API."""

    type: Literal["function"]
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: Text = Field(default="", max_length=4_000)
    parameters: JsonObject = Field(default_factory=dict)

    @property
    def as_offered(self) -> dict[str, Any]:
        """As the chat template takes it."""
        return {"type": "function", "function": self.model_dump(exclude={"type"})}


class NamedTool(_Lenient):
    """The one function that is to be called."""

    type: Literal["function"]
    name: str = Field(max_length=64)


class AnswerSettings(_Lenient):
    """How an answer is made; of a session, or of one response."""

    instructions: Text | None = Field(default=None, max_length=20_000)
    output_modalities: list[Literal["text"]] = Field(default=["text"], max_length=1)
    tools: list[RealtimeTool] = Field(default=[], max_length=64)
    tool_choice: Literal["auto", "none", "required"] | NamedTool = "auto"
    max_output_tokens: Annotated[int, Field(ge=1, le=100_000)] | Literal["inf"] = "inf"
    temperature: float = Field(default=0.0, ge=0, le=2)

    @property
    def offered(self) -> tuple[dict[str, Any], ...]:
        """The tools, as the chat template takes them."""
        return tuple(tool.as_offered for tool in self.tools if self.tool_choice != "none")

    @property
    def must_call(self) -> bool:
        """Whether the answer has to be a call."""
        return self.tool_choice not in ("auto", "none")

    @property
    def functions(self) -> str:
        """The functions one of which has to be called, as JSON; empty where none has to be."""
        if not self.must_call:
            return ""
        name = self.tool_choice.name if isinstance(self.tool_choice, NamedTool) else ""
        held_to = [
            {"name": tool.name, "parameters": tool.parameters}
            for tool in self.tools
            if name in ("", tool.name)
        ]
        return json.dumps(held_to, ensure_ascii=False) if held_to else ""


class SessionSettings(AnswerSettings):
    """A session: a conversation, or transcripts alone."""

    type: Literal["realtime", "transcription"] = "realtime"
    audio: Audio = Audio()
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = Field(
        default=None, max_length=1
    )


# ---------------------------------------------------------------- events


class _Event(_Lenient):
    event_id: str | None = _ID


class SessionUpdate(_Event):
    """Changes the session; what is left out stays."""

    type: Literal["session.update", "transcription_session.update"]
    session: dict[str, Any]


class AppendAudio(_Event):
    """More audio, as base64."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class Simple(_Event):
    """An event that says all by its type."""

    type: Literal["input_audio_buffer.commit", "input_audio_buffer.clear"]


class CancelResponse(_Event):
    """Stops the response in progress, or the one of an id."""

    type: Literal["response.cancel"]
    response_id: str | None = _ID


class TextPart(_Lenient):
    """A piece of text of a message."""

    type: Literal["input_text", "output_text", "text"]
    text: Text = Field(max_length=20_000)


class AudioPart(_Lenient):
    """A recording in a message, in the session's input format, as base64."""

    type: Literal["input_audio"]
    audio: str | None = None
    transcript: Text | None = Field(default=None, max_length=20_000)


class MessageItem(_Lenient):
    """A message."""

    type: Literal["message"]
    id: str | None = _ID
    role: Literal["user", "assistant", "system"]
    content: list[Annotated[TextPart | AudioPart, Field(discriminator="type")]] = Field(
        max_length=64
    )


class CallItem(_Lenient):
    """A call that the assistant made earlier."""

    type: Literal["function_call"]
    id: str | None = _ID
    call_id: str = Field(min_length=1, max_length=64)
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    arguments: Text = Field(max_length=20_000)


class CallOutputItem(_Lenient):
    """What a tool returned."""

    type: Literal["function_call_output"]
    id: str | None = _ID
    call_id: str = Field(max_length=64)
    output: Text = Field(max_length=20_000)


class ItemReference(_Lenient):
    """An item of the conversation, by its id."""

    type: Literal["item_reference"]
    id: str = Field(max_length=512)


NewItem = Annotated[MessageItem | CallItem | CallOutputItem, Field(discriminator="type")]
InputItem = Annotated[
    MessageItem | CallItem | CallOutputItem | ItemReference, Field(discriminator="type")
]


class CreateItem(_Event):
    """Adds to the conversation: at its end, or after an item."""

    type: Literal["conversation.item.create"]
    previous_item_id: str | None = _ID
    item: NewItem


class ItemEvent(_Event):
    """Removes an item, or asks for it."""

    type: Literal["conversation.item.delete", "conversation.item.retrieve"]
    item_id: str = Field(max_length=512)


class TruncateItem(_Event):
    """Cuts an answer to what was played of it."""

    type: Literal["conversation.item.truncate"]
    item_id: str = Field(max_length=512)
    content_index: int = Field(ge=0)
    audio_end_ms: int = Field(ge=0)


class ResponseSettings(AnswerSettings):
    """One response, and which conversation it belongs to."""

    conversation: Literal["auto", "none"] = "auto"
    input: list[InputItem] | None = Field(default=None, max_length=1_000)
    metadata: dict[str, str] | None = Field(default=None, max_length=16)


class CreateResponse(_Event):
    """Asks for an answer."""

    type: Literal["response.create"]
    response: dict[str, Any] | None = None


ClientEvent = Annotated[
    SessionUpdate
    | AppendAudio
    | Simple
    | CancelResponse
    | CreateItem
    | ItemEvent
    | TruncateItem
    | CreateResponse,
    Field(discriminator="type"),
]
CLIENT_EVENT: TypeAdapter[ClientEvent] = TypeAdapter(ClientEvent)


def updated(settings: SessionSettings, change: Mapping[str, Any]) -> SessionSettings:
    """The session after `session.update`: what is named is changed, the rest stays.

    Raises:
        pydantic.ValidationError: A value that is not supported.
    """
    return SessionSettings.model_validate(_merged(settings.model_dump(), change))


def for_response(settings: SessionSettings, change: Mapping[str, Any]) -> ResponseSettings:
    """The settings of one response: the session's, with what the client gave for it.

    Raises:
        pydantic.ValidationError: A value that is not supported.
    """
    given = {name: value for name, value in change.items() if value is not None}
    return ResponseSettings.model_validate({**settings.model_dump(), **given})


def _merged(settings: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(settings)
    for key, value in change.items():
        before = merged.get(key)
        is_group = isinstance(value, dict) and isinstance(before, dict)
        merged[key] = _merged(before, value) if is_group and before else value
    return merged
