"""Which turns a run consists of, in which order, and what is left of them.

Variants of one case stand next to each other and repeats are outermost: drift of the machine then
falls on all variants alike, and what they share is recognised once. Nothing here is random, so the
plan of a continued run is the plan of the run that was killed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from voicebench.asr.base import Recognizer
from voicebench.errors import ConfigError
from voicebench.llm.base import Generator
from voicebench.types import Case, Run, Turn, Variant

TurnKey = tuple[str, str, str, int, int]
"""(suite, case id, variant, repeat, turn index), as `Turn.key`."""


@dataclass(frozen=True)
class PlannedConversation:
    """One case under one variant, once; its turns run in order.

    `variant` samples with the run's seed plus `repeat`.
    """

    case: Case
    variant: Variant
    repeat: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (self.case.suite, self.case.id, self.variant.name, self.repeat)

    @property
    def turn_keys(self) -> tuple[TurnKey, ...]:
        return tuple((*self.key, index) for index in range(len(self.case.turns)))


@dataclass(frozen=True)
class Models:
    """The two models of a run, loaded."""

    recognizer: Recognizer
    generator: Generator

    def lent(self) -> Models:
        """The same models for somebody who closes what they are given: their owner goes on with them."""
        recognizer: Any = _Lent(self.recognizer)
        generator: Any = _Lent(self.generator)
        return Models(recognizer, generator)


class _Lent:
    """A model that whoever it is lent to does not close."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def close(self) -> None:
        """Nothing: its owner goes on with it."""


@dataclass(frozen=True)
class Work:
    """What an executor gets.

    Attributes:
        run: The run to record under.
        conversations: Those with turns left to do, in order.
        done: Turns recorded before, by key; they are history, not work.
        folders: The folder of each suite, where recordings lie.
        models: The loaded models.
    """

    run: Run
    conversations: tuple[PlannedConversation, ...]
    done: Mapping[TurnKey, Turn]
    folders: Mapping[str, Path]
    models: Models


def plan_conversations(
    cases: Sequence[Case], variants: Sequence[Variant], repeats: int
) -> tuple[PlannedConversation, ...]:
    """All conversations of a run in the order they run.

    Raises:
        ConfigError: No cases or variants, repeats below 1, or two of one name.
    """
    if repeats < 1:
        raise ConfigError(f"--repeats is {repeats}", "Give at least 1")
    if not cases:
        raise ConfigError("no case is left to run", "Name another suite or raise --max-cases")
    _refuse_doubles("variant", [variant.name for variant in variants])
    _refuse_doubles("case", [f"{case.suite}/{case.id}" for case in cases])
    return tuple(
        PlannedConversation(case=case, variant=_reseeded(variant, repeat), repeat=repeat)
        for repeat in range(repeats)
        for case in cases
        for variant in variants
    )


def planned_turns(conversations: Iterable[PlannedConversation]) -> tuple[TurnKey, ...]:
    """The keys of all turns, in order."""
    return tuple(key for conversation in conversations for key in conversation.turn_keys)


def remaining(
    conversations: Iterable[PlannedConversation], done: Collection[TurnKey]
) -> tuple[PlannedConversation, ...]:
    """The conversations with at least one turn not yet recorded, in order."""
    return tuple(c for c in conversations if any(key not in done for key in c.turn_keys))


def recorded_turns(turns: Iterable[Turn]) -> dict[TurnKey, Turn]:
    """The turns that count, by key; warm-up turns do not."""
    return {turn.key: turn for turn in turns if not turn.is_warm_up}


def _reseeded(variant: Variant, repeat: int) -> Variant:
    """A sampled answer that is repeated with the same seed would be the same answer."""
    sampling = msgspec.structs.replace(variant.sampling, seed=variant.sampling.seed + repeat)
    return msgspec.structs.replace(variant, sampling=sampling)


def _refuse_doubles(what: str, names: Sequence[str]) -> None:
    if not names:
        raise ConfigError(f"no {what} to run", f"Name at least one {what}")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{what} {name!r} is there twice", f"Give each {what} its own name")
