"""A mirror that holds the shipped models under the names of the real ones.

The catalogue of these tests is the real one with the checksums of the shipped files in place of the
real ones', so that what is fetched can also be loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.hub.mirror import COMMIT, Mirror, serve, sha256
from voicebench.config import Profile
from voicebench.hub import catalogue

ASR, LLM = "paraformer-zh", "qwen3-0.6b"


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def mirror(bundled_profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    known = dict(catalogue.catalogue())
    asr = read_folder(Path(bundled_profile.asr.folder))
    pinned = {name: sha256(asr[name]) for name in known[ASR].files}
    known[ASR] = msgspec.structs.replace(known[ASR], files=pinned, size_bytes=12_000_000)
    known[LLM] = msgspec.structs.replace(
        known[LLM],
        size_bytes=8_000_000,
        huggingface=catalogue.Origin(repo="Qwen/Qwen3-0.6B", revision=COMMIT),
    )
    monkeypatch.setattr(catalogue, "catalogue", lambda: known)
    found = Mirror()
    found.repos[known[ASR].modelscope.repo] = asr
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
