"""One response of `/v1/realtime`: a turn's events as the events that OpenAI's clients know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from voicebench.events import AnswerTokenShown, Event, ToolCalled
from voicebench.serving.chat_response import unread_calls
from voicebench.serving.logs import new_id
from voicebench.serving.realtime_items import Item, Items
from voicebench.serving.turn_task import TurnTask
from voicebench.types import Message, ToolCall

Send = Callable[..., Awaitable[None]]
"""Sends an event: `send(type, **fields)`."""


class ResponseEvents:
    """Sends the events of one response while it is made.

    Args:
        send: Sends an event.
        turn_task: The turn that answers.
        items: The conversation that the answer joins; None for a response out of band.
        metadata: The client's own, returned with the response.

    Attributes:
        id: Of the response.
    """

    def __init__(
        self,
        send: Send,
        turn_task: TurnTask,
        items: Items | None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        self._send = send
        self._turn_task = turn_task
        self._items = items
        self._metadata = metadata
        self.id = new_id("resp")
        self._text_item = ""
        self._text = ""
        self._output: list[dict[str, Any]] = []
        self._unread: list[str] = []  # calls that are none
        self._is_created = False

    async def take(self, event: Event) -> None:
        """Sends what an event of the turn means to the client."""
        if isinstance(event, AnswerTokenShown) and event.text:
            await self._say(event.text)
        elif isinstance(event, ToolCalled) and event.name:
            await self._call(event.name, event.arguments)
        elif isinstance(event, ToolCalled):
            self._unread.append(event.arguments)

    async def begin(self) -> None:
        """A response is being made."""
        if not self._is_created:
            self._is_created = True
            await self._send("response.created", response=self._body("in_progress"))

    async def end(self, cancelled_for: str = "") -> None:
        """The turn is over.

        Args:
            cancelled_for: `turn_detected` or `client_cancelled` where it was stopped.
        """
        await self.begin()
        turn = self._turn_task.turn
        status = "completed"
        details: dict[str, Any] | None = None
        if cancelled_for:
            status = "cancelled"
            details = {"type": "cancelled", "reason": cancelled_for}
        elif turn.degraded or self._turn_task.is_timed_out:
            status = "failed"
            code = turn.degraded.reason if turn.degraded else "turn_timeout"
            hint = turn.degraded.hint if turn.degraded else "回答没有及时完成，请再试一次。"
            error = {"type": "degraded", "code": code, "message": hint}
            details = {"type": "failed", "error": error}
        elif turn.finish_reason == "length":
            status = "incomplete"
            details = {"type": "incomplete", "reason": "max_output_tokens"}
        if self._unread and not self._output and status == "completed":
            await self._say(unread_calls(self._unread))  # else the client gets an empty answer
        if self._text_item:
            await self._end_text("completed" if status == "completed" else "incomplete")
        await self._send("response.done", response=self._body(status, details))

    async def _say(self, text: str) -> None:
        if not self._text_item:
            self._text_item = new_id("item")
            item = self._message_item("in_progress", [])
            await self._send("response.output_item.added", **self._here(), item=item)
            await self._join(item)
            part = {"type": "text", "text": ""}
            await self._send("response.content_part.added", **self._in_text(), part=part)
        self._text += text
        await self._send("response.output_text.delta", **self._in_text(), delta=text)

    async def _end_text(self, status: str) -> None:
        await self._send("response.output_text.done", **self._in_text(), text=self._text)
        part = {"type": "text", "text": self._text}
        await self._send("response.content_part.done", **self._in_text(), part=part)
        item = self._message_item(status, [{"type": "output_text", "text": self._text}])
        self._output.append(item)
        await self._send("response.output_item.done", **self._here(), item=item)
        await self._settle(item, Message(role="assistant", content=self._text))

    async def _join(self, item: dict[str, Any]) -> None:
        """The item is part of the conversation from here on, in the order of its beginning."""
        if self._items is not None:
            before = self._items.add(Item(item))
            await self._send("conversation.item.added", item=item, previous_item_id=before)

    async def _settle(self, item: dict[str, Any], message: Message) -> None:
        """The item is whole; nothing where the client has deleted it meanwhile."""
        if self._items is not None and item["id"] in self._items:
            joined = self._items.get(item["id"])
            joined.body, joined.message = item, message
            await self._send("conversation.item.done", item=item)

    async def _call(self, name: str, arguments: str) -> None:
        call = ToolCall(name=name, arguments=msgspec.json.decode(arguments))
        item = {
            "id": new_id("item"),
            "type": "function_call",
            "status": "in_progress",
            "call_id": new_id("call"),
            "name": name,
            "arguments": "",
        }
        index = {"response_id": self.id, "output_index": len(self._output) + bool(self._text)}
        await self._send("response.output_item.added", **index, item=item)
        await self._join(item)
        named = {**index, "item_id": item["id"], "call_id": item["call_id"]}
        await self._send("response.function_call_arguments.delta", **named, delta=arguments)
        await self._send(
            "response.function_call_arguments.done", **named, name=name, arguments=arguments
        )
        item = {**item, "status": "completed", "arguments": arguments}
        self._output.append(item)
        await self._send("response.output_item.done", **index, item=item)
        await self._settle(item, Message(role="assistant", content="", tool_calls=(call,)))

    def _message_item(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._text_item,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def _here(self) -> dict[str, Any]:
        return {"response_id": self.id, "output_index": 0}

    def _in_text(self) -> dict[str, Any]:
        return {**self._here(), "item_id": self._text_item, "content_index": 0}

    def _body(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        turn = self._turn_task.turn
        body: dict[str, Any] = {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": self._output,
            "output_modalities": ["text"],
            "metadata": self._metadata,
            "conversation_id": None if self._items is None else self._items.conversation_id,
        }
        if status != "in_progress":
            num_in, num_out = len(turn.prompt_token_ids), len(turn.answer_tokens)
            body["usage"] = {
                "input_tokens": num_in,
                "output_tokens": num_out,
                "total_tokens": num_in + num_out,
                "input_token_details": {"cached_tokens": turn.cached_prompt_tokens},
            }
        return body
