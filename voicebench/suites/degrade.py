"""What rooms, microphones and lines do to speech: noise, babble, echoes, clipping, lost packets.

    noisy = degrade(samples, t_eos_s, Condition(kind="noise", level=10, seed=3))

audiomentations degrades; here stand only the settings that make one condition of it. SNR is against
the mean power of the speech up to its end, not of the whole clip with the silence after it. What
this is not: recordings of real rooms. Babble is eight synthetic voices, an echo is decaying noise.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from voicebench.errors import MissingPackageError, StorageError
from voicebench.suites.cache import Audio, cached
from voicebench.suites.sounds import crowd
from voicebench.types import SAMPLE_RATE_HZ, Condition

BURST_S = 0.06  # three packets of 20 ms are lost at a time, as they are in a jam
BABBLE_S = 30.0
_NOISE_DECAYS_DB = (-6, -3, 0)  # per octave: brown, pink and white
_DIRECT_TO_ECHO = 4.0  # the first arrival against the loudest reflection


def degrade(
    samples: Audio, t_eos_s: float, condition: Condition, cache_dir: Path | None = None
) -> Audio:
    """Speech under a condition; the same samples every time.

    Args:
        samples: Clean speech, shape (num_samples,), 16 kHz.
        t_eos_s: Where speech ends in it.
        condition: What happens to it.
        cache_dir: Where audio is kept; None for the default.

    Returns:
        Shape (num_samples,), in [-1, 1].

    Raises:
        MissingPackageError: audiomentations is not installed.
        StorageError: The cache cannot be written.
    """
    content = hashlib.sha256(samples.tobytes()).hexdigest()
    settings = (condition.kind, condition.level, condition.seed, t_eos_s)
    shaping = ["audiomentations", _version(), content, *settings]
    num_spoken = round(t_eos_s * SAMPLE_RATE_HZ)
    return cached(shaping, lambda: _degraded(samples, num_spoken, condition, cache_dir), cache_dir)


def _version() -> str:
    try:
        return importlib.metadata.version("audiomentations")
    except importlib.metadata.PackageNotFoundError:
        raise MissingPackageError(
            "making noisy speech needs the package audiomentations",
            "Install it in a clone: pip install -e '.[synth]'",
        ) from None


def _library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # in its docstrings, when first compiled
        import audiomentations
    return audiomentations


def _degraded(
    samples: Audio, num_spoken: int, condition: Condition, cache_dir: Path | None
) -> Audio:
    with _seeded(condition.seed):
        changed = _KINDS[condition.kind](samples, num_spoken, condition, cache_dir)
    return np.clip(changed, -1.0, 1.0).astype(np.float32)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Audiomentations draws from both global generators: theirs for a while, then as they were."""
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _apply(transform: Any, samples: Audio) -> Audio:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports at first use
        changed: Audio = transform(samples=np.array(samples), sample_rate=SAMPLE_RATE_HZ)
    return changed


def _snr_of_clip(samples: Audio, num_spoken: int, snr_db: float) -> float:
    """The SNR to ask for over the whole clip, to have `snr_db` over the speech in it."""
    whole, spoken = np.mean(np.square(samples)), np.mean(np.square(samples[:num_spoken]))
    return float(snr_db + 10 * np.log10(whole / spoken))


def _noise(samples: Audio, num_spoken: int, condition: Condition, _: Path | None) -> Audio:
    snr_db = _snr_of_clip(samples, num_spoken, condition.level)
    decay = _NOISE_DECAYS_DB[condition.seed % len(_NOISE_DECAYS_DB)]
    transform = _library().AddColorNoise(
        min_snr_db=snr_db, max_snr_db=snr_db, min_f_decay=decay, max_f_decay=decay, p=1.0
    )
    return _apply(transform, samples)


def _babble(samples: Audio, num_spoken: int, condition: Condition, cache_dir: Path | None) -> Audio:
    snr_db = _snr_of_clip(samples, num_spoken, condition.level)
    voices = crowd(BABBLE_S, condition.seed, cache_dir)
    with _as_file(voices) as path:
        transform = _library().AddBackgroundNoise(path, min_snr_db=snr_db, max_snr_db=snr_db, p=1.0)
        return _apply(transform, samples)


def _reverberation(samples: Audio, _: int, condition: Condition, __: Path | None) -> Audio:
    """An echo dies away by 60 dB in `level` seconds, over the silence after the speech too."""
    rng = np.random.default_rng(condition.seed)
    time_s = np.arange(round(condition.level * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    echo = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / condition.level)
    echo /= np.abs(echo).max()
    echo[0] = _DIRECT_TO_ECHO
    with _as_file((echo / _DIRECT_TO_ECHO).astype(np.float32)) as path:
        return _apply(_library().ApplyImpulseResponse(path, p=1.0), samples)


def _clipping(samples: Audio, num_spoken: int, condition: Condition, _: Path | None) -> Audio:
    percent = round(100 * condition.level)
    transform = _library().ClippingDistortion(percent, percent, p=1.0)
    return _with_silence(_apply(transform, samples[:num_spoken]), samples)


def _packet_loss(samples: Audio, num_spoken: int, condition: Condition, _: Path | None) -> Audio:
    burst = BURST_S * SAMPLE_RATE_HZ / num_spoken
    mask = _library().TimeMask(min_band_part=burst, max_band_part=burst, fade_duration=0.0, p=1.0)
    lost = _library().Compose([mask] * round(condition.level / burst))
    return _with_silence(_apply(lost, samples[:num_spoken]), samples)


def _with_silence(spoken: Audio, samples: Audio) -> Audio:
    return np.concatenate([spoken, samples[len(spoken) :]])


@contextmanager
def _as_file(samples: Audio) -> Iterator[Path]:
    """Audiomentations takes sounds to mix in from files only."""
    import soundfile

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sound.wav"
            soundfile.write(path, samples, SAMPLE_RATE_HZ, subtype="FLOAT")
            yield path
    except OSError as error:
        raise StorageError(
            f"cannot write a temporary file: {error.strerror}", "Free the disk or set TMPDIR"
        ) from error


_KINDS: Mapping[str, Callable[[Audio, int, Condition, Path | None], Audio]] = {
    "noise": _noise,
    "babble": _babble,
    "reverberation": _reverberation,
    "clipping": _clipping,
    "packet_loss": _packet_loss,
}
