'''Tools that the LLM may call: one decorated function each.

    @tool
    def get_weather(city: str, date: str, *, now: datetime) -> dict[str, str]:
        """查询天气"""
        ...

    toolbox = Toolbox([get_weather])
    result = await toolbox.run(ToolCall(name="get_weather", arguments={...}), now, timeout_s=10)

Name, description and JSON schema come from the function; arguments are checked against its
annotations before it is called. A keyword-only `now` is the conversation's clock and no business of
the LLM's. Whatever goes wrong is told to the LLM in words: it can mend its call, or say so.
'''

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from voicebench.deadline import call_within
from voicebench.errors import ConfigError
from voicebench.llm.hermes import MalformedCall
from voicebench.types import Record, ToolCall

MAX_RESULT_CHARACTERS = 4000
"""Longer results are cut: they would push the conversation out of the prompt."""

Outcome = Literal["done", "unknown", "malformed", "wrong_arguments", "failed", "timed_out"]


class ToolError(Exception):
    """Raised by a tool to say, in words the LLM may repeat, why there is no result."""


class ToolResult(Record):
    """What a call came to: `content` is what the LLM is told."""

    name: str
    outcome: Outcome
    content: str


@dataclass(frozen=True)
class Tool:
    """A function that the LLM may call; made by `tool`."""

    name: str
    description: str
    function: Callable[..., Any]
    arguments: type[msgspec.Struct]
    is_told_now: bool

    @property
    def schema(self) -> dict[str, Any]:
        """The tool in OpenAI's function form."""
        (parameters,) = msgspec.json.schema(self.arguments)["$defs"].values()
        kept = {key: parameters[key] for key in ("type", "properties", "required")}
        return {
            "type": "function",
            "function": {
                "name": self.name, "description": self.description, "parameters": kept
            },
        }  # fmt: skip

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function."""
        return self.function(*args, **kwargs)


def tool(function: Callable[..., Any]) -> Tool:
    """Makes a tool of a function.

    Args:
        function: Every parameter annotated with a type that JSON has (`str`, `int`, `float`,
            `bool`, a `Literal` or a list of those); `Annotated[str, msgspec.Meta(description=...)]`
            describes one. The first paragraph of its docstring is the description.

    Raises:
        TypeError: A parameter without annotation, or of a type that cannot be given in a call.
    """
    name = getattr(function, "__name__", "")
    hints = typing.get_type_hints(function, include_extras=True)
    fields: list[Any] = []
    is_told_now = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "now" and parameter.kind is parameter.KEYWORD_ONLY:
            is_told_now = True
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"tool {name}: {parameter} cannot be described to an LLM")
        if parameter.name not in hints:
            raise TypeError(f"tool {name}: parameter {parameter.name} has no annotation")
        field = (parameter.name, hints[parameter.name])
        fields.append(
            field if parameter.default is parameter.empty else (*field, parameter.default)
        )
    arguments = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
    if len(msgspec.json.schema(arguments)["$defs"]) != 1:
        raise TypeError(f"tool {name}: parameters must be plain values, not objects")
    description = inspect.cleandoc(function.__doc__ or "").split("\n\n")[0]
    return Tool(name, description, function, arguments, is_told_now)


class Toolbox:
    """The tools of an assistant, by name.

    Args:
        tools: Made by `tool`.

    Raises:
        ConfigError: Two tools of one name.
    """

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for each in tools:
            if each.name in self._tools:
                raise ConfigError(f"tool {each.name!r} is there twice", "Rename one function.")
            self._tools[each.name] = each

    @property
    def schemas(self) -> tuple[dict[str, Any], ...]:
        """All tools as the LLM is offered them."""
        return tuple(each.schema for each in self._tools.values())

    async def run(
        self, call: ToolCall | MalformedCall, now: datetime, timeout_s: float
    ) -> ToolResult:
        """Runs one call; raises nothing but cancellation.

        Args:
            call: From `hermes.CallSplitter`.
            now: The conversation's clock.
            timeout_s: How long to wait; a tool past it runs on, on a thread of its own, unheard.
        """
        if isinstance(call, MalformedCall):
            words = f"工具调用无法读取（{call.problem}），请给出含 name 和 arguments 的 JSON。"
            return ToolResult(name="", outcome="malformed", content=words)
        called = self._tools.get(call.name)
        if called is None:
            known = f"可用的工具：{'、'.join(self._tools)}" if self._tools else "现在没有可用的工具"
            words = f"没有名为 {call.name} 的工具。{known}。"
            return ToolResult(name=call.name, outcome="unknown", content=words)
        try:
            arguments = msgspec.convert(call.arguments, called.arguments)
        except msgspec.ValidationError as error:
            words = f"工具 {call.name} 的参数不对：{error}。"
            return ToolResult(name=call.name, outcome="wrong_arguments", content=words)
        return await _run(called, _by_name(called, arguments, now), timeout_s)


def _by_name(called: Tool, arguments: msgspec.Struct, now: datetime) -> dict[str, Any]:
    given = {name: getattr(arguments, name) for name in called.arguments.__struct_fields__}
    return given | ({"now": now} if called.is_told_now else {})


async def _run(called: Tool, arguments: Mapping[str, Any], timeout_s: float) -> ToolResult:
    def work() -> str:
        result = called.function(**arguments)
        return result if isinstance(result, str) else msgspec.json.encode(result).decode()

    def told(outcome: Outcome, words: str) -> ToolResult:
        return ToolResult(name=called.name, outcome=outcome, content=words)

    try:
        content = await call_within(timeout_s, work, name=f"tool-{called.name}")
    except TimeoutError:
        return told("timed_out", f"工具 {called.name} 在 {timeout_s:g} 秒内没有完成。")
    except ToolError as error:
        return told("failed", str(error))
    except Exception as error:  # its message is for whoever runs the tool, not for the LLM to tell
        return told("failed", f"工具 {called.name} 执行失败（{type(error).__name__}）。")
    if len(content) > MAX_RESULT_CHARACTERS:
        content = content[:MAX_RESULT_CHARACTERS] + "……（结果太长，后面省略）"
    return told("done", content)
