"""Models whose words and failures can be chosen, behind the protocols of the real ones."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.vad import FRAME_SAMPLES
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

SYLLABLES = "明天下午三点在北京人民大会堂二楼会议室开请带上昨的材料和电脑不要迟到谢家嗯对四"
SYLLABLE_S = 0.2
_LEVEL = 0.01


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
    fails_at: tuple[int, ...] = ()
    """The streams that fail, by number; with `fails_after` alone all of them do."""
    token_s: float = 0.0
    warm_s: float = 0.0
    warming_fails: bool = False
    asked: list[str] = field(default_factory=list)
    warmed: list[str] = field(default_factory=list)
    num_aborted: int = 0
    num_warmings_aborted: int = 0
    num_open: int = 0
    block_tokens: int = 4
    takes_embeddings: bool = False

    def encode_chat(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        return [ord(char) for message in messages for char in f"{message.role}:{message.content}\n"]

    def encode_around(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], place: str
    ) -> list[list[int]]:
        text = "".join(map(chr, self.encode_chat(messages)))
        return [[ord(char) for char in piece] for piece in text.split(place)]

    def answer_to(self, prompt: str) -> str:
        return self.answer

    async def warm(self, prompt: Prompt) -> int:
        self.warmed.append("".join(map(chr, prompt)))
        try:
            await asyncio.sleep(self.warm_s)
        except asyncio.CancelledError:
            self.num_warmings_aborted += 1
            raise
        if self.warming_fails:
            raise StageError("llm", "RuntimeError: device-side assert")
        return 0

    async def stream(
        self, prompt: Prompt, sampling: Sampling, request_id: str = "", *, hold_s: float = 0.0
    ) -> AsyncGenerator[Delta, None]:
        number_asked = len(self.asked)
        self.asked.append("".join(map(chr, prompt)))
        self.num_open += 1
        is_over = False
        fails_after = self.fails_after if not self.fails_at or number_asked in self.fails_at else -1
        try:
            answer = self.answer_to(self.asked[number_asked])
            for number, char in enumerate(answer[: sampling.max_tokens]):
                if number == fails_after:
                    is_over = True
                    raise StageError("llm", "RuntimeError: device-side assert")
                await asyncio.sleep(self.token_s)
                yield Delta(tokens=(AnswerToken(id=ord(char), text=char, t_s=now_s()),))
            is_over = True
            yield Delta(tokens=(), finish_reason="stop", cached_prompt_tokens=3)
        finally:
            self.num_open -= 1
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


@dataclass
class CodedRecognizer:
    """Hears in audio made by `coded` each character that is whole in the piece, and nothing else."""

    confidence: float = 0.95
    compute_s: float = 0.0
    fails_at: int = -1
    num_calls: int = 0

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        self.num_calls += 1
        if self.num_calls - 1 == self.fails_at:
            raise RuntimeError("out of memory")
        time.sleep(self.compute_s)
        codes = np.rint(samples / _LEVEL).astype(int)
        edges = np.flatnonzero(np.diff(codes, prepend=0, append=0)).tolist()
        return Hypothesis(
            tokens=tuple(
                Token(
                    text=SYLLABLES[codes[start] - 1],
                    start_s=start / SAMPLE_RATE_HZ,
                    end_s=end / SAMPLE_RATE_HZ,
                    confidence=self.confidence,
                )
                for start, end in itertools.pairwise(edges)
                if codes[start] > 0 and end - start == round(SYLLABLE_S * SAMPLE_RATE_HZ)
            )
        )

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        return [self.recognize(piece) for piece in pieces]

    def close(self) -> None:
        pass


class LoudnessVad:
    """Hears speech in every frame that is not silent; in place of `SileroVad`."""

    speech_above, silence_below = 0.5, 0.35

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        return float(np.abs(frame).mean() > _LEVEL / 2)

    def speech_probabilities(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        frames = samples.reshape(-1, FRAME_SAMPLES)
        return np.array([self.speech_probability(frame) for frame in frames])


def coded(text: str) -> NDArray[np.float32]:
    """Audio of a text for `CodedRecognizer`: 0.2 s a character, a space is that much silence. No
    character may stand beside itself."""
    levels = [SYLLABLES.find(char) + 1 for char in text]
    return np.repeat(np.array(levels, np.float32) * _LEVEL, round(SYLLABLE_S * SAMPLE_RATE_HZ))


def tone(duration_s: float, loud: bool = True) -> NDArray[np.float32]:
    """A hum, or silence."""
    times = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.3 * loud * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
