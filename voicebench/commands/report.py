"""`voicebench report RUN`: digest, tables, figures and the HTML file again, from the records alone."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from voicebench.commands._output import add_language, add_tables


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `report` to the command line."""
    parser = subparsers.add_parser("report", help="digest and HTML report of a run's records")
    parser.add_argument("run", metavar="RUN", help="a run's folder, such as reports/RUN_ID")
    parser.add_argument("--out", metavar="FILE", help="the HTML file (RUN/report.html)")
    parser.add_argument("--png", action="store_true", help="figures as PNG too, in figures/")
    parser.add_argument(
        "--trace",
        metavar="FILE",
        help="write the turns as a trace for ui.perfetto.dev or chrome://tracing",
    )
    parser.add_argument("--case", metavar="ID", help="trace the turns of this case alone")
    add_tables(parser)
    add_language(parser)
    parser.add_argument("--json", action="store_true", help="print the metrics as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0.

    Raises:
        RecordError: The folder is no run, or its records are damaged.
        ConfigError: No turn of the case of `--case`.
        StorageError: A file cannot be written.
    """
    from voicebench.errors import StorageError
    from voicebench.report.render import load_report, metrics_document, write_report
    from voicebench.report.terminal import print_report
    from voicebench.report.traces import trace_report

    folder = Path(args.run)
    report = load_report(folder)
    if args.json:
        print(json.dumps(metrics_document(report), ensure_ascii=False, indent=2))
    else:
        print_report(report, has_tables=args.tables)
    if args.trace:
        print(trace_report(report, Path(args.trace), args.case or ""), file=sys.stderr)
    try:
        path = write_report(report, Path(args.out or folder / "report.html"), has_png=args.png)
    except StorageError as error:
        if args.out or not args.json:
            raise
        print(f"note: {error}", file=sys.stderr)  # the metrics are printed all the same
        return 0
    if not args.json:
        print(f"Report: {path}")
    return 0
