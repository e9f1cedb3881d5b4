"""Runs the service: bind, load, serve, drain.

The port answers from the first moment, so that probes see a process that is alive and not ready.
The first SIGTERM or SIGINT ends taking requests and waits for what is being answered; a second one
does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from voicebench.asr.base import Recognizer
from voicebench.clock import now_s
from voicebench.deadline import call_within
from voicebench.errors import ConfigError
from voicebench.llm.base import Generator
from voicebench.pipeline.ready import READY_LINE
from voicebench.serving.app import build_app
from voicebench.serving.connections import server_config
from voicebench.serving.logs import configure, log, log_loop_error
from voicebench.serving.page.server import PageServer
from voicebench.serving.service import Service
from voicebench.serving.settings import Settings

_MIB = 2**20
_POLL_S = 0.05

Load = Callable[[], tuple[Recognizer, Generator]]


class Server(uvicorn.Server):
    """uvicorn, with draining in front of its shutdown, after which the process goes on to its end.

    Args:
        config: See uvicorn.
        service: Drained first.
        drain_s: Longest time for that.
    """

    def __init__(self, config: uvicorn.Config, service: Service, drain_s: float) -> None:
        super().__init__(config)
        self._service = service
        self._drain_s = drain_s
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to drain; the second time, stops at once."""
        if self._service.admission.is_draining:
            self.should_exit = self.force_exit = True
            return
        self._service.admission.is_draining = True

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn: called ten times a second; whether to stop."""
        if self._service.admission.is_draining and self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        return await super().on_tick(counter)

    async def _drain(self) -> None:
        admission, until_s = self._service.admission, now_s() + self._drain_s
        log("info", "draining", running_turns=admission.num_running)
        while not admission.is_idle and now_s() < until_s:
            await asyncio.sleep(_POLL_S)
        log("info", "drained", running_turns=admission.num_running)
        self.should_exit = True


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """A listening socket; found out before any model is loaded.

    Raises:
        ConfigError: The port is taken, or there is no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: without, every answer in two
    # pieces, and every token of a stream, waits 40 ms for the client's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            f"Choose another {option} (0 takes a free one) or --host.",
        ) from None
    return listening


def make_server(settings: Settings, service: Service, drain_s: float = 30.0) -> Server:
    """A server for a service, to be run on a socket from `bind`."""
    config = server_config(
        build_app(service),
        settings,
        lifespan="off",
        ws_max_size=int(settings.limits.max_body_mib * _MIB),
        timeout_graceful_shutdown=5,
    )
    return Server(config, service, drain_s)


def run(
    settings: Settings,
    load: Load,
    host: str,
    port: int,
    drain_s: float = 30.0,
    page_port: int | None = None,
) -> None:
    """Serves until a signal; the models are closed when this returns.

    Args:
        settings: Of the service.
        load: Loads and warms up both models; on a thread of its own.
        host: Where to listen.
        port: 0 for a free one.
        drain_s: Longest wait for what is being answered at the end.
        page_port: Of the page for people, on the same host; 0 for a free one, None for no page.

    Raises:
        VoicebenchError: The port is taken, or a model cannot be loaded.
    """
    configure()
    service = Service(settings)
    with contextlib.ExitStack() as sockets:
        listening = sockets.enter_context(bind(host, port))
        page = None
        if page_port is not None:
            page = PageServer(service, sockets.enter_context(bind(host, page_port, "--page-port")))
        server = make_server(settings, service, drain_s)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:  # uvloop
            runner.run(_run(server, service, load, listening, page))


async def _run(
    server: Server,
    service: Service,
    load: Load,
    listening: socket.socket,
    page: PageServer | None,
) -> None:
    asyncio.get_running_loop().set_exception_handler(log_loop_error)
    host, port = listening.getsockname()[:2]
    serving = asyncio.create_task(server.serve([listening]))
    while not server.started and not serving.done():  # from here on signals are heeded
        await asyncio.sleep(_POLL_S)
    scheme = "https" if server.config.is_ssl else "http"
    log("info", "listening", url=f"{scheme}://{host}:{port}")
    loading = asyncio.create_task(call_within(float("inf"), load, name="load"))
    await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        log("info", "stopped while loading")
        logging.shutdown()
        os._exit(0)  # the thread that loads cannot be stopped, nor live on without an interpreter
    try:
        recognizer, generator = loading.result()
        if page:
            await page.open()
        service.start(recognizer, generator)  # last: `/ready` says that the page is up, too
    except BaseException:
        server.should_exit = True
        await serving
        if page:
            await page.close()
        raise
    log("info", READY_LINE)
    await serving
    if page:
        await page.close()
    await asyncio.to_thread(generator.close)
    await asyncio.to_thread(recognizer.close)
    log("info", "stopped")
