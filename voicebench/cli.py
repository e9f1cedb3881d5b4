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
from typing import NoReturn

from voicebench import __version__
from voicebench.commands import doctor, suites
from voicebench.errors import VoicebenchError

COMMANDS = (doctor, suites)
"""In the order in which `--help` lists them."""

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


class _Parser(argparse.ArgumentParser):
    """argparse, with its complaints in one line like every other error here."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}. See: {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; importing models or numpy here would slow every `--help`."""
    parser = _Parser(
        prog="voicebench",
        description="A voice assistant on one GPU, and the bench that measures it.",
        epilog="Start with: voicebench doctor",
    )
    parser.add_argument("--version", action="version", version=f"voicebench {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        argv: Arguments after the program's name; None takes `sys.argv`.

    Returns:
        The exit code.

    Raises:
        SystemExit: argparse has printed help, the version or a usage error.
    """
    try:
        args = build_parser().parse_args(argv)
        exit_code: int = args.func(args)
        sys.stdout.flush()
        return exit_code
    except VoicebenchError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # the interpreter flushes stdout once more on its way out: give it somewhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except OSError as error:
        return _fail(_describe(error), 1)


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
