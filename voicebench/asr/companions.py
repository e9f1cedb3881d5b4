"""What may come with a recogniser: FunASR's own VAD, punctuation and speaker models.

    companions = companions_of(recognizer)
    companions.vad          where speech is, for the endpointer and for segments
    companions.punctuation  marks in the transcript, before it is cleaned
    companions.speakers     who spoke when, of a whole recording

A profile names them (`asr.vad`, `asr.punctuation`, `asr.speakers`), a variant says whether they take
part, and each is a small model of its own folder. They stay with the recogniser that they were
loaded with, so whoever has the one has the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voicebench.types import Record


class SpeakerSpan(Record):
    """One person speaking from `start_s` to `end_s`; speakers are counted as they come, from 0."""

    start_s: float
    end_s: float
    speaker: int


class StreamVad(Protocol):
    """One stream's voice activity, in frames of `asr.vad.FRAME_SAMPLES`."""

    @property
    def speech_above(self) -> float:
        """Probability from which a frame begins speech."""
        ...

    @property
    def silence_below(self) -> float:
        """Probability under which a frame of speech is none any more."""
        ...

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        """Probability of speech in the next frame of the stream."""
        ...

    def speech_probabilities(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same of many frames at once, for recordings: shape (num_frames,)."""
        ...


class Vad(Protocol):
    """Voice activity, of streams and of whole recordings."""

    def stream(self) -> StreamVad:
        """For a stream that begins."""
        ...

    def segments(self, samples: NDArray[np.float32]) -> list[tuple[float, float]]:
        """Where a recording holds speech: start and end in seconds, rising."""
        ...


class Punctuation(Protocol):
    """Sets marks into a transcript."""

    def punctuate(self, text: str, *, is_final: bool = True) -> str:
        """The text with marks in it and nothing else changed; no mark at its end where it goes on."""
        ...


class Speakers(Protocol):
    """Tells who speaks when."""

    def spans(self, samples: NDArray[np.float32]) -> tuple[SpeakerSpan, ...]:
        """Of a whole recording of 16 kHz mono float32, in order of time."""
        ...


@dataclass(frozen=True)
class Companions:
    """Those that a profile names; None for each that it does not."""

    vad: Vad | None = None
    punctuation: Punctuation | None = None
    speakers: Speakers | None = None


NO_COMPANIONS = Companions()


def companions_of(recognizer: Any) -> Companions:
    """What comes with a recogniser; nothing with one that comes alone."""
    found: Companions = getattr(recognizer, "companions", NO_COMPANIONS)
    return found
