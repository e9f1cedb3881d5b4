"""What both WebSocket protocols need: a place, a lock on sending, tasks that end with the socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import msgspec
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from voicebench.serving.errors import ApiError
from voicebench.serving.limits import Admission
from voicebench.serving.logs import log
from voicebench.serving.service import Service
from voicebench.serving.settings import Limits

_GOING_AWAY = 1001


class SlowConsumerError(Exception):
    """The client does not read what it is sent."""


class SpeechPlace:
    """A stream's place among those that send speech: taken with its first audio, and given back
    when none came for a while. An open stream that sends nothing holds none.

    Args:
        admission: Whose places.
        idle_s: How long without audio.
    """

    def __init__(self, admission: Admission, idle_s: float) -> None:
        self._admission = admission
        self._idle_s = idle_s
        self._place = contextlib.ExitStack()
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> None:
        """Audio has come.

        Raises:
            ApiError: 503, all places are taken or the service is shutting down.
        """
        if self._timer is None:
            self._place.enter_context(self._admission.stream())
        else:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_s, self.release)

    def release(self) -> None:
        """Gives the place back."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._place.close()


class Socket:
    """An accepted WebSocket.

    Args:
        websocket: See FastAPI.
        limits: On waiting for the client.
        speech_place: See `SpeechPlace`.
    """

    def __init__(self, websocket: WebSocket, limits: Limits, speech_place: SpeechPlace) -> None:
        self._websocket = websocket
        self._idle_s = limits.stream_idle_s
        self._read_timeout_s = limits.read_timeout_s
        self.speech_place = speech_place
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def messages(self) -> AsyncIterator[str | bytes]:
        """What the client sends, until it leaves or says nothing for too long."""
        while True:
            try:
                async with asyncio.timeout(self._idle_s):
                    message = await self._websocket.receive()
            except TimeoutError:
                await self.close(_GOING_AWAY)
                return
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            yield message["text"] if data is None else data

    async def send(self, body: dict[str, Any]) -> None:
        """Sends JSON; nothing where the client has left.

        Raises:
            SlowConsumerError: The client takes nothing of it.
        """
        async with self._lock:
            if self._websocket.client_state is not WebSocketState.CONNECTED:
                return
            try:
                async with asyncio.timeout(self._read_timeout_s):
                    await self._websocket.send_text(msgspec.json.encode(body).decode())
            except TimeoutError:
                raise SlowConsumerError from None
            except (WebSocketDisconnect, RuntimeError):
                return

    async def close(self, code: int = 1000) -> None:
        """Closes it."""
        with contextlib.suppress(RuntimeError):
            await self._websocket.close(code)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts something that goes on beside; cancelled when the socket is left."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def end(self) -> None:
        """Cancels what goes on and waits until it is gone."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log("error", "stream task failed", exc_info=error)


@contextlib.asynccontextmanager
async def accepted(
    service: Service, websocket: WebSocket, subprotocol: str
) -> AsyncIterator[Socket | None]:
    """Accepts a WebSocket once the models are loaded, else refuses it and yields None. A client that
    does not read is left.

    Args:
        service: Whose places.
        websocket: The one that asks.
        subprotocol: Taken where the client offers it.
    """
    try:
        assert service.models
        service.admission.refuse_when_draining()
    except ApiError as error:
        await websocket.send_denial_response(error.response())
        yield None
        return
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol if subprotocol in offered else None)
    limits = service.settings.limits
    place = SpeechPlace(service.admission, limits.speech_idle_s)
    socket = Socket(websocket, limits, place)
    try:
        yield socket
    except SlowConsumerError:
        log("warning", "the client reads nothing")
    finally:
        place.release()
        await socket.end()
