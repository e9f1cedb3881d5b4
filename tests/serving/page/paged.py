"""The service with its page, on free ports of the loopback, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.pipeline.scripted import ScriptedRecognizer
from tests.serving.served import ServedGenerator, make_settings
from voicebench.serving.page.server import PageServer
from voicebench.serving.server import bind, make_server
from voicebench.serving.service import Service
from voicebench.serving.settings import Settings


@dataclass(frozen=True)
class Paged:
    """A running page; `cache` is where its uploads are."""

    url: str
    api_url: str
    service: Service
    generator: Any
    cache: Path

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, **options)


@contextlib.contextmanager
def paged(
    settings: Settings | None = None, generator: Any = None, recognizer: Any = None
) -> Iterator[Paged]:
    """Serves until left; what was uploaded is gone by then."""
    settings = settings or make_settings()
    service = Service(settings)
    generator = generator or ServedGenerator()
    service.start(recognizer or ScriptedRecognizer(), generator)
    started, left = threading.Event(), asyncio.Event()
    with bind("127.0.0.1", 0) as api, bind("127.0.0.1", 0) as listening:
        page = PageServer(service, listening)
        loop = asyncio.new_event_loop()

        async def serve() -> None:
            server = make_server(settings, service)
            serving = asyncio.create_task(server._serve([api]))
            try:
                await page.open()
                started.set()
                await left.wait()
            finally:
                server.should_exit = True
                await page.close()
                await serving

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
        thread.start()
        while not started.wait(0.05):
            assert thread.is_alive(), "the page did not start"
        cache = Path(page.cache)
        ports = [each.getsockname()[1] for each in (listening, api)]
        url, api_url = (f"http://127.0.0.1:{port}" for port in ports)
        try:
            yield Paged(url, api_url, service, generator, cache)
        finally:
            loop.call_soon_threadsafe(left.set)
            thread.join(30)
            assert not thread.is_alive()
            loop.close()
            assert not cache.exists()
