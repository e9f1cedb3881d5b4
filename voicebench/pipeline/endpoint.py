"""When has the person finished? Silence after speech, heard by the VAD.

    endpoint = Endpoint(silence_s=0.5)
    for chunk in chunks:
        for event in endpoint.feed(chunk): ...

Times are seconds of audio since the first sample fed. A pause is announced (`speech_stopped`) as
soon as it is clear, so that work can begin early; the turn ends (`turn_ended`) once the pause has
lasted `silence_s`. Whoever never speaks never ends a turn: that limit is the caller's.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.companions import StreamVad
from voicebench.asr.vad import (
    FRAME_S,
    FRAME_SAMPLES,
    PAUSE_S,
    SpeechEdge,
    SpeechTracker,
    open_stream,
)
from voicebench.types import SAMPLE_RATE_HZ


@dataclass(frozen=True)
class EndpointEvent:
    """Something that the endpointer noticed.

    `at_s` is when it happened in the audio, `decided_s` how much audio it took to know.
    """

    kind: Literal["speech_started", "speech_stopped", "turn_ended"]
    at_s: float
    decided_s: float


class Endpoint:
    """Follows one turn's audio and decides when it is over.

    Args:
        silence_s: Silence after speech that ends the turn; may be set while audio is fed.
        vad: Hears the stream, with thresholds of its own; None: Silero.
        shortest_s: The shortest silence that `silence_s` will be set to.

    Raises:
        MissingPackageError: The package silero-vad is not installed.
    """

    def __init__(
        self, silence_s: float = 0.5, vad: StreamVad | None = None, shortest_s: float = PAUSE_S
    ) -> None:
        self.silence_s = silence_s
        self._vad = vad or open_stream(None)
        self._tracker = SpeechTracker(
            self._vad.speech_above, self._vad.silence_below, min(PAUSE_S, shortest_s, silence_s)
        )
        self._rest = np.zeros(0, np.float32)
        self._speech_s: list[float] = []  # middles of the frames of speech
        self._is_ended = False

    @property
    def is_ended(self) -> bool:
        """Whether the turn is over; audio fed afterwards is not looked at."""
        return self._is_ended

    @property
    def is_quiet(self) -> bool:
        """Whether the last frame held no speech, not even as little as may be a click."""
        return self._tracker.is_quiet

    @property
    def last_speech_s(self) -> float | None:
        """End of the last speech so far; None before any."""
        return self._tracker.last_speech_s

    def speech_times(self, from_s: float, to_s: float) -> NDArray[np.float64]:
        """Middles of the frames of speech in a part of the audio that was fed, in seconds, rising."""
        first = bisect.bisect_left(self._speech_s, from_s)
        return np.array(self._speech_s[first : bisect.bisect_left(self._speech_s, to_s)])

    def feed(self, samples: NDArray[np.float32]) -> list[EndpointEvent]:
        """Takes audio.

        Args:
            samples: Shape (num_samples,), 16 kHz mono float32; any length.

        Returns:
            What was noticed, in order; nothing after the turn has ended.
        """
        audio = np.concatenate([self._rest, np.asarray(samples, np.float32)])
        whole = len(audio) - len(audio) % FRAME_SAMPLES
        self._rest = audio[whole:]
        events: list[EndpointEvent] = []
        for start in range(0, whole, FRAME_SAMPLES):
            events.extend(self._hear(audio[start : start + FRAME_SAMPLES]))
        return events

    def finish(self) -> list[EndpointEvent]:
        """Ends the audio: what is being said stops here, at the end of the last speech frame."""
        events: list[EndpointEvent] = []
        if len(self._rest):
            events.extend(self.feed(np.zeros(FRAME_SAMPLES - len(self._rest), np.float32)))
        if self._tracker.is_speaking and not self._is_ended:
            events.append(_event(self._tracker.stop()))
        return events

    def _hear(self, frame: NDArray[np.float32]) -> Iterator[EndpointEvent]:
        if self._is_ended:
            return
        tracker, probability = self._tracker, self._vad.speech_probability(frame)
        if probability >= self._vad.speech_above:
            self._speech_s.append(tracker.time_s + FRAME_S / 2)
        if edge := tracker.add(probability):
            yield _event(edge)
        spoken_s = tracker.last_speech_frame_s
        if tracker.is_speaking or not tracker.is_quiet or spoken_s is None:
            return
        if tracker.time_s - spoken_s >= self.silence_s:
            self._is_ended = True
            yield EndpointEvent("turn_ended", spoken_s, tracker.time_s)


def _event(edge: SpeechEdge) -> EndpointEvent:
    return EndpointEvent(edge.kind, edge.at_s, edge.decided_s)


_BLOCK_SAMPLES = 160  # 10 ms
_FADES_BY_DB = 30.0  # the end of a word is softer than its loud parts, by this at most
_ABOVE_FLOOR_DB = 6.0


def vad_end_of_speech(samples: NDArray[np.float32]) -> float | None:
    """True end of speech of a recording without annotation, from the VAD and from energy.

    The VAD says which stretches are speech, and stops late: its last speech ends with a frame of
    32 ms that may hold little of it, and with the frames that its memory lets through. So the end is
    the last 10 ms within those stretches that are loud: no more than 30 dB below the loud parts of
    the speech, and 6 dB above what is between the stretches. Silero's VAD, whatever the pipeline
    hears with: all variants are measured from the same moment. `bench/run_end_of_speech.py` measures
    the error.

    Args:
        samples: Shape (num_samples,), 16 kHz mono float32.

    Returns:
        Seconds from the first sample; None when nobody speaks.
    """
    endpoint = Endpoint(silence_s=float("inf"))
    events = [*endpoint.feed(samples), *endpoint.finish()]
    if endpoint.last_speech_s is None:
        return None
    vad_end_s = min(endpoint.last_speech_s, len(samples) / SAMPLE_RATE_HZ)
    loudness_db = _loudness_db(samples)
    is_speech = np.zeros(len(loudness_db), np.bool_)
    starts = [event.at_s for event in events if event.kind == "speech_started"]
    stops = [event.at_s for event in events if event.kind == "speech_stopped"]
    for start_s, stop_s in zip(starts, stops, strict=True):
        first, last = (round(at_s * SAMPLE_RATE_HZ / _BLOCK_SAMPLES) for at_s in (start_s, stop_s))
        is_speech[first:last] = True
    if not is_speech.any():
        return vad_end_s
    loud_db = float(np.percentile(loudness_db[is_speech], 90))
    rest = loudness_db[~is_speech]
    floor_db = float(np.median(rest)) if len(rest) else -np.inf
    threshold_db = max(loud_db - _FADES_BY_DB, min(floor_db, loud_db) + _ABOVE_FLOOR_DB)
    loud = np.flatnonzero(is_speech & (loudness_db > min(threshold_db, loud_db - 1e-6)))
    return min(float(loud[-1] + 1) * _BLOCK_SAMPLES / SAMPLE_RATE_HZ, vad_end_s)


def _loudness_db(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Level of each 10 ms, smoothed over three of them."""
    whole = len(samples) - len(samples) % _BLOCK_SAMPLES
    blocks = np.asarray(samples[:whole], np.float64).reshape(-1, _BLOCK_SAMPLES)
    levels = 10 * np.log10((blocks**2).mean(axis=1) + 1e-12)
    smoothed: NDArray[np.float64] = np.convolve(np.pad(levels, 1, "edge"), np.ones(3) / 3, "valid")
    return smoothed
