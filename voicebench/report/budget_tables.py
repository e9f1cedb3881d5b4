"""What a profile was predicted to take of a card, beside what a run of it took.

Predicted are bytes and least times (`voicebench.budget`); measured are the memory of the cards and the
medians of the steps in the run's own records. Where the run was not measured on the card that is
predicted, the two stand side by side and no ratio is taken of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from voicebench.budget.cards import GIB, THIS_MACHINE, Card, card_of_gpu, find_card
from voicebench.budget.estimate import Budget, Workload, estimate
from voicebench.budget.shapes import asr_shape_of, companion_bytes_of, llm_shape_of
from voicebench.errors import ModelError
from voicebench.metrics.steps import Steps, StepTime, steps_of
from voicebench.profiles.schema import Profile
from voicebench.report.data import Report
from voicebench.report.formatting import ABSENT
from voicebench.report.html import Note, Several
from voicebench.report.tables import Cell, Column, Table, columns_of
from voicebench.runs.provenance import machine
from voicebench.runs.record import iter_turns
from voicebench.types import Run, Turn
from voicebench.words import join_sentences, translate

DEFAULT_CARD = "4090d"
"""What is predicted of a run without a GPU: the card that the real models are meant for."""


@dataclass(frozen=True)
class Predicted:
    """A budget, and whether the run was measured on the card that it is of."""

    budget: Budget
    is_of_the_run: bool
    where: str
    """What the run was measured on."""


def budget_view(report: Report, card: str = "") -> Several | Note:
    """Memory and least times of the run's profile on a card, beside what the run took.

    Args:
        report: The run's.
        card: As `voicebench budget --gpu` takes it; empty for the run's own, or for the RTX 4090D
            where it had none or one that is not known.

    Raises:
        ConfigError: There is no such card.
    """
    run = report.run
    own = _own_card(run)
    chosen = find_card(card) if card else own or find_card(DEFAULT_CARD)
    steps = steps_of(_turns(report)) if run.mode == "latency" else None
    try:
        profile = msgspec.convert(run.profile, Profile)
        shapes = asr_shape_of(profile.asr), llm_shape_of(profile.llm)
        companions = companion_bytes_of(profile.asr)
    except (msgspec.ValidationError, ModelError) as error:
        return Note(
            f"Nothing can be predicted of profile {run.profile.get('name')}: {error} "
            "Where the models are: voicebench budget PROFILE --gpu CARD --run RUN"
        )
    predicted = Predicted(
        estimate(profile, *shapes, chosen, _load(steps), companions),
        is_of_the_run=_is_own(run, own, chosen),
        where=_where(run),
    )
    problems = [Note(f"Does not fit: {text}", is_bad=True) for text in predicted.budget.problems]
    return Several(
        (
            Note(_what_is_what(predicted, steps)),
            *problems,
            memory_budget_table(run, predicted),
            step_table(predicted, steps),
        )
    )


def _own_card(run: Run) -> Card | None:
    gpus = run.machine.get("gpus", [])
    return card_of_gpu(str(gpus[0].get("name"))) if gpus else None


def _is_own(run: Run, own: Card | None, chosen: Card) -> bool:
    """Whether the run was measured on the chosen card: its own GPU, or this machine's processor."""
    if chosen.name == THIS_MACHINE:
        return own is None and not run.machine.get("gpus") and run.machine == machine()
    return own is not None and own.name == chosen.name


def _where(run: Run) -> str:
    gpus = run.machine.get("gpus", [])
    if gpus:
        return str(gpus[0].get("name"))
    return translate("the CPU ({cpu}), no GPU", cpu=run.machine.get("cpu"))


def _turns(report: Report) -> Iterator[Turn]:
    """Whole records, of the chosen suites and variants."""
    variants = {variant.name for variant in report.run.variants}
    for turn in iter_turns(report.folder):
        if turn.suite in report.run.suites and turn.variant in variants:
            yield turn


