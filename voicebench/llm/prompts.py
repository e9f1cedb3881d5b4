"""The named system prompts, and how a transcript becomes a conversation.

A caller's own prompt goes in two ways: as another system prompt (`Prompt`), or as a
`prompt_template` for the user's message, in which `{asr_text}` is replaced by the transcript. Both
are data: whatever they hold, control tokens come from the model's chat template alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from voicebench.errors import ConfigError
from voicebench.renamed import RENAMED_PRESETS
from voicebench.types import Message, Record

PLACEHOLDER = "{asr_text}"


class Prompt(Record):
    """A system prompt by name."""

    name: str
    system: str
    word: Callable[[str], str] | None = None
    """Makes the user's message of the transcript; None: as it is."""


PROMPTS: dict[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            name="baseline",
            system="你是语音助手。回答最多三句话。数字、日期、人名必须与用户说的完全一致。"
            "不确定时回答暂无法确认。",
        ),
        Prompt(name="plain", system="你是一个乐于助人的助手。"),
        Prompt(name="brief", system="你是语音助手。只用一句话回答，只说用户问到的部分。"),
    )
}

MARKS_NOTE = "括号里是听得不清的字词其他可能的读法，例如张(章/彰)三。"
"""Follows the system prompt where doubtful words are marked (hand-off `marked`)."""


def find_prompt(name: str) -> Prompt:
    """The prompt of that name.

    Raises:
        ConfigError: No such prompt.
    """
    name = RENAMED_PRESETS.get(name, name)
    if name not in PROMPTS:
        raise ConfigError(f"unknown prompt {name!r}", f"Choose one of: {', '.join(PROMPTS)}.")
    return PROMPTS[name]


def fill_template(prompt_template: str, asr_text: str) -> str:
    """The user's message: the transcript, or the template with the transcript in it.

    Args:
        prompt_template: Text with `{asr_text}` at least once, other braces are text; empty for the
            transcript alone.
        asr_text: The transcript; never read as a template.

    Raises:
        ConfigError: The template has no `{asr_text}`.

    >>> fill_template("请回答：{asr_text}", "几点开会{asr_text}")
    '请回答：几点开会{asr_text}'
    """
    if not prompt_template:
        return asr_text
    if PLACEHOLDER not in prompt_template:
        raise ConfigError(
            f"prompt template {prompt_template!r} has no {PLACEHOLDER}",
            f"Write {PLACEHOLDER} where the transcript goes.",
        )
    return prompt_template.replace(PLACEHOLDER, asr_text)


def build_messages(
    prompt_name: str,
    history: Sequence[Message],
    asr_text: str,
    prompt_template: str = "",
    note: str = "",
) -> tuple[Message, ...]:
    """System prompt, earlier turns and what was said now.

    Args:
        prompt_name: A name in `PROMPTS`.
        history: Earlier user and assistant messages, oldest first.
        asr_text: The cleaned transcript.
        prompt_template: See `fill_template`.
        note: What the system prompt says beside its own words.

    Raises:
        ConfigError: No such prompt, or a template without `{asr_text}`.
    """
    prompt = find_prompt(prompt_name)
    text = prompt.word(asr_text) if prompt.word else asr_text
    return (
        Message(role="system", content=prompt.system + note),
        *history,
        Message(role="user", content=fill_template(prompt_template, text)),
    )
