"""`POST /v1/audio/transcriptions`: a recording in, its transcript out in OpenAI's five forms."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from voicebench.serving.chat import unless_left
from voicebench.serving.errors import RESPONSES, ApiError
from voicebench.serving.service import Service
from voicebench.serving.sound import decode
from voicebench.serving.transcripts import as_tokens, srt, transcribe, verbose, vtt
from voicebench.types import SAMPLE_RATE_HZ

Form_ = Literal["json", "text", "verbose_json", "srt", "vtt"]


def router(service: Service) -> APIRouter:
    """The route, for one service."""
    routes = APIRouter(prefix="/v1", tags=["transcripts"])

    @routes.post(
        "/audio/transcriptions",
        responses={**RESPONSES, 200: {"content": {"text/plain": {}, "text/vtt": {}}}},
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
        stream: Annotated[Literal["false"], Form()] = "false",
    ) -> Response:
        service.check_model(model)
        granularities = granularities or ["segment"]
        if not language.lower().startswith(("zh", "en", "chinese", "yue")):
            message = f"language {language!r} is not heard here, only zh"
            raise ApiError(400, message, "invalid_value", "language")
        data = await file.read()
        if not data:
            raise ApiError(400, "file is empty", "invalid_audio", "file")
        work = _answer(service, data, response_format, granularities)
        return await unless_left(request.receive, work)

    return routes


async def _answer(
    service: Service, data: bytes, response_format: Form_, granularities: list[Any]
) -> Response:
    assistant = service.assistant(service.for_uploads(service.settings.variant))
    async with service.admission.turn():
        samples = await decode(data, service.settings.limits)
        transcript = await transcribe(assistant, samples)
    tokens, text = transcript.hypothesis.tokens, transcript.hypothesis.text
    match response_format:
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            return PlainTextResponse(srt(tokens))
        case "vtt":
            return Response(vtt(tokens), media_type="text/vtt; charset=utf-8")
        case "verbose_json":
            body = verbose(
                tokens,
                samples,
                with_words="word" in granularities,
                with_segments="segment" in granularities,
            )
        case "json":
            seconds = round(len(samples) / SAMPLE_RATE_HZ, 3)
            body = {"text": text, "usage": {"type": "duration", "seconds": seconds}}
    confidence = round(transcript.hypothesis.confidence, 4)
    body["voicebench"] = {"confidence": confidence, "tokens": as_tokens(tokens)}
    return JSONResponse(body)
