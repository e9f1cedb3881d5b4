"""What binds: CPU seconds by thread from the kernel, queues, and windows a call of the recogniser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from types import TracebackType
from typing import Any

from voicebench.asr.batcher import BatchingRecognizer
from voicebench.clock import now_s
from voicebench.llm.base import Delta, Generator, Prompt
from voicebench.types import Record, Sampling

SAMPLE_EVERY_S = 0.02
_SHORT = {"recogniser": "asr", "LLM": "llm", "event loop": "loop"}
THREADS = {"asr": "asr-batcher", "llm": "vllm-owner", "loop": "MainThread"}


class Load(Record):
    """What a stretch of time was spent on; sums add.

    CPU seconds by thread: the one that recognises, the one that owns the LLM, the event loop (with
    the VAD on it), all others. `*_wait_s`: ready to run and without a core.
    """

    elapsed_s: float = 0.0
    asr_cpu_s: float = 0.0
    asr_wait_s: float = 0.0
    llm_cpu_s: float = 0.0
    llm_wait_s: float = 0.0
    loop_cpu_s: float = 0.0
    loop_wait_s: float = 0.0
    other_cpu_s: float = 0.0
    num_calls: int = 0
    num_windows: int = 0
    num_samples: int = 0
    asr_queue_sum: int = 0
    asr_queue_max: int = 0
    llm_in_flight_sum: int = 0
    llm_in_flight_max: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(**{
            name: (max if name.endswith("_max") else sum)(
                [getattr(self, name), getattr(other, name)]
            )
            for name in self.__struct_fields__
        })  # fmt: skip

    @property
    def wanted_shares(self) -> dict[str, float]:
        """Share of the time in which each thread ran or was ready to."""
        return {
            title: (getattr(self, f"{name}_cpu_s") + getattr(self, f"{name}_wait_s"))
            / self.elapsed_s
            for title, name in _SHORT.items()
        }

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all threads."""
        return self.asr_cpu_s + self.llm_cpu_s + self.loop_cpu_s + self.other_cpu_s

    @property
    def binding(self) -> tuple[str, float, float]:
        """The thread that wanted most of the time, which share, and which without a core."""
        title, share = max(self.wanted_shares.items(), key=lambda item: item[1])
        wait_s: float = getattr(self, f"{_SHORT[title]}_wait_s")
        return title, share, wait_s / self.elapsed_s

    @property
    def windows_a_call(self) -> float:
        """Windows that went into the recogniser together."""
        return self.num_windows / max(1, self.num_calls)

    @property
    def asr_queue_mean(self) -> float:
        """Windows that waited for the recogniser."""
        return self.asr_queue_sum / max(1, self.num_samples)

    @property
    def llm_in_flight_mean(self) -> float:
        """Requests that the LLM had."""
        return self.llm_in_flight_sum / max(1, self.num_samples)


class WatchedGenerator:
    """A generator that counts the requests it has; everything else is the generator's."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.num_in_flight = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)

    async def stream(
        self, prompt: Prompt, sampling: Sampling, request_id: str = "", *, hold_s: float = 0.0
    ) -> AsyncGenerator[Delta, None]:
        self.num_in_flight += 1
        try:
            stream = self._generator.stream(prompt, sampling, request_id, hold_s=hold_s)
            try:
                async for delta in stream:
                    yield delta
            finally:
                await stream.aclose()
        finally:
            self.num_in_flight -= 1

    async def warm(self, prompt: Prompt) -> int:
        self.num_in_flight += 1
        try:
            return await self._generator.warm(prompt)
        finally:
            self.num_in_flight -= 1


class Watch:
    """Measures what goes on while it is entered."""

    def __init__(self, recognizer: Any, generator: WatchedGenerator) -> None:
        assert isinstance(recognizer, BatchingRecognizer)
        self._recognizer, self._generator = recognizer, generator
        self._queues: list[tuple[int, int]] = []

    async def __aenter__(self) -> Watch:
        self._before = self._read()
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        after = self._read()
        self._task.cancel()
        spent = {name: after[name] - self._before[name] for name in after}
        asr, llm = zip(*(self._queues or [(0, 0)]), strict=True)
        known_s = sum(spent[f"{name}_cpu_s"] for name in THREADS)
        process_cpu_s = spent.pop("process_cpu_s")
        self.load = Load(
            **spent, other_cpu_s=max(0.0, process_cpu_s - known_s), num_samples=len(asr),
            asr_queue_sum=sum(asr), asr_queue_max=max(asr), llm_in_flight_sum=sum(llm),
            llm_in_flight_max=max(llm),
        )  # fmt: skip

    def figures(self) -> dict[str, Any]:
        """For the JSON document."""
        return {"load": {name: getattr(self.load, name) for name in self.load.__struct_fields__}}

    async def _sample(self) -> None:
        while True:
            self._queues.append((self._recognizer.num_waiting, self._generator.num_in_flight))
            await asyncio.sleep(SAMPLE_EVERY_S)

    def _read(self) -> dict[str, Any]:
        import time

        idents = {thread.name: thread.native_id for thread in threading.enumerate()}
        found: dict[str, Any] = {}
        for name, thread in THREADS.items():
            cpu_s, wait_s = _schedstat(idents[thread])
            found |= {f"{name}_cpu_s": cpu_s, f"{name}_wait_s": wait_s}
        return found | {
            "elapsed_s": now_s(),
            "process_cpu_s": time.process_time(),
            "num_calls": self._recognizer.num_calls,
            "num_windows": self._recognizer.num_pieces,
        }


def _schedstat(thread: int | None) -> tuple[float, float]:
    """Seconds that a thread ran, and that it was ready to and had no core (Linux)."""
    ran_ns, waited_ns, _ = Path(f"/proc/self/task/{thread}/schedstat").read_text().split()
    return int(ran_ns) / 1e9, int(waited_ns) / 1e9
