"""Suites from disk: found by name or path, read strictly, hashed.

Every mistake in a suite's files is reported as `file:line`, what is wrong there and, for a
misspelt name, the name that was probably meant. What the cases mean is `check`'s business.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from voicebench.errors import SuiteError, did_you_mean
from voicebench.suites.schema import SuiteInfo, field_names
from voicebench.types import Case, Record

# A link to `datasets/` in a checkout; wheels carry the suites themselves.
DATASETS_FOLDER = Path(__file__).with_name("shipped").resolve()
INFO_FILE = "suite.yaml"
CASES_FILE = "cases.jsonl"

_R = TypeVar("_R", bound=Record)


class Suite(Record, frozen=True):
    """A suite as loaded: its cases in file order and a hash of all that defines them."""

    name: str
    title: str
    description: str
    cases: tuple[Case, ...]
    sha256: str
    folder: Path
    lines: tuple[int, ...]
    """Line of each case in `cases.jsonl`, from 1."""
    language: str = "zh"
    licence: str = "CC0-1.0"

    def place(self, case_index: int) -> str:
        """`file:line` of a case."""
        return f"{self.folder / CASES_FILE}:{self.lines[case_index]}"


class Problem(NamedTuple):
    """Something wrong in a suite: where (`file:line`), what, and the way out."""

    place: str
    message: str
    way_out: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}"
        return f"{text}. {self.way_out}" if self.way_out else text


def list_suites(datasets: Path = DATASETS_FOLDER) -> list[str]:
    """Names of the suites in `datasets`, sorted."""
    return sorted(info.parent.name for info in datasets.glob(f"*/{INFO_FILE}"))


def find_suite(name_or_path: str | Path) -> Path:
    """The folder of a suite.

    Raises:
        SuiteError: No such suite; names the nearest one or those that exist.
    """
    text = str(name_or_path)
    for folder in (DATASETS_FOLDER / text, Path(text)):
        if (folder / INFO_FILE).is_file():
            return folder
    if Path(text).is_dir():
        raise SuiteError(f"{text} has no {INFO_FILE}, so it is no suite", "Name a suite's folder.")
    known = list_suites()
    way_out = did_you_mean(text, known) or f"Suites here: {', '.join(known) or 'none'}."
    raise SuiteError(f"there is no suite {text!r}", way_out)


def load_suite(name_or_path: str | Path) -> Suite:
    """Loads a suite by its name under `datasets/` or by its folder.

    Raises:
        SuiteError: There is no such suite, or a file does not fit: the first misfit, `file:line`.
    """
    suite, problems = read_suite(find_suite(name_or_path))
    if suite is None:
        first, more = problems[0], len(problems) - 1
        also = f" ({more} more: see `voicebench suites check`)" if more else ""
        raise SuiteError(f"{first.place}: {first.message}{also}", first.way_out)
    return suite


def read_suite(folder: Path) -> tuple[Suite | None, list[Problem]]:
    """Reads a suite's files whole: the suite, or None and everything that does not fit."""
    info, problems = _read_info(folder / INFO_FILE)
    cases, lines, case_problems = _read_cases(folder / CASES_FILE)
    problems += case_problems
    if info is not None:
        problems += _misnamed(info.name, folder, cases, lines)
    if info is None or problems:
        return None, problems
    suite = Suite(
        name=info.name,
        title=info.title,
        description=info.description,
        cases=tuple(cases),
        sha256=suite_sha256(folder, cases),
        folder=folder,
        lines=tuple(lines),
        language=info.language,
        licence=info.licence,
    )
    return suite, []


def suite_sha256(folder: Path, cases: list[Case]) -> str:
    """SHA-256 over the name and bytes of the suite's two files and of every recording it names."""
    recordings = {turn.audio for case in cases for turn in case.turns if turn.audio}
    digest = hashlib.sha256()
    for name in (INFO_FILE, CASES_FILE, *sorted(recordings)):
        path = folder / name
        is_there = path.is_file()
        digest.update(f"{name}\n{path.stat().st_size if is_there else 0}\n".encode())
        if is_there:
            _add_file(digest, path)
    return digest.hexdigest()


def _add_file(digest: hashlib._Hash, path: Path) -> None:
    """Piece by piece: the recording of a meeting on eight channels has 400 MB."""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)


def _read_info(path: Path) -> tuple[SuiteInfo | None, list[Problem]]:
    try:
        text = path.read_text(encoding="utf-8")
        return msgspec.yaml.decode(text, type=SuiteInfo), []
    except (OSError, UnicodeDecodeError) as error:
        return None, [Problem(f"{path}:1", f"cannot be read: {error}")]
    except msgspec.ValidationError as error:
        return None, [_misfit(path, _line_of_yaml_culprit(text, str(error)), error, SuiteInfo)]
    except msgspec.DecodeError as error:
        lines = re.findall(r"line (\d+)", str(error))
        message = "is not YAML: " + " ".join(str(error).split())
        return None, [Problem(f"{path}:{lines[-1] if lines else 1}", message)]


def _read_cases(path: Path) -> tuple[list[Case], list[int], list[Problem]]:
    cases: list[Case] = []
    lines: list[int] = []
    problems: list[Problem] = []
    try:
        content = path.read_bytes()
    except OSError as error:
        return [], [], [Problem(f"{path}:1", f"cannot be read: {error}")]
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            cases.append(msgspec.json.decode(line, type=Case))
            lines.append(number)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems.append(_misfit(path, number, error, Case))
    if not cases and not problems:
        problems.append(Problem(f"{path}:1", "holds no case", "Write one JSON object a line."))
    return cases, lines, problems


def _misfit(path: Path, line: int, error: Exception, record: type[_R]) -> Problem:
    unknown = re.search(r"unknown field `(.*?)`", str(error))
    way_out = did_you_mean(unknown[1], field_names(record)) if unknown else ""
    return Problem(f"{path}:{line}", str(error), way_out)


def _line_of_yaml_culprit(text: str, message: str) -> int:
    """Line of the key that a validation message names; 1 when it names none that is there."""
    named = re.search(r"field `(.*?)`", message) or re.search(r"at `\$\.(\w+)", message)
    if named:
        for number, line in enumerate(text.splitlines(), start=1):
            if re.match(rf"['\"]?{re.escape(named[1])}['\"]?\s*:", line):
                return number
    return 1


def _misnamed(name: str, folder: Path, cases: list[Case], lines: list[int]) -> list[Problem]:
    problems = []
    if name != folder.resolve().name:
        message = f"is named {name!r} but lies in the folder {folder.resolve().name!r}"
        problems.append(Problem(f"{folder / INFO_FILE}:1", message, "Give both the same name."))
    first_line: dict[str, int] = {}
    for case, line in zip(cases, lines, strict=True):
        place = f"{folder / CASES_FILE}:{line}"
        if case.suite != name:
            problems.append(Problem(place, f"case {case.id} says it is of suite {case.suite!r}"))
        if case.id in first_line:
            message = f"id {case.id!r} is already on line {first_line[case.id]}"
            problems.append(Problem(place, message, "Give every case its own id."))
        first_line.setdefault(case.id, line)
    return problems
