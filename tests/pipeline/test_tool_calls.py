"""A turn in which the LLM calls tools: what is shown, what is told, and what is recorded."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from tests.pipeline.faulty import PlannedGenerator
from tests.pipeline.scripted import ScriptedRecognizer, tone
from tests.pipeline.test_assistant import BEGUN
from voicebench.audio import chunk_audio
from voicebench.metrics.latency import latencies
from voicebench.metrics.waterfall import waterfall
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.pipeline.sample_tools import sample_toolbox
from voicebench.types import Guard, Message, ToolCall, Turn, Variant

CLOCK = "2026-04-15T14:30:00"


def call(name: str, **arguments: Any) -> str:
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


WEATHER = call("get_weather", city="北京", date="明天")


def ask(*plans: Any, **guard: Any) -> tuple[Turn, PlannedGenerator, Conversation]:
    generator = PlannedGenerator(plans=list(plans))
    assistant = Assistant(
        ScriptedRecognizer(), generator, Variant(guard=Guard(**guard)), toolbox=sample_toolbox()
    )
    conversation = Conversation(clock=CLOCK)

    async def run() -> Turn:
        clock = make_clock("fast")
        events = assistant.run_turn(paced(chunk_audio(tone(1.5)), clock), conversation, clock=clock)
        return collect_turn([event async for event in events], BEGUN)

    return asyncio.run(run()), generator, conversation


def test_answer_call_result_answer() -> None:
    turn, generator, conversation = ask("我查一下。" + WEATHER, "明天多云。")
    assert turn.answer == "我查一下。明天多云。"
    kinds = [event.kind for event in turn.events if event.kind != "answer_token"]
    assert kinds[-8:] == [
        "cleaned", "prompt_built", "request_submitted", "tool_called", "tool_answered",
        "prompt_built", "request_submitted", "answer_finished",
    ]  # fmt: skip
    told = [(e.kind, e.data) for e in turn.events if e.kind.startswith("tool_")]
    assert told == [
        ("tool_called", {"name": "get_weather", "arguments": '{"city":"北京","date":"明天"}',
                         "round": 0, "num_tokens": len(WEATHER)}),
        ("tool_answered", {"name": "get_weather", "outcome": "done", "content": '{"weather":"多云"}',
                           "round": 0}),
    ]  # fmt: skip
    assert turn.messages[-2:] == (
        Message(
            role="assistant",
            content="我查一下。",
            tool_calls=(ToolCall(name="get_weather", arguments={"city": "北京", "date": "明天"}),),
        ),
        Message(role="tool", content='{"weather":"多云"}'),
    )
    assert len(generator.offered[0]) == 3
    exchange = conversation.exchanges[0]
    assert (exchange.user, exchange.assistant) == ("明天下午三", "我查一下。明天多云。")


def test_no_text_of_a_call_is_ever_shown() -> None:
    turn, _, _ = ask(WEATHER + WEATHER, "多云。")
    shown = [event.data["text"] for event in turn.events if event.kind == "answer_token"]
    assert shown == list("多云。")
    assert turn.answer == "多云。"
    assert len(turn.messages) == 5, "one result for each of the two calls"


@pytest.mark.parametrize(
    ("called", "outcome", "words"),
    [
        (call("get_weather", city="火星", date="明天"), "failed", "没有火星的天气数据"),
        (call("get_wether", city="北京"), "unknown", "没有名为 get_wether 的工具"),
        (call("get_weather", city="北京"), "wrong_arguments", "参数不对"),
        ("<tool_call>北京天气</tool_call>", "malformed", "工具调用无法读取"),
        ('<tool_call>{"name": "get_weather", "argu', "malformed", "工具调用无法读取"),
    ],
)
def test_a_call_that_goes_wrong_is_told_to_the_llm_which_answers(
    called: str, outcome: str, words: str
) -> None:
    turn, generator, _ = ask(called, "暂无法确认。")
    assert (turn.answer, turn.failure, turn.degraded) == ("暂无法确认。", None, None)
    answered = next(event for event in turn.events if event.kind == "tool_answered")
    assert answered.data["outcome"] == outcome
    assert words in generator.asked[1]


def test_an_llm_may_mend_its_call() -> None:
    turn, _, _ = ask(call("get_weather", city="北京"), WEATHER, "明天多云。")
    outcomes = [e.data["outcome"] for e in turn.events if e.kind == "tool_answered"]
    assert outcomes == ["wrong_arguments", "done"]
    assert turn.answer == "明天多云。"


@pytest.mark.parametrize(("max_tool_rounds", "num_run"), [(0, 0), (1, 1)])
def test_there_is_a_limit_to_calling(max_tool_rounds: int, num_run: int) -> None:
    turn, generator, conversation = ask(WEATHER, WEATHER, max_tool_rounds=max_tool_rounds)
    assert turn.degraded is not None
    assert turn.degraded.reason == "too_many_tool_calls"
    assert turn.answer == ""
    assert sum(event.kind == "tool_called" for event in turn.events) == num_run
    assert len(generator.asked) == num_run + 1
    assert conversation.history() == ()


def test_the_time_of_tools_is_in_the_waterfall() -> None:
    turn, _, _ = ask(WEATHER, "明天多云。")
    turn = msgspec.structs.replace(turn, t_eos_s=1.4, t_eos_source="annotated")
    segments = waterfall(turn)
    stages = [segment.stage for segment in segments]
    for stage in ("llm_tool_call", "tool", "llm_first_token"):
        assert stage in stages
    assert stages.index("llm_tool_call") < stages.index("tool") < stages.index("llm_first_token")
    total_s = sum(segment.duration_s for segment in segments)
    assert total_s == pytest.approx(latencies(turn)["response_latency_s"], abs=1e-3)


@pytest.mark.models
def test_the_bundled_models_call_a_tool_and_answer_with_its_result(
    bundled_recognizer: Any, bundled_generator: Any
) -> None:
    assistant = Assistant(
        bundled_recognizer, bundled_generator, Variant(), toolbox=sample_toolbox()
    )

    async def run() -> Turn:
        events = assistant.answer_text("查一下订单一零零二", Conversation(clock=CLOCK))
        return collect_turn([event async for event in events], BEGUN)

    turn = asyncio.run(run())
    assert turn.failure is None
    answered = [event.data for event in turn.events if event.kind == "tool_answered"]
    assert [data["name"] for data in answered] == ["get_order_status"]
    assert "<tool_call>" not in turn.answer
