"""A recogniser of random weights, made by the function that makes the full-size one, in small."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from voicebench.asr.paraformer import ParaformerRecognizer, load_recognizer
from voicebench.asr.random_weights import (
    SIZES,
    TOKENS_PER_S,
    ParaformerSize,
    write_random_paraformer,
)
from voicebench.bundled.manifest import BUNDLED_FOLDER, hash_folder
from voicebench.errors import ConfigError
from voicebench.profiles.schema import AsrProfile
from voicebench.types import SAMPLE_RATE_HZ

pytestmark = pytest.mark.models

TINY = ParaformerSize(
    width=32, heads=2, units=64, encoder_blocks=2, decoder_blocks=2, vocabulary=40,
    hotword_units=32, hotword_blocks=1, hotword_attention_blocks=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("random")
    write_random_paraformer(folder, TINY)
    return folder


def made(folder: Path, size: ParaformerSize, seed: int) -> str:
    folder.mkdir()
    write_random_paraformer(folder, size, seed)
    return hash_folder(folder)


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    import torch

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    same, other = made(tmp_path / "a", TINY, 20), made(tmp_path / "b", TINY, 21)
    assert hash_folder(folder) == same != other
    assert torch.equal(torch.random.get_rng_state(), before), "the caller's generator is untouched"


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("duration_s", [2.4, 7.0])
def test_it_finds_as_many_tokens_as_people_say_whatever_it_hears(
    folder: Path, int8: bool, duration_s: float
) -> None:
    recognizer = ParaformerRecognizer(AsrProfile(folder=str(folder), int8=int8), only_speech=False)
    num_samples = round(duration_s * SAMPLE_RATE_HZ)
    noise = np.random.default_rng(0).normal(0, 0.1, num_samples).astype(np.float32)
    for samples in (noise, 0.01 * noise):
        tokens = recognizer.recognize(samples).tokens
        # One rounds, and tokens for which a random vocabulary says nothing are left out.
        assert abs(len(tokens) - duration_s * TOKENS_PER_S) <= 2
        assert tokens[-1].end_s <= duration_s + 0.06, "a frame is 60 ms"


def test_int8_computes_in_int8(folder: Path) -> None:
    import torch

    whole = ParaformerRecognizer(AsrProfile(folder=str(folder)))
    small = ParaformerRecognizer(AsrProfile(folder=str(folder), int8=True))
    linear = [m for m in whole._model.modules() if isinstance(m, torch.nn.Linear)]
    quantized = [m for m in small._model.modules() if "quantized" in type(m).__module__]
    assert len(quantized) >= len(linear) > 10
    with pytest.raises(ConfigError, match="int8"):
        ParaformerRecognizer(AsrProfile(folder=str(folder), int8=True, device="cuda"))


def test_words_come_from_the_other_model_and_the_cost_from_both(folder: Path) -> None:
    bundled = str(BUNDLED_FOLDER / "asr")
    pair = load_recognizer(AsrProfile(folder=str(folder), transcript_source=bundled))
    alone = ParaformerRecognizer(AsrProfile(folder=bundled))
    times = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    hum = (0.1 * np.sign(np.sin(900 * times)) * (np.sin(25 * times) > 0)).astype(np.float32)
    assert pair.vocabulary == alone.vocabulary
    assert pair.recognize(hum) == alone.recognize(hum)
    assert pair.recognize_batch([hum, hum[:8000]]) == alone.recognize_batch([hum, hum[:8000]])
    pair.close()
    with pytest.raises(RuntimeError, match="closed"):
        pair.recognize(hum)


def test_the_full_size_is_that_of_the_published_model(tmp_path: Path) -> None:
    size = msgspec.structs.replace(
        SIZES["paraformer-zh"], encoder_blocks=1, decoder_blocks=1, hotword_blocks=1,
        hotword_attention_blocks=1,
    )  # fmt: skip
    write_random_paraformer(tmp_path, size)
    import torch

    weights = torch.load(tmp_path / "model.pt", weights_only=True)["state_dict"]
    counts = {
        part: sum(w.numel() for name, w in weights.items() if name.startswith(part))
        for part in ("encoder.encoders0.", "decoder.decoders.0.", "predictor.", "decoder.embed.")
    }
    first, block, head, embedding = counts.values()
    full = SIZES["paraformer-zh"]
    inner = first - 48 * (3 * 512 + 2)  # the first block reads features of 560
    total = first + (full.encoder_blocks - 1) * inner + full.decoder_blocks * block + head
    assert 2.1e8 <= total + 2 * embedding <= 2.3e8
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["model"] == "SeacoParaformer"
