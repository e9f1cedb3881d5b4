"""Kills a run with SIGKILL at random moments, resumes it, and compares it with one left alone.

    python bench/run_kill_resume.py --kills 10 --mode latency --limit 2

The run that was killed must end with the same turns as the undisturbed one, none lost and none
twice, and with the same transcripts, prompts and answers. Every kill falls a random time after a
random number of new records, so that starting, recognising, answering and writing are all hit.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import finish

from voicebench.runs.plan import TurnKey, recorded_turns
from voicebench.runs.record import HALF_WRITTEN_FILE, TURNS_FILE, read_run, read_turns
from voicebench.types import Turn

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Runs the bench; 0 when every check holds."""
    args = _parse()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="kill_resume_") as scratch:
        undisturbed, killed = Path(scratch, "undisturbed"), Path(scratch, "killed")
        settings = [
            "--profile", args.profile, "--suites", args.suites, "--max-cases", str(args.limit),
            "--repeats", "1", "--mode", args.mode, "--cleaning", "none,full",
        ]  # fmt: skip
        if args.mode == "latency":
            settings += ["--pace", "fast"]
        started_s = time.monotonic()
        _run_to_end(undisturbed, settings)
        undisturbed_s = time.monotonic() - started_s
        expected = recorded_turns(read_turns(undisturbed).turns)
        per_kill = max(1, len(expected) // (args.kills + 1))
        kills = [
            _kill_once(killed, settings if n == 0 else [], rng, per_kill) for n in range(args.kills)
        ]
        _run_to_end(killed, [])
        figures = _compare(undisturbed, killed, expected)
        kept = killed / HALF_WRITTEN_FILE
        figures["num_half_written"] = kept.read_bytes().count(b"\n") if kept.exists() else 0
    rows = [
        [str(n + 1), f"{kill['after_s']:.2f}", str(kill["recorded_before"]), str(kill["recorded"])]
        for n, kill in enumerate(kills)
    ]
    rows.append(["end", "", "", str(figures["num_turns"])])
    finish(
        "kill_resume",
        ["kill", "after s", "turns before", "turns after"],
        rows,
        {"mode": args.mode, "seed": args.seed, "undisturbed_s": undisturbed_s, "kills": kills}
        | figures,
    )
    return 0 if figures["passed"] else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--suites", default="daily_qa,multi_turn")
    parser.add_argument("--limit", type=int, default=3, help="cases of each suite")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--mode", choices=("latency", "quality"), default="latency")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _command(folder: Path, settings: list[str]) -> list[str]:
    return [sys.executable, "-m", "voicebench", "run", "--out", str(folder), *settings]


def _run_to_end(folder: Path, settings: list[str]) -> None:
    subprocess.run(_command(folder, settings), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _kill_once(
    folder: Path, settings: list[str], rng: random.Random, per_kill: int
) -> dict[str, Any]:
    """Starts or continues the run and kills it; a first start that left no run.json is repeated
    by the next call with the same settings, which `settings` then still has to name."""
    before = _num_lines(folder)
    target = before + rng.randint(0, per_kill)
    # Without a record to wait for, the kill may fall anywhere in loading and the first turns.
    delay_s = rng.uniform(0.0, 0.4) if target > before else rng.uniform(0.5, 25.0)
    if settings or not (folder / "run.json").exists():
        command = _command(folder, settings)
    else:
        command = _command(folder, [])
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    started_s = time.monotonic()
    while _num_lines(folder) < target and process.poll() is None:
        time.sleep(0.002)
    deadline_s = time.monotonic() + delay_s
    while time.monotonic() < deadline_s and process.poll() is None:
        time.sleep(0.002)
    after_s = time.monotonic() - started_s
    was_running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return {
        "after_s": round(after_s, 3),
        "was_running": was_running,
        "recorded_before": before,
        "recorded": _num_lines(folder),
    }


def _num_lines(folder: Path) -> int:
    path = folder / TURNS_FILE
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _compare(undisturbed: Path, killed: Path, expected: dict[TurnKey, Turn]) -> dict[str, Any]:
    read = read_turns(killed)  # refuses a turn that is there twice
    found = recorded_turns(read.turns)
    lost = [key for key in expected if key not in found]
    added = [key for key in found if key not in expected]
    differing = [k for k in expected if k in found and _said(expected[k]) != _said(found[k])]
    is_whole = len(found) == read_run(undisturbed).num_turns_planned
    return {
        "num_turns": len(found),
        "num_lost": len(lost),
        "num_added": len(added),
        "num_differing": len(differing),
        "passed": is_whole and not (lost or added or differing),
    }


def _said(turn: Turn) -> tuple[object, ...]:
    """What must not depend on when a run was killed: everything but times."""
    return turn.hypothesis.text, turn.cleaned, turn.messages, turn.answer, turn.failure


if __name__ == "__main__":
    sys.exit(main())
