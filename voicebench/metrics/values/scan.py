"""The grammar: numbers, dates, times, money and names of a text, left to right.

At each position every rule that can begin there is tried and the longest reading wins, so that 三点五公里
is a distance and 三点半 a time. Names cannot be found without knowing them: they are looked up in a
given list; beside it, a surname with a title (王经理) and the names of large cities are recognised.

    from voicebench.metrics.values.scan import find_entities
    find_entities("下周三下午两点半付三百块", clock="2026-03-02T09:00:00")
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from voicebench.metrics import names as name_forms
from voicebench.metrics.values import calendar, clock, identifiers, lists, quantities
from voicebench.metrics.values.entity import NAME_KINDS, Day, Entity, Kind
from voicebench.metrics.values.numerals import NUMBER, fold, parse_number, plain
from voicebench.types import Fact

Names = tuple[tuple[str, Kind], ...]
"""Known names with their kinds, folded, longest first: what `known_names` returns."""


def known_names(facts: Iterable[Fact]) -> Names:
    """The names that facts are about, for `find_entities` to look up.

    >>> known_names([Fact(id="who", type="person", value="李明", forbidden=("王芳",))])
    (('李明', 'person'), ('王芳', 'person'))
    """
    names = {
        (fold(form), fact.type)
        for fact in facts
        if fact.type in NAME_KINDS
        for form in (fact.value, *fact.accepted, *fact.forbidden)
        if len(fold(form)) > 1
    }
    return tuple(sorted(names, key=lambda name: (-len(name[0]), name)))


@functools.lru_cache(maxsize=20_000)
def plain_text(text: str) -> str:
    """A text folded, with its list marks as semicolons: what positions of entities refer to."""
    return fold(lists.drop_list_marks(text))


Reader = Callable[[re.Match[str]], "Entity | None"]
_RULES: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (identifiers.IDENTIFIER, identifiers.read_identifier),
    *((pattern, functools.partial(clock.read_time, name)) for name, pattern in clock.CLOCK.items()),
    (quantities.MONEY, quantities.read_money),
    (quantities.DIMES, quantities.read_dimes),
    (quantities.SHARE, quantities.read_share),
    (quantities.TAEL, quantities.read_tael),
    (quantities.QUANTITY, quantities.read_quantity),
    (quantities.HALF, quantities.read_half),
)
_BEGINS = re.compile(
    r"[\d零〇一二两三四五六七八九幺十百千万亿半负减+(¥$€£\-人hru差还早凌清朝上中晏正下午傍晚夜深子"
    r"大前昨今明后次翌当第隔听琴寻周星礼每这本元情妇植愚劳青儿建教国圣平双跨春端中重腊小除冬农阴母父感年月初底末"
    r"翻对再过去来年mtwfsnlajdoy]"
)
_CALENDAR = re.compile(
    r"[-/.年月日号天周期拜前后旦节十一二夜诞午夕秋阳八宵底初末季y旬儿次朝昨今明aeou]"
)
_NO_VALUE = re.compile(
    rf"{lists.IDIOM.pattern}|(?:一两|两三|三四|三五|四五|五六|六七|七八|八九)(?=[个天次位名本只条百千万十年月周块元人种分小件份斤])|[十几](?=几)|好几|几[十百千万]?"
)
_NUMERAL_RUN = re.compile(NUMBER)
_CODE_BEFORE = re.compile(
    r"(?:座位?|座位号|房间|房号|号码|编号|桌号?|柜号|排队|排|[门楼桌床车票卡单]号)(?:是|为|:)?$"
)
_RANGE = re.compile(r"(?:到|至|-|~|—)$")


@functools.lru_cache(maxsize=10_000)
def find_entities(text: str, clock: str, names: Names = ()) -> tuple[Entity, ...]:
    """Entities of a text, in order of appearance, none overlapping.

    Args:
        text: Any text; positions refer to `plain_text(text)`.
        clock: ISO 8601 local time to which 今天 and 下周三 are relative.
        names: Known names and their kinds, folded.

    >>> [(e.kind, e.value) for e in find_entities("下周三下午两点半付三百块", "2026-03-02T09:00:00")]
    [('date', '2026-03-11'), ('time', '14:30'), ('money', '300')]
    """
    folded = plain_text(text)
    today = datetime.datetime.fromisoformat(clock).date()
    known = {entity.start: entity for entity in _find_names(folded, names)}
    own_counts = {match.start(1) for match in lists.OWN_COUNT.finditer(folded)}
    own_counts |= {match.start(1) for match in lists.OWN_COUNT_BEFORE_LIST.finditer(folded)}
    return tuple(_in_series(list(_scan(folded, today, known, own_counts)), folded, today))


def _scan(
    text: str, today: datetime.date, known: dict[int, Entity], own_counts: set[int]
) -> Iterator[Entity]:
    position, last_end = 0, -1
    while position < len(text):
        name = known.get(position)
        if name:
            yield name
            position = name.end
            continue
        if text[position] in "-~" and position == last_end:  # a range, no minus
            position += 1
            continue
        entity, end = _read_at(text, position, today)
        if entity is not None:
            if entity.start in own_counts and entity.kind != "date":
                entity = replace(entity, is_weak=True)
            yield entity
            last_end = end
        position = end
    return


def _read_at(text: str, position: int, today: datetime.date) -> tuple[Entity | None, int]:
    """The longest entity that begins at `position`, and where to read on."""
    begins = _BEGINS.match(text, position)
    best = _read_value(text, position, today) if begins else None
    name = _read_name(text, position)
    if name and (best is None or name.end > best.end):
        best = name
    skipped = _NO_VALUE.match(text, position) if begins else None
    if skipped and (best is None or skipped.end() >= best.end):
        return None, max(skipped.end(), position + 1)
    if best is not None:
        return best, best.end
    run = _NUMERAL_RUN.match(text, position)
    return None, run.end() if run else position + 1


def _read_value(text: str, position: int, today: datetime.date) -> Entity | None:
    best: Entity | None = None
    if _CALENDAR.search(text, position, position + 16):
        day = calendar.read_day(text, position, today)
        best = _date(text, position, *day) if day else None
    for pattern, reader in _RULES:
        match = pattern.match(text, position)
        if match and (best is None or match.end() >= best.end):
            entity = reader(match)
            if entity and (best is None or entity.end > best.end):
                best = entity
    if best is not None and "/" in best.text and best.unit == "%":  # 3/15 may be a day
        month, number = map(int, best.text.split("/"))
        return replace(best, day=calendar.month_day(None, month, number, today))
    return best


def _read_name(text: str, position: int) -> Entity | None:
    """A surname with a title, or a large city."""
    person = name_forms.TITLED_PERSON.match(text, position)
    if person:
        return Entity("person", person.group(), *person.span(), person.group())
    city = name_forms.CITY.match(text, position)
    if city and name_forms.is_whole_name(text, *city.span(), "place"):
        return Entity("place", city.group(), *city.span(), city.group())
    return None


def _date(text: str, start: int, end: int, day: Day) -> Entity:
    """A date; 二十五号 is a number where a seat or a code is spoken of, and may be one elsewhere."""
    written = text[start:end]
    figure = parse_number(written[:-1]) if day.day_of_month and written[-1] == "号" else None
    number = plain(figure) if figure is not None else ""
    if number and _CODE_BEFORE.search(text[:start]):
        return Entity("number", written, start, end, number, "号", figure=number, day=day)
    return Entity("date", written, start, end, str(day), day=day, number=number)


def _find_names(text: str, names: Names) -> list[Entity]:
    """Known names, longer ones first, none overlapping."""
    found: list[Entity] = []
    taken: set[int] = set()
    for name, kind in names:
        for start, end in name_forms.find_name(text, name, kind):
            if not taken.intersection(range(start, end)):
                taken.update(range(start, end))
                found.append(Entity(kind, name, start, end, name))
    return found


def _in_series(entities: list[Entity], text: str, today: datetime.date) -> Iterator[Entity]:
    """Gives each end of a range what it shares with the other: 三到五天, 三月五号到八号."""
    for i, entity in enumerate(entities):
        after = entities[i + 1] if i + 1 < len(entities) else None
        before = entities[i - 1] if i else None
        if after and _is_range(entity, after, text):
            entity = _with_unit(entity, after)
        if before and _is_range(before, entity, text):
            entity = _with_share(before, entity, today)
        yield entity


def _is_range(first: Entity, second: Entity, text: str) -> bool:
    return bool(_RANGE.fullmatch(text, first.end, second.start)) and first.kind not in NAME_KINDS


def _with_unit(first: Entity, second: Entity) -> Entity:
    """三 of 三到五天 is three days."""
    if first.kind != "number" or first.unit or not second.unit or not first.figure:
        return first
    figure, unit = Decimal(first.value), second.unit
    if second.figure and second.value and Decimal(second.figure):
        factor = Decimal(second.value) / Decimal(second.figure)
        figure = figure * factor
    return replace(first, kind=second.kind, unit=unit, value=plain(figure.normalize()))


def _with_share(first: Entity, second: Entity, today: datetime.date) -> Entity:
    """三十 of 百分之二十到三十 is a percentage, 八号 of 三月五号到八号 is in March, 四点 of 下午两点到四点
    in the afternoon."""
    if second.kind == "number" and not second.unit and first.unit == "%":
        return replace(second, unit="%")
    if first.day and second.day and second.day.day_of_month and len(first.day.dates) == 1:
        (start,) = first.day.dates
        day = calendar.day_of_month(second.day.day_of_month, today, month=start)
        return replace(second, day=day, value=str(day)) if day and day.dates else second
    if len(first.minutes) == 1 and len(second.minutes) == 2:
        (start_minute,) = first.minutes
        later = frozenset(m for m in second.minutes if 0 < (m - start_minute) % 1440 < 720)
        return replace(second, minutes=later or second.minutes)
    return second
