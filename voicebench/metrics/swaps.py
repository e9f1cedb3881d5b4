"""Whether an answer gives a right value or name to the wrong one of two events.

赵一鸣出差,孙莉主持 answered by 孙莉出差,赵一鸣主持 states both names, each in the other's place. Three things
show it: another clause has the words of the fact's own one, the value that was bound to another (周二 to
one doctor, 周三 to the other), or the way that 从 and 到, 先 and 再 point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from voicebench.metrics.grounds import Grounds
from voicebench.metrics.reading import Reading, Span, overlaps
from voicebench.metrics.roles import clause_at, clause_words, clauses
from voicebench.metrics.values.compare import compare
from voicebench.metrics.values.entity import VALUE_KINDS, Entity

Find = Callable[[Reading], Iterable[Span]]
_TAKEN_BACK = re.compile(r"[不错改]|等等|算了|更正|弄混|口误|取消|推迟|提前")
_FROM = re.compile(
    r"(?:从|(?<![独各亲])自(?![驾己行动助习学费然由带觉来])|离开)[^,。!?;从到往至]{0,4}$"
)
_ONWARD = re.compile(r"(?:到了?|往|前往|去|至|飞|抵达|进了?|->|→)[^,。!?;从到往至]{0,2}$")
_FIRST, _THEN = (
    re.compile(r"先[^,。!?;再后]{0,3}$"),
    re.compile(r"(?:再|然后|之后|其次)[^,。!?;先]{0,3}$"),
)
_WAYS = ((_FROM, _ONWARD), (_FIRST, _THEN))


def find_swapped(
    answer: Reading, grounds: Grounds, find: Find, stated: Sequence[Span]
) -> list[Span]:
    """The places of a right value that stands where another one should; none where it stands right.

    Args:
        answer: The answer.
        grounds: The context.
        find: Where a text has the fact's value.
        stated: Where the answer states it.
    """
    told = [(reading, span) for reading in grounds.readings for span in find(reading)]
    if not told or not stated:
        return []
    reading, span = told[-1]
    if any(_TAKEN_BACK.search(each.text) for each in grounds.readings):
        return []
    own = clause_at(reading, span)
    others = [
        (each, clause)
        for each in grounds.readings
        for clause in clauses(each)
        if not (each is reading and clause == own) and clause[0] < clause[1]
    ]
    here = list(dict.fromkeys(clause_at(answer, place) for place in stated))
    if (
        _points_back(reading, span, answer, stated)
        or _is_bound_elsewhere(reading, own, span, others, answer, here, stated)
        or _has_others_words(reading, own, span, others, answer, here)
    ):
        return list(stated)
    return []


def _points_back(reading: Reading, span: Span, answer: Reading, stated: Sequence[Span]) -> bool:
    """Whether 到 leads to it where 从 should, or 再 where 先 should."""
    for ways in _WAYS:
        told = _way(ways, reading.text[: span[0]])
        found = {_way(ways, answer.text[: place[0]]) for place in stated}
        if told and found == {-told}:
            return True
    return False


def _way(ways: tuple[re.Pattern[str], re.Pattern[str]], before: str) -> int:
    return 1 if ways[0].search(before) else -1 if ways[1].search(before) else 0


def _is_bound_elsewhere(
    reading: Reading, own: Span, span: Span, others: Sequence[tuple[Reading, Span]],
    answer: Reading, here: Sequence[Span], stated: Sequence[Span],
) -> bool:  # fmt: skip
    """Whether it stands beside the value that another clause of the context has: 陈医生周三 for 周二."""
    mine = _values(reading, own, [span])
    theirs = [
        e for each, clause in others for e in _values(each, clause, [])
        if any(compare(v, e) == "conflict" for v in mine)
    ]  # fmt: skip
    if len(mine) != 1 or not theirs:
        return False
    beside = [e for clause in here for e in _values(answer, clause, stated)]
    return any(compare(v, e) == "equal" for v in theirs for e in beside) and not any(
        compare(v, e) in ("equal", "partial") for v in mine for e in beside
    )


def _has_others_words(
    reading: Reading, own: Span, span: Span, others: Sequence[tuple[Reading, Span]],
    answer: Reading, here: Sequence[Span],
) -> bool:  # fmt: skip
    """Whether another clause has the words of its own one, and its own those of another."""
    name = frozenset(reading.text[slice(*span)])
    told = clause_words(reading, own) - name
    elsewhere = frozenset[str]().union(*(clause_words(each, c) for each, c in others))
    rivals = _rivals(reading, span, others)
    mine, theirs = told - elsewhere, elsewhere - told - name
    beside = frozenset[str]().union(*(clause_words(answer, clause) for clause in here))
    if beside & mine:
        return False
    is_theirs = len(beside & theirs) >= 2
    for clause in clauses(answer):
        words = clause_words(answer, clause)
        if clause in here:
            continue
        has_rival = any(
            compare(e, r) == "equal" for r in rivals for e in _values(answer, clause, [])
        )
        if is_theirs and not mine and has_rival and not words & theirs:
            return True
        if len(words & mine) >= min(2, len(mine) or 9) and (is_theirs or has_rival):
            return True
    return False


def _rivals(reading: Reading, span: Span, others: Sequence[tuple[Reading, Span]]) -> list[Entity]:
    """The values of other clauses that could take the fact's place."""
    own = [e for e in reading.entities if (e.start, e.end) == span]
    return [
        e for each, clause in others for e in _values(each, clause, [])
        if any(compare(o, e) == "conflict" for o in own)
    ]  # fmt: skip


def is_told_of(answer: Reading, grounds: Grounds, span: Span, find: Find, find_fact: Find) -> bool:
    """Whether the clause of a given value in the answer says what the context says of that value, rather
    than what it says of the fact.

    Args:
        answer: The answer.
        grounds: The context.
        span: Where the answer has the value.
        find: Where a text has the value.
        find_fact: Where a text has the fact's value.
    """
    here = clause_at(answer, span)
    words, values = clause_words(answer, here), _values(answer, here, [span])

    def shared(find: Find) -> int:
        found = [
            len(words & clause_words(reading, clause))
            + 2
            * sum(compare(v, e) == "equal" for v in values for e in _values(reading, clause, []))
            for reading in grounds.readings
            for place in find(reading)
            for clause in (clause_at(reading, place),)
        ]
        return max(found, default=0)

    return shared(find) > shared(find_fact) + 1


def _values(reading: Reading, clause: Span, apart: Sequence[Span]) -> list[Entity]:
    return [
        e for e in reading.entities
        if clause[0] <= e.start < clause[1] and e.kind in VALUE_KINDS and not e.is_weak
        if not overlaps((e.start, e.end), apart)
    ]  # fmt: skip
