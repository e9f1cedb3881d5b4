"""`voicebench notebooks RUN`: every notebook executed on a run, each as one HTML file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from voicebench.commands._output import add_language


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `notebooks` to the command line."""
    parser = subparsers.add_parser(
        "notebooks", help="execute the notebooks on a run; one HTML file each, and the index"
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, its id, or latest")
    parser.add_argument(
        "--only", metavar="A,B", default="", help="beginnings of names, such as 02,05 (all)"
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the HTML files (RUN)")
    parser.add_argument("--notebooks", metavar="DIR", help="where the notebooks lie (notebooks/)")
    add_language(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0; 1 if a notebook failed. Its page is written all the same, with the error in it.

    Raises:
        RecordError, ConfigError, MissingPackageError, StorageError: See `report.notebooks`.
    """
    from voicebench.commands._progress import ItemProgress
    from voicebench.report.index import write_index
    from voicebench.report.notebooks import NOTEBOOKS, find_notebooks, render_notebooks
    from voicebench.report.opened import find_run

    folder = find_run(args.run)
    only = [name.strip() for name in args.only.split(",") if name.strip()]
    chosen = find_notebooks(Path(args.notebooks) if args.notebooks else NOTEBOOKS, only)
    out = Path(args.out) if args.out else folder
    num_failed = 0
    with ItemProgress("notebooks") as progress:
        pages = render_notebooks(
            folder, chosen, out, lambda done, name: progress.done(done, len(chosen), name)
        )
        for page in pages:
            print(page.path)
            if page.error:
                num_failed += 1
                print(f"error: {page.name}: {page.error}", file=sys.stderr)
    if out == folder:
        print(write_index(folder.parent))
    return int(num_failed > 0)
