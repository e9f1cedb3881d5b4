"""Tools from functions: their schema, what they are told, and every way in which a call goes wrong."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import datetime
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pytest

from voicebench.errors import ConfigError
from voicebench.llm.hermes import MalformedCall
from voicebench.llm.tools import MAX_RESULT_CHARACTERS, Tool, Toolbox, ToolError, ToolResult, tool
from voicebench.types import ToolCall

NOW = datetime(2026, 4, 15, 14, 30)
released = threading.Event()


@tool
def book_table(
    restaurant: Annotated[str, msgspec.Meta(description="店名")],
    people: int,
    seat: Literal["大厅", "包间"] = "大厅",
    *,
    now: datetime,
) -> dict[str, Any]:
    """预订餐厅

    Not for the LLM.
    """
    return {"restaurant": restaurant, "people": people, "seat": seat, "today": f"{now:%m-%d}"}


@tool
def refuse(reason: str) -> str:
    """拒绝"""
    raise ToolError(f"不行：{reason}")


@tool
def divide(a: float, b: float) -> float:
    """除法"""
    return a / b


@tool
def hang() -> str:
    """不回来"""
    released.wait(30)
    return "晚了"


@tool
def ramble() -> str:
    """很长"""
    return "长" * 10_000


@tool
def stop(how: str) -> Any:
    """结束"""
    if how == "exit":
        sys.exit(3)
    if how == "iteration":
        raise StopIteration
    return object()


TOOLBOX = Toolbox([book_table, refuse, divide, hang, ramble, stop])


def run(call: ToolCall | MalformedCall, timeout_s: float = 30.0) -> ToolResult:
    return asyncio.run(TOOLBOX.run(call, NOW, timeout_s))


def test_the_schema_is_the_functions_own() -> None:
    schema = book_table.schema
    assert schema["type"] == "function"
    assert schema["function"] == {
        "name": "book_table",
        "description": "预订餐厅",
        "parameters": {
            "type": "object",
            "properties": {
                "restaurant": {"type": "string", "description": "店名"},
                "people": {"type": "integer"},
                "seat": {"enum": ["包间", "大厅"], "default": "大厅"},
            },
            "required": ["restaurant", "people"],
        },
    }
    jsonschema.Draft202012Validator.check_schema(schema["function"]["parameters"])
    assert next(each["function"]["name"] for each in TOOLBOX.schemas) == "book_table"


def test_a_tool_is_told_its_arguments_and_the_conversations_clock() -> None:
    result = run(ToolCall(name="book_table", arguments={"restaurant": "海底捞", "people": 4}))
    assert result.outcome == "done"
    assert msgspec.json.decode(result.content) == {
        "restaurant": "海底捞", "people": 4, "seat": "大厅", "today": "04-15"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "outcome", "words"),
    [
        (
            ToolCall(name="fly", arguments={}),
            "unknown",
            "没有名为 fly 的工具。可用的工具：book_table、",
        ),
        (MalformedCall(text="{", problem="truncated"), "malformed", "truncated"),
        (ToolCall(name="divide", arguments={"a": 1}), "wrong_arguments", "`b`"),
        (ToolCall(name="divide", arguments={"a": 1, "b": "2"}), "wrong_arguments", "`$.b`"),
        (ToolCall(name="divide", arguments={"a": 1, "b": 2, "c": 3}), "wrong_arguments", "`c`"),
        (ToolCall(name="refuse", arguments={"reason": "满了"}), "failed", "不行：满了"),
        (ToolCall(name="divide", arguments={"a": 1, "b": 0}), "failed", "ZeroDivisionError"),
        (ToolCall(name="stop", arguments={"how": "exit"}), "failed", "执行失败"),
        (ToolCall(name="stop", arguments={"how": "iteration"}), "failed", "执行失败"),
        (ToolCall(name="stop", arguments={"how": "object"}), "failed", "TypeError"),
    ],
)
def test_what_goes_wrong_is_told_in_words(
    call: ToolCall | MalformedCall, outcome: str, words: str
) -> None:
    result = run(call)
    assert result.outcome == outcome
    assert words in result.content


def test_a_tool_that_hangs_is_left_behind() -> None:
    result = run(ToolCall(name="hang", arguments={}), timeout_s=0.05)
    released.set()
    assert (result.outcome, result.content) == ("timed_out", "工具 hang 在 0.05 秒内没有完成。")


def test_a_long_result_is_cut_and_says_so() -> None:
    content = run(ToolCall(name="ramble", arguments={})).content
    assert len(content) < MAX_RESULT_CHARACTERS + 20
    assert content.endswith("（结果太长，后面省略）")


def test_an_empty_toolbox_offers_nothing_and_says_so() -> None:
    assert Toolbox().schemas == ()
    call = ToolCall(name="divide", arguments={})
    assert "现在没有可用的工具" in asyncio.run(Toolbox().run(call, NOW, 1.0)).content


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'divide' is there twice"):
        Toolbox([divide, divide])


class Address(msgspec.Struct):
    street: str


def _untyped(a):
    """Has no annotation."""


def _many(*places: str) -> None:
    """Has no fixed parameters."""


def _nested(address: Address) -> None:
    """Wants an object."""


@pytest.mark.parametrize("function", [_untyped, _many, _nested])
def test_a_function_that_cannot_be_described_is_no_tool(function: Any) -> None:
    with pytest.raises(TypeError, match=f"tool {function.__name__}"):
        tool(function)


def test_a_tool_is_still_the_function() -> None:
    assert isinstance(divide, Tool)
    assert divide(1.0, b=2.0) == 0.5
