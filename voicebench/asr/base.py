"""What the pipeline asks of a recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from voicebench.types import Hypothesis


class Recognizer(Protocol):
    """Recognises pieces of 16 kHz mono float32 audio. Implementations are thread-safe."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """Texts of the tokens it can hear, by its own token ids."""
        ...

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        """Recognises one piece.

        Args:
            samples: Shape (num_samples,), float32 in [-1, 1], 16 kHz.

        Returns:
            Tokens with times from the piece's start, confidence and top-k alternatives; no tokens
            when nothing was said or the piece is too short for one frame. Letters that are spelled
            are a token each, for windows to be merged (`tokens.join_letters` makes words of them).
        """
        ...

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        """Recognises several pieces in one call; same results as one by one, in order."""
        ...

    def close(self) -> None:
        """Frees the model."""
        ...


class TakesSpeechTimes(Protocol):
    """A `Recognizer` that compares doubtful tokens with a VAD, and takes what a VAD has found."""

    takes_speech_times: bool
    """Whether it does: a front has the answer of the recogniser behind it."""

    def recognize_batch(
        self,
        pieces: Sequence[NDArray[np.float32]],
        speech_s: Sequence[NDArray[np.float64] | None] | None = None,
    ) -> list[Hypothesis]:
        """See `Recognizer.recognize_batch`.

        Args:
            pieces: Audio.
            speech_s: Of each piece the middles of its frames of speech, in seconds from its start;
                None where no VAD has run over it.
        """
        ...


def takes_speech_times(recognizer: Recognizer) -> bool:
    """Whether a recogniser takes what a VAD has found; see `TakesSpeechTimes`."""
    return bool(getattr(recognizer, "takes_speech_times", False))


def recognize_with(
    recognizer: Recognizer,
    pieces: Sequence[NDArray[np.float32]],
    speech_s: Sequence[NDArray[np.float64] | None] | None,
) -> list[Hypothesis]:
    """Recognises pieces with the speech times that are known, where the recogniser takes them."""
    if speech_s is None or not takes_speech_times(recognizer):
        return recognizer.recognize_batch(pieces)
    return cast(TakesSpeechTimes, recognizer).recognize_batch(pieces, speech_s)
