"""The conversation of a realtime session: items with ids, and the messages that the LLM gets of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from voicebench.serving.errors import ApiError
from voicebench.serving.logs import new_id
from voicebench.types import Message

_ROOT = "root"
_MAX_ITEMS = 500
"""Items that a session keeps; beyond, the oldest go."""


@dataclass
class Item:
    """One item.

    Attributes:
        body: As the client gets it.
        message: As the LLM gets it; None while it is not known, or where nothing was understood.
    """

    body: dict[str, Any]
    message: Message | None = None


@dataclass
class Items:
    """Items in the order of the conversation.

    Attributes:
        conversation_id: Of the conversation.
        call_ids: Ids of calls that the LLM made or the client put in: results may refer to these.
    """

    conversation_id: str = field(default_factory=lambda: new_id("conv"))
    call_ids: set[str] = field(default_factory=set)
    _items: dict[str, Item] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    @property
    def last_id(self) -> str | None:
        """The id of the last item; None where there is none."""
        return next(reversed(self._items), None)

    @property
    def messages(self) -> list[Message]:
        """The conversation as the LLM gets it."""
        return [item.message for item in self if item.message is not None]

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Adds an item; the id of the one before it.

        Args:
            item: With an id of its own.
            after: Id of the item before it, or `root` for the beginning; None: at the end.

        Raises:
            ApiError: 400, there is an item of that id already, or no item to add it after.
        """
        item_id = item.body["id"]
        if item_id in self._items:
            message = f"there is an item {item_id!r} already"
            raise ApiError(400, message, "item_create_duplicate_item_id", "item.id")
        if after not in (None, _ROOT) and after not in self._items:
            raise _no_item(after or "", "previous_item_id")
        if item.body["type"] == "function_call":
            self.call_ids.add(item.body["call_id"])
        ids = list(self._items)
        at = len(ids) if after is None else 0 if after == _ROOT else ids.index(after) + 1
        before = ids[at - 1] if at else None
        pairs = list(self._items.items())
        pairs.insert(at, (item_id, item))
        self._items = dict(pairs[-_MAX_ITEMS:])
        return before

    def get(self, item_id: str, code: str = "item_not_found") -> Item:
        """One item.

        Args:
            item_id: Its id.
            code: Of the error; clients of OpenAI's tell errors apart by it.

        Raises:
            ApiError: 400, there is none of that id.
        """
        if item_id not in self._items:
            raise _no_item(item_id, "item_id", code)
        return self._items[item_id]

    def delete(self, item_id: str) -> None:
        """Removes an item.

        Raises:
            ApiError: 400, there is none of that id.
        """
        self.get(item_id)
        del self._items[item_id]

    def check_call(self, call_id: str) -> None:
        """Refuses the result of a call that was never made.

        Raises:
            ApiError: 400.
        """
        if call_id not in self.call_ids:
            message = f"there was no call {call_id!r} in this conversation"
            raise ApiError(400, message, "invalid_tool_call_id", "item.call_id")


def _no_item(item_id: str, param: str, code: str = "item_not_found") -> ApiError:
    return ApiError(400, f"there is no item {item_id!r}", code, param)
