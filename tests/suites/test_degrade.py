"""Conditions and sounds: what they claim to be, the same every time, and from the cache."""

from __future__ import annotations

import importlib.metadata
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from voicebench.errors import MissingPackageError
from voicebench.suites import degrade as degrade_module
from voicebench.suites.degrade import degrade
from voicebench.suites.render import render_turn
from voicebench.suites.sounds import make_sound
from voicebench.types import SAMPLE_RATE_HZ, CaseTurn, Condition, Segment, Sound

pytest.importorskip("audiomentations")
pytest.importorskip("espeakng_loader")
T_EOS_S = 3.0
Audio = NDArray[np.float32]


@pytest.fixture
def speech() -> Audio:
    """Three seconds of a loud and soft tone, then one and a half of silence."""
    time_s = np.arange(round(T_EOS_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tone = 0.3 * np.sin(2 * np.pi * 220 * time_s) * np.sin(2 * np.pi * time_s)
    return np.pad(tone, (0, round(1.5 * SAMPLE_RATE_HZ))).astype(np.float32)


def power(samples: Audio) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def condition(kind: Any, level: float, seed: int = 1) -> Condition:
    return Condition(kind=kind, level=level, seed=seed)


EVERY_KIND = [
    condition("noise", 10), condition("babble", 5), condition("reverberation", 0.6),
    condition("clipping", 0.3), condition("packet_loss", 0.1),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["noise", "babble"])
@pytest.mark.parametrize("snr_db", [20, 0])
def test_noise_has_its_snr_over_the_speech(
    speech: Audio, tmp_path: Path, kind: str, snr_db: float
) -> None:
    spoken = slice(0, round(T_EOS_S * SAMPLE_RATE_HZ))
    noisy = degrade(speech, T_EOS_S, condition(kind, snr_db), tmp_path)
    noise = (noisy - speech)[spoken]
    assert 10 * np.log10(power(speech[spoken]) / power(noise)) == pytest.approx(snr_db, abs=1.5)
    assert power(noisy[spoken.stop :]) > 0, "a room is not silent after the last word"


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_clipping_cuts_its_share_of_samples(speech: Audio, tmp_path: Path, share: float) -> None:
    clipped = degrade(speech, T_EOS_S, condition("clipping", share), tmp_path)
    spoken = clipped[: round(T_EOS_S * SAMPLE_RATE_HZ)]
    at_limit = np.isclose(spoken, spoken.max(), atol=1e-4) | np.isclose(
        spoken, spoken.min(), atol=1e-4
    )
    assert np.mean(at_limit) == pytest.approx(share, abs=0.02)


def test_lost_packets_are_silent_and_about_their_share(speech: Audio, tmp_path: Path) -> None:
    lost = degrade(speech, T_EOS_S, condition("packet_loss", 0.2), tmp_path)
    changed = ~np.isclose(lost, speech, atol=1e-4)[: round(T_EOS_S * SAMPLE_RATE_HZ)]
    assert 0.12 < np.mean(changed) <= 0.2  # bursts may fall on one another
    assert not lost[: len(changed)][changed].any()


def test_an_echo_goes_on_after_the_last_word_and_dies_away(speech: Audio, tmp_path: Path) -> None:
    echoing = degrade(speech, T_EOS_S, condition("reverberation", 0.6), tmp_path)
    end = round(T_EOS_S * SAMPLE_RATE_HZ)
    just_after, later = echoing[end : end + 1600], echoing[end + 9600 :]
    assert power(just_after) > 100 * power(later)


@pytest.mark.parametrize("each", EVERY_KIND, ids=lambda c: c.label)
def test_the_same_seed_gives_the_same_samples_made_or_kept(
    speech: Audio, tmp_path: Path, each: Condition
) -> None:
    random.seed(99)
    before = random.getstate()
    made = degrade(speech, T_EOS_S, each, tmp_path / "a")
    assert random.getstate() == before, "the caller's own generator is left alone"
    kept = degrade(speech, T_EOS_S, each, tmp_path / "a")
    again = degrade(speech, T_EOS_S, each, tmp_path / "b")
    np.testing.assert_array_equal(made, kept)
    np.testing.assert_array_equal(made, again)
    assert np.abs(made).max() <= 1.0
    other = degrade(speech, T_EOS_S, msgspec.structs.replace(each, seed=2), tmp_path / "a")
    assert each.kind == "clipping" or not np.array_equal(made, other)


def test_a_turn_under_a_condition_ends_where_it_does_without(tmp_path: Path) -> None:
    said = CaseTurn(
        reference="你好",
        meaning="你好",
        t_eos_s=1.0,
        segments=(Segment(voice="cmn", spoken="你好"),),
    )
    clean, t_eos_s = render_turn(said, tmp_path, tmp_path)
    noisy, noisy_t_eos_s = render_turn(
        msgspec.structs.replace(said, condition=condition("noise", 0)), tmp_path, tmp_path
    )
    assert noisy_t_eos_s == t_eos_s
    assert noisy.shape == clean.shape
    assert not np.array_equal(noisy, clean)


def test_without_the_library_the_way_out_is_named(
    speech: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(degrade_module.importlib.metadata, "version", missing)
    with pytest.raises(MissingPackageError, match=r"pip install -e '.\[synth\]'"):
        degrade(speech, T_EOS_S, condition("noise", 10), tmp_path)


@pytest.mark.parametrize("kind", ["silence", "music", "noise", "crowd"])
def test_a_sound_has_its_length_and_is_the_same_every_time(tmp_path: Path, kind: Any) -> None:
    sound = Sound(kind=kind, duration_s=2.5, seed=7)
    samples = make_sound(sound, tmp_path / "a")
    assert samples.shape == (40_000,)
    np.testing.assert_array_equal(samples, make_sound(sound, tmp_path / "b"))
    other = make_sound(Sound(kind=kind, duration_s=2.5, seed=8), tmp_path / "a")
    assert not np.array_equal(samples, other)
    is_quiet = power(samples) < 10 ** (-70 / 10)
    assert is_quiet == (kind == "silence")


def test_where_nobody_speaks_speech_ends_nowhere(tmp_path: Path) -> None:
    sound = Sound(kind="music", duration_s=2.0)
    turn = CaseTurn(
        reference="", meaning="", t_eos_s=0.0, sound=sound, expects="degraded",
        degraded_as=("silence",),
    )  # fmt: skip
    samples, t_eos_s = render_turn(turn, tmp_path, tmp_path)
    assert (len(samples), t_eos_s) == (32_000, 0.0)


@pytest.mark.parametrize(
    ("kind", "level"),
    [("clipping", 1.0), ("packet_loss", -0.1), ("reverberation", 0), ("noise", float("nan"))],
)
def test_a_level_that_cannot_be_is_refused(kind: Any, level: float) -> None:
    with pytest.raises(ValueError, match="got"):
        condition(kind, level)
