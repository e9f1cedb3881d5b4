"""Sweeps the settings of recognition in windows: what each costs in errors and brings in time.

    python bench/run_windows.py --part hearing
    python bench/run_windows.py --part early_work --pace real_time

hearing      window, overlap, context and re-recognition, one at a time around the default, on the
             same audio next to one another: CER, seam errors, CPU. The recogniser alone.
early_work   the same four, and the number of sure windows and their confidence that begin a draft,
             as variants of one run in latency mode: how often drafts are begun and kept, waste,
             latency, and CER again. An ordinary run: killed, it continues; `report` reads it.

A figure for each setting and a table for each part. Seam errors are characters doubled or dropped
within one overlap of a window's boundary, so they mean nothing at overlap 0. At fast pace, work takes
the time it takes and silence none; `--pace real_time` for the latencies to quote.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from _common import REPORTS, finish, footer, write_figure
from _hearing import load_said, sweep_hearing

from voicebench.asr.kinds import build_recognizer
from voicebench.commands._progress import RunProgress
from voicebench.profiles.loader import load_profile
from voicebench.report.curves import Curve, Panel, Setting, curves
from voicebench.report.render import load_report, write_report
from voicebench.runs.runner import execute
from voicebench.runs.settings import RunSettings
from voicebench.suites.load import list_suites
from voicebench.types import Guard, Variant

# A turn that is not believed has no answer: latencies would be those of the easy turns.
DEFAULT = Variant(name="default", cleaning="full", guard=Guard(min_confidence=0.0))
EARLY = msgspec.structs.replace(DEFAULT, prefill=True, speculation=True)
TITLES = {
    "window_s": "window (s)",
    "overlap_s": "overlap (s)",
    "context_s": "audio before a window as context (s)",
    "re_recognise_below": "confidence below which a window is recognised again",
    "speculation_windows": "sure windows in a row that begin a draft (N)",
    "speculation_confidence": "confidence of a sure window",
}
RATES = {
    "cer": ("CER", "% of characters"),
    "seam_errors": ("seam errors", ""),
    "speculation_coverage": ("drafted", "% of turns"),
    "speculation_hit_rate": ("drafts kept", "% of drafts"),
    "speculation_waste": ("waste", "% of tokens"),
    "premature_response_rate": ("premature", "% of turns"),
}
TIMES = {"asr_final_s": "ASR final", "response_latency_s": "response"}
Axes = Mapping[str, Sequence[float]]


def sweep(default: Variant, axes: Axes) -> tuple[Variant, ...]:
    """The default, and one variant for each other value of each setting."""
    return (
        default,
        *(
            msgspec.structs.replace(default, name=f"{setting}={value:g}", **{setting: value})
            for setting, values in axes.items()
            for value in values
            if value != getattr(default, setting)
        ),
    )


def main() -> int:
    """Runs the bench; 0."""
    args = _parse()
    return (_hearing if args.part == "hearing" else _early_work)(args)


def _parse() -> argparse.Namespace:
    def numbers(kind: type) -> Any:
        return lambda text: [kind(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=("hearing", "early_work"), default="hearing")
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--suites", help="comma-separated; hearing: all, early_work: three")
    parser.add_argument("--limit", type=int, help="cases of each suite")
    parser.add_argument("--limit-meetings", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--pace", choices=("fast", "real_time"), default="fast")
    reals, whole = numbers(float), numbers(int)
    parser.add_argument("--windows", type=reals, default=[1.2, 1.6, 2.4, 3.2, 4.8])
    parser.add_argument("--overlaps", type=reals, default=[0.0, 0.15, 0.3, 0.6, 0.9])
    parser.add_argument("--contexts", type=reals, default=[0.0, 0.6, 1.2, 2.4])
    parser.add_argument("--again-below", type=reals, default=[0.0, 0.65, 0.8, 0.9])
    parser.add_argument("--sure-windows", type=whole, default=[1, 2, 3, 5])
    parser.add_argument("--confidences", type=reals, default=[0.8, 0.9, 0.95])
    parser.add_argument("--out", type=Path, default=REPORTS / "windows" / "run")
    return parser.parse_args()


# ---------------------------------------------------------------- hearing


def _hearing(args: argparse.Namespace) -> int:
    axes: Axes = {
        "window_s": args.windows, "overlap_s": args.overlaps, "context_s": args.contexts,
        "re_recognise_below": args.again_below,
    }  # fmt: skip
    suites = args.suites.split(",") if args.suites else list_suites()
    said = load_said(suites, args.limit or 20, args.limit_meetings)
    variants = sweep(DEFAULT, axes)
    recognizer = build_recognizer(load_profile(args.profile).asr)
    try:
        recognizer.recognize(said[0].samples)  # the first call is slower
        heard = sweep_hearing(recognizer, said, variants)
    finally:
        recognizer.close()
    figures = {name: each.figures(heard["default"]) for name, each in heard.items()}
    for setting in axes:
        chosen = [v for v in variants if v.name == "default" or v.name.startswith(setting)]
        _draw_hearing(args, setting, [(getattr(v, setting), figures[v.name]) for v in chosen])
    rows = [_hearing_row(variant, figures[variant.name], tuple(axes)) for variant in variants]
    columns = ("variant", *axes, "turns", "CER % [95 %]", "against the default, points",
               "seam errors per 1,000 characters", "CPU ms per audio s",
               "recognised again")  # fmt: skip
    finish("windows/hearing", columns, rows, {
        "profile": args.profile, "suites": suites, "num_turns": len(said),
        "audio_s": heard["default"].audio_s,
        "variants": {v.name: {**figures[v.name], "switches": v.switches} for v in variants},
    })  # fmt: skip
    return 0


def _hearing_row(variant: Variant, figures: dict[str, Any], axes: tuple[str, ...]) -> list[str]:
    rate, seams = figures["cer"], figures["seam_errors_per_character"]
    return [
        variant.name,
        *(f"{getattr(variant, setting):g}" for setting in axes),
        str(figures["num_turns"]),
        f"{_scaled(rate['value'], 100)} {_bounds(rate['interval'], 100)} n = {rate['n']:,}",
        "" if variant.name == "default" else
        f"{100 * rate['against_default']:+.2f} {_bounds(rate['against_default_interval'], 100)}",
        f"{_scaled(seams['value'], 1000)} {_bounds(seams['interval'], 1000)}",
        f"{figures['cpu_ms_per_audio_s']:.1f}",
        f"{figures['num_recognised_again']} of {figures['num_windows']}",
    ]  # fmt: skip


def _draw_hearing(
    args: argparse.Namespace, setting: str, found: list[tuple[float, dict[str, Any]]]
) -> None:
    found = sorted(found, key=lambda each: each[0])
    seams = [(x, f["seam_errors_per_character"]) for x, f in found if setting != "overlap_s" or x]
    panels = [
        Panel("CER (%)", (Curve("CER", tuple(_point(x, f["cer"], 100) for x, f in found)),)),
        Panel("seam errors\nper 1,000 char.",
              (Curve("seam errors", tuple(_point(x, rate, 1000) for x, rate in seams)),)),
        Panel("CPU ms\nper audio s",
              (Curve("CPU", tuple(Setting(x, f["cpu_ms_per_audio_s"]) for x, f in found)),)),
    ]  # fmt: skip
    first = found[0][1]
    axis = (f"{TITLES[setting]}\nn = {first['cer']['n']:,} characters, {first['num_turns']} turns; "
            "bars: 95 % interval")  # fmt: skip
    _write(args, f"hearing_{setting}", "Windows: what is heard", panels, axis, setting)


# ---------------------------------------------------------------- early work


def _early_work(args: argparse.Namespace) -> int:
    axes: Axes = {
        "window_s": [w for w in args.windows if w >= 1.6], "overlap_s": args.overlaps[1:4],
        "context_s": args.contexts, "re_recognise_below": args.again_below,
        "speculation_windows": args.sure_windows, "speculation_confidence": args.confidences,
    }  # fmt: skip
    variants = sweep(EARLY, axes)
    suites = (args.suites or "daily_qa,self_correction,multi_turn").split(",")
    settings = RunSettings(
        profile=args.profile, suites=tuple(suites), variants=variants, mode="latency",
        pace=args.pace, repeats=args.repeats, limit=args.limit or 6,
    )  # fmt: skip
    with RunProgress() as progress:
        execute(settings, args.out, progress, argv=sys.argv)
    figures = _figures_of(args.out)
    for setting in axes:
        chosen = [v for v in variants if v.name == "default" or v.name.startswith(setting)]
        _draw_early_work(args, setting, [(getattr(v, setting), figures[v.name]) for v in chosen])
    rows = [
        [v.name, *(f"{getattr(v, setting):g}" for setting in axes), *_cells(figures[v.name])]
        for v in variants
    ]
    columns = ("variant", *axes, "turns", *(f"{title} {unit}".strip() for title, unit in RATES.values()),
               *(f"{title} ms p50 / p95" for title in TIMES.values()))  # fmt: skip
    finish("windows/early_work", columns, rows, {
        "profile": args.profile, "pace": args.pace, "suites": suites,
        "variants": {v.name: {**figures[v.name], "switches": v.switches} for v in variants},
    })  # fmt: skip
    return 0


def _figures_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Each variant's metrics over all suites, with what they stand on."""
    report = load_report(folder)
    write_report(report, folder / "report.html")
    groups = {group["variant"]: group for group in report.overall or report.groups}
    return {
        variant.name: {
            "counts": groups[variant.name]["counts"],
            "metrics": {
                name: groups[variant.name]["metrics"][name]
                for name in (*RATES, *TIMES)
                if name in groups[variant.name]["metrics"]
            },
        }
        for variant in report.run.variants
    }


