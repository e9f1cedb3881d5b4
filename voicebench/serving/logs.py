"""Logs: one JSON object a line on stderr, each with the request that it belongs to.

What was said is never in them: messages here are fixed texts, and values are numbers, names and
ids. `content=...` is for speech and goes through only where the service was asked to log it.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import secrets
import sys
import threading
import time
import traceback
from collections import deque
from typing import Any, TextIO

from voicebench.clock import now_s

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
"""Of the request that is being served."""

_LOGGER = logging.getLogger("voicebench.serving")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
_TOGETHER_S = 0.05
_ID_BYTES = 12
_NUM_IDS = 256
_random_parts: deque[str] = deque()  # drawn many at once: each draw is a system call


def new_id(prefix: str) -> str:
    """An id that nobody can guess, such as `req_3f2a...`."""
    while True:
        try:
            return f"{prefix}_{_random_parts.pop()}"
        except IndexError:
            drawn = secrets.token_hex(_ID_BYTES * _NUM_IDS)
            size = 2 * _ID_BYTES
            _random_parts.extend(drawn[at : at + size] for at in range(0, len(drawn), size))


def log(level: str, message: str, *, exc_info: BaseException | None = None, **values: Any) -> None:
    """Writes one line.

    Args:
        level: `info`, `warning` or `error`.
        message: A fixed text.
        exc_info: An exception whose place is written, but not its message: it may hold speech.
        **values: Numbers, names and ids.
    """
    _LOGGER.log(_LEVELS[level], message, extra={"values": values}, exc_info=exc_info)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if identifier := request_id.get():
            line["request_id"] = identifier
        line |= getattr(record, "values", {})
        if record.exc_info and record.exc_info[1]:
            frames = traceback.extract_tb(record.exc_info[1].__traceback__)
            line["error"] = type(record.exc_info[1]).__name__
            line["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-5:]]
        return _ENCODER.encode(line)


class LinesTogether(logging.Handler):
    """Writes a line at once where none came shortly before, and those of a busy moment together.

    A write lets the interpreter go, and the event loop gets it back only when the engine's thread
    lets it go in turn: a write a line cost a fifth of the loop's time. Warnings and errors never
    wait, and neither does anything when logging is shut down.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._stream = stream
        self._lines: list[str] = []
        self._written_s = 0.0
        self._is_closed = False
        self._has_waiting = threading.Event()
        threading.Thread(target=self._write_late, name="logs", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`; called with the handler's lock held."""
        try:
            self._lines.append(self.format(record) + "\n")
            if record.levelno >= logging.WARNING or now_s() - self._written_s >= _TOGETHER_S:
                self.flush()
            elif not self._has_waiting.is_set():
                self._has_waiting.set()
        except Exception:  # as every handler: what cannot be logged ends no request
            self.handleError(record)

    def flush(self) -> None:
        """Writes what waits."""
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            if lines:
                self._stream.write("".join(lines))
                self._stream.flush()
                self._written_s = now_s()
        finally:
            self.release()

    def close(self) -> None:
        """See `logging.Handler.close`."""
        self._is_closed = True
        self._has_waiting.set()
        super().close()

    def _write_late(self) -> None:
        while not self._is_closed:
            self._has_waiting.wait()
            time.sleep(_TOGETHER_S)
            self._has_waiting.clear()
            with contextlib.suppress(OSError, ValueError):  # nobody reads the log any more
                self.flush()


def configure(stream: TextIO | None = None) -> None:
    """Sends the service's logs, and uvicorn's, to a stream (stderr) as JSON."""
    for before in _LOGGER.handlers:
        before.close()
    handler = LinesTogether(stream or sys.stderr)
    for name in ("voicebench.serving", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name != "uvicorn.error" else []
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(logging.INFO if name == "voicebench.serving" else logging.WARNING)
    # It writes what is wrong with a body as plain lines; the client is told of it.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
