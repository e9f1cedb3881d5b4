"""Tool calls out of a stream: what is shown, what is called, and what is neither."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.llm.hermes import CallSplitter, MalformedCall, parse_call
from voicebench.types import AnswerToken, ToolCall

CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "北京"}}\n</tool_call>'
PARSED = ToolCall(name="get_weather", arguments={"city": "北京"})


def split(pieces: list[str]) -> tuple[str, CallSplitter, list[AnswerToken]]:
    splitter, shown = CallSplitter(), list[AnswerToken]()
    for number, piece in enumerate(pieces):
        shown += splitter.feed(AnswerToken(id=number, text=piece, t_s=float(number)))
    shown += splitter.finish()
    return "".join(token.text for token in shown), splitter, shown


@pytest.mark.parametrize(
    ("answer", "shown", "calls"),
    [
        ("三点。", "三点。", []),
        (CALL, "", [PARSED]),
        ("我查一下。" + CALL, "我查一下。", [PARSED]),
        (CALL + "\n" + CALL, "", [PARSED, PARSED]),
        (CALL + "好的", "好的", [PARSED]),
        (CALL.removesuffix("\n</tool_call>"), "", [PARSED]),
        ("比 3<5 还小", "比 3<5 还小", []),
        ("<tool_box>", "<tool_box>", []),
        ("<tool_", "<tool_", []),
        ("<<tool_call>{}</tool_call>", "<", [MalformedCall]),
        ("<tool_call>", "", [MalformedCall]),
        ("<tool_call>三点</tool_call>四点", "四点", [MalformedCall]),
        ("三点</tool_call>。", "三点。", []),
    ],
)
@pytest.mark.parametrize("width", [1, 2, 3, 7, 1000])
def test_what_is_shown_and_what_is_called(
    answer: str, shown: str, calls: list[Any], width: int
) -> None:
    pieces = [answer[start : start + width] for start in range(0, len(answer), width)]
    text, splitter, _ = split(pieces)
    assert text == shown
    assert len(splitter.calls) == len(calls)
    for call, expected in zip(splitter.calls, calls, strict=True):
        assert isinstance(call, expected) if isinstance(expected, type) else call == expected


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('{"name": "get_weather", "arguments": {"city": "北京"}', "truncated"),
        ('{"name": "get_weather"}', "arguments"),
        ('{"arguments": {}}', "name"),
        ('{"name": "", "arguments": {}}', "names no tool"),
        ('{"name": 3, "arguments": {}}', "str"),
        ('{"name": "a", "arguments": "{}"}', "object"),
        ('{"name": "a", "arguments": []}', "object"),
        ('{"name": "a", "arguments": {}, "id": 1}', "id"),
        ('[{"name": "a", "arguments": {}}]', "array"),
        ('{"name": "a", "arguments": {}} {}', "trailing"),
        ('{"name": "a", "arguments": {"x": NaN}}', "malformed"),
        ("get_weather(city=北京)", "malformed"),
        ("\ud800", ""),
        ("", "truncated"),
    ],
)
def test_what_is_no_call_says_why(body: str, problem: str) -> None:
    call = parse_call(body)
    assert isinstance(call, MalformedCall)
    assert problem in call.problem
    assert call.text == body


CALLS = re.compile(r"<tool_call>.*?(?:</tool_call>\s*|\Z)|</tool_call>", re.DOTALL)
PIECES = st.lists(
    st.sampled_from(
        ["<", "<tool", "</tool", "_call>", "<tool_call>", "</tool_call>", "{}", "好", "", "\n"]
    ),
    max_size=12,
)


@given(PIECES)
def test_everything_but_the_calls_is_shown_in_order(pieces: list[str]) -> None:
    text, _, shown = split(pieces)
    whole = "".join(pieces)
    assert text == re.sub(CALLS, "", whole)
    assert [token.id for token in shown] == sorted({token.id for token in shown})
    times = [token.t_s for token in shown]
    assert times == sorted(times)


def test_a_token_is_shown_at_the_time_at_which_it_is_clear_that_it_is_text() -> None:
    _, _, shown = split(["好", "<to", "ast>", "。"])
    assert [(token.text, token.t_s) for token in shown] == [
        ("好", 0.0), ("<to", 2.0), ("ast>", 2.0), ("。", 3.0)
    ]  # fmt: skip


ARGUMENTS = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.text(max_size=8), st.integers(-5, 5), st.booleans(), st.none()),
    max_size=3,
)


@given(st.text(min_size=1, max_size=8), ARGUMENTS)
def test_a_call_written_as_the_form_says_is_read_back(name: str, arguments: dict[str, Any]) -> None:
    body = json.dumps({"name": name, "arguments": arguments})
    assert parse_call(f"\n{body}\n") == ToolCall(name=name, arguments=arguments)


@pytest.mark.models
def test_vllms_own_parser_agrees_on_calls_that_are_well_formed(bundled_generator: Any) -> None:
    from vllm.tool_parsers import ToolParserManager

    tokenizer = bundled_generator._thread.call(lambda engine: engine.get_tokenizer()).result(30)
    parser = ToolParserManager.get_tool_parser("hermes")(tokenizer)
    answers = [CALL, "我查一下。" + CALL, CALL + "\n" + CALL, CALL.removesuffix("\n</tool_call>")]
    for answer in answers:
        theirs = parser.extract_tool_calls(answer, None)
        text, splitter, _ = split(list(answer))
        assert [(c.function.name, json.loads(c.function.arguments)) for c in theirs.tool_calls] == [
            (call.name, call.arguments) for call in splitter.calls if isinstance(call, ToolCall)
        ]
        assert text == (theirs.content or "")
