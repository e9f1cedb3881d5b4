"""Speech for the suites: text to 16 kHz audio by espeak-ng, the same bytes every time.

A suite commits text and voices, not audio. Every utterance is spoken in a fresh process (see
`espeak`), resampled, scaled and cached under a hash of everything that shapes it. What this is not:
natural speech; figures on it say how the pipeline behaves, not how well it hears people.

    from voicebench.suites.speech import synthesize
    samples = synthesize(Segment(voice="cmn+f2", spoken="明天下午三点开会"))
"""

from __future__ import annotations

import atexit
import functools
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from voicebench.errors import MissingPackageError, StageError, SuiteError
from voicebench.suites.cache import cached, to_float, to_int16
from voicebench.types import SAMPLE_RATE_HZ, Record, Segment

SCALE = 0.5  # espeak-ng peaks reach full scale; overlapping voices need the room
SPEECH_THRESHOLD_DB = -50.0  # relative to full scale; under it a sample is silence
_RATES_WPM = range(80, 451)  # what espeak-ng accepts
_PITCHES = range(0, 101)


class Utterance(Record):
    """One spoken segment: `samples` (num_samples,) float32 at 16 kHz, and where its words begin as
    (offset in `spoken`, length in characters, start in seconds), as far as espeak-ng tells."""

    samples: Any
    words: tuple[tuple[int, int, float], ...]


class _Server:
    """The forking speaker, started at its first utterance; one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def speak(self, segments: Sequence[Segment]) -> list[tuple[dict[str, Any], bytes]]:
        requests = [
            {"voice": s.voice, "text": s.spoken, "rate": s.rate_wpm, "pitch": s.pitch}
            for s in segments
        ]
        with self._lock:
            stdin, stdout = self._pipes()
            try:
                stdin.write(json.dumps(requests).encode() + b"\n")
                stdin.flush()
                answers = [_read_answer(stdout) for _ in requests]
            except (BrokenPipeError, json.JSONDecodeError) as error:
                self._process = None
                raise StageError("audio", "the speech process ended unexpectedly") from error
        for segment, (header, _) in zip(segments, answers, strict=True):
            if "error" in header:
                raise SuiteError(f"{header['error']}, speaking {segment.spoken[:40]!r}")
        return answers

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            script = Path(__file__).with_name("espeak.py")
            self._process = subprocess.Popen(
                [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            atexit.register(_stop, self._process)
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise StageError("audio", "the speech process has no pipes")
        return stdin, stdout


def _read_answer(stdout: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    header: dict[str, Any] = json.loads(stdout.readline())
    return header, stdout.read(header.get("num_bytes", 0))


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()


_server = _Server()


@functools.cache
def list_variants() -> tuple[str, ...]:
    """The `+variant` names that a voice may carry, as espeak-ng ships them."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return tuple(sorted(path.name for path in folder.iterdir() if " " not in path.name))


@functools.cache
def _is_installed() -> bool:
    return importlib.util.find_spec("espeakng_loader") is not None


def check_segment(segment: Segment) -> None:
    """Refuses what espeak-ng would read wrongly without saying so.

    Raises:
        MissingPackageError: espeakng-loader is not installed.
        SuiteError: Unknown `+variant`, rate or pitch out of range, nothing to speak, or digits,
            which a Chinese voice reads as one number.
    """
    if not _is_installed():
        raise MissingPackageError(
            "making speech needs the package espeakng-loader",
            "Install it in a clone: pip install -e '.[synth]'",
        )
    language, _, variant = segment.voice.partition("+")
    if variant and variant not in list_variants():
        raise SuiteError(
            f"voice {segment.voice!r}: espeak-ng has no variant {variant!r}",
            f"Take one of: {', '.join(list_variants())}",
        )
    if segment.rate_wpm not in _RATES_WPM or segment.pitch not in _PITCHES:
        raise SuiteError(
            f"rate_wpm {segment.rate_wpm} or pitch {segment.pitch} is out of range",
            f"Rate is {_RATES_WPM[0]} to {_RATES_WPM[-1]}, pitch {_PITCHES[0]} to {_PITCHES[-1]}",
        )
    if not segment.spoken.strip():
        raise SuiteError(f"a segment of voice {segment.voice!r} has nothing to speak")
    if language != "en" and re.search(r"\d", segment.spoken):
        raise SuiteError(
            f"digits in spoken text {segment.spoken[:40]!r}", "Spell numbers out in Hanzi"
        )


def speak(segment: Segment) -> Utterance:
    """Speaks one segment in a fresh process, uncached; pauses before it are the caller's.

    Raises:
        MissingPackageError: espeakng-loader is not installed.
        SuiteError: See `check_segment`; also a voice that espeak-ng does not have.
        StageError: The speech process broke.
    """
    return next(speak_many([segment]))


def speak_many(segments: Sequence[Segment], per_process: int = 64) -> Iterator[Utterance]:
    """Speaks many segments, uncached and in order, about 8 ms each.

    A fresh process speaks `per_process` segments: the same list gives the same bytes, but not the
    bytes of `speak` on each, from which they differ in the last bits.
    """
    import soxr

    for segment in segments:
        check_segment(segment)
    for first in range(0, len(segments), per_process):
        for header, payload in _server.speak(segments[first : first + per_process]):
            wave = np.frombuffer(payload, dtype=np.int16).astype(np.float32) / 32768.0
            resampled = soxr.resample(wave, header["rate_hz"], SAMPLE_RATE_HZ) * SCALE
            words = tuple(
                (at, size, begin / header["rate_hz"]) for at, size, begin in header["words"]
            )
            yield Utterance(samples=to_float(to_int16(resampled)), words=words)


def _shaping(segment: Segment) -> list[object]:
    """Everything that shapes a segment's samples."""
    version = importlib.metadata.version("espeakng-loader")
    return [version, segment.voice, segment.spoken, segment.rate_wpm, segment.pitch]


def synthesize(segment: Segment, cache_dir: Path | None = None) -> NDArray[np.float32]:
    """Speaks one segment, from the cache where it was spoken before.

    Args:
        segment: What to say and how; its pause and start are not part of the audio.
        cache_dir: Where audio is kept; None for `default_cache_dir()`.

    Returns:
        Shape (num_samples,), 16 kHz, in [-0.5, 0.5].

    Raises:
        MissingPackageError, SuiteError, StageError: See `speak`.
        StorageError: The cache cannot be written.
    """
    check_segment(segment)
    return cached(_shaping(segment), lambda: _spoken(segment), cache_dir)


def _spoken(segment: Segment) -> NDArray[np.float32]:
    return np.asarray(speak(segment).samples, dtype=np.float32)


def end_of_speech_s(samples: NDArray[np.float32]) -> float:
    """Seconds until the last sample louder than `SPEECH_THRESHOLD_DB`; 0.0 for silence."""
    loud = np.flatnonzero(np.abs(samples) > 10.0 ** (SPEECH_THRESHOLD_DB / 20.0))
    return float(loud[-1] + 1) / SAMPLE_RATE_HZ if len(loud) else 0.0
