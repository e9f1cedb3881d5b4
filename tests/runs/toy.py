"""A small recogniser, generator and suite: everything of a run but the real models."""

from __future__ import annotations

import json
import wave
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.clock import now_s
from voicebench.llm.base import Delta, Prompt
from voicebench.types import AnswerToken, Hypothesis, Message, Sampling, Token

RATE = 16_000


class ToyRecognizer:
    """Hears one character for each quarter of a second that is loud."""

    def __init__(self) -> None:
        self.num_pieces = 0

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        self.num_pieces += 1
        step = RATE // 4
        tokens = [
            Token(text="今天下午三点开会"[i % 8], start_s=i / 4, end_s=(i + 1) / 4, confidence=0.9)
            for i in range(len(samples) // step)
            if np.abs(samples[i * step : (i + 1) * step]).max() > 0.05
        ]
        return Hypothesis(tokens=tuple(tokens), is_final=True)

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        return [self.recognize(piece) for piece in pieces]

    def close(self) -> None: ...


class ToyGenerator:
    """Says how many messages it was given and repeats the last one."""

    block_tokens = 16

    def __init__(self) -> None:
        self.num_answers = 0

    def encode_chat(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        return [ord(char) for m in messages for char in f"{m.role}:{m.content}\n"]

    def encode_around(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], place: str
    ) -> list[list[int]]:
        text = "".join(map(chr, self.encode_chat(messages)))
        return [[ord(char) for char in piece] for piece in text.split(place)]

    async def warm(self, prompt: Prompt) -> int:
        return 0

    def _answer(self, prompt: Sequence[int]) -> tuple[AnswerToken, ...]:
        self.num_answers += 1
        lines = "".join(map(chr, prompt)).splitlines()
        text = f"{len(lines)}条：{lines[-1].removeprefix('user:')}。"
        return tuple(AnswerToken(id=ord(char), text=char, t_s=now_s()) for char in text)

    async def stream(
        self, prompt: Prompt, sampling: Sampling, request_id: str = "", *, hold_s: float = 0.0
    ) -> AsyncGenerator[Delta, None]:
        yield Delta(tokens=self._answer(prompt), finish_reason="stop")

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> list[tuple[AnswerToken, ...]]:
        return [self._answer(prompt) for prompt in prompts]

    def forget_prompts(self) -> None: ...

    def close(self) -> None: ...


def write_suite(folder: Path, num_cases: int = 3, num_turns: int = 2) -> Path:
    """A suite of tones: recordings, so that no speech has to be made."""
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(
        f"name: {folder.name}\ntitle: 日常问答\ndescription: Tones.\n", encoding="utf-8"
    )
    lines = []
    for case in range(num_cases):
        turns = []
        for turn in range(num_turns):
            name, speech_s = f"{case}_{turn}.wav", 1.0 + 0.25 * (2 * case + turn)
            _write_tone(folder / name, speech_s)
            turns.append(
                {
                    "reference": "今天下午三点开会" + "吧" * turn, "meaning": "今天下午三点开会",
                    "t_eos_s": speech_s, "audio": name,
                    "facts": [{"id": "f1", "type": "time", "value": "三点"}],
                }
            )  # fmt: skip
        case_line = {
            "id": f"case_{case}", "suite": folder.name, "clock": "2026-01-05T08:00", "turns": turns,
        }  # fmt: skip
        lines.append(json.dumps(case_line, ensure_ascii=False))
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _write_tone(path: Path, speech_s: float) -> None:
    times = np.arange(round(speech_s * RATE)) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 220 * times) * 32767).astype(np.int16)
    silence = np.zeros(RATE, np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate([tone, silence]).tobytes())
