"""A run's records read and scored, once, for every form of a report.

The records are streamed: what is kept of a turn is what it adds to a sum, and, where variants are
compared, its measures and its answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from voicebench.metrics.summary import Measured, measure_turns, summarize_measured
from voicebench.runs.compare import Arm, add_turn, empty_arms
from voicebench.runs.record import iter_turns, read_cases, read_run
from voicebench.types import Case, Run, Turn


@dataclass(frozen=True)
class StoredTurns:
    """The turns of a run that count, in the order they ran: read from its folder each time that
    they are gone through, never all in memory."""

    folder: Path
    num: int

    def __len__(self) -> int:
        return self.num

    def __iter__(self) -> Iterator[Turn]:
        return (turn for turn in iter_turns(self.folder) if not turn.is_warm_up)


@dataclass(frozen=True)
class Report:
    """What a report is made of.

    Attributes:
        run: Provenance and settings.
        turns: The turns that count.
        num_failed: Those that failed.
        num_degraded: Those that fell back to text input.
        num_warm_up: Turns left out.
        cases: By (suite, case id).
        num_half_written: Bytes of a record that a kill cut off; 0 when there is none.
        arms: The variants with their turns measured; none where there is nothing to compare.
        summary: See `metrics.summary.summarize`.
    """

    run: Run
    turns: StoredTurns
    num_failed: int
    num_degraded: int
    num_warm_up: int
    cases: dict[tuple[str, str], Case]
    num_half_written: int
    arms: tuple[Arm, ...]
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
    arms = empty_arms(run, cases, folder) if len(run.variants) > 1 else []
    counts: Counter[str] = Counter()

    def measured() -> Iterator[Measured]:
        turns = iter_turns(folder, lambda size: counts.update(half_written=size))
        for turn, measures in measure_turns(turns, cases.values()):
            counts["warm_up" if turn.is_warm_up else "turns"] += 1
            counts["failed"] += not turn.is_warm_up and turn.failure is not None
            counts["degraded"] += not turn.is_warm_up and turn.degraded is not None
            add_turn(arms, (turn, measures))
            yield turn, measures

    summary = summarize_measured(measured(), variants=run.variants)
    return Report(
        run=run,
        turns=StoredTurns(folder, counts["turns"]),
        num_failed=counts["failed"],
        num_degraded=counts["degraded"],
        num_warm_up=counts["warm_up"],
        cases=cases,
        num_half_written=counts["half_written"],
        arms=tuple(arms),
        summary=summary,
    )


def metrics_document(report: Report) -> dict[str, Any]:
    """The metrics per suite and variant with what they stand on, ready for JSON."""
    run = report.run
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
    }
