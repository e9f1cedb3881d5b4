"""How a transcript becomes a conversation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.errors import ConfigError
from voicebench.llm.prompts import PROMPTS, build_messages, fill_template
from voicebench.types import Message

HISTORY = (Message(role="user", content="几点"), Message(role="assistant", content="三点。"))


def test_messages_are_the_system_prompt_the_history_and_the_transcript() -> None:
    messages = build_messages("brief", HISTORY, "在哪里")
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[0].content == "你是语音助手。只用一句话回答，只说用户问到的部分。"
    assert messages[1:3] == HISTORY
    assert messages[3].content == "在哪里"


def test_the_seed_prompt_is_word_for_word_what_the_models_are_trained_on() -> None:
    assert PROMPTS["baseline"].system == (
        "你是语音助手。回答最多三句话。数字、日期、人名必须与用户说的完全一致。不确定时回答暂无法确认。"
    )


@pytest.mark.parametrize(
    ("template", "text", "filled"),
    [
        ("", "几点", "几点"),
        ("问题：{asr_text}", "几点", "问题：几点"),
        ("{asr_text}/{asr_text}", "几点", "几点/几点"),
        ('{"q": "{asr_text}", "n": {}}', "几点", '{"q": "几点", "n": {}}'),
        ("{asr_text}", "{asr_text} {0} %s", "{asr_text} {0} %s"),
    ],
)
def test_a_template_is_filled(template: str, text: str, filled: str) -> None:
    assert fill_template(template, text) == filled


@given(text=st.text())
def test_whatever_was_said_stands_in_the_message_as_it_is(text: str) -> None:
    assert fill_template("听写：{asr_text}。", text) == f"听写：{text}。"


@pytest.mark.parametrize("template", ["问题", "{text}", "{ asr_text }"])
def test_a_template_without_a_place_for_the_transcript_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match=r"has no \{asr_text\}"):
        build_messages("baseline", (), "几点", template)


def test_an_unknown_prompt_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'kind'.*baseline, plain, brief"):
        build_messages("kind", (), "几点")
