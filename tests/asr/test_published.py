"""The published configurations of profile 4090d, with random weights, through this project's loaders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.asr.companion_models import write_statistics
from tests.published import PUBLISHED
from voicebench.asr.companions import Companions
from voicebench.asr.funasr_companions import load_companions
from voicebench.asr.paraformer import ParaformerRecognizer
from voicebench.asr.vad import FRAME_SAMPLES
from voicebench.profiles.schema import AsrProfile, AuxiliaryModelProfile

pytestmark = pytest.mark.models
SPEECH_LIKE_S = 20.0


@pytest.fixture(scope="module")
def companions(tmp_path_factory: pytest.TempPathFactory) -> Companions:
    root = tmp_path_factory.mktemp("published")
    folders = {
        "vad": PUBLISHED["fsmn-vad"].write_whole(root / "fsmn-vad"),
        "punctuation": PUBLISHED["ct-punc"].write_whole(root / "ct-punc"),
        "speakers": PUBLISHED["cam++"].write_whole(root / "cam++", "campplus_cn_common.bin"),
    }
    write_statistics(folders["vad"], 400)
    parts = {role: AuxiliaryModelProfile(folder=str(path)) for role, path in folders.items()}
    return load_companions(AsrProfile(folder="unused", **parts))


@pytest.fixture(scope="module")
def noise() -> NDArray[np.float32]:
    samples = np.random.default_rng(0).normal(0, 0.1, int(SPEECH_LIKE_S * 16_000))
    return samples.astype(np.float32)


def test_the_vad_gives_a_probability_a_frame(
    companions: Companions, noise: NDArray[np.float32]
) -> None:
    stream = companions.vad.stream()
    frames = noise[: 50 * FRAME_SAMPLES].reshape(50, FRAME_SAMPLES)
    found = [stream.speech_probability(frame) for frame in frames]
    assert all(0.0 <= each <= 1.0 for each in found)
    assert len(set(found)) > 10  # random weights still look at the audio
    assert stream.speech_above == pytest.approx(0.8)  # speech_noise_thres 0.6


@pytest.mark.parametrize("text", ["今天去上海开会明天回来", "打开ppt", "", "一" * 250])
def test_punctuation_changes_no_character(companions: Companions, text: str) -> None:
    marked = companions.punctuation.punctuate(text)
    assert "".join(char for char in marked if char not in "，。？、,.?") == text


def test_speakers_are_told_apart_in_spans_of_the_recording(
    companions: Companions, noise: NDArray[np.float32]
) -> None:
    for span in companions.speakers.spans(noise):
        assert 0.0 <= span.start_s < span.end_s <= SPEECH_LIKE_S + 1.5
        assert span.speaker >= 0


def test_paraformer_loads_with_its_hotword_decoder_at_the_top(
    tmp_path: Path, noise: NDArray[np.float32]
) -> None:
    folder = PUBLISHED["paraformer-zh"].write_whole(tmp_path / "paraformer-zh")
    write_statistics(folder, 560)
    recognizer = ParaformerRecognizer(AsrProfile(folder=str(folder)), only_speech=False)
    assert len(recognizer.vocabulary) == 8404
    for token in recognizer.recognize(noise[:57_600]).tokens:
        assert 0.0 <= token.start_s <= token.end_s <= 3.6 + 0.06
        assert 0.0 < token.confidence <= 1.0
    recognizer.close()
