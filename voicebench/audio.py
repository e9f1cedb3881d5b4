"""Any common audio file or buffer to 16 kHz mono float32, in bounded memory.

WAV, MP3, FLAC, Ogg (Opus, Vorbis), M4A/MP4, WebM, AIFF and AAC are told apart by their first bytes,
never by name; raw PCM has no header, so it needs a `PcmFormat` (a `.pcm` or `.raw` file without one
is read as 16 kHz mono s16le). FFmpeg, through PyAV, decodes and resamples; `wav` reads the headers
of WAV files. Channels are averaged, which unlike FFmpeg's own float downmix cannot overshoot. The
length limit is checked while decoding, so a small file cannot unpack to hours.

What would lose speech without a word is refused: floats far beyond full scale, and channels that
cancel one another. Floats up to twice full scale are clipped, as a player clips them.

Silence is sound like any other here: whether something was said is the recogniser's question.

    python -c "from voicebench.audio import load_audio; print(load_audio('a.mp3').shape)"
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from voicebench.containers import CONVERT, check_container, has_length_header, sniff
from voicebench.downmix import Downmix
from voicebench.errors import AudioError
from voicebench.types import SAMPLE_RATE_HZ
from voicebench.wav import FileWindow, read_pieces

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

MAX_DURATION_S = 3600.0
MIN_DURATION_S = 0.1
"""Shorter than any syllable, so nothing can have been said."""

_RATES_HZ = range(1_000, 768_001)  # outside, a frame could be blown up to hours by resampling
_MAX_CHANNELS = 8  # FFmpeg resamples no more of them without a named layout
_TRUNCATION_TOLERANCE_S = 0.2  # encoder delay and padding move the end by up to 0.1 s
_KNOWN = "WAV, MP3, FLAC, Ogg, M4A, WebM, AIFF or AAC"


@dataclass(frozen=True)
class AudioChunk:
    """A piece of a turn's audio: mono float32 in [-1, 1], `start_s` from the turn's first sample.

    The pipeline takes 16 kHz only; `rate_hz` is there so that another rate is refused, not misheard.
    """

    samples: NDArray[np.float32]
    start_s: float
    rate_hz: int = SAMPLE_RATE_HZ

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / self.rate_hz


@dataclass(frozen=True)
class PcmFormat:
    """How to read raw PCM, which has no header.

    `encoding` is FFmpeg's name of the raw format: s16le, s24le, s32le, f32le, u8, alaw, mulaw, ...
    """

    rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1
    encoding: str = "s16le"

    @property
    def num_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        bits = re.search(r"\d+", self.encoding)
        return self.channels * (int(bits.group()) // 8 if bits else 1)


Source = str | Path | bytes
_Readable = BinaryIO | FileWindow


def load_audio(
    source: Source,
    *,
    max_duration_s: float = MAX_DURATION_S,
    pcm: PcmFormat | None = None,
) -> NDArray[np.float32]:
    """Decodes a whole source.

    Args:
        source: A path, the bytes of a file, or their base64 (plain or as a `data:` URI).
        max_duration_s: Longer audio is refused as soon as that much has been decoded.
        pcm: Set for raw PCM.

    Returns:
        Shape (num_samples,), float32 in [-1, 1], 16 kHz.

    Raises:
        AudioError: Missing, empty, truncated, damaged, not audio, shorter than `MIN_DURATION_S` or
            longer than `max_duration_s`.
    """
    return np.concatenate(
        list(stream_audio(source, chunk_s=1.0, max_duration_s=max_duration_s, pcm=pcm))
    )


def stream_audio(
    source: Source,
    chunk_s: float = 0.1,
    *,
    max_duration_s: float = MAX_DURATION_S,
    pcm: PcmFormat | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Decodes piece by piece; memory does not grow with the source's length.

    Args:
        source: See `load_audio`.
        chunk_s: Length of every chunk but the last, in seconds.
        max_duration_s: See `load_audio`.
        pcm: See `load_audio`.

    Yields:
        Chunks of shape (num_samples,), float32 in [-1, 1], 16 kHz.

    Raises:
        AudioError: See `load_audio`. What is only seen at the end (truncation, damage) is raised
            after the sound before it was yielded.
    """
    chunk_samples = round(chunk_s * SAMPLE_RATE_HZ)
    if chunk_samples < 1:
        raise AudioError(f"chunk_s must be at least one sample, got {chunk_s}")
    name = _name(source)
    with _open(source, name) as file:
        pieces = _limit(_decode(file, name, source, pcm, max_duration_s), name, max_duration_s)
        yield from _regroup(pieces, chunk_samples)


