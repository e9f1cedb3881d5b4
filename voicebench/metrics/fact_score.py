"""What is counted of facts in answers: verdicts, their counts, and the rates derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicebench.metrics.counts import AddedByField, ratio

Verdict = Literal["correct", "missing", "contradicted"]


@dataclass(frozen=True)
class FactVerdict:
    """What an answer makes of one fact; `evidence` is the piece of the answer that decided."""

    fact_id: str
    verdict: Verdict
    evidence: str = ""


@dataclass(frozen=True)
class FactScore(AddedByField):
    """Counts over answers; sums add, rates are derived (None where there is nothing to count).

    >>> (FactScore(answers=1, expected=2, correct=2) + FactScore(answers=1, answers_wrong=1,
    ...     expected=2, missing=1, contradicted=1)).fact_miss_rate
    0.25

    Attributes:
        answers: Answers judged.
        answers_wrong: Answers with a contradicted fact or an unsupported entity.
        expected: Facts that the answers should state.
        correct: Expected facts stated.
        missing: Expected facts not stated.
        contradicted: Expected facts stated wrongly.
        unsupported: Entities asserted that nobody said.
        extra: Further entities asserted that were said: true, but not asked for.
        constraints: Demands on form.
        constraints_kept: Those kept.
        refusals: Answers that say they do not know.
        refusals_unasked: Those although the answer was there.
    """

    answers: int = 0
    answers_wrong: int = 0
    expected: int = 0
    correct: int = 0
    missing: int = 0
    contradicted: int = 0
    unsupported: int = 0
    extra: int = 0
    constraints: int = 0
    constraints_kept: int = 0
    refusals: int = 0
    refusals_unasked: int = 0

    def __post_init__(self) -> None:
        if self.correct + self.missing + self.contradicted != self.expected:
            raise ValueError(f"verdicts do not sum to the expected facts: {self}")

    @property
    def wrong(self) -> int:
        """Facts asserted wrongly."""
        return self.contradicted + self.unsupported

    @property
    def asserted(self) -> int:
        """All facts asserted, right or wrong, asked for or not."""
        return self.correct + self.wrong + self.extra

    @property
    def factual_error_rate(self) -> float | None:
        """Answers with at least one false statement / answers."""
        return ratio(self.answers_wrong, self.answers)

    @property
    def fact_miss_rate(self) -> float | None:
        """Missing facts / expected facts."""
        return ratio(self.missing, self.expected)

    @property
    def fact_error_rate(self) -> float | None:
        """Facts asserted wrongly / all facts asserted."""
        return ratio(self.wrong, self.asserted)

    @property
    def constraint_pass_rate(self) -> float | None:
        """Demands on form kept / demands on form."""
        return ratio(self.constraints_kept, self.constraints)


@dataclass(frozen=True)
class Judgement:
    """Everything found about one answer."""

    facts: tuple[FactVerdict, ...]
    unsupported: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    constraints: tuple[tuple[str, bool], ...] = ()
    is_refusal: bool = False
    expects_refusal: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether the answer states anything false."""
        return bool(self.unsupported) or any(f.verdict == "contradicted" for f in self.facts)

    def score(self) -> FactScore:
        """The counts of this answer."""
        verdicts = [fact.verdict for fact in self.facts]
        return FactScore(
            answers=1,
            answers_wrong=int(self.is_wrong),
            expected=len(verdicts),
            correct=verdicts.count("correct"),
            missing=verdicts.count("missing"),
            contradicted=verdicts.count("contradicted"),
            unsupported=len(self.unsupported),
            extra=len(self.extra),
            constraints=len(self.constraints),
            constraints_kept=sum(kept for _, kept in self.constraints),
            refusals=int(self.is_refusal),
            refusals_unasked=int(self.is_refusal and not self.expects_refusal),
        )
