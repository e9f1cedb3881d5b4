"""Listening on an open line: nothing is kept until somebody speaks, then a turn hears it all.

    ear = Ear(padding_s=0.3, max_turn_s=600)
    ear.feed(samples)          True where speech has begun
    ear.turn_audio()           a turn's chunks: a little before the speech, and what comes
    ear.end_turn(number)       it has heard enough

A turn ends by number, so that one that was interrupted does not end its successor.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np
from numpy.typing import NDArray

from voicebench.audio import AudioChunk
from voicebench.pipeline.endpoint import Endpoint
from voicebench.types import SAMPLE_RATE_HZ

_ONSET_S = 0.2  # speech is noticed that long after it began, and its beginning belongs to it


class Ear:
    """One line.

    Args:
        padding_s: How much audio before the speech a turn hears.
        max_turn_s: How long a turn may be; it then ends by itself.
    """

    def __init__(self, padding_s: float, max_turn_s: float) -> None:
        self._padding = round((padding_s + _ONSET_S) * SAMPLE_RATE_HZ)
        self._max_turn = round(max_turn_s * SAMPLE_RATE_HZ)
        self._before = np.zeros(0, np.float32)
        self._endpoint = Endpoint(float("inf"))
        self._inbox: asyncio.Queue[NDArray[np.float32] | None] | None = None
        self._num_heard = 0
        self._num_in_turn = 0
        self.turn_start_s = 0.0
        self.turn_number = 0

    @property
    def heard_s(self) -> float:
        """Seconds of audio since the line was opened."""
        return self._num_heard / SAMPLE_RATE_HZ

    @property
    def is_in_turn(self) -> bool:
        """Whether a turn is listening."""
        return self._inbox is not None

    def feed(self, samples: NDArray[np.float32]) -> bool:
        """Takes audio; whether a turn begins with it, whose chunks `turn_audio` then gives."""
        self._num_heard += len(samples)
        if self._inbox is not None:
            self._put(samples)
            return False
        noticed = self._endpoint.feed(samples)
        self._before = np.concatenate([self._before, samples])
        if not any(event.kind == "speech_started" for event in noticed):
            self._before = self._before[-self._padding :]
            return False
        self._inbox = asyncio.Queue()
        self.turn_number += 1
        self._num_in_turn = 0
        self.turn_start_s = self.heard_s - len(self._before) / SAMPLE_RATE_HZ
        self._put(self._before)
        return True

    async def turn_audio(self) -> AsyncGenerator[AudioChunk, None]:
        """The chunks of the turn that has begun, as they come."""
        inbox, num_given = self._inbox, 0
        while inbox and (samples := await inbox.get()) is not None:
            yield AudioChunk(samples, num_given / SAMPLE_RATE_HZ)
            num_given += len(samples)

    def end_turn(self, number: int) -> None:
        """The turn has heard enough; what it left is listened to anew. Nothing where another one is
        listening by now."""
        if number != self.turn_number or self._inbox is None:
            return
        inbox, self._inbox = self._inbox, None
        self._endpoint = Endpoint(float("inf"))
        left = []
        while not inbox.empty():
            if (samples := inbox.get_nowait()) is not None:
                left.append(samples)
        self._before = np.concatenate(left or [np.zeros(0, np.float32)])[-self._padding :]
        self._endpoint.feed(self._before)

    def _put(self, samples: NDArray[np.float32]) -> None:
        assert self._inbox is not None
        self._num_in_turn += len(samples)
        self._inbox.put_nowait(samples)
        if self._num_in_turn >= self._max_turn:
            self._inbox.put_nowait(None)
