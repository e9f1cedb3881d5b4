"""What an engine step gives, brought to the event loops that wait for it: once a loop and step.

Waking a loop is a system call, for which the engine's thread lets the interpreter go: the loop's thread
takes it at once, and the engine waits. Answers of many are made in one step, so they are handed over
together; and of an answer that is read only once it is whole, tokens are held back to come together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from voicebench.clock import now_s
from voicebench.errors import StageError
from voicebench.llm.base import Delta, joined

Item = Delta | StageError


@dataclass(frozen=True, eq=False)
class Mailbox:
    """Where the items of one answer go.

    Attributes:
        loop: The loop that waits for them.
        put: Takes an item; called on the loop.
        undelivered: Called on the sending thread when the loop is closed.
        hold_s: How long its deltas may wait for one another. Ends and errors never wait.
    """

    loop: asyncio.AbstractEventLoop
    put: Callable[[Item], None]
    undelivered: Callable[[], None]
    hold_s: float = 0.0


class DeltaDispatcher:
    """Collects items and sends them; used on one thread. What is held is sent by the first `send` that
    comes late enough: the engine steps for as long as an answer is being made."""

    def __init__(self) -> None:
        self._collected: dict[asyncio.AbstractEventLoop, list[tuple[Mailbox, Item]]] = {}
        self._held: dict[Mailbox, tuple[float, list[Delta]]] = {}  # with the time of the first

    def add(self, box: Mailbox, item: Item) -> None:
        """Keeps an item until `send`."""
        if isinstance(item, Delta) and box.hold_s:
            self._held.setdefault(box, (now_s(), []))[1].append(item)
            if item.finish_reason:
                self._release(box)
            return
        if box in self._held:
            self._release(box)
        self._collected.setdefault(box.loop, []).append((box, item))

    def send(self) -> None:
        """Sends all that was added and need not wait, in its order."""
        if self._held:
            time_s = now_s()
            late = [b for b, (since_s, _) in self._held.items() if time_s - since_s >= b.hold_s]
            for box in late:
                self._release(box)
        collected, self._collected = self._collected, {}
        for loop, items in collected.items():
            try:
                loop.call_soon_threadsafe(_put_all, items)
            except RuntimeError:  # the loop is closed
                for box, _ in items:
                    box.undelivered()

    def _release(self, box: Mailbox) -> None:
        _, deltas = self._held.pop(box)
        self._collected.setdefault(box.loop, []).append((box, joined(deltas)))


def _put_all(items: list[tuple[Mailbox, Item]]) -> None:
    for box, item in items:
        box.put(item)
