"""Text of one stretch of speech while it goes on, as FunASR's `online` messages have it.

    online = OnlineText(recognizer, chunk_s=0.6, look_ahead_s=0.3)
    if recognize := online.take(samples): recognize()     what has become clear, may be empty
    online.finish()                                       the rest

Nothing is taken back, so a token is given out once, when `look_ahead_s` of audio after it has been
recognized with it. What a later window makes of it is for the second pass.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.asr.windows import SlidingWindows, WindowAudio
from voicebench.serving.timed_text import join_spaced
from voicebench.types import Token

_CONTEXT_S = 2.4
_JITTER_S = 0.02


class OnlineText:
    """One stretch.

    Args:
        recognizer: See `Recognizer`.
        chunk_s: A window is recognized every so many seconds of audio.
        look_ahead_s: Audio after a token before it is given out.
    """

    def __init__(self, recognizer: Recognizer, chunk_s: float, look_ahead_s: float) -> None:
        self._windows = SlidingWindows(
            recognizer, chunk_s + look_ahead_s, look_ahead_s, context_s=_CONTEXT_S
        )
        self._chunk_s = chunk_s
        self._look_ahead_s = look_ahead_s
        self._has_begun = False
        self._last: Token | None = None

    def take(self, samples: NDArray[np.float32]) -> Callable[[], str] | None:
        """Takes audio; returns what gives the text that has become clear, where there is any to
        recognize. That blocks, and is called before the next audio is taken.

        The first text comes after one chunk, before a window with its look-ahead is complete.
        """
        if ready := list(self._windows.take(samples)):
            self._has_begun = True
            return functools.partial(self._recognize, ready)
        if not self._has_begun and self._windows.audio_s >= self._chunk_s:
            self._has_begun = True
            if rest := self._windows.peek_rest():
                return functools.partial(self._look, rest)
        return None

    def _recognize(self, ready: Sequence[WindowAudio]) -> str:
        for window in ready:
            self._windows.recognise(window)
        until_s = ready[-1].end_s - self._look_ahead_s
        return self._text_until(self._windows.hypothesis.tokens, until_s)

    def _look(self, rest: WindowAudio) -> str:
        _, hypothesis = self._windows.preview(rest)
        return self._text_until(hypothesis.tokens, rest.end_s - self._look_ahead_s)

    def finish(self) -> str:
        """The rest of the text; blocks."""
        self._windows.finish()
        return self._text_until(self._windows.hypothesis.tokens, float("inf"))

    def _text_until(self, tokens: Sequence[Token], until_s: float) -> str:
        new = [token for token in tokens if token.end_s <= until_s and self._is_new(token)]
        if not new:
            return ""
        last, self._last = self._last, new[-1]
        return join_spaced([token.text for token in new], after=last.text if last else "")

    def _is_new(self, token: Token) -> bool:
        last = self._last
        if last is None:
            return True
        is_last_again = token.text == last.text and token.start_s < last.end_s - _JITTER_S
        return (token.start_s + token.end_s) / 2 > last.end_s and not is_last_again
