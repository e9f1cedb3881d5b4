"""Which variants can be run, told before any model is loaded."""

from __future__ import annotations

from voicebench.cleaning.presets import find_preset
from voicebench.errors import ConfigError
from voicebench.llm.handoff import THROUGH_TABLE
from voicebench.llm.prompts import fill_template, find_prompt
from voicebench.types import Variant


def check_variant(variant: Variant) -> None:
    """Checks what a variant asks for against what there is; runs no cleaning and no wording, which
    may be the user's own and made for real transcripts only.

    Raises:
        ConfigError: An unknown cleaning or prompt, a prompt template without `{asr_text}`, a
            prompt that words the transcript where the hand-off does not go through text, or early
            work or a policy of endpoints on segments.
    """
    find_preset(variant.cleaning)
    prompt = find_prompt(variant.prompt)
    fill_template(variant.prompt_template, "")
    if variant.prefill_backend == "resumable":
        raise ConfigError(
            f"variant {variant.name!r}: prefill_backend='resumable' is in records of earlier "
            "versions only",
            "Use prefill_backend=prefix_cache",
        )
    is_live = variant.prefill or variant.speculation or variant.endpoint != "silence"
    if variant.recognition == "segments" and is_live:
        raise ConfigError(
            f"variant {variant.name!r}: prefill, speculation and a policy of endpoints follow windows, "
            "and recognition=segments waits for the whole recording",
            "Use recognition=windows, or leave early work out",
        )
    if prompt.word and variant.handoff in THROUGH_TABLE:
        raise ConfigError(
            f"variant {variant.name!r}: prompt {variant.prompt!r} words the transcript as text, "
            f"and handoff={variant.handoff!r} hands over tokens",
            "Use handoff=text or handoff=marked, or a prompt without a function",
        )
