"""Small recordings: a tone, then silence. Stands for speech where only its times matter."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicebench.suites.speech import end_of_speech_s

RATE_HZ = 16_000


def write_tone(path: Path, speech_s: float = 1.0, channels: int = 1) -> Path:
    """A tone of `speech_s` seconds and half a second of silence, on every channel."""
    times = np.arange(round(speech_s * RATE_HZ)) / RATE_HZ
    tone = np.concatenate([0.3 * np.sin(2 * np.pi * 220 * times), np.zeros(RATE_HZ // 2)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.repeat((tone * 32767).astype("<i2"), channels).tobytes())
    return path


def end_of_tone(samples: NDArray[np.float32]) -> float | None:
    """What the VAD is for speech: the end of the last loud sample, None for silence."""
    return end_of_speech_s(samples) or None
