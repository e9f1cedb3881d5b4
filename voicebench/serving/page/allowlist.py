"""In front of Gradio: the key, the few routes that the page uses, bounds, and no foreign requests.

Gradio has many routes more than this page needs, some of which take URLs or paths of files. What is
not listed here does not exist; of a file in a request only Gradio's own upload cache is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voicebench.serving.access import access_error
from voicebench.serving.logs import new_id, request_id
from voicebench.serving.page.bundle import Bundle
from voicebench.serving.page.words import WORDS
from voicebench.serving.settings import Settings

_LANGUAGES = "|".join(WORDS)
_PAGE = re.compile(rf"/({_LANGUAGES})/")
_ROUTES = {
    "GET": re.compile(
        rf"/({_LANGUAGES})/(|config|theme\.css|favicon\.ico|(static|assets)/[\w./@+-]+"
        r"|gradio_api/(info|startup-events|app_id|queue/data|upload_progress|heartbeat/\w+"
        r"|file=[^\0]+))"
    ),
    "POST": re.compile(
        rf"/({_LANGUAGES})/gradio_api/(queue/join|upload|component_server|cancel|reset)/?"
    ),
}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="voicebench: the password is the API key"'}
_MIB = 2**20
_MAX_JSON_BYTES = 8 * _MIB


class RouteAllowList:
    """Wraps the page's application; see the module.

    Args:
        app: Gradio.
        settings: Key and limits.
        cache: Gradio's upload cache.
        bundle: The page's scripts and styles; None: they are loaded one by one.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, cache: Path, bundle: Bundle | None = None
    ) -> None:
        self._app = app
        self._settings = settings
        self._cache = cache.resolve()
        self._bundle = bundle
        self._head = files(__package__).joinpath("head.html").read_text(encoding="utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        token = request_id.set(new_id("req"))
        try:
            await self._serve(scope, receive, send)
        finally:
            request_id.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["path"] == "/":  # no redirect: on a slow line it takes as long as the page itself
            path = _preferred(headers)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        if answer := self._answer(scope, headers):
            await answer(scope, receive, send)
        elif scope["method"] == "POST" and not scope["path"].rstrip("/").endswith("/upload"):
            body = await _whole(receive)
            if self._names_foreign_file(body):
                refusal = PlainTextResponse("only files of this page's uploads are taken", 400)
                await refusal(scope, receive, send)
                return
            await self._app(scope, _replay(body, receive), send)
        elif _PAGE.fullmatch(scope["path"]):
            await self._app(
                scope, receive, _Opening(send, self._head, scope["path"], self._bundle).send
            )
        else:
            await self._app(scope, receive, send)

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """What is answered without asking Gradio."""
        method, path = scope["method"], scope["path"]
        if refusal := access_error(headers, self._settings):
            challenge = _CHALLENGE if refusal.status == 401 else None
            return PlainTextResponse(refusal.message, refusal.status, challenge)
        if method == "GET" and path in [f"/{name}" for name in WORDS]:
            return RedirectResponse(f"{path}/", 307)
        if method == "GET" and path == "/favicon.ico":
            return Response(status_code=204)
        routes = _ROUTES.get(method)
        if routes is None or not routes.fullmatch(path) or "/../" in path:
            return PlainTextResponse("Not found", 404)
        return self._refused_body(path, headers) if method == "POST" else None

    def _refused_body(self, path: str, headers: Headers) -> Response | None:
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            return PlainTextResponse("Content-Length is missing", 411)
        is_upload = path.rstrip("/").endswith("/upload")
        max_bytes = self._settings.limits.max_body_mib * _MIB
        if int(length[:20]) > (max_bytes if is_upload else min(max_bytes, _MAX_JSON_BYTES)):
            return PlainTextResponse("The body is too large", 413)
        return None

    def _names_foreign_file(self, body: bytes) -> bool:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return True
        return any(not self._is_uploaded(path) for path in _paths(document))

    def _is_uploaded(self, path: Any) -> bool:
        if not isinstance(path, str) or "\0" in path:
            return False
        return Path(path).is_absolute() and Path(path).resolve().is_relative_to(self._cache)


class _Opening:
    """The page itself on its way out: its language, and our styles and scripts before Gradio's."""

    def __init__(self, send: Send, head: str, path: str, bundle: Bundle | None) -> None:
        self._send = send
        self._head = head
        self._bundle = bundle
        self._path = path
        self._language = WORDS[path.strip("/")].language  # type: ignore[index]
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        page = self._body.decode()
        page = re.sub(r'<link rel="manifest"[^>]*>', "", page, count=1)
        page = re.sub(r'lang="\w+"', f'lang="{self._language}"', page, count=1)
        head = f'<head><base href="{self._path}">{self._head}'
        page = page.replace("<head>", head, 1)
        page = self._bundle.insert(page) if self._bundle else page
        body = page.encode()
        headers = [pair for pair in self._start["headers"] if pair[0] != b"content-length"]
        headers += [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
        headers += [(b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer")]
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _preferred(headers: Headers) -> str:
    """The page in the language that the browser asks for first; Chinese where it knows neither."""
    asked = re.findall(rf"\b({_LANGUAGES})\b", headers.get("accept-language", "").lower())
    return f"/{asked[0] if asked else 'zh'}/"


def _paths(document: Any) -> Iterator[Any]:
    """Everything that a request calls `path`, wherever in it."""
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "path" in part:
                yield part["path"]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


async def _whole(receive: Receive) -> bytes:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
