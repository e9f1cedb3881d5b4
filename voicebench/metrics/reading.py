"""A text read once: its entities, and which of them it asserts."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from voicebench.lexicon import either
from voicebench.lexicon.opposites import GAIN, POLES, RISE
from voicebench.metrics.assertion import Mention, Polarity, Reader
from voicebench.metrics.values.compare import compare_days
from voicebench.metrics.values.entity import Entity
from voicebench.metrics.values.scan import Names, find_entities, plain_text

Span = tuple[int, int]
_POLE = re.compile(either(POLES))
_CLAUSE = re.compile(r"[^,。!?;\n()]*")
_NEGATED = re.compile(r"(?:没有?|未|不|别|无)(?:再|有|能|会|继续)?$")
_TODAY_IS = re.compile(r"今天是$")


def kind_of(entity_kind: str) -> str:
    """The kind within which one value can take another's place."""
    return "figure" if entity_kind in ("number", "money") else entity_kind


@dataclass(frozen=True, eq=False)
class Reading:
    """A folded text with its entities in order; polarities are read when they are asked for."""

    text: str
    entities: tuple[Entity, ...]

    @functools.cached_property
    def _reader(self) -> Reader:
        return Reader(self.text, [Mention(e.start, e.end, kind_of(e.kind)) for e in self.entities])

    @functools.cached_property
    def polarities(self) -> tuple[Polarity, ...]:
        """The polarity of each entity. 不是周三下午三点 denies the time with the day."""
        found: list[Polarity] = []
        for i, entity in enumerate(self.entities):
            before = self.entities[i - 1] if i else None
            if self._is_just_today(entity):
                found.append("open")
                continue
            own = self.polarity(entity.start, entity.end, entity.kind)
            is_joined = before and before.end >= entity.start - 1 and before.kind != entity.kind
            found.append(found[-1] if is_joined and own == "asserted" else own)
        # what is dropped further on (三点改四点,四点又改五点) was only stated on the way there
        dropped = {
            (e.kind, e.value): e.start
            for e, polarity in zip(self.entities, found, strict=True)
            if polarity == "denied"
        }
        return tuple(
            "denied" if own == "asserted" and dropped.get((e.kind, e.value), -1) > e.start else own
            for e, own in zip(self.entities, found, strict=True)
        )

    def polarity(self, start: int, end: int, kind: str) -> Polarity:
        """The polarity of the piece at `start:end`."""
        return self._reader.polarity(start, end, kind_of(kind))

    def of_polarity(self, polarity: Polarity) -> tuple[Entity, ...]:
        """The entities of one polarity."""
        pairs = zip(self.entities, self.polarities, strict=True)
        return tuple(entity for entity, found in pairs if found == polarity)

    def _is_just_today(self, entity: Entity) -> bool:
        """今天是周一 tells when one speaks, and 明天是周二 reads the calendar: they answer nothing."""
        is_named = (
            entity.day is not None
            and entity.day.is_today
            and self.text.startswith("是", entity.end)
        )
        if entity.day and any(self._is_same_day(entity, other) for other in self.entities):
            return True
        return is_named or (
            entity.kind == "date" and bool(_TODAY_IS.search(self.text[: entity.start]))
        )

    def _is_same_day(self, entity: Entity, other: Entity) -> bool:
        """Whether 是 says of two words for a day that they are one: 明天是周二."""
        first, second = sorted((entity, other), key=lambda e: e.start)
        return (
            other.day is not None
            and entity.day is not None
            and self.text[first.end : second.start] == "是"
            and compare_days(entity.day, other.day) == "equal"
        )

    def directions(self, start: int, end: int) -> dict[int, int]:
        """Pair to pole of the words near a value that give it a direction: 下降12%, 三点以前."""
        clause_start = max(self.text.rfind(char, 0, start) for char in ",。!?;\n()") + 1
        after = _CLAUSE.match(self.text, end)
        around = [
            *_POLE.finditer(self.text, max(clause_start, start - 10), start),
            *_POLE.finditer(self.text, end, min(after.end() if after else end, end + 6)),
        ]
        found: dict[int, int] = {}
        for match in around:
            gap = start - match.end() if match.start() < start else match.start() - end
            is_short = len(match.group()) == 1
            if is_short and (gap > 2 or not _may_point(match.group(), match.start() >= end, gap)):
                continue
            pair, pole = POLES[match.group()]
            is_negated = _NEGATED.search(self.text, clause_start, match.start())
            found[pair] = -pole if is_negated else pole
        if any(e.start == start and e.value.startswith("-") for e in self.entities):
            found = {p: -pole if p in (RISE, GAIN) else pole for p, pole in found.items()}
        return found


def _may_point(word: str, is_after: bool, gap: int) -> bool:
    """三点前, 多三个: these words point only where they touch their value, on that side."""
    if word in "前后":
        return is_after and gap == 0
    return not is_after and gap < 2 if word in "多少高低早晚快慢贵重轻长短" else True


@functools.lru_cache(maxsize=10_000)
def read_text(text: str, clock: str, names: Names = ()) -> Reading:
    """Reads a text (see `scan.find_entities`)."""
    return Reading(plain_text(text), find_entities(text, clock, names))


def overlaps(span: Span, spans: Iterable[Span]) -> bool:
    """Whether a span shares a character with any of the others."""
    return any(span[0] < end and start < span[1] for start, end in spans)
