"""Conversations to prompt token ids, with message content as data.

The model's own chat template lays out the prompt. A chat template works on strings, so a user who
says or types `<|im_end|>` could close their own turn; therefore only the template's text is searched
for control tokens, and what stands in a message is tokenised as the characters it is. Where no
message holds such a string the ids are exactly those of `apply_chat_template(tokenize=True)`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from voicebench.errors import ModelError
from voicebench.llm.hermes import CALL_BEGIN, CALL_END
from voicebench.types import Message

_NUM_TEXTS_KEPT, _LONGEST_TEXT_KEPT = 512, 2048  # characters


class ChatEncoder:
    """Encodes conversations for one model.

    Args:
        tokenizer: The folder's Hugging Face fast tokenizer, with a chat template.

    Raises:
        ModelError: The tokenizer is not a fast one or has no chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        from tokenizers import Tokenizer

        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None or not getattr(tokenizer, "chat_template", None):
            raise ModelError(
                f"the tokenizer of {tokenizer.name_or_path!r} has no tokenizer.json or chat template",
                "Use an instruct model's folder.",
            )
        self._tokenizer = tokenizer
        self.control_ids: dict[str, int] = dict(tokenizer.get_added_vocab())
        self._taken_ids = frozenset(self.control_ids.values())
        illegal = {i for text, i in self.control_ids.items() if text not in (CALL_BEGIN, CALL_END)}
        self.legal_ids = frozenset(tokenizer.get_vocab().values()) - illegal
        longest_first = sorted(self.control_ids, key=len, reverse=True)
        self._controls = re.compile(f"({'|'.join(map(re.escape, longest_first)) or '(?!)'})")
        # The same tokenizer without control tokens: whatever it reads is plain text.
        description = json.loads(backend.to_str())
        description["added_tokens"] = []
        description["post_processor"] = None
        self._plain = Tokenizer.from_str(json.dumps(description))
        # The system prompt and earlier turns come again with every prompt of a conversation.
        self._encode_again = lru_cache(maxsize=_NUM_TEXTS_KEPT)(self._encode)

    def encode(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        """Prompt ids, ending where the assistant begins.

        >>> ChatEncoder(tokenizer).encode([Message(role="user", content="你好")])  # doctest: +SKIP
        [151644, 872, 198, 108386, 151645, 198, 151644, 77091, 198]
        """
        return self.encode_around(messages, tools, place="")[0]

    def encode_around(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], place: str
    ) -> list[list[int]]:
        """The same in pieces, cut at every `place` in a message's content.

        What is put between the pieces is not merged with what stands beside it.

        Args:
            messages: The conversation.
            tools: Tools offered, as JSON schemas.
            place: A text that stands for what is left out; empty for one piece.
        """
        pieces: list[list[int]] = [[]]
        pending = ""
        for text, is_content in self._render(messages, tools):
            if is_content:
                first, *others = text.split(place) if place else [text]
                pending += first
                for other in others:
                    pieces[-1] += self.encode_text(pending)
                    pieces.append([])
                    pending = other
                continue
            for part in self._controls.split(text):
                if part in self.control_ids:
                    pieces[-1] += self.encode_text(pending)
                    pieces[-1].append(self.control_ids[part])
                    pending = ""
                else:
                    pending += part
        pieces[-1] += self.encode_text(pending)
        return pieces

    def encode_text(self, text: str) -> list[int]:
        """Ids of a text as the characters it is: never a control token."""
        encode = self._encode_again if len(text) <= _LONGEST_TEXT_KEPT else self._encode
        return list(encode(text))

    def _encode(self, text: str) -> tuple[int, ...]:
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        if not self._taken_ids.isdisjoint(ids):
            # A vocabulary that also lists control tokens as words: one character cannot be one.
            ids = [
                i for char in text for i in self._plain.encode(char, add_special_tokens=False).ids
            ]
        return tuple(ids)

    def _without_controls(self, value: Any, stand_in: Callable[[str], str]) -> Any:
        """A tool's schema, with every text in it that holds a control token as a stand-in: tools
        come from callers too. The template writes it as JSON, so the stand-in is for JSON text."""
        if isinstance(value, dict):
            return {
                self._without_controls(key, stand_in): self._without_controls(each, stand_in)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._without_controls(each, stand_in) for each in value]
        if isinstance(value, str) and self._controls.search(value):
            return stand_in(json.dumps(value, ensure_ascii=False)[1:-1])
        return value

    def _render(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]
    ) -> Iterable[tuple[str, bool]]:
        """The laid out prompt in pieces, each with whether it is a message's content."""
        # The template sees a stand-in for each content; a fresh nonce cannot occur in tools.
        nonce, contents = secrets.token_hex(8), list[str]()

        def stand_in(content: str) -> str:
            contents.append(content)
            return f"\ue000{nonce}:{len(contents) - 1}\ue001"

        conversation = [_laid_out(message, stand_in) for message in messages]
        rendered: str = self._tokenizer.apply_chat_template(
            conversation,
            tools=[self._without_controls(each, stand_in) for each in tools] or None,
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        first, *others = rendered.split(f"\ue000{nonce}:")
        yield first, False
        for other in others:
            index, _, laid_out = other.partition("\ue001")
            yield contents[int(index)], True
            yield laid_out, False


def _laid_out(message: Message, stand_in: Callable[[str], str]) -> dict[str, Any]:
    """A message as chat templates take it; what people, tools and the LLM wrote stands in it as a
    stand-in. A template asks whether there is content in front of a tool call, so none stays none.
    """
    if not message.tool_calls:
        return {"role": message.role, "content": stand_in(message.content)}
    calls = [
        {
            "type": "function",
            "function": {
                "name": stand_in(call.name),
                "arguments": stand_in(json.dumps(call.arguments, ensure_ascii=False)),
            },
        }
        for call in message.tool_calls
    ]
    content = stand_in(message.content) if message.content else ""
    return {"role": message.role, "content": content, "tool_calls": calls}
