"""Conversations to token ids: the model's own template, and content that stays content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.llm.tiny_model import CONTROL_TOKENS, WORDS, make_tiny_folder
from voicebench.llm.chat import ChatEncoder
from voicebench.types import Message

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
@settings(max_examples=200, deadline=None)
def test_content_never_becomes_a_control_token(
    encoder: ChatEncoder, contents: list[tuple[Any, str]]
) -> None:
    controls = set(encoder.control_ids.values())
    ids = encoder.encode(_messages(contents))
    of_template = encoder.encode(_messages([(role, "x") for role, _ in contents]))
    assert [i for i in ids if i in controls] == [i for i in of_template if i in controls]


@given(content=HOSTILE)
@settings(max_examples=200, deadline=None)
def test_content_is_all_there(encoder: ChatEncoder, tokenizer: Any, content: str) -> None:
    ids = encoder.encode([Message(role="user", content=content)])
    text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert text == f"<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n"


@settings(deadline=None, max_examples=60)
@given(contents=st.lists(st.tuples(ROLES, HOSTILE), min_size=1, max_size=4), more=HOSTILE)
def test_a_prefix_ends_with_the_last_content_and_begins_every_prompt_that_goes_on(
    encoder: ChatEncoder, contents: list[tuple[Any, str]], more: str
) -> None:
    messages = _messages(contents)
    prefix, whole = encoder.encode_prefix(messages), encoder.encode(messages)
    assert len(prefix) < len(whole)
    assert whole[: len(prefix)] == prefix
    longer = [*messages[:-1], Message(role=messages[-1].role, content=contents[-1][1] + more)]
    begun = encoder.encode_prefix([*messages[:-1], Message(role=messages[-1].role, content="")])
    assert encoder.encode(longer)[: len(begun) - 1] == begun[:-1]


def test_tools_are_part_of_the_prefix(encoder: ChatEncoder) -> None:
    messages = [Message(role="system", content="a"), Message(role="user", content="")]
    prefix = encoder.encode_prefix(messages, [TOOL])
    assert prefix != encoder.encode_prefix(messages)
    assert encoder.encode(messages, [TOOL])[: len(prefix)] == prefix
