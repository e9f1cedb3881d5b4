"""A generator without token ids: it takes messages and gives text, as another service does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from tests.pipeline.scripted import ScriptedRecognizer, tone
from voicebench.audio import chunk_audio
from voicebench.errors import ConfigError
from voicebench.llm.base import Delta, Prompt
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.pipeline.ready import warm_up
from voicebench.types import AnswerToken, Message, Sampling, Variant


class Echo:
    """Answers with the last message, in two parts."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    async def stream(
        self, prompt: Prompt, sampling: Sampling, request_id: str = "", *, hold_s: float = 0.0
    ) -> AsyncGenerator[Delta, None]:
        self.prompts.append(prompt)
        for text, reason in ((prompt.messages[-1].content, ""), ("。", "stop")):
            yield Delta(tokens=(AnswerToken(id=-1, text=text, t_s=0.0),), finish_reason=reason)

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> list[tuple[AnswerToken, ...]]:
        return [(AnswerToken(id=-1, text=p.messages[-1].content, t_s=0.0),) for p in prompts]

    def close(self) -> None: ...


def test_two_turns_reach_a_generator_as_messages() -> None:
    generator: Any = Echo()
    warm_up(ScriptedRecognizer(), generator)
    assistant, conversation = Assistant(ScriptedRecognizer(), generator, Variant()), Conversation()

    async def turn() -> list[Any]:
        clock = make_clock("fast")
        chunks = paced(chunk_audio(tone(3.0)), clock)
        return [e async for e in assistant.run_turn(chunks, conversation, clock=clock)]

    for _ in range(2):
        assert asyncio.run(turn())[-1].kind == "answer_finished"
    first, second = (prompt.messages for prompt in generator.prompts)
    spoken = first[-1].content
    assert [message.role for message in second] == ["system", "user", "assistant", "user"]
    assert second[-2].content == f"{spoken}。"


@pytest.mark.parametrize(
    "variant",
    [Variant(prefill=True), Variant(handoff="token_map"), Variant(handoff="embeds")],
)
def test_what_needs_token_ids_is_refused_before_a_turn(variant: Variant) -> None:
    generator: Any = Echo()
    with pytest.raises(ConfigError, match=f"{variant.name!r}"):
        Assistant(ScriptedRecognizer(), generator, variant)


def test_a_prompt_is_ids_or_messages() -> None:
    with pytest.raises(ValueError, match="not both"):
        Prompt(token_ids=(1,), messages=(Message(role="user", content="好"),))
