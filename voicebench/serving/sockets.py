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
from voicebench.serving.logs import log
from voicebench.serving.service import Service

_GOING_AWAY = 1001


class NothingTakenError(Exception):
    """The client does not read what it is sent."""


class Socket:
    """An accepted WebSocket.

    Args:
        websocket: See FastAPI.
        idle_s: Longest wait for the next message.
        read_timeout_s: How long a client may take nothing of what it is sent.
    """

    def __init__(self, websocket: WebSocket, idle_s: float, read_timeout_s: float) -> None:
        self._websocket = websocket
        self._idle_s = idle_s
        self._read_timeout_s = read_timeout_s
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
            NothingTakenError: The client takes nothing of it.
        """
        async with self._lock:
            if self._websocket.client_state is not WebSocketState.CONNECTED:
                return
            try:
                async with asyncio.timeout(self._read_timeout_s):
                    await self._websocket.send_text(msgspec.json.encode(body).decode())
            except TimeoutError:
                raise NothingTakenError from None
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
    """Accepts a WebSocket where there is a place, else refuses it and gives None. Who does not read
    is left.

    Args:
        service: Whose places.
        websocket: The one that asks.
        subprotocol: Taken where the client offers it.
    """
    with contextlib.ExitStack() as place:
        try:
            assert service.models
            place.enter_context(service.admission.stream())
        except ApiError as error:
            await websocket.send_denial_response(error.response())
            yield None
            return
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(subprotocol if subprotocol in offered else None)
        limits = service.settings.limits
        socket = Socket(websocket, limits.stream_idle_s, limits.read_timeout_s)
        try:
            yield socket
        except NothingTakenError:
            log("warning", "client takes nothing")
        finally:
            await socket.end()
