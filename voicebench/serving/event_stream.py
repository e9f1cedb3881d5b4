"""Server-sent events, and work that ends when its client leaves."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

import msgspec
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voicebench.serving.errors import ApiError

T = TypeVar("T")


def line(body: dict[str, Any]) -> bytes:
    """One event."""
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


class EventStream(Response):
    """Server-sent events. A client that leaves ends them at once, wherever they are.

    Args:
        lines: The events; closed in any case.
        place: What is held while they go on.
        read_timeout_s: A client that takes nothing for so long is one that has left: else who does
            not read would keep the place.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        lines: AsyncGenerator[bytes, None],
        place: contextlib.AsyncExitStack,
        read_timeout_s: float,
    ) -> None:
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self._lines = lines
        self._place = place
        self._read_timeout_s = read_timeout_s
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        async with self._place, contextlib.aclosing(self._lines):
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            with contextlib.suppress(ClientDisconnectedError):
                await cancel_on_disconnect(receive, self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        async for line in self._lines:
            message = {"type": "http.response.body", "body": line, "more_body": True}
            try:
                async with asyncio.timeout(self._read_timeout_s):
                    await send(message)
            except TimeoutError:
                raise ClientDisconnectedError from None
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class ClientDisconnectedError(ApiError):
    """The client went away; nobody reads what is answered now."""

    def __init__(self) -> None:
        super().__init__(499, "the client left", "client_left")


async def cancel_on_disconnect(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Does something for as long as the client is there.

    Args:
        receive: The request's, its body read.
        work: Cancelled, and waited for, when the client leaves.

    Raises:
        ClientDisconnectedError: The client left.
        Exception: What the work raised.
    """
    try:
        async with asyncio.timeout(None) as presence:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                presence.reschedule(-math.inf)

            watching = asyncio.create_task(watch())
            try:
                return await work
            finally:
                watching.cancel()
    except TimeoutError:
        if presence.expired():
            raise ClientDisconnectedError from None
        raise
