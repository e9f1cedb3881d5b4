"""Whom the breaker's confidence threshold would send to text input, by threshold and noise.

    python bench/run_breaker.py
    python bench/run_breaker.py --run reports/RUN     what a run heard, without hearing it again

Every turn of the suites is heard as it is and with white noise beneath it. A turn is healthy where
sending it to text input would have been wrong: all was heard right, or all its values and names were
(`metrics.trips`). It is lost where at least half of its characters are wrong. A good threshold trips
no healthy turn and many lost ones. The recogniser alone; nothing is answered.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _common import finish, footer, write_figure
from _hearing import Said, hear, load_said, with_noise

from voicebench.asr.kinds import build_recognizer
from voicebench.metrics.error_rate import cer
from voicebench.metrics.judge import suite_names
from voicebench.metrics.stats import wilson
from voicebench.metrics.trips import turn_trips
from voicebench.metrics.values.scan import Names
from voicebench.profiles.loader import load_profile
from voicebench.report.curves import Curve, Panel, Setting, curves
from voicebench.runs.record import read_cases, read_turns
from voicebench.suites.load import list_suites, load_suite
from voicebench.types import Case, Degradation, Guard, Hypothesis, Turn, Variant

THRESHOLDS = [0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]
CLEAN = "clean"
LOST_FROM = 0.5
BATCH = 16


def main() -> int:
    """Runs the bench; 0."""
    args = _parse()
    suites = args.suites.split(",") if args.suites else list_suites()
    outcomes = _of_run(args.run) if args.run else _hear(args, suites)
    num_distinct = len(outcomes[CLEAN])
    if len(outcomes) > 1:
        outcomes["all"] = [each for of_noise in outcomes.values() for each in of_noise]
    rows = [_row(noise, of_noise) for noise, of_noise in outcomes.items()]
    _draw(args, outcomes)
    finish("breaker", ("audio", "turns", "CER %", "healthy", "lost", *(
        f"healthy / lost tripped below {threshold:g}" for threshold in THRESHOLDS
    )), rows, {
        "profile": args.profile, "suites": suites, "default": Guard().min_confidence,
        "num_distinct_turns": num_distinct, "thresholds": THRESHOLDS,
        "audio": {noise: _figures(of_noise) for noise, of_noise in outcomes.items()},
        "turns": {noise: [list(each.values()) for each in of_noise]
                  for noise, of_noise in outcomes.items() if noise != "all"},
        "turn_fields": list(outcomes[CLEAN][0]),
    })  # fmt: skip
    return 0


def _of_run(folder: Path) -> dict[str, list[dict[str, Any]]]:
    cases = read_cases(folder)
    suites = {suite for suite, _ in cases}
    names = {name: suite_names(c for c in cases.values() if c.suite == name) for name in suites}
    turns = [turn for turn in read_turns(folder).turns if turn.failure is None]
    return {CLEAN: [
        _outcome(cases[t.suite, t.case_id], t.turn_index, t.hypothesis, names[t.suite])
        for t in turns
    ]}  # fmt: skip


def _hear(args: argparse.Namespace, suites: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    said = load_said(suites, args.limit, args.limit_meetings)
    names = {name: suite_names(load_suite(name).cases) for name in suites}
    recognizer = build_recognizer(load_profile(args.profile).asr)
    outcomes: dict[str, list[dict[str, Any]]] = {}
    try:
        for noise in [CLEAN, *(f"{snr:g} dB" for snr in args.snr_db)]:
            snr_db = None if noise == CLEAN else float(noise.removesuffix(" dB"))
            heard = [_noisy(each, snr_db, number) for number, each in enumerate(said)]
            outcomes[noise] = [
                _outcome(each.case, each.turn_index, heard_as.hypothesis, names[each.case.suite])
                for first in range(0, len(heard), BATCH)
                for each, heard_as in zip(
                    said[first : first + BATCH],
                    hear(recognizer, heard[first : first + BATCH], Variant()),
                    strict=True,
                )
            ]
            print(noise, len(said), "turns", file=sys.stderr, flush=True)
    finally:
        recognizer.close()
    return outcomes


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--run", type=Path, help="folder of a run with min_confidence=0")
    parser.add_argument("--suites", help="comma-separated; all")
    parser.add_argument("--limit", type=int, default=40, help="cases of each suite")
    parser.add_argument("--limit-meetings", type=int, default=4)
    parser.add_argument("--snr-db", type=lambda text: [float(part) for part in text.split(",")],
                        default=[10.0, 5.0, 0.0])  # fmt: skip
    return parser.parse_args()


def _noisy(said: Said, snr_db: float | None, seed: int) -> Said:
    if snr_db is None:
        return said
    return Said(said.case, said.turn_index, with_noise(said.samples, snr_db, seed))


def _outcome(case: Case, turn_index: int, heard: Hypothesis, names: Names) -> dict[str, Any]:
    """What a turn is worth: as if it had been sent to text input, was that without need?"""
    turn = Turn(
        run_id="breaker", suite=case.suite, case_id=case.id, variant="v", repeat=0,
        turn_index=turn_index, mode="quality", pace="fast", hypothesis=heard,
        degraded=Degradation(reason="low_confidence", hint=""),
    )  # fmt: skip
    errors = cer(case.turns[turn_index].reference, heard.text)
    return {
        "suite": case.suite,
        "case": case.id,
        "turn": turn_index,
        "confidence": round(heard.confidence, 4),
        "errors": errors.errors,
        "characters": errors.total,
        "is_healthy": bool(turn_trips(turn, case, names).false),
        "is_lost": errors.errors >= LOST_FROM * errors.total,
    }


def _tripped(outcomes: Sequence[dict[str, Any]], kind: str, threshold: float) -> tuple[int, int]:
    of_kind = [each for each in outcomes if each[kind]]
    return sum(each["confidence"] < threshold for each in of_kind), len(of_kind)


def _figures(outcomes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "num_turns": len(outcomes),
        "num_healthy": sum(each["is_healthy"] for each in outcomes),
        "num_lost": sum(each["is_lost"] for each in outcomes),
        "tripped": [
            {"threshold": threshold,
             "healthy": _tripped(outcomes, "is_healthy", threshold)[0],
             "lost": _tripped(outcomes, "is_lost", threshold)[0],
             "all": sum(each["confidence"] < threshold for each in outcomes)}
            for threshold in THRESHOLDS
        ],
    }  # fmt: skip


def _row(noise: str, outcomes: Sequence[dict[str, Any]]) -> list[str]:
    errors = sum(each["errors"] for each in outcomes)
    characters = sum(each["characters"] for each in outcomes)
    healthy, lost = (sum(each[kind] for each in outcomes) for kind in ("is_healthy", "is_lost"))
    return [
        noise, str(len(outcomes)), f"{100 * errors / characters:.1f}", str(healthy), str(lost),
        *(f"{_tripped(outcomes, 'is_healthy', threshold)[0]} / "
          f"{_tripped(outcomes, 'is_lost', threshold)[0]}" for threshold in THRESHOLDS),
    ]  # fmt: skip


def _draw(args: argparse.Namespace, outcomes: dict[str, list[dict[str, Any]]]) -> None:
    panels = []
    for kind, name in (("is_healthy", "healthy"), ("is_lost", "lost")):
        drawn = []
        for audio, label in ((CLEAN, "clean audio"), ("all", "clean and noisy")):
            if audio not in outcomes:
                continue
            counts = [(t, *_tripped(outcomes[audio], kind, t)) for t in THRESHOLDS]
            num = counts[0][2]
            if num:
                bounds = [wilson(tripped, num) for _, tripped, _ in counts]
                points = tuple(
                    Setting(t, 100 * tripped / num, 100 * b.low, 100 * b.high)
                    for (t, tripped, _), b in zip(counts, bounds, strict=True)
                )
                drawn.append(Curve(f"{label}: {name} (n = {num})", points))
        if drawn:
            num = sum(each[kind] for each in outcomes[CLEAN])
            axis = f"{name} turns sent\nto text (%), n = {num}" + " clean" * (len(drawn) > 1)
            panels.append(Panel(axis, tuple(drawn)))
    drawing = curves(panels, title="The breaker's confidence threshold", footer=footer(args.profile),
                  axis="threshold of the transcript's mean confidence; bars: 95 % interval",
                  chosen=Guard().min_confidence)  # fmt: skip
    write_figure("breaker", "thresholds", drawing)


if __name__ == "__main__":
    sys.exit(main())
