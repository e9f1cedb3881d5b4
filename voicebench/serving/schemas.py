"""Bodies of requests: everything unknown, unsupported or out of range is refused by name.

Every optional field may be null. Fields of OpenAI's and vLLM's that ask for what is not done here
are accepted with their neutral value only.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_NAME = r"^[A-Za-z0-9_-]{1,64}$"
_RATES = Field(default=None, ge=8_000, le=192_000)


def _is_json(value: Any) -> Any:
    """JSON as others read it: no NaN, no half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON that can be sent on ({type(error).__name__})") from None
    return value


def _refuse_unsupported(value: Any) -> None:
    if value is not None:
        raise ValueError("is not supported here; leave it out")


Unsupported = Annotated[None, BeforeValidator(_refuse_unsupported)]
"""A field whose only neutral value is null."""
JsonObject = Annotated[dict[str, Any], AfterValidator(_is_json)]
Text = Annotated[str, AfterValidator(_is_json)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Lenient(BaseModel):
    """For what clients send back to us with fields of their own."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class TextPart(_Lenient):
    """A piece of text."""

    type: Literal["text"]
    text: Text


class InputAudio(_Strict):
    """A recording: base64 of a file, whose content decides what it is, or of raw PCM."""

    data: str
    format: str | None = Field(default=None, max_length=16)


class AudioPart(_Lenient):
    """A piece of speech."""

    type: Literal["input_audio"]
    input_audio: InputAudio


Part = Annotated[TextPart | AudioPart, Field(discriminator="type")]


class CalledFunction(_Lenient):
    """A call's name and arguments, as JSON text."""

    name: Text = Field(min_length=1, max_length=128)
    arguments: Text


class CalledTool(_Lenient):
    """A call that the assistant made."""

    id: str = Field(default="", max_length=128)
    type: Literal["function"] = "function"
    function: CalledFunction


class SystemMessage(_Lenient):
    """Instructions."""

    role: Literal["system", "developer"]
    content: Text | list[TextPart]


class UserMessage(_Lenient):
    """What the person typed or said."""

    role: Literal["user"]
    content: Text | list[Part]


class AssistantMessage(_Lenient):
    """What was answered before."""

    role: Literal["assistant"]
    content: Text | list[TextPart] | None = None
    tool_calls: list[CalledTool] | None = None
    function_call: Unsupported = None


class ToolMessage(_Lenient):
    """What a tool said."""

    role: Literal["tool"]
    content: Text | list[TextPart]
    tool_call_id: str = Field(default="", max_length=128)


ChatMessage = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


class Function(_Strict):
    """A function that the LLM may call."""

    name: str = Field(pattern=_NAME)
    description: Text | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class ToolOffered(_Strict):
    """A tool."""

    type: Literal["function"]
    function: Function

    @property
    def as_offered(self) -> dict[str, Any]:
        """As the chat template takes it."""
        function = self.function.model_dump(exclude={"strict"}, exclude_none=True)
        return {"type": "function", "function": {"name": self.function.name, **function}}


class FunctionName(_Strict):
    """A function of those offered."""

    name: str = Field(pattern=_NAME)


class NamedToolChoice(_Strict):
    """The one tool that is to be called."""

    type: Literal["function"]
    function: FunctionName


class JsonSchema(_Strict):
    """A schema with a name."""

    name: str = Field(pattern=_NAME)
    description: str | None = None
    schema_: JsonObject | None = Field(default=None, alias="schema")
    strict: bool | None = None


class TextFormat(_Strict):
    """Free text."""

    type: Literal["text"]


class JsonObjectFormat(_Strict):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchemaFormat(_Strict):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")
]


