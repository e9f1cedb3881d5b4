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
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from _common import COMMIT, IS_DIRTY, REPORTS, ROOT

from voicebench.budget.cards import CARDS, THIS_MACHINE, card_of_gpu
from voicebench.config import Profile, load_profile
from voicebench.runs import provenance

HERE = Path(__file__).parent
Status = Literal["passed", "failed", "timed out", "not run"]
AIM_P50_S, AIM_P95_S = 0.5, 0.8
"""Of the response latency, endpoint wait included; shown beside what was measured, not judged."""
MIN_DRIVER = 580  # of torch's CUDA 13.0
STOP_S = 20.0  # between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Finding:
    """What a step's output says."""

    passed: bool
    found: str
    facts: dict[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()


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


@dataclass(frozen=True)
class Result:
    """What became of a step."""

    name: str
    status: Status
    found: str
    wall_s: float
    expects: str
    otherwise: str
    command: str
    log: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()


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
        options = ["--profile", profile_argument(args, which), "--suite", args.suite, *more]
        options += ["--recordings", args.recordings] if args.recordings else []
        return (sys.executable, str(HERE / "_first_hour.py"), step, *options)

    def voicebench(*arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "voicebench", *arguments)

    name = profile_argument(args, profile)
    run = voicebench(
        "run", "--profile", name, "--mode", "latency", "--suites", args.suite, "--repeats", "1",
        "--limit", str(args.turns), "--variant", "name=plain",
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
             voicebench("ask", "--profile", base.name, "--pace", "real-time", "--json", str(question)),
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
             own("endpoint", profile, "--cases", str(args.cases)), 600, read_own),
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


def read_driver(code: int, output: str) -> Finding:
    """Driver 580 or newer: torch's CUDA 13.0 needs it."""
    fields = [each.strip() for each in output.partition("\n")[0].split(",")]
    major = fields[1].partition(".")[0] if len(fields) > 1 else ""
    is_new = major.isdigit() and int(major) >= MIN_DRIVER
    return Finding(code == 0 and is_new, ", ".join(fields))


def read_lines(code: int, output: str) -> Finding:
    """Passed by the exit code; the last lines say what was found."""
    if code:
        return Finding(False, f"exit code {code}")
    lines = output.strip().splitlines()
    return Finding(True, lines[-1] if lines else "done", lines=lines[-12:])


def read_own(code: int, output: str) -> Finding:
    """A step of `_first_hour.py`: JSON in its last line."""
    return Finding(**_last_json(output)) if code == 0 else _crashed(code)


def read_doctor(code: int, output: str) -> Finding:
    """What is missing, with the command that mends it."""
    findings = json.loads(output)["findings"]
    missing = [each for each in findings if each["status"] == "missing"]
    lines = [f"{each['check']}: {each['detail']} -> {each['fix']}" for each in missing]
    found = f"{len(findings)} checks, {len(missing)} missing"
    return Finding(code == 0, found, {"missing": missing}, lines)


def read_ask(code: int, output: str) -> Finding:
    """One turn, whole."""
    if code:
        return _crashed(code)
    turn = _last_json(output)
    metrics = turn["metrics"]
    latency = metrics.get("response_latency_s")
    shown = f"{1000 * latency:.0f} ms" if latency is not None else "not measured"
    return Finding(
        bool(turn["answer"]),
        f"heard {turn['transcript']!r}, answered {turn['answer']!r}, response latency {shown}",
        {"metrics": metrics},
    )


def read_budget(code: int, output: str) -> Finding:
    """Whether it fits, and how many tokens the cache holds."""
    if code not in (0, 1):
        return _crashed(code)
    budget = json.loads(output)
    parts = [f"{each['part']}: {each['num_bytes'] / 1e9:.3f} GB" for each in budget["memory"]]
    found = "; ".join(budget["problems"]) or f"fits; the cache holds {budget['kv_tokens']:,} tokens"
    floors = [
        f"{each['step']}: at least {1000 * each['floor_s']:.2f} ms" for each in budget["floors"]
    ]
    return Finding(code == 0, found, budget, [*parts, *floors])


def read_run(code: int, output: str) -> Finding:
    """Latencies of both variants, with n."""
    if code:
        return _crashed(code)
    groups = _last_json(output)["groups"]
    names = ("response_latency_s", "endpoint_delay_s", "asr_final_s", "ttft_s")
    lines = [
        f"{group['variant']} {name}: {_quantiles(found)}"
        for group in groups
        for name in names
        if (found := group["metrics"].get(name)) and found["p50"] is not None
    ]
    failed = sum(group["counts"]["failed"] for group in groups)
    response = [group["metrics"]["response_latency_s"] for group in groups]
    is_met = all(
        each["p50"] <= AIM_P50_S and (each["p95"] or each["p50"]) <= AIM_P95_S for each in response
    )
    aims = f"aims of {AIM_P50_S} and {AIM_P95_S} s {'met' if is_met else 'not met'}"
    found = (
        f"{failed} failed turns; {'; '.join(each for each in lines if 'response' in each)}; {aims}"
    )
    return Finding(not failed, found, {"groups": groups}, lines)


def _quantiles(metric: dict[str, Any]) -> str:
    """p50 and p95 with n; one value where n is below 3."""
    p95 = f", p95 {metric['p95']:.3f} s" if metric["p95"] is not None else ""
    return f"p50 {metric['p50']:.3f} s{p95}, n {metric['n']}"


def _last_json(output: str) -> dict[str, Any]:
    """The last JSON document of an output: its last line, or all of it."""
    with contextlib.suppress(ValueError):
        whole: dict[str, Any] = json.loads(output)
        return whole
    last: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return last


def _crashed(code: int) -> Finding:
    """The log says why."""
    return Finding(False, f"exit code {code}")


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


def write_report(folder: Path, profile: str, results: Sequence[Result], num_steps: int) -> None:
    """Writes report.json and report.md."""
    document = {
        "profile": profile,
        "date": provenance.wall_clock(),
        "git_commit": COMMIT,
        "git_dirty": IS_DIRTY,
        "machine": provenance.machine(),
        "packages": provenance.package_versions(),
        "num_steps": num_steps,
        "steps": [asdict(result) for result in results],
    }
    text = json.dumps(document, ensure_ascii=False, indent=2)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.md").write_text(_markdown(document, results), encoding="utf-8")


def _markdown(document: dict[str, Any], results: Sequence[Result]) -> str:
    machine = document["machine"]
    gpus = ", ".join(gpu["name"] for gpu in machine["gpus"]) or "no GPU"
    counts = {
        status: sum(r.status == status for r in results)
        for status in ("passed", "failed", "timed out", "not run")
    }
    lines = [
        f"# First hour: {document['profile']}", "",
        f"{document['date']}; {machine['cpu']}, {machine['num_cores_usable']} cores, "
        f"{machine['memory_gib']} GiB, {gpus}; commit {COMMIT[:12]}{' with changes' if IS_DIRTY else ''}.",
        "", ", ".join(f"{count} {status}" for status, count in counts.items())
        + f", of {document['num_steps']} steps.", "",
        "| step | result | s | found |", "|---|---|---|---|",
        *(f"| {r.name} | {r.status} | {r.wall_s} | {_cell(r.found)} |" for r in results),
    ]  # fmt: skip
    for result in results:
        lines += ["", f"## {result.name}: {result.status}", "", f"Expects {result.expects}."]
        lines += ["", f"Found: {result.found}"]
        if result.status != "passed":
            lines += ["", f"Otherwise: {result.otherwise}."]
        if result.table:
            head = ("threshold", "of", "now", "now, below", "proposed", "then, below", "rule")
            lines += ["", *_table((head, ("---",) * len(head), *result.table))]
        if result.lines:
            lines += ["", "```", *result.lines, "```"]
        lines += ["", f"`{result.command}`" + (f" (output: {result.log})" if result.log else "")]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


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
    parser.add_argument("--suite", default="daily_qa", help="whose turns are spoken (daily_qa)")
    parser.add_argument("--cases", type=int, default=40, help="turns for confidences and VAD (40)")
    parser.add_argument("--turns", type=int, default=5, help="cases for latencies (5)")
    parser.add_argument("--only", metavar="A,B", help="steps whose name begins so")
    args = parser.parse_args()
    if args.without_card:
        args.profile = "bundled"
    profile = load_profile(args.profile)
    base = load_profile("bundled" if profile.asr.device == "cpu" else "dummy-4b")
    folder = REPORTS / "first_hour" / f"{time.strftime('%Y%m%d-%H%M%S')}-{profile.name}"
    folder.mkdir(parents=True)
    steps = steps_of(profile, base, args, folder)
    if args.only:
        wanted = tuple(args.only.split(","))
        steps = [step for step in steps if step.name.startswith((*wanted, "audio"))]
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
