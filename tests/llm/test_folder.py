"""A model folder is refused before vLLM is loaded, by name of the file that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.llm.tiny_model import make_tiny_folder
from voicebench.errors import ModelError
from voicebench.llm.folder import check_llm_folder
from voicebench.llm.vllm_engine import VllmGenerator
from voicebench.profiles.schema import LlmProfile


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "config.json cannot be read"),
    "broken config": (lambda f: (f / "config.json").write_text("{"), "config.json cannot be read"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), "is not a JSON object"),
    "no architecture": (lambda f: (f / "config.json").write_text("{}"), "names no model arch"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer.json"),
    "broken tokenizer": (lambda f: _truncate(f / "tokenizer.json"), "tokenizer.json cannot be"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "has no .*safetensors"),
    "truncated weights": (lambda f: _truncate(f / "model.safetensors"), "its header promises"),
    "empty weights": (lambda f: (f / "model.safetensors").write_bytes(b""), "not a readable"),
    "text as weights": (
        lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec"),
        "not a readable safetensors",
    ),
    "missing shard": (
        lambda f: (f / "model.safetensors.index.json").write_text(
            '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'
        ),
        "model-00001-of-00002",
    ),
}


def test_a_whole_folder_passes(tmp_path: Path) -> None:
    check_llm_folder(make_tiny_folder(tmp_path / "llm"))


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_folder_is_refused_before_anything_is_loaded(tmp_path: Path, name: str) -> None:
    spoil, message = SPOILED[name]
    folder = make_tiny_folder(tmp_path / "llm")
    spoil(folder)
    with pytest.raises(ModelError, match=message) as caught:
        VllmGenerator(LlmProfile(folder=str(folder)))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        VllmGenerator(LlmProfile(folder=str(tmp_path / "nowhere")))


def test_random_weights_need_no_weight_file(tmp_path: Path) -> None:
    folder = make_tiny_folder(tmp_path / "llm")
    (folder / "model.safetensors").unlink()
    check_llm_folder(folder, needs_weights=False)
