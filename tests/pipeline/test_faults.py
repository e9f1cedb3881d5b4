"""Every fault ends in a recorded turn with a reason and a hint, and the next turn works."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.pipeline.faulty import CONTROL_ID, PlannedGenerator, PlannedRecognizer
from tests.pipeline.scripted import tone
from tests.pipeline.test_assistant import BEGUN
from voicebench.asr.base import Recognizer
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.audio import AudioChunk, chunk_audio
from voicebench.errors import RequestRefusedError, StageError, StageTimeoutError
from voicebench.llm.tools import Toolbox, tool
from voicebench.pipeline.answering import TooManyToolCallsError
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.breaker import Breaker
from voicebench.pipeline.hints import HINTS, hint_of
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.types import Guard, Turn, Variant

LIMITS: dict[str, dict[str, float]] = {
    "audio_stalled": {"audio_idle_s": 0.2},
    "asr_timed_out": {"asr_timeout_s": 0.2},
    "llm_timed_out": {"llm_timeout_s": 0.2},
}
"""Shorter ones, only where something hangs: a busy machine may stand still as long."""
TOOL_LIMIT = {"tool_timeout_s": 0.05}
SPEECH = tone(1.5)
CALL = '<tool_call>{"name": "hang", "arguments": {}}</tool_call>'
held = threading.Event()


class OutOfMemoryError(RuntimeError):
    """Named as torch's own."""


@tool
def hang() -> str:
    """不回来"""
    held.wait(30)
    return ""


@pytest.fixture(autouse=True)
def _let_go() -> Any:
    held.clear()
    yield
    held.set()


def make(
    recognizer: Recognizer | None = None,
    generator: PlannedGenerator | None = None,
    **guard: Any,
) -> Assistant:
    return Assistant(
        recognizer or PlannedRecognizer(),
        generator or PlannedGenerator(),
        Variant(guard=Guard(**guard)),
        toolbox=Toolbox([hang]),
    )


async def hear(
    assistant: Assistant,
    chunks: AsyncIterator[AudioChunk] | None = None,
    conversation: Conversation | None = None,
) -> Turn:
    clock = make_clock("fast")
    arriving = chunks or paced(chunk_audio(SPEECH), clock)
    events = assistant.run_turn(arriving, conversation or Conversation(), clock=clock)
    return collect_turn([event async for event in events], BEGUN)


async def stalling() -> AsyncIterator[AudioChunk]:
    yield AudioChunk(tone(0.5), 0.0)
    await asyncio.Event().wait()


async def broken(samples: Any, rate_hz: int = 16_000) -> AsyncIterator[AudioChunk]:
    yield AudioChunk(tone(0.5), 0.0)
    yield AudioChunk(samples, 0.5, rate_hz)


def _with(value: float) -> Any:
    samples = tone(0.1)
    samples[7] = value
    return samples


def assert_falls_back_and_recovers(
    assistant: Assistant, reason: str, chunks: AsyncIterator[AudioChunk] | None = None
) -> Turn:
    """Plays a turn that goes wrong and one after it, in one conversation."""

    async def both() -> tuple[Turn, Turn, Conversation]:
        conversation = Conversation()
        bad = await hear(assistant, chunks, conversation)
        assert conversation.history() == ()
        return bad, await hear(assistant, None, conversation), conversation

    bad, good, conversation = asyncio.run(both())
    assert bad.degraded is not None
    assert bad.degraded.reason == reason
    assert bad.degraded.hint == HINTS[reason]
    assert "输入文字" in bad.degraded.hint
    assert bad.events[-1].kind == "degraded"
    assert msgspec.json.decode(msgspec.json.encode(bad), type=Turn) == bad
    assert (good.failure, good.degraded, good.answer) == (None, None, "三点。")
    assert len(conversation.exchanges) == 1
    return bad


# ---------------------------------------------------------------- audio


