"""How far two judges of the same items agree, such as a person and `facts.judge_answer`.

from _agreement import agreement
agreement([("correct", "correct"), ("missing", "correct")]).kappa
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class JudgeAgreement:
    """Counts of (person's verdict, machine's verdict); sums add.

    Attributes:
        counts: How often each couple of verdicts was given.
    """

    counts: Counter[tuple[str, str]]

    def __add__(self, other: JudgeAgreement) -> JudgeAgreement:
        return JudgeAgreement(self.counts + other.counts)

    @property
    def n(self) -> int:
        """Items judged."""
        return self.counts.total()

    @property
    def agreed(self) -> int:
        """Items with the same verdict of both."""
        return sum(num for (person, machine), num in self.counts.items() if person == machine)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (1960): agreement beyond what the two would have by chance, over all such
        agreement that there is to have. None where chance alone agrees always.

        >>> agreement([("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")]).kappa
        0.5
        """
        by_person: Counter[str] = Counter()
        by_machine: Counter[str] = Counter()
        for (person, machine), num in self.counts.items():
            by_person[person] += num
            by_machine[machine] += num
        by_chance = sum(by_person[each] * by_machine[each] for each in by_person)
        if by_chance == self.n**2:
            return None
        return (self.agreed * self.n - by_chance) / (self.n**2 - by_chance)

    def precision(self, verdict: str) -> float | None:
        """The share of the machine's verdicts of a kind that are the person's too."""
        return self._share(verdict, sum(n for (_, v), n in self.counts.items() if v == verdict))

    def recall(self, verdict: str) -> float | None:
        """The share of the person's verdicts of a kind that are the machine's too."""
        return self._share(verdict, sum(n for (v, _), n in self.counts.items() if v == verdict))

    def _share(self, verdict: str, of: int) -> float | None:
        return self.counts[verdict, verdict] / of if of else None


def agreement(verdicts: Iterable[tuple[str, str]]) -> JudgeAgreement:
    """The agreement over items judged by both: (person's verdict, machine's verdict) of each."""
    return JudgeAgreement(Counter(verdicts))
