"""Error rates of transcripts: CER, WER, and MER for speech that mixes Chinese and Latin words.

    (substitutions + deletions + insertions) / reference units, summed over the corpus

Both sides go through the same named normaliser. Where the reference is empty, what was invented
counts in the numerator and in the denominator, so that invented speech shows in the corpus rate.
Alignment is rapidfuzz's, which jiwer rests on too: the same steps without what jiwer adds to them, which
takes most of its time.

    from voicebench.metrics.error_rate import cer
    sum((cer(r, h) for r, h in pairs), ErrorRate()).rate
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from voicebench.metrics.counts import AddedByField, ratio
from voicebench.metrics.normalize import NORMALIZERS, get_normalizer

Operation = Literal["equal", "substitute", "delete", "insert"]
_MIXED_UNIT = re.compile(r"[^\W_一-鿿぀-ヿ]+(?:\.\d+)?%?|\S")

__all__ = [
    "NORMALIZERS", "Alignment", "ErrorRate", "Step", "align", "cer", "characters", "count_errors",
    "cp_cer", "mer", "mixed_units", "wer", "words",
]  # fmt: skip


@dataclass(frozen=True)
class ErrorRate(AddedByField):
    """Edit counts between references and hypotheses; sums add, the rate is derived.

    >>> ErrorRate(1, 0, 2, 10) + ErrorRate(0, 1, 0, 10)
    ErrorRate(substitutions=1, deletions=1, insertions=2, reference_units=20, invented_units=0)
    >>> (ErrorRate(1, 0, 2, 10) + ErrorRate(0, 1, 0, 10)).rate
    0.2

    Attributes:
        substitutions: Units replaced by another.
        deletions: Reference units that were not heard.
        insertions: Units heard that were not said.
        reference_units: Characters or words of the references.
        invented_units: Those insertions whose reference was empty.
    """

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    reference_units: int = 0
    invented_units: int = 0

    def __post_init__(self) -> None:
        if min(self.substitutions, self.deletions, self.insertions, self.invented_units) < 0:
            raise ValueError(f"counts must not be negative: {self}")
        if self.substitutions + self.deletions > self.reference_units:
            raise ValueError(f"more substitutions and deletions than reference units: {self}")
        if self.invented_units > self.insertions:
            raise ValueError(f"more invented units than insertions: {self}")

    @property
    def errors(self) -> int:
        """Numerator of the rate."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def total(self) -> int:
        """Denominator of the rate: reference units and units invented against silence."""
        return self.reference_units + self.invented_units

    @property
    def rate(self) -> float | None:
        """Errors per unit; None where nothing was said and nothing heard."""
        return ratio(self.errors, self.total)


@dataclass(frozen=True)
class Step:
    """One piece of an alignment; both sides are units, empty on a deletion's or insertion's side."""

    operation: Operation
    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]


@dataclass(frozen=True)
class Alignment:
    """A reference laid beside a hypothesis, for counting and for display."""

    steps: tuple[Step, ...]

    def error_rate(self) -> ErrorRate:
        """The counts of this alignment."""
        sizes = {"equal": 0, "substitute": 0, "delete": 0, "insert": 0}
        for step in self.steps:
            sizes[step.operation] += max(len(step.reference), len(step.hypothesis))
        num_reference = sizes["equal"] + sizes["substitute"] + sizes["delete"]
        return ErrorRate(
            sizes["substitute"],
            sizes["delete"],
            sizes["insert"],
            num_reference,
            0 if num_reference else sizes["insert"],
        )

    def __str__(self) -> str:
        """Errors in brackets: [reference→hypothesis], [-dropped], [+added].

        >>> print(align(list("三百块钱"), list("三白块钱钱")))
        三[百→白]块[+钱]钱
        """
        forms = {"equal": "{0}", "substitute": "[{0}→{1}]", "delete": "[-{0}]", "insert": "[+{1}]"}
        gap = " " if any(len(unit) > 1 for step in self.steps for unit in step.reference) else ""
        return gap.join(
            forms[step.operation].format(gap.join(step.reference), gap.join(step.hypothesis))
            for step in self.steps
        )


def characters(text: str) -> list[str]:
    """Units of CER: every character that is not white space."""
    return [char for char in text if not char.isspace()]


def words(text: str) -> list[str]:
    """Units of WER: what white space separates."""
    return text.split()


