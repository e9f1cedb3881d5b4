"""Prefill: the prompt's beginning is computed while the person is still speaking.

What will stand in the prompt whatever else is said (system prompt, history, the transcript as far as
no later window can change it) is warmed into the LLM's prefix cache while the next window is being
recognised (double buffering), or, where a variant turns that off, before it. The cache goes by
content, so text that changes after all (a correction takes back what was said before) costs time and
never truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Literal

from voicebench.clock import TurnClock
from voicebench.errors import ConfigError
from voicebench.events import Event, PrefillFinished, PrefillStarted
from voicebench.llm.base import Delta, Generator, Prompt
from voicebench.pipeline.pace import start_beside
from voicebench.types import Hypothesis, Sampling, Variant

Outcome = Literal["done", "failed", "cancelled"]


def check_prefill(generator: Generator, variant: Variant) -> None:
    """Refuses prefill where the generator keeps no prompts.

    Raises:
        ConfigError: It has no prefix cache, or no token ids.
    """
    if not getattr(generator, "block_tokens", 0):
        raise ConfigError(
            f"variant {variant.name!r}: prefill does nothing where no prompt is kept",
            "Set enable_prefix_caching: true in the profile, or prefill=false.",
        )


class Prefill:
    """Warms one turn's prompt, the longest beginning last; at most one request at a time.

    Args:
        generator: Its prefix cache is warmed.
        clock: The turn's.
        emit: Takes `prefill_started` and `prefill_finished`.
        build: The prompt up to the end of a transcript that goes on.
    """

    def __init__(
        self,
        generator: Generator,
        clock: TurnClock,
        emit: Callable[[Event], None],
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
        where nothing that can be kept is new. Failures are recorded and go no further. Whether the turn
        waits for it (`finished`) is only recorded."""
        step_tokens = self._generator.block_tokens
        try:
            prompt = self._build(transcript)
        except Exception as error:  # the final transcript will show whether it matters
            t_s = self._clock.t_s()
            self._emit(PrefillFinished(t_s=t_s, outcome="failed", error=_describe(error)))
            return
        whole = prompt.prefix(len(prompt) // step_tokens * step_tokens)
        if not len(whole) or whole == self._warmed.prefix(len(whole)):
            return
        self.cancel()
        self._started_s, self._num_tokens = self._clock.t_s(), len(whole)
        self._emit(
            PrefillStarted(
                t_s=self._clock.t_s(),
                part="transcript" if transcript.tokens else "head",
                num_tokens=len(whole),
                is_waited_for=is_waited_for,
            )
        )
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

    def answer(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        """The answer to the whole prompt, from what has been warmed of it; aborts what still is."""
        self.cancel()
        return self._generator.stream(prompt, sampling)

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

    def _finish(
        self, outcome: Outcome, *, cached_tokens: int | None = None, error: str | None = None
    ) -> None:
        t_s = self._clock.t_s()
        self._emit(
            PrefillFinished(
                t_s=t_s,
                outcome=outcome,
                num_tokens=self._num_tokens,
                engine_s=t_s - self._started_s,
                cached_tokens=cached_tokens,
                error=error,
            )
        )


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
