"""Writes what is committed of a comparison: a page, the figures as JSON, and the HTML report.

    voicebench run bench/plans/cleaning_x_prompt.yaml --out reports/RUN
    python bench/publish_comparison.py reports/RUN --out reports/cleaning_x_prompt

The records stay where they are: they are too large to commit, and the run that made them is named by
its id, its suites' hashes and its models' hashes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from _common import ROOT

from voicebench.metrics import stats
from voicebench.metrics.registry import COMPARED
from voicebench.metrics.stats import Counts, Interval
from voicebench.metrics.summary import ALL_SUITES
from voicebench.report.data import Report, load_report
from voicebench.report.render import write_report
from voicebench.runs.compare import Arm, Comparisons, arms_of, compare_arms
from voicebench.runs.differences import Comparison

BASELINE, SEED = "none+plain", "baseline+baseline"
CLAIMS = {"factual_error_rate": -0.63, "answer_length_characters": -0.37}
"""What was said of the first version's cleaning and prompt, measured with another model."""
SHOWN = ("factual_error_rate", "fact_miss_rate", "fact_error_rate", "answer_length_characters",
         "constraint_pass_rate")  # fmt: skip
STAGES = ("asr", "cleaning", "llm", "lost")


def relative_change(first: Arm, second: Arm, metric: str) -> tuple[float, Interval | None, int]:
    """second / first − 1 of a metric over the turns that both have, its bootstrap interval (whole
    conversations drawn), and the number of conversations."""
    counts = COMPARED[metric].paired_counts
    if counts is None:
        raise ValueError(f"{metric} is no ratio of sums")
    sums: list[dict[Any, Counts]] = [{}, {}]
    for key in sorted(first.turns.keys() & second.turns.keys()):  # the same draws every time
        found = [counts(arm.turns[key][1]) for arm in (first, second)]
        if None in found:
            continue
        for by_conversation, each in zip(sums, found, strict=True):
            above, below = by_conversation.get(key[:2], (0.0, 0.0))
            assert each is not None
            by_conversation[key[:2]] = (above + each[0], below + each[1])
    rows = stats.paired_rows(sums[0], sums[1])
    draws = stats.resampled_sums(rows, stats.NUM_RESAMPLES, seed=0)
    return (
        _change(*rows.sum(axis=0)),
        stats.percentiles(
            (draws[:, 2] / draws[:, 3]) / (draws[:, 0] / draws[:, 1]) - 1, stats.CONFIDENCE
        ),
        len(rows),
    )


def _change(above: float, below: float, second_above: float, second_below: float) -> float:
    return float((second_above / second_below) / (above / below) - 1)


def page(report: Report, arms: Sequence[Arm], found: Comparisons) -> str:
    """The committed page, in Markdown."""
    run = report.run
    parts = [
        "# Cleaning x prompt on the bundled models",
        f"Run `{run.run_id}`, {run.created_at[:10]}, commit `{run.git_commit[:12]}`: "
        f"{len(report.cases)} cases of {len(run.suites)} suites ({', '.join(run.suites)}), "
        f"{len(report.turns):,} turns, {len(run.variants)} variants. All figures are of the two small "
        "models trained by this project, which exist so that everything runs anywhere; they say "
        "nothing of the real ones. Made by:",
        "```\nvoicebench run bench/plans/cleaning_x_prompt.yaml --out reports/RUN\n"
        "python bench/publish_comparison.py reports/RUN --out reports/cleaning_x_prompt\n```",
        "`report.html` holds everything by suite and by type of fact; `comparison.json` every "
        "difference with interval, test and adjusted p.",
        "## The claims, and what was measured",
        _claims(arms),
        "The bundled LLM was trained to answer at length under one prompt and briefly under the other: "
        "the length is what it was taught, and says nothing of the prompts as such.",
        f"## Against {BASELINE}, over all suites",
        "Difference (variant minus baseline) with its 95 % interval by conversation; **bold** where p "
        "is below 0.05 after Holm over all suites and metrics of the table. Rates in points; those of "
        "answers are of turns that both variants answered. Meetings and audio without words are not "
        "pooled with the rest.",
        _differences(found.differences),
        "## Differences seen in single suites",
        _in_suites(found.differences),
        "## Where facts were lost",
        "Share of all expected facts, with 95 % interval.",
        _attribution(report),
        "## What to know before believing it",
        "\n".join(f"- {warning}" for warning in found.warnings) or "- Nothing stands against it.",
    ]
    return "\n\n".join(parts) + "\n"


