"""The published configurations: counted by FunASR, by the budget, and by the size of the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.published import FUNASR_MODELS, PUBLISHED, Published
from voicebench.budget.asr_size import asr_shape
from voicebench.budget.shapes import asr_shape_of, llm_shape_of
from voicebench.errors import ModelError
from voicebench.profiles.schema import AsrProfile, LlmProfile

ASR = PUBLISHED["paraformer-zh"]
DECODERS = [
    ("published", {}),
    ("of as many blocks as attend", {"num_blocks": 6}),
    ("with blocks that do not attend", {"num_blocks": 8}),
    ("where most do not attend", {"num_blocks": 6, "att_layer_num": 2}),
    ("of FunASR's default", {"att_layer_num": None}),
]


def count(published: Published) -> int:
    import torch

    with torch.device("meta"):  # shapes without memory
        return sum(weight.numel() for weight in published.random_model().state_dict().values())


@pytest.mark.models
@pytest.mark.parametrize(("name", "published"), FUNASR_MODELS)
def test_funasr_counts_what_the_published_checkpoint_holds(name: str, published: Published) -> None:
    assert 4 * count(published) == pytest.approx(published.checkpoint_bytes, rel=0.02)
    assert 4 * count(published) < published.checkpoint_bytes


@pytest.mark.models
@pytest.mark.parametrize(
    "decoder", [each for _, each in DECODERS], ids=[name for name, _ in DECODERS]
)
@pytest.mark.parametrize("place", ["top", "model_conf"])
def test_the_budget_counts_a_paraformer_as_funasr_does(place: str, decoder: dict[str, Any]) -> None:
    config = dict(ASR.config)
    hotwords = {**config.pop("seaco_decoder_conf"), **decoder}
    hotwords = {key: value for key, value in hotwords.items() if value is not None}
    if place == "top":
        config["seaco_decoder_conf"] = hotwords
    else:
        config["model_conf"] = {**config["model_conf"], "seaco_decoder_conf": hotwords}
    counted = count(Published(config, ASR.num_tokens, 0, ASR.sizes))
    assert asr_shape(config, ASR.num_tokens).num_parameters == counted


@pytest.mark.parametrize("name", ["paraformer-zh", "qwen3-4b-int4"])
def test_a_folder_and_the_catalogue_give_the_same_budget(name: str, tmp_path: Path) -> None:
    folder = str(PUBLISHED[name].write(tmp_path / name))
    if name == "paraformer-zh":
        parts = (AsrProfile(folder=folder), AsrProfile(folder="/nowhere", model=name))
        here, known = map(asr_shape_of, parts)
        assert here.num_parameters == known.num_parameters == 247_339_018
    else:
        here, known = map(
            llm_shape_of, (LlmProfile(folder=folder), LlmProfile(folder="/nowhere", model=name))
        )
        assert here.weight_bytes == known.weight_bytes == 2_665_925_632
    assert msgspec.to_builtins(here) == msgspec.to_builtins(known)


def test_a_seaco_paraformer_without_its_hotword_decoder_is_refused_not_guessed() -> None:
    config = {key: value for key, value in ASR.config.items() if key != "seaco_decoder_conf"}
    with pytest.raises(ModelError, match="seaco_decoder_conf"):
        asr_shape(config, ASR.num_tokens)
