"""Checksums of the shipped model folders: a changed or half-copied weight file is found by name.

`manifest.json` lies beside the model folders and maps each file, relative to itself, to its
SHA-256. A folder that no manifest covers (the user's own model) is only looked at for presence.

    python -m voicebench.bundled.manifest          # verify the shipped models
    python -m voicebench.bundled.manifest --write  # after training them anew
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from voicebench.errors import ModelError

BUNDLED_FOLDER = Path(__file__).parent
MODEL_FOLDERS = ("asr", "llm")
MANIFEST_NAME = "manifest.json"
CONFIG_NAMES = ("config.yaml", "config.json")


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_folder(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files in a folder: one value a run can record."""
    digest = hashlib.sha256()
    for path in sorted(_files_of(folder)):
        digest.update(f"{path.relative_to(folder).as_posix()} {hash_file(path)}\n".encode())
    return digest.hexdigest()


def write_manifest(root: Path = BUNDLED_FOLDER) -> dict[str, str]:
    """Writes `root/manifest.json` over the model folders that exist, and returns it."""
    files = [path for name in MODEL_FOLDERS for path in _files_of(root / name)]
    manifest = {path.relative_to(root).as_posix(): hash_file(path) for path in sorted(files)}
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    (root / MANIFEST_NAME).write_text(text, encoding="utf-8")
    return manifest


def verify_model(folder: Path) -> None:
    """Checks that a model folder is there, and whole if a manifest beside it covers it.

    Args:
        folder: A FunASR or Hugging Face model folder.

    Raises:
        ModelError: The folder or a file is missing, or a file differs from its checksum.
    """
    if not folder.is_dir():
        raise ModelError(f"no model folder {folder}", _way_out(folder))
    expected = _expected_files(folder)
    if not expected and not any((folder / name).is_file() for name in CONFIG_NAMES):
        raise ModelError(
            f"model folder {folder} has neither {' nor '.join(CONFIG_NAMES)}",
            "Give a FunASR or a Hugging Face model folder.",
        )
    for path, sha256 in expected.items():
        if not path.is_file():
            raise ModelError(f"model file {path} is missing", _way_out(folder))
        if hash_file(path) != sha256:
            raise ModelError(f"model file {path} does not fit its checksum", _way_out(folder))


def _expected_files(folder: Path) -> dict[Path, str]:
    manifest_path = folder.parent / MANIFEST_NAME
    if not manifest_path.is_file():
        return {}
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        prefix = f"{folder.name}/"
        return {
            folder.parent / name: str(sha256)
            for name, sha256 in manifest.items()
            if name.startswith(prefix)
        }
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{manifest_path} cannot be read: {error}", _way_out(folder)) from error


def _files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]


def _way_out(folder: Path) -> str:
    if folder.parent.resolve() == BUNDLED_FOLDER.resolve():
        return "Restore it with `git checkout -- voicebench/bundled`, or train it: `make models`."
    return "Check the folder in the profile, or copy the model again."


def main(arguments: list[str]) -> int:
    if "--write" in arguments:
        print(f"wrote {BUNDLED_FOLDER / MANIFEST_NAME}: {len(write_manifest())} files")
        return 0
    for name in MODEL_FOLDERS:
        verify_model(BUNDLED_FOLDER / name)
        print(f"{name}: as in {MANIFEST_NAME}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
