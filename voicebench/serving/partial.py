"""A transcript while it grows: what no later window changes any more, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from voicebench.asr.merge import merge, num_settled
from voicebench.types import Token, Window, join_tokens


class Piece(NamedTuple):
    """What is new in a transcript; empty where nothing is."""

    text: str = ""
    tokens: tuple[Token, ...] = ()


class PartialTranscript:
    """Takes windows as they are recognized.

    Args:
        reach_s: How far before a window's end a later one recognizes again; see `reach_s`.

    Attributes:
        tokens: Of all windows so far, also those that may still change.
    """

    def __init__(self, reach_s: float) -> None:
        self._reach_s = reach_s
        self.tokens: tuple[Token, ...] = ()
        self._end_s = 0.0
        self._text = ""  # of all pieces
        self._num_tokens = 0

    def take(self, window: Window) -> Piece:
        """What is settled now and was not before."""
        if window.is_provisional or window.pass_number > 1:
            return Piece()
        self.tokens = merge(
            self.tokens, window.tokens, previous_end_s=self._end_s, new_start_s=window.heard_from_s
        )
        self._end_s = window.end_s
        return self.finish(self.tokens[: num_settled(self.tokens, window.end_s - self._reach_s)])

    def finish(self, tokens: Sequence[Token]) -> Piece:
        """What is left of the whole transcript; nothing where it came out otherwise at its end."""
        text = join_tokens([token.text for token in tokens])
        if not text.startswith(self._text):
            return Piece()
        piece = Piece(text[len(self._text) :], tuple(tokens[self._num_tokens :]))
        self._text, self._num_tokens = text, len(tokens)
        return piece
