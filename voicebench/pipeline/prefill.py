"""Prefill: the prompt's beginning is computed while the person is still speaking.

What will stand in the prompt whatever else is said (system prompt, history, the transcript as far as
no later window can change it) is warmed into the LLM's prefix cache while the next window is being
recognised (double buffering), or, where a variant turns that off, before it. The cache goes by
content, so text that changes after all (a correction takes back what was said before) costs time and
never truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, Protocol

from voicebench.clock import TurnClock
from voicebench.llm.base import Generator, Prompt
from voicebench.pipeline.pace import start_beside
from voicebench.types import EventKind, Hypothesis

Outcome = Literal["done", "failed", "cancelled"]


class Emit(Protocol):
    """Takes an event of the turn, at the time of the call."""

    def __call__(self, kind: EventKind, data: dict[str, Any] | None = None) -> None:
        """Emits."""
        ...


class Prefill:
    """Warms one turn's prompt, the longest beginning last; at most one request at a time.

    Args:
        generator: See `Generator`.
        clock: The turn's.
        emit: Takes `prefill_started` and `prefill_finished`.
        build: The prompt up to the end of a transcript that goes on.
    """

    def __init__(
        self,
        generator: Generator,
        clock: TurnClock,
        emit: Emit,
        build: Callable[[Hypothesis], Prompt],
    ) -> None:
        self._generator = generator
        self._clock = clock
        self._emit = emit
        self._build = build
        self._warmed = Prompt(token_ids=())
        self._started_s = 0.0
        self._num_tokens = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self, transcript: Hypothesis, *, is_waited_for: bool = False) -> None:
        """Warms the prompt up to the end of `transcript`, in place of what is being warmed; nothing
        where no whole block is new. Failures are recorded and go no further. Whether the turn
        waits for it (`finished`) is only recorded."""
        block_tokens = self._generator.block_tokens
        try:
            prompt = self._build(transcript)
        except Exception as error:  # the final transcript will show whether it matters
            self._emit("prefill_finished", {"outcome": "failed", "error": _describe(error)})
            return
        whole = prompt.prefix(len(prompt) // block_tokens * block_tokens)
        if not len(whole) or whole == self._warmed.prefix(len(whole)):
            return
        self.cancel()
        self._started_s, self._num_tokens = self._clock.t_s(), len(whole)
        part = "transcript" if transcript.tokens else "head"
        data = {"part": part, "num_tokens": len(whole), "is_waited_for": is_waited_for}
        self._emit("prefill_started", data)
        self._task = start_beside(self._clock, self._warm(whole))

    def cancel(self) -> None:
        """Aborts what is being warmed."""
        if self._task and not self._task.done():
            self._task.cancel()
            self._finish("cancelled")

    async def finished(self, timeout_s: float) -> None:
        """Waits until nothing is being warmed, or for as long as a good LLM never takes."""
        if self._task:
            await asyncio.wait({self._task}, timeout=timeout_s)

    async def close(self) -> None:
        """Aborts what is being warmed and waits until it is gone."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _warm(self, prompt: Prompt) -> None:
        try:
            num_cached = await self._generator.warm(prompt)
        except Exception as error:  # the answer will be slower, and will tell if there is no LLM
            self._finish("failed", error=_describe(error))
            return
        self._warmed = prompt
        self._finish("done", cached_tokens=num_cached)

    def _finish(self, outcome: Outcome, **more: Any) -> None:
        data = {
            "outcome": outcome,
            "num_tokens": self._num_tokens,
            "engine_s": self._clock.t_s() - self._started_s,
        }
        self._emit("prefill_finished", data | more)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