@pytest.mark.parametrize(
    ("chunks", "reason", "error", "message"),
    [
        (stalling, "audio_stalled", "AudioStalledError", "no audio came for 0.2 s after 0.50 s"),
        (lambda: broken(_with(np.nan)), "audio_invalid", "BadSamplesError", "NaN or infinity"),
        (lambda: broken(_with(-np.inf)), "audio_invalid", "BadSamplesError", "NaN or infinity"),
        (lambda: broken(_with(12345)), "audio_invalid", "BadSamplesError", "reaches 12345"),
        (lambda: broken((tone(0.1) * 32767).astype(np.int16)), "audio_invalid", "BadSamplesError",
         "int16"),
        (lambda: broken(np.zeros((10, 2), np.float32)), "audio_invalid", "BadSamplesError",
         "shape (10, 2)"),
        (lambda: broken(tone(0.1), 48_000), "audio_invalid", "RateChangedError",
         "48000 samples a second"),
    ],
)  # fmt: skip
def test_audio_that_goes_wrong(chunks: Any, reason: str, error: str, message: str) -> None:
    bad = assert_falls_back_and_recovers(make(**LIMITS.get(reason, {})), reason, chunks())
    assert bad.failure is not None
    assert (bad.failure.stage, bad.failure.type) == ("audio", error)
    assert message in bad.failure.message
    assert bad.answer == ""


def test_a_little_overshoot_is_clipped() -> None:
    turn = asyncio.run(hear(make(), broken(1.2 / 0.3 * tone(1.2))))
    assert turn.answer == "三点。"


# ---------------------------------------------------------------- recogniser


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (RuntimeError("cudnn"), "asr_failed"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory"),
        (held, "asr_timed_out"),
        (0.64, "low_confidence"),
    ],
)
def test_a_recogniser_that_goes_wrong(plan: Any, reason: str) -> None:
    generator = PlannedGenerator()
    assistant = make(PlannedRecognizer(plans=[plan]), generator, **LIMITS.get(reason, {}))
    bad = assert_falls_back_and_recovers(assistant, reason)
    assert len(generator.asked) == 1, "speech that was not understood never reaches the LLM"
    assert (bad.failure is None) == (reason == "low_confidence")
    assert bad.failure is None or bad.failure.stage == "asr"


def test_a_recogniser_that_hangs_behind_a_batching_front_is_replaced() -> None:
    recognizer = PlannedRecognizer(plans=[held])
    front = BatchingRecognizer(recognizer, stuck_after_s=0.2)
    assistant = make(front)
    bad = assert_falls_back_and_recovers(assistant, "asr_timed_out")
    assert bad.failure is not None
    assert "has not answered for 0.2 s" in bad.failure.message
    held.set()
    front.close()


@pytest.mark.parametrize(("confidence", "is_believed"), [(0.65, True), (0.6499, False)])
def test_the_threshold_of_confidence_is_a_setting(confidence: float, is_believed: bool) -> None:
    turn = asyncio.run(hear(make(PlannedRecognizer(plans=[confidence]))))
    assert (turn.degraded is None) is is_believed
    turn = asyncio.run(hear(make(PlannedRecognizer(plans=[confidence]), min_confidence=0.0)))
    assert turn.degraded is None


# ---------------------------------------------------------------- LLM


@pytest.mark.parametrize(
    ("plan", "reason", "shown"),
    [
        (StageError("llm", "RuntimeError: CUDA error: injected"), "llm_failed", ""),
        (StageError("llm", "OutOfMemoryError: CUDA out of memory"), "out_of_memory", ""),
        (OutOfMemoryError("CUDA out of memory"), "out_of_memory", ""),
        (..., "llm_timed_out", ""),
        (["三", *[CONTROL_ID] * 3, "点"], "illegal_tokens", "三"),
        (["三", *["\ufffd"] * 3, "点"], "illegal_tokens", "三"),
        (["三", CONTROL_ID, "\ufffd", 0x110000, "点"], "illegal_tokens", "三"),
    ],
)
def test_an_llm_that_goes_wrong(plan: Any, reason: str, shown: str) -> None:
    generator = PlannedGenerator(plans=[plan])
    assistant = make(generator=generator, **LIMITS.get(reason, {}))
    bad = assert_falls_back_and_recovers(assistant, reason)
    assert bad.failure is not None
    assert bad.failure.stage == "llm"
    assert bad.answer == shown
    assert generator.num_aborted == (reason in ("llm_timed_out", "illegal_tokens"))


