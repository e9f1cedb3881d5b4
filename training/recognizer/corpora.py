"""What the recogniser is trained and tested on, spoken once and kept in a work folder."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from training.language import sentences
from training.language.lexicon import LATIN
from training.language.sentences import AsrText
from training.recognizer import augment as asr_augment
from training.recognizer import data as asr_data
from training.recognizer.data import Array, Corpus
from training.recognizer.model import token_list
from voicebench.suites.speech import speak_many
from voicebench.types import Segment

DEV_UTTERANCES = 80
BABBLE_UTTERANCES = 12


def vocabulary() -> list[str]:
    """Every token of the bundled recogniser, in the order of its ids."""
    return token_list(sentences.characters(), LATIN)


def _draw(texts: Iterator[AsrText], count: int) -> list[AsrText]:
    return list(itertools.islice(filter(asr_data.is_speakable, texts), count))


def training_speech(count: int, seed: int) -> tuple[list[AsrText], list[Segment]]:
    """The texts of training and how each is spoken."""
    rng = random.Random(seed)
    texts = _draw(sentences.asr_texts(rng, "train"), count)
    return texts, [asr_data.segment_for(text, rng, asr_data.VARIANTS_TRAIN) for text in texts]


def dev_speech(seed: int) -> tuple[list[AsrText], list[Segment]]:
    """A few sentences to follow the training by: unseen combinations, half in unseen voices."""
    rng = random.Random(seed + 1)
    texts = _draw(sentences.template_texts(rng, "test"), DEV_UTTERANCES)
    variants = (*asr_data.VARIANTS_HELD_OUT, *asr_data.VARIANTS_TRAIN[:8])
    return texts, [asr_data.segment_for(text, rng, variants) for text in texts]


def make_corpora(work: Path, count: int, seed: int, report: Callable[[str], None]) -> None:
    """Speaks the training and the dev corpus into `work`, unless they are there already."""
    token_ids = {token: index for index, token in enumerate(vocabulary())}
    for name, (texts, segments) in {
        "dev": dev_speech(seed),
        f"train-{count}-{seed}": training_speech(count, seed),
    }.items():
        if not (work / name / "index.npz").exists():
            examples = asr_data.spoken_examples(texts, segments, token_ids)
            asr_data.write_corpus(work / name, examples, report)
    if not (work / "noises.npz").exists():
        _write_noises(work / "noises.npz", seed)


def load_corpora(work: Path, count: int, seed: int) -> tuple[Corpus, Corpus, list[Array]]:
    """The training corpus, the dev corpus and the mel frames of the noises."""
    noises = np.load(work / "noises.npz")
    train, dev = Corpus(work / f"train-{count}-{seed}"), Corpus(work / "dev")
    return train, dev, [noises[name].astype(np.float32) for name in noises.files]


def _write_noises(path: Path, seed: int) -> None:
    _, segments = training_speech(BABBLE_UTTERANCES, seed)
    speech = [utterance.samples for utterance in speak_many(segments)]
    mels = asr_data.mel_frontend()
    clips = asr_augment.noise_waveforms(np.random.default_rng(seed), speech)
    np.savez(path, *[mels(clip).astype(np.float16) for clip in clips])


def statistics(corpus: Corpus, seed: int, sample: int = 400) -> tuple[Array, Array]:
    """Mean and deviation (80,) of the mel frames of some utterances, for `am.mvn`."""
    rng = np.random.default_rng(seed)
    picked = rng.choice(len(corpus), min(sample, len(corpus)), replace=False)
    frames = np.concatenate([corpus[int(index)].mels for index in picked])
    voiced = frames[frames.mean(axis=1) > asr_augment.SILENCE / 2]
    return voiced.mean(axis=0), voiced.std(axis=0)
