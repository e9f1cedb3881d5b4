"""Hotwords and int8, on a tiny model: FunASR's own inference is the known answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.asr.tiny_model import write_tiny_model
from voicebench.asr.folder import load_folder
from voicebench.asr.paraformer import ParaformerRecognizer
from voicebench.config import AsrProfile
from voicebench.errors import ConfigError

pytestmark = pytest.mark.models

HOTWORDS = ("上海", "北京")


@pytest.fixture(scope="module")
def seaco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "seaco", "SeacoParaformer", seed=3)


@pytest.fixture(scope="module")
def noise() -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)


def heard(folder: Path, noise: NDArray[np.float32], **settings: object) -> list[tuple[str, float]]:
    recognizer = ParaformerRecognizer(AsrProfile(folder=str(folder), **settings), only_speech=False)
    tokens = recognizer.recognize(noise).tokens
    return [(token.text, token.confidence) for token in tokens]


def test_hotwords_turn_the_answer_as_funasr_itself_turns_it(
    seaco: Path, noise: NDArray[np.float32]
) -> None:
    model, settings = load_folder(AsrProfile(folder=str(seaco)))
    settings["frontend"].dither = 0.0
    answer = model.inference(
        [noise], key=["noise"], tokenizer=settings["tokenizer"], frontend=settings["frontend"],
        device="cpu", hotword=" ".join(HOTWORDS), pred_timestamp=False,
    )  # fmt: skip
    by_funasr = answer[0][0]["text"].replace(" ", "")
    ours = heard(seaco, noise, hotwords=HOTWORDS)
    assert "".join(text for text, _ in ours) == by_funasr
    assert ours != heard(seaco, noise)


@pytest.mark.parametrize("word", ["上 海", "words.txt", "http://x", ""])
def test_what_funasr_would_take_for_a_file_is_refused(word: str, seaco: Path) -> None:
    with pytest.raises(ConfigError, match="hotword"):
        ParaformerRecognizer(AsrProfile(folder=str(seaco), hotwords=(word,)))


def test_a_model_without_hotwords_says_so(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "plain", "Paraformer")
    with pytest.raises(ConfigError, match="SeacoParaformer"):
        ParaformerRecognizer(AsrProfile(folder=str(folder), hotwords=HOTWORDS))


def test_int8_hears_nearly_the_same(seaco: Path, noise: NDArray[np.float32]) -> None:
    exact, quantised = heard(seaco, noise), heard(seaco, noise, int8=True)
    assert len(quantised) == pytest.approx(len(exact), abs=2)
    assert quantised != exact  # it is another arithmetic, not the same model again


def test_int8_is_refused_on_a_gpu(seaco: Path) -> None:
    with pytest.raises(ConfigError, match="int8"):
        load_folder(AsrProfile(folder=str(seaco), int8=True, device="cuda"))
