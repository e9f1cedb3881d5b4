"""Turn detection of the server on an open stream: speech begins a turn, which takes the audio.

    vad = ServerVad(assistant.stream_vad, padding_s=0.3, max_turn_s=600)
    vad.feed(samples)          True where speech has begun
    vad.turn_audio()           the turn's chunks: a pre-roll and what comes
    vad.end_turn(number)       the turn takes no more
    vad.take_left()            audio that came meanwhile, to be fed again

Before speech only the pre-roll is in memory. A turn ends by number, so that an interrupted one does
not end its successor.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.companions import StreamVad
from voicebench.audio import AudioChunk
from voicebench.pipeline.endpoint import Endpoint
from voicebench.types import SAMPLE_RATE_HZ

_ONSET_S = 0.2  # the VAD notices speech so long after it began


class ServerVad:
    """One stream.

    Args:
        open_vad: Gives the profile's VAD, for audio between turns; a turn has its own.
        padding_s: Pre-roll: audio before the speech that belongs to a turn.
        max_turn_s: Longest turn; it then ends by itself.
    """

    def __init__(
        self, open_vad: Callable[[], StreamVad], padding_s: float, max_turn_s: float
    ) -> None:
        self._open_vad = open_vad
        self._padding = round((padding_s + _ONSET_S) * SAMPLE_RATE_HZ)
        self._max_turn = round(max_turn_s * SAMPLE_RATE_HZ)
        self._before = np.zeros(0, np.float32)
        self._endpoint = Endpoint(float("inf"), self._open_vad())
        self._inbox: asyncio.Queue[NDArray[np.float32] | None] | None = None
        self._num_heard = 0
        self._num_in_turn = 0
        self._left = np.zeros(0, np.float32)
        self.turn_start_s = 0.0
        self.turn_number = 0

    @property
    def heard_s(self) -> float:
        """Seconds of audio since the stream was opened."""
        return self._num_heard / SAMPLE_RATE_HZ

    @property
    def is_in_turn(self) -> bool:
        """Whether a turn takes the audio."""
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
        """Ends a turn; `take_left` gives the audio that it left. Nothing where another turn takes the
        audio by now."""
        if number != self.turn_number or self._inbox is None:
            return
        inbox, self._inbox = self._inbox, None
        self._endpoint = Endpoint(float("inf"), self._open_vad())
        self._before = np.zeros(0, np.float32)
        waiting = [inbox.get_nowait() for _ in range(inbox.qsize())]
        left = [samples for samples in waiting if samples is not None]
        self._left = np.concatenate([self._before, *left])
        self._num_heard -= len(self._left)

    def take_left(self) -> NDArray[np.float32]:
        """Audio that came after the end of the last turn, once: a client may send faster than speech
        is recognized, and the next sentence may be in it. Feed it before what comes."""
        left, self._left = self._left, np.zeros(0, np.float32)
        return left

    def _put(self, samples: NDArray[np.float32]) -> None:
        assert self._inbox is not None
        self._num_in_turn += len(samples)
        self._inbox.put_nowait(samples)
        if self._num_in_turn >= self._max_turn:
            self._inbox.put_nowait(None)
