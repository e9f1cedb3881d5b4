"""Audio of a request: bytes in, 16 kHz mono float32 out; and PCM that comes piece by piece.

Only bytes are decoded here, never a text, which `load_audio` would take for a path.
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from voicebench.audio import PcmFormat, load_audio
from voicebench.deadline import call_within
from voicebench.errors import AudioError
from voicebench.serving.errors import ApiError
from voicebench.serving.settings import Limits
from voicebench.types import SAMPLE_RATE_HZ

_DECODE_TIMEOUT_S = 60.0
_PCM_NAMES = frozenset({"pcm", "pcm16", "raw"})
_SMOOTH_ABOVE = 0.5
"""Neighbouring samples of speech at 16 kHz are alike (their correlation is 0.8 and more); of text,
of compressed data and of samples read at the wrong width they are not."""

Encoding = Literal["pcm16", "pcmu", "pcma"]


def from_base64(text: str, param: str) -> bytes:
    """The bytes behind base64, plain or as a `data:` URI.

    Raises:
        ApiError: 400, it is none.
    """
    payload = text.partition(",")[2] if text.startswith("data:") else text
    try:
        data = base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, f"{param} is not base64: {error}", "invalid_audio", param) from None
    if not data:
        raise ApiError(400, f"{param} is empty", "invalid_audio", param)
    return data


async def decode(
    data: bytes, limits: Limits, *, format_name: str = "", rate_hz: int = SAMPLE_RATE_HZ
) -> NDArray[np.float32]:
    """Decodes a whole recording, on a thread of its own.

    Args:
        data: A file's bytes, or raw PCM (16 bit, mono).
        limits: Its longest audio.
        format_name: `pcm` for raw PCM; others are ignored, the content decides.
        rate_hz: Of raw PCM.

    Returns:
        Shape (num_samples,), 16 kHz mono float32.

    Raises:
        AudioError: It cannot be read, or is too short or too long.
        ApiError: 400, decoding takes longer than any fair file does.
    """
    is_raw = format_name.lower() in _PCM_NAMES

    def work() -> NDArray[np.float32]:
        if is_raw:
            return load_audio(data, max_duration_s=limits.max_audio_s, pcm=PcmFormat(rate_hz))
        try:
            return load_audio(data, max_duration_s=limits.max_audio_s)
        except AudioError:
            if not looks_like_pcm(data):
                raise
        return load_audio(data, max_duration_s=limits.max_audio_s, pcm=PcmFormat(rate_hz))

    try:
        return await call_within(_DECODE_TIMEOUT_S, work, name="decode")
    except TimeoutError:
        message = f"the audio could not be decoded within {_DECODE_TIMEOUT_S:g} s"
        raise ApiError(400, message, "invalid_audio") from None


def looks_like_pcm(data: bytes) -> bool:
    """Whether bytes of no known format may be 16-bit mono PCM: smooth, and around zero.

    >>> wave = (8000 * np.sin(np.arange(16000) / 20)).astype("<i2")
    >>> looks_like_pcm(wave.tobytes()), looks_like_pcm(b"GET / HTTP/1.1" * 1000)
    (True, False)
    """
    known = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3", b"FORM", b"\x1a\x45\xdf\xa3")
    if len(data) % 2 or data.startswith(known) or data[4:8] == b"ftyp":
        return False
    samples = np.frombuffer(data[: 20 * 2 * SAMPLE_RATE_HZ], "<i2").astype(np.float64)
    if len(samples) < 2 or abs(samples.mean()) > 0.1 * 2**15:
        return False
    centred = samples - samples.mean()
    energy = float(centred @ centred)
    return energy > 0 and float(centred[1:] @ centred[:-1]) / energy > _SMOOTH_ABOVE


class PcmStream:
    """PCM that comes in pieces of any size, to 16 kHz mono float32.

    Args:
        rate_hz: Samples a second.
        encoding: 16-bit little-endian, or G.711.
    """

    def __init__(self, rate_hz: int, encoding: Encoding = "pcm16") -> None:
        self.rate_hz = rate_hz
        self._encoding = encoding
        self._rest = b""
        self._resampler: soxr.ResampleStream | None = None
        self._begin()

    def feed(self, data: bytes) -> NDArray[np.float32]:
        """The samples that the stream has given with this piece; may be none."""
        samples: NDArray[np.float32]
        if self._encoding == "pcm16":
            data = self._rest + data
            whole = len(data) - len(data) % 2
            self._rest = data[whole:]
            samples = (np.frombuffer(data[:whole], "<i2") / 2**15).astype(np.float32)
        else:
            samples = _G711[self._encoding][np.frombuffer(data, np.uint8)]
        if self._resampler:
            samples = self._resampler.resample_chunk(samples)
        return samples

    def finish(self) -> NDArray[np.float32]:
        """What resampling still held; the next piece begins another sound."""
        rest = np.zeros(0, np.float32)
        if self._resampler:
            rest = self._resampler.resample_chunk(rest, last=True)
        self._begin()
        return rest

    def _begin(self) -> None:
        self._rest = b""
        if self.rate_hz != SAMPLE_RATE_HZ:
            self._resampler = soxr.ResampleStream(self.rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")


def _mu_law() -> NDArray[np.float32]:
    """ITU-T G.711 mu-law: byte to sample."""
    codes = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (codes >> 4) & 7, (codes & 15).astype(np.int64)
    magnitude = ((2 * mantissa + 33) << exponent) - 33
    return (np.where(codes & 0x80, -magnitude, magnitude) / 2**13).astype(np.float32)


def _a_law() -> NDArray[np.float32]:
    """ITU-T G.711 A-law: byte to sample."""
    codes = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (codes >> 4) & 7, (codes & 15).astype(np.int64)
    magnitude = np.where(
        exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent, 1) - 1
    )
    return (np.where(codes & 0x80, magnitude, -magnitude) / 2**12).astype(np.float32)


_G711 = {"pcmu": _mu_law(), "pcma": _a_law()}