def test_illegal_tokens_with_legal_ones_between_are_borne() -> None:
    plan = ["三", CONTROL_ID, CONTROL_ID, "点", CONTROL_ID, CONTROL_ID, "。"]
    turn = asyncio.run(hear(make(generator=PlannedGenerator(plans=[plan]))))
    assert (turn.degraded, turn.answer) == (None, "三点。")
    assert [event.data["num_illegal_tokens"] for event in turn.events[-1:]] == [4]


# ---------------------------------------------------------------- tools and clients


def test_a_tool_that_hangs_is_something_the_llm_is_told() -> None:
    generator = PlannedGenerator(plans=[CALL, "暂无法确认。"])
    turn = asyncio.run(hear(make(generator=generator, **TOOL_LIMIT)))
    assert (turn.failure, turn.degraded, turn.answer) == (None, None, "暂无法确认。")
    answered = next(event for event in turn.events if event.kind == "tool_answered")
    assert answered.data["outcome"] == "timed_out"
    assert "工具 hang 在 0.05 秒内没有完成" in generator.asked[1]


def test_an_llm_that_only_calls_tools_falls_back() -> None:
    generator = PlannedGenerator(plans=[CALL] * 4)
    assistant = make(generator=generator, **TOOL_LIMIT)
    bad = assert_falls_back_and_recovers(assistant, "too_many_tool_calls")
    assert bad.answer == ""
    assert sum(event.kind == "tool_called" for event in bad.events) == 3


def test_a_client_that_leaves_mid_answer_is_recorded_and_the_next_turn_works() -> None:
    generator = PlannedGenerator(plans=["三" * 100])
    assistant, conversation = make(generator=generator), Conversation()

    async def leave() -> Turn:
        clock, seen = make_clock("fast"), []
        events = assistant.run_turn(paced(chunk_audio(SPEECH), clock), conversation, clock=clock)
        async for event in events:
            seen.append(event)
            if event.kind == "answer_token":
                break
        await events.aclose()
        return collect_turn(seen, BEGUN)

    left = asyncio.run(leave())
    assert left.failure is not None
    assert (left.failure.stage, left.failure.type) == ("client", "ClientDisconnectedError")
    assert left.answer == "三"
    assert generator.num_aborted == 1
    assert conversation.history() == ()
    assert asyncio.run(hear(assistant)).answer == "三点。"


# ---------------------------------------------------------------- the breaker over several turns


class HandClock:
    def __init__(self) -> None:
        self.t_s = 0.0

    def __call__(self) -> float:
        return self.t_s


@pytest.mark.parametrize(
    ("recognizer", "generator", "trouble"),
    [
        ([RuntimeError("x")] * 3, [], "asr"),
        ([RuntimeError("CUDA out of memory")] * 3, [], "asr"),
        ([], [StageError("llm", "x")] * 3, "llm"),
        ([], [StageTimeoutError("llm", "x")] * 3, "llm"),
    ],
)
def test_failures_in_a_row_open_and_a_good_trial_closes(
    recognizer: list[Any], generator: list[Any], trouble: str
) -> None:
    hearing = PlannedRecognizer(plans=list(recognizer))
    answering = PlannedGenerator(plans=list(generator))
    assistant, clock = make(hearing, answering), HandClock()
    assistant.breaker = Breaker(Guard(), clock)

    def play() -> tuple[Turn, list[str]]:
        turn = asyncio.run(hear(assistant))
        breaker = [
            f"{event.kind} {event.data['trouble']}"
            for event in turn.events
            if event.kind.startswith("breaker_")
        ]
        return turn, breaker

    assert [play()[1] for _ in range(3)] == [[], [], [f"breaker_opened {trouble}"]]
    calls, asked = hearing.num_calls, len(answering.asked)
    held_back, breaker = play()
    assert held_back.degraded is not None
    assert (held_back.degraded.reason, breaker) == ("breaker_open", [])
    assert [event.kind for event in held_back.events] == ["degraded"]
    assert (hearing.num_calls, len(answering.asked)) == (calls, asked), "speech is not sent on"
    clock.t_s = 30.0
    trial, breaker = play()
    assert trial.answer == "三点。"
    assert breaker == [f"breaker_half_open {trouble}", f"breaker_closed {trouble}"]
    assert play()[0].answer == "三点。"


