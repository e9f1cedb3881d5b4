"""The user's cache folder, and folders in it that are made once: whole, or not there at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from voicebench.errors import StorageError


def cache_folder() -> Path:
    """`$VOICEBENCH_CACHE`, else `$XDG_CACHE_HOME/voicebench`, else `~/.cache/voicebench`."""
    if own := os.environ.get("VOICEBENCH_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "voicebench"


def make_once(folder: Path, make: Callable[[Path], None], what: str) -> None:
    """Makes a folder unless it is there, with one line on stderr that says so.

    What is made gets its name only when all of it is on disk, so a making that was interrupted
    leaves nothing that could be taken for whole, and what it does leave is cleared by the next one.
    Processes that want the same folder wait for the one that makes it.

    Args:
        folder: Its name changes with what is in it: a folder that is there is not looked into.
        make: Writes files into the folder that it is given.
        what: For the line: what is made, how large it is and how long it takes.

    Raises:
        StorageError: The disk refused.
    """
    if folder.is_dir():
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f".{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # given up by the system when this process ends
            if not folder.is_dir():
                _make(folder, make, what)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be made: {error.strerror or error}",
            "Make room, or set VOICEBENCH_CACHE to a folder that can be written.",
        ) from error


def _make(folder: Path, make: Callable[[Path], None], what: str) -> None:
    print(f"Making {what} in {folder}, once ...", file=sys.stderr, flush=True)
    partial = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    make(partial)
    for path in partial.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    partial.rename(folder)
