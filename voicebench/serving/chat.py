"""`POST /v1/chat/completions`: OpenAI's body, or one recording; an answer, whole or streamed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from voicebench.asr.segments import blocks_of
from voicebench.clock import TurnClock
from voicebench.serving.chat_request import Question, read_question
from voicebench.serving.chat_response import ChatResponse
from voicebench.serving.errors import RESPONSES, ApiError, of_unforeseen
from voicebench.serving.event_stream import EventStream, cancel_on_disconnect, line
from voicebench.serving.json_route import JsonRoute
from voicebench.serving.schemas import ChatRequest
from voicebench.serving.service import Service
from voicebench.serving.turn_task import TurnTask
from voicebench.types import Event


def router(service: Service) -> APIRouter:
    """The route, for one service."""
    routes = APIRouter(prefix="/v1", tags=["answers"], route_class=JsonRoute)

    @routes.post(
        "/chat/completions",
        responses={**RESPONSES, 200: {"content": {"text/event-stream": {}}}},
        summary="Answer a question, spoken or typed",
    )
    async def complete(body: ChatRequest, request: Request) -> Response:
        answer = _streamed if body.stream else _whole
        return await cancel_on_disconnect(request.receive, answer(service, body))

    @routes.delete(
        "/conversations/{conversation_id}",
        responses={**RESPONSES, 404: {"description": "There is no such conversation"}},
        summary="Forget a conversation",
    )
    async def forget(conversation_id: str) -> dict[str, Any]:
        if not await service.conversations.forget(conversation_id):
            raise ApiError(404, "there is no such conversation", "conversation_not_found")
        return {"object": "conversation.deleted", "deleted": True}

    return routes


def begin_turn(service: Service, question: Question) -> AsyncGenerator[Event, None]:
    """The turn that answers a question, not yet begun."""
    memory = service.conversations.memory(question.conversation_id)
    assistant = question.assistant
    if question.samples is None:
        return assistant.answer_text(
            question.typed, memory, clock=TurnClock(), tools=question.tools
        )
    return assistant.run_recording(blocks_of(question.samples), memory, tools=question.tools)


async def _asked(service: Service, body: ChatRequest) -> tuple[Question, TurnTask, ChatResponse]:
    """What a request asks for, with nothing of its conversation in progress any more."""
    question = await read_question(service, body)
    turn_task = TurnTask(
        lambda: begin_turn(service, question),
        service.settings.limits.turn_timeout_s,
        "real_time" if question.samples is None else "fast",
    )
    # before waiting for a place: the answer that is barged into may hold the last one
    await service.conversations.interrupt(question.conversation_id)
    return question, turn_task, ChatResponse(question, turn_task, service.settings.profile)


async def _whole(service: Service, body: ChatRequest) -> Response:
    question, turn_task, reply = await _asked(service, body)
    async with service.admission.turn():
        await service.finish(turn_task, question.assistant, question.conversation_id)
    return Response(msgspec.json.encode(reply.whole()), media_type="application/json")


async def _streamed(service: Service, body: ChatRequest) -> Response:
    question, turn_task, reply = await _asked(service, body)
    with_usage = bool(body.stream_options and body.stream_options.include_usage)
    place = contextlib.AsyncExitStack()
    await place.enter_async_context(service.admission.turn())
    lines = _lines(service, question, turn_task, reply, with_usage)
    return EventStream(lines, place, service.settings.limits.read_timeout_s)


async def _lines(
    service: Service, question: Question, turn_task: TurnTask, reply: ChatResponse, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    yield line(reply.first())
    events = service.events(turn_task, question.assistant, question.conversation_id)
    try:
        async with contextlib.aclosing(events):
            async for event in events:
                for chunk in reply.pieces(event):
                    yield line(chunk)
        for chunk in reply.last(with_usage):
            yield line(chunk)
    except Exception as error:  # the status has been sent: the error is an event
        yield line(of_unforeseen(error).body)
    yield b"data: [DONE]\n\n"
