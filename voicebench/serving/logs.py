"""Logs: one JSON object a line on stderr, each with the request that it belongs to.

What was said is never in them: messages here are fixed texts, and values are numbers, names and
ids. `content=...` is for speech and goes through only where the service was asked to log it.
"""

from __future__ import annotations

import contextvars
import json
import logging
import secrets
import sys
import time
import traceback
from typing import Any, TextIO

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
"""Of the request that is being served."""

_LOGGER = logging.getLogger("voicebench.serving")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def new_id(prefix: str) -> str:
    """An id that nobody can guess, such as `req_3f2a...`."""
    return f"{prefix}_{secrets.token_hex(12)}"


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
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(stream: TextIO | None = None) -> None:
    """Sends the service's logs, and uvicorn's, to a stream (stderr) as JSON."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("voicebench.serving", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name != "uvicorn.error" else []
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(logging.INFO if name == "voicebench.serving" else logging.WARNING)
    # It writes what is wrong with a body as plain lines; the client is told of it.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
