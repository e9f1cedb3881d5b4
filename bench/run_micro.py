"""Runs bench/micro/ and writes what each call costs.

    python bench/run_micro.py

Times are CPU time of this process, so that a busy machine does not show; only what waits for the disk
is timed by the wall. pytest-benchmark calibrates how often each call is repeated; medians are of its
rounds. `pytest bench/micro/test_merge.py` runs one file, by the wall, and prints a table of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _common import ROOT, finish

COLUMNS = ("bench", "call", "median µs", "IQR µs", "min µs", "rounds x calls")


def main() -> int:
    """Runs the bench; pytest's exit code."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", "-q", "bench/micro", f"--benchmark-json={path}",
                   "--benchmark-quiet", "--benchmark-timer=time.process_time",
                   "--benchmark-max-time=0.05", "-p", "no:cacheprovider"]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, check=False)
        if not path.is_file():
            return done.returncode or 1
        found = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    calls = [_figures(each) for each in found]
    rows = [
        [each["bench"], each["call"], *(f"{each[name]:.4g}" for name in ("median_us", "iqr_us", "min_us")),
         f"{each['rounds']} x {each['iterations']}"]
        for each in calls
    ]  # fmt: skip
    finish("micro", COLUMNS, rows, {"calls": calls})
    return done.returncode


def _figures(benchmark: dict[str, Any]) -> dict[str, Any]:
    stats = benchmark["stats"]
    return {
        "bench": Path(benchmark["fullname"].partition("::")[0]).stem.removeprefix("test_"),
        "call": benchmark["name"].removeprefix("test_").replace("_", " "),
        **{f"{name}_us": 1e6 * stats[name] for name in ("median", "iqr", "min", "max")},
        "rounds": stats["rounds"],
        "iterations": stats["iterations"],
    }


if __name__ == "__main__":
    sys.exit(main())
