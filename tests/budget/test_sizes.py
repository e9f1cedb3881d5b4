"""Known answers: sizes worked out by hand, published ones, and those of the shipped files."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
import yaml

from voicebench.budget.asr_size import asr_shape
from voicebench.budget.llm_size import LlmShape, llm_shape
from voicebench.budget.shapes import asr_shape_of, llm_shape_of
from voicebench.errors import ModelError
from voicebench.hub.catalogue import find_model
from voicebench.llm.vllm_engine import VllmGenerator
from voicebench.profiles.schema import AsrProfile, LlmProfile, Profile


def shape(name: str, **changes: object) -> LlmShape:
    return msgspec.structs.replace(llm_shape(find_model(name).shape), **changes)


# Qwen3-4B: 36 layers of 2560 x (4096 + 1024 + 1024) + 4096 x 2560 + 3 x 2560 x 9728
LAYER_4B = 2560 * 6144 + 4096 * 2560 + 3 * 2560 * 9728
TABLE_4B = 151_936 * 2560
SMALL_4B = 36 * (2 * 2560 + 2 * 128) + 2560


def test_qwen3_4b_has_its_published_number_of_parameters() -> None:
    assert shape("qwen3-4b").num_parameters == 36 * LAYER_4B + TABLE_4B + SMALL_4B == 4_022_468_096


@pytest.mark.parametrize(
    ("name", "published_bytes", "tolerance"),
    [
        ("qwen3-4b", 8_044_936_192, 1e-9),  # total_size of the published index, 2 bytes a parameter
        ("qwen3-4b-int4", 2.67e9, 0.003),  # the published GPTQ checkpoint
        ("qwen3-0.6b", 2 * 596_049_920, 1e-9),  # tied: the file holds the table twice
    ],
)
def test_weight_bytes_are_as_published(name: str, published_bytes: float, tolerance: float) -> None:
    assert shape(name).weight_bytes == pytest.approx(published_bytes, rel=tolerance)


def test_int4_weights_carry_a_scale_and_a_zero_point_a_group() -> None:
    weights = 36 * LAYER_4B
    by_hand = weights // 2 + weights // 128 * 2 + weights // 128 // 2
    assert shape("qwen3-4b-int4").layers_bytes == by_hand
    whole = by_hand + 2 * (TABLE_4B + SMALL_4B)
    assert shape("qwen3-4b-int4").weight_bytes == whole == 2_665_925_632


def test_a_token_in_the_cache_is_two_vectors_a_layer_and_kv_head() -> None:
    assert shape("qwen3-4b").kv_bytes_per_token == 2 * 36 * 8 * 128 * 2 == 147_456
    assert shape("qwen3-0.6b").kv_bytes_per_token == 2 * 28 * 8 * 128 * 2 == 114_688
    assert shape("qwen3-4b", dtype="float32").kv_bytes_per_token == 294_912


def test_decoding_reads_everything_once_and_the_context() -> None:
    model = shape("qwen3-4b-int4")
    assert model.decode_bytes(0) == model.weight_bytes  # the output layer is the tied table
    assert model.decode_bytes(300) - model.decode_bytes(0) == 300 * 147_456


def test_taking_tokens_in_one_by_one_costs_what_taking_them_together_does() -> None:
    model = shape("qwen3-4b")
    one_by_one = sum(model.operations(1, seen) for seen in range(10))
    output_layer = 2 * TABLE_4B  # sampled ten times instead of once
    assert one_by_one - model.operations(10) == 9 * output_layer
    assert model.operations(1) == pytest.approx(2 * 4_022_468_096, rel=0.001)


@pytest.mark.parametrize(
    ("settings", "bits", "group"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 4, 128),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, 4, 64),
        (
            {"config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 32}}}},
            4,
            32,
        ),
        ({}, 0, 128),
    ],
)
def test_every_form_of_quantisation_is_read(settings: dict, bits: int, group: int) -> None:
    config = {**find_model("qwen3-4b").shape, "quantization_config": settings}
    found = llm_shape(config)
    assert (found.linear_bits, found.group_size) == (bits, group)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"model_type": "qwen3_moe"}, "'qwen3_moe'"),
        ({"model_type": "qwen3", "num_attention_heads": 4}, "num_hidden_layers"),
        ({}, "'None'"),
    ],
)
def test_a_model_of_another_kind_is_refused_not_guessed(config: dict, named: str) -> None:
    with pytest.raises(ModelError, match=named):
        llm_shape(config)


def test_the_shipped_llm_is_as_large_as_its_file(bundled_profile: Profile) -> None:
    found = llm_shape_of(msgspec.structs.replace(bundled_profile.llm, dtype="auto"))
    path = Path(bundled_profile.llm.folder) / "model.safetensors"
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
    assert found.weight_bytes == path.stat().st_size - header_bytes - 8


def test_the_shipped_recogniser_has_as_many_parameters_as_its_checkpoint(
    bundled_profile: Profile,
) -> None:
    import torch

    path = Path(bundled_profile.asr.folder) / "model.pt"
    weights = torch.load(path, map_location="cpu", mmap=True, weights_only=True)["state_dict"]
    assert asr_shape_of(bundled_profile.asr).num_parameters == sum(
        w.numel() for w in weights.values()
    )


def test_paraformer_zh_is_as_large_as_its_published_checkpoint() -> None:
    found = asr_shape_of(AsrProfile(folder="/nowhere/paraformer-zh", model="paraformer-zh"))
    assert found.num_parameters == 247_339_018  # FunASR's count, test_published.py
    # model.pt: 989,763,045 bytes, float32 and the pickle around it
    assert found.weight_bytes() == pytest.approx(989_763_045, rel=0.001)
    attention, feed_forward, table = 4 * 512 * 512, 2 * 512 * 2048, 8404 * 512
    linear = 66 * (attention + feed_forward) + 48 * 3 * 512 + feed_forward + table
    linear += 6 * (attention + feed_forward // 2) + feed_forward // 2 + table
    linear += (
        2 * 2 * 8 * 512 * 512
    )  # LSTMs: the timestamps' of two directions, the hotwords' of two layers
    assert found.weight_bytes() - found.weight_bytes("int8") == 3 * linear


def test_a_paraformer_costs_two_operations_a_weight_and_frame() -> None:
    found = asr_shape_of(AsrProfile(folder="/nowhere/paraformer-zh", model="paraformer-zh"))
    encoder = 49 * (4 * 512 * 512 + 2 * 512 * 2048) + 560 * 1536 + 512 * 512 + 2 * 512 * 2048
    frames = 40  # 2.4 s of 60 ms
    assert found.operations(2.4) > 2 * frames * encoder
    assert found.operations(2.4) < 1.4 * 2 * frames * encoder


def test_a_folder_that_is_not_there_and_not_known_names_itself() -> None:
    with pytest.raises(ModelError, match="/nowhere/own"):
        llm_shape_of(LlmProfile(folder="/nowhere/own"))


@pytest.mark.parametrize("missing", ["encoder_conf", "frontend_conf", "predictor_conf"])
def test_a_recogniser_config_that_lacks_dimensions_is_refused(
    missing: str, bundled_profile: Profile
) -> None:
    path = Path(bundled_profile.asr.folder) / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    del config[missing]
    with pytest.raises(ModelError, match=missing):
        asr_shape(config, 100)


@pytest.mark.models
def test_vllm_reports_the_same_bytes_a_block(
    bundled_generator: VllmGenerator, bundled_profile: Profile
) -> None:
    def blocks(engine: object) -> tuple[int, int]:
        groups = engine.engine_core.engine_core.scheduler.kv_cache_config.kv_cache_groups
        pages = [group.kv_cache_spec.page_size_bytes * len(group.layer_names) for group in groups]
        return sum(pages), groups[0].kv_cache_spec.block_size

    page_bytes, block_tokens = bundled_generator._thread.call(blocks).result()
    config = json.loads((Path(bundled_profile.llm.folder) / "config.json").read_text())
    per_token = llm_shape(config, "float32").kv_bytes_per_token
    assert page_bytes == block_tokens * per_token
