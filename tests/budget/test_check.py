from __future__ import annotations

import logging
import shutil
from pathlib import Path

import msgspec
import pytest

from voicebench.asr.kinds import build_recognizer
from voicebench.budget.cards import GIB
from voicebench.budget.check import check_asr, check_llm, memory_now
from voicebench.errors import BudgetError
from voicebench.llm.kinds import build_generator
from voicebench.profiles.schema import AsrProfile, LlmProfile, Profile

CARD = 24 * GIB


def int4(**settings: object) -> LlmProfile:
    base = LlmProfile(folder="/nowhere/qwen3-4b-int4", max_model_len=16_384, max_num_seqs=8)
    return msgspec.structs.replace(base, **settings)


@pytest.mark.parametrize(
    ("profile", "free", "named"),
    [
        # 0.9 of 24 GiB are 21.6; with 20 free, at most 0.83
        (int4(), 20 * GIB, ("asks for 21.6 GiB", "20.0 of 24.0 are free", "at most 0.83")),
        (int4(gpu_memory_utilization=0.05), CARD, ("2.5 GiB of weights", "llm.max_model_len")),
    ],
)
def test_what_cannot_fit_a_gpu_is_refused_with_values_and_way_out(
    profile: LlmProfile, free: int, named: tuple[str, ...]
) -> None:
    with pytest.raises(BudgetError) as error:
        check_llm(profile, free, CARD, on_cpu=False)
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    for part in named:
        assert part in str(error.value)


def test_a_context_that_leaves_no_room_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_llm(int4(max_model_len=262_144), CARD, CARD, on_cpu=False)
    (record,) = caplog.records
    assert "262,144 tokens takes 36.0" in record.getMessage()


def test_what_fits_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    check_llm(int4(gpu_memory_utilization=0.8), 22 * GIB, CARD, on_cpu=False)
    check_llm(int4(), 16 * GIB, 24 * GIB, on_cpu=True)
    check_asr(AsrProfile(folder="/nowhere/paraformer-zh"), 2 * GIB, 4 * GIB)
    assert not caplog.records


def test_on_a_cpu_the_cache_counts_and_lack_of_free_memory_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    profile = int4(kv_cache_gib=4.0)  # and 2.5 GiB of weights
    with pytest.raises(BudgetError, match=r"needs 6\.5 GiB and there are 6\.0"):
        check_llm(profile, 5 * GIB, 6 * GIB, on_cpu=True)
    check_llm(profile, 5 * GIB, 8 * GIB, on_cpu=True)
    assert "5.0 of 8.0 are free" in caplog.text


def test_a_model_of_unknown_size_is_left_to_its_loader(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    check_llm(LlmProfile(folder=str(tmp_path)), 0, 1, on_cpu=True)


def test_the_memory_of_this_machine_is_read() -> None:
    free, total = memory_now()
    assert 0 < free <= total


def test_a_cache_larger_than_the_machine_is_refused_before_vllm_loads(
    bundled_profile: Profile, bundled_generator: object
) -> None:
    _, total = memory_now()
    llm = msgspec.structs.replace(bundled_profile.llm, kv_cache_gib=2 * total / GIB)
    with pytest.raises(BudgetError, match=r"LLM .*llm needs"):
        build_generator(llm)


def test_a_recogniser_larger_than_the_machine_is_refused_before_funasr_loads(
    bundled_profile: Profile, tmp_path: Path
) -> None:
    folder = tmp_path / "asr"
    shutil.copytree(bundled_profile.asr.folder, folder)
    config = folder / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("num_blocks: 6", "num_blocks: 6000000"), encoding="utf-8")
    asr = msgspec.structs.replace(bundled_profile.asr, folder=str(folder))
    with pytest.raises(BudgetError, match=r"recogniser .*asr needs"):
        build_recognizer(asr)
