"""What makes the recogniser robust, done on mel frames: cuts, noise, other throats, other rooms.

Noise is added as power in each mel band (log of the sum), which is what adding waveforms does on
average, at a hundredth of the cost. Cuts imitate the pipeline's windows: they begin and end inside
words, and a token counts as heard when its middle is inside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.recognizer.data import FRAMES_A_SECOND, Array, Example
from training.recognizer.model import LFR_STACK, LFR_STEP, NUM_MELS

SILENCE = -15.94  # log of float32's epsilon: FunASR's frontend on digital silence


def stack_frames(mels: Array) -> Array:
    """FunASR's low frame rate: (num_frames, 80) to (ceil(num_frames / 6), 560)."""
    num_stacked = -(-len(mels) // LFR_STEP)
    left = LFR_STACK // 2
    right = max(0, (num_stacked - 1) * LFR_STEP + LFR_STACK - left - len(mels))
    padded = np.pad(mels, ((left, right), (0, 0)), mode="edge")
    starts = np.arange(num_stacked)[:, None] * LFR_STEP
    return padded[starts + np.arange(LFR_STACK)].reshape(num_stacked, -1)


def cut(example: Example, start_s: float, end_s: float) -> Example:
    """The piece between two times, with the tokens whose middle lies in it."""
    middles = example.times.mean(axis=1)
    heard = (middles >= start_s) & (middles < end_s)
    first, last = round(start_s * FRAMES_A_SECOND), round(end_s * FRAMES_A_SECOND)
    duration_s = (last - first) / FRAMES_A_SECOND
    times = np.clip(example.times[heard] - start_s, 0.0, duration_s)
    return Example(example.mels[first:last], example.ids[heard], times, example.power)


def random_window(example: Example, rng: np.random.Generator) -> Example:
    """A window of 1.2 to 3.2 s, as the pipeline would hear it."""
    duration_s = len(example.mels) / FRAMES_A_SECOND
    length_s = min(duration_s, rng.uniform(1.2, 3.2))
    start_s = rng.uniform(0.0, duration_s - length_s)
    window = cut(example, start_s, start_s + length_s)
    return window if len(window.ids) else example


def join(first: Example, second: Example, gap_s: float) -> Example:
    """Two utterances in one breath."""
    gap = np.full((round(gap_s * FRAMES_A_SECOND), NUM_MELS), SILENCE, dtype=np.float32)
    offset_s = (len(first.mels) + len(gap)) / FRAMES_A_SECOND
    return Example(
        np.concatenate([first.mels, gap, second.mels]),
        np.concatenate([first.ids, second.ids]),
        np.concatenate([first.times, second.times + np.float32(offset_s)]),
        (first.power + second.power) / 2,
    )


def pad_silence(example: Example, before_s: float, after_s: float) -> Example:
    """Digital silence around an utterance."""
    before, after = round(before_s * FRAMES_A_SECOND), round(after_s * FRAMES_A_SECOND)
    padding = ((before, after), (0, 0))
    mels = np.pad(example.mels, padding, constant_values=SILENCE)
    times = example.times + np.float32(before / FRAMES_A_SECOND)
    return Example(mels, example.ids, times, example.power)


def change_speed(example: Example, factor: float) -> Example:
    """Faster (factor above 1) or slower, by interpolating frames."""
    num_frames = max(1, round(len(example.mels) / factor))
    at = np.linspace(0, len(example.mels) - 1, num_frames)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, len(example.mels) - 1)
    share = (at - low).astype(np.float32)[:, None]
    mels = example.mels[low] * (1 - share) + example.mels[high] * share
    return Example(mels, example.ids, example.times / np.float32(factor), example.power)


def change_throat(mels: Array, factor: float) -> Array:
    """A longer or shorter vocal tract: the mel axis stretched by a factor."""
    at = np.clip(np.arange(NUM_MELS) * factor, 0, NUM_MELS - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, NUM_MELS - 1)
    share = (at - low).astype(np.float32)
    return np.asarray(mels[:, low] * (1 - share) + mels[:, high] * share, dtype=np.float32)


def add_noise(mels: Array, noise: Array, offset: float) -> Array:
    """Adds noise frames, shifted by `offset` (natural log of a power ratio), as power."""
    return np.asarray(np.logaddexp(mels, noise + np.float32(offset)), dtype=np.float32)


def reverberate(mels: Array, decay_s: float, level: float) -> Array:
    """A room: each band's power rings on, falling by 60 dB in `decay_s`; `level` of it is heard.

    Late reverberation adds incoherently to the speech, so powers may be added.
    """
    from scipy.signal import lfilter

    fall = 10 ** (-6 / (decay_s * FRAMES_A_SECOND))
    power = np.exp(mels.astype(np.float64))
    ringing = lfilter([1 - fall], [1, -fall], power, axis=0)
    return np.asarray(np.log(power + level * ringing), dtype=np.float32)


