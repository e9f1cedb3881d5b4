"""What was said before, kept to a token budget."""

from __future__ import annotations

from datetime import datetime

from voicebench.llm.base import Generator, count_tokens
from voicebench.types import Message, Record


class Exchange(Record):
    """What the user said and what was answered; `num_tokens` is what both cost in a prompt."""

    user: str
    assistant: str
    num_tokens: int


class Conversation:
    """Earlier turns of one conversation, oldest first.

    Over the budget the oldest turns are dropped whole: half a turn misleads an LLM more than none.
    A turn that alone is over the budget is not kept.

    Args:
        budget_tokens: Most prompt tokens that earlier turns may take; with 0 nothing is kept.
        clock: The conversation's own now (ISO 8601, local), for tools; None: the machine's.

    Attributes:
        num_unclear: Turns in a row whose transcript was below the confidence threshold.

    >>> conversation = Conversation(budget_tokens=10)
    >>> conversation.add("几点开会", "三点。", num_tokens=6)
    >>> conversation.add("在哪里", "二楼。", num_tokens=5)
    >>> [message.content for message in conversation.history()]
    ['在哪里', '二楼。']
    """

    def __init__(self, budget_tokens: int = 1024, clock: str | None = None) -> None:
        self.budget_tokens = budget_tokens
        self._clock = datetime.fromisoformat(clock) if clock else None
        self.exchanges: tuple[Exchange, ...] = ()
        self.num_unclear = 0

    @property
    def now(self) -> datetime:
        """What 今天 is relative to."""
        return self._clock or datetime.now()

    def add(self, user: str, assistant: str, *, num_tokens: int) -> None:
        """Remembers a turn that was answered, and forgets the oldest beyond the budget."""
        kept = (*self.exchanges, Exchange(user=user, assistant=assistant, num_tokens=num_tokens))
        while sum(exchange.num_tokens for exchange in kept) > self.budget_tokens:
            kept = kept[1:]
        self.exchanges = kept

    def remember(self, generator: Generator, user: str, assistant: str) -> None:
        """Adds a turn at what it costs in a prompt of `generator`; nothing without an answer."""
        if not user or not assistant.strip() or not self.budget_tokens:
            return
        exchange = (
            Message(role="user", content=user),
            Message(role="assistant", content=assistant),
        )
        self.add(user, assistant, num_tokens=count_tokens(generator, exchange))

    def history(self) -> tuple[Message, ...]:
        """The turns kept, as alternating user and assistant messages."""
        return tuple(
            message
            for exchange in self.exchanges
            for message in (
                Message(role="user", content=exchange.user),
                Message(role="assistant", content=exchange.assistant),
            )
        )
