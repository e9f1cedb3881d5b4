"""What an engine step gives, brought to the event loops that wait for it: once a loop and step.

Waking a loop is a system call, for which the engine's thread lets the interpreter go: the loop's thread
takes it at once, and the engine waits. Answers of many are made in one step, so they are handed over
together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from voicebench.errors import StageError
from voicebench.llm.base import Delta

Item = Delta | StageError


@dataclass(frozen=True, eq=False)
class Box:
    """Where the items of one answer go.

    Attributes:
        loop: The loop that waits for them.
        put: Takes an item; called on the loop.
        undelivered: Called on the sending thread when the loop is closed.
    """

    loop: asyncio.AbstractEventLoop
    put: Callable[[Item], None]
    undelivered: Callable[[], None]


class Post:
    """Collects items and sends them; used on one thread."""

    def __init__(self) -> None:
        self._collected: dict[asyncio.AbstractEventLoop, list[tuple[Box, Item]]] = {}

    def add(self, box: Box, item: Item) -> None:
        """Keeps an item until `send`."""
        self._collected.setdefault(box.loop, []).append((box, item))

    def send(self) -> None:
        """Sends all that was added, in its order."""
        collected, self._collected = self._collected, {}
        for loop, items in collected.items():
            try:
                loop.call_soon_threadsafe(_put_all, items)
            except RuntimeError:  # the loop is closed
                for box, _ in items:
                    box.undelivered()


def _put_all(items: list[tuple[Box, Item]]) -> None:
    for box, item in items:
        box.put(item)
