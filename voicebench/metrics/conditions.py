"""Under which condition a turn was heard: what a suite's figures are split by, and pooled by.

A condition is data of the case (`types.Condition`), so a run's records and cases are all it takes.

Figures over all suites pool only what is alike. A meeting ends with its audio, so nobody waits for
an endpoint in it, and where nobody speaks every character is invented: each has a row of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple, get_args

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


TurnKind = Literal["speech", "meetings", "no words"]
ALL_SUITES = "all"


def is_meeting(asked: CaseTurn) -> bool:
    """Whether several people speak in the turn."""
    spoken = asked.segments if asked.spoken is msgspec.UNSET else asked.spoken
    return len({segment.speaker for segment in spoken}) > 1


def kind_of(asked: CaseTurn) -> TurnKind:
    """What a turn may be pooled with."""
    if asked.sound is not msgspec.UNSET:
        return "no words"
    return "meetings" if is_meeting(asked) else "speech"


def pools(found: Collection[tuple[str, TurnKind]]) -> dict[TurnKind, str]:
    """The rows over all suites, by the kind of turn that each pools.

    Args:
        found: The suites with the kinds of turn in them.

    Returns:
        The names of the rows: `all` for the first kind there is, `all: meetings` and `all: no words`
        for the others; no such row where a kind is exactly one suite, which has its row already, and
        none at all with one suite.

    >>> pools({("qa", "speech"), ("noise", "speech"), ("noise", "no words"), ("long", "meetings")})
    {'speech': 'all', 'no words': 'all: no words'}
    >>> pools({("qa", "speech"), ("qa", "no words")})
    {}
    """
    if len({suite for suite, _ in found}) < 2:
        return {}
    names: dict[TurnKind, str] = {}
    for kind in get_args(TurnKind):
        suites = {suite for suite, each in found if each == kind}
        is_one_suite = len(suites) == 1 and not {k for s, k in found if s in suites} - {kind}
        if suites and not names:
            names[kind] = ALL_SUITES
        elif suites and not is_one_suite:
            names[kind] = f"{ALL_SUITES}: {kind}"
    return names


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
