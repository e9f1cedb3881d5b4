"""What the pipeline asks of a recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

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
