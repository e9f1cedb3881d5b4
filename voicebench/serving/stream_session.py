"""What both WebSocket protocols share: one client, its messages, its tasks, and how its errors are answered."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import msgspec
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from voicebench.serving.admission import Admission
from voicebench.serving.errors import CLIENT_ERRORS, ApiError, of_client_error
from voicebench.serving.logs import log
from voicebench.serving.service import Service

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


class StreamSession(abc.ABC):
    """One client on a WebSocket; a protocol says what its messages mean.

    Args:
        service: Models and limits.
        websocket: Not yet accepted.
    """

    subprotocol = ""
    """Taken where the client offers it."""

    def __init__(self, service: Service, websocket: WebSocket) -> None:
        self._service = service
        self._limits = service.settings.limits
        self._websocket = websocket
        self._place = SpeechPlace(service.admission, self._limits.speech_idle_s)
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @abc.abstractmethod
    async def begin(self) -> None:
        """The client is there, and the models are loaded."""

    @abc.abstractmethod
    async def handle(self, message: str | bytes) -> None:
        """Takes a message; raises what is wrong with it."""

    @abc.abstractmethod
    async def report(self, error: ApiError) -> None:
        """Answers what was wrong with a message."""

    async def serve(self) -> None:
        """Serves the client until it leaves; refuses it while the models are not loaded."""
        try:
            assert self._service.models
            self._service.admission.refuse_when_draining()
        except ApiError as error:
            await self._websocket.send_denial_response(error.response())
            return
        offered = self._websocket.scope.get("subprotocols", [])
        await self._websocket.accept(self.subprotocol if self.subprotocol in offered else None)
        try:
            await self._reporting(self.begin())
            async for message in self._messages():
                await self._reporting(self.handle(message))
        except SlowConsumerError:
            log("warning", "the client reads nothing")
        finally:
            self._place.release()
            await self._cancel_tasks()

    async def send(self, body: dict[str, Any]) -> None:
        """Sends JSON; nothing where the client has left.

        Raises:
            SlowConsumerError: The client takes nothing of it.
        """
        async with self._lock:
            if self._websocket.client_state is not WebSocketState.CONNECTED:
                return
            try:
                async with asyncio.timeout(self._limits.read_timeout_s):
                    await self._websocket.send_text(msgspec.json.encode(body).decode())
            except TimeoutError:
                raise SlowConsumerError from None
            except (WebSocketDisconnect, RuntimeError):
                return

    async def close(self, code: int = 1000) -> None:
        """Closes it; no message is taken afterwards."""
        self._is_closed = True
        with contextlib.suppress(RuntimeError):
            await self._websocket.close(code)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts something that goes on beside; cancelled when the client leaves."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def _messages(self) -> AsyncIterator[str | bytes]:
        """What the client sends, until it leaves or sends nothing for too long."""
        while not self._is_closed:
            try:
                async with asyncio.timeout(self._limits.stream_idle_s):
                    message = await self._websocket.receive()
            except TimeoutError:
                await self.close(_GOING_AWAY)
                return
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            yield message["text"] if data is None else data

    async def _reporting(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except CLIENT_ERRORS as error:
            await self.report(of_client_error(error))

    async def _cancel_tasks(self) -> None:
        """Cancels what goes on and waits until it is gone."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log("error", "stream task failed", exc_info=error)
