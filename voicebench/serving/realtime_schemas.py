"""Events that a client of `/v1/realtime` sends, as far as they are understood here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from voicebench.serving.schemas import JsonObject, Text
from voicebench.serving.sound import Encoding


class _Lenient(BaseModel):
    """Clients send settings of voices and of noise reduction too; here they mean nothing."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class ServerVad(_Lenient):
    """The server hears when a turn is over."""

    type: Literal["server_vad", "semantic_vad"]
    silence_duration_ms: int = Field(default=500, ge=100, le=10_000)
    prefix_padding_ms: int = Field(default=300, ge=0, le=3_000)
    create_response: bool = True
    interrupt_response: Literal[True] = True


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
    turn_detection: ServerVad | None = ServerVad(type="server_vad")


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


class AnswerSettings(_Lenient):
    """How an answer is made; of a session, or of one response."""

    instructions: Text | None = Field(default=None, max_length=20_000)
    output_modalities: list[Literal["text"]] = Field(default=["text"], max_length=1)
    tools: list[RealtimeTool] = Field(default=[], max_length=64)
    tool_choice: Literal["auto", "none"] = "auto"
    max_output_tokens: Annotated[int, Field(ge=1, le=100_000)] | Literal["inf"] = "inf"


class SessionSettings(AnswerSettings):
    """A session."""

    type: Literal["realtime"] = "realtime"
    audio: Audio = Audio()


class SessionUpdate(_Lenient):
    """Changes the session; what is left out stays."""

    type: Literal["session.update"]
    event_id: str | None = Field(default=None, max_length=512)
    session: dict[str, Any]


class AppendAudio(_Lenient):
    """More audio, as base64."""

    type: Literal["input_audio_buffer.append"]
    event_id: str | None = Field(default=None, max_length=512)
    audio: str


class Simple(_Lenient):
    """An event that says all by its type."""

    type: Literal["input_audio_buffer.commit", "input_audio_buffer.clear", "response.cancel"]
    event_id: str | None = Field(default=None, max_length=512)


class ItemPart(_Lenient):
    """A piece of text of a message."""

    type: Literal["input_text", "output_text", "text"]
    text: Text = Field(max_length=20_000)


class MessageItem(_Lenient):
    """A message."""

    type: Literal["message"]
    id: str = Field(default="", max_length=64)
    role: Literal["user", "assistant", "system"]
    content: list[ItemPart] = Field(max_length=64)

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(part.text for part in self.content)


class CallOutputItem(_Lenient):
    """What a tool said."""

    type: Literal["function_call_output"]
    id: str = Field(default="", max_length=64)
    call_id: str = Field(max_length=64)
    output: Text = Field(max_length=20_000)


class CreateItem(_Lenient):
    """Adds to the conversation."""

    type: Literal["conversation.item.create"]
    event_id: str | None = Field(default=None, max_length=512)
    item: Annotated[MessageItem | CallOutputItem, Field(discriminator="type")]


class CreateResponse(_Lenient):
    """Asks for an answer."""

    type: Literal["response.create"]
    event_id: str | None = Field(default=None, max_length=512)
    response: dict[str, Any] = Field(default_factory=dict)


ClientEvent = Annotated[
    SessionUpdate | AppendAudio | Simple | CreateItem | CreateResponse,
    Field(discriminator="type"),
]
CLIENT_EVENT: TypeAdapter[ClientEvent] = TypeAdapter(ClientEvent)


def updated(settings: SessionSettings, change: dict[str, Any]) -> SessionSettings:
    """The session after `session.update`: what is named is changed, the rest stays.

    Raises:
        pydantic.ValidationError: A value that is not taken.
    """
    return SessionSettings.model_validate(_merged(settings.model_dump(), change))


def for_response(settings: SessionSettings, change: dict[str, Any]) -> AnswerSettings:
    """The settings of one response: the session's, with what the client gave for it.

    Raises:
        pydantic.ValidationError: A value that is not taken.
    """
    return AnswerSettings.model_validate({**settings.model_dump(), **change})


def _merged(settings: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(settings)
    for key, value in change.items():
        before = merged.get(key)
        is_group = isinstance(value, dict) and isinstance(before, dict)
        merged[key] = _merged(before, value) if is_group and before else value
    return merged
