"""A turn's audio as a client sends it, checked on the way in.

A microphone that stalls, a client that sends integers as floats, a device that changes its rate:
heard as they come they would be silence or gibberish, so each ends the turn with a reason instead.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np

from voicebench.audio import AudioChunk
from voicebench.errors import StageError
from voicebench.types import SAMPLE_RATE_HZ

MAX_OVERSHOOT = 2.0
"""Resampling and lossy codecs carry a full-scale signal this far at most; it is clipped. More are
samples of another scale."""


class AudioStalledError(StageError):
    """Chunks stopped coming in the middle of a turn."""


class BadSamplesError(StageError):
    """Samples that are not audio: not one-dimensional, not finite or far outside [-1, 1]."""


class RateChangedError(StageError):
    """A chunk at another sample rate than 16 kHz."""


async def checked(
    chunks: AsyncIterator[AudioChunk], idle_s: float
) -> AsyncGenerator[AudioChunk, None]:
    """The chunks, each as float32 in [-1, 1] at 16 kHz.

    Args:
        chunks: As they arrive.
        idle_s: Longest wait for the next one.

    Raises:
        AudioStalledError, BadSamplesError, RateChangedError: Their messages say when in the audio.
    """
    end_s = 0.0
    while True:
        try:
            async with asyncio.timeout(idle_s) as waiting:
                chunk = await anext(chunks, None)
        except TimeoutError:
            if not waiting.expired():  # the source's own
                raise
            raise AudioStalledError(
                "audio", f"no audio came for {idle_s:g} s after {end_s:.2f} s of it"
            ) from None
        if chunk is None:
            return
        yield check(chunk)
        end_s = chunk.end_s


def check(chunk: AudioChunk) -> AudioChunk:
    """One chunk, clipped to [-1, 1] where it overshoots a little.

    Raises:
        BadSamplesError, RateChangedError: See `checked`.
    """
    at = f"the chunk at {chunk.start_s:.2f} s"
    if chunk.rate_hz != SAMPLE_RATE_HZ:
        raise RateChangedError(
            "audio",
            f"{at} has {chunk.rate_hz} samples a second instead of {SAMPLE_RATE_HZ}",
            "Resample before sending",
        )
    samples = np.asarray(chunk.samples)
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise BadSamplesError(
            "audio", f"{at} has shape {samples.shape} of {samples.dtype}", "Send mono float32"
        )
    if not samples.size:
        return chunk
    peak = float(np.abs(samples).max())
    if not np.isfinite(peak):
        raise BadSamplesError("audio", f"{at} holds NaN or infinity", "Check the recording device")
    if peak > MAX_OVERSHOOT:
        raise BadSamplesError(
            "audio", f"{at} reaches {peak:g}, outside [-1, 1]", "Divide 16-bit samples by 32768"
        )
    if peak > 1.0 or samples.dtype != np.float32:
        return dataclasses.replace(chunk, samples=np.clip(samples, -1, 1).astype(np.float32))
    return chunk
