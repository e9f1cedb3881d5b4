"""The outermost layer of the API: request ids, the key, bounds on bodies, one log line a request."""

from __future__ import annotations

import asyncio
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicebench.clock import now_s
from voicebench.serving.access import access_error
from voicebench.serving.errors import ApiError
from voicebench.serving.logs import log, new_id, request_id
from voicebench.serving.settings import Settings
from voicebench.serving.telemetry import Telemetry

_OPEN_PATHS = frozenset({"/health", "/ready", "/docs", "/openapi.json"})
_SANE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MIB = 2**20


class RequestGuardMiddleware:
    """Wraps an ASGI application; see the module.

    Args:
        app: The application.
        settings: Key and limits.
        telemetry: Counts each request.
    """

    def __init__(self, app: ASGIApp, settings: Settings, telemetry: Telemetry) -> None:
        self._app = app
        self._settings = settings
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        identifier = given if _SANE_ID.fullmatch(given) else new_id("req")
        token = request_id.set(identifier)
        try:
            if scope["type"] == "http":
                await self._serve(scope, receive, send, headers, identifier)
            else:
                await self._stream(scope, receive, send, headers)
        finally:
            request_id.reset(token)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, identifier: str
    ) -> None:
        started_s, status = now_s(), 499  # as nginx counts clients that left

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = identifier
            await send(message)

        try:
            if refusal := self._refusal(scope, headers):
                await refusal.response()(scope, receive, send_and_note)
            else:
                bounded = _Body(receive, self._settings).receive
                await self._app(scope, bounded, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            duration_s = now_s() - started_s
            self._telemetry.request(route, status, duration_s)
            if route not in _OPEN_PATHS and route != "/metrics":
                duration_ms = round(1000 * duration_s, 1)
                log("info", "request", route=route, status=status, duration_ms=duration_ms)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        if refusal := access_error(headers, self._settings):
            log("warning", "stream refused", code=refusal.code)
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})
            return
        started_s = now_s()
        try:
            await self._app(scope, receive, send)
        finally:
            path = getattr(scope.get("route"), "path", "unknown")
            log("info", "stream closed", route=path, duration_s=round(now_s() - started_s, 3))

    def _refusal(self, scope: Scope, headers: Headers) -> ApiError | None:
        is_open = scope["path"] in _OPEN_PATHS
        if refusal := access_error(headers, self._settings, is_open=is_open):
            return refusal
        length = headers.get("content-length", "0")
        max_bytes = self._settings.limits.max_body_mib * _MIB
        if not (length.isascii() and length.isdecimal()) or int(length[:20]) > max_bytes:
            return _too_large(self._settings)
        return None


class _Body:
    """A request's body on its way in, bounded in size and time."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self._receive = receive
        self._settings = settings
        self._deadline_s = now_s() + settings.limits.body_timeout_s
        self._num_bytes = 0
        self._is_whole = False

    async def receive(self) -> Message:
        if self._is_whole:  # from here on only that the client left
            return await self._receive()
        try:
            async with asyncio.timeout(self._deadline_s - now_s()):
                message = await self._receive()
        except TimeoutError:
            timeout_s = self._settings.limits.body_timeout_s
            raise ApiError(
                408, f"the body did not come within {timeout_s:g} s", "body_timeout"
            ) from None
        if message["type"] == "http.request":
            self._num_bytes += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
            if self._num_bytes > self._settings.limits.max_body_mib * _MIB:
                raise _too_large(self._settings)
        return message


def _too_large(settings: Settings) -> ApiError:
    return ApiError(
        413, f"the body is larger than {settings.limits.max_body_mib:g} MiB", "body_too_large"
    )
