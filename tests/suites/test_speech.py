"""Speech from text: reproducible, cached, placed in time, and refused where it would be wrong."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voicebench.errors import StorageError, SuiteError
from voicebench.suites.render import TRAILING_SILENCE_S, render_turn
from voicebench.suites.speech import end_of_speech_s, speak, speak_many, synthesize
from voicebench.types import SAMPLE_RATE_HZ, CaseTurn, Segment

HELLO = Segment(voice="cmn+f2", spoken="你好，请问几点开会")


def turn_of(*segments: Segment) -> CaseTurn:
    return CaseTurn(reference="你好", meaning="你好", t_eos_s=1.0, segments=segments)


def test_the_same_segment_gives_the_same_samples_whatever_was_spoken_before() -> None:
    first = speak(HELLO).samples
    time.sleep(1.1)  # espeak-ng would seed its noise with the second
    list(speak_many([Segment(voice="yue", spoken="唔该"), Segment(voice="en", spoken="good day")]))
    np.testing.assert_array_equal(speak(HELLO).samples, first)


@pytest.mark.parametrize("voice", ["cmn", "yue", "en", "cmn+m3", "yue+f1"])
def test_every_voice_speaks_at_16_khz_and_half_scale(voice: str) -> None:
    samples = speak(Segment(voice=voice, spoken="hello" if voice == "en" else "今天天气")).samples
    assert 0.3 * SAMPLE_RATE_HZ < len(samples) < 3 * SAMPLE_RATE_HZ
    assert 0.02 < float(np.abs(samples).max()) <= 0.5


def test_voices_rates_and_pitches_sound_different() -> None:
    changed = [
        Segment(voice="cmn", spoken=HELLO.spoken),
        Segment(voice="cmn+f2", spoken=HELLO.spoken, pitch=65),
    ]
    for other in changed:
        assert not np.array_equal(speak(other).samples, speak(HELLO).samples)
    fast = Segment(voice="cmn+f2", spoken=HELLO.spoken, rate_wpm=230)
    assert len(speak(fast).samples) < len(speak(HELLO).samples)


def test_word_times_rise_within_the_speech() -> None:
    utterance = speak(HELLO)
    starts = [start_s for _, _, start_s in utterance.words]
    assert starts == sorted(starts)
    assert starts[-1] < end_of_speech_s(utterance.samples)


def test_the_cache_gives_back_what_was_spoken_and_mends_a_torn_file(tmp_path: Path) -> None:
    spoken = synthesize(HELLO, tmp_path)
    (kept,) = tmp_path.rglob("*.npy")
    np.testing.assert_array_equal(synthesize(HELLO, tmp_path), spoken)
    kept.write_bytes(kept.read_bytes()[:100])
    np.testing.assert_array_equal(synthesize(HELLO, tmp_path), spoken)
    synthesize(Segment(voice="cmn+f2", spoken=HELLO.spoken, pitch=51), tmp_path)
    assert len(list(tmp_path.rglob("*.npy"))) == 2


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="VOICEBENCH_CACHE"):
        synthesize(HELLO, tmp_path / "file" / "below")


def test_a_turn_ends_with_silence_after_its_true_end_of_speech(tmp_path: Path) -> None:
    samples, t_eos_s = render_turn(turn_of(HELLO), tmp_path, tmp_path)
    assert t_eos_s == pytest.approx(end_of_speech_s(speak(HELLO).samples), abs=1e-3)
    assert len(samples) == round((t_eos_s + TRAILING_SILENCE_S) * SAMPLE_RATE_HZ)
    assert np.abs(samples[round(t_eos_s * SAMPLE_RATE_HZ) + 1 :]).max() < 10 ** (-50 / 20)


def test_segments_follow_after_their_pause_or_overlap_where_told(tmp_path: Path) -> None:
    first = Segment(voice="cmn", spoken="我们开会")
    length_s = len(speak(first).samples) / SAMPLE_RATE_HZ

    def end_s(**placed: Any) -> float:
        second = Segment(voice="cmn+m1", spoken="等一下", **placed)
        return render_turn(turn_of(first, second), tmp_path, tmp_path)[1]

    behind = end_s()
    assert end_s(pause_before_s=0.7) == pytest.approx(behind + 0.7, abs=1e-3)
    assert end_s(start_s=length_s) == pytest.approx(behind, abs=1e-3)
    assert end_s(start_s=length_s - 0.3) == pytest.approx(behind - 0.3, abs=1e-3)


@pytest.mark.parametrize(
    ("segment", "problem"),
    [
        (Segment(voice="cmn", spoken="三点50分"), "digits"),
        (Segment(voice="cmn", spoken="  "), "nothing to speak"),
        (Segment(voice="cmn+nobody", spoken="你好"), "nobody"),
        (Segment(voice="cmn+f2+f3", spoken="你好"), "f2.f3"),
        (Segment(voice="cmn", spoken="你好", rate_wpm=10), "rate_wpm 10"),
        (Segment(voice="cmn", spoken="你好", pitch=200), "pitch 200"),
    ],
)
def test_what_espeak_would_read_wrongly_is_refused(segment: Segment, problem: str) -> None:
    with pytest.raises(SuiteError, match=problem):
        speak(segment)
