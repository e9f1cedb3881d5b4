"""Facts that a transcript probably holds, for a person to review.

    from voicebench.metrics.suggest import suggest_facts
    suggest_facts("明天下午三点付三百块", clock="2026-01-05T09:00:00")

A suggestion says that a value was said, not that a good answer repeats it: a retracted value is
suggested too, names are found only where a title or a large city gives them away.
"""

from __future__ import annotations

from collections import Counter

from voicebench.metrics.values.numerals import fold
from voicebench.metrics.values.scan import find_entities
from voicebench.types import Fact


def suggest_facts(text: str, clock: str) -> tuple[Fact, ...]:
    """Numbers, dates, times, money and names of a transcript, each value once.

    Args:
        text: Gold transcript.
        clock: ISO 8601 local time to which 今天 is relative.

    >>> [(f.id, f.value) for f in suggest_facts("明天五點見，改到六点", "2026-01-05T09:00:00")]
    [('date', '明天'), ('time', '五點'), ('time2', '六点')]
    """
    facts: list[Fact] = []
    counts: Counter[str] = Counter()
    for entity in find_entities(text, clock):
        value = _as_written(text, entity.text)
        if entity.is_weak or not value or any(fact.value == value for fact in facts):
            continue
        counts[entity.kind] += 1
        number = counts[entity.kind]
        fact_id = entity.kind if number == 1 else f"{entity.kind}{number}"
        facts.append(Fact(id=fact_id, type=entity.kind, value=value))
    return tuple(facts)


def _as_written(text: str, folded: str) -> str:
    """The piece of a text that folds to `folded`; empty where no piece does."""
    for start in range(len(text)):
        if not fold(text[start]) or not folded.startswith(fold(text[start])):
            continue
        for end in range(start + 1, min(len(text), start + 2 * len(folded)) + 1):
            if fold(text[start:end]) == folded:
                return text[start:end]
    return ""
