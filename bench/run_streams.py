"""1 to 32 conversations at once on the same two models, with and without double buffering.

    python bench/run_streams.py --profile bundled

Each stream is a person who speaks, hears the answer out and speaks again; what they say are turns of
the suites. With double buffering the LLM reads the last window's text while the next window is being
recognised; without, the next window waits until it has. The design claims 2.1 times the throughput.

real time   people speak at their pace: response latency, and whether the machine keeps up
fast        silence takes no time: how many turns a second the machine can carry

Both arms play the same turns on the same streams, one block after the other, the order turned round
from block to block. The ratio of throughputs is that of the seconds the same turns took, its interval
resampled by conversation. CPU seconds are the kernel's, by thread. What binds is the thread that
wanted most of the time: it ran, or it was ready and had no core.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from _common import finish, footer, write_figure
from _load import Load, Watch, WatchedGenerator
from _streams import Played, Speech, make_speech, play_streams

from voicebench.clock import now_s
from voicebench.metrics.latency import latencies, quantiles
from voicebench.metrics.selection import has_latency
from voicebench.metrics.stats import bootstrap_quantile_interval, percentiles, resampled_sums
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.ready import load_and_warm_up
from voicebench.profiles.loader import load_profile
from voicebench.report.curves import Curve, Panel, Setting, curves
from voicebench.suites.load import load_suite
from voicebench.types import Guard, Pace, Turn, Variant

ARMS = {"one after the other": False, "double buffering": True}
CLAIM = 2.1
START_WITHIN_S = 2.0  # streams begin apart, so that their windows do not end together
TITLES = {"real_time": "real time", "fast": "fast"}
BUSY = 0.8  # a thread that wants this share of the time is what the others wait for


def main() -> int:
    """Runs the bench; 1 where a turn failed."""
    args = _parse()
    profile = load_profile(args.profile)
    suites = [load_suite(name) for name in args.suites.split(",")]
    folders = {suite.name: suite.folder for suite in suites}
    variants = {
        arm: Variant(
            name=arm, prefill=True, double_buffering=is_on, speculation=args.speculation,
            cleaning="full", guard=Guard(min_confidence=args.min_confidence),
        )
        for arm, is_on in ARMS.items()
    }  # fmt: skip
    cases = [case for group in itertools.zip_longest(*(suite.cases for suite in suites))
             for case in group if case]  # fmt: skip
    most = max(num * _turns_each(num, args.turns) for num in args.streams)
    speeches = [make_speech(case, folders, variants["double buffering"]) for case in cases[:most]]
    recognizer, generator = load_and_warm_up(
        profile, lambda text: print(text, file=sys.stderr), num_streams=max(*args.streams, 2)
    )
    watched = WatchedGenerator(generator)
    blocks: list[dict[str, Any]] = []
    played: dict[tuple[Pace, int, str], list[Played]] = {}
    try:
        for variant in variants.values():  # what happens once in a process falls on no arm
            warm = Assistant(recognizer, watched, variant)  # type: ignore[arg-type]
            asyncio.run(play_streams(warm, _streams(speeches, 1, 2), "fast"))
        for index, (repeat, pace, num) in enumerate(
            itertools.product(range(args.repeats), args.paces, args.streams)
        ):
            streams = _streams(speeches, num, args.turns)
            for arm in sorted(ARMS, reverse=bool(index % 2)):
                assistant = Assistant(recognizer, watched, variants[arm])  # type: ignore[arg-type]
                generator.forget_prompts()
                gc.collect()
                load = Watch(recognizer, watched)
                turns = asyncio.run(_play(assistant, streams, pace, repeat, load))
                played.setdefault((pace, num, arm), []).extend(turns)
                blocks.append({"pace": pace, "streams": num, "arm": arm, "repeat": repeat,
                               **load.figures()})  # fmt: skip
                print(f"{pace} {num} {arm}: {len(turns)} turns", file=sys.stderr, flush=True)
    finally:
        generator.close()
        recognizer.close()
    keys = list(itertools.product(args.paces, args.streams, ARMS))
    figures = {key: _measure(played[key], _loads(blocks, key)) for key in keys}
    ratios = {
        (pace, num): _ratio(played[pace, num, "one after the other"],
                            played[pace, num, "double buffering"])
        for pace, num in itertools.product(args.paces, args.streams)
    }  # fmt: skip
    failed = [each.turn for turns in played.values() for each in turns if each.turn.failure]
    _draw(args, figures)
    finish("streams", COLUMNS, [_row(key, figures[key], ratios) for key in keys], {
        "profile": args.profile, "suites": args.suites, "repeats": args.repeats,
        "num_turns": sum(map(len, played.values())), "num_failed": len(failed),
        "failures": sorted({_failure(turn) for turn in failed}), "claimed_ratio": CLAIM,
        "variants": [variant.switches | {"name": arm} for arm, variant in variants.items()],
        "rows": [{"pace": pace, "streams": num, "arm": arm, **figures[pace, num, arm],
                  "ratio": ratios[pace, num]} for pace, num, arm in keys],
        "blocks": blocks,
    })  # fmt: skip
    return int(bool(failed))


def _parse() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--suites", default="daily_qa,dialect_mix,multi_turn")
    parser.add_argument("--streams", type=numbers, default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--turns", type=int, default=6, help="of a block, and at least 2 a stream")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--paces", type=lambda text: text.split(","), default=["real_time", "fast"])
    parser.add_argument("--speculation", action="store_true", help="drafts in both arms")
    parser.add_argument("--min-confidence", type=float, default=Guard().min_confidence,
                        help="0 answers whatever was heard, as random weights need it")  # fmt: skip
    return parser.parse_args()


def _streams(speeches: Sequence[Speech], num: int, num_turns: int) -> list[list[Speech]]:
    """What each stream says: conversations dealt out in turn, from the first again when used up,
    the last of a stream broken off after its number of turns."""
    each, endless = _turns_each(num, num_turns), itertools.cycle(speeches)
    streams: list[list[Speech]] = [[] for _ in range(num)]
    while any(missing := [each - sum(len(s.turns) for s in stream) for stream in streams]):
        for stream, left in zip(streams, missing, strict=True):
            if left:
                speech = next(endless)
                stream.append(Speech(speech.case, speech.turns[:left]))
    return streams


def _turns_each(num_streams: int, num_turns: int) -> int:
    return max(2, -(-num_turns // num_streams))


async def _play(
    assistant: Assistant, streams: list[list[Speech]], pace: Pace, repeat: int, load: Watch
) -> list[Played]:
    rng = np.random.default_rng(repeat)
    starts_s = sorted(rng.uniform(0, START_WITHIN_S, len(streams))) if pace == "real_time" else ()
    async with load:
        return await play_streams(assistant, streams, pace, starts_s=starts_s, repeat=repeat)


def _loads(blocks: Sequence[dict[str, Any]], key: tuple[Pace, int, str]) -> list[Load]:
    return [msgspec.convert(block["load"], Load) for block in blocks
            if (block["pace"], block["streams"], block["arm"]) == key]  # fmt: skip


def _measure(played: Sequence[Played], loads: Sequence[Load]) -> dict[str, Any]:
    busy_s: dict[tuple[int, int], float] = {}
    turns: dict[tuple[int, int], int] = {}
    for each in played:
        key = (each.turn.repeat, each.stream)
        busy_s[key] = busy_s.get(key, 0.0) + each.duration_s
        turns[key] = turns.get(key, 0) + 1
    num_repeats = len({repeat for repeat, _ in busy_s})
    load = sum(loads[1:], loads[0])
    # Each stream's own rate, summed: a stream that has nothing left to say slows nobody's figure.
    turns_per_s = sum(turns[key] / busy_s[key] for key in busy_s) / num_repeats
    response_ms = [1000 * s for each in played
                   if has_latency(each.turn)
                   and (s := latencies(each.turn)["response_latency_s"]) is not None]  # fmt: skip
    conversations = [(each.turn.suite, each.turn.case_id) for each in played
                     if has_latency(each.turn)]  # fmt: skip
    audio_s = sum(each.turn.audio_s for each in played) / len(played)
    found = bootstrap_quantile_interval(response_ms, conversations, 0.95) if response_ms else None
    return {
        "num_turns": len(played),
        "turns_per_s": turns_per_s,
        "audio_s_per_s": turns_per_s * audio_s,
        "cpu_s_per_turn": load.cpu_s / len(played),
        "response_ms": msgspec.to_builtins(quantiles(response_ms)),
        "response_p95_interval": [found.low, found.high] if found else None,
        "load": msgspec.to_builtins(load) | {"binds": _binds(load)},
    }


def _binds(load: Load) -> str:
    """The thread that wants most of the time; where none wants much, nothing that is computed."""
    name, share, without_core = load.binding
    detail = f"{name} {100 * share:.0f} % of the time, {100 * without_core:.0f} % without a core"
    return detail if share >= BUSY else f"the pace of speech ({detail})"


def _ratio(without: Sequence[Played], with_: Sequence[Played]) -> dict[str, Any]:
    """Throughput with double buffering over that without, from the seconds of the same turns."""

    def seconds(played: Sequence[Played]) -> dict[Any, float]:
        return {(each.turn.key[:2], each.turn.repeat, each.stream, index): each.duration_s
                for index, each in enumerate(played)}  # fmt: skip

    first, second = seconds(without), seconds(with_)
    sums: dict[Any, np.ndarray] = {}
    for key in first:
        row = np.array([first[key], second[key]])
        sums[key[0]] = sums.get(key[0], np.zeros(2)) + row
    rows = np.array(list(sums.values()))
    drawn = resampled_sums(rows, 2000, 0)
    interval = percentiles(drawn[:, 0] / drawn[:, 1], 0.95) if len(rows) > 1 else None
    return {
        "value": float(rows[:, 0].sum() / rows[:, 1].sum()),
        "interval": [interval.low, interval.high] if interval else None,
        "num_turns": len(first),
        "num_conversations": len(rows),
    }


COLUMNS = (
    "pace", "streams", "arm", "double_buffering", "turns", "turns/s", "audio s/s",
    "response ms p50 / p95", "ratio [95 %]", "CPU ms a turn: ASR / LLM / loop / other",
    "windows a call", "ASR queue mean / max", "LLM requests mean / max", "binds",
)  # fmt: skip


def _row(
    key: tuple[Pace, int, str], figures: dict[str, Any], ratios: dict[tuple[Pace, int], Any]
) -> list[str]:
    pace, num, arm = key
    load, response = figures["load"], figures["response_ms"]
    ratio, of_load = ratios[pace, num], msgspec.convert(
        {name: value for name, value in load.items() if name != "binds"}, Load
    )  # fmt: skip
    bounds = "[{:.2f}, {:.2f}]".format(*ratio["interval"]) if ratio["interval"] else "[–]"
    return [
        TITLES[pace], str(num), arm, str(ARMS[arm]), str(figures["num_turns"]),
        f"{figures['turns_per_s']:.2f}", f"{figures['audio_s_per_s']:.2f}",
        f"{response['p50']:.0f} / {response['p95']:.0f}" if response["n"] else "–",
        f"{ratio['value']:.2f} {bounds}" if ARMS[arm] else "",
        " / ".join(f"{1000 * load[f'{name}_cpu_s'] / figures['num_turns']:.0f}"
                   for name in ("asr", "llm", "loop", "other")),
        f"{of_load.windows_a_call:.1f}",
        f"{of_load.asr_queue_mean:.1f} / {load['asr_queue_max']}",
        f"{of_load.llm_in_flight_mean:.1f} / {load['llm_in_flight_max']}",
        load["binds"],
    ]  # fmt: skip


def _draw(args: argparse.Namespace, figures: dict[tuple[Pace, int, str], dict[str, Any]]) -> None:
    for pace in args.paces:
        throughput, p95 = [], []
        for arm in ARMS:
            found = [(num, figures[pace, num, arm]) for num in args.streams]
            throughput.append(Curve(arm, tuple(Setting(num, f["turns_per_s"]) for num, f in found)))
            p95.append(Curve(arm, tuple(
                Setting(num, f["response_ms"]["p95"], *(f["response_p95_interval"] or (None, None)))
                for num, f in found if f["response_ms"]["n"]
            )))  # fmt: skip
        panels = [Panel("turns a second", tuple(throughput)),
                  Panel("response p95, ms\n(bars: 95 % interval)", tuple(p95))]  # fmt: skip
        numbers = [figures[pace, num, arm]["num_turns"] for num in args.streams for arm in ARMS]
        drawing = curves(
            panels, title=f"Conversations at once, {TITLES[pace]} pace",
            axis=f"streams; n = {min(numbers)} to {max(numbers)} turns a point",
            footer=footer(args.profile), is_doubling=True,
        )  # fmt: skip
        write_figure("streams", f"streams_{pace}", drawing)


def _failure(turn: Turn) -> str:
    return f"{turn.failure.stage}: {turn.failure.message}" if turn.failure else ""


if __name__ == "__main__":
    start = now_s()
    code = main()
    print(f"{now_s() - start:.0f} s in all", file=sys.stderr)
    sys.exit(code)
