"""Speculation: the answer is begun before the turn is committed.

A draft is begun after some windows in a row that the recogniser is sure of, and at the onset of a
pause. Its tokens stay in here. When the turn is committed the draft is kept if, and only if, the
final prompt is the one it answers, token for token; else, and whenever speech goes on or a window
changes the prompt, it is aborted, and no token of it goes anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Literal

from voicebench.clock import TurnClock
from voicebench.events import Event, SpeculationDropped, SpeculationKept, SpeculationStarted
from voicebench.llm.base import Delta, Prompt
from voicebench.pipeline.pace import start_beside
from voicebench.types import Hypothesis, Record, Variant, Window

Trigger = Literal["windows", "pause"]
DropReason = Literal["speech_resumed", "prompt_changed", "failed", "turn_over"]


class DraftPrompt(Record):
    """What a draft answers."""

    transcript: str
    cleaned: str
    prompt: Prompt


class Draft:
    """One answer begun early; iterating `deltas` is keeping it.

    Args:
        asked: What it answers.
        trigger: Why it was begun.
        stream: The answer, not yet begun; closing it aborts the request.
        clock: The turn's.
    """

    def __init__(
        self,
        asked: DraftPrompt,
        trigger: Trigger,
        stream: AsyncGenerator[Delta, None],
        clock: TurnClock,
    ) -> None:
        self.asked = asked
        self.trigger = trigger
        self.started_s = clock.t_s()
        self.finished_s: float | None = None
        self.first_token_s: float | None = None
        self.num_tokens = 0
        self.cached_prompt_tokens = 0
        self.failure: Exception | None = None
        self._clock = clock
        self._inbox: asyncio.Queue[Delta | None] = asyncio.Queue()
        self.task = start_beside(clock, self._fill(stream))

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """What is there at once, then the rest as it comes; closing it aborts the request.

        Raises:
            Exception: What the engine raised on it, after what it gave.
        """
        try:
            while (delta := await self._inbox.get()) is not None:
                yield delta
            if self.failure:
                raise self.failure
        finally:
            self.task.cancel()

    async def _fill(self, stream: AsyncGenerator[Delta, None]) -> None:
        try:
            async with contextlib.aclosing(stream):
                async for delta in stream:
                    if delta.tokens and self.first_token_s is None:
                        self.first_token_s = delta.tokens[0].t_s - self._clock.start_s
                    self.num_tokens += len(delta.tokens)
                    self.cached_prompt_tokens = max(
                        self.cached_prompt_tokens, delta.cached_prompt_tokens
                    )
                    self._inbox.put_nowait(delta)
        except Exception as error:
            self.failure = error
        finally:
            self.finished_s = self._clock.t_s()
            self._inbox.put_nowait(None)


class Speculation:
    """One turn's drafts, at most one at a time.

    Args:
        variant: When to begin one.
        clock: The turn's.
        emit: Takes `speculation_started`, `speculation_kept` and `speculation_dropped`.
        build: The prompt that a transcript gives; None where there is nothing to answer.
        stream: Streams the answer to a prompt.
    """

    def __init__(
        self,
        variant: Variant,
        clock: TurnClock,
        emit: Callable[[Event], None],
        build: Callable[[Hypothesis], DraftPrompt | None],
        stream: Callable[[Prompt], AsyncGenerator[Delta, None]],
    ) -> None:
        self._variant = variant
        self._clock = clock
        self._emit = emit
        self._build = build
        self._stream = stream
        self._num_confident = 0
        self._draft: Draft | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def hear(self, window: Window, hypothesis: Hypothesis) -> None:
        """A window has been merged: drops a draft that it belies, and begins one after enough
        windows in a row. After a draft the counting begins anew."""
        is_confident = window.confidence >= self._variant.speculation_confidence
        self._num_confident = self._num_confident + 1 if is_confident else 0
        if self._num_confident >= self._variant.speculation_windows:
            self._num_confident = 0
            self.begin(hypothesis, "windows")
        elif self._draft:
            asked = self._try_build(hypothesis, self._draft.trigger)
            if asked is None or not self._answers(asked.prompt):
                self.drop("prompt_changed")

    def begin(self, hypothesis: Hypothesis, trigger: Trigger) -> None:
        """Begins a draft on a transcript, unless the present one answers just that prompt."""
        asked = self._try_build(hypothesis, trigger)
        if asked and self._answers(asked.prompt):
            return
        self.drop("prompt_changed")
        if asked is None:
            return
        self._draft = Draft(asked, trigger, self._stream(asked.prompt), self._clock)
        self._tasks.append(self._draft.task)
        self._emit(
            SpeculationStarted(
                t_s=self._clock.t_s(),
                trigger=trigger,
                text=asked.transcript,
                cleaned=asked.cleaned,
                num_prompt_tokens=len(asked.prompt),
            )
        )

    def drop(self, reason: DropReason) -> None:
        """Aborts the draft, if there is one."""
        if draft := self._draft:
            self._draft = None
            draft.task.cancel()
            self._emit(self._dropped(draft, reason))

    def keep(self, prompt: Prompt) -> AsyncGenerator[Delta, None] | None:
        """At commit: the draft's answer where it answers exactly this prompt; else aborts it.

        Returns:
            The answer, to be closed by the caller; None where a request is needed.
        """
        draft = self._draft
        if draft is None or not self._answers(prompt):
            self.drop("prompt_changed")
            return None
        self._draft = None
        self._emit(
            SpeculationKept(
                t_s=self._clock.t_s(),
                trigger=draft.trigger,
                started_s=draft.started_s,
                first_token_s=draft.first_token_s,
                num_tokens=draft.num_tokens,
            )
        )
        return draft.deltas()

    def report_failure(self, trigger: Trigger, error: Exception) -> None:
        """Records why no draft could be begun; the turn goes on without."""
        problem = f"{type(error).__name__}: {error}"
        self._emit(
            SpeculationDropped(
                t_s=self._clock.t_s(), trigger=trigger, reason="failed", error=problem
            )
        )

    async def close(self) -> None:
        """Aborts whatever is left and waits until it is gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _answers(self, prompt: Prompt) -> bool:
        draft = self._draft
        return draft is not None and not draft.failure and draft.asked.prompt == prompt

    def _try_build(self, hypothesis: Hypothesis, trigger: Trigger) -> DraftPrompt | None:
        try:
            return self._build(hypothesis)
        except Exception as error:  # the final transcript will show whether it matters
            self.report_failure(trigger, error)
            return None

    def _dropped(self, draft: Draft, reason: DropReason) -> SpeculationDropped:
        t_s, error = self._clock.t_s(), draft.failure
        return SpeculationDropped(
            t_s=t_s,
            trigger=draft.trigger,
            reason="failed" if error else reason,
            num_tokens=draft.num_tokens,
            engine_s=(draft.finished_s or t_s) - draft.started_s,
            started_s=draft.started_s,
            cached_prompt_tokens=draft.cached_prompt_tokens,
            error=f"{type(error).__name__}: {error}" if error else None,
        )
