"""What each hand-off to the LLM costs, and what it does to answers, all in one run.

    python bench/run_handoff.py --suites daily_qa,multi_turn --limit 8

Every case is answered in all five forms, one after the other, before the next case begins: a busy
machine slows all alike. The prefix cache is emptied before every turn, so the time to the first
token is that of a cold prompt. Audio arrives at simulated pace; neither figure depends on it.

`build` is from the cleaned transcript to the prompt, `TTFT` from the request to the first token.
Answers are compared with those to `text` in the same run, token by token: `token_map` and `embeds`
must give the same where the tokenizer has one token a Hanzi, as the bundled one. Turns of `marked`
and `soft_embeds` differ only where a token was in doubt. The bundled models say nothing about how
well Qwen3 understands marks or mixtures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
from _common import finish, footer, write_figure

from voicebench.events import PromptBuilt
from voicebench.metrics.latency import latencies, quantiles
from voicebench.report.data import load_report
from voicebench.report.plots import Estimate, Sample, cumulative, intervals
from voicebench.runs.record import read_turns
from voicebench.runs.runner import execute
from voicebench.runs.settings import RunSettings
from voicebench.types import Run, Turn, Variant

HANDOFFS: tuple[Any, ...] = get_args(get_type_hints(Variant)["handoff"])
COLUMNS = (
    "hand-off", "turns", "build ms p50 / p95", "TTFT ms p50 / p95", "prompt tokens p50",
    "doubtful tokens", "prompts as text's", "answers as text's", "factual errors", "facts missed",
)  # fmt: skip


class _Quiet:
    """A run's watcher that prints a dot a turn to stderr."""

    def planned(self, folder: Path, run: Run, num_done: int, num_half_written: int) -> None:
        print(f"{run.num_turns_planned} turns in {folder}", file=sys.stderr)

    def stage(self, text: str) -> None:
        print(text, file=sys.stderr)

    def recorded(self, turn: Turn) -> None:
        print("." if turn.failure is None else "F", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Runs the bench; 0 when every turn was answered."""
    args = _parse()
    variants = tuple(
        Variant(
            name=handoff,
            handoff=handoff,
            cleaning=args.cleaning,
            doubt_below=args.doubt_below,
            doubt_top_k=args.doubt_top_k,
        )
        for handoff in HANDOFFS
    )
    settings = RunSettings(
        profile=args.profile,
        suites=tuple(args.suites.split(",")),
        variants=variants,
        mode="latency",
        pace="fast",
        repeats=args.repeats,
        limit=args.limit,
    )
    with tempfile.TemporaryDirectory(prefix="handoff_") as scratch:
        execute(settings, Path(scratch, "run"), _Quiet(), argv=sys.argv[1:])
        report = load_report(Path(scratch, "run"))
        recorded = read_turns(Path(scratch, "run")).turns
        turns = [turn for turn in recorded if turn.prompt_token_ids and not turn.is_warm_up]
    groups = report.overall or report.groups  # over all suites, or the only one
    by_variant = {group["variant"]: group["metrics"] for group in groups}
    figures = {
        handoff: _measure(turns, handoff, args.doubt_below) | _facts(by_variant[handoff])
        for handoff in HANDOFFS
    }
    _draw(args.profile, turns, figures)
    finish(
        "handoff",
        COLUMNS,
        [_row(handoff, figures[handoff]) for handoff in HANDOFFS],
        {"settings": msgspec.to_builtins(settings), "num_warm_up": report.num_warm_up,
         "num_turns": len(report.turns), "num_failed": report.num_failed,
         "num_degraded": report.num_degraded,
         "handoffs": figures},
    )  # fmt: skip
    return int(report.num_failed > 0)


def _parse() -> argparse.Namespace:
    default = Variant()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--suites", default="daily_qa,self_correction,multi_turn")
    parser.add_argument("--limit", type=int, default=8, help="cases of each suite")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--cleaning", default="full")
    parser.add_argument("--doubt-below", type=float, default=default.doubt_below)
    parser.add_argument("--doubt-top-k", type=int, default=default.doubt_top_k)
    return parser.parse_args()


def _measure(turns: Sequence[Turn], handoff: str, doubt_below: float) -> dict[str, Any]:
    mine = [turn for turn in turns if turn.variant == handoff]
    plain = {turn.key[:2] + turn.key[3:]: turn for turn in turns if turn.variant == "text"}
    pairs = [(turn, plain[key]) for turn in mine if (key := turn.key[:2] + turn.key[3:]) in plain]
    built = [
        (event.t_s - event.started_s) * 1000
        for turn in mine
        for event in turn.events
        if isinstance(event, PromptBuilt) and event.started_s is not None
    ]
    ttft_ms = [s * 1000 for turn in mine if (s := latencies(turn)["ttft_s"]) is not None]
    tokens = [token for turn in mine for token in turn.hypothesis.tokens]
    return {
        "num_turns": len(mine),
        "build_ms": msgspec.to_builtins(quantiles(built)),
        "ttft_ms": msgspec.to_builtins(quantiles(ttft_ms)) | {"min": min(ttft_ms, default=None)},
        "prompt_tokens": quantiles(len(turn.prompt_token_ids) for turn in mine).p50,
        "recognised_tokens": len(tokens),
        "doubtful_tokens": sum(token.confidence < doubt_below for token in tokens),
        "mixed_positions": sum(len(turn.prompt_mixtures) for turn in mine),
        "pairs_with_text": len(pairs),
        "prompts_as_text": sum(a.prompt_token_ids == b.prompt_token_ids for a, b in pairs),
        "answers_as_text": sum(a.answer == b.answer for a, b in pairs),
    }


def _facts(metrics: dict[str, Any]) -> dict[str, Any]:
    names = ("factual_error_rate", "fact_miss_rate")
    return {name: metrics.get(name, {"value": None, "n": 0, "interval": None}) for name in names}


def _row(handoff: str, figures: dict[str, Any]) -> list[str]:
    return [
        handoff,
        str(figures["num_turns"]),
        *(f"{figures[name]['p50']:.2f} / {figures[name]['p95']:.2f}" for name in ("build_ms", "ttft_ms")),
        f"{figures['prompt_tokens']:.0f}",
        f"{figures['doubtful_tokens']} of {figures['recognised_tokens']}",
        *(f"{figures[name]} of {figures['pairs_with_text']}" for name in ("prompts_as_text", "answers_as_text")),
        *(_rate(figures[name]) for name in ("factual_error_rate", "fact_miss_rate")),
    ]  # fmt: skip


def _draw(profile: str, turns: Sequence[Turn], figures: dict[str, dict[str, Any]]) -> None:
    estimates = [
        Estimate(handoff, title, 100 * found["value"],
                 *(100 * bound for bound in found["interval"] or [found["value"]] * 2),
                 int(found["n"]))
        for handoff in HANDOFFS
        for name, title in (("factual_error_rate", "factual errors, of answers"),
                            ("fact_miss_rate", "facts missed, of facts"))
        if (found := figures[handoff][name])["value"] is not None
    ]  # fmt: skip
    samples = [
        Sample(handoff, values)
        for handoff in HANDOFFS
        if (values := tuple(
            1000 * s for turn in turns
            if turn.variant == handoff and (s := latencies(turn)["ttft_s"]) is not None
        ))
    ]  # fmt: skip
    drawing = intervals(estimates, title="What each hand-off does to facts", axis="share (%)",
                     num_of="answers, facts", footer=footer(profile))  # fmt: skip
    write_figure("handoff", "facts", drawing)
    drawing = cumulative(samples, title="Time to first token of a cold prompt", footer=footer(profile),
                      axis="TTFT (ms)")  # fmt: skip
    write_figure("handoff", "ttft", drawing)


def _rate(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "–"
    low, high = metric["interval"] or (metric["value"], metric["value"])
    return f"{100 * metric['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}] n = {metric['n']}"


if __name__ == "__main__":
    sys.exit(main())
