"""What a run is asked to do: profile, suites, variants, mode, and how often."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from voicebench.cleaning.presets import PRESETS
from voicebench.errors import ConfigError, did_you_mean
from voicebench.llm.prompts import PROMPTS
from voicebench.pipeline.variants import check_variant
from voicebench.renamed import preset_name
from voicebench.runs.definitions import Definitions
from voicebench.types import Guard, Mode, Pace, Record, Sampling, Variant

DEFAULT_REPEATS: dict[Mode, int] = {"latency": 3, "quality": 1}
DEFAULT_PACE: dict[Mode, Pace] = {"latency": "real_time", "quality": "fast"}


class RunSettings(Record):
    """A run as asked for; what is None follows from the mode."""

    profile: str = "bundled"
    suites: tuple[str, ...] = ()
    """Names or folders; empty: all that there are."""
    variants: tuple[Variant, ...] = (Variant(),)
    mode: Mode = "quality"
    pace: Pace | None = None
    repeats: int | None = None
    limit: int | None = None
    """At most so many cases of each suite, the first ones; None: all."""
    seed: int = 0
    definitions: Definitions = Definitions()
    """Cleanings and prompts of the run's own."""

    def resolved(self) -> RunSettings:
        """The same with nothing left open, and paths that hold from everywhere.

        Raises:
            ConfigError: Settings that do not go together.
        """
        if self.mode == "quality" and self.pace == "real_time":
            raise ConfigError(
                "--pace real_time does not go with --mode quality",
                "Measure latency with --mode latency",
            )
        for variant in self.variants:
            check_variant(variant)
            if self.mode == "quality" and (variant.prefill or variant.speculation):
                raise ConfigError(
                    f"variant {variant.name!r}: prefill and speculation happen while the person "
                    "speaks, and quality mode runs no live turns",
                    "Measure them with --mode latency",
                )
            if self.mode == "latency" and variant.recognition == "segments":
                raise ConfigError(
                    f"variant {variant.name!r}: latency mode plays live speech, and "
                    "recognition=segments waits for the whole recording",
                    "Measure it with --mode quality",
                )
        for name, value in (("--repeats", self.repeats), ("--max-cases", self.limit)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}", "Give at least 1")
        return msgspec.structs.replace(
            self,
            profile=_absolute_if_path(self.profile),
            suites=tuple(_absolute_if_path(name) for name in self.suites),
            pace=self.pace or DEFAULT_PACE[self.mode],
            repeats=self.repeats or DEFAULT_REPEATS[self.mode],
        )


def build_variants(
    cleanings: Sequence[str], prompts: Sequence[str], variants: Sequence[str], seed: int
) -> tuple[Variant, ...]:
    """Variants from the command line: every cleaning with every prompt, then each written out.

    Args:
        cleanings: Names of cleaning presets.
        prompts: Names of prompts.
        variants: Each `name=NAME,FIELD=VALUE,...` with the fields of `types.Variant`, of
            `types.Sampling` and of `types.Guard`; what it does not say is as in the default variant.
        seed: Seed of every variant's sampling.

    Raises:
        ConfigError: An unknown preset, prompt or field, or a value that does not fit.

    >>> [v.name for v in build_variants(["none", "baseline"], ["plain"], ["name=wide,window_s=4"], 0)]
    ['none+plain', 'baseline+plain', 'wide']
    >>> build_variants([], [], ["name=bold,min_confidence=0.5"], 0)[0].guard.min_confidence
    0.5
    """
    sampling = Sampling(seed=seed)
    if not (cleanings or prompts or variants):
        return (Variant(sampling=sampling),)
    named = [
        [preset_name(each) for each in given or ["baseline"]] for given in (cleanings, prompts)
    ]
    crossed = [
        Variant(name=f"{cleaning}+{prompt}", cleaning=cleaning, prompt=prompt, sampling=sampling)
        for cleaning, prompt in itertools.product(*named)
        if cleanings or prompts
    ]
    built = (*crossed, *(_parse_variant(text, sampling) for text in variants))
    for variant in built:
        _refuse_unknown("cleaning", variant.cleaning, PRESETS)
        _refuse_unknown("prompt", variant.prompt, PROMPTS)
    return built


def _parse_variant(text: str, sampling: Sampling) -> Variant:
    top: dict[str, Any] = {"name": text}
    nested: dict[str, dict[str, Any]] = {
        "sampling": msgspec.to_builtins(sampling),
        "guard": msgspec.to_builtins(Guard()),
    }
    for item in filter(None, text.split(",")):
        field, equals, value = item.partition("=")
        field = field.strip()
        if not equals:
            raise ConfigError(f"--variant {text!r} has {item!r}", "Write FIELD=VALUE,FIELD=VALUE")
        known = [name for name in Variant.__struct_fields__ if name not in nested]
        _refuse_unknown("variant setting", field, [*known, *itertools.chain(*nested.values())])
        place = next((inner for inner in nested.values() if field in inner), top)
        place[field] = _value(value.strip())
    try:
        return msgspec.convert(top | nested, Variant, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"--variant {text!r} is not valid: {error}") from None


def _value(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text.lower(), text)


def _refuse_unknown(what: str, name: str, known: Sequence[str] | dict[str, Any]) -> None:
    if name not in known:
        way_out = did_you_mean(name, known) or f"Known: {', '.join(known)}"
        raise ConfigError(f"unknown {what} {name!r}", way_out)


def _absolute_if_path(name: str) -> str:
    is_path = "/" in name or name.endswith((".yaml", ".yml"))
    return str(Path(name).expanduser().resolve()) if is_path else name
