"""The recogniser on tiny models with random weights: what must hold whatever the weights are."""

from __future__ import annotations

import json
import logging
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.asr.tiny_model import TOKENS, write_tiny_model
from voicebench.asr.paraformer import ParaformerRecognizer
from voicebench.audio import load_audio
from voicebench.errors import ConfigError, ModelError
from voicebench.profiles.schema import AsrProfile
from voicebench.types import Hypothesis

pytestmark = pytest.mark.models

CLASSES = ["Paraformer", "BiCifParaformer", "SeacoParaformer"]
SPECIAL = {"<blank>", "<s>", "</s>", "<unk>"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("models")
    return {name: write_tiny_model(base / name, name) for name in CLASSES}


@pytest.fixture(scope="module", params=CLASSES)
def recognizer(request: pytest.FixtureRequest, folders: dict[str, Path]) -> ParaformerRecognizer:
    # Weights drawn at random doubt everything, and noise is no speech.
    profile = AsrProfile(folder=str(folders[request.param]))
    return ParaformerRecognizer(profile, only_speech=False)


@pytest.fixture(scope="module")
def noise() -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(0).standard_normal(64_000)).astype(np.float32)


def rounded(hypothesis: Hypothesis) -> list[tuple[object, ...]]:
    return [
        (t.text, round(t.start_s, 3), round(t.end_s, 3), round(t.confidence, 3))
        for t in hypothesis.tokens
    ]


def test_tokens_have_times_confidence_and_readings(
    recognizer: ParaformerRecognizer, noise: NDArray[np.float32]
) -> None:
    hypothesis = recognizer.recognize(noise)
    assert hypothesis.tokens
    starts = [token.start_s for token in hypothesis.tokens]
    assert starts == sorted(starts)
    for token in hypothesis.tokens:
        assert 0 <= token.start_s <= token.end_s <= 4.0 + 0.06
        assert not token.text.endswith("@@")
        probabilities = [reading.probability for reading in token.alternatives]
        assert probabilities == sorted(probabilities, reverse=True)
        assert token.alternatives[0].text == token.text
        assert token.alternatives[0].probability == pytest.approx(token.confidence)
        assert not SPECIAL & {reading.text for reading in token.alternatives}


def test_a_batch_is_the_same_as_one_by_one(
    recognizer: ParaformerRecognizer, noise: NDArray[np.float32]
) -> None:
    pieces = [noise[:n] for n in (38_400, 64_000, 399, 8_000, 0, 20_001)]
    batch = recognizer.recognize_batch(pieces)
    assert [rounded(h) for h in batch] == [rounded(recognizer.recognize(p)) for p in pieces]


def test_words_made_up_in_noise_are_dropped(
    folders: dict[str, Path], noise: NDArray[np.float32]
) -> None:
    recognizer = ParaformerRecognizer(AsrProfile(folder=str(folders["SeacoParaformer"])))
    assert recognizer.recognize(noise).tokens == ()


def test_doubtful_words_are_kept_near_the_speech_that_is_known(
    folders: dict[str, Path], noise: NDArray[np.float32]
) -> None:
    profile = AsrProfile(folder=str(folders["SeacoParaformer"]))
    recognizer = ParaformerRecognizer(profile)
    every = ParaformerRecognizer(profile, only_speech=False).recognize(noise)
    known_s = [np.array([1.0]), np.zeros(0), None]
    near, none, by_vad = recognizer.recognize_batch([noise] * 3, known_s)
    assert near.tokens
    assert {token.text for token in near.tokens} <= {token.text for token in every.tokens}
    assert all(token.start_s < 1.3 and token.end_s > 0.7 for token in near.tokens)
    assert len(near.tokens) < len(every.tokens)
    assert none.tokens == by_vad.tokens == ()


