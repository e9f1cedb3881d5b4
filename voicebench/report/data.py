"""A run's records read and scored, once, for every form of a report."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from voicebench.metrics.conditions import ALL_SUITES
from voicebench.metrics.measures import Measured, TurnMeasures, measure_turns
from voicebench.metrics.summary import belongs_to, summarize_measured
from voicebench.metrics.summary_schema import GroupSummary, Summary
from voicebench.metrics.tally import without_content
from voicebench.runs.record import (
    TURNS_FILE,
    PlacedTurn,
    iter_placed_turns,
    read_cases,
    read_run,
    read_turn_at,
)
from voicebench.types import Case, Run, Turn


@dataclass(frozen=True)
class KeptTurn:
    """What a report keeps of a turn: a long run fits in memory so.

    Attributes:
        turn: Its record without windows, tokens, prompt and events; texts are kept.
        heard: The transcript.
        measures: Everything measured on it.
        offset: Where its whole record lies in `turns.jsonl`, in bytes.
        size: How long that is.
    """

    turn: Turn
    heard: str
    measures: TurnMeasures
    offset: int
    size: int


@dataclass(frozen=True)
class Report:
    """What a report is made of.

    Attributes:
        folder: Where the run lies.
        run: Provenance and settings.
        kept: The turns that count, in the order they ran.
        num_warm_up: Turns left out.
        cases: By (suite, case id).
        num_half_written: Bytes of a record that a kill cut off; 0 when there is none.
        summary: See `metrics.summary.summarize`.
    """

    folder: Path
    run: Run
    kept: tuple[KeptTurn, ...]
    num_warm_up: int
    cases: dict[tuple[str, str], Case]
    num_half_written: int
    summary: Summary

    @property
    def num_turns(self) -> int:
        """Turns that count."""
        return len(self.kept)

    @cached_property
    def num_failed(self) -> int:
        """Those that failed."""
        return sum(turn.failure is not None for turn in self.turns)

    @cached_property
    def num_degraded(self) -> int:
        """Those that fell back to text input."""
        return sum(turn.degraded is not None for turn in self.turns)

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that count, without windows, tokens, prompt and events."""
        return tuple(each.turn for each in self.kept)

    @cached_property
    def measured(self) -> tuple[Measured, ...]:
        """The same with their measures."""
        return tuple((each.turn, each.measures) for each in self.kept)

    @property
    def groups(self) -> list[GroupSummary]:
        """The summary's groups of single suites, in the run's order."""
        suites, variants = list(self.run.suites), [v.name for v in self.run.variants]
        groups = [group for group in self.summary["groups"] if group["suite"] in suites]
        return sorted(
            groups, key=lambda g: (suites.index(g["suite"]), variants.index(g["variant"]))
        )

    @property
    def overall(self) -> list[GroupSummary]:
        """The groups over all suites; empty where there is one suite."""
        return [group for group in self.summary["groups"] if group["suite"] == ALL_SUITES]

    @property
    def apart(self) -> list[GroupSummary]:
        """The groups over all suites of turns that are not like those of `overall`: meetings, and
        audio without words."""
        return [g for g in self.summary["groups"] if g["kind"] and g["suite"] != ALL_SUITES]

    def measured_of(self, group: GroupSummary) -> list[Measured]:
        """The turns of a group: whatever else is made of it counts the same ones."""
        return [each for each in self.measured if belongs_to(group, *each)]

    @property
    def whole(self) -> list[GroupSummary]:
        """The groups over all suites, or of the only one."""
        return self.overall or self.groups

    def read(self, kept: KeptTurn) -> Turn:
        """A turn's whole record.

        Raises:
            RecordError: The records have changed since.
        """
        return read_turn_at(self.folder, kept.offset, kept.size)


def load_report(folder: Path) -> Report:
    """Reads a run and scores it, turn by turn.

    Raises:
        RecordError: The folder is no run, or its records are damaged.
    """
    run, cases = read_run(folder), read_cases(folder)
    return make_report(folder, run, cases, keep_turns(iter_placed_turns(folder), cases))


def make_report(
    folder: Path, run: Run, cases: dict[tuple[str, str], Case], turns: Iterable[KeptTurn]
) -> Report:
    """A report of turns that are measured already.

    Args:
        folder: Where the run lies.
        run: Its settings; with some of its suites and variants only, a report of these.
        cases: By (suite, case id).
        turns: Every turn of the records, warm-up turns among them.
    """
    variants, path, end = {variant.name for variant in run.variants}, folder / TURNS_FILE, 0
    kept = []
    with without_collection():
        for each in turns:
            end = max(end, each.offset + each.size)
            if each.turn.suite in run.suites and each.turn.variant in variants:
                kept.append(each)
        summary = summarize_measured(
            ((each.turn, each.measures) for each in kept), variants=run.variants
        )
    counted = tuple(each for each in kept if not each.turn.is_warm_up)
    return Report(
        folder=folder,
        run=run,
        kept=counted,
        num_warm_up=len(kept) - len(counted),
        cases=cases,
        num_half_written=path.stat().st_size - end if path.exists() else 0,
        summary=summary,
    )


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Records hold no cycles; to look for some in millions of them takes a quarter of the time."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


def keep_turns(
    placed: Iterable[PlacedTurn], cases: Mapping[tuple[str, str], Case]
) -> Iterator[KeptTurn]:
    """Measures turns one by one and keeps what a report shows of them."""
    now: list[PlacedTurn] = []

    def remembered() -> Iterator[Turn]:
        for each in placed:
            now[:] = [each]
            yield each.turn

    for whole, measures in measure_turns(remembered(), cases.values()):
        turn = msgspec.structs.replace(
            without_content(whole), cleaned=whole.cleaned, answer=whole.answer
        )
        yield KeptTurn(turn, whole.hypothesis.text, measures, now[0].offset, now[0].size)


def has_random_weights(run: Run) -> bool:
    """Whether the run's profile had models of random weights: its times are true, its words are
    not, and no figure of quality means anything."""
    asr, llm = run.profile.get("asr", {}), run.profile.get("llm", {})
    return bool(asr.get("random_weights")) or llm.get("load_format") == "dummy"


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
        "has_random_weights": has_random_weights(run),
        "git_commit": run.git_commit,
        "git_dirty": run.git_dirty,
        "num_turns_planned": run.num_turns_planned,
        "num_turns": len(report.turns),
        "num_warm_up_turns": report.num_warm_up,
        "variants": [msgspec.to_builtins(variant) for variant in run.variants],
        **report.summary,
        "groups": groups,
    }
