"""How an arm runs a turn, and how all arms are measured: interleaved, utterance by utterance."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from _joint_arms import Utterance
from _separate import SeparateServices

from voicebench.audio import chunk_audio
from voicebench.llm.base import Prompt
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.types import Event, Turn

NUM_WARM_UP = 2


@dataclass(frozen=True)
class Runner:
    """How an arm runs a turn: what comes before it, and the turn."""

    prepare: Callable[[Prompt | None], Awaitable[None]]
    run: Callable[[Utterance], Awaitable[tuple[Event, ...]]]


def joint(assistant: Assistant) -> Runner:
    """An arm in this process."""
    generator = assistant.generator

    async def prepare(head: Prompt | None) -> None:
        generator.forget_prompts()
        if head:
            await generator.warm(head)

    async def run(utterance: Utterance) -> tuple[Event, ...]:
        clock = make_clock("real_time")
        audio = paced(chunk_audio(utterance.samples), clock)
        return tuple([e async for e in assistant.run_turn(audio, Conversation(), clock=clock)])

    return Runner(prepare, run)


def separate(services: SeparateServices) -> Runner:
    """The arm over HTTP."""

    async def prepare(head: Prompt | None) -> None:
        await services.forget_prompts()
        if head:
            await services.warm(head)

    async def run(utterance: Utterance) -> tuple[Event, ...]:
        clock = make_clock("real_time")
        audio = paced(chunk_audio(utterance.samples), clock)
        return tuple([event async for event in services.run_turn(audio, clock)])

    return Runner(prepare, run)


async def measure(
    bench: str,
    runners: dict[str, Runner],
    utterances: Sequence[Utterance],
    head: Prompt | None,
    seed: int,
) -> list[Turn]:
    """Warm-up turns, then every utterance in every arm.

    Args:
        bench: Stands in the records for a run.
        runners: By the arm's name.
        utterances: In order.
        head: The beginning of prompts that is kept in the prefix cache; None: nothing is.
        seed: Of the order of arms.
    """
    order, turns = random.Random(seed), []
    planned = [(u, True) for u in utterances[:NUM_WARM_UP]] + [(u, False) for u in utterances]
    for utterance, is_warm_up in planned:
        for arm in order.sample(list(runners), len(runners)):
            await runners[arm].prepare(head)
            gc.collect()  # not during the turn
            turn = collect_turn(
                await runners[arm].run(utterance),
                Turn(
                    run_id=bench, suite=utterance.suite, case_id=utterance.case_id,
                    variant=arm, repeat=0, turn_index=utterance.turn_index, mode="latency",
                    pace="real_time", is_warm_up=is_warm_up, t_eos_s=utterance.t_eos_s,
                    t_eos_source="annotated",
                ),
            )  # fmt: skip
            turns.append(turn)
            print("w" if is_warm_up else ".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return turns
