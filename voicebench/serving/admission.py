"""Places for turns and streams, a bounded queue, and draining."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from voicebench.serving.errors import ApiError
from voicebench.serving.settings import Limits

_RETRY_AFTER_S = 2.0


class Admission:
    """Places for turns, a bounded queue in front of them, and places for streams.

    Args:
        limits: How many of each.

    Attributes:
        num_running: Turns that have a place.
        num_waiting: Turns that wait for one.
        num_streams: Open streams.
        is_draining: Whether the service is shutting down: what is there is finished, nothing new
            is taken.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.max_turns)
        self.num_running = 0
        self.num_waiting = 0
        self.num_streams = 0
        self.is_draining = False

    @property
    def is_idle(self) -> bool:
        """Whether no turn is being answered or waits."""
        return not (self.num_running or self.num_waiting)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A place for one turn, for as long as the context lasts.

        Raises:
            ApiError: 429 where too many wait, 503 where waiting took too long or the service is
                shutting down.
        """
        self.refuse_when_draining()
        if self._places.locked() and self.num_waiting >= self._limits.max_queue:
            raise ApiError(
                429,
                f"{self.num_waiting} requests are waiting already",
                "queue_full",
                retry_after_s=_RETRY_AFTER_S,
            )
        self.num_waiting += 1
        try:
            async with asyncio.timeout(self._limits.queue_timeout_s):
                await self._places.acquire()
        except TimeoutError:
            message = f"no place became free in {self._limits.queue_timeout_s:g} s"
            raise ApiError(503, message, "queue_timeout", retry_after_s=_RETRY_AFTER_S) from None
        finally:
            self.num_waiting -= 1
        self.num_running += 1
        try:
            yield
        finally:
            self.num_running -= 1
            self._places.release()

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """A turn of a stream: it waits for nobody, for streams are bounded and people speak slowly,
        but shutting down waits for it."""
        self.num_running += 1
        try:
            yield
        finally:
            self.num_running -= 1

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """A place for one stream.

        Raises:
            ApiError: 503, all are taken or the service is shutting down.
        """
        self.refuse_when_draining()
        if self.num_streams >= self._limits.max_streams:
            raise ApiError(
                503, f"{self.num_streams} streams are open already", "too_many_streams",
                retry_after_s=_RETRY_AFTER_S,
            )  # fmt: skip
        self.num_streams += 1
        try:
            yield
        finally:
            self.num_streams -= 1

    def refuse_when_draining(self) -> None:
        """Refuses what is new while the service is shutting down.

        Raises:
            ApiError: 503.
        """
        if self.is_draining:
            raise ApiError(
                503, "the service is shutting down", "draining", retry_after_s=_RETRY_AFTER_S
            )
