"""What was predicted of a card stands beside what was measured, and is never mistaken for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.report.runs import latency_turns, quality_turns, write
from voicebench import report
from voicebench.budget.cards import CARDS, card_of_gpu
from voicebench.budget.estimate import Budget, Workload, estimate
from voicebench.budget.shapes import asr_shape_of, companion_bytes_of, llm_shape_of
from voicebench.errors import ConfigError
from voicebench.profiles.loader import load_profile
from voicebench.report.html import Several
from voicebench.report.tables import Table

GPU = {"name": "NVIDIA GeForce RTX 4090 D", "driver": "570", "memory_gib": 24.0}
USE = {"name": GPU["name"], "num_samples": 9,
       "memory_used_gib": {"min": 2.0, "mean": 20.0, "max": 21.53}}  # fmt: skip


def built(name: str) -> dict[str, Any]:
    profile: dict[str, Any] = msgspec.to_builtins(load_profile(name))
    return profile


def open_latency(folder: Path, **changes: Any) -> Any:
    fields = {"mode": "latency", "profile": built("4090d")} | changes
    return report.open_run(write(folder / "run", latency_turns(), **fields))


def tables_of(shown: Several) -> tuple[Table, Table]:
    memory, steps = (part for part in shown.parts if isinstance(part, Table))
    return memory, steps


def predicted(card: str, **load: Any) -> Budget:
    profile = load_profile("4090d")
    shapes = asr_shape_of(profile.asr), llm_shape_of(profile.llm)
    return estimate(
        profile, *shapes, CARDS[card], Workload(**load), companion_bytes_of(profile.asr)
    )


def test_a_run_on_the_card_has_both_and_their_ratio(tmp_path: Path) -> None:
    run = open_latency(tmp_path, machine={"gpus": [GPU]}, gpu_use=(USE,))
    shown = report.gpu_budget(run)
    assert "Measured: this run, on NVIDIA GeForce RTX 4090 D." in repr(shown)
    assert "another machine" not in repr(shown)
    memory, steps = tables_of(shown)
    budget = predicted("4090d", window_s=2.4)
    assert [row[1].text for row in memory.rows[:-1]] == [
        f"{line.num_bytes / 2**30:.2f}" for line in budget.memory
    ]
    total = sum(line.num_bytes for line in budget.memory) / 2**30
    assert [cell.text for cell in memory.rows[-1][1:3]] == [f"{total:.2f}", "21.53"]
    decode = steps.rows[2]
    floor_ms = 1000 * budget.floors[2].floor_s  # 0.1 s a token, see tests.report.runs
    assert [cell.text for cell in decode[1:]] == [
        f"{floor_ms:.2f}", "100.00", f"{100 / floor_ms:.1f}",
    ]  # fmt: skip
    assert "n = 6" in decode[2].detail


def test_a_run_without_a_gpu_says_what_is_predicted_and_what_was_measured(tmp_path: Path) -> None:
    run = open_latency(tmp_path, machine={"cpu": "x", "gpus": []})
    shown = report.gpu_budget(run)
    assert "Predicted: profile 4090d on card 4090d" in repr(shown)
    assert "Measured: this run, on the CPU (x), no GPU. That is another machine" in repr(shown)
    memory, steps = tables_of(shown)
    assert memory.rows[-1][2].text == "–"
    assert "Nothing was measured of it" in memory.caption
    assert [row[2].text for row in steps.rows] == ["100.00", "300.00", "100.00"]
    assert {row[3].text for row in steps.rows} == {"–"}


def test_another_card_is_predicted_when_asked_for(tmp_path: Path) -> None:
    run = open_latency(tmp_path, machine={"gpus": [GPU]}, gpu_use=(USE,))
    memory, steps = tables_of(report.gpu_budget(run, "h100"))
    floors = predicted("h100", window_s=3.6).floors
    assert [row[1].text for row in steps.rows] == [f"{1000 * f.floor_s:.2f}" for f in floors]
    assert {row[3].text for row in steps.rows} == {"–"}
    assert memory.columns[1].unit == "GiB, h100"
    with pytest.raises(ConfigError, match="unknown card '4080'"):
        report.gpu_budget(run, "4080")


def test_this_machine_is_compared_with_a_run_of_its_own_only(tmp_path: Path) -> None:
    from voicebench.runs.provenance import machine

    here = open_latency(tmp_path / "here", profile=built("bundled"), machine=machine())
    elsewhere = {"cpu": "x", "gpus": []}
    there = open_latency(tmp_path / "there", profile=built("bundled"), machine=elsewhere)
    assert {row[3].text for row in tables_of(report.gpu_budget(there, "cpu"))[1].rows} == {"–"}
    if not machine()["gpus"]:
        ratios = [row[3].text for row in tables_of(report.gpu_budget(here, "cpu"))[1].rows]
        assert all(float(ratio) > 0 for ratio in ratios)


def test_a_profile_that_does_not_fit_says_so(tmp_path: Path) -> None:
    profile = built("4090d")
    profile["llm"]["gpu_memory_utilization"] = 0.15
    run = open_latency(tmp_path, profile=profile, machine={"gpus": [GPU]})
    assert "Does not fit: the key-value cache holds" in repr(report.gpu_budget(run))


def test_a_quality_run_has_the_prediction_alone(tmp_path: Path) -> None:
    run = report.open_run(write(tmp_path / "run", quality_turns(), profile=built("bundled")))
    shown = report.gpu_budget(run)
    assert "voicebench run --mode latency" in repr(shown)
    assert {row[2].text for row in tables_of(shown)[1].rows} == {"–"}


@pytest.mark.parametrize(
    "profile",
    [{"name": "own"}, built("bundled") | {"name": "own"}],
    ids=["incomplete", "elsewhere"],
)
def test_a_profile_of_unknown_size_is_said_with_the_way_out(
    tmp_path: Path, profile: dict[str, Any]
) -> None:
    if "llm" in profile:
        profile["llm"] |= {"folder": "/nowhere/llm"}
    shown = repr(report.gpu_budget(open_latency(tmp_path, profile=profile)))
    assert "Nothing can be predicted of profile own" in shown
    assert "voicebench budget" in shown


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("NVIDIA GeForce RTX 4090 D", "4090d"), ("NVIDIA GeForce RTX 4090", "4090"),
        ("NVIDIA A100-SXM4-80GB", "a100"), ("NVIDIA A10", "a10"), ("NVIDIA L40S", "l40s"),
        ("NVIDIA L4", "l4"), ("NVIDIA H200", "h200"), ("NVIDIA A10G", None), ("Tesla T4", None),
    ],
)  # fmt: skip
def test_a_card_is_known_by_the_drivers_name(name: str, card: str | None) -> None:
    found = card_of_gpu(name)
    assert (found.name if found else None) == card
