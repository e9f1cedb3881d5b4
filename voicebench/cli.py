"""The `voicebench` command line: parsing, exit codes, and errors as one line.

Each command is one module of `voicebench.commands`, light to import, so that `--help` answers at
once; what it needs is imported when it runs. Exit codes: 0 done, 1 failed or incomplete, 2 the
user's mistake, 130 interrupted, 141 the reader of the output went away.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol

from voicebench import __version__
from voicebench.commands import (
    ask,
    attribute,
    budget,
    bundle,
    compare,
    doctor,
    export,
    index,
    models,
    notebooks,
    report,
    run,
    serve,
    suites,
)
from voicebench.errors import VoicebenchError
from voicebench.words import use_language

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


class Command(Protocol):
    """What a command module, or anything in its place, has to have."""

    def add_parser(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Adds its own parser, whose default `func` takes the arguments, returns the exit code."""
        ...


COMMANDS: tuple[Command, ...] = (
    doctor, ask, serve, suites, run, report, compare, attribute, export, notebooks, index, models,
    budget, bundle,
)  # fmt: skip
"""In the order in which `--help` lists them."""


class _Parser(argparse.ArgumentParser):
    """argparse, with its complaints in one line like every other error here."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}. See: {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def build_parser(commands: Sequence[Command] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser: argparse.ArgumentParser = _Parser(
        prog="voicebench",
        description="A voice assistant on one GPU, and the bench that measures it.",
        epilog="Start with: voicebench doctor",
    )
    parser.add_argument("--version", action="version", version=f"voicebench {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in commands:
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None, commands: Sequence[Command] = COMMANDS) -> int:
    """Runs one command line.

    Args:
        argv: Arguments after the program's name; None takes `sys.argv`.
        commands: The commands to choose from.

    Returns:
        The exit code.

    Raises:
        SystemExit: argparse has printed help, the version or a usage error.
    """
    try:
        try:
            args = build_parser(commands).parse_args(argv)
            with use_language(getattr(args, "output_language", None)):
                exit_code: int = args.func(args)
        finally:
            sys.stdout.flush()  # a reader that went away shows here, also after --help
        return exit_code
    except VoicebenchError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        _discard_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _discard_output()
        return _fail(_describe(error), 1)


def _discard_output() -> None:
    """The interpreter flushes stdout on its way out: if that fails, let it have somewhere to go."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _describe(error: OSError) -> str:
    place = f": {error.filename}" if error.filename else ""
    problem = f"{error.strerror or error}{place}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{problem}. Free some space and run the same command again"
    return problem


def _fail(message: str, exit_code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