def _claims(arms: Sequence[Arm]) -> str:
    by_name = {arm.variant.name: arm for arm in arms}
    rows = []
    for metric, claimed in CLAIMS.items():
        change, interval, num = relative_change(by_name[BASELINE], by_name[SEED], metric)
        bounds = f"[{interval.low:+.1%}, {interval.high:+.1%}]" if interval else ""
        rows.append([COMPARED[metric].title, f"{claimed:+.0%} (another model)",
                     f"{change:+.1%} {bounds}", f"{num}"])  # fmt: skip
    head = ("figure", "claimed for the first version", f"measured here, {SEED} against {BASELINE}",
            "conversations")  # fmt: skip
    return _table(head, rows)


def _differences(differences: Iterable[Comparison]) -> str:
    rows: dict[str, dict[str, str]] = {}
    for c in differences:
        if c.suite == ALL_SUITES and c.metric in SHOWN:
            rows.setdefault(c.variant, {})[c.metric] = _cell(c)
    head = ("variant", *(COMPARED[name].title for name in SHOWN))
    return _table(
        head, [[name, *(cells.get(m, "") for m in SHOWN)] for name, cells in rows.items()]
    )


def _in_suites(differences: Iterable[Comparison]) -> str:
    rows = [
        [
            c.suite,
            c.variant,
            COMPARED[c.metric].title,
            _cell(c),
            c.outcome,
            f"{c.p_holm:.3g}",
        ]
        for c in differences
        if c.suite != ALL_SUITES and c.metric in SHOWN and c.outcome != "no difference seen"
    ]
    head = ("suite", "variant", "figure", "difference", "outcome", "p (Holm)")
    return _table(head, rows) if rows else "None."


def _cell(c: Comparison) -> str:
    scale, digits = (100, 1) if COMPARED[c.metric].is_rate else (1, 2)
    text = f"{scale * c.difference:+.{digits}f}"
    if c.interval:
        low, high = (scale * bound for bound in c.interval)
        text += f" [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"**{text}**" if c.outcome != "no difference seen" else text


def _attribution(report: Report) -> str:
    groups = report.overall or report.groups
    rows = []
    for group in groups:
        found: Mapping[str, Any] = group["metrics"]
        cells = []
        for stage in STAGES:
            metric = found[f"attribution_{stage}"]
            bounds = "[{:.1%}, {:.1%}]".format(*metric["interval"]) if metric["interval"] else ""
            cells.append(f"{metric['value']:.1%} {bounds}".strip())
        rows.append([group["variant"], *cells, f"{found['attribution_lost']['n']:,}"])
    return _table(
        ("variant", "by the recogniser", "by cleaning", "by the LLM", "all", "facts"), rows
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> int:
    """Writes the folder; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "cleaning_x_prompt")
    args = parser.parse_args()
    report = load_report(args.run)
    arms = arms_of(report.run, report.cases, report.measured, report.folder)
    by_name = {arm.variant.name: arm for arm in arms}
    couples = [(by_name[BASELINE], arm) for name, arm in by_name.items() if name != BASELINE]
    found = compare_arms(arms, couples)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "README.md").write_text(page(report, arms, found), encoding="utf-8")
    document = {
        "run_id": report.run.run_id,
        "git_commit": report.run.git_commit,
        "suite_sha256": report.run.suite_sha256,
        "model_sha256": report.run.model_sha256,
        "machine": report.run.machine,
        **{name: msgspec.to_builtins(getattr(found, name))
           for name in ("differences", "by_fact_type", "noise", "warnings")},
    }  # fmt: skip
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (args.out / "comparison.json").write_text(text + "\n", encoding="utf-8")
    rendered = args.run / "report.html"
    if not rendered.exists():
        write_report(report, rendered)
    shutil.copy(rendered, args.out / "report.html")
    print(f"Written: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
