"""What the two models cost each other: a window with the LLM idle and busy, a token with ASR idle and busy.

In one process, on one device, in one run: the four figures are only worth anything side by side.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.clock import now_s
from voicebench.llm.base import Generator
from voicebench.llm.prompts import build_messages
from voicebench.types import Sampling

LONG = Sampling(max_tokens=128)


def measure(
    recognizer: Recognizer, generator: Generator, window: NDArray[np.float32], seconds: float
) -> dict[str, dict[str, float]]:
    """Windows and token gaps, each alone and beside the other, `seconds` for each of the four."""
    prompt = generator.encode_chat(build_messages("baseline", (), "请把今天会议的内容详细说一遍"))

    def recognise() -> list[float]:
        started_s = now_s()
        recognizer.recognize(window)
        return [now_s() - started_s]

    def answer() -> list[float]:
        return asyncio.run(_gaps(generator, prompt))

    figures = {"window, LLM idle": _spread(_repeat(recognise, seconds))}
    with _busy(answer):
        figures["window, LLM busy"] = _spread(_repeat(recognise, seconds))
    figures["token gap, ASR idle"] = _spread(_repeat(answer, seconds))
    with _busy(recognise):
        figures["token gap, ASR busy"] = _spread(_repeat(answer, seconds))
    return figures


async def _gaps(generator: Generator, prompt: list[int]) -> list[float]:
    times = []
    async for delta in generator.stream(prompt, LONG, "interference"):
        times += [token.t_s for token in delta.tokens]
    return [late - early for early, late in itertools.pairwise(times)]


def _repeat(work: Callable[[], list[float]], seconds: float) -> list[float]:
    work()  # warms up; left out
    found: list[float] = []
    until_s = now_s() + seconds
    while now_s() < until_s or len(found) < 5:
        found += work()
    return found


@contextmanager
def _busy(work: Callable[[], Any]) -> Iterator[None]:
    """Repeats work on another thread while the block runs."""
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            work()

    thread = threading.Thread(target=go_on, name="busy")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _spread(times_s: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times_s, (50, 95))
    return {
        "n": len(times_s),
        "p50_ms": 1000 * float(p50),
        "p95_ms": 1000 * float(p95),
        "min_ms": 1000 * min(times_s),
        "max_ms": 1000 * max(times_s),
        "mean_ms": 1000 * statistics.fmean(times_s),
    }
