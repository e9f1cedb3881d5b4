"""The cost of one recogniser with the words of another.

A model of random weights hears nonsense: its windows never agree, its confidence is nothing, and so
no seam, no endpoint of a draft, no prompt would be as in a real conversation. Here such a model does
all its work on every piece, and what it heard is thrown away; a small model that does hear follows,
and its tokens are the result. The time of both is paid, so figures err to the slow side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer, recognize_with, takes_speech_times
from voicebench.asr.companions import NO_COMPANIONS, Companions
from voicebench.types import Hypothesis


class CostEmulatingRecognizer:
    """A `Recognizer` of two.

    Args:
        costly: Computes everything, for nothing but the time that it takes.
        words: Gives the tokens.
        companions: What comes with the two.
    """

    def __init__(
        self, costly: Recognizer, words: Recognizer, companions: Companions = NO_COMPANIONS
    ) -> None:
        self.companions = companions
        self.takes_speech_times = takes_speech_times(words)
        self._costly = costly
        self._words = words

    @property
    def vocabulary(self) -> Sequence[str]:
        """See `Recognizer.vocabulary`."""
        return self._words.vocabulary

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        """See `Recognizer.recognize`."""
        return self.recognize_batch([samples])[0]

    def recognize_batch(
        self,
        pieces: Sequence[NDArray[np.float32]],
        speech_s: Sequence[NDArray[np.float64] | None] | None = None,
    ) -> list[Hypothesis]:
        """See `TakesSpeechTimes.recognize_batch`."""
        self._costly.recognize_batch(pieces)
        return recognize_with(self._words, pieces, speech_s)

    def close(self) -> None:
        """Frees both models."""
        self._costly.close()
        self._words.close()
