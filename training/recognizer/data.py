"""Speech for the recogniser: texts spoken by espeak-ng, kept as mel frames with token times.

A corpus is a folder: `mels.f16` (every frame of every utterance, float16) and `index.npz` (where
each utterance lies, its tokens, when each begins and ends, its power). Mel frames come from FunASR's
own frontend, before stacking, so that augmentation (`asr_augment`) can work on them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.language.lexicon import LATIN
from training.language.sentences import AsrText
from training.recognizer.model import NUM_MELS
from voicebench.suites.speech import Utterance, end_of_speech_s, speak_many
from voicebench.types import Segment

Array = NDArray[np.float32]
FRAMES_A_SECOND = 100

VARIANTS_HELD_OUT = ("f3", "m3", "m6", "klatt3", "Andy", "Hugo", "michel", "pedro")
VARIANTS_TRAIN = (
    "", "", "", "f1", "f1", "f2", "f2", "f4", "f4", "f5", "f5", "m1", "m1", "m2", "m2", "m4", "m4",
    "m5", "m5", "m7", "m7", "m8", "klatt", "klatt2", "klatt4", "Alex", "Alicia", "Andrea", "Annie",
    "Denis", "Diogo", "Gene", "Jacky", "Lee", "Mario", "Michael", "Mike", "adam", "anika",
    "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed", "edward",
    "grandma", "grandpa", "gustave", "ian", "iven", "john", "linda", "marcelo", "max", "miguel",
    "norbert", "pablo", "paul", "quincy", "rob", "robert", "sandro", "shelby", "steph", "travis",
    "victor", "zac",
)  # fmt: skip
"""Voices of training; the repeated ones, those that suites use most, are drawn more often."""
CANTONESE_SHARE = 0.08  # of the texts for a Mandarin voice, spoken by a Cantonese one all the same

_TOKEN = re.compile(r"[a-z]+|[一-鿿]")


def tokens_of(text: str) -> list[tuple[int, str]]:
    """The tokens of a text with their offsets: every Hanzi, and every run of Latin letters.

    >>> tokens_of("打开PPT，好")
    [(0, '打'), (1, '开'), (2, 'ppt'), (6, '好')]
    """
    return [(match.start(), match.group()) for match in _TOKEN.finditer(text.lower())]


def is_speakable(text: AsrText) -> bool:
    """False where two Latin terms met without a space and became a word nobody knows."""
    return all(token in LATIN for _, token in tokens_of(text.spoken) if token.isascii())


def segment_for(text: AsrText, rng: random.Random, variants: Sequence[str]) -> Segment:
    """How to speak a text: a voice, a rate and a pitch, drawn by `rng`."""
    language = "yue" if text.voice_family == "yue" or rng.random() < CANTONESE_SHARE else "cmn"
    variant = rng.choice(variants)
    return Segment(
        voice=f"{language}+{variant}" if variant else language,
        spoken=text.spoken,
        rate_wpm=rng.randint(100, 150) if rng.random() < 0.12 else rng.randint(150, 230),
        pitch=rng.randint(35, 65),
    )


def token_times(text: str, words: Sequence[tuple[int, int, float]], end_s: float) -> NDArray[Any]:
    """When each token of a spoken text begins and ends, from espeak-ng's word events.

    espeak-ng reports no event for the later characters of a word of its dictionary; they are
    placed evenly between the events around them. A token ends where the next begins, or, before
    a pause, after the longest a token lasts without one.

    Returns:
        Shape (num_tokens, 2), seconds.
    """
    offsets = [offset for offset, _ in tokens_of(text)]
    known: dict[int, float] = {}
    for offset, _, start_s in words:
        known[offset] = min(start_s, known.get(offset, start_s))
    at = [index for index, offset in enumerate(offsets) if offset in known]
    if not at:
        raise ValueError(f"espeak-ng reported no word of {text!r}")
    starts = np.interp(
        np.arange(len(offsets) + 1),
        [*at, len(offsets)],
        [*(known[offsets[index]] for index in at), end_s],
    )
    ends = starts[1:].copy()
    usual = float(np.median(np.diff(starts)))
    for index, (offset, token) in enumerate(tokens_of(text)):
        pause_follows = text[offset + len(token) : offset + len(token) + 1] in ("，", "。", "？")
        if pause_follows and token.isascii() is False:
            ends[index] = min(ends[index], starts[index] + 1.3 * usual)
    return np.stack([starts[:-1], np.maximum(ends, starts[:-1])], axis=1)


def mel_frontend() -> Callable[[Array], Array]:
    """FunASR's frontend without stacking and normalisation: samples to (num_frames, 80)."""
    import torch
    from funasr.frontends.wav_frontend import WavFrontend

    frontend = WavFrontend(fs=16000, window="hamming", n_mels=NUM_MELS, dither=0.0)

    def mels(samples: Array) -> Array:
        frames, _ = frontend(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))
        return np.asarray(frames[0].numpy(), dtype=np.float32)

    return mels


