"""Whether an answer makes the tool calls that its case expects.

A call is exact when it names the tool and gives every argument, and no other, in a form that says
the same: as the user said it, or as a fact of that value accepts it (二〇二六 for 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voicebench.metrics.constraints import tool_calls
from voicebench.metrics.normalize import basic
from voicebench.types import CaseTurn, Fact, ToolCall


def makes_calls(answer: str, asked: CaseTurn) -> bool | None:
    """Whether the calls in an answer are those expected, in any order and no more; None where the
    case expects none."""
    expected = asked.tool_calls or ()
    if not expected:
        return None
    made = list(tool_calls(answer))
    for call in expected:
        found = next((each for each in made if _is_same(each, call, asked.facts)), None)
        if found is None:
            return False
        made.remove(found)
    return not made


def _is_same(made: dict[str, Any], expected: ToolCall, facts: Sequence[Fact]) -> bool:
    given = made["arguments"]
    return (
        made["name"] == expected.name
        and given.keys() == expected.arguments.keys()
        and all(_says(given[name], value, facts) for name, value in expected.arguments.items())
    )


def _says(given: Any, expected: Any, facts: Sequence[Fact]) -> bool:
    forms = [str(expected)]
    for fact in facts:
        if fact.value == str(expected):
            forms += fact.accepted
    return basic(str(given)) in map(basic, forms)
