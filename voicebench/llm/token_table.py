"""From a recogniser's tokens to an LLM's token ids: one table, built once, on the model's device.

The two vocabularies share no ids, so the table holds for every recogniser token the LLM ids of its
text, and for a Latin word also those of a space and the word, which is how it reads behind another
Latin word. The text of a token names its row: a vocabulary holds each text once.

Looked up token by token, a transcript has the same text as tokenised whole, and the same ids where
the LLM's tokenizer joins no two recogniser tokens. A tokenizer with merges over Hanzi (Qwen's: 会议室
is one token) gives more and other ids this way: 会, 议, 室.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_NO_ID = -1  # fills the rows up to the longest


class TokenTable:
    """Looks up the LLM's ids of recogniser tokens.

    Args:
        encode: LLM ids of a text, never control tokens; also used for what is not in the table.
        vocabulary: Texts of the recogniser's tokens, by id.
        device: Where the table is kept: the model's device, as torch names it.

    Attributes:
        device: As given.
        num_rows: Rows of the table: tokens, and Latin words a second time.
    """

    def __init__(
        self, encode: Callable[[str], list[int]], vocabulary: Sequence[str], device: Any = "cpu"
    ) -> None:
        import torch

        texts = dict.fromkeys(vocabulary)
        texts |= dict.fromkeys(f" {text}" for text in vocabulary if starts_latin(text))
        self._encode = encode
        self._rows = {text: row for row, text in enumerate(texts)}
        ids = [encode(text) for text in texts]
        longest = max((len(each) for each in ids), default=0)
        padded = [[*each, *[_NO_ID] * (longest - len(each))] for each in ids]
        self._ids = torch.tensor(padded, dtype=torch.int32, device=device).reshape(-1, longest)
        self.device = device
        self.num_rows = len(texts)

    def ids_of(self, texts: Sequence[str]) -> list[list[int]]:
        """LLM ids of each text: from the table in one step, tokenised where it is not in it.

        Args:
            texts: Token texts, a Latin word with a space before it where there is one.
        """
        rows = [self._rows.get(text, _NO_ID) for text in texts]
        found = iter(self._gather([row for row in rows if row != _NO_ID]))
        return [
            self._encode(text) if row == _NO_ID else next(found)
            for text, row in zip(texts, rows, strict=True)
        ]

    def _gather(self, rows: list[int]) -> list[list[int]]:
        import torch

        if not rows:
            return []
        padded = self._ids[torch.tensor(rows, device=self._ids.device)].tolist()
        return [[i for i in row if i != _NO_ID] for row in padded]


def starts_latin(text: str) -> bool:
    """Whether a token is set off by a space from a Latin word before it."""
    return text[:1].isascii() and text[:1].isalnum()
