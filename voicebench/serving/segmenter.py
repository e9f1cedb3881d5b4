"""Speech of a stream in stretches between pauses, for recognisers that want whole sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebench.pipeline.endpoint import Endpoint
from voicebench.types import SAMPLE_RATE_HZ

_PADDING_S = 0.3


@dataclass(frozen=True)
class Stretch:
    """One stretch: its samples, and where in the stream they start."""

    samples: NDArray[np.float32]
    start_s: float


class Segmenter:
    """Cuts a stream at its pauses.

    Args:
        silence_s: Silence that ends a stretch.
        max_s: Longest stretch; a longer one is cut where it is.
    """

    def __init__(self, silence_s: float = 0.6, max_s: float = 15.0) -> None:
        self._silence_s = silence_s
        self._max = round(max_s * SAMPLE_RATE_HZ)
        self._padding = round(_PADDING_S * SAMPLE_RATE_HZ)
        self._endpoint = Endpoint(silence_s)
        self._held = np.zeros(0, np.float32)
        self._held_from = 0
        self._is_speech = False

    def feed(self, samples: NDArray[np.float32]) -> list[Stretch]:
        """Takes audio; the stretches that it ended."""
        ended = []
        for start in range(0, len(samples), self._padding):
            piece = samples[start : start + self._padding]
            self._held = np.concatenate([self._held, piece])
            noticed = {event.kind for event in self._endpoint.feed(piece)}
            self._is_speech = self._is_speech or "speech_started" in noticed
            if "turn_ended" in noticed or (self._is_speech and len(self._held) >= self._max):
                ended.append(self._cut())
            elif not self._is_speech:
                self._drop(2 * self._padding)
        return ended

    def finish(self) -> Stretch | None:
        """What is being said at the end; None where nothing is."""
        noticed = {event.kind for event in self._endpoint.finish()}
        return self._cut() if self._is_speech or "speech_started" in noticed else None

    def _cut(self) -> Stretch:
        stretch = Stretch(self._held, self._held_from / SAMPLE_RATE_HZ)
        self._drop(0)
        self._endpoint = Endpoint(self._silence_s)
        self._is_speech = False
        return stretch

    def _drop(self, num_kept: int) -> None:
        self._held_from += max(0, len(self._held) - num_kept)
        self._held = self._held[len(self._held) - min(num_kept, len(self._held)) :]
