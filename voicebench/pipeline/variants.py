"""Which variants can be run, told before any model is loaded."""

from __future__ import annotations

from voicebench.cleaning.presets import clean
from voicebench.errors import ConfigError
from voicebench.llm.prompts import build_messages
from voicebench.types import Variant


def check_variant(variant: Variant) -> None:
    """Checks what a variant asks for against what there is.

    Raises:
        ConfigError: An unknown cleaning or prompt, a prompt template without `{asr_text}`, or a
            setting that this version cannot do.
    """
    clean("", variant.cleaning)
    build_messages(variant.prompt, (), "", variant.prompt_template)
    if variant.handoff != "text":
        raise ConfigError(
            f"variant {variant.name!r}: handoff={variant.handoff!r} is not available yet",
            "Use handoff='text'.",
        )
