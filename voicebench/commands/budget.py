"""`voicebench budget PROFILE --gpu CARD`: does it fit, and how fast could it be at best."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicebench.budget.estimate import Budget, Workload
    from voicebench.metrics.steps import Steps, StepTime

_EPILOG = """\
examples:
  voicebench budget 4090d --gpu 4090d                    before any download
  voicebench budget bundled --gpu cpu                    this machine, measured for a second
  voicebench budget bundled --gpu cpu --run reports/RUN  beside what a run measured
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `budget` to the command line."""
    parser = subparsers.add_parser(
        "budget",
        help="memory and least times of a profile on a card, beside what was measured",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("profile", metavar="PROFILE", help="shipped profile or a .yaml file")
    parser.add_argument(
        "--gpu", required=True, metavar="CARD", help="4090d, 4090, h100, ...; cpu: this machine"
    )
    parser.add_argument("--run", metavar="RUN", help="a run's folder, to put its times beside")
    parser.add_argument(
        "--prompt-tokens", type=int, metavar="N", help="length of the prompt (the run's, or 200)"
    )
    parser.add_argument(
        "--window-s",
        type=float,
        metavar="S",
        help="window recognised, its context too (the run's, or 3.6)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Prints the budget; 0, or 1 when the profile does not fit the card.

    Raises:
        VoicebenchError: Unknown profile or card, a model of unknown size, no such run.
    """
    from voicebench.budget.cards import find_card
    from voicebench.budget.estimate import estimate
    from voicebench.budget.shapes import asr_shape_of, companion_bytes_of, llm_shape_of
    from voicebench.profiles.loader import load_profile

    profile = load_profile(args.profile)
    shapes = asr_shape_of(profile.asr), llm_shape_of(profile.llm)
    steps = _steps(Path(args.run)) if args.run else None
    card = find_card(args.gpu)
    load = load_of(steps, args.prompt_tokens, args.window_s)
    budget = estimate(profile, *shapes, card, load, companion_bytes_of(profile.asr))
    if args.json:
        print(json.dumps(document(budget, steps), ensure_ascii=False, indent=2))
    else:
        show(budget, steps)
    return 0 if budget.fits else 1


def load_of(steps: Steps | None, prompt_tokens: int | None, window_s: float | None) -> Workload:
    """What the floors are of: what was asked for, else as the run was, else the defaults.

    Raises:
        ConfigError: A number that is not positive.
    """
    from voicebench.budget.estimate import Workload
    from voicebench.errors import ConfigError

    for name, value in (("--prompt-tokens", prompt_tokens), ("--window-s", window_s)):
        if value is not None and value <= 0:
            raise ConfigError(f"{name} is {value}", "Give a positive number")
    load = Workload()
    if steps is not None and steps.prompt_tokens:
        load = Workload(
            prompt_tokens=steps.prompt_tokens,
            cached_tokens=steps.cached_tokens,
            context_tokens=steps.context_tokens,
            window_s=steps.window_s or load.window_s,
        )
    return Workload(
        prompt_tokens=prompt_tokens or load.prompt_tokens,
        cached_tokens=0 if prompt_tokens else load.cached_tokens,
        context_tokens=prompt_tokens + 100 if prompt_tokens else load.context_tokens,
        window_s=window_s or load.window_s,
    )


def measured_steps(steps: Steps | None) -> tuple[StepTime | None, ...]:
    """In the order of `Budget.floors`."""
    if steps is None:
        return (None, None, None)
    return (steps.asr_window, steps.prefill, steps.decode_token)


def document(budget: Budget, steps: Steps | None) -> dict[str, Any]:
    """The budget as JSON; bytes and seconds, times over floor where there is a measurement."""
    import msgspec

    floors = [
        {
            **msgspec.to_builtins(floor),
            "floor_s": floor.floor_s,
            "bound": floor.bound,
            "measured": msgspec.to_builtins(time),
            "measured_over_floor": time.median_s / floor.floor_s if time else None,
        }
        for floor, time in zip(budget.floors, measured_steps(steps), strict=True)
    ]
    return {**msgspec.to_builtins(budget), "floors": floors, "fits": budget.fits}


def show(budget: Budget, steps: Steps | None) -> None:
    """Prints the tables."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    card, console = budget.card, Console()
    console = console if console.is_terminal else Console(width=140)
    console.print(
        Text(
            f"{budget.profile} on {card.name}: {card.memory_gib:.1f} GiB, "
            f"{card.bandwidth_gb_s:,.4g} GB/s, {card.fp16_tflops:,.4g} TFLOPS in 16 bits "
            f"({card.fp32_tflops:,.4g} in float32), {card.int8_tops:,.4g} TOPS int8\n({card.source})\n"
        )
    )
    memory = Table("memory", show_edge=False, pad_edge=False)
    memory.add_column("GB", justify="right")
    for title in ("", "from"):
        memory.add_column(title)
    for line in budget.memory:
        memory.add_row(line.part, f"{line.num_bytes / 1e9:.3f}", line.kind, Text(line.detail))
    console.print(memory)
    console.print(
        Text(
            f"The cache holds {budget.kv_tokens:,} tokens: {budget.kv_tokens / budget.max_model_len:.1f} "
            f"conversations of {budget.max_model_len:,}.\n"
        )
    )
    times = Table("step", show_edge=False, pad_edge=False)
    for title in ("MB", "GFLOP", "floor ms", "measured ms", "over floor"):
        times.add_column(title, justify="right")
    for title in ("bound", "of"):
        times.add_column(title)
    for floor, time in zip(budget.floors, measured_steps(steps), strict=True):
        times.add_row(
            floor.step, f"{floor.num_bytes / 1e6:,.1f}", f"{floor.operations / 1e9:,.2f}",
            f"{floor.floor_s * 1000:.3f}",
            f"{time.median_s * 1000:.3f} (n {time.n})" if time else "-",
            f"{time.median_s / floor.floor_s:.1f}" if time else "-",
            floor.bound, Text(floor.detail),
        )  # fmt: skip
    console.print(times)
    for problem in budget.problems:
        console.print(Text(f"\ndoes not fit: {problem}", style="bold"))


def _steps(folder: Path) -> Steps:
    from voicebench.metrics.steps import steps_of
    from voicebench.runs.record import iter_turns, read_run

    read_run(folder)  # says what is wrong where it is no run
    return steps_of(iter_turns(folder))
