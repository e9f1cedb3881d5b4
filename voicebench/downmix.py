"""Channels to one, at full scale.

What would lose speech without a word is refused: floats far beyond full scale, which would be clipped
to noise, and channels of opposite polarity, whose mean is silence. Floats up to twice full scale are
clipped, as a player clips them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voicebench.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

_MAX_PEAK = 2.0  # lossy codecs exceed full scale by less, integers stored as floats by more
_CANCELLED_RATIO = 0.05  # power of the mean over that of the channels; 1/8 for 8 unrelated ones
_MAX_CANCELLED_SHARE = 0.1  # of the energy
_AUDIBLE_POWER = 1e-6  # -60 dB of full scale


class Downmix:
    """The mean of a frame's channels, clipped to full scale; refuses what would lose the speech."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._num_samples, self._energy, self._cancelled, self._channels = 0, 0.0, 0.0, 1

    def __call__(self, frame: AudioFrame) -> NDArray[np.float32]:
        """Samples (num_samples,) in [-1, 1].

        Raises:
            AudioError: The samples are far beyond full scale.
        """
        # Packed samples: PyAV 18 reads beyond the planes of a planar frame of 8 or more channels.
        packed = np.asarray(frame.to_ndarray(), dtype=np.float32).reshape(frame.samples, -1)
        peak = float(np.abs(packed).max(initial=0.0, where=np.isfinite(packed)))
        if peak > _MAX_PEAK:
            raise AudioError(
                f"{self._name} has samples of {peak:.6g}, and the full scale of floats is 1",
                "These look like integers stored as floats: divide them by the full scale of the "
                "integers (32768 for 16 bits), or write them as integers",
            )
        mean = np.nan_to_num(packed.mean(axis=1), posinf=1.0, neginf=-1.0)
        if packed.shape[1] > 1:
            self._add_energy(packed, mean)
        bounded: NDArray[np.float32] = np.clip(mean, -1.0, 1.0)
        return bounded

    def _add_energy(self, packed: NDArray[np.float32], mean: NDArray[np.float32]) -> None:
        of_channels = float(np.sum(np.nan_to_num(packed) ** 2, dtype=np.float64)) / packed.shape[1]
        of_mean = float(np.sum(mean**2, dtype=np.float64))
        self._num_samples += len(mean)
        self._energy += of_channels
        self._channels = packed.shape[1]
        if of_mean < _CANCELLED_RATIO * of_channels:
            self._cancelled += of_channels

    def check_cancellation(self) -> None:
        """Refuses channels of opposite polarity, whose mean is silence.

        Raises:
            AudioError: A good part of the sound is gone.
        """
        is_audible = self._energy > _AUDIBLE_POWER * self._num_samples
        if is_audible and self._cancelled > _MAX_CANCELLED_SHARE * self._energy:
            raise AudioError(
                f"{self._name} has {self._channels} channels that cancel one another: their mean is "
                f"silent for {self._cancelled / self._energy:.0%} of the sound (opposite polarity)",
                'Take one of them: ffmpeg -i FILE -af "pan=mono|c0=c0" -ar 16000 out.wav',
            )
