"""Connections before they have a request: bounded in number, and in the time that a head may take.

uvicorn bounds neither: a client that opens a connection and sends nothing, or half of a head, keeps
it for good.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from voicebench.errors import ConfigError
from voicebench.serving.settings import Limits, Settings

_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def bounded_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Uvicorn's HTTP protocol with the limits' bounds on connections and heads."""

    class BoundedProtocol(HttpToolsProtocol):
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.max_connections:
                transport.abort()
                return
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_arrived()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._await_head()

        def on_headers_complete(self) -> None:
            self._head_arrived()
            super().on_headers_complete()

        def _await_head(self) -> None:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(limits.header_timeout_s, self._close_slow)

        def _head_arrived(self) -> None:
            if self._head_timer:
                self._head_timer.cancel()
                self._head_timer = None

        def _close_slow(self) -> None:
            if not self.transport.is_closing():
                self.transport.write(_TIMED_OUT)
                self.transport.close()

    return BoundedProtocol


def server_config(app: Any, settings: Settings, **options: Any) -> uvicorn.Config:
    """How uvicorn serves an application of this service, the API or the page.

    Raises:
        ConfigError: The certificate or its key cannot be read, or do not belong together.
    """
    config = uvicorn.Config(
        app,
        http=bounded_protocol(settings.limits),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=round(settings.limits.keep_alive_s),
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        **options,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"TLS cannot be set up from {settings.tls_cert!r} and {settings.tls_key!r}: {error}",
            "Name a PEM file of the certificate with --ssl-certfile, of its key with --ssl-keyfile.",
        ) from None
    return config
