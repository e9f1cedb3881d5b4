"""What prefill saves at the first token, in one run.

    python bench/run_prefill.py --profile dummy-0.6b

A prompt of a head (system prompt and history) and a transcript that grows in pieces, as windows are
recognised, is warmed to several lengths and then answered; the time is from the request to the
first token, with the engine idle before it and the prefix cache empty before each trial. Arms take
turns within a repeat, every repeat has token ids of its own. `revised` warms a transcript whose last
tokens turn out otherwise. Warming itself happens while the person speaks; its time is the last column.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from _common import finish

from voicebench.clock import now_s
from voicebench.llm.vllm_engine import VllmGenerator
from voicebench.metrics.latency import quantiles
from voicebench.profiles.loader import load_profile
from voicebench.types import Sampling

FIRST_TOKEN = Sampling(max_tokens=1)
COLUMNS = (
    "arm",
    "trials",
    "first token ms p50 / p95",
    "of cold",
    "tokens there before p50",
    "warming ms p50",
)


class Arm(NamedTuple):
    """How a prompt is warmed: how far, and whether its end is then revised."""

    name: str
    warms: str  # "", "head" or "all"
    is_revised: bool = False


ARMS = (
    Arm("cold", ""),
    Arm("prefix cache, head only", "head"),
    Arm("prefix cache", "all"),
    Arm("prefix cache, revised", "all", is_revised=True),
)


class Trial(NamedTuple):
    first_token_ms: float
    num_cached: int
    warming_ms: float


def main() -> int:
    """Runs the bench; 0 when every trial had its token."""
    args = _parse()
    generator = VllmGenerator(load_profile(args.profile).llm)
    rng = random.Random(args.seed)
    trials: dict[str, list[Trial]] = {arm.name: [] for arm in ARMS}
    for repeat in range(args.repeats + 1):  # the first is a warm-up
        for arm in rng.sample(ARMS, len(ARMS)):
            generator.forget_prompts()
            trial = asyncio.run(_trial(generator, arm, args, rng))
            if repeat:
                trials[arm.name].append(trial)
        print(f"{repeat} of {args.repeats} repeats", file=sys.stderr, flush=True)
    generator.close()
    figures = {name: _figures(done, trials["cold"]) for name, done in trials.items()}
    finish(
        f"prefill/{args.profile}",
        COLUMNS,
        [_row(name, figures[name]) for name in figures],
        {"settings": vars(args), "block_tokens": generator.block_tokens, "arms": figures},
    )
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--head", type=int, default=600, help="tokens before the transcript")
    parser.add_argument("--spoken", type=int, default=100, help="tokens of the transcript")
    parser.add_argument("--piece", type=int, default=20, help="tokens a window adds")
    parser.add_argument("--tail", type=int, default=8, help="tokens behind the transcript")
    parser.add_argument(
        "--revised", type=int, default=30, help="last tokens that turn out otherwise"
    )
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


async def _trial(
    generator: VllmGenerator, arm: Arm, args: argparse.Namespace, rng: random.Random
) -> Trial:
    def some_ids(count: int) -> list[int]:
        return [rng.randrange(100, 4000) for _ in range(count)]

    head, spoken, tail = some_ids(args.head), some_ids(args.spoken), some_ids(args.tail)
    pieces = range(args.piece, args.spoken, args.piece)  # the last window comes with the end
    cuts = {"": (), "head": (0,), "all": (0, *pieces)}[arm.warms]
    began_s = now_s()
    for cut in cuts:
        prompt = head + spoken[:cut]
        await generator.warm(
            prompt[: len(prompt) // generator.block_tokens * generator.block_tokens]
        )
    warming_ms = (now_s() - began_s) * 1000
    if arm.is_revised:
        spoken = spoken[: -args.revised] + some_ids(args.revised)
    began_s, num_cached = now_s(), 0
    async with contextlib.aclosing(generator.stream(head + spoken + tail, FIRST_TOKEN)) as deltas:
        async for delta in deltas:
            num_cached = max(num_cached, delta.cached_prompt_tokens)
    first_token_ms = (now_s() - began_s) * 1000
    return Trial(first_token_ms, num_cached, warming_ms)


def _figures(done: Sequence[Trial], cold: Sequence[Trial]) -> dict[str, Any]:
    return {
        "num_trials": len(done),
        "first_token_ms": msgspec.to_builtins(quantiles(t.first_token_ms for t in done)),
        "of_cold": statistics.median(
            trial.first_token_ms / other.first_token_ms
            for trial, other in zip(done, cold, strict=True)
        ),
        "cached_tokens_p50": statistics.median(trial.num_cached for trial in done),
        "warming_ms_p50": statistics.median(trial.warming_ms for trial in done),
    }


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    ms = figures["first_token_ms"]
    return [
        name,
        str(figures["num_trials"]),
        f"{ms['p50']:.0f} / {ms['p95']:.0f}",
        f"{figures['of_cold']:.3f}",
        f"{figures['cached_tokens_p50']:.0f}",
        f"{figures['warming_ms_p50']:.0f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