def chunk_audio(samples: NDArray[np.float32], chunk_s: float = 0.1) -> Iterator[AudioChunk]:
    """Cuts 16 kHz audio into chunks of `chunk_s` seconds; the last may be shorter."""
    chunk_samples = max(1, round(chunk_s * SAMPLE_RATE_HZ))
    for start in range(0, len(samples), chunk_samples):
        yield AudioChunk(samples[start : start + chunk_samples], start / SAMPLE_RATE_HZ)


# ---------------------------------------------------------------- opening


def _name(source: Source) -> str:
    if isinstance(source, bytes):
        return f"audio of {len(source)} bytes"
    if isinstance(source, str) and _looks_like_base64(source):
        return f"base64 audio of {len(source)} characters"
    return str(source) or "''"


def _looks_like_base64(text: str) -> bool:
    # 60 characters are the 44 bytes of the smallest header; a path of that length has a dot in it.
    if text.startswith("data:"):
        return True
    return len(text) >= 60 and re.fullmatch(r"[A-Za-z0-9+/\s]+={0,2}\s*", text) is not None


def _open(source: Source, name: str) -> BinaryIO:
    if isinstance(source, str) and _looks_like_base64(source):
        try:
            source = base64.b64decode("".join(source.rpartition(",")[2].split()), validate=True)
        except binascii.Error as error:
            raise AudioError(f"{name} is not valid base64: {error}") from None
    if isinstance(source, bytes):
        if not source:
            raise AudioError(f"{name} is empty", "Give the bytes of an audio file")
        return io.BytesIO(source)
    path = Path(source)
    try:
        if str(source) and path.is_dir():
            raise AudioError(f"{name} is a folder", "Name the audio files in it")
        if not path.is_file():
            raise AudioError(f"there is no audio file {name}", "Check the path")
        if path.stat().st_size == 0:
            raise AudioError(f"{name} is empty (0 bytes)", "Record or copy it again")
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise AudioError(f"{name} cannot be read: {error}") from None


# ---------------------------------------------------------------- decoding


def _decode(
    file: BinaryIO, name: str, source: Source, pcm: PcmFormat | None, max_duration_s: float
) -> Iterator[NDArray[np.float32]]:
    container = sniff(file)
    if pcm is None and container is None and str(name).lower().endswith((".pcm", ".raw")):
        pcm = PcmFormat()
    if pcm is not None:
        yield from _demux_pcm(file, name, pcm, max_duration_s)
    elif container == "wav":
        for piece in read_pieces(file, name):
            window = FileWindow(file, piece.start, piece.end)
            if piece.encoding is None:
                yield from _demux(window, name, "wav", {}, max_duration_s)
            elif piece.end > piece.start:
                _check_rate(piece.rate_hz, name)
                pcm = PcmFormat(piece.rate_hz, piece.channels, piece.encoding)
                yield from _demux_pcm(window, name, pcm, max_duration_s)
    elif container is None:
        raise AudioError(f"{name} is not audio that can be read ({_KNOWN})", CONVERT)
    else:
        check_container(file, name, container)
        yield from _demux(file, name, container, {}, max_duration_s)


def _demux_pcm(
    file: _Readable, name: str, pcm: PcmFormat, max_duration_s: float
) -> Iterator[NDArray[np.float32]]:
    _check_channels(pcm.channels, name)
    num_bytes = file.seek(0, io.SEEK_END)
    if num_bytes % pcm.num_bytes:
        _raise_truncated(name, f"{num_bytes} bytes are not whole samples of {pcm.num_bytes} bytes")
    options = {"sample_rate": str(pcm.rate_hz), "ch_layout": f"{pcm.channels}c"}
    return _demux(file, name, pcm.encoding, options, max_duration_s)


