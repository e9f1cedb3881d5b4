"""A transcript while it grows: the text that no later window changes any more, piece by piece."""

from __future__ import annotations

from voicebench.asr.merge import merge, num_settled
from voicebench.types import Token, Window, join_tokens


class PartialTranscript:
    """Takes windows as they are recognised.

    Args:
        reach_s: How far before a window's end a later one hears again; see `reach_s`.
    """

    def __init__(self, reach_s: float) -> None:
        self._reach_s = reach_s
        self._tokens: tuple[Token, ...] = ()
        self._end_s = 0.0
        self._told = ""

    def take(self, window: Window) -> str:
        """What is settled now and was not before."""
        if window.is_provisional or window.pass_number > 1:
            return ""
        self._tokens = merge(
            self._tokens, window.tokens, previous_end_s=self._end_s, new_start_s=window.heard_from_s
        )
        self._end_s = window.end_s
        settled = num_settled(self._tokens, window.end_s - self._reach_s)
        return self._rest_of(join_tokens([token.text for token in self._tokens[:settled]]))

    def finish(self, text: str) -> str:
        """What is left of the whole transcript; nothing where it came out otherwise at its end."""
        return self._rest_of(text)

    def _rest_of(self, text: str) -> str:
        if not text.startswith(self._told):
            return ""
        rest, self._told = text[len(self._told) :], text
        return rest
