"""`POST /v1/chat/completions`: OpenAI's body, or one recording; an answer, whole or streamed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask
from starlette.types import Receive, Scope, Send

from voicebench.audio import chunk_audio
from voicebench.clock import TurnClock
from voicebench.pipeline.pace import make_clock, paced
from voicebench.serving.errors import RESPONSES, ApiError, of_unforeseen
from voicebench.serving.questions import Question, read_question
from voicebench.serving.replies import Reply
from voicebench.serving.schemas import ChatRequest
from voicebench.serving.service import Service
from voicebench.serving.turns import Running
from voicebench.types import Event

T = TypeVar("T")


def router(service: Service) -> APIRouter:
    """The route, for one service."""
    routes = APIRouter(prefix="/v1", tags=["answers"])

    @routes.post(
        "/chat/completions",
        responses={**RESPONSES, 200: {"content": {"text/event-stream": {}}}},
        summary="Answer a question, spoken or typed",
    )
    async def complete(body: ChatRequest, request: Request) -> Response:
        question = await unless_left(request.receive, read_question(service, body))
        running = Running(
            lambda: begin_turn(service, question),
            service.settings.limits.turn_timeout_s,
            "real_time" if question.samples is None else "fast",
        )
        reply = Reply(question, running, service.settings.profile)
        # before waiting for a place: the answer that is barged into may hold the last one
        await service.conversations.interrupt(question.conversation_id)
        if body.stream:
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            place = contextlib.AsyncExitStack()
            admitted = place.enter_async_context(service.admission.turn())
            await unless_left(request.receive, admitted)
            return EventStream(_stream(service, question, running, reply, with_usage), place)
        return await unless_left(request.receive, _whole(service, question, running, reply))

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
    clock = make_clock("fast")
    arriving = paced(chunk_audio(question.samples), clock)
    return assistant.run_turn(
        arriving, memory, clock=clock, endpointing=False, tools=question.tools
    )


async def _whole(
    service: Service, question: Question, running: Running, reply: Reply
) -> JSONResponse:
    async with service.admission.turn():
        events = service.events(running, question.assistant, question.conversation_id)
        async with contextlib.aclosing(events):
            async for _ in events:
                pass
    return JSONResponse(reply.whole())


async def _stream(
    service: Service, question: Question, running: Running, reply: Reply, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    yield _line(reply.first())
    events = service.events(running, question.assistant, question.conversation_id)
    try:
        async with contextlib.aclosing(events):
            async for event in events:
                for chunk in reply.pieces(event):
                    yield _line(chunk)
        for chunk in reply.last(with_usage):
            yield _line(chunk)
    except Exception as error:  # the status has been sent: the error is an event
        yield _line(of_unforeseen(error).body)
    yield b"data: [DONE]\n\n"


def _line(body: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


class EventStream(Response):
    """Server-sent events. A client that leaves ends them at once, wherever they are.

    Args:
        lines: The events; closed in any case.
        place: What is held while they go on.
    """

    media_type = "text/event-stream"

    def __init__(
        self, lines: AsyncGenerator[bytes, None], place: contextlib.AsyncExitStack
    ) -> None:
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self._lines = lines
        self._place = place
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        async with self._place, contextlib.aclosing(self._lines):
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            with contextlib.suppress(ClientLeft):
                await unless_left(receive, self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        async for line in self._lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class ClientLeft(ApiError):
    """The client went away; nobody reads what is answered now."""

    def __init__(self) -> None:
        super().__init__(499, "the client left", "client_left")


async def unless_left(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Does something for as long as the client is there.

    Args:
        receive: The request's, its body read.
        work: Cancelled, and waited for, when the client leaves.

    Raises:
        ClientLeft: The client left.
        Exception: What the work raised.
    """

    async def leave() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task, leaving = asyncio.create_task(work), asyncio.create_task(leave())
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientLeft
    finally:
        leaving.cancel()
        task.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)
