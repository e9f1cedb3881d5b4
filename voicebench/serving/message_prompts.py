"""A caller's own messages as the prompts of a turn: the conversation is theirs, the speech in it is
put where their message has it.

What stands in a message is data: the chat template alone makes control tokens.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from voicebench.llm.base import Generator, Prompt, chat_prompt
from voicebench.types import Message, Token

SPOKEN_HERE = f"\ue004{secrets.token_hex(8)}\ue005"
"""Where the transcript goes in the last message; nobody can type it."""


class MessagesPromptBuilder:
    """See `BuildsPrompts`; the turn's history goes behind the caller's system messages.

    Args:
        generator: Encodes.
        messages: The conversation; the last message may hold `SPOKEN_HERE`.
    """

    def __init__(self, generator: Generator, messages: Sequence[Message]) -> None:
        self._generator = generator
        self._messages = tuple(messages)
        self._built: tuple[tuple[Message, ...], Sequence[dict[str, Any]], Prompt] | None = None
        self._num_system = next(
            (n for n, m in enumerate(self._messages) if m.role != "system"), len(self._messages)
        )

    def messages(self, history: Sequence[Message], text: str) -> tuple[Message, ...]:
        """See `BuildsPrompts.messages`."""
        *before, last = self._messages
        filled = msgspec.structs.replace(last, content=last.content.replace(SPOKEN_HERE, text))
        given = (*before, filled)
        return (*given[: self._num_system], *history, *given[self._num_system :])

    def build(
        self,
        history: Sequence[Message],
        cleaned: str,
        tokens: Sequence[Token],
        tools: Sequence[dict[str, Any]] = (),
        after: Sequence[Message] = (),
    ) -> tuple[tuple[Message, ...], Prompt]:
        """See `BuildsPrompts.build`."""
        messages = (*self.messages(history, cleaned), *after)
        # A request of typed text builds the same prompt to check its length and to be answered.
        if self._built is None or self._built[:2] != (messages, tools):
            prompt = chat_prompt(self._generator, messages, tools)
            self._built = (messages, tools, prompt)
        return messages, self._built[2]

    def beginning(
        self,
        history: Sequence[Message],
        cleaned: str,
        tokens: Sequence[Token],
        tools: Sequence[dict[str, Any]] = (),
    ) -> Prompt:
        """See `BuildsPrompts.beginning`."""
        messages = self.messages(history, cleaned + SPOKEN_HERE)
        return Prompt(
            token_ids=tuple(self._generator.encode_around(messages, tools, SPOKEN_HERE)[0])
        )
