"""`voicebench compare RUN...`: which differences are real, and how large the noise is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from voicebench.commands._output import add_language, add_tables

if TYPE_CHECKING:
    from voicebench.runs.compare import Comparisons

_EPILOG = """\
examples:
  voicebench compare reports/RUN                       its variants, with the first
  voicebench compare reports/RUN --baseline none+plain
  voicebench compare reports/OLD reports/NEW --fail-on factual_error_rate
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `compare` to the command line."""
    parser = subparsers.add_parser(
        "compare",
        help="paired differences of variants or runs, with intervals and exact tests",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder")
    parser.add_argument(
        "--by",
        choices=("variant", "run"),
        help="all variants with one, or the same variant of different runs (one run: variant)",
    )
    parser.add_argument("--baseline", metavar="NAME", help="variant or run to compare with (first)")
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="METRIC",
        help="exit 1 if this metric is worse, adjusted over the table; may be repeated",
    )
    parser.add_argument(
        "--changed", type=int, default=10, metavar="N", help="changed turns to show (10)"
    )
    add_tables(parser)
    add_language(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0, or 1 where a metric of `--fail-on` became worse.

    Raises:
        RecordError: A folder is no run, or the runs were asked different things.
        ConfigError: An unknown metric or baseline, or nothing to compare.
    """
    from voicebench.runs.comparable import (
        By,
        couple_arms,
        label_arms,
        refuse_other_suites,
        reservations,
    )
    from voicebench.runs.compare import compare_arms, load_arms

    _refuse_unknown_metrics(args.fail_on)
    folders = list(dict.fromkeys(Path(name) for name in args.runs))
    arms = label_arms([arm for folder in folders for arm in load_arms(folder)])
    by: By = args.by or ("variant" if len(folders) == 1 else "run")
    couples = couple_arms(arms, by, args.baseline or "")
    refuse_other_suites(couples)
    found = compare_arms(arms, couples, reservations(couples))
    if args.json:
        print(json.dumps(_document(found), ensure_ascii=False, indent=2))
    else:
        _print(found, args.changed, args.tables)
    return _exit_code(found, args.fail_on)


def _refuse_unknown_metrics(names: list[str]) -> None:
    from voicebench.errors import ConfigError, did_you_mean
    from voicebench.metrics.registry import COMPARED

    for name in names:
        if name not in COMPARED:
            known = f"Known: {', '.join(COMPARED)}"
            raise ConfigError(
                f"--fail-on {name!r} is no metric", did_you_mean(name, list(COMPARED)) or known
            )


def _document(found: Comparisons) -> dict[str, object]:
    import msgspec

    document: dict[str, object] = msgspec.to_builtins(found)
    for name in ("differences", "by_fact_type", "noise"):
        document[name] = [
            {**msgspec.to_builtins(each), "outcome": each.outcome} for each in getattr(found, name)
        ]
    return document


def _print(found: Comparisons, num_changed: int, has_tables: bool) -> None:
    from rich.text import Text

    from voicebench.report.comparison import changed_table
    from voicebench.report.terminal import MORE_TABLES, make_console, print_comparison, print_table
    from voicebench.words import translate

    console = make_console()
    print_comparison(found, has_tables=has_tables)
    if found.changed and num_changed > 0:
        print_table(console, changed_table(found, num_changed))
    if not has_tables:
        console.print(Text(translate(MORE_TABLES)))
    for warning in found.warnings:
        console.print(Text(f"Warning: {warning}"))


def _exit_code(found: Comparisons, metrics: list[str]) -> int:
    import sys

    worse = [c for c in found.differences if c.metric in metrics and c.outcome == "worse"]
    for c in worse:
        print(
            f"{c.metric} is worse in {c.suite}: {c.variant} {c.second:.4g}, "
            f"{c.baseline} {c.first:.4g} (p {c.p_holm:.3g})",
            file=sys.stderr,
        )
    return 1 if worse else 0
