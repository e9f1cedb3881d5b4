"""Sweeps the settings of recognition in windows: what each costs in errors and brings in time.

    python bench/run_windows.py --suites daily_qa --limit 10

Window, overlap, and the number of sure windows and their confidence that begin a draft are varied
one at a time around the default, each value a variant of one run in latency mode, so that all hear
the same audio next to one another. The run is an ordinary one: killed, it continues; its report has
the figures. At fast pace, work takes the time it takes and silence none; `--pace real_time` for the
latencies to quote.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec
from _common import REPORTS, finish

from voicebench.commands._progress import RunProgress
from voicebench.report.render import load_report, write_report
from voicebench.runs.runner import execute
from voicebench.runs.settings import RunSettings
from voicebench.types import Variant

DEFAULT = Variant(name="default", prefill=True, speculation=True)
METRICS = {
    "CER": ("cer", "value", 100, "%"),
    "seam errors": ("seam_errors", "value", 1, ""),
    "drafted": ("speculation_coverage", "value", 100, "%"),
    "drafts kept": ("speculation_hit_rate", "value", 100, "%"),
    "waste": ("speculation_waste", "value", 100, "%"),
    "premature": ("premature_response_rate", "value", 100, "%"),
    "ASR final p50": ("asr_final_s", "p50", 1000, "ms"),
    "response p50": ("response_latency_s", "p50", 1000, "ms"),
    "response p95": ("response_latency_s", "p95", 1000, "ms"),
}


def sweep(axes: dict[str, list[float]]) -> tuple[Variant, ...]:
    """The default, and one variant for each other value of each setting."""
    return (
        DEFAULT,
        *(
            msgspec.structs.replace(DEFAULT, name=f"{setting}={value:g}", **{setting: value})
            for setting, values in axes.items()
            for value in values
            if value != getattr(DEFAULT, setting)
        ),
    )


def figures_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Each variant's metrics over all suites, with what they stand on."""
    report = load_report(folder)
    write_report(report, folder / "report.html")
    groups = {group["variant"]: group for group in report.overall or report.groups}
    names = {name for name, *_ in METRICS.values()}
    return {
        variant.name: {
            "variant": msgspec.to_builtins(variant),
            "counts": groups[variant.name]["counts"],
            "metrics": {n: m for n, m in groups[variant.name]["metrics"].items() if n in names},
        }
        for variant in report.run.variants
    }


def _row(name: str, metrics: dict[str, Any]) -> list[str]:
    cells = []
    for metric, key, scale, unit in METRICS.values():
        value = metrics.get(metric, {}).get(key)
        cells.append("–" if value is None else f"{scale * value:.4g} {unit}".strip())
    return [name, *cells]


def _numbers(kind: type) -> Any:
    return lambda text: [kind(part) for part in text.split(",")]


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--suites", default="daily_qa", help="comma-separated")
    parser.add_argument("--limit", type=int, default=10, help="cases of each suite")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--pace", choices=("fast", "real_time"), default="fast")
    parser.add_argument("--windows", type=_numbers(float), default=[1.6, 2.4, 3.2, 4.8])
    parser.add_argument("--overlaps", type=_numbers(float), default=[0.0, 0.2, 0.3, 0.6])
    parser.add_argument("--sure-windows", type=_numbers(int), default=[1, 2, 3, 5])
    parser.add_argument("--confidences", type=_numbers(float), default=[0.8, 0.9, 0.95])
    parser.add_argument("--out", type=Path, default=REPORTS / "windows" / "run")
    args = parser.parse_args()
    axes = {
        "window_s": args.windows,
        "overlap_s": args.overlaps,
        "speculation_windows": args.sure_windows,
        "speculation_confidence": args.confidences,
    }
    settings = RunSettings(
        profile=args.profile, suites=tuple(args.suites.split(",")), variants=sweep(axes),
        mode="latency", pace=args.pace, repeats=args.repeats, limit=args.limit,
    )  # fmt: skip
    with RunProgress() as progress:
        execute(settings, args.out, progress, argv=sys.argv)
    figures = figures_of(args.out)
    rows = [_row(name, each["metrics"]) for name, each in figures.items()]
    finish("windows", ["variant", *METRICS], rows, {"pace": args.pace, "variants": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