def mixed_units(text: str) -> list[str]:
    """Units of MER: each CJK character alone, each Latin word or number whole.

    >>> mixed_units("打开ppt app吧")
    ['打', '开', 'ppt', 'app', '吧']
    """
    return _MIXED_UNIT.findall(text)


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> Alignment:
    """Aligns two sequences of units by smallest edit distance."""
    return _align(tuple(reference), tuple(hypothesis))


@functools.lru_cache(maxsize=256)  # a turn's CER, MER and seams, and a case's variants, are near
def _align(reference: tuple[str, ...], hypothesis: tuple[str, ...]) -> Alignment:
    from rapidfuzz.distance import Levenshtein

    numbers: dict[str, int] = {}
    sides = [[numbers.setdefault(unit, len(numbers)) for unit in units]
             for units in (reference, hypothesis)]  # fmt: skip
    return Alignment(
        tuple(
            Step(
                "substitute" if run.tag == "replace" else cast(Operation, run.tag),
                reference[run.src_start : run.src_end],
                hypothesis[run.dest_start : run.dest_end],
            )
            for run in Levenshtein.opcodes(*sides)
        )
    )


@functools.lru_cache(maxsize=20_000)  # repeats and variants hear the same again
def count_errors(
    reference: str, hypothesis: str, units: Callable[[str], list[str]], normalizer: str = "basic"
) -> ErrorRate:
    """Edit counts of one pair after the normaliser called `normalizer`.

    Raises:
        ConfigError: There is no normaliser of that name.
    """
    normalize = get_normalizer(normalizer)
    return align(units(normalize(reference)), units(normalize(hypothesis))).error_rate()


def cer(
    reference: str | Sequence[str], hypothesis: str | Sequence[str], normalizer: str = "basic"
) -> ErrorRate:
    """Character errors of one pair, or of two lists of the same length: errors and characters add up.

    >>> cer("今天天气很好", "今天天很好啊").rate == 2 / 6
    True
    >>> cer("", "嗯嗯").rate
    1.0
    >>> cer(["你好", "今天天气很好"], ["你好", "今天天很好啊"]).rate == 2 / 8
    True
    """
    if isinstance(reference, str) and isinstance(hypothesis, str):
        return count_errors(reference, hypothesis, characters, normalizer)
    if isinstance(reference, str) or isinstance(hypothesis, str):
        raise TypeError("reference and hypothesis are two texts or two lists of texts")
    pairs = zip(reference, hypothesis, strict=True)
    return functools.reduce(operator.add, (cer(r, h, normalizer) for r, h in pairs), ErrorRate())


def wer(reference: str, hypothesis: str, normalizer: str = "basic") -> ErrorRate:
    """Word errors of one pair, for English.

    >>> wer("hello world", "hello duck").rate
    0.5
    """
    return count_errors(reference, hypothesis, words, normalizer)


def mer(reference: str, hypothesis: str, normalizer: str = "basic") -> ErrorRate:
    """Mixed errors of one pair: CJK by character, Latin by word.

    >>> mer("打开PPT", "打开PVT").rate == 1 / 3
    True
    """
    return count_errors(reference, hypothesis, mixed_units, normalizer)


def cp_cer(
    references: Mapping[str, str], hypotheses: Mapping[str, str], normalizer: str = "basic"
) -> ErrorRate:
    """Concatenated minimum-permutation CER of a meeting.

    Each speaker's speech is concatenated; speakers of the two sides are matched so that the number
    of errors is least; a speaker without a partner is matched with silence.

    Args:
        references: Speaker to everything they said, in order of time.
        hypotheses: Recognised speaker to everything recognised as theirs.
        normalizer: Name in `NORMALIZERS`.
    """
    from scipy.optimize import linear_sum_assignment

    num_speakers = max(len(references), len(hypotheses))
    said = [*references.values()] + [""] * (num_speakers - len(references))
    heard = [*hypotheses.values()] + [""] * (num_speakers - len(hypotheses))
    pairs = [[cer(reference, hypothesis, normalizer) for hypothesis in heard] for reference in said]
    if not pairs:
        return ErrorRate()
    rows, columns = linear_sum_assignment([[pair.errors for pair in row] for row in pairs])
    total = sum(
        (pairs[row][column] for row, column in zip(rows, columns, strict=True)), ErrorRate()
    )
    if total.reference_units == 0:
        return total
    # within a meeting where something was said, another speaker's silence is no empty reference
    return ErrorRate(total.substitutions, total.deletions, total.insertions, total.reference_units)