@pytest.mark.parametrize(
    ("recognizer", "generator", "reason"),
    [
        ([0.3] * 4, [], "low_confidence"),
        ([], [[CONTROL_ID] * 3] * 4, "illegal_tokens"),
        ([], [RequestRefusedError("llm", "x")] * 4, "llm_failed"),
        ([], [TooManyToolCallsError("llm", "x")] * 4, "too_many_tool_calls"),
    ],
)
def test_what_one_client_brings_never_stops_another(
    recognizer: list[Any], generator: list[Any], reason: str
) -> None:
    unclear = make(
        PlannedRecognizer(plans=list(recognizer)), PlannedGenerator(plans=list(generator)),
        open_after=1,
    )  # fmt: skip
    clear = make(open_after=1)
    clear.breaker = unclear.breaker  # one process, two clients
    for _ in range(4):
        turn = asyncio.run(hear(unclear))
        assert turn.degraded is not None
        assert turn.degraded.reason == reason
        assert asyncio.run(hear(clear)).answer == "三点。"


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_broken_samples_never_open_the_breaker(wrong: float) -> None:
    assistant = make(open_after=1)
    for _ in range(3):
        asyncio.run(hear(assistant, broken(_with(wrong))))
    assert asyncio.run(hear(assistant)).answer == "三点。"


def test_a_prompt_that_is_too_long_ends_its_own_turn() -> None:
    generator = PlannedGenerator()
    generator.max_model_tokens = 10  # type: ignore[attr-defined]
    assistant = make(generator=generator, open_after=1)
    for _ in range(3):
        turn = asyncio.run(hear(assistant))
        assert turn.failure is not None
        assert (turn.failure.stage, turn.failure.type) == ("prompt", "PromptTooLongError")
        assert turn.degraded is not None
        assert turn.degraded.reason == "prompt_too_long"
    assert generator.asked == []


def test_a_run_of_unclear_turns_suggests_typing_in_that_conversation_alone() -> None:
    assistant = make(PlannedRecognizer(plans=[0.3, 0.3, 0.3, 0.9, 0.3]), open_after=2)
    conversation, other = Conversation(), Conversation()
    hints = [
        turn.degraded and turn.degraded.hint
        for turn in (asyncio.run(hear(assistant, None, each)) for each in (
            conversation, conversation, other, conversation, conversation
        ))
    ]  # fmt: skip
    once, again = hint_of("low_confidence"), hint_of("unclear_again")
    assert hints == [once, again, once, None, once]


def test_silence_neither_opens_nor_closes() -> None:
    assistant = make(PlannedRecognizer(says=""), open_after=1)
    for _ in range(3):
        turn = asyncio.run(hear(assistant))
        assert turn.degraded is not None
        assert turn.degraded.reason == "silence"


# ---------------------------------------------------------------- text input


async def typed(assistant: Assistant, text: str, conversation: Conversation) -> Turn:
    events = [event async for event in assistant.answer_text(text, conversation)]
    return collect_turn(events, BEGUN)


def test_text_is_answered_from_cleaned_on_while_speech_is_held_back() -> None:
    hearing, answering = PlannedRecognizer(plans=[RuntimeError("x")]), PlannedGenerator()
    assistant, conversation = make(hearing, answering, open_after=1), Conversation()
    asyncio.run(hear(assistant))
    turn = asyncio.run(typed(assistant, " 几点（下午）开会呃 ", conversation))
    assert [event.kind for event in turn.events] == [
        "cleaned", "prompt_built", "request_submitted", *["answer_token"] * 3, "answer_finished"
    ]  # fmt: skip
    assert (turn.cleaned, turn.answer, turn.degraded) == ("几点（下午）开会呃", "三点。", None)
    assert turn.hypothesis.text == ""
    held_back = asyncio.run(hear(assistant, None, conversation))
    assert held_back.degraded is not None
    assert held_back.degraded.reason == "breaker_open"
    assert len(conversation.exchanges) == 1


