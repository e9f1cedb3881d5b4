"""The grammar of an answer that has to call, as xgrammar reads it: what is in it and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from voicebench.llm.call_grammar import call_grammar, call_tags
from voicebench.llm.hermes import parse_call
from voicebench.types import Sampling, ToolCall

xgrammar = pytest.importorskip("xgrammar")

FUNCTIONS: list[dict[str, Any]] = [
    {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"$ref": "#/$defs/Days"},
                "unit": {"enum": ["摄氏", "华氏"]},
            },
            "required": ["city"],
            "$defs": {"Days": {"type": "integer", "minimum": 1, "maximum": 7}},
        },
    },
    {"name": "stop", "parameters": {}},
]


def called(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


BEIJING = called("get_weather", '{"city": "北京", "days": 3, "unit": "摄氏"}')
STOP = called("stop", "{}")
DOCUMENT = '{"floor": 2}'
SCHEMA = json.dumps({"properties": {"floor": {"type": "integer"}}, "required": ["floor"]})


def holds(answer: str, **sampling: Any) -> bool:
    grammar = call_grammar(Sampling(functions=json.dumps(FUNCTIONS), **sampling))
    vocabulary = xgrammar.TokenizerInfo(["a", "</s>"], stop_token_ids=[1])
    compiler = xgrammar.GrammarCompiler(vocabulary, max_threads=1)
    matcher = xgrammar.GrammarMatcher(compiler.compile_grammar(grammar))
    return bool(matcher.accept_string(answer)) and bool(matcher.accept_token(1))


@pytest.mark.parametrize(
    ("answer", "sampling", "is_held"),
    [
        (BEIJING, {}, True),
        (called("get_weather", '{"city": "<北\\"京>"}'), {}, True),
        (STOP, {}, True),
        ("", {}, False),
        ("三点。", {}, False),
        ("好的。" + STOP, {}, False),
        (STOP + "好的。", {}, False),
        (STOP[:-1], {}, False),
        (called("get_time", "{}"), {}, False),
        (called("stop", '{"now": true}'), {}, False),
        (called("stop", "[]"), {}, False),
        (called("get_weather", "{}"), {}, False),
        (called("get_weather", '{"city": 7}'), {}, False),
        (called("get_weather", '{"city": "北京", "days": 8}'), {}, False),
        (called("get_weather", '{"city": "北京", "unit": "开"}'), {}, False),
        (called("get_weather", '{"city":\t"北京"}'), {}, False),
        (f"{BEIJING}\n{STOP}", {}, True),
        (BEIJING + STOP, {}, False),
        (f"{BEIJING}\n{STOP}", {"max_calls": 1}, False),
        (BEIJING, {"max_calls": 1}, True),
        ("\n".join([STOP] * 3), {"max_calls": 2}, False),
        (DOCUMENT, {}, False),
        (DOCUMENT, {"json_schema": SCHEMA}, True),
        (BEIJING, {"json_schema": SCHEMA}, True),
        (BEIJING + DOCUMENT, {"json_schema": SCHEMA}, False),
    ],
)
def test_calls_that_fit_are_in_the_grammar_and_nothing_else(
    answer: str, sampling: dict[str, Any], is_held: bool
) -> None:
    assert holds(answer, **sampling) == is_held


@pytest.mark.parametrize(
    ("answer", "is_held"),
    [
        ("三点。", True),
        ("", True),
        ("好的，我查一下。\n" + BEIJING, True),
        (BEIJING + "\n" + STOP, True),
        (called("get_time", "{}"), False),
        (called("get_weather", "{}"), False),
        ("好的。" + called("get_weather", '{"city": 7}'), False),
        (called("get_weather", '{"city": "北京", "mood": 1}'), False),
        (called("stop", '{"now": true}'), False),
    ],
)
def test_optional_calls_fit_wherever_they_stand_and_text_is_free(
    answer: str, is_held: bool
) -> None:
    tags = json.loads(call_tags(Sampling(functions=json.dumps(FUNCTIONS), are_calls_optional=True)))
    items = [
        xgrammar.StructuralTagItem(
            begin=each["begin"], schema=json.dumps(each["schema"]), end=each["end"]
        )
        for each in tags["structures"]
    ]
    vocabulary = xgrammar.TokenizerInfo(["a", "</s>"], stop_token_ids=[1])
    compiler = xgrammar.GrammarCompiler(vocabulary, max_threads=1)
    matcher = xgrammar.GrammarMatcher(compiler.compile_structural_tag(items, tags["triggers"]))
    assert (matcher.accept_string(answer) and matcher.accept_token(1)) == is_held


def test_what_the_grammar_holds_is_read_as_a_call() -> None:
    body = BEIJING.removeprefix("<tool_call>").removesuffix("</tool_call>")
    arguments = {"city": "北京", "days": 3, "unit": "摄氏"}
    assert parse_call(body) == ToolCall(name="get_weather", arguments=arguments)


def test_a_schema_that_cannot_be_followed_raises() -> None:
    for parameters in ({"type": "nonsense"}, {"$ref": "#/nowhere"}):
        with pytest.raises((RuntimeError, ValueError)):
            call_grammar(Sampling(functions=json.dumps([{"name": "f", "parameters": parameters}])))
