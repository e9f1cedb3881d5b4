from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from voicebench.bundled.manifest import (
    BUNDLED_FOLDER,
    MODEL_FOLDERS,
    hash_folder,
    verify_model,
    write_manifest,
)
from voicebench.errors import ModelError


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name, config in (("asr", "config.yaml"), ("llm", "config.json")):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / config).write_text("{}")
        (tmp_path / name / "sub" / "weights").write_bytes(bytes(1000))
    write_manifest(tmp_path)
    return tmp_path


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", MODEL_FOLDERS)
def test_the_shipped_models_are_whole(name: str) -> None:
    assert (BUNDLED_FOLDER / "manifest.json").is_file()
    verify_model(BUNDLED_FOLDER / name)


def test_what_was_written_verifies(models: Path) -> None:
    for name in MODEL_FOLDERS:
        verify_model(models / name)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [(flip_a_bit, "checksum"), (truncate, "checksum"), (Path.unlink, "missing")],
)
def test_damage_is_found_and_the_file_named(
    damage: Callable[[Path], None], complaint: str, models: Path
) -> None:
    damage(models / "asr" / "sub" / "weights")
    with pytest.raises(ModelError, match=f"asr/sub/weights .*{complaint}"):
        verify_model(models / "asr")
    verify_model(models / "llm")


def test_a_broken_manifest_is_named(models: Path) -> None:
    (models / "manifest.json").write_text('{"asr/config.yaml": ')
    with pytest.raises(ModelError, match=r"manifest\.json cannot be read"):
        verify_model(models / "asr")


def test_a_folder_of_the_users_own_needs_a_config(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        verify_model(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"config\.yaml nor config\.json"):
        verify_model(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    verify_model(tmp_path)


def test_the_hash_of_a_folder_sees_bytes_and_names(models: Path) -> None:
    before = hash_folder(models / "asr")
    assert hash_folder(models / "asr") == before
    (models / "asr" / "sub" / "weights").rename(models / "asr" / "sub" / "heights")
    renamed = hash_folder(models / "asr")
    flip_a_bit(models / "asr" / "sub" / "heights")
    assert len({before, renamed, hash_folder(models / "asr")}) == 3
