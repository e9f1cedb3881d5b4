"""`voicebench suites list | show NAME | check [NAME...] | new NAME | import FORMAT FOLDER`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicebench.commands import _make_suite

if TYPE_CHECKING:
    from voicebench.suites.load import Problem, Suite
    from voicebench.types import Case


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `suites` to the command line."""
    parser = subparsers.add_parser("suites", help="list, show, check and make the scenario suites")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every suite with its size")
    showing = actions.add_parser("show", help="one suite's cases")
    showing.add_argument("suite", help="name under datasets/, or a suite's folder")
    checking = actions.add_parser("check", help="check that cases mean what they say")
    checking.add_argument("suite", nargs="*", help="names or folders; every suite if none")
    checking.add_argument(
        "--no-audio", action="store_true", help="do not synthesise: leave t_eos_s unchecked"
    )
    for action in (listing, showing, checking):
        action.add_argument("--json", action="store_true", help="print one JSON document")
        action.set_defaults(func=run)
    _make_suite.add_parsers(actions)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0, or 2 when `check` found a problem.

    Raises:
        SuiteError: There is no such suite, or (`list`, `show`) it cannot be read.
    """
    if args.action == "list":
        return _list(args.json)
    if args.action == "show":
        return _show(args.suite, args.json)
    return _check(args.suite, resynthesise=not args.no_audio, as_json=args.json)


def summary(suite: Suite) -> dict[str, Any]:
    """A suite's name, sizes and hash; `speech_s` is seconds of audio up to each turn's end."""
    turns = [turn for case in suite.cases for turn in case.turns]
    return {
        "name": suite.name,
        "title": suite.title,
        "description": suite.description,
        "language": suite.language,
        "licence": suite.licence,
        "num_cases": len(suite.cases),
        "num_turns": len(turns),
        "num_facts": sum(len(turn.facts) for turn in turns),
        "speech_s": round(sum(turn.t_eos_s for turn in turns), 3),
        "sha256": suite.sha256,
    }


def _list(as_json: bool) -> int:
    from voicebench.suites.load import list_suites, load_suite

    summaries = [summary(load_suite(name)) for name in list_suites()]
    if as_json:
        print(json.dumps(summaries, ensure_ascii=False, indent=2))
        return 0
    columns = ("suite", "title", "cases", "turns", "facts", "speech", "sha256")
    rows: list[tuple[str, ...]] = [
        (
            str(each["name"]),
            str(each["title"]),
            str(each["num_cases"]),
            str(each["num_turns"]),
            str(each["num_facts"]),
            f"{each['speech_s'] / 60:.1f} min",
            str(each["sha256"])[:12],
        )
        for each in summaries
    ]
    _print_table(columns, rows, numeric=("cases", "turns", "facts", "speech"))
    return 0


def _show(name_or_path: str, as_json: bool) -> int:
    import msgspec

    from voicebench.suites.load import load_suite

    suite = load_suite(name_or_path)
    if as_json:
        document = {**summary(suite), "cases": msgspec.to_builtins(suite.cases)}
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return 0
    facts = summary(suite)
    print(f"{suite.name}: {suite.title}\n{suite.description}")
    print(
        f"{facts['num_cases']} cases, {facts['num_turns']} turns, {facts['num_facts']} facts, "
        f"{facts['speech_s'] / 60:.1f} min of speech; {suite.licence}; sha256 {suite.sha256}"
    )
    rows = [row for case in suite.cases for row in _case_rows(case)]
    _print_table(("case", "s", "reference", "expected"), rows, numeric=("s",))
    return 0


def _case_rows(case: Case) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for number, turn in enumerate(case.turns):
        stated = " ".join(fact.value for fact in turn.facts)
        refused = " ".join(f"not {value}" for fact in turn.facts for value in fact.forbidden)
        expected = turn.expects if turn.expects != "answer" else f"{stated} {refused}".strip()
        name = case.id if number == 0 else ""
        rows.append((name, f"{turn.t_eos_s:.1f}", turn.reference, expected))
    return rows


def _check(names: list[str], *, resynthesise: bool, as_json: bool) -> int:
    from voicebench.suites.check import check_suite, load_vocabulary
    from voicebench.suites.load import list_suites

    recognizer = Path(__file__).resolve().parents[1] / "bundled" / "asr"
    vocabulary = load_vocabulary(recognizer) if (recognizer / "tokens.json").is_file() else None
    found: dict[str, tuple[Problem, ...]] = {}
    for name in names or list_suites():
        found[name] = check_suite(name, resynthesise=resynthesise, vocabulary=vocabulary)
        if not as_json:
            for problem in found[name]:
                print(problem)
            print(f"{name}: {len(found[name]) or 'no'} problem{'s'[: len(found[name]) != 1]}")
    if as_json:
        document = {name: [each._asdict() for each in problems] for name, problems in found.items()}
        print(json.dumps(document, ensure_ascii=False, indent=2))
    return 2 if any(found.values()) else 0


_WHOLE = ("suite", "case", "sha256")  # columns whose text is to be copied, so never cut


def _print_table(
    columns: tuple[str, ...], rows: list[tuple[str, ...]], numeric: tuple[str, ...] = ()
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    for column in columns:
        is_number = column in numeric
        table.add_column(
            column, justify="right" if is_number else "left", no_wrap=is_number or column in _WHOLE
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
