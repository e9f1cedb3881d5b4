"""Calling a function that may hang, and getting on without it.

A thread cannot be stopped in Python, so a call past its deadline is left behind on a daemon thread
of its own: it holds up neither the event loop nor the end of the process, as one in asyncio's thread
pool would. What it returns in the end is dropped.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def call_within(timeout_s: float, function: Callable[[], T], name: str = "call") -> T:
    """Runs a blocking function on its own daemon thread.

    Args:
        timeout_s: How long to wait for it.
        function: What to run; it may still be running after this has raised.
        name: Name of the thread, for debuggers.

    Raises:
        TimeoutError: It has not returned by then.
        Exception: Whatever it raised.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if future.done():  # timed out or cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = function()
        except (StopIteration, SystemExit, KeyboardInterrupt) as error:
            # raised on, they would end more than this call
            failure = RuntimeError(f"{type(error).__name__}: {error}")
        except Exception as error:  # raised where it is waited for
            failure = error
        try:
            loop.call_soon_threadsafe(settle, result, failure)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=work, name=name, daemon=True).start()
    async with asyncio.timeout(timeout_s):
        return await future
