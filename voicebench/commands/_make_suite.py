"""`voicebench suites new NAME --source FOLDER` and `voicebench suites import FORMAT FOLDER`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicebench.renamed import add_renamed

if TYPE_CHECKING:
    from voicebench.suites.load import Problem
    from voicebench.suites.make import Made
    from voicebench.suites.recordings import Found
    from voicebench.suites.schema import SuiteInfo

LANGUAGES = ("zh", "yue", "en")
OWN_LICENCE = "LicenseRef-own-recordings"
NUM_SHOWN = 10

_NEW_EPILOG = """\
A .txt beside each audio file, or one transcripts.tsv (or .csv) with the columns file and text.

example:
  voicebench suites new ward_round --source recordings/
  voicebench run --suites ward_round
"""
_IMPORT_EPILOG = """\
examples:
  voicebench suites import aishell1 data_aishell --name aishell1_test --max-cases 200
  voicebench suites import common_voice cv-corpus/zh-HK --name cv_hk --split test
"""


def add_parsers(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `new` and `import` to `voicebench suites`."""
    form = argparse.RawDescriptionHelpFormatter
    new = actions.add_parser(
        "new", help="make a suite from own recordings", epilog=_NEW_EPILOG, formatter_class=form
    )
    new.add_argument("name", metavar="NAME", help="the suite's name")
    place = new.add_mutually_exclusive_group(required=True)
    source = place.add_argument("--source", metavar="FOLDER", help="recordings")
    add_renamed(place, "--from", source)
    new.set_defaults(func=run_new, audio="copy")
    corpus = actions.add_parser(
        "import",
        help="make a suite from a published corpus",
        epilog=_IMPORT_EPILOG,
        formatter_class=form,
    )
    corpus.add_argument(
        "format", metavar="FORMAT", help="aishell1, kespeech, alimeeting, common_voice, voicebench"
    )
    corpus.add_argument("source", metavar="FOLDER", help="where the corpus was unpacked")
    corpus.add_argument("--name", required=True, help="the suite's name")
    corpus.add_argument("--split", default="", help="part of the corpus (its test part)")
    corpus.set_defaults(func=run_import, audio="refer")
    for parser in (new, corpus):
        _add_shared(parser)


