"""A microphone at the page: pieces of PCM that come in requests, one after the other, as a turn's
chunks."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import AsyncGenerator, Sequence

from voicebench.audio import AudioChunk
from voicebench.clock import now_s
from voicebench.errors import UserError
from voicebench.serving.limits import Admission
from voicebench.serving.logs import new_id
from voicebench.serving.settings import Limits
from voicebench.serving.sound import PcmStream
from voicebench.types import SAMPLE_RATE_HZ, Event, Token

PATIENCE_S = 15.0
"""A person who has said nothing for so long is not going to."""
_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 192_000
_MAX_PIECE_S = 30.0
_FIRST_SOUND_S = 10.0


class Line:
    """One microphone, for one turn.

    Args:
        rate_hz: Of its samples (16 bit, mono).
        limits: Longest turn.
        admission: Gives it a place among the streams.

    Raises:
        ApiError: 503, there is no place.
        UserError: No microphone has such a rate.

    Attributes:
        line_id: What the browser calls it.
        ended: Set once the turn has been given all that the person said before finishing.
        is_open: Whether more is heard.
        is_taken: Whether a turn listens.
    """

    def __init__(self, rate_hz: int, limits: Limits, admission: Admission) -> None:
        if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
            raise UserError(f"no microphone gives {rate_hz} samples a second")
        self._place = contextlib.ExitStack()
        self._place.enter_context(admission.stream())
        self._pcm = PcmStream(rate_hz)
        self._max_bytes = round(_MAX_PIECE_S * rate_hz) * 2
        self._max_samples = round(limits.max_audio_s * SAMPLE_RATE_HZ)
        self._inbox: asyncio.Queue[AudioChunk | None] = asyncio.Queue()
        self._num_heard = 0
        self._first: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.line_id = new_id("line")
        self.ended = asyncio.Event()
        self.is_open = True
        self.is_taken = False

    @property
    def heard_s(self) -> float:
        """Seconds heard so far."""
        return self._num_heard / SAMPLE_RATE_HZ

    def feed(self, pcm_base64: str) -> None:
        """Takes the next piece; it is let fall where nothing more is heard.

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
        samples = self._pcm.feed(data)[: self._max_samples - self._num_heard]
        if not len(samples):
            return
        if not self._first.done():
            self._first.set_result(now_s() - len(samples) / SAMPLE_RATE_HZ)
        self._inbox.put_nowait(AudioChunk(samples, self.heard_s))
        self._num_heard += len(samples)
        if self._num_heard >= self._max_samples:
            self.finish()

    def finish(self) -> None:
        """The person has finished, or may not go on: the turn ends with what has come."""
        self.is_open = False
        self._inbox.put_nowait(None)

    def close(self) -> None:
        """Nothing more is heard; the place is free."""
        self.is_open = False
        self._place.close()

    def notice(self, event: Event, heard: Sequence[Token]) -> None:
        """Follows the turn: its end closes the line, and too long a silence ends the turn."""
        if event.kind == "turn_committed":
            self.close()
        elif event.kind == "window_recognised" and not heard and self.heard_s > PATIENCE_S:
            self.finish()

    async def begun_s(self) -> float:
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
        """What is heard, until the person has finished."""
        while (chunk := await self._inbox.get()) is not None:
            yield chunk
        self.ended.set()
