"""The checks of a first hour on a card, in order, in one report; stops at nothing.

    python bench/first_hour.py --profile 4090d --recordings FOLDER     on a machine with a card
    python bench/first_hour.py --without-card --recordings FOLDER      what a CPU can show, shipped models
    python bench/first_hour.py --profile 4090d --only recogniser,llm   some steps again

Each step is a process of its own with a time limit. One that fails, takes too long or cannot run here
is recorded with the reason and with what to do, and the next one follows. FOLDER holds recordings, and
NAME.txt beside NAME.wav as its transcript; without one, synthesized turns of a suite serve alone.

Writes reports/first_hour/RUN/: report.md, report.json, and the output of every step. The report is
written after each step. Exit code: 0 all passed or could not run here, 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from _common import REPORTS, ROOT
from _first_hour_findings import (
    Finding,
    read_ask,
    read_budget,
    read_doctor,
    read_driver,
    read_lines,
    read_own,
    read_run,
)
from _first_hour_report import Result, Status, write_report

from voicebench.budget.cards import CARDS, THIS_MACHINE, card_of_gpu
from voicebench.errors import UserError
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import Profile
from voicebench.suites.load import load_suite

HERE = Path(__file__).parent
ENDPOINT_CASES = 20  # the VAD computes on the CPU, and takes each clip twice
STOP_S = 20.0  # between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Step:
    """One check: what it runs, what it expects, and what to do where that is not so."""

    name: str
    expects: str
    otherwise: str
    command: tuple[str, ...]
    limit_s: float
    read: Callable[[int, str], Finding]
    not_here: str = ""
    """Why it cannot run on this machine; empty where it can."""


def steps_of(profile: Profile, base: Profile, args: argparse.Namespace, folder: Path) -> list[Step]:
    """All steps, in order.

    Args:
        profile: The one to be used for work.
        base: One without downloads, tried first.
        args: The command line.
        folder: Where the steps write.
    """
    no_card = "" if card_name() else "no NVIDIA GPU here (nvidia-smi names none)"
    on_card = profile.asr.device != "cpu"
    needs_card = no_card if on_card else ""
    shipped = "" if profile.catalogue_models else f"profile {profile.name} fetches nothing"
    question, both = folder / "question.wav", folder / "both"
    card = card_of_gpu(card_name()) or CARDS.get(profile.name, CARDS["4090d"])
    gpu = card.name if on_card else THIS_MACHINE

    def own(step: str, which: Profile = profile, *more: str) -> tuple[str, ...]:
        options = ["--profile", profile_argument(args, which), "--suites", args.suites, *more]
        options += ["--recordings", args.recordings] if args.recordings else []
        return (sys.executable, str(HERE / "_first_hour.py"), step, *options)

    def voicebench(*arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "voicebench", *arguments)

    name = profile_argument(args, profile)
    run = voicebench(
        "run", "--profile", name, "--mode", "latency", "--suites", args.suites.partition(",")[0], "--repeats", "1",
        "--max-cases", str(args.turns), "--variant", "name=plain",
        "--variant", "name=early,prefill=true,speculation=true", "--out", str(both), "--json",
    )  # fmt: skip
    return [
        Step("driver", "driver 580 or newer, a card with its memory free",
             "install the driver of your distribution, 580 or newer; end what holds the memory",
             ("nvidia-smi", "--query-gpu=name,driver_version,memory.total,memory.used,power.limit",
              "--format=csv,noheader"), 30, read_driver, no_card),
        Step("imports", "torch sees the card; FunASR, vLLM and what vLLM loads on a card import",
             "voicebench doctor; set the environment up again: docs/gpu.md",
             own("imports"), 600, read_own, needs_card),
        Step("doctor, before any download", "nothing missing for random weights",
             "run the command behind each ->",
             voicebench("doctor", "--profile", base.name, "--json"), 120, read_doctor),
        Step("audio", "one question as a WAV", "requirements/install.sh synth, or --recordings",
             own("audio", profile, "--out", str(question), "--cases", "1"), 120, read_own),
        Step(f"end to end, {base.name}", "READY, a transcript, an answer, times of every stage",
             "read the log: what is missing is named there; then try --profile bundled",
             voicebench("ask", "--profile", base.name, "--pace", "real_time", "--json", str(question)),
             900, read_ask, no_card if base.asr.device != "cpu" else ""),
        Step("pull", "every model of the profile here, at its revision",
             "run it again: it continues; --hub takes the other hub, HF_ENDPOINT names a mirror",
             voicebench("models", "pull", name), 3 * 3600, read_lines, shipped),
        Step("verify", "every file as the hub and the catalogue list it",
             "remove the file that is named, then pull again",
             voicebench("models", "verify", name), 600, read_lines, shipped),
        Step("doctor", "nothing missing for the profile", "run the command behind each ->",
             voicebench("doctor", "--profile", name, "--json"), 120, read_doctor),
        Step("budget", "the profile fits with room for its longest conversation",
             "lower the setting that is named in the profile",
             voicebench("budget", name, "--gpu", gpu, "--json"), 120, read_budget),
        Step("recogniser", "the transcripts that FunASR's own call gives, word for word",
             "compare the differing lines; the thresholds proposed go into the profile's variants",
             own("recogniser", profile, "--cases", str(args.cases)), 1200, read_own, needs_card),
        Step("llm", "the same greedy answer twice, ended by the model",
             "--variant with another prompt; enforce_eager: true where a graph is suspected",
             own("llm"), 900, read_own, needs_card),
        Step("both", "no failed turn",
             "voicebench report RUN: the waterfall names the stage",
             run, 1200, read_run, needs_card),
        Step("endpoint", "in quiet every turn ends and none is cut off; noise alone is no turn",
             "vad=silero beside vad=profile in a variant; docs/models.md",
             own("endpoint", profile, "--cases", str(min(args.cases, ENDPOINT_CASES))), 600, read_own),
        Step("service", "READY, one answer, the page, exit code 0 on SIGTERM",
             "read the log; voicebench serve --help for ports and keys",
             own("service"), 900, read_own, needs_card),
    ]  # fmt: skip


def profile_argument(args: argparse.Namespace, profile: Profile) -> str:
    """A shipped profile by its name, the user's own by its path."""
    return args.profile if profile.name == Path(args.profile).stem else profile.name


