"""Browser tabs: each has a conversation of the service, and its turns as the page shows them.

A tab's id is made in the browser, and is kept there through reloads and changes of language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicebench.errors import UserError
from voicebench.serving.conversations import Conversations
from voicebench.serving.page.turn import PageTurn

_ID = re.compile(r"[0-9a-f]{32}")
_MAX_TURNS = 50


@dataclass
class Tab:
    """One tab.

    Attributes:
        conversation_id: Of its conversation in the service.
        turns: Its turns, the oldest first; at most 50.
        session: Of its connection now.
    """

    conversation_id: str
    turns: tuple[PageTurn, ...] = ()
    session: str = ""

    async def add(self, turn: PageTurn) -> None:
        """A new turn; it interrupts the one before."""
        await self.stop()
        self.turns = (*self.turns, turn)[-_MAX_TURNS:]

    async def stop(self) -> None:
        """Stops the answer in progress."""
        if self.turns:
            await self.turns[-1].stop()


class Tabs:
    """All tabs of a page, each as long as its conversation is remembered.

    Args:
        conversations: Of the service.
    """

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._tabs: dict[str, Tab] = {}

    def find(self, tab_id: str, session: str) -> Tab:
        """The tab of that id, or a new one.

        Raises:
            UserError: The id is not 32 hexadecimal digits.
        """
        if not _ID.fullmatch(tab_id):
            raise UserError("the tab's id is not 32 hexadecimal digits")
        self._forget_old()
        tab = self._tabs.setdefault(tab_id, Tab(f"page-{tab_id}"))
        tab.session = session
        self._conversations.memory(tab.conversation_id)
        return tab

    async def leave(self, session: str) -> None:
        """A tab was closed or is reloading: its answer in progress has no reader."""
        for tab in [each for each in self._tabs.values() if each.session == session]:
            await tab.stop()

    def _forget_old(self) -> None:
        for tab_id, tab in list(self._tabs.items()):
            if tab.conversation_id not in self._conversations:
                del self._tabs[tab_id]
                for turn in tab.turns[-1:]:
                    turn.cancel()