def _demux(
    file: _Readable,
    name: str,
    container_format: str,
    options: dict[str, str],
    max_duration_s: float,
) -> Iterator[NDArray[np.float32]]:
    import av

    is_declared = has_length_header(file, container_format)
    file.seek(0)
    num_samples = 0
    declared_s: float | None = None
    try:
        with av.open(
            file, mode="r", format=container_format, options=options, metadata_errors="ignore"
        ) as container:
            if not container.streams.audio:
                raise AudioError(f"{name} holds no audio stream", CONVERT)
            stream = container.streams.audio[0]
            if is_declared and container.duration is not None:
                declared_s = container.duration / av.time_base
                _check_length(declared_s, name, max_duration_s)
            for samples in _resampled(container.decode(stream), name):
                num_samples += len(samples)
                yield samples
    except (av.error.FFmpegError, EOFError) as error:
        decoded_s = num_samples / SAMPLE_RATE_HZ
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(
            f"{name} is damaged or truncated: only {decoded_s:.2f} s could be decoded ({reason})",
            "Record or copy it again",
        ) from None
    decoded_s = num_samples / SAMPLE_RATE_HZ
    if declared_s is not None and decoded_s < declared_s - _TRUNCATION_TOLERANCE_S:
        _raise_truncated(name, f"it holds {decoded_s:.2f} s of the {declared_s:.2f} s it declares")


def _resampled(frames: Iterator[AudioFrame], name: str) -> Iterator[NDArray[np.float32]]:
    """16 kHz mono from frames whose format may change on the way (chained Ogg, HE-AAC)."""
    import av

    downmix = Downmix(name)
    resampler: Any = None
    current: tuple[Any, ...] | None = None
    for frame in frames:
        _check_rate(frame.sample_rate, name)
        _check_channels(frame.layout.nb_channels, name)
        frame_format = (frame.sample_rate, frame.format.name, frame.layout.name)
        if frame_format != current:
            if resampler is not None:
                yield from map(downmix, resampler.resample(None))
            resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=SAMPLE_RATE_HZ)
            current = frame_format
        frame.pts = None  # gaps and jumps in time stamps are not sound
        yield from map(downmix, resampler.resample(frame))
    if resampler is not None:
        yield from map(downmix, resampler.resample(None))
    downmix.check_cancellation()


def _regroup(
    pieces: Iterator[NDArray[np.float32]], chunk_samples: int
) -> Iterator[NDArray[np.float32]]:
    kept: list[NDArray[np.float32]] = []
    num_kept = 0
    for piece in pieces:
        kept.append(piece)
        num_kept += len(piece)
        if num_kept >= chunk_samples:
            joined = np.concatenate(kept)
            whole = num_kept - num_kept % chunk_samples
            for start in range(0, whole, chunk_samples):
                yield joined[start : start + chunk_samples]
            kept, num_kept = [joined[whole:]], num_kept - whole
    if num_kept:
        yield np.concatenate(kept)


# ---------------------------------------------------------------- checks


def _limit(
    pieces: Iterator[NDArray[np.float32]], name: str, max_duration_s: float
) -> Iterator[NDArray[np.float32]]:
    num_samples = 0
    for piece in pieces:
        num_samples += len(piece)
        _check_length(num_samples / SAMPLE_RATE_HZ, name, max_duration_s)
        yield piece
    duration_s = num_samples / SAMPLE_RATE_HZ
    if duration_s < MIN_DURATION_S:
        raise AudioError(
            f"{name} holds {duration_s:.3f} s of audio; at least {MIN_DURATION_S} s are needed",
            "Record a longer one",
        )


def _check_channels(channels: int, name: str) -> None:
    if not 1 <= channels <= _MAX_CHANNELS:
        raise AudioError(f"{name} has {channels} channels, not 1 to {_MAX_CHANNELS}", CONVERT)


def _check_rate(rate_hz: int, name: str) -> None:
    if rate_hz not in _RATES_HZ:
        raise AudioError(f"{name} has a sample rate of {rate_hz} Hz", CONVERT)


def _check_length(duration_s: float, name: str, max_duration_s: float) -> None:
    if duration_s > max_duration_s:
        raise AudioError(
            f"{name} is longer than {max_duration_s:g} s", "Cut it into shorter recordings"
        )


def _raise_truncated(name: str, reason: str) -> None:
    raise AudioError(f"{name} is truncated: {reason}", "Record or copy it again")
