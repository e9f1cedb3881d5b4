"""The recogniser's training goes on from a trained folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from training.recognizer import corpora as asr_corpora
from training.recognizer.average import average
from training.recognizer.train import HEARD, HEARD_BEFORE, Training, dev_error_rate
from voicebench.bundled.manifest import BUNDLED_FOLDER

pytestmark = pytest.mark.models
SHIPPED = BUNDLED_FOLDER / "asr"
NUM_UTTERANCES, SEED = 24, 3


def test_training_starts_with_what_a_trained_folder_knows(tmp_path: Path) -> None:
    asr_corpora.make_corpora(tmp_path, NUM_UTTERANCES, SEED, lambda line: None)
    corpora = asr_corpora.load_corpora(tmp_path, NUM_UTTERANCES, SEED)
    training = Training(tmp_path, corpora, SEED, SHIPPED)
    heard = dev_error_rate(
        training.model, training.dev, training.mean, training.deviation, training.device
    )
    assert heard < 0.1  # from nothing it is 1
    facts = training.facts(training.model)
    shipped = json.loads((SHIPPED / "learning_curve.jsonl").read_text().splitlines()[-1])["facts"]
    assert (facts[HEARD], facts[HEARD_BEFORE]) == (0, shipped[HEARD] + shipped.get(HEARD_BEFORE, 0))

    other = tmp_path / "other"
    shutil.copytree(SHIPPED, other)
    (other / "tokens.json").write_text("[]")
    with pytest.raises(ValueError, match="its tokens are not the recipe's"):
        Training(tmp_path, corpora, SEED, other)


def test_the_mean_of_a_state_with_itself_hears_what_it_hears(tmp_path: Path) -> None:
    import torch

    again = tmp_path / "again"
    shutil.copytree(SHIPPED, again)
    average({SHIPPED: 0.25, again: 0.75}, tmp_path / "mean")
    shipped, mean = (
        torch.load(folder / "model.pt")["state_dict"] for folder in (SHIPPED, tmp_path / "mean")
    )
    assert all(torch.allclose(mean[name], shipped[name], atol=1e-6) for name in shipped)
    for name in ("am.mvn", "tokens.json", "seg_dict", "config.yaml"):
        assert (tmp_path / "mean" / name).read_text() == (SHIPPED / name).read_text(), name

    with pytest.raises(ValueError, match=r"are 0\.9 together, not 1"):
        average({SHIPPED: 0.25, again: 0.65}, tmp_path / "mean")
    (again / "tokens.json").write_text("[]")
    with pytest.raises(ValueError, match=r"differ in tokens\.json"):
        average({SHIPPED: 0.25, again: 0.75}, tmp_path / "mean")
