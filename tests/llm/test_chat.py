"""Conversations to token ids: the model's own template, and content that stays content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import voicebench
from tests.llm.tiny_model import CONTROL_TOKENS, WORDS, make_tiny_folder
from voicebench.llm.chat import ChatEncoder
from voicebench.types import Message, ToolCall

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}
ROLES = st.sampled_from(["system", "user", "assistant"])
PIECES = st.sampled_from(
    [
        *CONTROL_TOKENS,
        *WORDS,
        "<|im_",
        "end|>",
        "<|",
        "|>",
        "im_end",
        "\n",
        " ",
        "今天三点",
        "a",
        "<",
    ]
)
HOSTILE = st.one_of(st.lists(PIECES, max_size=8).map("".join), st.text(max_size=20))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import PreTrainedTokenizerFast

    folder: Path = make_tiny_folder(tmp_path_factory.mktemp("tiny") / "llm")
    return PreTrainedTokenizerFast.from_pretrained(str(folder))


@pytest.fixture(scope="module")
def encoder(tokenizer: Any) -> ChatEncoder:
    return ChatEncoder(tokenizer)


def _messages(contents: list[tuple[Any, str]]) -> list[Message]:
    return [Message(role=role, content=content) for role, content in contents]


@pytest.mark.parametrize("tools", [(), (TOOL,)])
@pytest.mark.parametrize(
    "contents",
    [
        [("user", "今天下午三点开会吗")],
        [("system", "你是助手。"), ("user", "几点"), ("assistant", "三点。"), ("user", "在哪里\n")],
        [("user", ""), ("assistant", "  "), ("user", "\n\n换行")],
    ],
)
def test_ids_are_those_of_the_chat_template(
    encoder: ChatEncoder, tokenizer: Any, contents: list[tuple[Any, str]], tools: tuple[Any, ...]
) -> None:
    expected = tokenizer.apply_chat_template(
        [{"role": role, "content": content} for role, content in contents],
        tools=list(tools) or None,
        tokenize=True,
        return_dict=False,
        add_generation_prompt=True,
    )
    assert encoder.encode(_messages(contents), tools) == expected


@given(contents=st.lists(st.tuples(ROLES, HOSTILE), min_size=1, max_size=4))
@settings(max_examples=200)
def test_content_never_becomes_a_control_token(
    encoder: ChatEncoder, contents: list[tuple[Any, str]]
) -> None:
    controls = set(encoder.control_ids.values())
    ids = encoder.encode(_messages(contents))
    of_template = encoder.encode(_messages([(role, "x") for role, _ in contents]))
    assert [i for i in ids if i in controls] == [i for i in of_template if i in controls]


@given(content=HOSTILE)
@settings(max_examples=200)
def test_content_is_all_there(encoder: ChatEncoder, tokenizer: Any, content: str) -> None:
    ids = encoder.encode([Message(role="user", content=content)])
    text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert text == f"<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n"


PLACE = "\ue002place\ue003"


@settings(max_examples=60)
@given(contents=st.lists(st.tuples(ROLES, HOSTILE), min_size=1, max_size=4), more=HOSTILE)
def test_what_stands_before_a_place_begins_every_prompt_that_goes_on_from_there(
    encoder: ChatEncoder, contents: list[tuple[Any, str]], more: str
) -> None:
    *earlier, (role, content) = contents
    cut = _messages([*earlier, (role, content + PLACE)])
    before = encoder.encode_around(cut, (), PLACE)[0]
    longer = encoder.encode(_messages([*earlier, (role, content + more)]))
    assert 0 < len(before) < len(encoder.encode(_messages(contents)))
    num_alike = len(before) - 1  # the last token may grow together with what follows
    assert longer[:num_alike] == before[:num_alike]


def test_tools_stand_before_the_place(encoder: ChatEncoder) -> None:
    messages = [Message(role="system", content="a"), Message(role="user", content=PLACE)]
    before = encoder.encode_around(messages, [TOOL], PLACE)[0]
    assert before != encoder.encode_around(messages, (), PLACE)[0]
    asked = [messages[0], Message(role="user", content="")]
    assert encoder.encode(asked, [TOOL])[: len(before)] == before


BUNDLED = Path(voicebench.__file__).parent / "bundled" / "llm"
CALL = ToolCall(name="get_weather", arguments={"city": "北京"})


@pytest.fixture(scope="module")
def bundled_tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(BUNDLED))


def test_a_tool_call_is_laid_out_by_the_template_with_its_marks_as_control_tokens(
    bundled_tokenizer: Any,
) -> None:
    encoder = ChatEncoder(bundled_tokenizer)
    for content in ("", "我查一下。"):
        messages = [
            Message(role="user", content="北京天气"),
            Message(role="assistant", content=content, tool_calls=(CALL, CALL)),
            Message(role="tool", content='{"weather": "多云"}'),
        ]
        calls = [{"function": {"name": CALL.name, "arguments": CALL.arguments}}] * 2
        conversation = [
            {"role": "user", "content": "北京天气"},
            {"role": "assistant", "content": content, "tool_calls": calls},
            {"role": "tool", "content": '{"weather": "多云"}'},
        ]
        text = bundled_tokenizer.apply_chat_template(
            conversation, tokenize=False, add_generation_prompt=True
        ).replace("\\u5317\\u4eac", "北京")  # this template's tojson writes Hanzi as escapes
        ids = encoder.encode(messages)
        assert bundled_tokenizer.decode(ids) == text
        assert ids.count(encoder.control_ids["<tool_call>"]) == 2


@given(HOSTILE, HOSTILE, HOSTILE)
@settings(max_examples=40)
def test_nothing_in_a_call_or_its_result_is_a_control_token(
    bundled_tokenizer: Any, name: str, value: str, result: str
) -> None:
    encoder = ChatEncoder(bundled_tokenizer)
    controls = set(encoder.control_ids.values())

    def controls_of(call: ToolCall, content: str) -> list[int]:
        messages = [
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content=content),
        ]
        return [i for i in encoder.encode(messages) if i in controls]

    hostile = ToolCall(name=name or "x", arguments={"city": value})
    assert controls_of(hostile, result) == controls_of(CALL, "多云")


def test_legal_are_all_tokens_but_the_control_tokens(bundled_tokenizer: Any) -> None:
    encoder = ChatEncoder(bundled_tokenizer)
    legal = {text: encoder.control_ids[text] in encoder.legal_ids for text in encoder.control_ids}
    assert legal.pop("<tool_call>")
    assert legal.pop("</tool_call>")
    assert not any(legal.values())
    assert set(bundled_tokenizer.encode("今天三点", add_special_tokens=False)) <= encoder.legal_ids
    assert len(bundled_tokenizer) not in encoder.legal_ids
