"""Endpointing on recordings: speech is heard, silence and noise are not."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebench.asr.vad import FRAME_SAMPLES, SileroVad
from voicebench.audio import load_audio
from voicebench.pipeline.endpoint import Endpoint, EndpointEvent, vad_end_of_speech

pytestmark = pytest.mark.models

SPEECH_S = (0.93, 5.25)  # where the person speaks in the recording, by its energy


@pytest.fixture(scope="module")
def sentence(speech_dir: Path) -> NDArray[np.float32]:
    return load_audio(speech_dir / "funasr_asr_example.wav")


def silence(duration_s: float) -> NDArray[np.float32]:
    return np.zeros(round(duration_s * 16_000), np.float32)


def kinds(events: list[EndpointEvent]) -> list[str]:
    return [event.kind for event in events]


def test_a_turn_ends_after_the_silence(sentence: NDArray[np.float32]) -> None:
    for silence_s in (0.3, 0.5, 1.0):
        endpoint = Endpoint(silence_s)
        events = endpoint.feed(np.concatenate([sentence, silence(2.0)]))
        assert kinds(events) == ["speech_started", "speech_stopped", "turn_ended"]
        started, stopped, ended = events
        assert started.at_s == pytest.approx(SPEECH_S[0], abs=0.15)
        assert stopped.at_s == pytest.approx(SPEECH_S[1], abs=0.15)
        assert ended.at_s == stopped.at_s
        assert ended.decided_s - ended.at_s == pytest.approx(silence_s, abs=0.033)
        assert stopped.decided_s <= ended.decided_s
        assert endpoint.is_ended


def test_a_short_pause_does_not_end_the_turn(sentence: NDArray[np.float32]) -> None:
    spoken = sentence[14_000:85_000]
    endpoint = Endpoint(silence_s=1.5)
    events = endpoint.feed(np.concatenate([spoken, silence(0.6), spoken, silence(2.0)]))
    assert kinds(events) == [
        "speech_started", "speech_stopped", "speech_started", "speech_stopped", "turn_ended",
    ]  # fmt: skip
    assert events[-1].at_s == events[-2].at_s > 8.0


@pytest.mark.parametrize("chunk_samples", [1, 100, 512, 1_600, 50_000])
def test_chunks_do_not_matter(sentence: NDArray[np.float32], chunk_samples: int) -> None:
    audio = np.concatenate([sentence[10_000:30_000], silence(0.7)])
    whole = Endpoint(0.4).feed(audio)
    endpoint = Endpoint(0.4)
    pieces = [audio[i : i + chunk_samples] for i in range(0, len(audio), chunk_samples)]
    assert [event for piece in pieces for event in endpoint.feed(piece)] == whole != []


def test_nothing_is_noticed_after_the_end(sentence: NDArray[np.float32]) -> None:
    endpoint = Endpoint(0.3)
    endpoint.feed(np.concatenate([sentence, silence(1.0)]))
    assert endpoint.feed(sentence) == []
    assert endpoint.finish() == []


def test_audio_that_ends_in_speech_stops_there(sentence: NDArray[np.float32]) -> None:
    endpoint = Endpoint(0.5)
    assert kinds(endpoint.feed(sentence[:48_000])) == ["speech_started"]
    (stopped,) = endpoint.finish()
    assert (stopped.kind, stopped.at_s) == ("speech_stopped", pytest.approx(3.0, abs=0.04))
    assert not endpoint.is_ended


def test_who_never_speaks_never_ends() -> None:
    rng = np.random.default_rng(0)
    for level in (0.0, 1e-3, 1e-2, 0.1):
        noise = (level * rng.standard_normal(5 * 16_000)).astype(np.float32)
        endpoint = Endpoint(0.3)
        assert endpoint.feed(noise) + endpoint.finish() == []
        assert vad_end_of_speech(noise) is None


def test_end_of_speech_is_not_the_end_of_the_file(sentence: NDArray[np.float32]) -> None:
    for trailing_s in (0.0, 0.3, 3.0):
        end_s = vad_end_of_speech(np.concatenate([sentence, silence(trailing_s)]))
        assert end_s == pytest.approx(SPEECH_S[1], abs=0.15)


@pytest.mark.parametrize("snr_db", [None, 30.0])
def test_end_of_speech_is_where_energy_ends(
    sentence: NDArray[np.float32], snr_db: float | None
) -> None:
    """Closer than the frames of the VAD, in a quiet room and in a noisy one."""
    audio = np.concatenate([sentence, silence(1.5)])
    if snr_db is not None:
        spoken = sentence[round(SPEECH_S[0] * 16_000) : round(SPEECH_S[1] * 16_000)]
        level = float(np.sqrt((spoken**2).mean())) * 10 ** (-snr_db / 20)
        noise = np.random.default_rng(0).standard_normal(len(audio))
        audio = (audio + level * noise).astype(np.float32)
    assert vad_end_of_speech(audio) == pytest.approx(SPEECH_S[1], abs=0.1)


def test_streams_do_not_disturb_each_other(sentence: NDArray[np.float32]) -> None:
    frames = sentence[: 100 * FRAME_SAMPLES].reshape(100, FRAME_SAMPLES)
    alone = SileroVad()
    expected = [alone.speech_probability(frame) for frame in frames]
    one, other = SileroVad(), SileroVad()
    mixed = []
    for frame in frames:
        mixed.append(one.speech_probability(frame))
        other.speech_probability(frame[::-1].copy())
    assert mixed == expected


def test_agrees_with_the_model_as_its_package_calls_it(sentence: NDArray[np.float32]) -> None:
    import torch

    spec = importlib.util.find_spec("silero_vad")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "data" / "silero_vad.jit"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = torch.jit.load(str(path))
    vad = SileroVad()
    for frame in sentence[: 60 * FRAME_SAMPLES].reshape(60, FRAME_SAMPLES):
        expected = model(torch.from_numpy(frame.copy())[None], 16_000).item()
        assert vad.speech_probability(frame) == pytest.approx(expected, abs=1e-4)
