"""Loading and warming up: what is run, what is said, and what is closed when it goes wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.pipeline.scripted import ScriptedGenerator, ScriptedRecognizer
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.asr.paraformer import ParaformerRecognizer
from voicebench.config import AsrProfile, LlmProfile, Profile
from voicebench.errors import ModelError
from voicebench.llm.prompts import build_messages
from voicebench.pipeline import ready
from voicebench.pipeline.ready import READY_LINE, load_and_warm_up
from voicebench.types import Sampling

PROFILE = Profile(name="p", asr=AsrProfile(folder="a"), llm=LlmProfile(folder="l"))


class Closing(ScriptedRecognizer):
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def recognizer(monkeypatch: pytest.MonkeyPatch) -> Closing:
    recognizer = Closing()
    monkeypatch.setattr(ready, "build_recognizer", lambda _: recognizer)
    return recognizer


def test_both_models_have_worked_before_it_says_ready(
    recognizer: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, said = ScriptedGenerator(), list[tuple[str, int, int]]()
    monkeypatch.setattr(ready, "build_generator", lambda _: generator)
    load_and_warm_up(
        PROFILE, lambda text: said.append((text, recognizer.num_calls, len(generator.asked)))
    )
    assert said == [
        ("Loading the recogniser ...", 0, 0),
        ("Loading the language model ...", 0, 0),
        (READY_LINE, 2, 1),
    ]
    assert READY_LINE == "[ASR] READY | [LLM] READY | [PIPELINE] FULLY INITIALIZED"


def test_models_for_several_streams_share_calls_and_answer_all_at_once(
    recognizer: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def build(profile: Profile) -> Any:
        asked.append(profile.llm.max_num_seqs)
        return ScriptedGenerator()

    monkeypatch.setattr(ready, "build_generator", build)
    assert load_and_warm_up(PROFILE)[0] is recognizer
    shared, _ = load_and_warm_up(PROFILE, num_streams=32)
    assert isinstance(shared, BatchingRecognizer)
    assert shared.num_pieces == 2
    shared.close()
    assert recognizer.is_closed
    load_and_warm_up(PROFILE, num_streams=4)[0].close()
    assert asked == [16, 32, 16]


@pytest.mark.parametrize("where", ["build", "warm_up"])
def test_what_was_loaded_is_closed_when_it_goes_wrong(
    recognizer: Closing, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def build(_: Profile) -> Any:
        if where == "build":
            raise ModelError("no weights")
        generator = ScriptedGenerator(answer="毒")
        monkeypatch.setattr(generator, "generate", lambda *_: 1 / 0)
        return generator

    monkeypatch.setattr(ready, "build_generator", build)
    said: list[str] = []
    with pytest.raises((ModelError, ZeroDivisionError)):
        load_and_warm_up(PROFILE, said.append)
    assert recognizer.is_closed
    assert READY_LINE not in said


@pytest.mark.models
def test_warming_up_leaves_the_bundled_models_as_a_fresh_process_has_them(
    bundled_profile: Profile, bundled_recognizer: Any, bundled_generator: Any
) -> None:
    ready.warm_up(bundled_recognizer, bundled_generator)
    prompt = bundled_generator.encode_chat(build_messages("seed", (), "你好"))

    async def first() -> int:
        async for delta in bundled_generator.stream(prompt, Sampling(max_tokens=1)):
            if delta.finish_reason:
                return delta.cached_prompt_tokens
        return -1

    assert asyncio.run(first()) == 0
    # Only with words in it does noise run the decoder; the VAD may take them out afterwards.
    eager = ParaformerRecognizer(bundled_profile.asr, only_speech=False)
    assert eager.recognize(ready._noise(2.4)).tokens
    eager.close()
