"""What several layouts need: the folder of a split, and Kaldi's tables of keys and values."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from voicebench.errors import SuiteError
from voicebench.suites.load import Problem
from voicebench.suites.recordings import Found, read_lines


def below(folder: Path, *names: str) -> Path:
    """The deepest of `folder/a/b`, `folder/b` and `folder` that is there.

    So `corpus`, `corpus/data_aishell` and what holds them all lead to `data_aishell`.
    """
    candidates = (folder.joinpath(*names[skipped:]) for skipped in range(len(names)))
    return next((path for path in candidates if path.is_dir()), folder)


def need(path: Path, corpus: str, way_out: str) -> Path:
    """The path, if it is there.

    Raises:
        SuiteError: It is missing, so the folder is not laid out as the corpus is.
    """
    if not path.exists():
        raise SuiteError(f"{path} is missing, so this is no {corpus} folder", way_out)
    return path


def unknown_split(split: str, known: Iterable[str], place: Path) -> SuiteError:
    """The error for a split that is not there."""
    there = ", ".join(sorted(known)) or "none"
    return SuiteError(f"there is no split {split!r} in {place}", f"Splits there: {there}.")


def keyed_lines(path: Path, found: Found) -> dict[str, tuple[int, str]]:
    """A table of `key value` lines: key to line number and value.

    A key that is there twice or has no value is a problem.

    Raises:
        SuiteError: The file is missing or not UTF-8.
    """
    table: dict[str, tuple[int, str]] = {}
    for number, line in read_lines(path):
        key, _, value = line.replace("\t", " ").partition(" ")
        if key in table:
            message = f"id {key!r} is already on line {table[key][0]}"
            found.problems.append(Problem(f"{path}:{number}", message))
            continue
        if not value.strip():
            found.problems.append(Problem(f"{path}:{number}", f"{key} stands alone"))
            continue
        table[key] = (number, value.strip())
    return table
