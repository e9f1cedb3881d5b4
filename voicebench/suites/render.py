"""A turn of a suite as audio: speech, a recording or another sound, under its condition.

samples, t_eos_s = render_turn(case.turns[0], suite.folder)
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.audio import load_audio
from voicebench.suites.degrade import degrade
from voicebench.suites.sounds import make_sound
from voicebench.suites.speech import end_of_speech_s, synthesize
from voicebench.types import SAMPLE_RATE_HZ, CaseTurn

TRAILING_SILENCE_S = 1.5


def render_turn(
    turn: CaseTurn, suite_folder: Path, cache_dir: Path | None = None
) -> tuple[NDArray[np.float32], float]:
    """The audio of one turn, and the true end of its speech.

    Segments follow one another after their `pause_before_s`, or begin at their `start_s`, where
    they may overlap. A recording is taken as it is, with the end that the suite annotates. A
    condition comes last, over the silence at the end too: where speech ends it does not change.

    Args:
        turn: Segments, a recording, or sound without speech.
        suite_folder: What a recording's path is relative to.
        cache_dir: See `speech.synthesize`.

    Returns:
        Samples (num_samples,) at 16 kHz, ending `TRAILING_SILENCE_S` after the end of speech (a
        recording: at the earliest), and that end in seconds; 0.0 where nobody speaks.

    Raises:
        MissingPackageError: A condition is asked for and audiomentations is not installed.
        SuiteError, StageError, StorageError: See `speech.synthesize`.
    """
    samples, t_eos_s = _clean_turn(turn, suite_folder, cache_dir)
    if turn.condition is msgspec.UNSET:
        return samples, t_eos_s
    return degrade(samples, t_eos_s, turn.condition, cache_dir), t_eos_s


def _clean_turn(
    turn: CaseTurn, suite_folder: Path, cache_dir: Path | None
) -> tuple[NDArray[np.float32], float]:
    if turn.sound is not msgspec.UNSET:
        return make_sound(turn.sound, cache_dir), 0.0
    if turn.audio:
        recording = load_audio(suite_folder / turn.audio)
        return _pad_to(recording, turn.t_eos_s + TRAILING_SILENCE_S), turn.t_eos_s
    placed: list[tuple[int, NDArray[np.float32]]] = []
    end = 0
    for segment in turn.segments:
        pause = round(segment.pause_before_s * SAMPLE_RATE_HZ)
        fixed = segment.start_s
        start = end + pause if fixed is None else round(fixed * SAMPLE_RATE_HZ)
        samples = synthesize(segment, cache_dir)
        placed.append((start, samples))
        end = start + len(samples)
    mixed = np.zeros(max(start + len(samples) for start, samples in placed), dtype=np.float32)
    for start, samples in placed:
        mixed[start : start + len(samples)] += samples
    t_eos_s = end_of_speech_s(mixed)
    num_samples = round((t_eos_s + TRAILING_SILENCE_S) * SAMPLE_RATE_HZ)
    padded = _pad_to(np.clip(mixed, -1.0, 1.0), t_eos_s + TRAILING_SILENCE_S)
    return padded[:num_samples], t_eos_s


def _pad_to(samples: NDArray[np.float32], duration_s: float) -> NDArray[np.float32]:
    missing = round(duration_s * SAMPLE_RATE_HZ) - len(samples)
    return np.pad(samples, (0, max(0, missing))).astype(np.float32)
