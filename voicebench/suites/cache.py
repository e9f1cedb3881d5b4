"""Made audio, kept under a hash of everything that shapes it.

    samples = cached(["espeak", "你好", 180], lambda: speak(...), None)

Kept as int16, so what is made now and what was kept are the same samples to the last bit. A file cut
short by a crash is made again.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.cache import cache_folder
from voicebench.errors import StorageError

_FORMAT = "int16 16 kHz 3"  # part of the key: raise it when the samples change

Audio = NDArray[np.float32]


def default_cache_dir() -> Path:
    """`speech` in the user's cache folder."""
    return cache_folder() / "speech"


def to_int16(samples: Audio) -> NDArray[np.int16]:
    """Samples in [-1, 1] as 16-bit numbers; what is louder is cut off."""
    return np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)


def to_float(samples: NDArray[np.int16]) -> Audio:
    """The other way round."""
    return (samples / np.float32(32767.0)).astype(np.float32)


def cached(shaping: Sequence[object], make: Callable[[], Audio], cache_dir: Path | None) -> Audio:
    """Samples from the cache, or made and put there.

    Args:
        shaping: Everything that shapes them, of types that JSON has.
        make: Makes them: shape (num_samples,), in [-1, 1].
        cache_dir: Where audio is kept; None for `default_cache_dir()`.

    Raises:
        StorageError: The cache cannot be written.
    """
    digest = hashlib.sha256(msgspec.json.encode([_FORMAT, *shaping])).hexdigest()
    path = (cache_dir or default_cache_dir()) / digest[:2] / f"{digest}.npy"
    try:
        return to_float(np.load(path))
    except (OSError, ValueError, EOFError):
        pass  # not there, or cut short by a crash
    samples = to_int16(make())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            np.save(part, samples)
        Path(part.name).replace(path)
    except OSError as error:
        raise StorageError(
            f"cannot write the speech cache {path.parent}: {error.strerror}",
            "Free the disk or set VOICEBENCH_CACHE to another folder",
        ) from error
    return to_float(samples)
