"""A mirror that holds the shipped models under the names of the real ones.

The catalogue of these tests is the real one with the checksums of the shipped files in place of the
real ones', so that what is fetched can also be loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.hub.mirror import COMMIT, Mirror, serve, sha256
from voicebench.hub import catalogue
from voicebench.profiles.schema import Profile

ASR, LLM = "paraformer-zh", "qwen3-0.6b"


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def shipped_catalogue(
    bundled_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> dict[str, catalogue.CatalogueModel]:
    """The catalogue, with the shipped models in place of the real ones."""
    known = dict(catalogue.catalogue())
    asr, llm = (Path(part.folder) for part in (bundled_profile.asr, bundled_profile.llm))
    tokens, weights = (asr / name for name in ("tokens.json", "model.pt"))
    known[ASR] = msgspec.structs.replace(
        known[ASR],
        files={path.name: sha256(path.read_bytes()) for path in (tokens, weights)},
        vocab=len(json.loads(tokens.read_bytes())),
        shape={"model": yaml.safe_load((asr / "config.yaml").read_text())["model"]},
        size_bytes=12_000_000,
    )
    known[LLM] = msgspec.structs.replace(
        known[LLM],
        shape=json.loads((llm / "config.json").read_bytes()),
        size_bytes=8_000_000,
        huggingface=catalogue.Origin(repo="Qwen/Qwen3-0.6B", revision=COMMIT),
    )
    monkeypatch.setattr(catalogue, "catalogue", lambda: known)
    return known


@pytest.fixture
def mirror(
    shipped_catalogue: dict[str, catalogue.CatalogueModel],
    bundled_profile: Profile,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Mirror]:
    found = Mirror()
    found.repos[shipped_catalogue[ASR].modelscope.repo] = read_folder(
        Path(bundled_profile.asr.folder)
    )
    found.repos["Qwen/Qwen3-0.6B"] = read_folder(Path(bundled_profile.llm.folder))
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)  # kept at least
    monkeypatch.setattr("modelscope_hub._download.DOWNLOAD_RETRY_TIMES", 2)
    monkeypatch.setattr("modelscope_hub._download._wait_download_retry", _retry_at_once)
    with serve(found):
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", found.url)
        yield found


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of this test."""
    folder = tmp_path / "models"
    monkeypatch.setenv("VOICEBENCH_MODELS", str(folder))
    return folder


def _retry_at_once(retry: Any, error: Exception, path: str, control: Any) -> Any:
    """As the client does, without waiting."""
    return retry.increment("GET", path, error=error)
