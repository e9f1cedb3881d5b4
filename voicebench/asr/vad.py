"""Silero VAD: how likely is speech in each 32 ms of 16 kHz audio.

The TorchScript model comes with the package `silero-vad` (MIT); nothing is downloaded. Its network
is called with the stream's state as argument, so that all streams of a process share one model;
the public call keeps the state of a single stream inside the model. A frame takes 0.4 ms.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voicebench.errors import MissingPackageError
from voicebench.types import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

FRAME_SAMPLES = 512
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ

_CONTEXT_SAMPLES = 64  # of the frame before, in front of every frame
_STATE_SHAPE = (2, 1, 128)
_WARM_UP_FRAMES = 3  # TorchScript optimises itself during the first calls, 0.1 s in all


class SileroVad:
    """One stream's voice activity.

    Raises:
        MissingPackageError: The package silero-vad is not installed.
    """

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
        probability, self._state = _step(self._network, heard, self._state)
        return probability


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
    vad = SileroVad()
    padded = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES))
    is_speech = [
        vad.speech_probability(frame) >= threshold for frame in padded.reshape(-1, FRAME_SAMPLES)
    ]
    return np.asarray((np.flatnonzero(is_speech) + 0.5) * FRAME_S, dtype=np.float64)


def _step(
    network: Any, heard: NDArray[np.float32], state: torch.Tensor
) -> tuple[float, torch.Tensor]:
    import torch

    with torch.inference_mode():
        output, state = network(torch.from_numpy(heard)[None], state)
    return float(output), state


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
        _step(network, np.zeros(_CONTEXT_SAMPLES + FRAME_SAMPLES, np.float32), state)
    return network
