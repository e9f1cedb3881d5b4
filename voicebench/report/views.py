"""What notebooks call: a run in; a figure, a table, or a sentence saying why there is none.

    from voicebench.report import open_run, waterfall
    waterfall(open_run("latest"))

Everything returned shows itself in a notebook and in a terminal; figures are written by `.save`.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

from voicebench.errors import ConfigError, did_you_mean
from voicebench.report import budget_tables, figures, scenario_figures, variant_figures
from voicebench.report.comparison import changed_table, comparison_tables
from voicebench.report.data import KeptTurn
from voicebench.report.figures import Figure, footer_of
from voicebench.report.findings import findings, matrix
from voicebench.report.html import Findings, Note, Several
from voicebench.report.listening import Listened, listen_to
from voicebench.report.machine_tables import machine_table, memory_table, speed_table
from voicebench.report.opened import OpenRun, open_run
from voicebench.report.render import detail_rows, provenance_rows, variants_table
from voicebench.report.tables import (
    Cell,
    Table,
    attribution_table,
    columns_of,
    early_work_table,
)
from voicebench.report.traces import trace_report
from voicebench.report.turn_tables import lost_table, make_turn_table, worst_table
from voicebench.report.worst import worst_cases
from voicebench.runs import lost as runs_lost
from voicebench.runs.comparable import couple_arms, label_arms, refuse_other_suites, reservations
from voicebench.runs.compare import Arm, Comparisons, arms_of, compare_arms
from voicebench.words import translate

__all__ = [
    "attribution", "changed", "compare", "conditions", "differences", "early_work",
    "facts_by_type", "gpu_budget", "gpu_memory", "latency_by_suite", "listen", "lost_facts", "machine",
    "model_speed", "open_run", "provenance", "rates", "response_latency", "summary", "trace",
    "trade", "turn_table", "waterfall", "worst_turns",
]  # fmt: skip

Shown = Figure | Table | Note | Several

_NEEDS_LATENCY = (
    "Run {run} was measured in quality mode, which has no latencies. "
    "Measure them: voicebench run --mode latency --suites {suites}"
)
_NEEDS_QUALITY = (
    "Run {run} was measured in latency mode, where the LLM does not answer the gold transcripts. "
    "Run it for attribution: voicebench run --mode quality --suites {suites}"
)


def summary(run: OpenRun) -> OpenRun:
    """The run itself: what it is, what to know before believing a figure, and its main tables."""
    return run


def rates(run: OpenRun) -> Several:
    """CER, factual errors and missed facts, by suite and variant."""
    return _several(run, *(figures.rate_figure(run.report, name) for name, *_ in figures.RATES))


def waterfall(run: OpenRun) -> Shown:
    """Where the response latency goes, stage by stage."""
    return figures.waterfall_figure(run.report) or _no_latency(run)


def response_latency(run: OpenRun) -> Shown:
    """The distribution of response latencies with p50, p95 and p99."""
    return figures.latency_figure(run.report) or _no_latency(run)


def latency_by_suite(run: OpenRun) -> Shown:
    """Median and p95 of the response latency, by suite."""
    return figures.suite_latency_figure(run.report) or _no_latency(run)


def early_work(run: OpenRun) -> Shown:
    """The scorecards of speculation and prefill: what they saved, kept and threw away."""
    if run.run.mode != "latency":
        return _no_latency(run)
    table = early_work_table(run.report)
    if table is None:
        text = (
            "No variant of run {run} begins work before the turn is over. Try it: voicebench run "
            "--mode latency --variant name=plain --variant name=joint,prefill=true,speculation=true"
        )
        return Note(translate(text, run=run.run.run_id))
    drawn = (figures.early_work_figure(run.report), figures.saved_figure(run.report))
    return Several((table, *filter(None, drawn)))


def compare(run: OpenRun, other: str = "", *, baseline: str = "") -> Comparisons:
    """The variants of a run compared with one of them, or the same variants of two runs.

    Args:
        run: The run; the baseline where there is another.
        other: Another run of the same suites, as `open_run` takes it; empty for none.
        baseline: Variant to compare with; empty for the first.

    Raises:
        ConfigError: There is no such baseline, or nothing to compare.
        RecordError: The runs were asked different things.
    """
    arms = label_arms([*_arms(run), *(_arms(open_run(other)) if other else ())])
    couples = couple_arms(arms, "run" if other else "variant", baseline)
    refuse_other_suites(couples)
    return compare_arms(arms, couples, reservations(couples))


def _arms(run: OpenRun) -> list[Arm]:
    report = run.report
    return arms_of(run.run, run.cases, report.measured, run.folder)


def differences(found: Comparisons, run: OpenRun) -> Shown:
    """A comparison: what stands against believing it, the answer in words, one matrix, figures, and
    the tables behind them."""
    notes = [Note(text, is_bad=True) for text in found.warnings]
    answer = [Findings(tuple(findings(found))), *filter(None, [matrix(found)])]
    drawn = variant_figures.difference_figures(found, footer_of(run.report))
    return Several((*answer, *notes, *drawn, *comparison_tables(found)))


def changed(found: Comparisons, num: int = 20) -> Shown:
    """The turns whose facts came out differently, both answers side by side."""
    if not found.changed:
        return Note(translate("No turn's facts came out differently."))
    return changed_table(found, num)


def trade(run: OpenRun, latency_run: str = "", *, errors: str = "factual_error_rate") -> Shown:
    """How often each variant is wrong against how long it takes to answer.

    Args:
        run: Whose errors are taken.
        latency_run: Whose latencies, of the variants of the same name; empty for the same run.
        errors: `factual_error_rate`, `fact_miss_rate` or `cer`.
    """
    known = variant_figures.ERRORS
    if errors not in known:
        raise ConfigError(
            f"errors {errors!r} is none of {', '.join(known)}", did_you_mean(errors, known)
        )
    timed = open_run(latency_run) if latency_run else run
    drawn = variant_figures.trade_figure(run.report, timed.report, errors)
    if drawn:
        return drawn
    if timed.run.mode != "latency":
        return _no_latency(timed)
    text = "Runs {run} and {timed} have no variant in common that has both."
    return Note(translate(text, run=run.run.run_id, timed=timed.run.run_id))


def conditions(run: OpenRun) -> Shown:
    """Each kind of noise against its level; CER by suite and by what its cases are tagged with."""
    drawn = [
        scenario_figures.level_figure(run.report),
        scenario_figures.condition_figure(run.report),
    ]
    found = [figure for figure in drawn if figure]
    if not found:
        return _nothing(run, "transcript")
    return found[0] if len(found) == 1 else Several(tuple(found))


def facts_by_type(run: OpenRun) -> Shown:
    """Correct, missing and contradicted facts by type: numbers, dates, names, ..."""
    return scenario_figures.fact_type_figure(run.report) or _nothing(run, "expected fact")


def attribution(run: OpenRun) -> Shown:
    """Which stage lost the facts that were lost."""
    if run.run.mode != "quality":
        suites = ",".join(run.run.suites)
        return Note(translate(_NEEDS_QUALITY, run=run.run.run_id, suites=suites))
    table = attribution_table(run.report)
    drawn = figures.attribution_figure(run.report)
    if not table.rows:
        return _nothing(run, "expected fact")
    return Several((*((drawn,) if drawn else ()), table))


def lost_facts(run: OpenRun, num: int = 50) -> Shown:
    """The first lost facts, each with the three transcripts and what came of them."""
    wanted = (run.report.read(each) for each in run.report.kept if _loses(each))
    found = list(itertools.islice(runs_lost.lost_facts(run.run, wanted, run.cases), num))
    if not found:
        return Note(translate("No fact was lost."))
    caption = "The first {num} lost facts, in the order of the run."
    return lost_table(found, translate(caption, num=len(found)))


def _loses(kept: KeptTurn) -> bool:
    facts = kept.measures.facts
    return facts is not None and facts.missing + facts.wrong > 0


def worst_turns(run: OpenRun, num: int = 12) -> Shown:
    """The turns with most to look at, everything said and heard side by side."""
    found = worst_cases(run.report, num)
    return worst_table(found) if found else Note(translate("Nothing went wrong in any turn."))


def turn_table(run: OpenRun, num: int = 300) -> Table:
    """The slowest turns (latency mode) or the worst ones, one a row."""
    return make_turn_table(run, num)


def provenance(run: OpenRun) -> Several:
    """When, by which code, on which machine, with which settings."""
    rows = [*provenance_rows(run.report), *detail_rows(run.report)]
    listed = tuple((Cell(name), Cell(value)) for name, value in rows)
    return Several(
        (Table(columns_of(("what", "value")), listed, title="Provenance"),
         replace(variants_table(run.report), title="Variants"))
    )  # fmt: skip


def machine(run: OpenRun) -> Table:
    """The machine that a run was measured on, and the profile it ran."""
    return machine_table(run.report)


def model_speed(run: OpenRun) -> Table:
    """What each model took: RTF, time to first token, tokens a second."""
    return speed_table(run.report)


def gpu_memory(run: OpenRun) -> Shown:
    """Memory of the card and what of it the profile may take."""
    found = memory_table(run.report)
    text = (
        "Run {run} was measured without a GPU, so there is no memory of one to show. Run a profile "
        "of the real models on a card: voicebench run --profile 4090d --mode latency"
    )
    return found or Note(translate(text, run=run.run.run_id))


def gpu_budget(run: OpenRun, card: str = "") -> Shown:
    """What the profile was predicted to take of a card, beside what the run took.

    Args:
        run: The run.
        card: As `voicebench budget --gpu` takes it (`cpu` measures this machine for a second);
            empty for the run's own card, or for the RTX 4090D where it had none.
    """
    return budget_tables.budget_view(run.report, card)


def listen(
    run: OpenRun, case: str = "", *, variant: str = "", repeat: int = 0, turn_index: int = 0
) -> Listened:
    """One turn with its sound and everything that became of it (`OpenRun.turn`)."""
    turn = run.turn(case, variant=variant, repeat=repeat, turn_index=turn_index)
    folder = runs_lost.suite_folders(run.run).get(turn.suite)
    return listen_to(turn, run.cases.get((turn.suite, turn.case_id)), folder, footer_of(run.report))


def trace(run: OpenRun, path: str | Path, case: str = "") -> Note:
    """Writes turns as a trace for Perfetto and chrome://tracing: of one case, or the first ones."""
    return Note(trace_report(run.report, Path(path), case))


def _several(run: OpenRun, *drawn: Figure | None) -> Several:
    found = tuple(figure for figure in drawn if figure)
    return Several(found or (_nothing(run, "judged turn"),))


def _no_latency(run: OpenRun) -> Note:
    if run.run.mode == "latency":
        return _nothing(run, "answer")
    return Note(translate(_NEEDS_LATENCY, run=run.run.run_id, suites=",".join(run.run.suites)))


def _nothing(run: OpenRun, what: str) -> Note:
    text = "Run {run} holds no {what} in the chosen suites and variants."
    return Note(translate(text, run=run.run.run_id, what=translate(what)))
