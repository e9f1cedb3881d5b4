"""Silero VAD: how likely is speech in each 32 ms of 16 kHz audio, and where speech begins and ends.

The TorchScript model comes with the package `silero-vad` (MIT); nothing is downloaded. Its network
is called with the stream's state as argument, so that all streams of a process share one model;
the public call keeps the state of a single stream inside the model. A frame takes 0.4 ms.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.companions import StreamVad, Vad
from voicebench.errors import MissingPackageError
from voicebench.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

FRAME_SAMPLES = 512
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ

PAUSE_S = 3 * FRAME_S
"""A shorter silence is a stop closure within a word."""

_CONTEXT_SAMPLES = 64  # of the frame before, in front of every frame
_STATE_SHAPE = (2, 1, 128)
_WARM_UP_FRAMES = 3  # TorchScript optimises itself during the first calls, 0.1 s in all
_MIN_SPEECH_S = 3 * FRAME_S  # shorter is a click or a knock
_MAX_ROWS = 32  # a step of 32 rows takes 4 times as long as a step of one
_ROW_FRAMES = 125
_OVERLAP_FRAMES = 31  # the state forgets within a second


@dataclass(frozen=True)
class SpeechEdge:
    """Where speech begins or ends, in seconds of the stream; known `decided_s` into it."""

    kind: Literal["speech_started", "speech_stopped"]
    at_s: float
    decided_s: float


class SpeechTracker:
    """Turns the frame probabilities of one stream into speech and pauses.

    Args:
        speech_above: Probability from which a frame begins speech.
        silence_below: Probability under which a frame ends it; no higher than `speech_above`, so
            that the decision does not flicker.
        pause_s: Silence after which speech has stopped.
    """

    def __init__(self, speech_above: float, silence_below: float, pause_s: float = PAUSE_S) -> None:
        self._speech_above = speech_above
        self._silence_below = silence_below
        self._pause_s = pause_s
        self._num_frames = 0
        self._run_from_s: float | None = None  # start of the present run of speech frames
        self._has_spoken = False
        self.is_speaking = False
        self.last_speech_frame_s: float | None = None

    @property
    def time_s(self) -> float:
        """Seconds of the stream so far."""
        return self._num_frames * FRAME_S

    @property
    def is_quiet(self) -> bool:
        """Whether the last frame holds no speech, not even as little as may be a click."""
        return self._run_from_s is None

    @property
    def last_speech_s(self) -> float | None:
        """End of the last speech so far; None before any."""
        return self.last_speech_frame_s if self._has_spoken else None

    def add(self, probability: float) -> SpeechEdge | None:
        """Takes the next frame; returns the edge that it decides."""
        start_s = self.time_s
        self._num_frames += 1
        end_s = self.time_s
        if probability >= (self._silence_below if self.is_speaking else self._speech_above):
            self._run_from_s = start_s if self._run_from_s is None else self._run_from_s
            is_long = end_s - self._run_from_s >= _MIN_SPEECH_S
            if self.is_speaking or is_long:
                self.last_speech_frame_s = end_s
            if is_long and not self.is_speaking:
                self.is_speaking = self._has_spoken = True
                return SpeechEdge("speech_started", self._run_from_s, end_s)
            return None
        self._run_from_s = None
        if self.is_speaking and end_s - (self.last_speech_frame_s or 0.0) >= self._pause_s:
            return self.stop()
        return None

    def stop(self) -> SpeechEdge:
        """Ends the speech in progress at its last frame."""
        assert self.last_speech_frame_s is not None
        self.is_speaking = False
        return SpeechEdge("speech_stopped", self.last_speech_frame_s, self.time_s)


class SileroVad:
    """A `StreamVad` of one stream.

    Raises:
        MissingPackageError: The package silero-vad is not installed.
    """

    speech_above = 0.5
    silence_below = (
        0.35  # lower than the other, so that the decision does not flicker (Silero's own)
    )

    def __init__(self) -> None:
        import torch

        self._network = _load_network()
        self._context = np.zeros(_CONTEXT_SAMPLES, np.float32)
        self._state = torch.zeros(_STATE_SHAPE)

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        """Probability of speech in the next frame of the stream.

        Args:
            frame: Shape (512,), 16 kHz mono float32.
        """
        if frame.shape != (FRAME_SAMPLES,):
            raise ValueError(f"a frame has {FRAME_SAMPLES} samples, got shape {frame.shape}")
        heard = np.concatenate([self._context, frame.astype(np.float32, copy=False)])
        self._context = heard[-_CONTEXT_SAMPLES:]
        output, self._state = _step(self._network, heard[None], self._state)
        return float(output[0, 0])

    def speech_probabilities(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability of speech in each of the next frames of the stream.

        Many frames are cut into rows that go through the network side by side. A row begins a second
        early with a fresh state, so its probabilities are near those of frame by frame, not equal.

        Args:
            samples: Shape (num_frames * 512,), 16 kHz mono float32.

        Returns:
            Shape (num_frames,).
        """
        if len(samples) % FRAME_SAMPLES:
            raise ValueError(f"frames have {FRAME_SAMPLES} samples, got {len(samples)} in all")
        if not len(samples):
            return np.zeros(0)
        audio = np.concatenate([self._context, np.asarray(samples, np.float32)])
        self._context = audio[len(audio) - _CONTEXT_SAMPLES :]
        frames = np.lib.stride_tricks.sliding_window_view(audio, _CONTEXT_SAMPLES + FRAME_SAMPLES)[
            ::FRAME_SAMPLES
        ]
        num_rows = min(_MAX_ROWS, len(frames) // _ROW_FRAMES)
        found = [self._in_rows(frames, num_rows)] if num_rows > 1 else []
        for frame in frames[len(found[0]) if found else 0 :]:
            output, self._state = _step(self._network, frame[None], self._state)
            found.append(output[0])
        return np.concatenate(found) if found else np.zeros(0)

    def _in_rows(self, frames: NDArray[np.float32], num_rows: int) -> NDArray[np.float64]:
        """All frames but those that fill no row; leaves the stream's state behind the last one."""
        import torch

        length = len(frames) // num_rows
        rows = frames[: num_rows * length].reshape(num_rows, length, -1)
        state = torch.zeros(_STATE_SHAPE).repeat(1, num_rows - 1, 1)
        for frame in range(length - _OVERLAP_FRAMES, length):
            _, state = _step(self._network, rows[:-1, frame], state)
        state = torch.cat([self._state, state], dim=1)
        found = np.empty((num_rows, length))
        for frame in range(length):
            output, state = _step(self._network, rows[:, frame], state)
            found[:, frame] = output[:, 0]
        self._state = state[:, -1:].contiguous()
        return found.ravel()


def open_stream(vad: Vad | None) -> StreamVad:
    """The voice activity of a stream that begins: that of `vad`, Silero's where there is none.

    Raises:
        MissingPackageError: The package silero-vad is not installed.
    """
    return vad.stream() if vad else SileroVad()


def speech_times(samples: NDArray[np.float32], threshold: float = 0.5) -> NDArray[np.float64]:
    """Where a piece of audio holds speech: the middles of its frames of speech.

    Args:
        samples: Shape (num_samples,), 16 kHz mono float32.
        threshold: Probability from which a frame is speech.

    Returns:
        Shape (num_speech_frames,), seconds, rising.

    Raises:
        MissingPackageError: The package silero-vad is not installed.
    """
    padded = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES))
    is_speech = SileroVad().speech_probabilities(padded) >= threshold
    return np.asarray((np.flatnonzero(is_speech) + 0.5) * FRAME_S, dtype=np.float64)


def _step(
    network: Any, frames: NDArray[np.float32], state: torch.Tensor
) -> tuple[NDArray[np.float64], torch.Tensor]:
    """One frame of each row: probabilities (num_rows, 1) and the state behind them."""
    import torch

    with torch.inference_mode():
        output, state = network(torch.from_numpy(np.array(frames)), state)
        return np.asarray(output.numpy(), np.float64), state


@functools.cache
def _load_network() -> Any:
    # The package itself is not imported: that sets torch's threads for the whole process.
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            "package silero-vad is not installed, so the end of speech cannot be found",
            "pip install silero-vad",
        )
    import torch

    path = Path(spec.submodule_search_locations[0]) / "data" / "silero_vad.jit"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript as such is deprecated
        load: Callable[..., Any] = torch.jit.load  # untyped in torch
        network = load(str(path), map_location="cpu").eval()._model
    state = torch.zeros(_STATE_SHAPE)
    for _ in range(_WARM_UP_FRAMES):
        _step(network, np.zeros((1, _CONTEXT_SAMPLES + FRAME_SAMPLES), np.float32), state)
    return network
