"""`voicebench index`: one page over all runs, with trends over commits."""

from __future__ import annotations

import argparse
from pathlib import Path

from voicebench.commands._output import add_language


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `index` to the command line."""
    parser = subparsers.add_parser(
        "index", help="a page over all runs of a folder, with trends over commits"
    )
    parser.add_argument("folder", nargs="?", metavar="DIR", help="folder of runs (reports)")
    parser.add_argument("--out", metavar="FILE", help="the page (DIR/index.html)")
    add_language(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0.

    Raises:
        RecordError: There is no run.
        StorageError: The page cannot be written.
    """
    from voicebench.report.index import write_index
    from voicebench.report.opened import find_reports

    reports = Path(args.folder) if args.folder else find_reports()
    print(write_index(reports, Path(args.out) if args.out else None))
    return 0
