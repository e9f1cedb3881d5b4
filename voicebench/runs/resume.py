"""Beginning a run, or going on with one that was killed: only with the settings it began with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from voicebench.errors import RecordError, StorageError
from voicebench.runs.record import (
    CASES_FILE,
    RUN_FILE,
    read_run,
    write_cases,
    write_run,
)
from voicebench.types import Case, Run

MAY_DIFFER = frozenset(
    {
        "run_id", "created_at", "argv", "load_average_before", "load_average_after",
        "finished_at", "num_warm_up_turns",
    }
)  # fmt: skip
"""Fields of `Run` that say when and by which command; all others decide what the figures are."""


def begin_or_continue(folder: Path, wanted: Run, cases: Sequence[Case]) -> Run:
    """Writes a new run's `cases.jsonl` and `run.json`, or checks that the one there is the same.

    `run.json` comes last: a folder without it never began.

    Args:
        folder: Made if missing.
        wanted: The run as it would begin now.
        cases: The cases that will run.

    Returns:
        The run to record under: `wanted`, or the one that is continued.

    Raises:
        RecordError: The folder holds something else, or a run with other settings.
        StorageError: The disk refused.
    """
    if (folder / RUN_FILE).exists():
        begun = read_run(folder)
        refuse_other_settings(folder, begun, wanted)
        return begun
    _make_folder(folder)
    write_cases(folder, cases)
    write_run(folder, wanted)
    return wanted


def refuse_other_settings(folder: Path, begun: Run, wanted: Run) -> None:
    """Compares everything that decides a figure: settings, code, packages, machine.

    Raises:
        RecordError: Names the first settings that differ, with both values.
    """
    differences = _differences(_settings(begun), _settings(wanted))
    if differences:
        shown = "; ".join(differences[:3])
        more = f"; {len(differences) - 3} more" if len(differences) > 3 else ""
        raise RecordError(
            f"{folder} was begun with other settings: {shown}{more}",
            "Give the settings it began with, or a new --out",
        )


def _settings(run: Run) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(run))
    return {name: value for name, value in values.items() if name not in MAY_DIFFER}


def _differences(begun: Any, wanted: Any, place: str = "") -> list[str]:
    if isinstance(begun, dict) and isinstance(wanted, dict):
        names = sorted(begun.keys() | wanted.keys())
        return [
            line
            for name in names
            for line in _differences(
                begun.get(name), wanted.get(name), f"{place}.{name}" if place else name
            )
        ]
    if isinstance(begun, list) and isinstance(wanted, list) and len(begun) == len(wanted):
        pairs = enumerate(zip(begun, wanted, strict=True))
        return [line for n, (a, b) in pairs for line in _differences(a, b, f"{place}[{n}]")]
    return [] if begun == wanted else [f"{place} was {begun!r}, now {wanted!r}"]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [path.name for path in folder.iterdir() if not _is_ours(path.name)]
    except (FileExistsError, NotADirectoryError):
        is_file = next(path for path in (folder, *folder.parents) if path.exists())
        raise RecordError(f"{is_file} is a file", "Give --out a folder") from None
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from error
    if others:
        raise RecordError(
            f"{folder} is no run and not empty (it holds {sorted(others)[0]})",
            "Give --out a new folder",
        )


def _is_ours(name: str) -> bool:
    """What a kill before `run.json` was written can leave."""
    return name == CASES_FILE or (name.startswith(".") and name.endswith(".new"))
