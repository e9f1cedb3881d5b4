"""Latency mode: one conversation at a time, as it would be live, and nothing carried over.

Before each turn its audio is made and the LLM's prefix cache is emptied, so that no turn is cheaper
for what ran before it; the history of its own conversation is computed again too. What a live
system keeps warm is a setting to be measured, never a side effect of the order of a plan.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voicebench.audio import chunk_audio
from voicebench.llm.base import reset_prefix_cache
from voicebench.metrics.conditions import is_meeting
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.pipeline.sample_tools import sample_toolbox
from voicebench.pipeline.turn import last_question
from voicebench.runs.plan import PlannedConversation, Work
from voicebench.runs.turns import begin_turn, make_audio
from voicebench.types import Case, Turn

MIN_WARM_UP_TURNS = 2


def run_latency(work: Work) -> Iterator[Turn]:
    """Yields warm-up turns (`is_warm_up`), then every turn that is left, in order.

    Raises:
        MissingPackageError, StorageError: No turn's audio can be made.
    """
    with _what_is_loaded_left_alone():
        for planned in _warm_up(work):
            yield from _run_conversation(work, planned, is_warm_up=True)
        for planned in work.conversations:
            yield from _run_conversation(work, planned)


@contextlib.contextmanager
def _what_is_loaded_left_alone() -> Iterator[None]:
    """Garbage is collected between turns: without this all of what was loaded would be gone through
    each time, up to a second. A vLLM engine sees to it itself, for as long as it lives."""
    if gc.get_freeze_count():
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _warm_up(work: Work) -> Iterator[PlannedConversation]:
    """The shortest conversation of each variant, as often as it takes to have two turns; one that
    is to be answered, if there is any."""
    for variant in work.run.variants:
        of_variant = [c for c in work.conversations if c.variant.name == variant.name]
        if of_variant:
            shortest = min(of_variant, key=_trouble_to_run)
            yield from [shortest] * -(-MIN_WARM_UP_TURNS // len(shortest.case.turns))


def _trouble_to_run(planned: PlannedConversation) -> tuple[bool, float]:
    turns = planned.case.turns
    has_degraded = any(turn.expects == "degraded" for turn in turns)
    return has_degraded, sum(turn.t_eos_s for turn in turns)


def _run_conversation(
    work: Work, planned: PlannedConversation, *, is_warm_up: bool = False
) -> Iterator[Turn]:
    assistant = Assistant(
        work.models.recognizer,
        work.models.generator,
        planned.variant,
        toolbox=sample_toolbox() if planned.case.tools else None,
    )
    conversation = Conversation(planned.variant.history_budget_tokens, planned.case.clock)
    for key in planned.turn_keys:
        recorded = work.done.get(key)
        if recorded is not None and not is_warm_up:
            conversation.remember(assistant.generator, last_question(recorded), recorded.answer)
            continue
        begun = begin_turn(work, planned, key[-1], is_warm_up=is_warm_up)
        samples, begun = make_audio(work, planned, begun)
        if samples is None:
            yield begun
            continue
        reset_prefix_cache(work.models.generator)
        gc.collect()  # not during the turn
        yield asyncio.run(play_turn(assistant, conversation, planned.case, samples, begun))


async def play_turn(
    assistant: Assistant,
    conversation: Conversation,
    case: Case,
    samples: NDArray[np.float32],
    begun: Turn,
) -> Turn:
    """Speaks one turn of a case at its pace and returns its record.

    Args:
        assistant: Who listens.
        conversation: The turns before it.
        case: What it is a turn of.
        samples: Its audio, shape (num_samples,), 16 kHz mono float32.
        begun: Its record before anything has happened.
    """
    clock = make_clock(begun.pace)
    events = assistant.run_turn(
        paced(chunk_audio(samples), clock),
        conversation,
        clock=clock,
        endpointing=not is_meeting(case.turns[begun.turn_index]),
        tools=case.tools,
    )
    return collect_turn([event async for event in events], begun)