def _load(steps: Steps | None) -> Workload:
    """The turn that the run really had; a default one where it answered nothing."""
    load = Workload()
    if steps is None or not steps.prompt_tokens:
        return load
    return Workload(
        prompt_tokens=steps.prompt_tokens,
        cached_tokens=steps.cached_tokens,
        context_tokens=steps.context_tokens,
        window_s=steps.window_s or load.window_s,
    )


def _what_is_what(predicted: Predicted, steps: Steps | None) -> str:
    budget = predicted.budget
    text = translate(
        "Predicted: profile {profile} on card {card}, from bytes and operations ({source}).",
        profile=budget.profile, card=budget.card.name, source=budget.card.source,
    )  # fmt: skip
    if steps is None:
        measured = (
            "Measured on {where}: nothing of single steps, for in quality mode turns are batched. "
            "Measure them: voicebench run --mode latency"
        )
    elif predicted.is_of_the_run:
        measured = "Measured: this run, on {where}."
    else:
        measured = (
            "Measured: this run, on {where}. That is another machine, so what is measured says "
            "nothing of the prediction; no ratio is taken."
        )
    return join_sentences(text, translate(measured, where=predicted.where))


def memory_budget_table(run: Run, predicted: Predicted) -> Table:
    """Each part of the memory, and all of it beside the most that was in use."""
    budget = predicted.budget
    rows = [
        (Cell(line.part), Cell(_gib(line.num_bytes)), Cell(ABSENT), Cell(line.kind), Cell(line.detail))
        for line in budget.memory
    ]  # fmt: skip
    total = sum(max(0, line.num_bytes) for line in budget.memory)
    used = next((g["memory_used_gib"] for g in run.gpu_use if "memory_used_gib" in g), None)
    measured = Cell(
        ABSENT if used is None else f"{used['max']:.2f}",
        translate("at most, the whole card") if used else "",
    )
    of = translate("of {num}", num=f"{budget.card.memory_gib:g} GiB")
    rows.append(
        (Cell(translate("all together")), Cell(_gib(total), of), measured, Cell(""), Cell(""))
    )
    columns = (
        *columns_of(("part",)), Column("predicted", translate("GiB, {card}", card=budget.card.name)),
        Column("measured", "GiB"), *columns_of(("how sure", "from")),
    )  # fmt: skip
    conversations = budget.kv_tokens / budget.max_model_len
    unseen = translate("Nothing was measured of it: the run had {where}.", where=predicted.where)
    holds = translate(
        "The cache holds {tokens} tokens, {num} conversations of {length}.",
        tokens=f"{budget.kv_tokens:,}", num=f"{conversations:.1f}",
        length=f"{budget.max_model_len:,}",
    )  # fmt: skip
    caption = join_sentences(holds, "" if used else unseen)
    return Table(columns, tuple(rows), title="Memory", caption=caption)


def step_table(predicted: Predicted, steps: Steps | None) -> Table:
    """The least time of each step, beside the median that was measured."""
    budget = predicted.budget
    times = (steps.asr_window, steps.prefill, steps.decode_token) if steps else (None,) * 3
    rows = tuple(
        (
            Cell(floor.step, floor.detail),
            Cell(f"{1000 * floor.floor_s:.2f}", translate("bound by {what}", what=floor.bound)),
            _measured(time),
            Cell(
                f"{time.median_s / floor.floor_s:.1f}"
                if time and predicted.is_of_the_run
                else ABSENT
            ),
        )
        for floor, time in zip(budget.floors, times, strict=True)
    )  # fmt: skip
    columns = (
        *columns_of(("step",)), Column("predicted", translate("ms at least, {card}", card=budget.card.name)),
        Column("measured", "ms, median"), Column("measured", "of the least"),
    )  # fmt: skip
    return Table(
        columns, rows, title="Times of a step",
        caption=translate(
            "Measured on {where}. Nothing is faster than the predicted time; launches, attention "
            "kernels and the framework come on top.", where=predicted.where),
    )  # fmt: skip


def _measured(time: StepTime | None) -> Cell:
    if time is None:
        return Cell(ABSENT)
    spread = f"{1000 * time.min_s:.2f} to {1000 * time.max_s:.2f}, n = {time.n:,}"
    return Cell(f"{1000 * time.median_s:.2f}", spread)


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.2f}"
