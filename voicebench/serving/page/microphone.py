"""A microphone of the page: PCM comes piece by piece in requests, and a turn reads it as chunks."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from voicebench.audio import AudioChunk
from voicebench.clock import now_s
from voicebench.errors import UserError
from voicebench.events import Event, TurnCommitted, WindowRecognized
from voicebench.serving.admission import Admission
from voicebench.serving.logs import new_id
from voicebench.serving.settings import Limits
from voicebench.serving.sound import PcmStream
from voicebench.types import SAMPLE_RATE_HZ

PATIENCE_S = 15.0
"""A turn without a word for so long ends."""
_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 192_000
_MAX_PIECE_S = 30.0
_FIRST_SOUND_S = 10.0


class Microphone:
    """One microphone, for one turn.

    Args:
        rate_hz: Of its samples (16 bit, mono).
        limits: Longest turn.
        admission: Gives it a place among the streams.

    Raises:
        ApiError: 503, there is no place.
        UserError: No microphone has such a rate.

    Attributes:
        id: What the browser calls it.
        ended: Set once the turn has all that was said before the user finished.
        is_open: Whether more audio is taken.
        turn: The turn that takes its audio; None before it began.
    """

    def __init__(self, rate_hz: Any, limits: Limits, admission: Admission) -> None:
        if not (isinstance(rate_hz, int) and _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ):
            raise UserError(f"no microphone gives {rate_hz} samples a second")
        self._place = contextlib.ExitStack()
        self._place.enter_context(admission.stream())
        self._pcm = PcmStream(rate_hz)
        self._max_bytes = round(_MAX_PIECE_S * rate_hz) * 2
        self._max_samples = round(limits.max_audio_s * SAMPLE_RATE_HZ)
        self._inbox: asyncio.Queue[AudioChunk | None] = asyncio.Queue()
        self._num_samples = 0
        self._first: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.id = new_id("mic")
        self.ended = asyncio.Event()
        self.is_open = True
        self.turn: Any = None

    @property
    def duration_s(self) -> float:
        """Seconds of audio so far."""
        return self._num_samples / SAMPLE_RATE_HZ

    def feed(self, pcm_base64: str) -> None:
        """Takes the next piece; nothing where it is closed.

        Raises:
            UserError: It is not base64, or too much at once.
        """
        if not self.is_open:
            return
        if len(pcm_base64) > 2 * self._max_bytes:
            raise UserError("the piece of audio is too long")
        try:
            data = base64.b64decode(pcm_base64, validate=True)
        except (binascii.Error, ValueError):
            raise UserError("the piece of audio is not base64") from None
        samples = self._pcm.feed(data)[: self._max_samples - self._num_samples]
        if not len(samples):
            return
        if not self._first.done():
            self._first.set_result(now_s() - len(samples) / SAMPLE_RATE_HZ)
        self._inbox.put_nowait(AudioChunk(samples, self.duration_s))
        self._num_samples += len(samples)
        if self._num_samples >= self._max_samples:
            self.finish()

    def finish(self) -> None:
        """The user has finished, or the longest turn is reached: the turn ends with what has come."""
        self.is_open = False
        self._inbox.put_nowait(None)

    def close(self) -> None:
        """Takes no more audio and frees the place."""
        self.is_open = False
        self._place.close()

    def follow(self, event: Event, *, has_speech: bool) -> None:
        """Follows the turn: its commit closes the microphone, and a long silence ends the turn."""
        if isinstance(event, TurnCommitted):
            self.close()
        elif (
            isinstance(event, WindowRecognized) and not has_speech and self.duration_s > PATIENCE_S
        ):
            self.finish()

    async def started_s(self) -> float:
        """When the first sample was spoken; waits for it.

        Raises:
            UserError: None came.
        """
        try:
            async with asyncio.timeout(_FIRST_SOUND_S):
                return await asyncio.shield(self._first)
        except TimeoutError:
            raise UserError("no_sound") from None

    async def chunks(self) -> AsyncGenerator[AudioChunk, None]:
        """The audio, until the user has finished."""
        while (chunk := await self._inbox.get()) is not None:
            yield chunk
        self.ended.set()