def card_name() -> str:
    """What the driver calls the first GPU; empty without one."""
    program = shutil.which("nvidia-smi")
    if not program:
        return ""
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else ""


def _reasons(log: Path) -> list[str]:
    """The lines of error of a log, and its last one; its last lines where none is of error."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines if line.startswith("error:")]
    return list(dict.fromkeys([*errors, *lines[-1:]])) if errors else lines[-12:]


def perform(step: Step, folder: Path, number: int) -> Result:
    """Runs a step in a process of its own and reads what it says."""
    stem = f"{number:02}-{''.join(c if c.isalnum() else '-' for c in step.name)}"
    log = folder / f"{stem}.log"
    command = " ".join(step.command).replace(f"{ROOT}/", "").replace(sys.executable, "python")

    def result(status: Status, finding: Finding, wall_s: float) -> Result:
        return Result(
            step.name, status, finding.found, round(wall_s, 1), step.expects, step.otherwise, command,
            log.name if log.exists() else "", finding.facts, finding.lines, finding.table,
        )  # fmt: skip

    if step.not_here:
        return result("not run", Finding(False, step.not_here), 0.0)
    started_s = time.monotonic()
    try:
        code, output = _run(step, log)
    except FileNotFoundError as error:
        return result("failed", Finding(False, f"{error.filename} is not installed"), 0.0)
    wall_s = time.monotonic() - started_s
    tail = _reasons(log)
    if code is None:
        return result("timed out", Finding(False, f"over {step.limit_s:g} s", lines=tail), wall_s)
    try:
        finding = step.read(code, output)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        reason = f"exit code {code}; its output cannot be read: {type(error).__name__} {error}"
        finding = Finding(False, reason, lines=tail)
    if not finding.passed and not finding.lines:
        finding = replace(finding, lines=tail)
    if not finding.passed and code and finding.found == f"exit code {code}" and tail:
        finding = replace(finding, found=f"exit code {code}: {tail[-1]}")
    return result("passed" if finding.passed else "failed", finding, wall_s)


def _run(step: Step, log: Path) -> tuple[int | None, str]:
    """Exit code and output; None where the time limit ended it. Its children end with it."""
    output = log.with_suffix(".out")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as errors, output.open("wb") as out:
        process = subprocess.Popen(
            step.command,
            stdout=out,
            stderr=errors,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        code: int | None
        try:
            code = process.wait(step.limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    return code, output.read_text(encoding="utf-8", errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of a step's process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
            return


def main() -> int:
    """Runs the steps; 0, or 1 where one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", default="4090d", help="the profile to be used (4090d)")
    parser.add_argument(
        "--without-card", action="store_true", help="the shipped models on the CPU: profile bundled"
    )
    parser.add_argument(
        "--recordings", metavar="FOLDER", help="recordings, with NAME.txt transcripts"
    )
    parser.add_argument(
        "--suites",
        default="daily_qa,entities",
        metavar="A,B",
        help="whose turns are spoken; the first for latencies (daily_qa,entities)",
    )
    parser.add_argument("--cases", type=int, default=120, help="turns for confidences (120)")
    parser.add_argument("--turns", type=int, default=5, help="cases for latencies (5)")
    parser.add_argument("--only", metavar="A,B", help="steps whose name begins so")
    args = parser.parse_args()
    if args.without_card:
        args.profile = "bundled"
    try:
        profile = load_profile(args.profile)
        for suite in args.suites.split(","):
            load_suite(suite)
    except UserError as error:
        parser.error(str(error))
    if args.recordings and not Path(args.recordings).is_dir():
        parser.error(f"--recordings: there is no folder {args.recordings}")
    if min(args.cases, args.turns) < 1:
        parser.error("--cases and --turns are 1 at least")
    base = load_profile("bundled" if profile.asr.device == "cpu" else "dummy-4b")
    folder = REPORTS / "first_hour" / f"{time.strftime('%Y%m%d-%H%M%S')}-{profile.name}"
    steps = steps_of(profile, base, args, folder)
    if args.only:
        wanted = tuple(args.only.split(","))
        names = [step.name for step in steps]
        unknown = [each for each in wanted if not any(name.startswith(each) for name in names)]
        if unknown:
            parser.error(f"--only: no step {', '.join(unknown)}; there are: {'; '.join(names)}")
        steps = [step for step in steps if step.name.startswith((*wanted, "audio"))]
    folder.mkdir(parents=True)
    results: list[Result] = []
    try:
        for number, step in enumerate(steps, start=1):
            print(f"[{number}/{len(steps)}] {step.name} ...", flush=True)
            results.append(perform(step, folder, number))
            print(
                f"    {results[-1].status}, {results[-1].wall_s} s: {results[-1].found}", flush=True
            )
            write_report(folder, profile.name, results, len(steps))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"report: {folder / 'report.md'}")
    return int(any(result.status in ("failed", "timed out") for result in results))


if __name__ == "__main__":
    sys.exit(main())
