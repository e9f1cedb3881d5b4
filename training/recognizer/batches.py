"""Batches for the recogniser: utterances of like length, heard anew each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.recognizer.augment import augment, join, random_window, stack_frames
from training.recognizer.data import FRAMES_A_SECOND, Array, Corpus, Example
from training.recognizer.model import LFR_STEP, UPSAMPLING

FRAMES_A_BATCH = 1000  # stacked frames of 60 ms, before padding
WINDOW_SHARE = 0.4  # of the batches are windows as the pipeline cuts them
JOINED_SHARE = 0.1  # of the whole utterances are two in one
IGNORED = -1  # FunASR's padding of token ids


@dataclass(frozen=True)
class Batch:
    """`speech` (batch, frames, 560) normalised, `ids` (batch, tokens) padded with `IGNORED`, and
    `passed` (batch, 3 * frames): how many tokens have begun, every 20 ms."""

    speech: Any
    speech_lengths: Any
    ids: Any
    id_lengths: Any
    passed: Any
    audio_s: float


def tokens_begun(example: Example, num_frames: int) -> Array:
    """What the time-stamp head's integral should be every 20 ms of `num_frames` stacked frames.

    It reaches k when token k begins (and one more when the last token ends), as FunASR reads it,
    which moves every firing 1.5 steps forward; between two tokens it rises evenly.
    """
    step_s = LFR_STEP / UPSAMPLING / FRAMES_A_SECOND
    at = (np.arange(num_frames * UPSAMPLING) + 1) * step_s
    starts = example.times[:, 0] + 1.5 * step_s
    end_s = example.times[-1, 1] + 1.5 * step_s
    marks = np.concatenate([[starts[0] - 0.12], starts, [max(end_s, starts[-1] + step_s)]])
    begun: Array = np.interp(at, marks, np.arange(len(marks))).astype(np.float32)
    return begun


def collate(examples: Sequence[Example], mean: Array, deviation: Array) -> Batch:
    """Stacks, normalises with (80,) statistics, and pads."""
    import torch

    shift, scale = np.tile(mean, 7), np.tile(1.0 / deviation, 7)
    frames = [(stack_frames(example.mels) - shift) * scale for example in examples]
    speech = np.zeros((len(frames), max(map(len, frames)), frames[0].shape[1]), dtype=np.float32)
    longest = max(len(example.ids) for example in examples)
    ids = np.full((len(examples), longest), IGNORED, dtype=np.int64)
    passed = np.zeros((len(examples), speech.shape[1] * UPSAMPLING), dtype=np.float32)
    for row, (stacked, example) in enumerate(zip(frames, examples, strict=True)):
        speech[row, : len(stacked)] = stacked
        ids[row, : len(example.ids)] = example.ids
        passed[row, : len(stacked) * UPSAMPLING] = tokens_begun(example, len(stacked))
    return Batch(
        torch.from_numpy(speech),
        torch.tensor([len(stacked) for stacked in frames]),
        torch.from_numpy(ids),
        torch.tensor([len(example.ids) for example in examples]),
        torch.from_numpy(passed),
        sum(len(example.mels) for example in examples) / FRAMES_A_SECOND,
    )


def _blocks(corpus: Corpus, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Every utterance once, in blocks of like length that fill a batch, shuffled."""
    jittered = corpus.lengths * rng.uniform(0.9, 1.1, len(corpus))
    order = np.argsort(jittered)
    filled = np.cumsum(corpus.lengths[order]) // (FRAMES_A_BATCH * LFR_STEP)
    blocks = np.split(order, np.flatnonzero(np.diff(filled)) + 1)
    rng.shuffle(blocks)
    return blocks


def _heard(corpus: Corpus, index: int, as_window: bool, rng: np.random.Generator) -> list[Example]:
    example = corpus[index]
    if as_window:
        return [random_window(example, rng) for _ in range(max(1, len(example.mels) // 220))]
    if rng.random() < JOINED_SHARE and len(example.mels) < 500:
        example = join(example, corpus[int(rng.integers(len(corpus)))], rng.uniform(0.1, 0.8))
    return [example]


def batches(
    corpus: Corpus, noises: Sequence[Array], mean: Array, deviation: Array, seed: int, first: int
) -> Iterator[Batch]:
    """Endless batches from step `first` on; the same seed and step give the same batch."""
    step = 0
    epoch = 0
    while True:
        for block in _blocks(corpus, np.random.default_rng([seed, epoch])):
            if step >= first:
                rng = np.random.default_rng([seed, epoch, step])
                as_window = bool(rng.random() < WINDOW_SHARE)
                heard = [e for index in block for e in _heard(corpus, int(index), as_window, rng)]
                yield collate([augment(e, noises, rng) for e in heard], mean, deviation)
            step += 1
        epoch += 1
