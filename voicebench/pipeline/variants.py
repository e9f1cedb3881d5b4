"""Which variants can be run, told before any model is loaded."""

from __future__ import annotations

from voicebench.cleaning.presets import clean
from voicebench.llm.prompts import build_messages
from voicebench.types import Variant


def check_variant(variant: Variant) -> None:
    """Checks what a variant asks for against what there is.

    Raises:
        ConfigError: An unknown cleaning or prompt, or a prompt template without `{asr_text}`.
    """
    clean("", variant.cleaning)
    build_messages(variant.prompt, (), "", variant.prompt_template)