def _add_shared(parser: argparse.ArgumentParser) -> None:
    default = parser.get_default("audio")
    parser.add_argument("--language", choices=LANGUAGES, help="of the speech (zh, or the corpus's)")
    parser.add_argument("--title", help="a few words for tables")
    parser.add_argument("--licence", help="SPDX identifier of the recordings")
    parser.add_argument("--clock", metavar="TIME", help="the cases' now, ISO 8601, for 今天")
    max_cases = parser.add_argument(
        "--max-cases", type=int, metavar="N", help="at most N recordings, spread evenly"
    )
    add_renamed(parser, "--limit", max_cases)
    parser.add_argument(
        "--audio",
        choices=("copy", "refer"),
        help=f"copy the audio into the suite, or refer to it where it lies ({default})",
    )
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out what cannot be used, and name it"
    )
    parser.add_argument("--into", metavar="FOLDER", help="where the suite is made (datasets/)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run_new(args: argparse.Namespace) -> int:
    """Runs `suites new`; 0, or 2 when there are problems.

    Raises:
        VoicebenchError: See `recordings.read_folder` and `make.make_suite`.
    """
    from voicebench.suites.make import check_name
    from voicebench.suites.recordings import read_folder
    from voicebench.suites.schema import SuiteInfo

    check_name(args.name)
    _check_shared(args)
    info = SuiteInfo(
        name=args.name,
        title=args.title or args.name,
        description="Own recordings with transcripts.",
        language=args.language or "zh",
        licence=args.licence or OWN_LICENCE,
        made_by=f"voicebench suites new {args.name} --source {shlex.quote(args.source)}",
    )
    return _make(args, read_folder(Path(args.source)), info)


def run_import(args: argparse.Namespace) -> int:
    """Runs `suites import`; 0, or 2 when there are problems.

    Raises:
        VoicebenchError: See `importers.read_corpus` and `make.make_suite`.
    """
    from voicebench.suites.importers import FORMATS, language_of, read_corpus
    from voicebench.suites.make import check_name
    from voicebench.suites.schema import SuiteInfo

    check_name(args.name)
    _check_shared(args)
    found = read_corpus(args.format, Path(args.source), args.split)
    layout = FORMATS[args.format]
    split = args.split or layout.split
    command = f"voicebench suites import {args.format} {shlex.quote(args.source)}"
    limit = f" --max-cases {args.max_cases}" if args.max_cases else ""
    info = SuiteInfo(
        name=args.name,
        title=args.title or f"{layout.title} {split}",
        description=layout.description,
        language=args.language or language_of(args.format, Path(args.source)),
        licence=args.licence or layout.licence,
        made_by=f"{command} --name {args.name} --split {split}{limit}",
    )
    return _make(args, found, info)


def _check_shared(args: argparse.Namespace) -> None:
    import datetime

    from voicebench.errors import ConfigError

    if args.max_cases is not None and args.max_cases < 1:
        raise ConfigError(f"--max-cases {args.max_cases} takes no recording", "Give at least 1")
    try:
        datetime.datetime.fromisoformat(args.clock or "2026-01-05")
    except ValueError:
        way_out = "Write it as 2026-01-05T09:00:00"
        raise ConfigError(f"--clock {args.clock!r} is not an ISO 8601 time", way_out) from None


def _make(args: argparse.Namespace, found: Found, info: SuiteInfo) -> int:
    from voicebench.commands._progress import ItemProgress
    from voicebench.metrics.normalize import is_traditional
    from voicebench.metrics.suggest import suggest_facts
    from voicebench.pipeline.endpoint import vad_end_of_speech
    from voicebench.suites.load import DATASETS_FOLDER
    from voicebench.suites.make import DEFAULT_CLOCK, Making, make_suite

    if found.problems and not args.skip_bad:
        print(f"{_count(found.problems)} so far; looking at the audio for more", file=sys.stderr)
    folder = (Path(args.into) if args.into else DATASETS_FOLDER) / info.name
    with ItemProgress("recordings") as progress:
        making = Making(
            info=info,
            folder=folder,
            copies_audio=args.audio == "copy",
            end_of_speech=vad_end_of_speech,
            suggest=suggest_facts if info.language != "en" else lambda text, clock: (),
            clock=args.clock or DEFAULT_CLOCK,
            skips_bad=args.skip_bad,
            progress=progress.done,
        )
        made = make_suite(found, making, args.max_cases)
    num_traditional = sum(is_traditional(each.text) for each in found.recordings)
    if args.json:
        document = {**_document(made), "num_traditional": num_traditional}
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return 2 if made.folder is None else 0
    _print_first("warning", made.warnings)
    if num_traditional:
        print(
            f"{num_traditional} of {len(found.recordings)} texts are in traditional script: error rates "
            "compare it with simplified script character by character",
            file=sys.stderr,
        )
    _print(made, info.name)
    return 2 if made.folder is None else 0


def _count(problems: list[Problem]) -> str:
    return f"{len(problems)} problem{'s'[: len(problems) != 1]}"


def _document(made: Made) -> dict[str, Any]:
    return {
        "folder": str(made.folder) if made.folder else None,
        "num_cases": made.num_cases,
        "speech_s": round(made.speech_s, 3),
        "problems": [problem._asdict() for problem in made.problems],
        "warnings": [warning._asdict() for warning in made.warnings],
        "left_out": [problem._asdict() for problem in made.left_out],
    }


def _print_first(what: str, problems: list[Problem]) -> None:
    for problem in problems[:NUM_SHOWN]:
        print(f"{what}: {problem}", file=sys.stderr)
    if len(problems) > NUM_SHOWN:
        print(f"{what}: {len(problems) - NUM_SHOWN} more; --json lists them", file=sys.stderr)


def _print(made: Made, name: str) -> None:
    for problem in made.problems:
        print(problem)
    if made.problems:
        print(f"{name}: {_count(made.problems)}, so no suite was made; --skip-bad leaves them out")
        return
    _print_first("left out", made.left_out)
    print(f"{made.folder}: {made.num_cases} cases, {made.speech_s / 60:.1f} min of speech")
    print(f"Check it with: voicebench suites check {made.folder}")
