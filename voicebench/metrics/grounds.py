"""What an answer may draw on: what was said, what tools returned, and what the case lists."""

from __future__ import annotations

import datetime
import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voicebench.lexicon import either
from voicebench.lexicon.people import TITLES
from voicebench.metrics.assertion import Polarity
from voicebench.metrics.derived import is_day_after, is_derived
from voicebench.metrics.reading import Reading, Span, read_text
from voicebench.metrics.values.compare import compare
from voicebench.metrics.values.entity import NAME_KINDS, Day, Entity
from voicebench.metrics.values.scan import Names

_TITLE = re.compile(rf"(?:{either(TITLES)})$")


@dataclass(frozen=True, eq=False)
class Grounds:
    """The given context, read once, with the values of the case's facts."""

    readings: tuple[Reading, ...]
    entities: tuple[Entity, ...]
    text: str

    def with_entities(self, entities: Sequence[Entity]) -> Grounds:
        """The same, with further values that are given."""
        return Grounds(self.readings, (*self.entities, *entities), self.text)

    def support(self, entity: Entity) -> bool:
        """Whether this value was given."""
        if entity.kind in NAME_KINDS:
            return self._names(entity)
        if any(compare(ground, entity) in ("equal", "partial") for ground in self.entities):
            return True
        if entity.day and any(self._is_within(entity, reading) for reading in self.readings):
            return True
        if is_derived(entity, self.entities) or is_day_after(entity, self.entities):
            return True
        # in run-on speech 八点二十个人 reads as a time; the words themselves still stand there
        where = self.text.find(entity.text) if len(entity.text) > 1 else -1
        if entity.kind in ("date", "time"):
            return where >= 0
        return where >= 0 and not re.match(
            r"[\d零〇一二两三四五六七八九幺十百千万亿负-]", self.text[max(where - 1, 0) : where]
        )

    def _names(self, entity: Entity) -> bool:
        if entity.value in self.text:
            return True
        name = _TITLE.sub("", entity.value)
        return entity.kind == "person" and name not in ("", entity.value) and name in self.text

    @staticmethod
    def _is_within(entity: Entity, reading: Reading) -> bool:
        """Whether a day lies in a range of days that was given: 周二 in 周一到周三."""
        days = [e for e in reading.entities if e.day and (e.day.dates or e.day.weekdays)]
        for first, last in itertools.pairwise(days):
            between = reading.text[first.end : last.start]
            if between not in ("到", "至", "-", "~") or not (first.day and last.day and entity.day):
                continue
            for start in first.day.dates:
                ends = [day for day in last.day.dates if 0 <= (day - start).days <= 31]
                if any(start <= day <= end for day in entity.day.dates for end in ends):
                    return True
        return False

    def mentions(self, value: Entity) -> Iterator[tuple[Reading, int]]:
        """Where the context has a value: the text, and which of its entities it is."""
        for reading in self.readings:
            for i, entity in enumerate(reading.entities):
                if compare(value, entity) == "equal":
                    yield reading, i

    def polarity_of(self, value: Entity) -> Polarity | None:
        """The polarity with which the context mentions a value last; None where it does not."""
        found = [reading.polarities[i] for reading, i in self.mentions(value)]
        return found[-1] if found else None

    def spans(self, words: str) -> Iterator[tuple[Reading, Span]]:
        """Where the context has some words."""
        for reading in self.readings:
            for match in re.finditer(re.escape(words), reading.text):
                yield reading, match.span()


_PAUSE = re.compile(r"(?<=[\u4e00-\u9fff]) +(?=[\u4e00-\u9fff])")


def _pauses_marked(text: str) -> str:
    """A transcript with its pauses as commas, unless spaces stand between all its words.

    >>> _pauses_marked("周六不到 周日才到"), _pauses_marked("会议 在 周四 下午")
    ('周六不到,周日才到', '会议 在 周四 下午')
    """
    is_in_words = len(text) < 4 * len(_PAUSE.findall(text)) + 4
    return text if is_in_words else _PAUSE.sub(",", text)


@functools.lru_cache(maxsize=5_000)
def read_context(context: tuple[str, ...], clock: str, names: Names) -> Grounds:
    """Reads a context; now and today are always given."""
    now = datetime.datetime.fromisoformat(clock)
    readings = tuple(read_text(_pauses_marked(text), clock, names) for text in context)
    today = Day(dates=frozenset({now.date()}), is_today=True)
    entities = [entity for reading in readings for entity in reading.entities]
    entities.append(Entity("date", "今天", 0, 0, str(today), day=today))
    minute = now.hour * 60 + now.minute
    entities.append(Entity("time", "现在", 0, 0, "", minutes=frozenset({minute})))
    return Grounds(readings, tuple(entities), "\n".join(reading.text for reading in readings))
