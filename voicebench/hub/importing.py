"""Taking a model from a folder into the store, for a machine without network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from voicebench.errors import ModelError, StorageError
from voicebench.hub.catalogue import find_model
from voicebench.hub.checksums import check_hashes, model_files, require_files
from voicebench.hub.inspection import inspect, require_model_of
from voicebench.hub.store import StoredModel, model_folder, read_record, write_record

Say = Callable[[str], None]


def import_folder(folder: Path, name: str, say: Say = print) -> StoredModel:
    """Copies a model's folder into the store, for a machine without network.

    Args:
        folder: A FunASR or Hugging Face folder, or one that another machine's store holds; then its
            record is taken over and every file is compared with it.
        name: The model of the catalogue that it is.
        say: Told one line at a time what is going on.

    Raises:
        ModelError: No such folder or model, a file is missing or does not fit its checksum.
        StorageError: The disk is full or refuses.
    """
    model, target = find_model(name), model_folder(name)
    if not folder.is_dir():
        raise ModelError(
            f"there is no folder {folder}", "Give the folder that holds the model's files"
        )
    files = model_files(folder)
    require_files(name, model, files)
    origin = read_record(folder)
    if origin is not None and origin.name == name:
        found = check_hashes(name, files, origin.files, "its record")
        record = msgspec.structs.replace(origin, files=found)
    else:
        if contents := inspect(folder):
            require_model_of(name, contents, folder)
        record = StoredModel(
            name=name,
            hub="folder",
            repo=str(folder.resolve()),
            revision="",
            licence=model.licence,
            files=check_hashes(name, files, model.files, "the catalogue"),
        )
    if folder.resolve() == target.resolve():
        write_record(target, record)
        return record
    _copy(name, files, target)
    check_hashes(name, model_files(target), record.files, "its source")
    write_record(target, record)
    say(f"{name}: {len(files)} files copied and checked, in {target}")
    return record


def _copy(name: str, files: dict[str, Path], target: Path) -> None:
    """Copies beside the target and puts it in place whole."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        for file, path in files.items():
            place = partial / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        if target.exists():
            shutil.rmtree(target)
        partial.replace(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StorageError(
            f"{name} cannot be copied to {target}: {error.strerror or error}",
            "Free some space, or set VOICEBENCH_MODELS to a folder on a larger disk",
        ) from error
