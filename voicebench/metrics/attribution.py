"""Whose loss a lost fact is: the recogniser's, the cleaning's or the LLM's.

The same LLM answers three transcripts: recognised and cleaned, gold and cleaned, gold. A fact that
the first answer lost is the recogniser's loss if gold text would have kept it through the cleaning,
the cleaning's if only uncleaned gold text would, and the LLM's if even that would not. So the three
shares sum to all that was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voicebench.metrics.counts import AddedByField, ratio
from voicebench.metrics.facts import FactVerdict

Stage = Literal["asr", "cleaning", "llm"]


@dataclass(frozen=True)
class Attribution(AddedByField):
    """Lost facts (missing or contradicted) by the stage that lost them; sums add.

    >>> (Attribution(expected=4, asr=1) + Attribution(expected=2, llm=1)).lost
    2
    """

    expected: int = 0
    asr: int = 0
    cleaning: int = 0
    llm: int = 0

    @property
    def lost(self) -> int:
        """All facts lost in the answers that were given."""
        return self.asr + self.cleaning + self.llm

    def share(self, stage: Stage) -> float | None:
        """A stage's part of all expected facts: the three sum to lost / expected."""
        lost: int = getattr(self, stage)
        return ratio(lost, self.expected)


def blame(recognised: bool, gold_cleaned: bool, gold: bool) -> Stage | None:
    """The stage that lost a fact, from whether each of the three answers states it.

    >>> blame(recognised=False, gold_cleaned=True, gold=True)
    'asr'
    >>> blame(recognised=False, gold_cleaned=False, gold=True)
    'cleaning'
    """
    if recognised:
        return None
    if gold_cleaned:
        return "asr"
    return "cleaning" if gold else "llm"


def attribute(
    recognised: Sequence[FactVerdict],
    gold_cleaned: Sequence[FactVerdict],
    gold: Sequence[FactVerdict],
) -> Attribution:
    """Attributes the lost facts of one turn, from the verdicts on its three answers.

    Raises:
        ValueError: The verdicts are not about the same facts in the same order.
    """
    counts: dict[Stage, int] = {"asr": 0, "cleaning": 0, "llm": 0}
    for verdicts in zip(recognised, gold_cleaned, gold, strict=True):
        if len({verdict.fact_id for verdict in verdicts}) > 1:
            raise ValueError(f"verdicts on different facts: {verdicts}")
        stage = blame(*(verdict.verdict == "correct" for verdict in verdicts))
        if stage:
            counts[stage] += 1
    return Attribution(len(recognised), **counts)
