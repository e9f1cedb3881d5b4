"""Who is at the page: what was shown to each, and what goes on there now.

A visitor is one tab of a browser. Its id is made there, is kept in the tab through reloads and
changes of language, and is the id of its conversation too.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from voicebench.clock import now_s
from voicebench.errors import UserError
from voicebench.serving.page.talk import Talk
from voicebench.serving.settings import Limits

_ID = re.compile(r"[0-9a-f]{32}")
_MAX_SHOWN = 50


@dataclass
class Visitor:
    """One tab.

    Attributes:
        conversation_id: Of its conversation in the service.
        past: Its turns, the oldest first; at most 50.
        talk: The turn that goes on, or the latest.
        session: Of its connection now.
    """

    conversation_id: str
    past: tuple[Talk, ...] = ()
    talk: Talk | None = None
    session: str = ""
    used_s: float = field(default_factory=now_s)

    def begin(self, talk: Talk) -> None:
        """A new turn; the one before it belongs to the past."""
        self._into_past()
        if self.past:
            self.past[-1].give_way()
        self.talk = talk

    def settle(self) -> None:
        """The page is shown anew: nobody reads an answer in progress, all turns are past."""
        self.drop()
        self._into_past()

    def forget(self) -> None:
        """Nothing was said."""
        self.drop()
        self.past, self.talk = (), None

    def drop(self) -> None:
        """Ends the turn in progress."""
        if self.talk:
            self.talk.drop()

    def _into_past(self) -> None:
        if self.talk:
            self.past = (*self.past, self.talk)[-_MAX_SHOWN:]
            self.talk = None


class Visitors:
    """All of one page. Used from its event loop alone.

    Args:
        limits: How many, and for how long.
        clock: Seconds on a monotonic clock.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = now_s) -> None:
        self._limits = limits
        self._clock = clock
        self._all: OrderedDict[str, Visitor] = OrderedDict()  # the one unused for longest first

    def __len__(self) -> int:
        return len(self._all)

    def find(self, visitor_id: str, session: str) -> Visitor:
        """The visitor of that id, or a new one.

        Raises:
            UserError: It is no id.
        """
        if not _ID.fullmatch(visitor_id):
            raise UserError("the visitor's id is not 32 hexadecimal digits")
        self._forget_old()
        visitor = self._all.pop(visitor_id, None) or Visitor(f"page-{visitor_id}")
        visitor.session, visitor.used_s = session, self._clock()
        self._all[visitor_id] = visitor
        while len(self._all) > self._limits.max_conversations:
            self._all.popitem(last=False)[1].forget()
        return visitor

    def leave(self, session: str) -> None:
        """A tab was closed or is reloading: nobody reads the answer in progress."""
        for visitor in self._all.values():
            if visitor.session == session:
                visitor.drop()

    def _forget_old(self) -> None:
        oldest_s = self._clock() - self._limits.conversation_ttl_s
        for visitor_id, visitor in list(self._all.items()):
            if visitor.used_s >= oldest_s:
                return
            visitor.forget()
            del self._all[visitor_id]
