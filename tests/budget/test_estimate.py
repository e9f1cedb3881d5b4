from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.budget.asr_size import AsrShape
from voicebench.budget.cards import CARDS, GIB, find_card
from voicebench.budget.estimate import Budget, Workload, estimate
from voicebench.budget.llm_size import LlmShape
from voicebench.budget.measure import measure
from voicebench.budget.shapes import asr_shape_of, companion_bytes_of, llm_shape_of
from voicebench.cli import main
from voicebench.errors import ConfigError, ModelError
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import AsrProfile, AuxiliaryModelProfile, Profile


def budget_of(name: str, card: str, **llm: Any) -> Budget:
    profile = load_profile(name)
    profile = msgspec.structs.replace(profile, llm=msgspec.structs.replace(profile.llm, **llm))
    asr, shape = shapes(profile)
    return estimate(profile, asr, shape, CARDS[card], None, companion_bytes_of(profile.asr))


def shapes(profile: Profile) -> tuple[AsrShape, LlmShape]:
    return asr_shape_of(profile.asr), llm_shape_of(profile.llm)


def part(budget: Budget, name: str) -> int:
    (line,) = [line for line in budget.memory if line.part == name]
    return line.num_bytes


@pytest.mark.parametrize(
    ("card", "vad", "punctuation", "speaker"),
    [("4090d", 0, 0, 28_036_335), ("cpu", 1_730_986, 296_188_555, 0)],
)
def test_companions_count_where_they_compute(
    card: str, vad: int, punctuation: int, speaker: int
) -> None:
    """The catalogue's sizes, before anything is fetched; the profile's recogniser is on the GPU."""
    profile = load_profile("4090d")
    budget = estimate(
        profile, *shapes(profile), find_card(card), None, companion_bytes_of(profile.asr)
    )
    assert part(budget, "VAD weights") == vad
    assert part(budget, "punctuation weights") == punctuation
    assert part(budget, "speaker weights") == speaker


def test_a_companions_folder_is_measured_by_its_weights(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"12345")
    (tmp_path / "config.yaml").write_text("model: FsmnVAD")
    asr = AsrProfile(folder="/nowhere", vad=AuxiliaryModelProfile(folder=str(tmp_path)))
    assert companion_bytes_of(asr) == {"vad": 5}
    nothing = AsrProfile(folder="/nowhere", vad=AuxiliaryModelProfile(folder="/nowhere/own"))
    with pytest.raises(ModelError, match="size of /nowhere/own is not known"):
        companion_bytes_of(nothing)


def test_a_token_of_qwen3_4b_takes_at_least_the_time_to_read_it() -> None:
    """2.666 GB of int4 weights and 300 tokens of cache over 1008 GB/s."""
    decode = budget_of("4090d", "4090d").floors[2]
    assert decode.floor_s == pytest.approx((2_665_925_632 + 300 * 147_456) / 1008e9)
    assert decode.bound == "bytes"


def test_a_prompt_takes_at_least_the_time_to_compute_it() -> None:
    prefill = budget_of("4090d", "4090d").floors[1]
    assert prefill.bound == "operations"
    assert prefill.floor_s == pytest.approx(prefill.operations / 147.1e12)
    assert prefill.operations == pytest.approx(200 * 2 * 36 * 100_925_440, rel=0.01)


@pytest.mark.parametrize(
    ("profile", "card"), [("4090d", "4090d"), ("4090d", "4090"), ("h100", "h100"), ("h100", "h200")]
)
def test_a_shipped_profile_fits_the_card_it_is_for(profile: str, card: str) -> None:
    budget = budget_of(profile, card)
    assert budget.fits, budget.problems
    assert sum(line.num_bytes for line in budget.memory) <= budget.card.memory_bytes
    assert budget.kv_tokens >= budget.max_model_len


def test_the_parts_of_the_llm_make_up_its_share() -> None:
    budget = budget_of("4090d", "4090d", gpu_memory_utilization=0.75)
    names = ("LLM weights", "LLM key-value cache", "LLM activations", "CUDA graphs")
    assert sum(part(budget, name) for name in names) == int(int(23.65 * GIB) * 0.75)


@pytest.mark.parametrize(
    ("llm", "named"),
    [
        ({"gpu_memory_utilization": 0.99}, "gpu_memory_utilization"),
        ({"gpu_memory_utilization": 0.15}, "max_model_len"),
        ({"max_model_len": 262_144}, "one conversation may have 262,144"),
    ],
)
def test_what_does_not_fit_says_which_setting_mends_it(llm: dict[str, Any], named: str) -> None:
    budget = budget_of("4090d", "4090d", **llm)
    assert not budget.fits
    assert any(named in problem for problem in budget.problems)


@given(
    util=st.floats(0.3, 0.9),
    more=st.integers(1, 4096),
    seqs=st.integers(1, 64),
)
def test_more_memory_or_fewer_sequences_never_leave_less_cache(
    util: float, more: int, seqs: int
) -> None:
    less = budget_of("4090d", "4090d", gpu_memory_utilization=util, max_num_seqs=seqs + more)
    fewer = budget_of("4090d", "4090d", gpu_memory_utilization=util, max_num_seqs=seqs)
    larger = budget_of("4090d", "h100", gpu_memory_utilization=util, max_num_seqs=seqs)
    assert less.kv_tokens <= fewer.kv_tokens <= larger.kv_tokens


@given(prompt=st.integers(1, 8000), cached=st.integers(0, 8000))
def test_what_is_cached_only_saves_operations(prompt: int, cached: int) -> None:
    profile = load_profile("4090d")
    asr, llm = shapes(profile)
    load = Workload(prompt_tokens=prompt + cached, cached_tokens=cached)
    cold = Workload(prompt_tokens=prompt + cached)
    with_cache, without = (
        estimate(profile, asr, llm, CARDS["4090d"], each) for each in (load, cold)
    )
    assert with_cache.floors[1].operations <= without.floors[1].operations


def test_an_unknown_card_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown card '4080'.*4090d.*h100"):
        find_card("4080")


@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_every_card_says_where_its_figures_are_from(card: Any) -> None:
    assert "NVIDIA" in card.source
    assert card.fp32_tflops < card.fp16_tflops <= card.int8_tops


def test_this_machine_is_measured() -> None:
    card = find_card("cpu")
    assert card.bandwidth_gb_s > 0
    assert 0 < card.fp32_tflops <= card.fp16_tflops <= card.int8_tops
    assert 0 < card.memory_gib < 10_000


def test_this_machine_is_measured_without_torch_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    rates = measure()
    assert 0 < rates["fp32_tflops"] == rates["fp16_tflops"] == rates["int8_tops"]
    assert "taken for 16 and 8 bits" in rates["source"]


def test_the_command_prints_tables_and_json_of_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budget", "4090d", "--gpu", "4090d"]) == 0
    shown = capsys.readouterr().out
    assert "2.666" in shown  # GB of weights
    assert main(["budget", "4090d", "--gpu", "4090d", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kv_bytes_per_token"] == 147_456
    assert f"{document['floors'][2]['floor_s'] * 1000:.3f}" in shown


def test_the_exit_code_says_that_it_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "asr: {model: paraformer-zh, device: cuda}\nllm: {model: qwen3-4b, max_model_len: 262144}\n"
    )
    assert main(["budget", str(own), "--gpu", "4090d"]) == 1
    assert "does not fit" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--gpu", "4080"],
        ["--gpu", "h100", "--prompt-tokens", "0"],
        ["--gpu", "h100", "--run", "/no"],
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["budget", "4090d", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
