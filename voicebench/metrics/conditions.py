"""Under which condition a turn was heard: what a suite's figures are split by.

A condition is data of the case (`types.Condition`), so a run's records and cases are all it takes.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from voicebench.types import CaseTurn

CLEAN = "clean"
FOREIGN = "another language"
_EASIER_WHEN_LESS = ("reverberation", "clipping", "packet_loss")


class Heard(NamedTuple):
    """A condition: sorts clean first, then by kind, and within a kind the easiest first."""

    kind: str = ""
    hardness: float = 0.0
    label: str = CLEAN


CLEANLY = Heard()


def heard_under(asked: CaseTurn) -> Heard:
    """The condition of a turn.

    >>> from voicebench.types import Condition, Segment
    >>> said = {"reference": "好", "meaning": "好", "t_eos_s": 1.0,
    ...         "segments": (Segment(voice="cmn", spoken="好"),)}
    >>> heard_under(CaseTurn(**said, condition=Condition(kind="noise", level=5))).label
    'noise 5 dB'
    >>> heard_under(CaseTurn(**said)).label
    'clean'
    """
    if asked.sound is not msgspec.UNSET:
        return Heard("no speech", label=asked.sound.kind)
    if asked.condition is not msgspec.UNSET:
        kind, level = asked.condition.kind, asked.condition.level
        hardness = level if kind in _EASIER_WHEN_LESS else -level
        return Heard(kind, hardness, asked.condition.label)
    if asked.expects == "degraded":
        return Heard("speech", label=FOREIGN)
    return CLEANLY
