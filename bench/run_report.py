"""Renders the latency notebook of a very long run: seconds, and the memory that it takes at most.

    voicebench run --mode latency --pace fast --max-cases 2 --out reports/shapes \\
        --variant name=plain --variant name=joint,prefill=true,speculation=true
    python bench/run_report.py --shapes reports/shapes --turns 50000

The run is made of the turns of a real one, again and again under new case ids, each copy in words of
its own that its repeats share, each answer later by a random time. It is rendered twice: with its
turns measured on the way, and with them measured before. Memory is that of the command and its kernel
together, looked at five times a second; seconds are of the wall, and of the processor over both.
Shown, not asserted: one run.
"""

from __future__ import annotations

import argparse
import itertools
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
from _common import ROOT, finish

from voicebench.report.store import open_store
from voicebench.runs.record import (
    TURNS_FILE,
    iter_turns,
    read_cases,
    read_run,
    write_cases,
    write_run,
)
from voicebench.types import Case, Turn

REPEATS = 5
NOTEBOOK = "02_latency_report"
CHARACTERS = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动"


def make_run(shapes: Path, folder: Path, num_turns: int) -> float:
    """Writes the run; MiB of its records."""
    folder.mkdir(parents=True)
    turns = [turn for turn in iter_turns(shapes) if not turn.is_warm_up and turn.repeat == 0]
    cases = read_cases(shapes)
    num_copies = -(-num_turns // (len(turns) * REPEATS))
    run = read_run(shapes)
    write_run(folder, msgspec.structs.replace(
        run, run_id=folder.name, num_turns_planned=num_turns, repeats=REPEATS))  # fmt: skip
    write_cases(folder, _copied(cases, num_copies))
    rng = random.Random(0)
    written = 0
    with (folder / TURNS_FILE).open("wb") as file:  # not one by one: nobody waits for the disk
        for turn in itertools.islice(_repeated(turns, num_copies), num_turns):
            written += file.write(msgspec.json.encode(_later(turn, rng)) + b"\n")
    return written / 2**20


def _copied(cases: dict[tuple[str, str], Case], num_copies: int) -> list[Case]:
    """Each copy's user says two characters more, of its own."""
    return [
        msgspec.structs.replace(
            case,
            id=f"{case.id}-{copy}",
            turns=tuple(
                msgspec.structs.replace(asked, reference=asked.reference + _own(case.id, copy))
                for asked in case.turns
            ),
        )
        for copy in range(num_copies)
        for case in cases.values()
    ]


def _repeated(turns: list[Turn], num_copies: int) -> Iterator[Turn]:
    """In the order of a real run: the repeats outermost, the variants of a case together."""
    for repeat in range(REPEATS):
        for copy in range(num_copies):
            for turn in turns:
                yield _worded(turn, copy, repeat)


def _worded(turn: Turn, copy: int, repeat: int) -> Turn:
    """A copy's turn: two of its characters heard, and two answered, in words of its own, which are
    the same in every repeat."""
    own = _own(f"{turn.case_id}{turn.turn_index}", copy)
    tokens = turn.hypothesis.tokens
    heard = tuple(
        msgspec.structs.replace(token, text=own[place]) if place < len(own) else token
        for place, token in enumerate(tokens)
    )
    return msgspec.structs.replace(
        turn,
        case_id=f"{turn.case_id}-{copy}",
        repeat=repeat,
        hypothesis=msgspec.structs.replace(turn.hypothesis, tokens=heard),
        answer=turn.answer + own if turn.answer else "",
    )


def _own(name: str, copy: int) -> str:
    return "".join(random.Random(f"{name} {copy}").choices(CHARACTERS, k=2))


def _later(turn: Turn, rng: random.Random) -> Turn:
    """The same turn, everything after the end of speech later by a random time."""
    late_s, since_s = rng.expovariate(20), turn.t_eos_s or 0.0
    events = tuple(
        msgspec.structs.replace(e, t_s=e.t_s + late_s) if e.t_s > since_s else e
        for e in turn.events
    )
    tokens = tuple(msgspec.structs.replace(t, t_s=t.t_s + late_s) for t in turn.answer_tokens)
    return msgspec.structs.replace(turn, events=events, answer_tokens=tokens)


def render(folder: Path, out: Path) -> dict[str, float]:
    """Renders the notebook with the command a person gives, and watches it."""
    command = [sys.executable, "-m", "voicebench", "notebooks", str(folder), "--only", NOTEBOOK[:2],
               "--out", str(out)]  # fmt: skip
    started_s = time.perf_counter()
    process = psutil.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak, cpu_s = 0, {}
    while process.poll() is None:
        used = 0
        for each in [process, *process.children(recursive=True)]:
            try:
                used += each.memory_info().rss
                times = each.cpu_times()
                cpu_s[each.pid] = times.user + times.system
            except psutil.Error:  # it has ended meanwhile
                continue
        peak = max(peak, used)
        time.sleep(0.2)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    page = out / f"{NOTEBOOK}.html"
    return {
        "wall_s": time.perf_counter() - started_s,
        "cpu_s": sum(cpu_s.values()),
        "peak_mib": peak / 2**20,
        "page_mib": page.stat().st_size / 2**20,
    }


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shapes", required=True, metavar="RUN", help="a latency run's folder")
    parser.add_argument("--turns", type=int, default=50_000, metavar="N")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / f"synthetic-{args.turns}"
        records_mib = make_run(Path(args.shapes), folder, args.turns)
        found = {name: render(folder, Path(scratch) / name) for name in ("first", "again")}
        stored_mib = open_store(folder).stat().st_size / 2**20
    columns = ["", "wall s", "CPU s", "peak MiB", "page MiB"]
    rows = [
        [{"first": "turns measured on the way", "again": "measured before"}[name],
         f"{f['wall_s']:.1f}", f"{f['cpu_s']:.1f}", f"{f['peak_mib']:.0f}", f"{f['page_mib']:.1f}"]
        for name, f in found.items()
    ]  # fmt: skip
    figures = {"num_turns": args.turns, "records_mib": round(records_mib),
               "stored_mib": round(stored_mib, 1), **found}  # fmt: skip
    finish("report", columns, rows, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
