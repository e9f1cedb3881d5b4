"""How far off the end of speech is that is found where nobody annotated it.

    python bench/run_end_of_speech.py

Every spoken turn of the suites with annotation is rendered, clean or under its condition, and its end
of speech is looked for as `voicebench suites make` does it for recordings: by VAD and energy
(`pipeline.endpoint.vad_end_of_speech`), and by the VAD alone, which was the way before. The
annotation of synthesised speech is itself a level, −50 dB of the clean audio, so the rows of clean
speech flatter the energy; the rows of noise, babble and rooms do not. Errors are found − annotated.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import Any

import msgspec
import numpy as np
from _common import finish

from voicebench.pipeline.endpoint import Endpoint, vad_end_of_speech
from voicebench.suites.load import load_suite
from voicebench.suites.render import render_turn
from voicebench.types import SAMPLE_RATE_HZ

SUITES = ("daily_qa", "degraded", "dialect_mix", "entities", "multi_turn", "noise", "pauses",
          "self_correction", "tools")  # fmt: skip
WAYS = ("VAD and energy", "VAD alone")


def vad_alone(samples: Any) -> float | None:
    """The end of the VAD's last frame of speech."""
    endpoint = Endpoint(silence_s=float("inf"))
    endpoint.feed(samples)
    endpoint.finish()
    last_s = endpoint.last_speech_s
    return None if last_s is None else min(last_s, len(samples) / SAMPLE_RATE_HZ)


def measure(suites: tuple[str, ...], every: int = 1) -> dict[str, dict[str, list[float | None]]]:
    """Errors in seconds by condition and way, of every so many-th case; None where no speech was
    found."""
    errors: dict[str, dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for name in suites:
        suite = load_suite(name)
        for turn in (turn for case in suite.cases[::every] for turn in case.turns):
            if turn.sound is not msgspec.UNSET:
                continue
            samples, t_eos_s = render_turn(turn, suite.folder)
            kind = "clean" if turn.condition is msgspec.UNSET else turn.condition.kind
            for way, find in zip(WAYS, (vad_end_of_speech, vad_alone), strict=True):
                found_s = find(samples)
                error_s = None if found_s is None else found_s - t_eos_s
                for row in (kind, f"suite {name}", "all"):
                    errors[row][way].append(error_s)
    return errors


def summary(errors: list[float | None]) -> dict[str, float]:
    present = [each for each in errors if each is not None]
    absolute = np.abs(present)
    return {
        "n": len(errors), "not_found": len(errors) - len(present),
        "median_ms": 1000 * float(np.median(present)),
        "absolute_p50_ms": 1000 * float(np.median(absolute)),
        "p5_ms": 1000 * float(np.percentile(present, 5)),
        "p95_ms": 1000 * float(np.percentile(present, 95)),
        "absolute_p95_ms": 1000 * float(np.percentile(absolute, 95)),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--suites", default=",".join(SUITES))
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="every N-th case (1: all)"
    )
    args = parser.parse_args()
    measured = measure(tuple(args.suites.split(",")), args.every)
    figures = {row: {way: summary(found) for way, found in ways.items()}
               for row, ways in measured.items()}  # fmt: skip
    rows = [
        [row, str(ways[WAYS[0]]["n"]),
         *(f"{w['median_ms']:+.0f} [{w['p5_ms']:+.0f}, {w['p95_ms']:+.0f}], {w['absolute_p95_ms']:.0f}"
           for w in (ways[way] for way in WAYS))]
        for row, ways in sorted(figures.items())
    ]  # fmt: skip
    columns = ("turns", "n", *(f"{way}: ms, median [p5, p95], |error| p95" for way in WAYS))
    finish("end_of_speech", columns, rows, {"every": args.every, "errors": figures})


if __name__ == "__main__":
    main()