@dataclass(frozen=True)
class Example:
    """`mels` (num_frames, 80), token ids, their (num_tokens, 2) times in seconds, mean power."""

    mels: Array
    ids: NDArray[np.int64]
    times: Array
    power: float


def spoken_examples(
    texts: Sequence[AsrText], segments: Sequence[Segment], token_ids: dict[str, int]
) -> Iterator[Example]:
    """Speaks texts and turns them into examples, in order."""
    mels = mel_frontend()
    for text, utterance in zip(texts, speak_many(segments), strict=True):
        yield to_example(text.spoken, utterance, token_ids, mels)


def to_example(
    spoken: str, utterance: Utterance, token_ids: dict[str, int], mels: Callable[[Array], Array]
) -> Example:
    """One utterance as an example."""
    end_s = end_of_speech_s(utterance.samples)
    voiced = utterance.samples[: max(1, round(end_s * 16000))]
    return Example(
        mels=mels(utterance.samples),
        ids=np.array([token_ids[token] for _, token in tokens_of(spoken)], dtype=np.int64),
        times=token_times(spoken, utterance.words, end_s).astype(np.float32),
        power=float(np.mean(np.square(voiced, dtype=np.float64))),
    )


def write_corpus(folder: Path, examples: Iterator[Example], report: Callable[[str], None]) -> None:
    """Writes a corpus; complete once `index.npz` is there."""
    folder.mkdir(parents=True, exist_ok=True)
    lengths: list[int] = []
    num_tokens: list[int] = []
    ids: list[NDArray[np.int64]] = []
    times: list[Array] = []
    powers: list[float] = []
    with (folder / "mels.f16").open("wb") as out:
        for example in examples:
            example.mels.astype(np.float16).tofile(out)
            lengths.append(len(example.mels))
            num_tokens.append(len(example.ids))
            ids.append(example.ids)
            times.append(example.times)
            powers.append(example.power)
            if len(lengths) % 2000 == 0:
                hours = sum(lengths) / FRAMES_A_SECOND / 3600
                report(f"spoken: {len(lengths)} utterances, {hours:.1f} h")
    np.savez(
        folder / "index.npz",
        lengths=np.array(lengths),
        num_tokens=np.array(num_tokens),
        ids=np.concatenate(ids),
        times=np.concatenate(times),
        powers=np.array(powers),
    )


class Corpus:
    """A written corpus, read by index; frames stay on disk until asked for."""

    def __init__(self, folder: Path) -> None:
        index = np.load(folder / "index.npz")
        self.lengths: NDArray[np.int64] = index["lengths"]
        self._frame_offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self._token_offsets = np.concatenate([[0], np.cumsum(index["num_tokens"])])
        self._ids, self._times, self._powers = index["ids"], index["times"], index["powers"]
        flat = np.memmap(folder / "mels.f16", dtype=np.float16, mode="r")
        self._mels: NDArray[np.float16] = flat.reshape(-1, NUM_MELS)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def num_tokens(self) -> int:
        return len(self._ids)

    @property
    def hours(self) -> float:
        return float(self._frame_offsets[-1]) / FRAMES_A_SECOND / 3600

    def __getitem__(self, index: int) -> Example:
        frames = slice(self._frame_offsets[index], self._frame_offsets[index + 1])
        tokens = slice(self._token_offsets[index], self._token_offsets[index + 1])
        return Example(
            mels=self._mels[frames].astype(np.float32),
            ids=self._ids[tokens],
            times=self._times[tokens],
            power=float(self._powers[index]),
        )
