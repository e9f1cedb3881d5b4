"""`voicebench attribute RUN`: where each wrong or missing fact was lost, and how it sounded."""

from __future__ import annotations

import argparse
import json
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from voicebench.commands._output import add_language
from voicebench.renamed import add_renamed
from voicebench.words import translate

if TYPE_CHECKING:
    from voicebench.report.tables import Table
    from voicebench.runs.lost import LostFact, Reading
    from voicebench.types import Case, Run

STAGES = ("asr", "cleaning", "llm", "failed", "unknown")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `attribute` to the command line."""
    parser = subparsers.add_parser(
        "attribute", help="where each wrong or missing fact of a run was lost"
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, such as reports/RUN_ID")
    parser.add_argument("--variant", metavar="NAME", help="of one variant only")
    parser.add_argument("--suite", metavar="NAME", help="of one suite only")
    parser.add_argument("--case", metavar="ID", help="of one case only")
    parser.add_argument("--stage", choices=STAGES, help="lost by one stage only")
    max_facts = parser.add_argument(
        "--max-facts", type=int, default=20, metavar="N", help="facts to show (20)"
    )
    add_renamed(parser, "--limit", max_facts)
    parser.add_argument("--audio", metavar="DIR", help="write the speech of what is shown there")
    add_language(parser)
    parser.add_argument("--json", action="store_true", help="print every lost fact as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0.

    Raises:
        RecordError: The folder is no run, or its records are damaged.
        ConfigError: The run has no such variant, suite or case.
        StorageError: Speech cannot be written.
    """
    import msgspec

    from voicebench.runs.lost import lost_facts
    from voicebench.runs.record import iter_turns, read_cases, read_run

    folder = Path(args.run)
    record, cases = read_run(folder), read_cases(folder)
    _refuse_unknown(args, record, cases)
    found = [
        each
        for each in lost_facts(record, iter_turns(folder), cases)
        if (args.variant or each.variant) == each.variant
        and (args.suite or each.suite) == each.suite
        and (args.case or each.case_id) == each.case_id
        and (args.stage or each.lost_by) == each.lost_by
    ]
    shown = found if args.json else found[: max(0, args.max_facts)]
    if args.audio:
        _write_speech(shown, record, cases, Path(args.audio))
    if args.json:
        print(json.dumps(msgspec.to_builtins(found), ensure_ascii=False, indent=2))
        return 0
    _print(folder, found, shown)
    return 0


def _refuse_unknown(
    args: argparse.Namespace, record: Run, cases: dict[tuple[str, str], Case]
) -> None:
    from voicebench.errors import ConfigError, did_you_mean

    for what, name, known in (
        ("variant", args.variant, [variant.name for variant in record.variants]),
        ("suite", args.suite, list(record.suites)),
        ("case", args.case, [case_id for _, case_id in cases]),
    ):
        if name and name not in known:
            way_out = did_you_mean(name, known) or f"There are: {', '.join(known[:12])}"
            raise ConfigError(f"{args.run} has no {what} {name!r}", way_out)


def _print(folder: Path, found: list[LostFact], shown: list[LostFact]) -> None:
    from rich.text import Text

    from voicebench.report.terminal import make_console, print_table

    console = make_console()
    print_table(console, _counts(found))
    if shown:
        print_table(console, _facts(shown))
    if len(shown) < len(found):
        console.print(Text(f"{len(found) - len(shown)} more: raise --max-facts, or take --json."))
    if any(each.lost_by == "unknown" for each in found):
        console.print(
            Text("unknown: no answers from gold text were recorded; run in quality mode to tell.")
        )
    if shown:
        case = shlex.quote(shown[0].case_id)
        console.print(
            Text(
                f"To hear one: voicebench attribute {shlex.quote(str(folder))} --case {case} "
                "--audio DIR"
            )
        )


def _counts(found: list[LostFact]) -> Table:
    from voicebench.report.tables import Cell, Column, Table, columns_of

    counts: Counter[tuple[str, str, str]] = Counter(
        (each.variant, each.verdict, each.lost_by) for each in found
    )
    stages = [stage for stage in STAGES if any(key[2] == stage for key in counts)]
    rows = [
        (
            Cell(variant),
            Cell(translate(verdict)),
            *(Cell(str(counts[variant, verdict, s])) for s in stages),
        )
        for variant, verdict in dict.fromkeys(key[:2] for key in counts)
    ]
    columns = (*columns_of(("variant", "facts")), *(Column(_LOST_BY[stage]) for stage in stages))
    caption = "unsupported: values in the answer that nobody said."
    title = translate("Lost facts: {num}", num=len(found))
    return Table(columns, tuple(rows), title=title, caption=caption)


_LOST_BY = {"asr": "by ASR", "cleaning": "by cleaning", "llm": "by LLM", "unknown": "unknown"}


def _facts(shown: list[LostFact]) -> Table:
    from voicebench.report.tables import Cell, Table, columns_of

    def reading(each: Reading) -> Cell:
        transcript = "(not recorded)" if each.transcript is None else each.transcript or "(nothing)"
        answer = "(not recorded)" if each.answer is None else each.answer or "(none)"
        return Cell(transcript, f"→ {answer}")

    rows = tuple(
        (
            Cell(
                f"{each.suite} / {each.case_id}",
                translate(
                    "turn {turn}, repeat {repeat}",
                    turn=each.turn_index + 1,
                    repeat=each.repeat + 1,
                )
                + f", {each.variant}"
                + (f"\n{each.recording}" if each.recording else ""),
            ),
            Cell(f"{translate(each.type)} {each.value}", translate(each.verdict)),
            Cell(translate(each.lost_by)),
            reading(each.recognised),
            reading(each.gold_cleaned),
            reading(each.gold),
        )
        for each in shown
    )
    names = ("case", "fact", "lost by", "recognised, cleaned → answer", "gold, cleaned → answer")
    return Table(columns_of((*names, "gold → answer")), rows)


def _write_speech(
    shown: list[LostFact], record: Run, cases: dict[tuple[str, str], Case], folder: Path
) -> None:
    """One WAV file for each turn shown: 16 kHz, 16 bits, as the pipeline heard it."""
    import sys

    from voicebench.errors import StorageError
    from voicebench.runs.lost import suite_folders
    from voicebench.suites.render import render_turn

    folders = suite_folders(record)
    for suite, case_id, turn_index in dict.fromkeys(
        (each.suite, each.case_id, each.turn_index) for each in shown
    ):
        turn = cases[suite, case_id].turns[turn_index]
        samples, _ = render_turn(turn, folders.get(suite, Path()))
        path = folder / f"{suite}_{case_id}_{turn_index + 1}.wav"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_wav(path, samples)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}") from error
        print(path, file=sys.stderr)


def _write_wav(path: Path, samples: object) -> None:
    import wave

    import numpy as np

    from voicebench.types import SAMPLE_RATE_HZ

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        scaled = np.clip(np.asarray(samples) * 32767, -32768, 32767)
        file.writeframes(np.rint(scaled).astype("<i2").tobytes())
