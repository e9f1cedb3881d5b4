"""Everything about a profile's speed on the GPU of this machine, in one command of under 9 minutes.

    python bench/run_gpu.py --profile dummy-4b

    latency       turns at the pace of speech, warmed, with and without early work: p50, p95, waterfall
    interference  a window with the LLM idle and busy, a token gap with ASR idle and busy
    budget        the floors of `voicebench budget` beside what was measured

Writes reports/gpu/: the latency run with its records and report.html, and summary.json. On a machine
without an NVIDIA GPU it says so and exits 3. `--try-on-cpu` goes the same way on such a machine, to
see that the way is open; what it prints is marked, and says nothing about a GPU.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from _common import REPORTS, finish
from _interference import measure

from voicebench.budget.cards import Card, card_of_gpu, find_card
from voicebench.budget.estimate import estimate
from voicebench.budget.shapes import asr_shape_of, companion_bytes_of, llm_shape_of
from voicebench.commands._progress import RunProgress
from voicebench.commands.budget import document, load_of
from voicebench.metrics.steps import steps_of
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import Profile
from voicebench.report.render import load_report, metrics_document, write_report
from voicebench.runs.gpu_use import GpuWatch
from voicebench.runs.latency import MIN_WARM_UP_TURNS
from voicebench.runs.plan import Models
from voicebench.runs.provenance import machine
from voicebench.runs.record import read_turns
from voicebench.runs.runner import execute, load_models
from voicebench.runs.settings import RunSettings
from voicebench.suites.load import load_suite
from voicebench.suites.render import render_turn
from voicebench.types import SAMPLE_RATE_HZ, Variant

EXIT_NO_GPU = 3
BUDGET_S = 500.0
"""Of the whole, loading included; turns are dropped to keep to it."""
TURN_S = 3.0  # of the waits around an answer, beyond its audio and its tokens
REPORT_S = 20.0  # of the tables and the report at the end
VARIANTS = (
    Variant(name="plain"),
    Variant(name="early", prefill=True, speculation=True),
)


def num_cases(suite: str, repeats: int, left_s: float, answer_s: float) -> int:
    """How many of a suite's cases fit into the time, warm-up included, at the pace of speech, with
    answers of `answer_s`; at least one."""
    each_s = [
        sum(turn.t_eos_s + answer_s + TURN_S for turn in case.turns)
        for case in load_suite(suite).cases
    ]
    spent_s = (
        MIN_WARM_UP_TURNS * len(VARIANTS) * each_s[0]
    )  # the shortest case's, which is no longer
    count = 0
    for case_s in each_s:
        spent_s += case_s * repeats * len(VARIANTS)
        if count and spent_s > left_s:
            break
        count += 1
    return count


def _window(suite: str, seconds: float) -> Any:
    folder = load_suite(suite).folder
    samples, _ = render_turn(load_suite(suite).cases[0].turns[0], folder)
    size = int(seconds * SAMPLE_RATE_HZ)
    return np.resize(samples, size).astype(np.float32)


def _latency(
    profile: str, args: argparse.Namespace, models: Models, folder: Path, token_s: float
) -> Any:
    left_s = BUDGET_S - (time.monotonic() - args.started_s) - REPORT_S
    longest_s = token_s * VARIANTS[0].sampling.max_tokens  # random weights never end earlier
    settings = RunSettings(
        profile=profile,
        suites=(args.suite,),
        variants=VARIANTS,
        mode="latency",
        pace="real_time",
        repeats=args.repeats,
        limit=args.limit or num_cases(args.suite, args.repeats, left_s, longest_s),
    )
    lent = models.lent()
    with RunProgress() as progress:
        execute(settings, folder, progress, argv=sys.argv[1:], load=lambda _: lent)
    report = load_report(folder)
    write_report(report, folder / "report.html")
    return report


def _budget(profile: Profile, card: Card | None, folder: Path) -> dict[str, Any] | None:
    if card is None:
        return None
    steps = steps_of(turn for turn in read_turns(folder).turns if turn.variant == "plain")
    shapes = asr_shape_of(profile.asr), llm_shape_of(profile.llm)
    load, companions = load_of(steps, None, None), companion_bytes_of(profile.asr)
    return document(estimate(profile, *shapes, card, load, companions), steps)


def _rows(report: Any, interference: Any, budget: Any) -> list[list[str]]:
    rows = []
    for group in report.groups:
        metrics = group["metrics"]
        for name in ("response_latency_s", "asr_final_s", "endpoint_delay_s", "ttft_s", "tpot_ms"):
            found, scale = metrics[name], 1 if name.endswith("_ms") else 1000
            if found.get("p50") is not None:
                p50, p95 = (
                    "–" if found[q] is None else f"{found[q] * scale:.1f}" for q in ("p50", "p95")
                )
                rows.append([f"{group['variant']}: {name}", p50, p95, str(found["n"])])
    for name, each in interference.items():
        rows.append([name, f"{each['p50_ms']:.2f}", f"{each['p95_ms']:.2f}", str(each["n"])])
    for floor in budget["floors"] if budget else []:
        over = floor["measured_over_floor"]
        ratio = f"measured {over:.1f} times this" if over else "not measured"
        rows.append([f"floor, {floor['step']}", f"{floor['floor_s'] * 1000:.3f}", "", ratio])
    return rows


def main() -> int:
    """Runs the bench; 0, or 3 without a GPU."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="dummy-4b")
    parser.add_argument("--suite", default="daily_qa")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=int, help="cases (as many as fit into the time)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each interference figure")
    parser.add_argument("--try-on-cpu", action="store_true")
    args = parser.parse_args()
    args.started_s = time.monotonic()
    gpus = machine()["gpus"]
    if not gpus and not args.try_on_cpu:
        print(
            "no NVIDIA GPU here (or no nvidia-ml-py to see it): nothing was measured. Run this on a "
            "machine with one: python bench/run_gpu.py --profile dummy-4b",
            file=sys.stderr,
        )
        return EXIT_NO_GPU
    profile = load_profile(args.profile)
    folder = REPORTS / "gpu" / f"{time.strftime('%Y%m%d-%H%M%S')}-{profile.name}"
    with GpuWatch() as watch:
        models = load_models(profile, lambda text: print(text, file=sys.stderr))
        ready_s = time.monotonic() - args.started_s
        window = _window(args.suite, VARIANTS[0].window_s + VARIANTS[0].context_s)
        interference = measure(models.recognizer, models.generator, window, args.seconds)
        token_s = interference["token gap, ASR busy"]["p50_ms"] / 1000
        report = _latency(args.profile, args, models, folder, token_s)
        models.generator.close()
        models.recognizer.close()
    card = card_of_gpu(gpus[0]["name"]) if gpus else find_card("cpu")
    budget = _budget(profile, card, folder)
    figures = {
        "profile": msgspec.to_builtins(profile),
        "is_of_a_gpu": bool(gpus),
        "run": str(folder.relative_to(REPORTS.parent)),
        "ready_s": ready_s,
        "wall_s": time.monotonic() - args.started_s,
        "latency": metrics_document(report)["groups"],
        "interference": interference,
        "budget": budget,
        "gpu_use": watch.use(),
    }
    if not gpus:
        print("\nTried on a CPU. What follows says nothing about a GPU.")
    print(f"READY after {ready_s:.1f} s")
    finish("gpu", ["what", "p50 ms", "p95 ms", "n"], _rows(report, interference, budget), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
