"""Models with a plan for each request: what it answers, and how it goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tests.pipeline.scripted import ScriptedGenerator, ScriptedRecognizer
from voicebench.clock import now_s
from voicebench.llm.base import Delta
from voicebench.types import AnswerToken, Hypothesis, Message, Sampling

CONTROL_ID, END_ID = 1, 2
"""Ids that are no Hanzi's code point: a control token, and the end token."""


@dataclass
class PlannedGenerator(ScriptedGenerator):
    """Each request takes the next plan: text, a list of token ids, or an error; `...` hangs."""

    plans: list[Any] = field(default_factory=list)
    offered: list[tuple[dict[str, Any], ...]] = field(default_factory=list)

    def is_legal_token(self, token_id: int) -> bool:
        return token_id not in (CONTROL_ID, END_ID) and token_id < 0x110000

    def encode_chat(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        self.offered.append(tuple(tools))
        return super().encode_chat(messages, tools)

    async def stream(
        self,
        prompt_token_ids: Sequence[int],
        sampling: Sampling,
        request_id: str = "",
        *,
        hold_s: float = 0.0,
    ) -> AsyncGenerator[Delta, None]:
        self.asked.append("".join(map(chr, prompt_token_ids)))
        plan = self.plans.pop(0) if self.plans else self.answer
        is_over = False
        try:
            if isinstance(plan, Exception):
                is_over = True
                raise plan
            if plan is ...:
                await asyncio.Event().wait()
            for token in plan:
                token_id = ord(token) if isinstance(token, str) else token
                text = token if isinstance(token, str) else ""
                await asyncio.sleep(self.token_s)
                yield Delta(tokens=(AnswerToken(id=token_id, text=text, t_s=now_s()),))
            is_over = True
            yield Delta(tokens=(), finish_reason="stop")
        finally:
            self.num_aborted += not is_over


@dataclass
class PlannedRecognizer(ScriptedRecognizer):
    """Each call takes the next plan: a confidence, an error, or an event to hang on."""

    plans: list[Any] = field(default_factory=list)

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        plan = self.plans.pop(0) if self.plans else 0.9
        if isinstance(plan, Exception):
            raise plan
        if isinstance(plan, threading.Event):
            plan.wait(30)
            plan = 0.9
        heard = super().recognize(samples)
        tokens = tuple(msgspec.structs.replace(token, confidence=plan) for token in heard.tokens)
        return Hypothesis(tokens=tokens, is_final=True)
