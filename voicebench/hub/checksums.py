"""Is a model's folder whole, and is every file what its publisher says it is."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Mapping
from pathlib import Path

from voicebench.bundled.manifest import hash_file
from voicebench.errors import ModelError
from voicebench.hub.catalogue import CatalogueModel
from voicebench.hub.store import RECORD_NAME, StoredModel, pull_command

_BLOCK_BYTES = 2**20


def model_files(folder: Path) -> dict[str, Path]:
    """The files of a model by their path in its folder, without what download clients leave."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != RECORD_NAME
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def require_files(name: str, model: CatalogueModel, files: Mapping[str, Path]) -> None:
    """Refuses a folder without something the model cannot be loaded without.

    Raises:
        ModelError: The first file that is missing.
    """
    for pattern in model.needs:
        if not fnmatch.filter(files, pattern):
            raise ModelError(f"model {name} lacks {pattern}", pull_command(name))


def check_hashes(
    name: str, files: Mapping[str, Path], expected: Mapping[str, str], says: str
) -> dict[str, str]:
    """SHA-256 of all files, each compared with what is expected of it.

    Args:
        name: The model.
        files: Paths by name.
        expected: SHA-256 by name; names that are not among the files are missing.
        says: Who expects it, for the error.

    Raises:
        ModelError: A file is missing or differs.
    """
    found = {file: hash_file(path) for file, path in files.items()}
    for file, sha256 in expected.items():
        if file not in found:
            raise ModelError(f"model {name} lacks {file}, which {says} lists", pull_command(name))
        if found[file] != sha256:
            raise ModelError(
                f"{files[file]} does not fit its checksum: it has {found[file][:12]}... and {says} "
                f"says {sha256[:12]}...",
                f"Remove the file; then {pull_command(name)[0].lower()}{pull_command(name)[1:]}",
            )
    return found


def verify_stored(name: str, folder: Path, record: StoredModel) -> None:
    """Compares a stored model with its own record, byte by byte.

    Raises:
        ModelError: A file is missing, differs, or is not in the record.
    """
    files = model_files(folder)
    check_hashes(name, files, record.files, "its record")
    if unknown := sorted(set(files) - set(record.files)):
        raise ModelError(
            f"{folder / unknown[0]} is not in the model's record", "Remove it, or import the folder"
        )


def git_blob_sha1(path: Path) -> str:
    """What git, and so Hugging Face, calls a small file's content."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
