"""Logs: one JSON object a line on stderr, each with the request that it belongs to.

Speech is never in them: messages are fixed texts, and values are numbers, names and ids.
`content=...` is for speech and is written only where the service's settings say so. Tracebacks and
the warnings of libraries are JSON lines too; of a library's message the text is written without
the values put into it, which may hold speech.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import os
import queue
import secrets
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from typing import Any, TextIO

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
"""Of the request that is being served."""

_LOGGER = logging.getLogger("voicebench.serving")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
_OWN_LOGGERS = ("voicebench.serving", "uvicorn")
_MAX_FOREIGN = 200
_TOGETHER_S = 0.05
_FLUSH_TIMEOUT_S = 1.0
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
        if not record.name.startswith(_OWN_LOGGERS):
            line["logger"] = record.name
            line["message"] = next(iter(str(record.msg).splitlines()), "")[:_MAX_FOREIGN]
        if identifier := request_id.get():
            line["request_id"] = identifier
        line |= getattr(record, "values", {})
        if record.exc_info and record.exc_info[1]:
            frames = traceback.extract_tb(record.exc_info[1].__traceback__)
            line["error"] = type(record.exc_info[1]).__name__
            line["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-5:]]
        return _ENCODER.encode(line)


class LineWriter(logging.Handler):
    """Writes lines on a thread of its own, those of a busy moment together.

    A write lets the interpreter go, and the event loop gets it back only when the engine's thread
    lets it go in turn: a write a line cost a fifth of the loop's time. A warning is written before
    `emit` returns. The thread outlives `close`: `logging.config` closes every handler it finds,
    also those in use, and vLLM configures logging while the service starts.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._stream = stream
        self._lines: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._write, name="logs", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        try:
            self._lines.put(self.format(record) + "\n")
        except Exception:  # as every handler: what cannot be logged ends no request
            self.handleError(record)
        if record.levelno >= logging.WARNING:
            self.flush()

    def flush(self) -> None:
        """Returns once all lines so far are written, or after a second."""
        written = threading.Event()
        self._lines.put(written)
        written.wait(_FLUSH_TIMEOUT_S)

    def _write(self) -> None:
        while True:
            waiting = [self._lines.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.append(self._lines.get_nowait())
            with contextlib.suppress(OSError, ValueError):  # the log has no reader any more
                self._stream.write("".join(each for each in waiting if isinstance(each, str)))
                self._stream.flush()
            flushes = [each for each in waiting if isinstance(each, threading.Event)]
            for written in flushes:
                written.set()
            if not flushes:
                time.sleep(_TOGETHER_S)


def configure(stream: TextIO | None = None) -> None:
    """Sends the logs and tracebacks of this process to a stream (stderr) as JSON lines."""
    os.environ["VLLM_CONFIGURE_LOGGING"] = "0"  # read at its import; its own lines are not JSON
    handler = LineWriter(stream or sys.stderr)
    for name in ("", "voicebench.serving", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name != "uvicorn.error" else []
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(logging.INFO if name == "voicebench.serving" else logging.WARNING)
    # It writes what is wrong with a body as plain lines; the response says the same.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    warnings.showwarning = _log_warning
    sys.excepthook = lambda _, error, __: log("error", "unhandled exception", exc_info=error)
    threading.excepthook = lambda args: log(
        "error", "unhandled exception in a thread", exc_info=args.exc_value
    )


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log("warning", "warning", category=category.__name__, at=[f"{filename}:{lineno}"])


def log_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler: its fixed text and the place, without the values."""
    log("error", str(context.get("message", "event loop")), exc_info=context.get("exception"))
