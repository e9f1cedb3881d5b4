"""Recognizing many turns at once with the very windows or segments that the pipeline cuts.

They are cut first, without a recognizer; all of them, over all turns, are then recognized in one
batch; and each turn is merged from the results, found by content.
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
from voicebench.asr.companions import Companions, companions_of
from voicebench.asr.segments import blocks_of, variant_recognition
from voicebench.asr.tokens import join_letters
from voicebench.asr.windows import MergingRecognizer, WindowAudio, has_sound
from voicebench.clock import now_s
from voicebench.errors import StageError
from voicebench.pipeline.assistant import Transcript
from voicebench.types import Hypothesis, Variant, Window

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
    cut = [_cut(batch, samples, variant) for samples, variant in pieces]
    for ready in cut:
        for each in ready if not isinstance(ready, StageError) else ():
            batch.collect(each.audio[each.num_before - each.num_context :])
    batch.run()
    return [
        ready if isinstance(ready, StageError) else _merged(batch, ready, variant)
        for ready, (_, variant) in zip(cut, pieces, strict=True)
    ]


class _Batch:
    """A `Recognizer` that answers from a batch, and alone what was not in it."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._pieces: dict[str, Samples] = {}
        self._results: dict[str, tuple[Hypothesis, float]] = {}

    @property
    def vocabulary(self) -> Sequence[str]:
        return self._recognizer.vocabulary

    @property
    def companions(self) -> Companions:
        return companions_of(self._recognizer)

    def collect(self, samples: Samples) -> None:
        if has_sound(samples):
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


def _cut(
    recognizer: Recognizer, samples: Samples, variant: Variant
) -> list[WindowAudio] | StageError:
    """A turn's windows or segments, or why its speech could not be found."""
    recognition = variant_recognition(recognizer, variant)
    try:
        return [
            *(each for block in blocks_of(samples) for each in recognition.take(block)),
            *recognition.take_rest(),
        ]
    except Exception as error:  # a VAD's, on a sound that it cannot take
        return StageError("asr", f"{type(error).__name__}: {error}")


def _merged(
    batch: _Batch, ready: Sequence[WindowAudio], variant: Variant
) -> Transcript | StageError:
    recognition = MergingRecognizer(batch, variant.re_recognise_below)
    windows: list[Window] = []
    try:
        for each in ready:
            passes = recognition.recognise([each])
            windows += (_with_cost(batch, window, each) for window in passes)
    except Exception as error:  # one turn's failure is that turn's record
        return StageError("asr", f"{type(error).__name__}: {error}")
    hypothesis = Hypothesis(tokens=join_letters(recognition.tokens), is_final=True)
    return Transcript(hypothesis=hypothesis, windows=tuple(windows))


def _with_cost(batch: _Batch, window: Window, ready: WindowAudio) -> Window:
    """The window with its share of the batch, where it was recognized in it."""
    num_context = ready.num_context if window.pass_number == 1 else ready.num_before
    cost_s = batch.cost_s(ready.audio[ready.num_before - num_context :])
    return window if cost_s is None else msgspec.structs.replace(window, compute_s=cost_s)
