"""The watch, over a stand-in for NVML: there is no GPU where the tests run."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from voicebench.runs.gpu_use import GpuWatch


class NVMLError(Exception): ...


def nvml(num_gpus: int, **fails: bool) -> ModuleType:
    """NVML with boards whose memory grows by 1 GiB a reading; what is in `fails` is not reported."""
    module: Any = ModuleType("pynvml")
    readings = [0] * num_gpus

    def memory(handle: int) -> SimpleNamespace:
        readings[handle] += 1
        return SimpleNamespace(used=readings[handle] * 2**30)

    def power(_: int) -> int:
        if fails.get("power"):
            raise NVMLError("not supported")
        return 215_500

    def init() -> None:
        if fails.get("init"):
            raise NVMLError("no driver")

    module.NVMLError = NVMLError
    module.NVML_CLOCK_SM, module.NVML_CLOCK_MEM, module.NVML_TEMPERATURE_GPU = 1, 2, 0
    module.nvmlInit, module.nvmlShutdown = init, lambda: None
    module.nvmlDeviceGetCount = lambda: num_gpus
    module.nvmlDeviceGetHandleByIndex = lambda index: index
    module.nvmlDeviceGetName = lambda _: b"Card"
    module.nvmlDeviceGetMemoryInfo = memory
    module.nvmlDeviceGetPowerUsage = power
    module.nvmlDeviceGetClockInfo = lambda _, kind: 2520 if kind == 1 else 10_501
    module.nvmlDeviceGetTemperature = lambda *_: 61
    module.nvmlDeviceGetUtilizationRates = lambda _: SimpleNamespace(gpu=87)
    return module


def watched(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> tuple[dict, ...]:
    monkeypatch.setitem(sys.modules, "pynvml", module)
    with GpuWatch(interval_s=0.001) as watch:
        time.sleep(0.05)
    return watch.use()


def test_every_gpu_has_the_spread_of_every_quantity(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = watched(monkeypatch, nvml(2))
    assert first["name"] == second["name"] == "Card"
    assert first["power_w"] == {"min": 215.5, "mean": 215.5, "max": 215.5}
    assert first["sm_clock_mhz"]["max"] == 2520.0
    assert first["memory_clock_mhz"]["max"] == 10_501.0
    memory = first["memory_used_gib"]
    assert (memory["min"], memory["max"]) == (1.0, float(first["num_samples"]))
    assert memory["mean"] == pytest.approx((1 + first["num_samples"]) / 2)


def test_what_a_board_does_not_report_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    (only,) = watched(monkeypatch, nvml(1, power=True))
    assert "power_w" not in only
    assert only["temperature_c"]["max"] == 61.0


def test_even_the_shortest_run_has_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(1))
    with GpuWatch() as watch:
        pass
    assert watch.use()[0]["num_samples"] >= 1


@pytest.mark.parametrize(
    "module", [None, nvml(1, init=True), nvml(0)], ids=["package", "driver", "gpu"]
)
def test_without_any_there_is_nothing_and_nothing_is_said(
    module: ModuleType | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watched(monkeypatch, module) == ()
    assert capsys.readouterr() == ("", "")
