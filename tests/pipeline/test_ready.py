"""Loading and warming up: what is run, what is said, and what is closed when it goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.pipeline.scripted import ScriptedGenerator, ScriptedRecognizer, tone
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.asr.paraformer import ParaformerRecognizer
from voicebench.audio import chunk_audio
from voicebench.errors import ModelError
from voicebench.llm.prompts import build_messages
from voicebench.pipeline import ready
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.pipeline.ready import READY_LINE, load_and_warm_up, share_recognizer
from voicebench.profiles.schema import AsrProfile, LlmProfile, Profile
from voicebench.types import Event, Hypothesis, Sampling, Variant

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
        (READY_LINE, 3, 1),
    ]
    assert READY_LINE == "[ASR] READY | [LLM] READY | [PIPELINE] FULLY INITIALIZED"


def test_models_for_several_streams_share_calls_and_answer_all_at_once(
    recognizer: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def build(profile: LlmProfile) -> Any:
        asked.append(profile.max_num_seqs)
        return ScriptedGenerator()

    monkeypatch.setattr(ready, "build_generator", build)
    load_and_warm_up(PROFILE)
    shared, _ = load_and_warm_up(PROFILE, num_streams=32)
    assert isinstance(shared, BatchingRecognizer)
    assert shared.num_pieces == 3
    shared.close()
    assert recognizer.is_closed
    load_and_warm_up(PROFILE, num_streams=4)[0].close()
    assert asked == [16, 32, 16]


class OnThreads(Closing):
    """Notes the thread of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        self.threads.add(threading.get_ident())
        return super().recognize_batch(pieces)

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        self.threads.add(threading.get_ident())
        return super().recognize(samples)


async def play(assistant: Assistant, num_turns: int) -> list[list[Event]]:
    async def turn() -> list[Event]:
        clock = make_clock("fast")
        chunks = paced(chunk_audio(tone(3.0)), clock)
        return [event async for event in assistant.run_turn(chunks, Conversation(), clock=clock)]

    return list(await asyncio.gather(*(turn() for _ in range(num_turns))))


@pytest.mark.parametrize("num_streams", [1, 4])
def test_turns_recognise_on_the_thread_that_was_warmed_up(
    monkeypatch: pytest.MonkeyPatch, num_streams: int
) -> None:
    recognizer = OnThreads()
    monkeypatch.setattr(ready, "build_recognizer", lambda _: recognizer)
    monkeypatch.setattr(ready, "build_generator", lambda _: ScriptedGenerator())
    shared, generator = load_and_warm_up(PROFILE, num_streams=num_streams)
    warmed, recognizer.threads = recognizer.threads, set()
    turns = asyncio.run(play(Assistant(shared, generator, Variant(speculation=True)), 3))
    assert all(turn[-1].kind == "answer_finished" for turn in turns)
    assert recognizer.threads == warmed
    assert len(warmed) == 1
    shared.close()


@pytest.mark.parametrize("where", ["build", "warm_up"])
def test_what_was_loaded_is_closed_when_it_goes_wrong(
    recognizer: Closing, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def build(_: LlmProfile) -> Any:
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
    prompt = bundled_generator.encode_chat(build_messages("baseline", (), "你好"))

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


@pytest.fixture
def computing() -> Iterator[dict[str, set[str]]]:
    """The names of the threads on which each kind of torch module is called."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    threads: dict[str, set[str]] = {}

    def note(module: Any, _: Any) -> None:
        names = threads.setdefault(type(module).__name__, set())
        names.add(threading.current_thread().name)

    handle = register_module_forward_pre_hook(note)
    yield threads
    handle.remove()


@pytest.mark.models
def test_turns_of_the_bundled_models_compute_where_they_were_warmed_up(
    bundled_recognizer: Any, bundled_generator: Any, computing: dict[str, set[str]]
) -> None:
    # its recogniser is the session's, and is not closed here
    shared = share_recognizer(bundled_recognizer, num_streams=1)
    ready.warm_up(shared, bundled_generator)
    warmed = {kind: set(names) for kind, names in computing.items()}
    computing.clear()
    assistant = Assistant(shared, bundled_generator, Variant(sampling=Sampling(max_tokens=4)))

    async def type_in() -> list[Event]:
        return [event async for event in assistant.answer_text("你好", Conversation())]

    asyncio.run(play(assistant, 2))  # a hum, which need not have words that are answered
    assert asyncio.run(type_in())[-1].kind == "answer_finished"
    for kind in ("EncoderLayerSANM", "Qwen3ForCausalLM"):
        assert len(warmed[kind]) == 1, kind
        assert computing[kind] == warmed[kind], kind


def test_a_recognizer_object_stands_in_for_the_profiles(
    recognizer: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Closing()
    monkeypatch.setattr(ready, "build_generator", lambda _: ScriptedGenerator())
    loaded, _ = load_and_warm_up(PROFILE, recognizer=own)
    assert (own.num_calls, recognizer.num_calls) == (3, 0)
    loaded.close()
    assert own.is_closed
