"""In front of Gradio: the key, the few routes that the page uses, bounds, and no foreign requests.

Gradio has many routes more than this page needs, some of which take URLs or paths of files. What is
not listed here does not exist; of a file in a request only Gradio's own upload cache is taken.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
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
_PAGE_HEADERS = {
    "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
}  # fmt: skip
_BUNDLE_HEADERS = {
    "Content-Encoding": "gzip", "Cache-Control": "private, max-age=31536000, immutable",
}  # fmt: skip
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
        elif _PAGE.fullmatch(scope["path"]):
            await (await self._page(scope, receive))(scope, receive, send)
        elif scope["method"] == "POST" and not scope["path"].rstrip("/").endswith("/upload"):
            body = await Request(scope, receive).body()
            if self._names_foreign_file(body):
                refusal = PlainTextResponse("only files of this page's uploads are taken", 400)
                await refusal(scope, receive, send)
                return
            waiting: list[Message] = [{"type": "http.request", "body": body}]

            async def replay() -> Message:
                return waiting.pop() if waiting else await receive()

            await self._app(scope, replay, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive) -> Response:
        """Gradio's page with its language, and our styles and scripts before Gradio's."""
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, collect)
        start, *parts = messages
        page = b"".join(part.get("body", b"") for part in parts).decode()
        page = re.sub(r'<link rel="manifest"[^>]*>', "", page, count=1)
        language = WORDS[scope["path"].strip("/")].language
        page = re.sub(r'lang="\w+"', f'lang="{language}"', page, count=1)
        page = page.replace("<head>", f'<head><base href="{scope["path"]}">{self._head}', 1)
        page = self._bundle.insert(page) if self._bundle else page
        headers = MutableHeaders(
            raw=[pair for pair in start["headers"] if pair[0] != b"content-length"]
        )
        headers |= _PAGE_HEADERS
        return HTMLResponse(page, start["status"], headers)

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
        if self._bundle and path.endswith(f"/assets/{self._bundle.name}"):
            return Response(self._bundle.body, 200, _BUNDLE_HEADERS, "text/javascript")
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
        """Everything that a request calls `path`, wherever in it, has to be an upload."""
        try:
            waiting = [json.loads(body)]
        except (ValueError, RecursionError):
            return True
        while waiting:
            part = waiting.pop()
            if isinstance(part, dict):
                if "path" in part and not self._is_uploaded(part["path"]):
                    return True
                waiting += part.values()
            elif isinstance(part, list):
                waiting += part
        return False

    def _is_uploaded(self, path: Any) -> bool:
        if not isinstance(path, str) or "\0" in path:
            return False
        return Path(path).is_absolute() and Path(path).resolve().is_relative_to(self._cache)


def _preferred(headers: Headers) -> str:
    """The page in the language that the browser asks for first; Chinese where it knows neither."""
    asked = re.findall(rf"\b({_LANGUAGES})\b", headers.get("accept-language", "").lower())
    return f"/{asked[0] if asked else 'zh'}/"
