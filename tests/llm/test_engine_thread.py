"""The owner thread under faults, with an engine whose failures can be chosen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from voicebench.errors import StageError
from voicebench.llm.base import Delta
from voicebench.llm.engine_thread import EngineThread, Request
from voicebench.types import Sampling

END = 2
POISON = 666
"""A prompt that begins with it makes every step raise that it is part of."""


@dataclass
class ScriptedEngine:
    """Answers a prompt with its own ids, one a step, as `LLMEngine` would; then the end token."""

    left: dict[str, list[int]] = field(default_factory=dict)
    prompts: dict[str, list[int]] = field(default_factory=dict)
    num_steps: int = 0
    num_closed: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()
        self.engine_core = SimpleNamespace(shutdown=self._shut_down)

    def _shut_down(self) -> None:
        self.num_closed += 1

    def add_request(self, request_id: str, prompt: dict[str, Any], max_tokens: int) -> None:
        ids = prompt["prompt_token_ids"]
        if not ids:
            raise ValueError("The decoder prompt cannot be empty")
        asked, answered = ids[: ids.index(0) + 1], ids[ids.index(0) + 1 :]
        self.left[request_id] = [*asked[:-1][len(answered) :], END][:max_tokens]
        self.prompts[request_id] = ids

    def step(self) -> list[Any]:
        self.gate.wait(10)
        self.num_steps += 1
        if any(self.prompts[name][0] == POISON for name in self.left):
            raise RuntimeError("device-side assert\nsecond line")
        outputs = []
        for name, left in list(self.left.items()):
            token = left.pop(0)
            if not left:
                del self.left[name]
            reason = ("stop" if token == END else "length") if not left else None
            text = "" if token == END else chr(token)
            completion = SimpleNamespace(token_ids=[token], text=text, finish_reason=reason)
            outputs.append(
                SimpleNamespace(
                    request_id=name, outputs=[completion], finished=not left, num_cached_tokens=7
                )
            )
        return outputs

    def abort_request(self, names: list[str]) -> None:
        for name in names:
            self.left.pop(name, None)

    def has_unfinished_requests(self) -> bool:
        return bool(self.left)


class Asked:
    """One request and what came of it."""

    def __init__(self, name: str, prompt: list[int], max_tokens: int = 64) -> None:
        self.done: Future[str] = Future()
        self.deltas: list[Delta] = []
        self.request = Request(name, prompt, Sampling(max_tokens=max_tokens), self._take)

    def _take(self, item: Delta | StageError) -> None:
        if isinstance(item, StageError):
            self.done.set_exception(item)
            return
        self.deltas.append(item)
        if item.finish_reason:
            self.done.set_result("".join(t.text for d in self.deltas for t in d.tokens))

    def answer(self) -> str:
        return self.done.result(10)


def ask(name: str, text: str, max_tokens: int = 64) -> Asked:
    return Asked(name, [*map(ord, text), 0], max_tokens)


def poison(name: str) -> Asked:
    return Asked(name, [POISON, 0])


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def thread(engine: ScriptedEngine) -> Iterator[EngineThread]:
    owner = EngineThread(lambda: engine, lambda sampling, max_tokens: max_tokens)
    yield owner
    engine.gate.set()
    owner.close()


def test_requests_added_at_once_are_stepped_together(
    thread: EngineThread, engine: ScriptedEngine
) -> None:
    asked = [ask(f"r{i}", "abcd") for i in range(8)]
    thread.submit([each.request for each in asked])
    assert [each.answer() for each in asked] == ["abcd"] * 8
    assert engine.num_steps == 5  # four tokens and the end


def test_the_end_token_is_no_token_of_the_answer(thread: EngineThread) -> None:
    asked = ask("r", "ab")
    thread.submit([asked.request])
    asked.answer()
    assert [[t.text for t in delta.tokens] for delta in asked.deltas] == [["a"], ["b"], []]
    assert asked.deltas[-1].finish_reason == "stop"
    assert asked.deltas[-1].cached_prompt_tokens == 7


def test_an_answer_cut_at_its_limit_keeps_its_last_token(thread: EngineThread) -> None:
    asked = ask("r", "abcd", max_tokens=3)
    thread.submit([asked.request])
    assert asked.answer() == "abc"
    assert asked.deltas[-1].finish_reason == "length"


def test_a_step_that_raises_fails_only_the_request_to_blame(
    thread: EngineThread, engine: ScriptedEngine
) -> None:
    good, bad = [ask(f"g{i}", "hello") for i in range(5)], poison("bad")
    thread.submit([*(each.request for each in good[:3]), bad.request, good[3].request])
    thread.submit([good[4].request])
    assert [each.answer() for each in good] == ["hello"] * 5
    with pytest.raises(StageError, match=r"RuntimeError: device-side assert$") as caught:
        bad.answer()
    assert caught.value.stage == "llm"


def test_a_request_set_aside_goes_on_from_where_it_stood(
    thread: EngineThread, engine: ScriptedEngine
) -> None:
    engine.gate.clear()
    good, bad = ask("good", "abcdef", max_tokens=6), poison("bad")
    thread.submit([good.request])
    while engine.num_steps < 2:  # lets single steps through
        engine.gate.set()
        engine.gate.clear()
    thread.submit([bad.request])
    engine.gate.set()
    assert good.answer() == "abcdef"
    assert [t.text for d in good.deltas for t in d.tokens] == list("abcdef")


def test_the_thread_lives_on_after_failures(thread: EngineThread) -> None:
    for number in range(3):
        bad = poison(f"bad{number}")
        thread.submit([bad.request])
        with pytest.raises(StageError):
            bad.answer()
    good = ask("good", "ok")
    thread.submit([good.request])
    assert good.answer() == "ok"


def test_a_prompt_that_the_engine_refuses_fails_alone(thread: EngineThread) -> None:
    refused, good = Asked("refused", []), ask("good", "ok")
    thread.submit([refused.request, good.request])
    with pytest.raises(StageError, match="ValueError: The decoder prompt cannot be empty"):
        refused.answer()
    assert good.answer() == "ok"


def test_an_aborted_request_stops_in_the_engine_and_delivers_nothing_more(
    thread: EngineThread, engine: ScriptedEngine
) -> None:
    engine.gate.clear()
    gone, other = ask("gone", "a" * 50), ask("other", "ok")
    thread.submit([gone.request, other.request])
    thread.abort(gone.request)
    engine.gate.set()
    assert other.answer() == "ok"
    assert thread.call(lambda built: dict(built.left)).result(10) == {}
    assert len(gone.deltas) <= 1
    assert not gone.done.done()


def test_a_function_runs_on_the_owner_thread_and_its_error_comes_back(
    thread: EngineThread, engine: ScriptedEngine
) -> None:
    name = thread.call(lambda _: threading.current_thread().name).result(10)
    assert name == "vllm-owner"
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda _: 1 // 0).result(10)
    asked = ask("r", "ok")
    thread.submit([asked.request])
    assert asked.answer() == "ok"


def test_closing_fails_what_is_in_flight_and_refuses_what_comes_later(
    thread: EngineThread, engine: ScriptedEngine
) -> None:
    engine.gate.clear()
    asked = ask("r", "a" * 50)
    thread.submit([asked.request])
    closer = threading.Thread(target=thread.close)
    closer.start()
    engine.gate.set()
    closer.join(10)
    with pytest.raises(StageError, match="was closed"):
        asked.answer()
    with pytest.raises(StageError, match="is closed"):
        thread.submit([ask("late", "x").request])
    thread.close()
    assert engine.num_closed == 1


def test_an_engine_that_cannot_be_built_raises_in_the_constructor() -> None:
    def build() -> Any:
        raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"):
        EngineThread(build, lambda sampling, max_tokens: max_tokens)
