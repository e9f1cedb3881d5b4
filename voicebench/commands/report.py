"""`voicebench report RUN`: tables, figures and the HTML file again, from the records alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `report` to the command line."""
    parser = subparsers.add_parser("report", help="tables and HTML report of a run's records")
    parser.add_argument("run", metavar="RUN", help="a run's folder, such as reports/RUN_ID")
    parser.add_argument("--out", metavar="FILE", help="the HTML file (RUN/report.html)")
    parser.add_argument("--json", action="store_true", help="print the metrics as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0.

    Raises:
        RecordError: The folder is no run, or its records are damaged.
        StorageError: The HTML file cannot be written.
    """
    from voicebench.report.render import load_report, metrics_document, write_report
    from voicebench.report.tables import print_tables

    folder = Path(args.run)
    report = load_report(folder)
    path = write_report(report, Path(args.out) if args.out else folder / "report.html")
    if args.json:
        print(json.dumps(metrics_document(report), ensure_ascii=False, indent=2))
        return 0
    print_tables(report)
    print(f"Report: {path}")
    return 0
