"""What the CPU of this machine can do, measured now; prints it as JSON.

    python -m voicebench.budget.measure

A process of its own: products of matrices in 16 and 8 bits take torch, which reports have to do
without. Where torch is not installed, float32 is measured with NumPy and stands for the others.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIZE = 1024  # of the square matrices
REPEATS = 5


def measure() -> dict[str, Any]:
    """Bytes read and operations done in a second, on as many threads as OMP_NUM_THREADS allows.

    Reading is timed by the dot product of 256 MB with itself, computing by products of matrices, each
    the best of five. A CPU with instructions for matrices in 16 and 8 bits (AMX) computes several
    times as fast in those.
    """
    array = np.ones(64 * 2**20, np.float32)
    read_s = _best_s(lambda: array @ array)
    rates, source = _rates()
    return {
        "bandwidth_gb_s": array.nbytes / read_s / 1e9,
        "fp32_tflops": rates[0],
        "fp16_tflops": max(rates[:2]),  # where 16 bits are slower, libraries compute in 32
        "int8_tops": max(rates),
        "source": f"measured just now in {source}, best of five, on a machine that may be busy",
    }


def _rates() -> tuple[list[float], str]:
    """10^12 operations a second in float32, 16 and 8 bits, and in what they were measured."""
    try:
        import torch
    except ImportError:
        left = np.ones((SIZE, SIZE), np.float32)
        rate = _rate(lambda: left @ left)
        return [rate] * 3, "float32, taken for 16 and 8 bits as well, which can be faster"
    dtypes = (torch.float32, torch.bfloat16, torch.int8)
    matrices = [torch.ones(SIZE, SIZE, dtype=dtype) for dtype in dtypes]
    multiply = (torch.mm, torch.mm, torch._int_mm)  # the public one takes no int8
    rates = [
        _rate(functools.partial(product, left, left))
        for left, product in zip(matrices, multiply, strict=True)
    ]
    return rates, "float32, bfloat16 and int8"


def _rate(multiply: Callable[[], object]) -> float:
    return 2 * SIZE**3 / _best_s(multiply) / 1e12


def _best_s(function: Callable[[], object]) -> float:
    times_s = []
    for _ in range(REPEATS):
        started_s = time.perf_counter()
        function()
        times_s.append(time.perf_counter() - started_s)
    return min(times_s)


if __name__ == "__main__":
    print(json.dumps(measure()))
