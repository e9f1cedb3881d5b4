"""Which runs may be laid side by side, which of their variants meet, and what speaks against it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from voicebench.errors import ConfigError, RecordError
from voicebench.runs.compare import Arm
from voicebench.runs.provenance import doubt_about_code
from voicebench.runs.record import RUN_FILE
from voicebench.types import Run

By = Literal["run", "variant"]
Couple = tuple[Arm, Arm]


def label_arms(arms: Sequence[Arm]) -> list[Arm]:
    """The arms, each with a label of its own: the variant's name, and the run's where it must."""
    names = [arm.variant.name for arm in arms]
    if len(set(names)) == len(arms):
        return list(arms)
    runs = [arm.run.run_id for arm in arms]
    folders = [str(arm.folder) for arm in arms]
    of_run = runs if len(set(zip(runs, names, strict=True))) == len(arms) else folders
    is_needed = len(set(of_run)) < len(arms)
    return [
        dataclasses.replace(arm, label=f"{run}:{arm.variant.name}" if is_needed else run)
        for arm, run in zip(arms, of_run, strict=True)
    ]


def couple_arms(arms: Sequence[Arm], by: By, baseline: str = "") -> list[Couple]:
    """Which arm is compared with which, the baseline first.

    Args:
        arms: Labelled; those of one run in a row.
        by: `variant`: every arm with one baseline. `run`: the same variant of different runs.
        baseline: Label, variant or run id of the baseline; empty for the first.

    Raises:
        ConfigError: There is no such baseline, or nothing to compare.
    """
    if by == "variant":
        base = _find(arms, baseline) if baseline else arms[0]
        couples = [(base, other) for other in arms if other is not base]
    else:
        base_folder = (_find(arms, baseline) if baseline else arms[0]).folder
        bases = {arm.variant.name: arm for arm in arms if arm.folder == base_folder}
        others = [arm for arm in arms if arm.folder != base_folder]
        couples = [(bases[a.variant.name], a) for a in others if a.variant.name in bases]
        if not couples and len(bases) == 1:
            couples = [(next(iter(bases.values())), other) for other in others]
    if not couples:
        names = ", ".join(arm.label for arm in arms)
        raise ConfigError(
            f"nothing to compare: there is {names}",
            "Name a run with several variants, or several runs of the same ones"
            if by == "variant"
            else "The runs have no variant of the same name: add --by variant",
        )
    return couples


def _find(arms: Sequence[Arm], name: str) -> Arm:
    ways: tuple[Callable[[Arm], str], ...] = (
        lambda arm: arm.label, lambda arm: arm.variant.name, lambda arm: arm.run.run_id,
        lambda arm: str(arm.folder), lambda arm: arm.folder.name,
    )  # fmt: skip
    for way in ways:
        for arm in arms:
            if way(arm) == name:
                return arm
    known = ", ".join(arm.label for arm in arms)
    raise ConfigError(f"no variant {name!r} to compare with", f"There are: {known}")


def refuse_other_suites(couples: Iterable[Couple]) -> None:
    """Checks that what is compared was asked the same.

    Raises:
        RecordError: A suite of one name has other cases in the other run, with both hashes and
            where they stand; or the two have no suite in common.
    """
    for first, second in couples:
        if first.folder == second.folder:
            continue
        mine, others = first.run.suite_sha256, second.run.suite_sha256
        for suite in mine.keys() & others.keys():
            if mine[suite] != others[suite]:
                raise RecordError(
                    f"suite {suite} is another in each run: "
                    f"{_place(first, mine[suite])} has {mine[suite]}, "
                    f"{_place(second, others[suite])} has {others[suite]}",
                    "Run both on the same cases",
                )
        if not mine.keys() & others.keys():
            raise RecordError(
                f"{_place(first, 'suite_sha256')} has the suites {_listed(mine)}, "
                f"{_place(second, 'suite_sha256')} has {_listed(others)}: none in common",
                "Compare runs of the same suites",
            )


def _place(arm: Arm, text: str) -> str:
    """`file:line` of a text in the arm's run.json."""
    path = arm.folder / RUN_FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    number = next((n for n, line in enumerate(lines, 1) if text in line), 0)
    return f"{path}:{number}" if number else str(path)


def _listed(hashes: dict[str, str]) -> str:
    return ", ".join(f"{name} ({sha})" for name, sha in hashes.items()) or "(none)"


def reservations(couples: Iterable[Couple]) -> list[str]:
    """What a reader must know before believing a comparison, one sentence each."""
    runs: dict[Path, Run] = {}
    pairs: dict[tuple[Path, Path], None] = {}
    for first, second in couples:
        runs |= {first.folder: first.run, second.folder: second.run}
        if first.folder != second.folder:
            pairs[first.folder, second.folder] = None
    found = [line for folder, run in runs.items() for line in _alone(folder, run)]
    return [*found, *(line for a, b in pairs for line in _between(a, runs[a], b, runs[b]))]


def _alone(folder: Path, run: Run) -> list[str]:
    found = []
    if doubt := doubt_about_code(run):
        found.append(f"{folder}: {doubt}.")
    if run.finished_at is None:
        found.append(f"{folder}: the run is not finished.")
    return found


def _between(a: Path, first: Run, b: Path, second: Run) -> list[str]:
    found = []
    machine = _differing(first.machine, second.machine)
    if machine:
        found.append(f"{a} and {b} are of different machines: {machine}. Times say little.")
    if (first.mode, first.pace) != (second.mode, second.pace):
        found.append(
            f"{a} is {_pace(first)}, {b} is {_pace(second)}: different measurements, so no latency "
            "is compared."
        )
    for what in ("model_sha256", "profile", "packages"):
        differing = _differing(getattr(first, what), getattr(second, what))
        if differing:
            found.append(f"{a} and {b} differ in {what.replace('_', ' ')}: {differing}.")
    if first.git_commit != second.git_commit:
        commits = f"{first.git_commit[:12]}, {second.git_commit[:12]}"
        found.append(f"{a} and {b} are of different code: {commits}.")
    if first.suites != second.suites:
        shared = [suite for suite in first.suites if suite in second.suites]
        found.append(f"{a} and {b} share only the suites {', '.join(shared)}.")
    return found


def _pace(run: Run) -> str:
    return f"{run.mode} mode at {run.pace.replace('_', '-')} pace"


def _differing(first: dict[str, Any], second: dict[str, Any]) -> str:
    """The first few settings that differ, with both values."""
    names = [n for n in sorted(first.keys() | second.keys()) if first.get(n) != second.get(n)]
    shown = [f"{name} {_short(first.get(name))} / {_short(second.get(name))}" for name in names[:3]]
    return ", ".join([*shown, *([f"{len(names) - 3} more"] if len(names) > 3 else [])])


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
