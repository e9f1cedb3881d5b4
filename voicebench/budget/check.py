"""Refuses to load what cannot fit, before minutes are spent or the system kills the process.

What is certain (weights and a fixed cache larger than all the memory, a share that is not free) is an
error; what is only likely to fail (less memory free just now than is needed) is a warning. A model
whose size is not known is let through: the loader will say what it thinks.
"""

from __future__ import annotations

import logging
from pathlib import Path

from voicebench.budget.cards import GIB, memory_limit_bytes
from voicebench.budget.estimate import graph_bytes, llm_activation_bytes
from voicebench.budget.shapes import asr_shape_of, llm_shape_of
from voicebench.errors import BudgetError, ModelError
from voicebench.profiles.schema import AsrProfile, LlmProfile

_LOGGER = logging.getLogger("voicebench")


def check_llm(profile: LlmProfile, free_bytes: int, total_bytes: int, *, on_cpu: bool) -> None:
    """Checks the language model against a device's memory.

    Args:
        profile: What is to be loaded.
        free_bytes: Memory free on the device now.
        total_bytes: All of its memory.
        on_cpu: Whether the device is the CPU, whose cache has a size of its own.

    Raises:
        BudgetError: It cannot fit.
    """
    try:
        shape = llm_shape_of(profile)
    except ModelError:
        return
    weights, activations = shape.weight_bytes, llm_activation_bytes(profile, shape)
    if on_cpu:
        needed = weights + int(profile.kv_cache_gib * GIB)
        _compare("LLM", profile.folder, needed, free_bytes, total_bytes, "llm.kv_cache_gib")
        return
    share = int(total_bytes * profile.gpu_memory_utilization)
    if share > free_bytes:
        raise BudgetError(
            f"llm.gpu_memory_utilization {profile.gpu_memory_utilization} asks for "
            f"{share / GIB:.1f} GiB and {free_bytes / GIB:.1f} of {total_bytes / GIB:.1f} are free",
            f"Set it to at most {int(100 * free_bytes / total_bytes) / 100}, or end what else is on "
            "the GPU (nvidia-smi)",
        )
    left = share - weights - activations - graph_bytes(profile, on_cpu=False)
    max_len = profile.max_model_len or shape.max_positions
    if left < max_len * shape.kv_bytes_per_token:
        message = (
            f"LLM {profile.folder}: {weights / GIB:.1f} GiB of weights leave about "
            f"{max(0, left) / GIB:.1f} of its share of {share / GIB:.1f} GiB, and a conversation of "
            f"{max_len:,} tokens takes {max_len * shape.kv_bytes_per_token / GIB:.1f}"
        )
        way_out = "Lower llm.max_model_len or raise llm.gpu_memory_utilization"
        if weights > share:
            raise BudgetError(message, way_out)
        _LOGGER.warning("warning: %s. %s", message, way_out)


def check_asr(profile: AsrProfile, free_bytes: int, total_bytes: int) -> None:
    """Checks the recogniser's weights against a device's memory.

    Raises:
        BudgetError: They cannot fit.
    """
    try:
        needed = asr_shape_of(profile).weight_bytes("float32")  # int8 is made of float32
    except ModelError:
        return
    _compare("recogniser", profile.folder, needed, free_bytes, total_bytes, "asr.folder")


def memory_now() -> tuple[int, int]:
    """Free and total bytes of the machine's own memory, as far as this process may use it."""
    total = memory_limit_bytes()
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return min(total, int(line.split()[1]) * 1024), total
    return total, total


def _compare(what: str, folder: str, needed: int, free: int, total: int, setting: str) -> None:
    message = f"{what} {folder} needs {needed / GIB:.1f} GiB and "
    if needed > total:
        raise BudgetError(
            f"{message}there are {total / GIB:.1f}",
            f"Take a smaller model, or lower what {setting} asks for",
        )
    if needed > free:
        _LOGGER.warning(
            "warning: %s%.1f of %.1f are free. End other programs if it does not load",
            message, free / GIB, total / GIB,
        )  # fmt: skip