def _cells(figures: dict[str, Any]) -> list[str]:
    metrics = figures["metrics"]
    cells = [str(figures["counts"]["turns"])]
    for name, (_, unit) in RATES.items():
        found, scale = metrics.get(name), 100 if unit else 1
        cells.append("–" if not found or found["value"] is None else
                     f"{_scaled(found['value'], scale)} {_bounds(found['interval'], scale)} "
                     f"n = {found['n']:,}")  # fmt: skip
    for name in TIMES:
        found = metrics.get(name, {"p50": None})
        cells.append("–" if found["p50"] is None else
                     f"{1000 * found['p50']:.0f} / {1000 * (found['p95'] or found['p50']):.0f} "
                     f"n = {found['n']}")  # fmt: skip
    return cells


def _draw_early_work(
    args: argparse.Namespace, setting: str, found: list[tuple[float, dict[str, Any]]]
) -> None:
    found = sorted(found, key=lambda each: each[0])

    def rate(name: str) -> Curve:
        points = [_point(x, f["metrics"][name], 100) for x, f in found
                  if f["metrics"].get(name, {"value": None})["value"] is not None]  # fmt: skip
        return Curve(RATES[name][0], tuple(points))

    response = [(x, f["metrics"]["response_latency_s"]) for x, f in found]
    p50 = [
        Setting(x, 1000 * m["p50"], *(1000 * b for b in m["interval"] or ())) for x, m in response
    ]
    p95 = [Setting(x, 1000 * m["p95"]) for x, m in response if m["p95"] is not None]
    drafts = ("speculation_coverage", "speculation_hit_rate", "speculation_waste")
    panels = [
        Panel("CER (%)", (rate("cer"),)),
        Panel("share (%)", tuple(curve for curve in map(rate, drafts) if curve.points)),
        Panel("response (ms)", (Curve("response p50", tuple(p50)), Curve("response p95", tuple(p95)))),
    ]  # fmt: skip
    axis = (f"{TITLES[setting]}\nn = {found[0][1]['counts']['turns']} turns, "
            f"{args.pace.replace('_', '-')} pace; bars: 95 % interval")  # fmt: skip
    _write(args, f"early_work_{setting}", "Windows: early work", panels, axis, setting)


# ---------------------------------------------------------------- both


def _write(
    args: argparse.Namespace, name: str, title: str, panels: list[Panel], axis: str, setting: str
) -> None:
    drawing = curves(panels, title=title, axis=axis, footer=footer(args.profile),
                  chosen=getattr(DEFAULT, setting))  # fmt: skip
    write_figure("windows", name, drawing)


def _point(x: float, rate: dict[str, Any], scale: float) -> Setting:
    low, high = rate["interval"] or (None, None)
    return Setting(x, scale * rate["value"], *(b if b is None else scale * b for b in (low, high)))


def _scaled(value: float | None, scale: float) -> str:
    return "–" if value is None else f"{scale * value:.4g}"


def _bounds(interval: Sequence[float] | None, scale: float) -> str:
    return "[{:.4g}, {:.4g}]".format(*(scale * b for b in interval)) if interval else ""


if __name__ == "__main__":
    sys.exit(main())
