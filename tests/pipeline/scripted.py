"""Models whose words and failures can be chosen, behind the protocols of the real ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.clock import now_s
from voicebench.errors import StageError
from voicebench.llm.base import Delta, Prompt
from voicebench.types import (
    SAMPLE_RATE_HZ,
    AnswerToken,
    Hypothesis,
    Message,
    Sampling,
    Token,
)


@dataclass
class ScriptedRecognizer:
    """Hears one character in every 0.3 s that are loud, taken in turn from `says`."""

    says: str = "明天下午三点开会吗"
    compute_s: float = 0.0
    fails_at: int = -1
    num_calls: int = 0
    vocabulary: tuple[str, ...] = ()

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        self.num_calls += 1
        if self.num_calls - 1 == self.fails_at:
            raise RuntimeError("out of memory")
        time.sleep(self.compute_s)
        step = round(0.3 * SAMPLE_RATE_HZ)
        loud = [
            start / SAMPLE_RATE_HZ
            for start in range(0, len(samples) - step + 1, step)
            if np.abs(samples[start : start + step]).mean() > 0.01
        ]
        return Hypothesis(
            tokens=tuple(
                Token(text=char, start_s=start_s, end_s=start_s + 0.3, confidence=0.9)
                for start_s, char in zip(loud, self.says, strict=False)
            )
        )

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        return [self.recognize(piece) for piece in pieces]

    def close(self) -> None:
        pass


@dataclass
class ScriptedGenerator:
    """Answers every prompt with `answer`, a character a token; remembers what it was asked."""

    answer: str = "三点。"
    fails_after: int = -1
    token_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    num_aborted: int = 0
    takes_embeddings: bool = False

    def encode_chat(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        return [ord(char) for message in messages for char in f"{message.role}:{message.content}\n"]

    async def stream(
        self, prompt: Prompt, sampling: Sampling, request_id: str = ""
    ) -> AsyncGenerator[Delta, None]:
        self.asked.append("".join(map(chr, prompt)))
        is_over = False
        try:
            for number, char in enumerate(self.answer[: sampling.max_tokens]):
                if number == self.fails_after:
                    is_over = True
                    raise StageError("llm", "RuntimeError: device-side assert")
                await asyncio.sleep(self.token_s)
                yield Delta(tokens=(AnswerToken(id=ord(char), text=char, t_s=now_s()),))
            is_over = True
            yield Delta(tokens=(), finish_reason="stop", cached_prompt_tokens=3)
        finally:
            self.num_aborted += not is_over

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> list[tuple[AnswerToken, ...]]:
        self.asked += ["".join(map(chr, prompt)) for prompt in prompts]
        if any("毒" in map(chr, prompt) for prompt in prompts):
            raise StageError("llm", "prompt 1 of 3: device-side assert")
        return [
            tuple(
                AnswerToken(id=ord(char), text=char, t_s=now_s())
                for char in self.answer[: sampling.max_tokens]
            )
            for _ in prompts
        ]

    def forget_prompts(self) -> None:
        pass

    def close(self) -> None:
        pass


def tone(duration_s: float, loud: bool = True) -> NDArray[np.float32]:
    """A hum, or silence."""
    times = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.3 * loud * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