class StreamOptions(_Strict):
    """What a stream carries beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    continuous_usage_stats: Literal[False] | None = None


class ChatTemplateOptions(_Strict):
    """Options of the chat template: this model never thinks aloud."""

    enable_thinking: Literal[False] | None = None


class ChatRequest(_Strict):
    """A request for an answer: `messages`, or one recording with `prompt_template`.

    Fields of OpenAI's that ask for what is not done here are taken with their neutral value only.
    """

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "oneOf": [{"required": ["messages"]}, {"required": ["audio_base64"]}],
            "examples": [
                {"messages": [{"role": "user", "content": "明天下午三点开会，几点开会"}]},
                {"audio_base64": "UklGRg==", "prompt_template": "请回答：{asr_text}"},
            ],
        },
    )

    model: str | None = Field(default=None, max_length=200)
    messages: list[ChatMessage] | None = Field(default=None, min_length=1, max_length=1_000)
    audio_base64: str | None = None
    audio_format: str | None = Field(default=None, max_length=16)
    audio_rate_hz: int | None = _RATES
    prompt_template: Text | None = None
    prompt: str | None = Field(default=None, max_length=64)
    cleaning: str | None = Field(default=None, max_length=64)
    conversation_id: str | None = Field(default=None, pattern=_NAME)
    include: list[Literal["alternatives"]] | None = Field(default=None, max_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    stop: Text | list[Text] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    tools: list[ToolOffered] | None = Field(default=None, max_length=128)
    tool_choice: Literal["auto", "none", "required"] | NamedToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    top_k: int | None = Field(default=None, ge=-1, le=1_000_000)
    min_p: float | None = Field(default=None, ge=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    repetition_penalty: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    logit_bias: dict[str, float] | None = Field(default=None, max_length=0)
    modalities: list[Literal["text"]] | None = None
    reasoning_effort: Literal["none", "minimal"] | None = None
    verbosity: Literal["medium"] | None = None
    chat_template_kwargs: ChatTemplateOptions | None = None
    user: str | None = Field(default=None, max_length=512)
    safety_identifier: str | None = Field(default=None, max_length=512)
    prompt_cache_key: str | None = Field(default=None, max_length=512)
    prompt_cache_retention: Text | None = Field(default=None, max_length=64)
    metadata: dict[str, str] | None = None
    store: Literal[False] | None = None
    service_tier: str | None = Field(default=None, max_length=32)
    audio: Unsupported = None
    prediction: Unsupported = None
    functions_: Unsupported = Field(default=None, alias="functions")
    function_call: Unsupported = None
    web_search_options: Unsupported = None

    @model_validator(mode="after")
    def _has_one_source(self) -> ChatRequest:
        if (self.messages is None) == (self.audio_base64 is None):
            raise ValueError("give either messages or audio_base64")
        if self.messages is not None and self.prompt_template:
            raise ValueError("prompt_template goes with audio_base64; write text into messages")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end the answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def offered(self) -> tuple[ToolOffered, ...]:
        """Tools that the LLM is told of."""
        return () if self.tool_choice == "none" else tuple(self.tools or ())

    @property
    def must_call(self) -> bool:
        """Whether the answer has to be a call."""
        return self.tool_choice not in (None, "auto", "none")

    @property
    def are_calls_optional(self) -> bool:
        """Whether the LLM may call or not, and a `strict` function's call has to fit its schema."""
        is_free = not self.must_call and not self.json_schema
        return is_free and any(tool.function.strict for tool in self.offered)

    def _parameters(self, function: Function) -> dict[str, Any]:
        if self.are_calls_optional and not function.strict:
            return {"properties": {}}  # any object
        return function.parameters or {}

    @property
    def functions(self) -> str:
        """The functions whose calls the answer is held to, as JSON; empty where it is not."""
        names = {tool.function.name for tool in self.offered}
        if isinstance(self.tool_choice, NamedToolChoice):
            names &= {self.tool_choice.function.name}
        elif not self.must_call and not self.json_schema and not self.are_calls_optional:
            names = set()
        held_to = [
            {"name": tool.function.name, "parameters": self._parameters(tool.function)}
            for tool in self.offered
            if tool.function.name in names
        ]
        return json.dumps(held_to, ensure_ascii=False) if held_to else ""

    @property
    def json_schema(self) -> str:
        """The schema that the answer has to fit, as JSON; empty for free text."""
        match self.response_format:
            case JsonSchemaFormat(json_schema=named):
                return json.dumps(named.schema_ or {}, ensure_ascii=False)
            case JsonObjectFormat():
                return '{"type": "object"}'
            case _:
                return ""
