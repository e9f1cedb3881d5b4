"""From a request's body to a turn: what is heard, what is typed, how it is worded and sampled."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.clock import now_s
from voicebench.errors import PromptTooLongError
from voicebench.llm.hermes import CALL_BEGIN, CALL_END
from voicebench.llm.prompts import find_prompt
from voicebench.pipeline.answering import check_prompt_length
from voicebench.pipeline.assistant import Assistant
from voicebench.serving.errors import ApiError, context_length_exceeded
from voicebench.serving.message_prompts import SPOKEN_HERE, MessagesPromptBuilder
from voicebench.serving.schemas import (
    AssistantMessage,
    AudioPart,
    ChatMessage,
    ChatRequest,
    NamedToolChoice,
    SystemMessage,
    TextPart,
    UserMessage,
)
from voicebench.serving.service import UPLOADED, Service
from voicebench.serving.sound import decode, from_base64
from voicebench.serving.transcripts import transcribe
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Message, Sampling, ToolCall, Variant

_MAX_STOPS = 4
_MAX_CALLS = Sampling().max_calls


@dataclass(frozen=True)
class Question:
    """One turn that a request asks for.

    Attributes:
        assistant: Answers it.
        samples: What is heard, 16 kHz mono float32; None where it was typed.
        typed: What was typed.
        conversation_id: Empty outside of a conversation.
        decoded_s: What decoding took.
        is_call_named: Whether the client named the function that is to be called.
        is_one_call: Whether the client takes one call at most.
        with_alternatives: Whether the client wants the other readings of tokens.
    """

    assistant: Assistant
    samples: NDArray[np.float32] | None
    typed: str
    tools: tuple[dict[str, Any], ...]
    conversation_id: str
    decoded_s: float
    is_call_named: bool
    is_one_call: bool
    with_alternatives: bool


async def read_question(service: Service, request: ChatRequest) -> Question:
    """Checks all of a request before anything is answered.

    Raises:
        ApiError, UserError: What is wrong with it.
    """
    _check_sizes(service, request)
    _check_choice(request)
    service.check_model(request.model)
    models = service.models
    variant = _variant(service, request)
    await _check_forms(service, variant.sampling)
    tools = tuple(tool.as_offered for tool in request.offered)
    started_s = now_s()
    prompts, typed = None, ""
    param = "prompt_template" if variant.prompt_template else "prompt"
    if request.messages is None:
        samples: NDArray[np.float32] | None = await decode(
            from_base64(request.audio_base64 or "", "audio_base64"),
            service.settings.limits,
            format_name=request.audio_format or "",
            rate_hz=request.audio_rate_hz or SAMPLE_RATE_HZ,
        )
    else:
        reader, param = _Reader(service, variant), "messages"
        messages = await reader.read(request.messages)
        if request.prompt is not None and messages[0].role != "system":
            system = Message(role="system", content=find_prompt(request.prompt).system)
            messages = (system, *messages)
        prompts, samples = MessagesPromptBuilder(models.generator, messages), reader.spoken
        typed = next((m.content for m in reversed(messages) if m.content.strip()), "")
    assistant = service.assistant(
        variant, prompts=prompts, hands_out_calls=bool(tools), is_read_live=bool(request.stream)
    )
    memory = service.conversations.memory(request.conversation_id or "")
    _check_prompt(assistant, memory.history(), tools, param)
    return Question(
        assistant=assistant,
        samples=samples,
        typed=typed,
        tools=tools,
        conversation_id=request.conversation_id or "",
        decoded_s=now_s() - started_s,
        with_alternatives="alternatives" in (request.include or ()),
        **_calling(request),
    )


def _calling(request: ChatRequest) -> dict[str, bool]:
    return {
        "is_call_named": isinstance(request.tool_choice, NamedToolChoice),
        "is_one_call": request.parallel_tool_calls is False,
    }


def _variant(service: Service, request: ChatRequest) -> Variant:
    base = service.settings.variant
    limit = service.settings.limits.max_tokens
    asked = request.max_completion_tokens or request.max_tokens or limit
    temperature = request.temperature if request.temperature is not None else 0.0
    sampling = Sampling(
        max_tokens=min(asked, limit),
        temperature=temperature,
        top_p=request.top_p if request.top_p is not None else 1.0,
        seed=request.seed if request.seed is not None else any_seed(temperature),
        stop=request.stops,
        json_schema="" if request.must_call else request.json_schema,
        functions=request.functions,
        are_calls_optional=request.are_calls_optional,
        top_k=max(0, request.top_k or 0),
        min_p=request.min_p or 0.0,
        presence_penalty=request.presence_penalty or 0.0,
        frequency_penalty=request.frequency_penalty or 0.0,
        max_calls=1 if any(_calling(request).values()) else _MAX_CALLS,
    )
    return msgspec.structs.replace(
        base,
        cleaning=request.cleaning if request.cleaning is not None else base.cleaning,
        prompt=request.prompt if request.prompt is not None else base.prompt,
        prompt_template=request.prompt_template or "",
        sampling=sampling,
        **UPLOADED,
    )


def any_seed(temperature: float) -> int:
    """A seed for a request that names none: each draw is its own, and greedy answers are the same."""
    return secrets.randbelow(2**31) if temperature > 0 else Sampling().seed


async def _check_forms(service: Service, sampling: Sampling) -> None:
    if sampling.json_schema:
        alone = Sampling(json_schema=sampling.json_schema)
        await service.check_sampling(alone, "response_format")
    if sampling.functions:
        await service.check_sampling(sampling, "tools")


def _check_choice(request: ChatRequest) -> None:
    if not request.must_call or request.functions:
        return
    message = "tool_choice asks for a call, and there are no tools"
    if isinstance(request.tool_choice, NamedToolChoice) and request.tools:
        message = f"tool_choice names {request.tool_choice.function.name!r}, which is no tool here"
    raise ApiError(400, message, "invalid_value", "tool_choice")


def _check_sizes(service: Service, request: ChatRequest) -> None:
    limits = service.settings.limits
    if len(request.prompt_template or "") > limits.max_template_characters:
        _refuse_size("prompt_template", limits.max_template_characters)
    given_tools = [tool.as_offered for tool in request.tools or ()]
    for param, text in (
        ("tools", json.dumps(given_tools, ensure_ascii=False) if given_tools else ""),
        ("response_format", request.json_schema),
    ):
        if len(text) > limits.max_schema_characters:
            _refuse_size(param, limits.max_schema_characters)
    if len(request.stops) > _MAX_STOPS or any(not 0 < len(s) <= 100 for s in request.stops):
        message = f"stop takes at most {_MAX_STOPS} texts of 1 to 100 characters"
        raise ApiError(400, message, "invalid_value", "stop")
    num_characters = sum(len(_text(message.content)) for message in request.messages or ())
    if num_characters > limits.max_text_characters:
        _refuse_size("messages", limits.max_text_characters)


def _refuse_size(param: str, limit: int) -> None:
    raise ApiError(400, f"{param} is longer than {limit} characters", "too_long", param)


def _check_prompt(
    assistant: Assistant,
    history: Sequence[Message],
    tools: Sequence[dict[str, Any]],
    param: str,
) -> None:
    """Builds the prompt once without the transcript, so that what cannot be answered is refused.

    Raises:
        ApiError: 400, the chat template takes no such messages, or they are too long.
    """
    try:
        _, prompt = assistant.build_prompt(history, "", Hypothesis(is_final=True), tools)
    except Exception as error:  # a chat template raises whatever it likes
        message = f"{param} cannot be laid out for this model ({type(error).__name__})"
        raise ApiError(400, message, "invalid_value", param) from None
    try:
        check_prompt_length(assistant.generator, len(prompt))
    except PromptTooLongError as error:
        raise context_length_exceeded(error.problem, param) from None


class _Reader:
    """Reads messages; the last recording of a last message of the user's is the turn's speech, and
    all others are recognised beforehand."""

    def __init__(self, service: Service, variant: Variant) -> None:
        self._service = service
        self._variant = variant
        self._max_left_s = service.settings.limits.max_audio_s
        self.spoken: NDArray[np.float32] | None = None

    async def read(self, given: Sequence[ChatMessage]) -> tuple[Message, ...]:
        live = _live_part(given)
        messages = [await self._message(message, live) for message in given]
        if not any(message.content.strip() or message.tool_calls for message in messages):
            raise ApiError(400, "the messages say nothing", "invalid_value", "messages")
        return tuple(messages)

    async def _message(self, given: ChatMessage, live: AudioPart | None) -> Message:
        if isinstance(given, UserMessage) and not isinstance(given.content, str):
            texts = [await self._part(part, live) for part in given.content]
            return Message(role="user", content="\n".join(texts))
        content = _text(given.content)
        if isinstance(given, AssistantMessage):
            calls, unreadable = _calls(given)
            content = "\n".join(filter(None, [content, *unreadable]))
            return Message(role="assistant", content=content, tool_calls=calls)
        role = "system" if isinstance(given, SystemMessage) else given.role
        return Message(role=role, content=content)

    async def _part(self, part: TextPart | AudioPart, live: AudioPart | None) -> str:
        if isinstance(part, TextPart):
            return part.text
        limits = msgspec.structs.replace(
            self._service.settings.limits, max_audio_s=self._max_left_s
        )
        data = from_base64(part.input_audio.data, "input_audio.data")
        samples = await decode(data, limits, format_name=part.input_audio.format or "")
        self._max_left_s = max(0.1, self._max_left_s - len(samples) / SAMPLE_RATE_HZ)
        if part is live:
            self.spoken = samples
            return SPOKEN_HERE
        assistant = self._service.assistant(self._variant)
        async with self._service.admission.turn():
            heard = await transcribe(assistant, samples, limits.turn_timeout_s)
        return assistant.clean(heard.hypothesis.text).text


def _live_part(given: Sequence[ChatMessage]) -> AudioPart | None:
    last = given[-1]
    if not isinstance(last, UserMessage) or isinstance(last.content, str):
        return None
    return next((part for part in reversed(last.content) if isinstance(part, AudioPart)), None)


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text for part in content if isinstance(part, TextPart))


def _calls(given: AssistantMessage) -> tuple[tuple[ToolCall, ...], list[str]]:
    """The calls of a message, and those whose arguments are no JSON object, as the text they were."""
    calls, unreadable = [], []
    for call in given.tool_calls or ():
        try:
            arguments = json.loads(call.function.arguments or "{}")
            if not isinstance(arguments, dict):
                raise ValueError(arguments)
            json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
            calls.append(ToolCall(name=call.function.name, arguments=arguments))
        except (ValueError, RecursionError):
            unreadable.append(f"{CALL_BEGIN}\n{call.function.arguments}\n{CALL_END}")
    return tuple(calls), unreadable