def test_what_is_said_amid_silence_is_kept(
    folders: dict[str, Path], speech_dir: Path, noise: NDArray[np.float32]
) -> None:
    said = load_audio(speech_dir / "funasr_asr_example.wav")[16_000:48_000]
    audio = np.concatenate([noise / 50, said, noise / 50])
    recognizer = ParaformerRecognizer(AsrProfile(folder=str(folders["SeacoParaformer"])))
    tokens = recognizer.recognize(audio).tokens
    assert tokens
    assert min(token.start_s for token in tokens) > 3.0
    assert max(token.end_s for token in tokens) < 7.0


@pytest.mark.parametrize("num_samples", [0, 1, 160, 399])
def test_less_than_a_frame_holds_no_tokens(
    recognizer: ParaformerRecognizer, num_samples: int
) -> None:
    assert recognizer.recognize(np.ones(num_samples, np.float32)).tokens == ()


def test_repeating_and_threads_change_nothing(
    recognizer: ParaformerRecognizer, noise: NDArray[np.float32]
) -> None:
    alone = recognizer.recognize(noise)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(recognizer.recognize, [noise] * 8))
    assert all(hypothesis == alone for hypothesis in together)


def test_loading_leaves_no_trace_in_the_process(
    folders: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    import torch

    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    expected = random.random(), np.random.random(), torch.rand(1)
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    recognizer = ParaformerRecognizer(AsrProfile(folder=str(folders["SeacoParaformer"])))
    assert (random.random(), np.random.random(), torch.rand(1)) == expected
    recognizer.recognize(np.ones(16_000, np.float32) / 9)
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert capfd.readouterr() == ("", "")


def test_a_closed_recogniser_refuses(folders: dict[str, Path]) -> None:
    recognizer = ParaformerRecognizer(AsrProfile(folder=str(folders["Paraformer"])))
    recognizer.close()
    with pytest.raises(RuntimeError, match="closed"):
        recognizer.recognize(np.zeros(16_000, np.float32))


# ---------------------------------------------------------------- faults


def test_a_missing_folder_starts_no_download(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no model folder .*paraformer-zh"):
        ParaformerRecognizer(AsrProfile(folder=str(tmp_path / "paraformer-zh")))


@pytest.mark.parametrize("name", ["config.yaml", "tokens.json", "am.mvn", "model.pt"])
@pytest.mark.parametrize("fault", ["missing", "empty", "garbage", "half"])
def test_the_missing_or_corrupt_file_is_named(
    tmp_path: Path, folders: dict[str, Path], name: str, fault: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folders["SeacoParaformer"], folder)
    content = (folder / name).read_bytes()
    if fault == "missing":
        (folder / name).unlink()
    else:
        faulty = {"empty": b"", "garbage": b"\xff\xfe[{" * 9, "half": content[: len(content) // 2]}
        (folder / name).write_bytes(faulty[fault])
    with pytest.raises(ModelError, match=name.replace(".", r"\.")) as caught:
        ParaformerRecognizer(AsrProfile(folder=str(folder)))
    assert "\n" not in str(caught.value)


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path, folders: dict[str, Path]) -> None:
    import torch

    folder = tmp_path / "model"
    shutil.copytree(folders["SeacoParaformer"], folder)
    weights = torch.load(folder / "model.pt")
    del weights["state_dict"]["decoder.output_layer.weight"]
    torch.save(weights, folder / "model.pt")
    with pytest.raises(ModelError, match=r"model\.pt lacks 1 weights.*decoder\.output_layer"):
        ParaformerRecognizer(AsrProfile(folder=str(folder)))


def test_weights_of_another_shape_are_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folders["SeacoParaformer"], folder)
    (folder / "tokens.json").write_text(json.dumps([*TOKENS[:-1], "新", "<unk>"]))
    with pytest.raises(ModelError, match=r"tokens\.json has 21 tokens and model\.pt 20"):
        ParaformerRecognizer(AsrProfile(folder=str(folder)))


def test_a_device_that_is_not_there_is_named(folders: dict[str, Path]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    with pytest.raises(ConfigError, match=r"device 'cuda'|build for CPUs"):
        ParaformerRecognizer(AsrProfile(folder=str(folders["Paraformer"]), device="cuda"))
