"""Which of several values a context gives to which event: 机票八百四,酒店三百二.

Each clause of the context that states a value names its role by the words that no other clause has. A
value of the answer stands in the role whose words its own clause has.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from voicebench.metrics.grounds import Grounds
from voicebench.metrics.reading import Reading, Span
from voicebench.metrics.values.entity import VALUE_KINDS

_CLAUSE = re.compile(r"(?:[^,、。!?;:\n()]|(?<=\d):(?=\d))+")
_TAKEN_BACK = re.compile(
    r"(?:^|[哦噢啊呃哎嗯])不|不[对行]|错|等等|等会|等一?下|算了|改|更正|弄混|口误|太"
)
_ASKS = re.compile("什么|[哪谁吗几]|多少|怎么")
_NO_ROLE = frozenset(
    "的了是在有和与及跟要我您你他她它们吧吗呢啊哦哎噢嗯呃不没也都就还又再把被给请让去来到为个这那一改成定从将会能好"
    "行上下午点号日月年元块钱共总" + "、\"'“”《》「」…~- "
)
_SIDES = re.compile("[线楼][上下]|[上下]半|[上下](?=[册集期])")
Find = Callable[[Reading], Iterable[Span]]
"""Where a text has the values of a fact."""
IsRival = Callable[[Reading, Span, frozenset[str]], bool]


@dataclass(frozen=True)
class Roles:
    """The words of a fact's role, and those of each other role of the context."""

    own: frozenset[str]
    others: tuple[frozenset[str], ...]

    def of(self, reading: Reading, span: Span) -> str:
        """`own`, `other` or, where the clause shows neither, nothing."""
        words = clause_words(reading, clause_at(reading, span))
        own, other = self.shares(words - _letters(reading, [span]))
        return "own" if own > other else "other" if other > own and not own else ""

    def shares(self, words: frozenset[str]) -> tuple[int, int]:
        """How many words of the fact's role, and at most of another one, are among some words."""
        return len(words & self.own), max((len(words & other) for other in self.others), default=0)


def read_roles(grounds: Grounds, find: Find, is_rival: IsRival) -> Roles | None:
    """The role of a fact that `find` finds; None where the context gives but one.

    Args:
        grounds: What the answer may draw on.
        find: Where a text has the fact's value.
        is_rival: Whether a clause of a text, whose words are given beside those of the fact's clause,
            gives another value a role of its own.
    """
    own: list[frozenset[str]] = []
    found: list[tuple[Reading, Span, frozenset[str]]] = []
    for reading in grounds.readings:
        spans = list(find(reading))
        for clause in clauses(reading):
            words = clause_words(reading, clause)
            if _TAKEN_BACK.search(reading.text, *clause):
                found.clear()
            if any(_is_in(span, clause) for span in spans):
                own.append(words - _letters(reading, spans))
            elif not _ASKS.search(reading.text, *clause):
                found.append((reading, clause, words))
    if not own:
        return None
    told = own[-1]
    others = [words for reading, clause, words in found if is_rival(reading, clause, words & told)]
    elsewhere = frozenset[str]().union(*others)
    mine = told - elsewhere
    theirs = tuple(words for other in others if (words := other - told))
    return Roles(mine, theirs) if mine and theirs else None


def clause_words(reading: Reading, clause: Span) -> frozenset[str]:
    """The characters of a clause that may name a role: none of values, none of function words."""
    start, end = clause
    values = {
        i
        for e in reading.entities
        if e.kind in VALUE_KINDS and e.start < end and start < e.end
        for i in range(e.start, e.end)
    }
    told = frozenset(reading.text[i] for i in range(start, end) if i not in values) - _NO_ROLE
    return told | frozenset(_SIDES.findall(reading.text, start, end))


def clause_at(reading: Reading, span: Span) -> Span:
    """The clause that a span stands in."""
    return next((clause for clause in clauses(reading) if _is_in(span, clause)), span)


@functools.lru_cache(maxsize=1_000)
def clauses(reading: Reading) -> tuple[Span, ...]:
    """The clauses of a text; 机票八百四酒店三百二 is two."""
    found: list[Span] = []
    for match in _CLAUSE.finditer(reading.text):
        start, end = match.span()
        values = [e for e in reading.entities if start <= e.start and e.end <= end]
        kinds = [e.kind for e in values]
        values = [e for e in values if kinds.count(e.kind) > 1 and e.kind in VALUE_KINDS]
        cuts: list[int] = []
        if values and len({e.kind for e in values}) == 1:
            if values[0].start == start:
                cuts = [e.start for e in values[1:]]
            elif values[-1].end == end:
                cuts = [e.end for e in values[:-1]]
        bounds = [start, *cuts, end]
        found += itertools.pairwise(bounds)
    return tuple(found)


def _is_in(span: Span, clause: Span) -> bool:
    return clause[0] <= span[0] < clause[1]


def _letters(reading: Reading, spans: Iterable[Span]) -> frozenset[str]:
    return frozenset(char for start, end in spans for char in reading.text[start:end])