def test_typed_and_spoken_turns_share_a_conversation() -> None:
    answering, conversation = PlannedGenerator(), Conversation()
    assistant = make(generator=answering)
    asyncio.run(typed(assistant, "在二楼开会", conversation))
    asyncio.run(hear(assistant, None, conversation))
    assert "user:在二楼开会\nassistant:三点。\n" in answering.asked[1]


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_text_is_no_question(text: str) -> None:
    generator = PlannedGenerator()
    turn = asyncio.run(typed(make(generator=generator), text, Conversation()))
    assert turn.degraded is not None
    assert turn.degraded.reason == "nothing_typed"
    assert generator.asked == []


def test_text_that_cannot_be_answered_falls_back_too() -> None:
    generator = PlannedGenerator(plans=[StageError("llm", "x")])
    assistant = make(generator=generator)
    turn = asyncio.run(typed(assistant, "几点", Conversation()))
    assert turn.degraded is not None
    assert turn.degraded.reason == "llm_failed"
    assert asyncio.run(typed(assistant, "几点", Conversation())).answer == "三点。"


# ---------------------------------------------------------------- the real engine


def _real(bundled_recognizer: Any, bundled_generator: Any) -> Assistant:
    return Assistant(bundled_recognizer, bundled_generator, Variant())


def _in_flight(generator: Any) -> int:
    return int(
        generator._thread.call(lambda engine: engine.get_num_unfinished_requests()).result(30)
    )


@pytest.mark.models
def test_an_engine_without_memory_fails_one_turn_and_answers_the_next(
    bundled_recognizer: Any, bundled_generator: Any
) -> None:
    import torch

    def fail_once(engine: Any) -> None:
        def step() -> Any:
            if not engine.has_unfinished_requests():
                return type(engine).step(engine)
            del engine.step
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

        engine.step = step

    assistant, conversation = _real(bundled_recognizer, bundled_generator), Conversation()
    bundled_generator._thread.call(fail_once).result(30)
    bad = asyncio.run(typed(assistant, "明天下午三点开会请问几点开会", conversation))
    assert bad.degraded is not None
    assert bad.degraded.reason == "out_of_memory"
    assert _in_flight(bundled_generator) == 0
    good = asyncio.run(typed(assistant, "明天下午三点开会请问几点开会", conversation))
    assert (good.failure, good.degraded) == (None, None)
    assert good.answer


@pytest.mark.models
def test_an_answer_of_illegal_tokens_is_aborted_in_the_engine(
    bundled_recognizer: Any, bundled_generator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant, conversation = _real(bundled_recognizer, bundled_generator), Conversation()
    with monkeypatch.context() as patched:
        patched.setattr(type(bundled_generator), "is_legal_token", lambda *_: False)
        bad = asyncio.run(typed(assistant, "明天下午三点开会请问几点开会", conversation))
    assert bad.degraded is not None
    assert (bad.degraded.reason, bad.answer) == ("illegal_tokens", "")
    assert _in_flight(bundled_generator) == 0
    good = asyncio.run(typed(assistant, "明天下午三点开会请问几点开会", conversation))
    assert good.degraded is None
    assert good.events[-1].data["num_illegal_tokens"] == 0, "its own tokens are legal"


@pytest.mark.models
def test_random_weights_answer_at_full_length_whatever_the_tokens(
    bundled_recognizer: Any, bundled_generator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant, conversation = _real(bundled_recognizer, bundled_generator), Conversation()
    assert bundled_generator.answers_at_random is False
    with monkeypatch.context() as patched:
        patched.setattr(bundled_generator, "answers_at_random", True)
        patched.setattr(type(bundled_generator), "is_legal_token", lambda *_: False)
        turn = asyncio.run(typed(assistant, "明天下午三点开会请问几点开会", conversation))
    assert (turn.failure, turn.degraded, turn.finish_reason) == (None, None, "length")
    assert len(turn.answer_tokens) == assistant.variant.sampling.max_tokens
