"""Scores the bundled recogniser through the pipeline's own class on speech it never heard.

Every set is corpus CER (METRICS.md, normaliser `basic`) on whole utterances: sentences whose slot
combinations training never held, in training's voices, in voices it never heard and under noise,
sentences of held-out templates, and everyday sentences, also in Cantonese, that it never heard. Time
stamps are compared with espeak-ng's own word events. Try:

    python -m training.recognizer.evaluate --folder voicebench/bundled/asr --count 100
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from training.language import sentences
from training.language.frames import FRAMES, draw, slots_of
from training.language.sentences import AsrText
from training.language.values import World
from training.recognizer import augment, data
from training.recognizer.data import Array
from voicebench.asr.base import Recognizer
from voicebench.metrics.error_rate import ErrorRate, cer
from voicebench.suites.speech import Utterance, end_of_speech_s, speak_many

NOISE_SNR_DB = 10.0
BARS = {"unseen_combinations": 0.03, "unseen_voices": 0.12, "noise_10db": 0.08}
BATCH = 10


def unseen_phrases(rng: random.Random) -> Iterator[AsrText]:
    """Statements and questions of held-out templates, as the suites speak them."""
    world = World(spoken=True, held_out=True)
    while True:
        frame = rng.choice(FRAMES)
        _, template = rng.choice(frame.statement_templates(held_out=True))
        slot = rng.choice(slots_of(template))
        _, question = rng.choice(frame.question_templates(slot, held_out=True))
        text = template.format(**draw(frame, rng, world)) + question
        yield AsrText(text, text, "cmn")


def add_noise(samples: Array, noise: Array, snr_db: float, rng: np.random.Generator) -> Array:
    """Mixes noise in at a signal-to-noise ratio over the voiced part, in decibels of power."""
    voiced = samples[: max(1, round(end_of_speech_s(samples) * 16000))]
    start = int(rng.integers(0, max(1, len(noise) - len(samples))))
    picked = np.resize(noise[start:], len(samples))
    power = float(np.mean(np.square(voiced, dtype=np.float64)))
    ratio = power / 10 ** (snr_db / 10) / max(1e-12, float(np.mean(np.square(picked))))
    mixed: Array = (samples + picked * np.sqrt(ratio)).astype(np.float32)
    return mixed


def test_sets(count: int, seed: int) -> dict[str, tuple[list[AsrText], list[Utterance]]]:
    """Texts and utterances of each set; the noise set is the first set's, mixed."""

    def spoken(texts: list[AsrText], variants: Sequence[str], salt: str) -> list[Utterance]:
        rng = random.Random(f"{seed}:{salt}")
        return list(speak_many([data.segment_for(text, rng, variants) for text in texts]))

    def some(texts: Iterator[AsrText]) -> list[AsrText]:
        return list(itertools.islice(filter(data.is_speakable, texts), count))

    rng = random.Random(f"{seed}:texts")
    combinations = some(sentences.template_texts(rng, "test"))
    phrases = some(unseen_phrases(rng))
    everyday, cantonese = (
        some(sentences.free_texts(rng, cantonese=is_cantonese)) for is_cantonese in (False, True)
    )
    seen, unseen = data.VARIANTS_TRAIN, data.VARIANTS_HELD_OUT
    heard = spoken(combinations, seen, "seen")
    noise_rng = np.random.default_rng(seed + 1000)
    noises = augment.noise_waveforms(noise_rng, [u.samples for u in heard[:12]])
    noisy = [
        msgspec.structs.replace(
            utterance,
            samples=add_noise(
                utterance.samples, noises[index % len(noises)], NOISE_SNR_DB, noise_rng
            ),
        )
        for index, utterance in enumerate(heard)
    ]
    return {
        "unseen_combinations": (combinations, heard),
        "unseen_voices": (combinations, spoken(combinations, unseen, "unseen")),
        "noise_10db": (combinations, noisy),
        "unseen_phrases": (phrases, spoken(phrases, seen, "phrases")),
        "everyday_sentences": (everyday, spoken(everyday, seen, "everyday")),
        "cantonese_sentences": (cantonese, spoken(cantonese, seen, "cantonese")),
    }


def score(
    recognizer: Recognizer, texts: Sequence[AsrText], utterances: Sequence[Utterance]
) -> tuple[ErrorRate, list[float]]:
    """Corpus errors, and seconds between each token's heard start and espeak-ng's, where an
    utterance was recognised without an error."""
    total, offsets = ErrorRate(), list[float]()
    for first in range(0, len(texts), BATCH):
        rows = slice(first, first + BATCH)
        heard = recognizer.recognize_batch([u.samples for u in utterances[rows]])
        for text, utterance, hypothesis in zip(texts[rows], utterances[rows], heard, strict=True):
            errors = cer(text.text, hypothesis.text)
            total += errors
            tokens = data.tokens_of(text.spoken)
            if [t.text for t in hypothesis.tokens] == [token for _, token in tokens]:
                end_s = end_of_speech_s(utterance.samples)
                times = data.token_times(text.spoken, utterance.words, end_s)
                pairs = zip(hypothesis.tokens, times[:, 0], strict=True)
                offsets += [token.start_s - float(start_s) for token, start_s in pairs]
    return total, offsets


def evaluate(recognizer: Recognizer, count: int, seed: int) -> dict[str, Any]:
    """Scores of every set, `count` utterances each."""
    sets: dict[str, Any] = {}
    offsets: list[float] = []
    for name, (texts, utterances) in test_sets(count, seed).items():
        errors, found = score(recognizer, texts, utterances)
        offsets += found if name == "unseen_combinations" else []
        sets[name] = {
            "cer": round(errors.rate or 0.0, 4),
            "substitutions": errors.substitutions,
            "deletions": errors.deletions,
            "insertions": errors.insertions,
            "reference_units": errors.reference_units,
            "utterances": len(texts),
            "bar": BARS.get(name),
        }
    absolute = np.abs(offsets) if offsets else np.array([np.nan])
    stamps = {
        "p50_s": round(float(np.median(absolute)), 3),
        "p95_s": round(float(np.quantile(absolute, 0.95)), 3),
        "num_tokens": len(offsets),
    }
    return {"sets": sets, "token_start_error": stamps}


def main() -> None:
    from voicebench.asr.kinds import build_recognizer
    from voicebench.profiles.loader import load_profile

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    profile = load_profile("bundled")
    asr = msgspec.structs.replace(profile.asr, folder=str(args.folder.resolve()))
    recognizer = build_recognizer(asr)
    scores = evaluate(recognizer, args.count, args.seed)
    (args.folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps(scores, indent=1))


if __name__ == "__main__":
    main()
