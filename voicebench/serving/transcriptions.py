"""`POST /v1/audio/transcriptions`: a recording in, its transcript out in OpenAI's five forms, or as
events while it is recognised.

A streamed transcript is never taken back: a delta holds only what no later window can change, and
all deltas together are the text of the last event.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from numpy.typing import NDArray

from voicebench.serving.errors import RESPONSES, ApiError
from voicebench.serving.event_stream import EventStream, cancel_on_disconnect, line
from voicebench.serving.service import Service
from voicebench.serving.sound import decode
from voicebench.serving.subtitles import srt, verbose, vtt
from voicebench.serving.transcripts import as_tokens, growing, logprobs, transcribe
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis

Form_ = Literal["json", "text", "verbose_json", "srt", "vtt"]
Extras = frozenset[Literal["logprobs", "alternatives"]]
_STREAMED = ("json", "text")
"""OpenAI streams these: the events are the same, and those with times have no events."""
_CONTENT: dict[str, Any] = {"text/plain": {}, "text/vtt": {}, "text/event-stream": {}}


def router(service: Service) -> APIRouter:
    """The route, for one service."""
    routes = APIRouter(prefix="/v1", tags=["transcripts"])

    @routes.post(
        "/audio/transcriptions",
        responses={**RESPONSES, 200: {"content": _CONTENT}},
        summary="Transcribe a recording",
    )
    async def transcriptions(
        request: Request,
        file: Annotated[UploadFile, File()],
        model: Annotated[str, Form(max_length=200)] = "",
        response_format: Annotated[Form_, Form()] = "json",
        language: Annotated[str, Form(max_length=16)] = "zh",
        prompt: Annotated[str, Form(max_length=1000)] = "",
        temperature: Annotated[float, Form(ge=0, le=1)] = 0.0,
        granularities: Annotated[
            list[Literal["word", "segment"]] | None,
            Form(alias="timestamp_granularities[]", max_length=2),
        ] = None,
        include: Annotated[
            list[Literal["logprobs", "alternatives"]] | None,
            Form(alias="include[]", max_length=2),
        ] = None,
        stream: Annotated[bool, Form()] = False,
    ) -> Response:
        service.check_model(model)
        granularities = granularities or ["segment"]
        if not language.lower().startswith(("zh", "en", "chinese", "yue")):
            message = f"language {language!r} is not heard here, only zh"
            raise ApiError(400, message, "invalid_value", "language")
        if stream and response_format not in _STREAMED:
            message = f"{response_format} cannot be streamed, only json and text"
            raise ApiError(400, message, "unsupported_value", "response_format")
        extras: Extras = frozenset(include or ())
        if "logprobs" in extras and response_format != "json":
            message = f"logprobs come with json, not with {response_format}"
            raise ApiError(400, message, "unsupported_value", "include")
        data = await file.read()
        if not data:
            raise ApiError(400, "file is empty", "invalid_audio", "file")
        if stream:
            return await _stream(service, request, data, extras)
        work = _answer(service, data, response_format, granularities, extras)
        return await cancel_on_disconnect(request.receive, work)

    return routes


async def _answer(
    service: Service,
    data: bytes,
    response_format: Form_,
    granularities: list[Any],
    extras: Extras,
) -> Response:
    assistant = service.assistant(service.for_uploads(service.settings.variant))
    async with service.admission.turn():
        samples = await decode(data, service.settings.limits)
        transcript = await transcribe(assistant, samples, service.settings.limits.turn_timeout_s)
    tokens, text = transcript.hypothesis.tokens, transcript.hypothesis.text
    match response_format:
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            return PlainTextResponse(await asyncio.to_thread(srt, tokens))
        case "vtt":
            text = await asyncio.to_thread(vtt, tokens)
            return Response(text, media_type="text/vtt; charset=utf-8")
        case "verbose_json":
            body = await asyncio.to_thread(
                verbose,
                tokens,
                samples,
                with_words="word" in granularities,
                with_segments="segment" in granularities,
            )
        case "json":
            usage = {"type": "duration", "seconds": _seconds(samples)}
            body = {"text": text, "usage": usage, **logprobs(tokens, "logprobs" in extras)}
    body["voicebench"] = _extra(transcript.hypothesis, extras)
    return JSONResponse(body)


async def _stream(service: Service, request: Request, data: bytes, extras: Extras) -> Response:
    """The events; what is wrong with the audio is still told by the status."""
    assistant = service.assistant(service.for_uploads(service.settings.variant))
    limits = service.settings.limits
    async with contextlib.AsyncExitStack() as place:
        await cancel_on_disconnect(
            request.receive, place.enter_async_context(service.admission.turn())
        )
        samples = await cancel_on_disconnect(request.receive, decode(data, limits))
        hypotheses = growing(assistant, samples, limits.turn_timeout_s)
        lines = _events(hypotheses, _seconds(samples), extras)
        return EventStream(lines, place.pop_all(), limits.read_timeout_s)


async def _events(
    hypotheses: AsyncGenerator[Hypothesis, None], audio_s: float, extras: Extras
) -> AsyncGenerator[bytes, None]:
    told = hypothesis = Hypothesis(tokens=())
    try:
        async with contextlib.aclosing(hypotheses):
            async for hypothesis in hypotheses:
                if len(hypothesis.text) > len(told.text):
                    delta = hypothesis.text[len(told.text) :]
                    new = logprobs(hypothesis.tokens[len(told.tokens) :], "logprobs" in extras)
                    yield line({"type": "transcript.text.delta", "delta": delta, **new})
                    told = hypothesis
        # OpenAI's usage of a stream is in tokens; none are counted here
        extra = {"audio_s": audio_s, **_extra(hypothesis, extras)}
        done = {"type": "transcript.text.done", "text": told.text}
        yield line(
            {**done, **logprobs(hypothesis.tokens, "logprobs" in extras), "voicebench": extra}
        )
    except ApiError as error:  # the status has been sent: the error is an event
        yield line(error.body)


def _seconds(samples: NDArray[np.float32]) -> float:
    return round(len(samples) / SAMPLE_RATE_HZ, 3)


def _extra(hypothesis: Hypothesis, extras: Extras) -> dict[str, Any]:
    """What OpenAI has no place for."""
    tokens = as_tokens(hypothesis.tokens, with_alternatives="alternatives" in extras)
    return {"confidence": round(hypothesis.confidence, 4), "tokens": tokens}
