"""Folders of Qwen3's dimensions: the tokenizer is the true one, the rest is what vLLM needs."""

from __future__ import annotations

import importlib.util
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebench.bundled.manifest import hash_folder
from voicebench.errors import MissingPackageError
from voicebench.llm.chat import ChatEncoder
from voicebench.llm.folder import check_llm_folder
from voicebench.llm.random_weights import (
    CONFIGS,
    MARKS,
    PATTERN,
    SPECIAL_TOKENS,
    ensure_random_weights,
    find_vocabulary,
    write_folder,
)
from voicebench.profiles.loader import load_profile
from voicebench.types import Message

pytest.importorskip("dashscope", reason="carries the vocabulary")
NUM_BYTE_PAIRS = 151643


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen3")
    write_folder(folder, CONFIGS["qwen3-0.6b"])
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder))


@pytest.fixture(scope="module")
def encoder(tokenizer: Any) -> ChatEncoder:
    return ChatEncoder(tokenizer)


@pytest.fixture(scope="module")
def reference() -> Any:
    """The same byte pairs read by tiktoken, for which they were written."""
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    ranks = load_tiktoken_bpe(str(find_vocabulary()))
    return tiktoken.Encoding("qwen", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


@pytest.mark.parametrize(
    "text",
    [
        "明天下午三点开会，地点在上海。",
        "Hello world's  12345\n\n  x",
        "请问张三的电话是13800138000吗？",
        "\t\t a  \r\n  b",
        "𠮷野家 🎉🎉 ﷽",
        "",
    ],
)
def test_known_texts_have_the_tokens_that_tiktoken_gives(
    text: str, tokenizer: Any, reference: Any
) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert ids == reference.encode_ordinary(text)
    assert tokenizer.decode(ids) == text


@settings(max_examples=200)
@given(text=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z"])))
def test_any_text_has_the_tokens_that_tiktoken_gives(
    text: str, encoder: ChatEncoder, reference: Any
) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert encoder.encode_text(text) == reference.encode_ordinary(composed)


def test_control_tokens_follow_the_byte_pairs(tokenizer: Any) -> None:
    added = [*SPECIAL_TOKENS, *MARKS]
    expected = list(range(NUM_BYTE_PAIRS, NUM_BYTE_PAIRS + len(added)))
    assert tokenizer.convert_tokens_to_ids(added) == expected
    assert len(tokenizer) == 151669 <= CONFIGS["qwen3-0.6b"]["vocab_size"]
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (151645, 151643)


def test_a_prompt_is_as_long_as_qwens(encoder: ChatEncoder) -> None:
    """`<|im_start|>user\\n你好<|im_end|>\\n<|im_start|>assistant\\n` in Qwen's published ids."""
    ids = encoder.encode([Message(role="user", content="你好")])
    assert ids == [151644, 872, 198, 108386, 151645, 198, 151644, 77091, 198]


def test_vllm_finds_all_but_weights(folder: Path) -> None:
    check_llm_folder(folder, needs_weights=False)
    config = json.loads((folder / "config.json").read_text())
    assert (config["hidden_size"], config["num_hidden_layers"]) == (1024, 28)
    assert "quantization_config" not in config
    quantized = CONFIGS["qwen3-4b-int4"]["quantization_config"]["config_groups"]["group_0"]
    assert (quantized["weights"]["num_bits"], quantized["input_activations"]) == (4, None)


def test_the_same_folder_is_made_of_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_folder(tmp_path, CONFIGS["qwen3-0.6b"])
    assert hash_folder(tmp_path) == hash_folder(folder)


def test_without_the_package_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="dashscope"):
        ensure_random_weights(tmp_path / "qwen3-0.6b", "qwen3-0.6b")
    assert not (tmp_path / "qwen3-0.6b").exists()


@pytest.mark.parametrize("name", ["dummy-0.6b", "dummy-4b"])
def test_the_dummy_profiles_say_what_they_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEBENCH_CACHE", str(tmp_path))
    profile = load_profile(name)
    assert profile.has_random_weights
    for folder in (profile.asr.folder, profile.llm.folder):
        assert Path(folder).is_relative_to(tmp_path)
    assert profile.asr.transcript_source == load_profile("bundled").asr.folder
    assert not load_profile("bundled").has_random_weights
    assert list(tmp_path.iterdir()) == [], "reading a profile makes nothing"
