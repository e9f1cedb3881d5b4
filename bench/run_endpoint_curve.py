"""Waits against cut-offs of a run's endpoint policy and of fixed silence, from its records alone.

    voicebench run --mode latency --pace fast --repeats 1 --suites pauses,daily_qa,self_correction \\
        --variant name=llm,endpoint=llm,endpoint_min_silence_s=4,endpoint_max_silence_s=4
    python bench/run_endpoint_curve.py reports/RUN

The run waits 4 s in every pause, so that each turn is there to its end. Then every silence and every
threshold is tried on the recorded pauses and probabilities. METRICS.md, "Turn-taking", has the terms.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _common import finish

from voicebench.metrics.turn_taking import (
    CurvePoint,
    Rule,
    TurnPauses,
    auroc,
    curve,
    pauses_of,
    wait_at,
)
from voicebench.runs.record import read_run, read_turns

SILENCES_S = [round(0.1 + 0.05 * step, 2) for step in range(79)]  # to 4 s
MIN_S, MAX_S = (0.1, 0.2, 0.3, 0.4), (0.6, 0.8, 1.0, 1.2, 1.6, 2.0, 3.0)
THRESHOLDS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
FIXED = "fixed silence"


def rules(policy: str) -> list[Rule]:
    """What is tried: every fixed silence, or pairs of silences and of thresholds."""
    if policy == FIXED:
        return [Rule(s, s) for s in SILENCES_S]
    pairs = [*zip(THRESHOLDS, THRESHOLDS, strict=True), *itertools.combinations(THRESHOLDS, 2)]
    return [
        Rule(low, high, sure, unsure) for low in MIN_S for high in MAX_S for unsure, sure in pairs
    ]


def figures(turns: Sequence[TurnPauses], policy: str) -> dict[str, Any]:
    """The curve of a policy on some turns, and what is read from it."""
    points = curve(turns, rules(policy))
    ends = [t.pauses[-1].probability for t in turns if t.pauses]
    others = [pause.probability for t in turns for pause in t.pauses[:-1]]
    return {
        "num_turns": len(turns),
        "num_inner_pauses": sum(len(turn.pauses) - 1 for turn in turns),
        "wait_at_5_percent_s": wait_at(points, 0.05),
        "wait_at_10_percent_s": wait_at(points, 0.1),
        "end_of_turn_auroc": None if policy == FIXED else auroc(
            [p for p in ends if p is not None], [p for p in others if p is not None]
        ),
        "points": [_point(each) for each in points],
    }  # fmt: skip


def _point(each: CurvePoint) -> dict[str, float | None]:
    rule = each.rule
    return {
        "cut_off_rate": each.cut_off_rate, "mean_wait_s": each.mean_wait_s,
        "min_silence_s": rule.min_silence_s, "max_silence_s": rule.max_silence_s,
        "sure_above": rule.sure_above, "unsure_below": rule.unsure_below,
    }  # fmt: skip


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    args = parser.parse_args()
    run = read_run(args.run)
    sources = {variant.name: variant.endpoint for variant in run.variants}
    groups: dict[tuple[str, str], list[TurnPauses]] = defaultdict(list)
    for turn in read_turns(args.run).turns:
        pauses = pauses_of(turn)
        if turn.is_warm_up or pauses is None or not pauses.pauses:
            continue
        for suite in (turn.suite, "all"):
            groups[suite, sources[turn.variant]].append(pauses)
    results = {
        (suite, policy): figures(turns, policy)
        for (suite, source), turns in groups.items()
        for policy in dict.fromkeys((FIXED, source))
        if policy != "silence"
    }
    rows = [
        [suite, policy, str(each["num_turns"]), str(each["num_inner_pauses"]), *(
            "" if each[key] is None else f"{each[key]:.3f}"
            for key in ("wait_at_5_percent_s", "wait_at_10_percent_s", "end_of_turn_auroc")
        )]
        for (suite, policy), each in results.items()
    ]  # fmt: skip
    finish(
        "endpoint_curve",
        ("suite", "policy", "turns", "pauses inside", "wait at 5 % s", "wait at 10 % s", "AUROC"),
        rows,
        {
            "run_id": run.run_id, "profile": run.profile,
            "curves": {f"{suite} / {policy}": each for (suite, policy), each in results.items()},
        },
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
