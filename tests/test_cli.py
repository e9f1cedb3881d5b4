from __future__ import annotations

import argparse
import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from voicebench import __version__
from voicebench.cli import COMMANDS, main
from voicebench.errors import AudioError, StageError, StorageError

HEAVY = ("torch", "numpy", "matplotlib", "vllm", "funasr", "transformers", "yaml", "rich")


@dataclass
class Command:
    """A command that does what the test says."""

    action: Callable[[], int]

    def add_parser(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        subparsers.add_parser("act").set_defaults(func=lambda _: self.action())


def run_program(*argv: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "voicebench", *argv]
    return subprocess.run(command, text=True, check=False, **options)  # type: ignore[call-overload]


def raising(error: BaseException) -> Command:
    def action() -> int:
        raise error

    return Command(action)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    listed = capsys.readouterr().out
    assert exit_.value.code == 0
    for command in COMMANDS:
        name = getattr(command, "__name__", "").rpartition(".")[2]
        assert re.search(rf"\n    {name}\s", listed)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_command_has_help(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    name = getattr(command, "__name__", "").rpartition(".")[2]
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: voicebench {name}")


@pytest.mark.parametrize("statement", ["import voicebench", "import voicebench.cli"])
def test_starting_imports_nothing_heavy(statement: str) -> None:
    call = "; voicebench.cli.build_parser().format_help()" if "cli" in statement else ""
    program = f"import sys; {statement}{call}; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert not set(HEAVY) & set(loaded)


def test_version() -> None:
    answer = run_program("--version", capture_output=True)
    assert (answer.returncode, answer.stdout) == (0, f"voicebench {__version__}\n")


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        ((), "COMMAND"),
        (("frobnicate",), "'frobnicate'"),
        (("doctor", "--jsn"), "--jsn"),
        (("suites", "show", "daily_qu"), "'daily_qu'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(argv: tuple[str, ...], named: str) -> None:
    answer = run_program(*argv, capture_output=True)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1
    assert named in answer.stderr


@pytest.mark.parametrize(
    ("error", "exit_code", "line"),
    [
        (AudioError("a.wav is empty", "Record it again."), 2, "a.wav is empty. Record it again."),
        (StorageError("turns.jsonl:\nno space"), 1, "turns.jsonl: no space"),
        (StageError("llm", "the engine stopped"), 1, "the engine stopped"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), 1, "No such file: x"),
        (OSError(errno.ENOSPC, "No space left", "x"), 1,
         "No space left: x. Free some space and run the same command again"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)  # fmt: skip
def test_an_error_is_one_line(
    error: BaseException, exit_code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["act"], commands=[raising(error)]) == exit_code
    assert capsys.readouterr().err == f"error: {line}\n"


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        main(["act"], commands=[Command(lambda: 1 // 0)])


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    answer = run_program("doctor", "--json", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (answer.returncode, answer.stderr) == (141, "")


def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        answer = run_program("suites", "list", stdout=full, stderr=subprocess.PIPE)
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: No space left on device")
    assert answer.stderr.count("\n") == 1
