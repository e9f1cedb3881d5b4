"""The page's own port, on the event loop of the service: its models, limits and memory are shared."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from voicebench.serving.connections import server_config
from voicebench.serving.logs import log
from voicebench.serving.service import Service

_STARTED_POLL_S = 0.02


class PageServer:
    """Serves the page on a socket.

    Args:
        service: Models, limits and conversations.
        listening: From `bind`; still the caller's to close.
    """

    def __init__(self, service: Service, listening: socket.socket) -> None:
        self._service = service
        self._listening = listening
        self._cache: tempfile.TemporaryDirectory[str] | None = None
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def cache(self) -> str:
        """Folder of what is uploaded; once open."""
        return self._cache.name if self._cache else ""

    async def open(self) -> None:
        """Makes the page, which takes a few seconds on a thread of its own, and begins to serve."""
        self._cache = tempfile.TemporaryDirectory(prefix="voicebench-page-")
        app = await asyncio.to_thread(make_page, self._service, Path(self._cache.name))
        config = server_config(
            app, self._service.settings, lifespan="on", timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server._serve([self._listening]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(_STARTED_POLL_S)
        if self._serving.done():
            self._serving.result()
            raise RuntimeError("the page's server ended at its start")
        host, port = self._listening.getsockname()[:2]
        scheme = "https" if config.is_ssl else "http"
        log("info", "page", url=f"{scheme}://{host}:{port}")

    async def close(self) -> None:
        """Ends it, with all that was uploaded."""
        if self._server and self._serving:
            self._server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
        if self._cache:
            self._cache.cleanup()


def make_page(service: Service, cache: Path) -> ASGIApp:
    """The page's application.

    Args:
        service: Models, limits and conversations.
        cache: Folder for what is uploaded; Gradio keeps nothing elsewhere.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    os.environ["GRADIO_TEMP_DIR"] = str(cache)  # read when a page is built
    from voicebench.serving.page.app import build_page

    async def build() -> ASGIApp:
        return build_page(service, cache)

    return asyncio.run(build())  # where no loop runs Gradio makes itself some, and closes none
