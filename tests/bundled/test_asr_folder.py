"""The shipped recogniser: what it is, and that its card tells the truth."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from training.language import lexicon, sentences
from training.recognizer import evaluate as asr_evaluate
from voicebench.bundled.manifest import BUNDLED_FOLDER

FOLDER = BUNDLED_FOLDER / "asr"


def test_it_is_a_small_seaco_paraformer_with_the_whole_vocabulary() -> None:
    assert yaml.safe_load((FOLDER / "config.yaml").read_text())["model"] == "SeacoParaformer"
    tokens = json.loads((FOLDER / "tokens.json").read_text())
    assert tokens[:3] == ["<blank>", "<s>", "</s>"]
    assert tokens[-1] == "<unk>"
    hanzi = [token for token in tokens if "一" <= token <= "鿿"]
    assert len(hanzi) >= 1200
    assert set(sentences.characters()) == set(hanzi)
    assert {"ppt", "app", "ai"} <= set(tokens)
    assert {char for word in lexicon.DIALECT for char in word} <= set(tokens)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 20e6


@pytest.mark.parametrize("name", ["unseen_combinations", "unseen_voices", "noise_10db"])
def test_the_card_tells_the_truth(name: str, bundled_recognizer: Any) -> None:
    """A fresh sample agrees with the card: characters wrong lie in the range that the card's rate
    makes likely (99.9 %, errors coming four together), so better and worse weights are noticed."""
    from scipy.stats import binom

    card = json.loads((FOLDER / "scores.json").read_text())["sets"][name]["cer"]
    texts, utterances = asr_evaluate.test_sets(40, seed=99)[name]
    errors, _ = asr_evaluate.score(bundled_recognizer, texts, utterances)
    wrong = errors.substitutions + errors.deletions + errors.insertions
    low, high = binom.interval(0.999, errors.reference_units // 4, card)
    assert low <= wrong / 4 <= high


def test_token_times_come_from_its_own_head(bundled_recognizer: Any) -> None:
    texts, utterances = asr_evaluate.test_sets(40, seed=99)["unseen_combinations"]
    _, offsets = asr_evaluate.score(bundled_recognizer, texts, utterances)
    assert len(offsets) > 50
    close = sum(abs(offset) <= 0.12 for offset in offsets)
    assert close / len(offsets) > 0.8
