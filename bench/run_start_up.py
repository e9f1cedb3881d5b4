"""Times how soon the command line answers, each time in a fresh interpreter.

    python bench/run_start_up.py --repeats 9

The process is timed as a shell sees it, interpreter start included (first row). Shown, not
asserted: on a busy machine any bound is wrong. The aims are 0.3 s for the import and 0.5 s for
`--help`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from _common import ROOT, finish

COMMANDS = {
    "interpreter": ["-c", "pass"],
    "import voicebench": ["-c", "import voicebench"],
    "voicebench --help": ["-m", "voicebench", "--help"],
    "voicebench doctor": ["-m", "voicebench", "doctor"],
}


def _time_s(arguments: list[str]) -> float:
    started_s = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started_s


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = max(1, parser.parse_args().repeats)
    for arguments in COMMANDS.values():
        _time_s(arguments)  # warms the disk cache; left out
    times_s = {
        name: [_time_s(arguments) for _ in range(repeats)] for name, arguments in COMMANDS.items()
    }
    figures = {
        name: {"median_s": statistics.median(each), "min_s": min(each), "max_s": max(each)}
        for name, each in times_s.items()
    }
    rows = [
        [name, f"{each['median_s']:.3f}", f"{each['min_s']:.3f}", f"{each['max_s']:.3f}"]
        for name, each in figures.items()
    ]
    finish(
        "start_up",
        ["command", "median s", "min s", "max s"],
        rows,
        {"repeats": repeats, "num_warm_up": 1, "start_up": figures},
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
