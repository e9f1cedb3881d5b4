"""Where fetched models lie on this machine, and what is written down about each.

One folder a model, under VOICEBENCH_MODELS or the user's cache folder. `voicebench-model.json` in it
says where it came from, at which revision, under which licence, and the SHA-256 of every file: it is
written last, so a folder without it is a download that was cut off.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from voicebench.errors import ConfigError, ModelError
from voicebench.hub.catalogue import find_model
from voicebench.types import Record

STORE_VARIABLE = "VOICEBENCH_MODELS"
RECORD_NAME = "voicebench-model.json"


class StoredModel(Record):
    """What is known of a model that lies in the store."""

    name: str
    hub: str
    """`modelscope`, `huggingface` or `folder`."""
    repo: str
    """The repository, or the folder it was imported from."""
    revision: str
    """The commit or tag; empty for a folder."""
    licence: str
    files: dict[str, str]
    """SHA-256 of every file, by its path in the folder."""


def store_folder() -> Path:
    """The folder of all fetched models; it need not exist.

    Raises:
        ConfigError: VOICEBENCH_MODELS names something else than a folder.
    """
    if named := os.environ.get(STORE_VARIABLE):
        folder = Path(named).expanduser().resolve()
        if folder.exists() and not folder.is_dir():
            raise ConfigError(
                f"{STORE_VARIABLE}={named} is not a folder", "Name a folder, or unset it"
            )
        return folder
    if own := os.environ.get("VOICEBENCH_CACHE"):
        return Path(own).expanduser().resolve() / "models"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache.resolve() / "voicebench" / "models"


def model_folder(name: str) -> Path:
    """Where a model of the catalogue lies, or would lie.

    Raises:
        ConfigError: See `store_folder`.
    """
    return store_folder() / name


def pull_command(name: str) -> str:
    """What fetches a model that is missing."""
    return f"Run: voicebench models pull {name}"


def read_record(folder: Path) -> StoredModel | None:
    """What was written down about a stored model; None where nothing was.

    Raises:
        ModelError: The record is damaged.
    """
    path = folder / RECORD_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=StoredModel)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}", "Pull or import the model again"
        ) from error


def write_record(folder: Path, record: StoredModel) -> None:
    """Writes it whole or not at all."""
    path = folder / RECORD_NAME
    half = path.with_suffix(".part")
    half.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    half.replace(path)


def has_other_weights(record: StoredModel) -> bool:
    """Whether a stored model is not the one that the catalogue means by its name."""
    known = find_model(record.name).files.items()
    return any(record.files.get(file, sha256) != sha256 for file, sha256 in known)


def require_model(name: str) -> StoredModel:
    """What is written down about a model, refusing one that is not here whole.

    Raises:
        ModelError: Missing, cut off or of other weights; the command that fetches it is named.
    """
    folder = model_folder(name)
    record = read_record(folder)
    if record is None:
        half = "only partly" if folder.is_dir() else "not"
        raise ModelError(f"model {name} is {half} in {folder.parent}", pull_command(name))
    if has_other_weights(record):
        raise ModelError(
            f"{folder} holds {record.repo} {record.revision}, whose weights are not those of {name}",
            pull_command(name),
        )
    return record
