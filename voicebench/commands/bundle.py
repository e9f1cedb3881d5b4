"""`voicebench bundle make OUT.tar | check FILE`: an installation for machines without network."""

from __future__ import annotations

import argparse
from pathlib import Path

_EPILOG = """\
examples:
  voicebench bundle make voicebench.tar                    the shipped models, on a CPU
  voicebench bundle make gpu.tar --profile 4090d --extras gpu
on the other machine:
  tar xf voicebench.tar && voicebench-bundle/install.sh ~/voicebench
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `bundle` to the command line."""
    parser = subparsers.add_parser(
        "bundle",
        help="pack wheels and models for a machine without network",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    making = actions.add_parser("make", help="write one .tar with everything in it")
    making.add_argument("out", metavar="OUT.tar")
    making.add_argument("--profile", default="bundled", help="whose models go in (bundled)")
    making.add_argument(
        "--extras", default="cpu,synth", metavar="A,B", help="of voicebench (cpu,synth)"
    )
    checking = actions.add_parser("check", help="compare every file in a bundle with its checksum")
    checking.add_argument("out", metavar="FILE")
    for action in (making, checking):
        action.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0.

    Raises:
        VoicebenchError: A model or wheel that cannot be had, a full disk, a damaged bundle.
    """
    from voicebench.hub.bundle import check_bundle, make_bundle

    path = Path(args.out)
    if args.action == "check":
        contents = check_bundle(path)
    else:
        extras = [each for each in args.extras.split(",") if each]
        contents = make_bundle(path, args.profile, extras, lambda line: print(line, flush=True))
    print(
        f"{path}: {path.stat().st_size / 1e6:,.0f} MB, {contents.num_files} files, "
        f"{len(contents.packages) + 1} packages, profile {contents.profile}, "
        f"models {', '.join(contents.models) or 'shipped with voicebench'}"
    )
    return 0