def lose_packets(mels: Array, rng: np.random.Generator) -> Array:
    """Gaps of 20 to 100 ms of digital silence, at most a twelfth of the frames."""
    mels = mels.copy()
    for _ in range(rng.integers(1, max(2, len(mels) // 100))):
        start, length = int(rng.integers(0, len(mels))), int(rng.integers(2, 11))
        mels[start : start + length] = SILENCE
    return mels


def noise_waveforms(rng: np.random.Generator, speech: Sequence[Array]) -> list[Array]:
    """20 s each of white, pink, brown and band-limited noise, hum, and babble of `speech`,
    all of root mean square 0.1."""
    size = 20 * 16000
    frequency = np.fft.rfftfreq(size, 1 / 16000)
    frequency[0] = frequency[1]
    clips: list[Array] = []
    for exponent in (0.0, 0.5, 1.0, 1.5):
        spectrum = np.fft.rfft(rng.standard_normal(size)) / frequency**exponent
        clips.append(np.fft.irfft(spectrum, size).astype(np.float32))
    for _ in range(4):
        centre, width = rng.uniform(200, 5000), rng.uniform(200, 2500)
        shape = np.exp(-0.5 * ((frequency - centre) / width) ** 2)
        spectrum = np.fft.rfft(rng.standard_normal(size)) * shape
        clips.append(np.fft.irfft(spectrum, size).astype(np.float32))
    time_s = np.arange(size) / 16000
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in range(1, 20, 2))
    clips.append((hum + 0.3 * rng.standard_normal(size)).astype(np.float32))
    joined = np.concatenate(list(speech)) if speech else np.zeros(0, dtype=np.float32)
    for voices in (2, 3, 4, 6, 8):
        if len(joined) > size:
            starts = rng.integers(0, len(joined) - size, voices)
            clips.append(np.sum([joined[s : s + size] for s in starts], axis=0, dtype=np.float32))
    return [clip * np.float32(0.1 / np.sqrt(np.mean(clip**2))) for clip in clips]


def augment(example: Example, noises: Sequence[Array], rng: np.random.Generator) -> Example:
    """One random hearing of an utterance; `noises` are mel frames of `noise_waveforms`."""
    if rng.random() < 0.4:
        slow = rng.random() < 0.2
        example = change_speed(
            example, rng.uniform(0.65, 0.88) if slow else rng.uniform(0.88, 1.12)
        )
    if rng.random() < 0.5:
        longest = 1.5 if rng.random() < 0.2 else 0.4
        example = pad_silence(example, rng.uniform(0, longest), rng.uniform(0, longest))
    mels = example.mels
    if rng.random() < 0.5:
        mels = change_throat(mels, rng.uniform(0.88, 1.12))
    if rng.random() < 0.4:  # a room or a microphone: a smooth curve over the bands
        curve = np.interp(
            np.arange(NUM_MELS), np.linspace(0, NUM_MELS - 1, 5), rng.normal(0, 0.8, 5)
        )
        mels = np.maximum(mels + curve.astype(np.float32), np.float32(SILENCE))
    if rng.random() < 0.25:
        mels = reverberate(mels, rng.uniform(0.2, 0.9), rng.uniform(0.1, 1.0))
    gain = rng.uniform(-3.0, 1.0)  # natural log of power: -13 to +4 dB
    mels = np.maximum(mels + np.float32(gain), np.float32(SILENCE))
    if rng.random() < 0.5:
        snr_db = rng.uniform(0, 30)
        level = np.log(max(example.power, 1e-9) / 0.1**2) + gain - snr_db / 10 * np.log(10)
        noise = noises[int(rng.integers(len(noises)))]
        start = rng.integers(0, max(1, len(noise) - len(mels)))
        picked = noise[start + np.arange(len(mels)) % (len(noise) - start)]
        mels = add_noise(mels, picked, float(level))
    if rng.random() < 0.12:
        mels = lose_packets(mels, rng)
    if rng.random() < 0.5:
        mels = mels.copy()
        width, height = rng.integers(1, 12), rng.integers(1, 10)
        band, frame = (
            rng.integers(0, NUM_MELS - height),
            rng.integers(0, max(1, len(mels) - int(width))),
        )
        mels[:, band : band + height] = mels.mean()
        mels[frame : frame + width] = mels.mean()
    return Example(mels, example.ids, example.times, example.power)
