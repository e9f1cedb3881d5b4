"""Named compositions of cleaning rules, applied with `clean`."""

from __future__ import annotations

from voicebench.cleaning.corrections import resolve_corrections, retracted_values
from voicebench.cleaning.rules import (
    Rule,
    drop_asides,
    drop_hesitant_interjections,
    drop_hesitations,
    drop_interjections,
    drop_repetitions,
    drop_stutters,
    fold_white_space,
    join_commas,
)
from voicebench.errors import ConfigError, RuleError
from voicebench.renamed import RENAMED_PRESETS
from voicebench.types import Record

BASELINE: tuple[Rule, ...] = (drop_asides, drop_interjections, join_commas, fold_white_space)
DISFLUENCY: tuple[Rule, ...] = (drop_hesitations, drop_repetitions, drop_stutters)
SELF_CORRECTION: tuple[Rule, ...] = (resolve_corrections,)

PRESETS: dict[str, tuple[Rule, ...]] = {
    "none": (),
    "baseline": BASELINE,
    "disfluency": DISFLUENCY,
    "self_correction": SELF_CORRECTION,
    # All three. Corrections come first, and 哦不 that was none stays whole: 哦 is part of a marker.
    "full": (
        *SELF_CORRECTION,
        *(drop_hesitant_interjections if rule is drop_interjections else rule for rule in BASELINE),
        *DISFLUENCY,
    ),
}


_MAX_ROUNDS_NOT_SHORTER = 5


class Cleaned(Record):
    """A cleaned transcript, and what the speaker took back in it, in the order of speech."""

    text: str
    retracted: tuple[str, ...] = ()


def find_preset(name: str) -> tuple[Rule, ...]:
    """The rules of that preset, in order.

    Raises:
        ConfigError: No such preset.
    """
    name = RENAMED_PRESETS.get(name, name)
    if name not in PRESETS:
        raise ConfigError(f"unknown cleaning {name!r}", f"Choose one of: {', '.join(PRESETS)}.")
    return PRESETS[name]


def clean(text: str, preset: str) -> Cleaned:
    """Applies a preset's rules in order, again and again until they change nothing.

    Args:
        text: A transcript.
        preset: A name in `PRESETS`.

    Raises:
        ConfigError: No such preset.
        RuleError: Its rules never come to rest. Those here only take away; a user's own may not.

    >>> clean("帮我订三点不对四点的票", "self_correction")
    Cleaned(text='帮我订四点的票', retracted=('三点',))
    """
    rules = find_preset(preset)
    retracted: list[str] = []
    num_not_shorter = 0
    while True:
        before = text
        for rule in rules:
            if rule is resolve_corrections:
                retracted += retracted_values(text)
            text = rule(text)
        if text == before:
            return Cleaned(text=text, retracted=tuple(retracted))
        num_not_shorter += len(text) >= len(before)
        if num_not_shorter > _MAX_ROUNDS_NOT_SHORTER:
            raise RuleError("cleaning", f"cleaning {preset!r} never comes to rest: {text[:40]!r}")
