"""What both modes do around a turn: begin its record, make its audio, remember it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.errors import MissingPackageError, StorageError, VoicebenchError
from voicebench.metrics.conditions import is_meeting
from voicebench.runs.plan import PlannedConversation, Work
from voicebench.suites.render import render_turn
from voicebench.types import SAMPLE_RATE_HZ, CaseTurn, StageFailure, Turn, Variant

SILENCE_AFTER_ENDPOINT_S = 0.5


def begin_turn(
    work: Work, planned: PlannedConversation, turn_index: int, *, is_warm_up: bool = False
) -> Turn:
    """The record of a turn before anything has happened."""
    suite, case_id, variant, repeat = planned.key
    return Turn(
        run_id=work.run.run_id,
        suite=suite,
        case_id=case_id,
        variant=variant,
        repeat=repeat,
        turn_index=turn_index,
        mode=work.run.mode,
        pace=work.run.pace,
        is_warm_up=is_warm_up,
    )


def make_audio(
    work: Work, planned: PlannedConversation, begun: Turn
) -> tuple[NDArray[np.float32] | None, Turn]:
    """The audio of a turn, with silence after it for the endpointer to hear.

    A meeting (several speakers) is a recording that somebody hands in: it ends with its last word,
    because the pauses in it end no turn.

    Returns:
        Samples (num_samples,) at 16 kHz and the record with `t_eos_s`; None and a failed record
        where this one turn's audio cannot be made.

    Raises:
        MissingPackageError, StorageError: No turn's audio can be made.
    """
    turn = planned.case.turns[begun.turn_index]
    try:
        samples, t_eos_s = turn_audio(turn, work.folders[planned.case.suite], planned.variant)
    except (MissingPackageError, StorageError):
        raise
    except (VoicebenchError, OSError) as error:
        failure = StageFailure(stage="audio", type=type(error).__name__, message=str(error))
        return None, msgspec.structs.replace(begun, failure=failure)
    return samples, with_end_of_speech(begun, turn, t_eos_s)


def turn_audio(turn: CaseTurn, folder: Path, variant: Variant) -> tuple[NDArray[np.float32], float]:
    """The audio of a turn as `make_audio` describes it, and where its speech ends.

    Args:
        turn: What is said.
        folder: Of its suite.
        variant: Its endpoint silence is what the endpointer must hear.

    Raises:
        VoicebenchError, OSError: It cannot be made.
    """
    samples, t_eos_s = render_turn(turn, folder)
    if turn.sound is not msgspec.UNSET:  # nobody speaks: it is as long as the case says
        return samples, t_eos_s
    if is_meeting(turn):
        return samples[: round(t_eos_s * SAMPLE_RATE_HZ)], t_eos_s
    end_s = t_eos_s + variant.longest_silence_s + SILENCE_AFTER_ENDPOINT_S
    missing = round(end_s * SAMPLE_RATE_HZ) - len(samples)
    return np.pad(samples, (0, max(0, missing))), t_eos_s


def with_end_of_speech(begun: Turn, turn: CaseTurn, t_eos_s: float) -> Turn:
    """The record with the end of speech that the suite gives; none where nobody speaks."""
    if turn.sound is not msgspec.UNSET:
        return begun
    source = "annotated" if turn.t_eos_source is msgspec.UNSET else turn.t_eos_source
    return msgspec.structs.replace(begun, t_eos_s=t_eos_s, t_eos_source=source)
