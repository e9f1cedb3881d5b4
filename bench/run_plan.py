"""Times a plan of 4 cleanings x 4 prompts: with the stage cache, without it, and unbatched.

    python bench/run_plan.py --suite self_correction --limit 60

    cached       one run of all 16 variants: each utterance is recognised once
    not cached   the same 16 variants as 16 runs, which share nothing
    one by one   as cached, but the LLM is given one prompt at a time
    neither      16 runs, one prompt at a time

Then the LLM alone: the very prompts of the cached run, batched and one at a time by turns, several times
over, so that a machine that is slower for a minute is so for both.

The models are loaded once and warmed by a run of one case. Records of all arms must agree in every
transcript and answer; how many do is printed. Seconds are of the wall clock and, which a busy
machine hardly changes, of the processor: shown, not asserted. Ratios are of the processor's, once of the
whole run and once of the LLM alone, in which nothing is recognised or written.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from _common import finish

from voicebench.clock import now_s
from voicebench.profiles.loader import load_profile
from voicebench.runs.plan import Models
from voicebench.runs.record import read_turns
from voicebench.runs.runner import execute, load_models
from voicebench.runs.settings import RunSettings, build_variants
from voicebench.types import AnswerToken, Run, Sampling, Turn

CLEANINGS = ("none", "baseline", "disfluency", "self_correction")


class Kept:
    """A model that several runs use: closing it is not theirs. Counts its work."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.num_calls = 0
        self.cpu_s = 0.0
        self.batches: list[tuple[list[Any], Sampling]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def recognize_batch(self, pieces: Sequence[Any], *speech_s: Any) -> Any:
        self.num_calls += len(pieces)
        return self._model.recognize_batch(pieces, *speech_s)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> Any:
        self.num_calls += len(prompts)
        self.batches.append((list(prompts), sampling))
        started_cpu_s = time.process_time()
        try:
            return self._model.generate(prompts, sampling)
        finally:
            self.cpu_s += time.process_time() - started_cpu_s

    def close(self) -> None: ...


class OneByOne(Kept):
    """The LLM with one prompt at a time."""

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling
    ) -> list[tuple[AnswerToken, ...]]:
        return [super(OneByOne, self).generate([prompt], sampling)[0] for prompt in prompts]


class Nobody:
    """Watches no run."""

    def planned(self, folder: Path, run: Run, num_done: int, num_half_written: int) -> None: ...

    def stage(self, text: str) -> None: ...

    def recorded(self, turn: Turn) -> None: ...


def _by_turns(
    generator: Any, batches: Sequence[tuple[list[Any], Sampling]], num_rounds: int
) -> dict[str, list[float]]:
    """Processor seconds of the LLM for the same prompts, each round from an empty prefix cache."""
    seconds: dict[str, list[float]] = {"batched": [], "one at a time": []}
    for number in range(num_rounds):
        for name, kind in (("batched", Kept), ("one at a time", OneByOne)):
            generator.forget_prompts()
            timed = kind(generator)
            for prompts, sampling in batches:
                timed.generate(prompts, sampling)
            seconds[name].append(timed.cpu_s)
        print(f"round {number + 1} of {num_rounds}", file=sys.stderr, flush=True)
    return seconds


def _run(settings: Sequence[RunSettings], models: Models, folder: Path) -> tuple[float, float, Any]:
    """Seconds of wall and processor, and what was heard and answered in each turn."""
    found, started_s, started_cpu_s = {}, now_s(), time.process_time()
    for number, each in enumerate(settings):
        execute(each, folder / str(number), Nobody(), load=lambda _: models)
    seconds, cpu_s = now_s() - started_s, time.process_time() - started_cpu_s
    for number in range(len(settings)):
        for turn in read_turns(folder / str(number)).turns:
            found[turn.key] = (turn.hypothesis.text, turn.cleaned, turn.answer)
    return seconds, cpu_s, found


