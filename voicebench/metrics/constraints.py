"""What was asked of an answer's form: at most N sentences, only the part asked for, a refusal.

A constraint is a fact of type `constraint` whose value is `name` or `name:argument`:

    max_sentences:3     max_characters:40     refusal     no_refusal     tool_call
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from voicebench.errors import SuiteError

_SENTENCE_END = re.compile(r"[。！？!?…\n]+|(?<!\d)\.(?=\s|$)")
REFUSAL = re.compile(
    r"(?:暂时?|目前|还|尚)?(?:无法|不能|没法|难以|没办法|不便)(?:得出|给出|准确|进一步)?(?:确认|确定|得知|知道|判断|回答|核实|查到|查证|告知|提供|肯定|获取|获知|查询到)|"
    r"不(?:太|能|大|敢|是很|很)?(?:确定(?!性)|清楚|知道|知情|晓得|敢肯定)|无从(?:得知|确认|判断)|"
    r"(?:没有?|未)(?:能|有|在.{0,6})?(?:提到|提及|说明|提供|给出|说过|告诉|相关信息|听清|听到|听懂|说(?![错]))|"
    r"(?:没有?|未)(?:能)?(?:查到|找到|查询到|获取|得到)|(?:查|找|搜)不到|有待(?:确认|核实)|尚待(?:确认|核实)|待确认|待定|"
    r"没有(?:相关|任何|这条|您的)?(?:记录|信息|资料)|信息(?:里|中)?(?:没有|不足)|cannot confirm|can't confirm|don't know|not sure",
    re.IGNORECASE,
)
_TOOL_CALL = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|$)", re.DOTALL)


def count_sentences(answer: str) -> int:
    """Sentences of an answer; a decimal point or a colon ends none.

    >>> count_sentences("好的。周三3.5小时，可以吗？")
    2
    """
    return sum(1 for piece in _SENTENCE_END.split(answer) if re.search(r"\w", piece))


def is_refusal(answer: str) -> bool:
    """Whether an answer says that it does not know: 暂无法确认 and its like.

    >>> is_refusal("暂无法确认。"), is_refusal("周三下午三点。")
    (True, False)
    """
    return bool(REFUSAL.search(answer))


def tool_calls(answer: str) -> tuple[dict[str, Any], ...]:
    """Well-formed hermes tool calls of an answer: objects with `name` and `arguments`.

    >>> tool_calls('<tool_call>{"name": "weather", "arguments": {"city": "北京"}}</tool_call>')
    ({'name': 'weather', 'arguments': {'city': '北京'}},)
    """
    calls = []
    for body in _TOOL_CALL.findall(answer):
        try:
            call = json.loads(body)
        except ValueError:
            continue
        if isinstance(call, dict) and isinstance(call.get("arguments"), dict) and call.get("name"):
            calls.append(call)
    return tuple(calls)


def spoken_text(answer: str) -> str:
    """What an answer says: its text, and the argument values of its tool calls."""
    calls = tool_calls(answer)
    if not calls:
        return answer
    values = [str(value) for call in calls for value in call["arguments"].values()]
    return "。".join([_TOOL_CALL.sub("", answer).strip(), *values]).strip("。")


Constraint = Callable[[str, str], bool]

CONSTRAINTS: Mapping[str, Constraint] = {
    "max_sentences": lambda answer, limit: count_sentences(answer) <= int(limit),
    "max_characters": lambda answer, limit: len("".join(answer.split())) <= int(limit),
    "refusal": lambda answer, _: is_refusal(answer),
    "no_refusal": lambda answer, _: not is_refusal(answer),
    "tool_call": lambda answer, name: any(
        not name or call["name"] == name for call in tool_calls(answer)
    ),
}
"""Name to a function of (answer, argument)."""


def keeps_constraint(answer: str, value: str) -> bool:
    """Whether an answer keeps a constraint written as `name` or `name:argument`.

    >>> keeps_constraint("好的。周三。", "max_sentences:1")
    False

    Raises:
        SuiteError: There is no such constraint, or its argument is not what it needs.
    """
    name, _, argument = value.replace("=", ":").partition(":")
    try:
        return CONSTRAINTS[name.strip()](answer, argument.strip())
    except KeyError:
        known = ", ".join(CONSTRAINTS)
        raise SuiteError(f"unknown constraint {value!r}", f"Known: {known}.") from None
    except ValueError:
        raise SuiteError(f"constraint {value!r} needs a whole number", "Write name:N.") from None
