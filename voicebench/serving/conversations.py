"""Conversations by id: their memory, and the turn in progress.

A new turn in a conversation is barging in: the answer in progress is stopped, and as much of it as
was given is remembered. A conversation is forgotten when it has not been used for a while.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from voicebench.clock import now_s
from voicebench.pipeline.memory import Conversation
from voicebench.serving.settings import Limits
from voicebench.serving.turn_task import TurnTask


@dataclass
class _Entry:
    memory: Conversation
    used_s: float
    turn_task: TurnTask | None = field(default=None)


class Conversations:
    """All of one service. Used from its event loop alone.

    Args:
        limits: How many, and for how long.
        budget_tokens: Of each conversation's history.
        clock: Seconds on a monotonic clock.
    """

    def __init__(
        self, limits: Limits, budget_tokens: int, clock: Callable[[], float] = now_s
    ) -> None:
        self._limits = limits
        self._budget_tokens = budget_tokens
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # the one unused for longest first

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, conversation_id: str) -> bool:
        return conversation_id in self._entries

    def memory(self, conversation_id: str) -> Conversation:
        """The conversation of that id, or a new one; without an id one that keeps nothing, as nobody
        uses it again."""
        if not conversation_id:
            return Conversation(budget_tokens=0)
        self._forget_old()
        entry = self._entries.pop(conversation_id, None)
        if entry is None:
            entry = _Entry(Conversation(self._budget_tokens), self._clock())
        entry.used_s = self._clock()
        self._entries[conversation_id] = entry
        while len(self._entries) > self._limits.max_conversations:
            self._entries.popitem(last=False)
        return entry.memory

    def turn_task(self, conversation_id: str) -> TurnTask | None:
        """The turn that is in progress there."""
        entry = self._entries.get(conversation_id)
        return entry.turn_task if entry else None

    async def interrupt(self, conversation_id: str) -> None:
        """Stops the answer that is in progress there, and waits until its request is gone."""
        if turn_task := self.turn_task(conversation_id):
            await turn_task.interrupt()

    async def take_turn(self, conversation_id: str, turn_task: TurnTask) -> None:
        """`interrupt`, and from here on this is the turn in progress."""
        if entry := self._entries.get(conversation_id):
            before, entry.turn_task = entry.turn_task, turn_task
            if before:
                await before.interrupt()

    def end_turn(self, conversation_id: str, turn_task: TurnTask) -> None:
        """The turn is over."""
        entry = self._entries.get(conversation_id)
        if entry and entry.turn_task is turn_task:
            entry.turn_task = None
            entry.used_s = self._clock()

    async def forget(self, conversation_id: str) -> bool:
        """Forgets a conversation and stops its answer; False where there was none."""
        await self.interrupt(conversation_id)
        return self._entries.pop(conversation_id, None) is not None

    def _forget_old(self) -> None:
        oldest_s = self._clock() - self._limits.conversation_ttl_s
        for conversation_id, entry in list(self._entries.items()):
            if entry.used_s >= oldest_s:
                return
            if not entry.turn_task:
                del self._entries[conversation_id]
