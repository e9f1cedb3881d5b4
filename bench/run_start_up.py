"""Times how soon the command line answers, each time in a fresh interpreter.

    python bench/run_start_up.py --repeats 9
    python bench/run_start_up.py --repeats 3 --against ../voicebench-before

The process is timed as a shell sees it, interpreter start included (first row), and its processor time
stands beside. With `--against` the same commands run in another tree, in turns with this one. Shown,
not asserted: on a busy machine any bound is wrong. The aims are 0.3 s for the import and 0.5 s for
`--help`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from _common import ROOT, finish

COMMANDS = {
    "interpreter": ["-c", "pass"],
    "import voicebench": ["-c", "import voicebench"],
    "voicebench --help": ["-m", "voicebench", "--help"],
    "voicebench doctor": ["-m", "voicebench", "doctor"],
    "voicebench ask --example": ["-m", "voicebench", "ask", "--example"],
}


def _time_s(arguments: list[str], tree: Path) -> tuple[float, float]:
    """Wall and processor seconds of one process in a tree."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started_s = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], cwd=tree, check=False,
        env=os.environ | {"PYTHONPATH": str(tree)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wall_s = time.perf_counter() - started_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--against", type=Path, help="root of another tree of this project")
    args = parser.parse_args()
    repeats = max(1, args.repeats)
    trees = {"": ROOT} | ({" (other tree)": args.against.resolve()} if args.against else {})
    runs = [
        (name + of, arguments, tree)
        for name, arguments in COMMANDS.items()
        for of, tree in trees.items()
    ]
    for _, arguments, tree in runs:
        _time_s(arguments, tree)  # warms the disk cache; left out
    times: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in runs}
    for _ in range(repeats):
        for name, arguments, tree in runs:
            times[name].append(_time_s(arguments, tree))
    figures = {
        name: {
            "median_s": statistics.median(wall for wall, _ in each),
            "min_s": min(wall for wall, _ in each),
            "max_s": max(wall for wall, _ in each),
            "processor_median_s": statistics.median(processor for _, processor in each),
        }
        for name, each in times.items()
    }
    rows = [
        [
            name,
            *(f"{each[key]:.3f}" for key in ("median_s", "min_s", "max_s", "processor_median_s")),
        ]
        for name, each in figures.items()
    ]
    finish(
        "start_up",
        ["command", "median s", "min s", "max s", "processor median s"],
        rows,
        {"repeats": repeats, "num_warm_up": 1, "start_up": figures},
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
