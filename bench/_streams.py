"""Several conversations at once on the same two models, as a service has them.

    recognizer, generator = load_and_warm_up(profile, num_streams=8)
    played = await play_streams(Assistant(recognizer, generator, variant), streams, "real_time")

Each stream is one person: speaks, hears the answer out, speaks again. Nothing orders the streams but
the models they share; what one waits for is what the others make it wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicebench.clock import now_s
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.memory import Conversation
from voicebench.runs.latency import play_turn
from voicebench.runs.turns import turn_audio, with_end_of_speech
from voicebench.types import Case, Pace, Turn, Variant


@dataclass(frozen=True)
class Speech:
    """A conversation as audio: of each turn of the case its samples and where its speech ends."""

    case: Case
    turns: tuple[tuple[NDArray[np.float32], float], ...]


@dataclass(frozen=True)
class Played:
    """A turn that was played.

    Attributes:
        turn: Its record.
        stream: The number of its stream.
        started_s: When its first sample was spoken, on the clock of `now_s`.
        ended_s: When its last event had happened.
    """

    turn: Turn
    stream: int
    started_s: float
    ended_s: float

    @property
    def duration_s(self) -> float:
        """Seconds of the wall, at either pace."""
        return self.ended_s - self.started_s


def make_speech(case: Case, folders: Mapping[str, Path], variant: Variant) -> Speech:
    """Makes a case's audio beforehand, so that no stream waits for it.

    Raises:
        VoicebenchError, OSError: A turn's audio cannot be made.
    """
    folder = folders[case.suite]
    return Speech(case, tuple(turn_audio(turn, folder, variant) for turn in case.turns))


async def play_streams(
    assistant: Assistant,
    streams: Sequence[Sequence[Speech]],
    pace: Pace,
    *,
    starts_s: Sequence[float] = (),
    run_id: str = "streams",
    repeat: int = 0,
) -> list[Played]:
    """Plays streams side by side, the speeches of each one after the other.

    Args:
        assistant: Its recogniser takes windows of several streams at once
            (`ready.load_and_warm_up` with `num_streams`).
        streams: Of each stream what it says.
        pace: `real_time`, or `fast` for as fast as the models go.
        starts_s: Seconds after which each stream begins; empty: all at once.
        run_id: Of the records.
        repeat: Likewise.

    Returns:
        Every turn, by stream and in order; one that failed is there with its failure.
    """

    async def play(number: int) -> list[Played]:
        await asyncio.sleep(starts_s[number] if starts_s else 0.0)
        played = []
        for speech in streams[number]:
            budget = assistant.variant.history_budget_tokens
            conversation = Conversation(budget, speech.case.clock)
            for index, (samples, t_eos_s) in enumerate(speech.turns):
                begun = with_end_of_speech(
                    Turn(
                        run_id=run_id, suite=speech.case.suite, case_id=speech.case.id,
                        variant=assistant.variant.name, repeat=repeat, turn_index=index,
                        mode="latency", pace=pace,
                    ),
                    speech.case.turns[index],
                    t_eos_s,
                )  # fmt: skip
                started_s = now_s()
                turn = await play_turn(assistant, conversation, speech.case, samples, begun)
                played.append(Played(turn, number, started_s, now_s()))
        return played

    of_streams = await asyncio.gather(*(play(number) for number in range(len(streams))))
    return [played for of_stream in of_streams for played in of_stream]
