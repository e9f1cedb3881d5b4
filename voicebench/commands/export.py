"""`voicebench export RUN`: references and hypotheses for other scorers, from the records alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

_EPILOG = """\
examples:
  voicebench export reports/RUN
  sclite -r reports/RUN/scoring/baseline/ref.stm stm -h reports/RUN/scoring/baseline/hyp.ctm ctm
  meeteval-wer wer -r reports/RUN/scoring/baseline/ref.seglst.json -h .../hyp.seglst.json
"""
FORMATS = ("stm", "ctm", "seglst", "kaldi")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `export` to the command line."""
    parser = subparsers.add_parser(
        "export",
        help="a run's transcripts as STM, CTM, SegLST and Kaldi text",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, such as reports/RUN_ID")
    parser.add_argument(
        "--format",
        action="append",
        choices=FORMATS,
        help="one of the forms; may be repeated (all)",
    )
    parser.add_argument(
        "--units",
        choices=("characters", "mixed"),
        default="characters",
        help="words of the files: characters make a scorer's WER our CER; mixed keeps Latin words "
        "whole, as MER does (characters)",
    )
    parser.add_argument(
        "--normalizer",
        choices=("basic", "itn", "tn"),
        default="basic",
        help="applied to both sides; itn and tn bring numbers to one form (basic)",
    )
    parser.add_argument("--out", metavar="FOLDER", help="(RUN/scoring)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0.

    Raises:
        RecordError: The folder is no run, its records are damaged, or it holds no transcript.
        StorageError: A file cannot be written.
    """
    from voicebench.report.export import export_run

    folder = Path(args.run)
    out = Path(args.out) if args.out else folder / "scoring"
    exported = export_run(
        folder, out, args.format or FORMATS, units=args.units, normalizer=args.normalizer
    )
    if args.json:
        document = {
            "files": [str(path) for path in exported.files],
            "num_turns": exported.num_turns,
            "num_left_out": exported.num_left_out,
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return 0
    for path in exported.files:
        print(path)
    failed = exported.num_left_out
    left_out = f"; left out: {failed} without a transcript" if failed else ""
    print(f"{exported.num_turns} turns{left_out}")
    return 0
