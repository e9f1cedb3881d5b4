"""Browser tabs: each has a conversation, its turns and the one in progress.

A tab's id is made in the browser, is kept there through reloads and changes of language, and is the
id of its conversation in the service too.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from voicebench.clock import now_s
from voicebench.errors import UserError
from voicebench.serving.page.turn import PageTurn
from voicebench.serving.settings import Limits

_ID = re.compile(r"[0-9a-f]{32}")
_MAX_TURNS = 50


@dataclass
class Tab:
    """One tab.

    Attributes:
        conversation_id: Of its conversation in the service.
        turns: Its turns, the oldest first; at most 50.
        session: Of its connection now.
        used_s: When it was last used.
    """

    conversation_id: str
    turns: tuple[PageTurn, ...] = ()
    session: str = ""
    used_s: float = field(default_factory=now_s)

    def add(self, turn: PageTurn) -> None:
        """A new turn; it interrupts the one before."""
        if self.turns:
            self.turns[-1].yield_to_next()
        self.turns = (*self.turns, turn)[-_MAX_TURNS:]

    def cancel(self) -> None:
        """Ends the turn in progress."""
        if self.turns:
            self.turns[-1].cancel()

    def clear(self) -> None:
        """Forgets all turns."""
        self.cancel()
        self.turns = ()


class Tabs:
    """All tabs of a page. Used from its event loop alone.

    Args:
        limits: How many, and for how long.
        clock: Seconds on a monotonic clock.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = now_s) -> None:
        self._limits = limits
        self._clock = clock
        self._tabs: OrderedDict[str, Tab] = OrderedDict()  # the one unused for longest first

    def __len__(self) -> int:
        return len(self._tabs)

    def find(self, tab_id: str, session: str) -> Tab:
        """The tab of that id, or a new one.

        Raises:
            UserError: The id is not 32 hexadecimal digits.
        """
        if not _ID.fullmatch(tab_id):
            raise UserError("the tab's id is not 32 hexadecimal digits")
        self._forget_old()
        tab = self._tabs.pop(tab_id, None) or Tab(f"page-{tab_id}")
        tab.session, tab.used_s = session, self._clock()
        self._tabs[tab_id] = tab
        while len(self._tabs) > self._limits.max_conversations:
            self._tabs.popitem(last=False)[1].clear()
        return tab

    def leave(self, session: str) -> None:
        """A tab was closed or is reloading: its answer in progress has no reader."""
        for tab in self._tabs.values():
            if tab.session == session:
                tab.cancel()

    def _forget_old(self) -> None:
        oldest_s = self._clock() - self._limits.conversation_ttl_s
        for tab_id, tab in list(self._tabs.items()):
            if tab.used_s >= oldest_s:
                return
            tab.clear()
            del self._tabs[tab_id]
