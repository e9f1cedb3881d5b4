"""A run's records read and scored, once, for every form of a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from voicebench.metrics.summary import Measured, measure_turns, summarize_measured
from voicebench.runs.record import read_cases, read_run, read_turns
from voicebench.types import Case, Run, Turn


@dataclass(frozen=True)
class Report:
    """What a report is made of.

    Attributes:
        run: Provenance and settings.
        turns: The turns that count, in the order they ran.
        num_warm_up: Turns left out.
        cases: By (suite, case id).
        num_half_written: Bytes of a record that a kill cut off; 0 when there is none.
        measured: The turns that count with their measures.
        summary: See `metrics.summary.summarize`.
    """

    run: Run
    turns: tuple[Turn, ...]
    num_warm_up: int
    cases: dict[tuple[str, str], Case]
    num_half_written: int
    measured: tuple[Measured, ...]
    summary: dict[str, Any]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The summary's groups of single suites, in the run's order."""
        suites, variants = list(self.run.suites), [v.name for v in self.run.variants]
        groups = [group for group in self.summary["groups"] if group["suite"] in suites]
        return sorted(
            groups, key=lambda g: (suites.index(g["suite"]), variants.index(g["variant"]))
        )

    @property
    def overall(self) -> list[dict[str, Any]]:
        """The groups over all suites; empty where there is one suite."""
        return [group for group in self.summary["groups"] if group["suite"] == "all"]


def load_report(folder: Path) -> Report:
    """Reads a run and scores it.

    Raises:
        RecordError: The folder is no run, or its records are damaged.
    """
    run = read_run(folder)
    cases = read_cases(folder)
    read = read_turns(folder)
    counted = tuple(turn for turn in read.turns if not turn.is_warm_up)
    measured = tuple(measure_turns(read.turns, cases.values()))
    return Report(
        run=run,
        turns=counted,
        num_warm_up=len(read.turns) - len(counted),
        cases=cases,
        num_half_written=len(read.half_written),
        measured=tuple(each for each in measured if not each[0].is_warm_up),
        summary=summarize_measured(measured, variants=run.variants),
    )


def metrics_document(report: Report) -> dict[str, Any]:
    """The metrics per suite and variant with what they stand on, ready for JSON."""
    run = report.run
    switches = {variant.name: variant.switches for variant in run.variants}
    groups = [{**g, "switches": switches[g["variant"]]} for g in report.summary["groups"]]
    return {
        "run_id": run.run_id,
        "mode": run.mode,
        "pace": run.pace,
        "profile": run.profile.get("name"),
        "git_commit": run.git_commit,
        "git_dirty": run.git_dirty,
        "num_turns_planned": run.num_turns_planned,
        "num_turns": len(report.turns),
        "num_warm_up_turns": report.num_warm_up,
        "variants": [msgspec.to_builtins(variant) for variant in run.variants],
        **report.summary,
        "groups": groups,
    }