def main() -> int:
    """Runs the bench; 0, or 1 where the arms do not agree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--suite", default="self_correction")
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--rounds", type=int, default=5, help="of the LLM alone")
    args = parser.parse_args()
    base = RunSettings(profile=args.profile, suites=(args.suite,), limit=args.limit)
    prompts = ("baseline", "plain", "brief")
    grid = build_variants(CLEANINGS, prompts, [], 0)
    templated = build_variants([], [], [
        f"name={cleaning}+asked,cleaning={cleaning},prompt_template=请回答：{{asr_text}}"
        for cleaning in CLEANINGS
    ], 0)  # fmt: skip
    variants = (*grid, *templated)
    whole = msgspec.structs.replace(base, variants=variants)
    alone = [msgspec.structs.replace(base, variants=(variant,)) for variant in variants]
    loaded = load_models(load_profile(args.profile))
    arms = {
        "cached": ([whole], Kept),
        "not cached": (alone, Kept),
        "one by one": ([whole], OneByOne),
        "neither": (alone, OneByOne),
    }
    figures: dict[str, dict[str, float]] = {}
    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        warm_up = msgspec.structs.replace(base, limit=1)
        _run([warm_up], Models(Kept(loaded.recognizer), Kept(loaded.generator)), Path(folder) / "w")
        for name, (settings, kind) in arms.items():
            print(f"{name} ...", file=sys.stderr, flush=True)
            recognizer, generator = Kept(loaded.recognizer), kind(loaded.generator)
            loaded.generator.forget_prompts()
            seconds, cpu_s, answers[name] = _run(
                settings, Models(recognizer, generator), Path(folder) / name.replace(" ", "_")
            )
            print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)
            figures[name] = {
                "seconds": seconds,
                "cpu_s": cpu_s,
                "turns": len(answers[name]),
                "windows_recognised": recognizer.num_calls,
                "prompts_answered": generator.num_calls,
                "llm_cpu_s": generator.cpu_s,
                "agrees": sum(
                    answers[name][key] == found for key, found in answers["cached"].items()
                ),
            }
            if name == "cached":
                by_turns = _by_turns(loaded.generator, generator.batches, args.rounds)
    loaded.generator.close()
    loaded.recognizer.close()
    medians = {name: statistics.median(each) for name, each in by_turns.items()}
    ratios = [
        alone_s / batched_s
        for alone_s, batched_s in zip(by_turns["one at a time"], by_turns["batched"], strict=True)
    ]
    rows = [
        [name, f"{each['seconds']:.1f}", f"{each['cpu_s']:.1f}",
         f"{each['cpu_s'] / figures['cached']['cpu_s']:.2f}",
         f"{each['llm_cpu_s']:.1f}", f"{each['llm_cpu_s'] / figures['cached']['llm_cpu_s']:.2f}",
         f"{each['windows_recognised']:,}", f"{each['prompts_answered']:,}",
         f"{each['agrees']:,} of {each['turns']:,}"]
        for name, each in figures.items()
    ]  # fmt: skip
    prompts = figures["cached"]["prompts_answered"]
    rows += [
        [f"LLM alone, {name} (median of {args.rounds})", "", "", "", f"{seconds:.1f}",
         f"{seconds / medians['batched']:.2f}", "", f"{prompts:,}", ""]
        for name, seconds in medians.items()
    ]  # fmt: skip
    print(
        f"the LLM alone, batched: {statistics.median(ratios):.2f} times as fast as one prompt at a time "
        f"({min(ratios):.2f} to {max(ratios):.2f}, {args.rounds} rounds by turns)"
    )
    finish(
        "plan",
        [
            "arm",
            "s",
            "processor s",
            "times cached",
            "LLM processor s",
            "LLM times cached",
            "windows recognised",
            "prompts answered",
            "same answers",
        ],
        rows,
        {
            "suite": args.suite,
            "limit": args.limit,
            "variants": len(variants),
            "arms": figures,
            "llm_alone_cpu_s": by_turns,
        },
    )
    return 0 if all(each["agrees"] == each["turns"] for each in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
