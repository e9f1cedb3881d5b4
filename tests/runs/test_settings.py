"""Variants from the command line: every switch by its name, and what is no switch or no value."""

from __future__ import annotations

import pytest

from voicebench.errors import ConfigError
from voicebench.runs.settings import build_variants
from voicebench.types import Guard, Sampling, Variant


def test_switches_within_switches_are_set_by_their_own_name() -> None:
    written = "name=x,window_s=4,temperature=0.5,min_confidence=0.4,max_tool_rounds=1,prefill=false"
    (variant,) = build_variants([], [], [written], seed=3)
    assert variant == Variant(
        name="x",
        window_s=4.0,
        sampling=Sampling(temperature=0.5, seed=3),
        guard=Guard(min_confidence=0.4, max_tool_rounds=1),
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("windw_s=3", "unknown variant setting 'windw_s'. Did you mean 'window_s'"),
        ("min_confidense=1", "Did you mean 'min_confidence'"),
        ("guard=1", "unknown variant setting 'guard'"),
        ("sampling=1", "unknown variant setting 'sampling'"),
        ("foo", "has 'foo'"),
        ("window_s=abc", "window_s"),
        ("window_s=nan", "window_s must be a finite number"),
        ("window_s=inf", "window_s must be a finite number"),
        ("endpoint_silence_s=nan", "endpoint_silence_s must be a finite number"),
        ("temperature=nan", "temperature must be a finite number"),
        ("cool_down_s=nan", "cool_down_s must be a finite number"),
        ("cool_down_s=-1", "cool_down_s must not be negative"),
        ("min_confidence=1.5", "min_confidence must be in [0, 1]"),
        ("open_after=0", "open_after must be at least 1"),
        ("asr_timeout_s=0", "asr_timeout_s must be positive"),
        ("handoff=smoke", "handoff"),
        ("cleaning=tidy", "unknown cleaning 'tidy'"),
        ("prompt=kind", "unknown prompt 'kind'"),
    ],
)
def test_a_mistake_names_itself(written: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_variants([], [], [written], 0)
    assert message in str(caught.value)
