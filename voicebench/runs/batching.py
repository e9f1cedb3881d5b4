"""Recognising many turns at once with the very windows that the pipeline cuts one by one.

The pipeline's windows are cut first, without a recogniser; all of them, over all turns, are then
recognised in one batch; and the pipeline runs again and finds every window's result by content.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.asr.windows import variant_windows
from voicebench.clock import now_s
from voicebench.errors import StageError
from voicebench.pipeline.assistant import Transcript
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Variant

Samples = NDArray[np.float32]


def content_key(*parts: Any) -> str:
    """SHA-256 of samples and settings: the key of a stage's result."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.tobytes() if isinstance(part, np.ndarray) else msgspec.json.encode(part)
        digest.update(f"{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def transcribe_many(
    recognizer: Recognizer, pieces: Sequence[tuple[Samples, Variant]]
) -> list[Transcript | StageError]:
    """Transcribes whole turns, each in its variant's windows, in one batch.

    Args:
        recognizer: See `Recognizer`.
        pieces: Samples (num_samples,) at 16 kHz and the variant whose windows are used.

    Returns:
        For each what `Assistant.transcribe` gives alone, `compute_s` of a window being its share
        of the batch by length; or why it failed.
    """
    batch = _Batch(recognizer)
    for samples, variant in pieces:
        _transcribe(_Collector(batch), samples, variant)
    batch.run()
    transcripts: list[Transcript | StageError] = []
    for samples, variant in pieces:
        try:
            transcript = _transcribe(batch, samples, variant)
        except Exception as error:  # one turn's failure is that turn's record
            transcripts.append(StageError("asr", f"{type(error).__name__}: {error}"))
        else:
            transcripts.append(_with_costs(transcript, samples, batch))
    return transcripts


class _Batch:
    """A `Recognizer` that answers from a batch, and alone what was not in it."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._pieces: dict[str, Samples] = {}
        self._results: dict[str, tuple[Hypothesis, float]] = {}

    @property
    def vocabulary(self) -> Sequence[str]:
        return self._recognizer.vocabulary

    def collect(self, samples: Samples) -> None:
        self._pieces[content_key(samples)] = samples

    def run(self) -> None:
        """Recognises what was collected; a batch that fails leaves each piece to its own turn."""
        with contextlib.suppress(Exception):
            self._recognize(self._pieces)

    def cost_s(self, samples: Samples) -> float | None:
        """Seconds that recognising these samples took; None when they were not recognised."""
        result = self._results.get(content_key(samples))
        return result[1] if result else None

    def recognize(self, samples: Samples) -> Hypothesis:
        key = content_key(samples)
        if key not in self._results:
            self._recognize({key: samples})
        return self._results[key][0]

    def recognize_batch(self, pieces: Sequence[Samples]) -> list[Hypothesis]:
        return [self.recognize(samples) for samples in pieces]

    def close(self) -> None:
        """The recogniser is the caller's."""

    def _recognize(self, pieces: dict[str, Samples]) -> None:
        num_samples = sum(len(samples) for samples in pieces.values())
        started_s = now_s()
        hypotheses = self._recognizer.recognize_batch(list(pieces.values()))
        per_sample_s = (now_s() - started_s) / max(1, num_samples)
        for (key, samples), hypothesis in zip(pieces.items(), hypotheses, strict=True):
            self._results[key] = (hypothesis, per_sample_s * len(samples))


class _Collector:
    """A `Recognizer` that hears nothing and keeps what it was given."""

    def __init__(self, batch: _Batch) -> None:
        self._batch = batch
        self.vocabulary: Sequence[str] = ()

    def recognize(self, samples: Samples) -> Hypothesis:
        self._batch.collect(samples)
        return Hypothesis()

    def recognize_batch(self, pieces: Sequence[Samples]) -> list[Hypothesis]:
        return [self.recognize(samples) for samples in pieces]

    def close(self) -> None:
        """Holds no model."""


def _transcribe(recognizer: Recognizer, samples: Samples, variant: Variant) -> Transcript:
    windows = variant_windows(recognizer, variant)
    recognised = (*windows.feed(samples), *windows.finish())
    return Transcript(hypothesis=windows.hypothesis, windows=recognised)


def _with_costs(transcript: Transcript, samples: Samples, batch: _Batch) -> Transcript:
    windows = []
    for window in transcript.windows:
        piece = samples[
            round(window.heard_from_s * SAMPLE_RATE_HZ) : round(window.end_s * SAMPLE_RATE_HZ)
        ]
        cost_s = batch.cost_s(piece)
        windows.append(
            window if cost_s is None else msgspec.structs.replace(window, compute_s=cost_s)
        )
    return msgspec.structs.replace(transcript, windows=tuple(windows))
