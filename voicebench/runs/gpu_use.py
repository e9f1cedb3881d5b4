"""What the GPUs did while a run went on: memory, power, clocks and temperature, sampled by NVML.

Peak memory and the clocks that were really reached are what a figure depends on and what no
data sheet says. Without nvidia-ml-py or without a GPU there is nothing to watch, and nothing is said.

    with GpuWatch() as watch:
        ...
    watch.use()  # a dict a GPU; () without one
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

INTERVAL_S = 0.2
"""NVML itself renews power and clocks about every 0.1 s."""


class GpuWatch:
    """Samples every GPU from its beginning to its end, on a thread of its own.

    Args:
        interval_s: Seconds between samples.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._samples: list[list[dict[str, float]]] = []
        self._names: list[str] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> GpuWatch:
        try:
            import pynvml

            pynvml.nvmlInit()
        except Exception:  # no package, no driver, no permission: all mean that nothing is watched
            return self
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        self._names = [_text(pynvml.nvmlDeviceGetName(handle)) for handle in handles]
        self._samples = [[] for _ in handles]
        self._thread = threading.Thread(
            target=self._watch, args=(pynvml, handles), name="gpu-watch", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join()

    def use(self) -> tuple[dict[str, Any], ...]:
        """Per GPU: its name, the number of samples, and min, mean and max of each quantity."""
        return tuple(
            {"name": name, "num_samples": len(samples), **_spread(samples)}
            for name, samples in zip(self._names, self._samples, strict=True)
        )

    def _watch(self, pynvml: Any, handles: list[Any]) -> None:
        try:
            while True:
                for handle, samples in zip(handles, self._samples, strict=True):
                    samples.append(_sample(pynvml, handle))
                if self._stop.wait(self._interval_s):
                    return
        finally:
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()


def _sample(pynvml: Any, handle: Any) -> dict[str, float]:
    """One reading; a quantity that the board does not report is left out."""
    readers: dict[str, Callable[[], float]] = {
        "memory_used_gib": lambda: pynvml.nvmlDeviceGetMemoryInfo(handle).used / 2**30,
        "power_w": lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
        "sm_clock_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
        "memory_clock_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
        "temperature_c": lambda: pynvml.nvmlDeviceGetTemperature(
            handle, pynvml.NVML_TEMPERATURE_GPU
        ),
        "busy_percent": lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
    }
    found = {}
    for name, read in readers.items():
        with contextlib.suppress(pynvml.NVMLError):
            found[name] = float(read())
    return found


def _spread(samples: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    names = dict.fromkeys(name for sample in samples for name in sample)
    spread = {}
    for name in names:
        values = [sample[name] for sample in samples if name in sample]
        spread[name] = {
            "min": round(min(values), 3),
            "mean": round(sum(values) / len(values), 3),
            "max": round(max(values), 3),
        }
    return spread


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
