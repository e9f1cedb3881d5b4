"""Sound in which nobody speaks to the assistant: silence, music, noise, a crowd; from a seed.

    samples = make_sound(Sound(kind="music", duration_s=4.0, seed=7))

Nothing is recorded, so there is no licence to look after. The music is what a music box plays: a
tune over chords, plucked tones with overtones, now and then a drum. The noise is a fan, a street or
a mains hum. The crowd is eight synthetic voices that talk over one another, none of them near.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.suites.cache import Audio, cached
from voicebench.suites.speech import synthesize
from voicebench.types import SAMPLE_RATE_HZ, Segment, Sound

_SILENCE_RMS = 10 ** (-75 / 20)  # a microphone that hears nothing
_RMS = {"music": 0.08, "noise": 0.05, "crowd": 0.05}
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "pentatonic": (0, 2, 4, 7, 9), "minor": (0, 2, 3, 5, 7, 8, 10)}  # fmt: skip
_CROWD_VOICES = (
    "cmn+f1", "cmn+m1", "cmn+f3", "cmn+m3", "cmn+f4", "cmn+m7", "cmn+f2", "cmn+m2"
)  # fmt: skip
_CROWD_TALK = (
    "昨天晚上我们去河边走了走，人非常多，后来又去吃了一点东西",
    "你说得对，可是我还是觉得应该早一点出发，不然路上会很堵",
    "小孩子们在院子里跑来跑去，一会儿唱歌，一会儿跳舞",
    "那家店的菜又贵又不好吃，下次我们换一家吧",
    "他学了三年的钢琴，现在已经可以上台比赛了",
    "听说山上下雪了，周末要不要一起去看看",
    "我把钥匙忘在办公室了，所以在门口等了两个小时",
    "这本小说写得真好，我昨天晚上看到半夜",
)


def make_sound(sound: Sound, cache_dir: Path | None = None) -> Audio:
    """The samples of a sound, the same every time: shape (num_samples,), 16 kHz, in [-1, 1].

    Raises:
        MissingPackageError: A crowd is asked for and espeak-ng is not installed.
        StorageError: The cache cannot be written.
    """
    shaping = ["sound", 1, *msgspec.structs.astuple(sound)]
    return cached(shaping, lambda: _made(sound, cache_dir), cache_dir)


def _made(sound: Sound, cache_dir: Path | None) -> Audio:
    if sound.kind == "crowd":
        return _at_level(crowd(sound.duration_s, sound.seed, cache_dir), _RMS["crowd"])
    rng = np.random.default_rng(sound.seed)
    size = round(sound.duration_s * SAMPLE_RATE_HZ)
    if sound.kind == "silence":
        return (rng.standard_normal(size) * _SILENCE_RMS).astype(np.float32)
    made = _music(rng, size) if sound.kind == "music" else _noise(rng, size)
    return _at_level(made, _RMS[sound.kind])


def _at_level(samples: Audio, rms: float) -> Audio:
    scaled = samples * (rms / np.sqrt(np.mean(np.square(samples))))
    return np.asarray(np.clip(scaled, -1.0, 1.0), dtype=np.float32)


def crowd(duration_s: float, seed: int, cache_dir: Path | None = None) -> Audio:
    """Eight voices at once, each at its own place in what it says.

    Raises:
        MissingPackageError: espeak-ng is not installed.
        StorageError: The cache cannot be written.
    """
    rng = np.random.default_rng(seed)
    mixed = np.zeros(round(duration_s * SAMPLE_RATE_HZ), dtype=np.float32)
    for number, voice in enumerate(_CROWD_VOICES):
        spoken = "，".join((*_CROWD_TALK[number:], *_CROWD_TALK[:number]))
        said = synthesize(Segment(voice=voice, spoken=spoken), cache_dir)
        said = np.roll(said, int(rng.integers(len(said))))
        mixed += np.resize(said, len(mixed)) * np.float32(rng.uniform(0.6, 1.0))
    return (mixed / len(_CROWD_VOICES)).astype(np.float32)


def _noise(rng: np.random.Generator, size: int) -> Audio:
    """Coloured noise, now and then with mains hum or swelling as traffic does."""
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    frequency[0] = frequency[1]
    spectrum = np.fft.rfft(rng.standard_normal(size)) / frequency ** rng.choice((0.0, 0.5, 1.0))
    samples = np.fft.irfft(spectrum, size)
    samples /= np.sqrt(np.mean(np.square(samples)))
    time_s = np.arange(size) / SAMPLE_RATE_HZ
    extra = rng.choice(("none", "hum", "swell"))
    if extra == "hum":
        samples += sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in range(1, 16, 2))
    if extra == "swell":
        samples *= 1 + 0.8 * np.sin(2 * np.pi * time_s / rng.uniform(1.5, 3.0))
    return samples.astype(np.float32)


def _music(rng: np.random.Generator, size: int) -> Audio:
    """A tune over broken chords."""
    scale = _SCALES[str(rng.choice(sorted(_SCALES)))]
    tonic = int(rng.integers(52, 64))
    beat = round(60 / rng.uniform(84, 140) * SAMPLE_RATE_HZ)
    mixed = np.zeros(size + 8 * beat)
    step = int(rng.integers(len(scale)))
    for number, start in enumerate(range(0, size, beat // 2)):
        step = int(np.clip(step + rng.integers(-2, 3), 0, 2 * len(scale) - 1))
        _add(mixed, start, _tone(_pitch(tonic + 12, scale, step), beat, rng))
        if number % 4 == 0:
            root = int(rng.choice((0, 3, 4)))
            for third in (0, 2, 4):
                _add(mixed, start, 0.5 * _tone(_pitch(tonic, scale, root + third), 3 * beat, rng))
        if number % 4 == 2 and rng.random() < 0.6:
            decay = np.exp(-np.arange(beat // 4) / (0.01 * SAMPLE_RATE_HZ))
            _add(mixed, start, 0.3 * rng.standard_normal(beat // 4) * decay)
    return mixed[:size].astype(np.float32)


def _pitch(tonic: int, scale: tuple[int, ...], step: int) -> float:
    """Hertz of a step of a scale above a MIDI note."""
    note = tonic + 12 * (step // len(scale)) + scale[step % len(scale)]
    return float(440.0 * 2 ** ((note - 69) / 12))


def _tone(hertz: float, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A plucked tone: overtones that fade, the high ones first."""
    time_s = np.arange(size) / SAMPLE_RATE_HZ
    tone = np.zeros(size)
    for number in range(1, 7):
        fades = np.exp(-time_s * (2.0 + 1.5 * number))
        tone += np.sin(2 * np.pi * hertz * number * time_s + rng.uniform(0, 6.28)) * fades / number
    return tone


def _add(mixed: NDArray[np.float64], start: int, samples: NDArray[np.float64]) -> None:
    end = min(len(mixed), start + len(samples))
    mixed[start:end] += samples[: end - start]
