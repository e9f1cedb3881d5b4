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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

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
_Rule = tuple[frozenset[str], re.Pattern[str], Reader]
_TIME_RULES: tuple[_Rule, ...] = tuple(
    (frozenset(signs), clock.CLOCK[name], functools.partial(clock.read_time, name))
    for name, signs in clock.SIGNS.items()
)
_RULES: tuple[_Rule, ...] = _TIME_RULES + tuple(
    (frozenset(signs), pattern, reader)
    for signs, pattern, reader in (
        ("0123456789零〇一二三四五六七八九幺", identifiers.IDENTIFIER, identifiers.read_identifier),
        ("元块圆蚊币金刀镑纸铢卢郎¥$€£rmbcnyuseghkd", quantities.MONEY, quantities.read_money),
        ("毛角分半", quantities.DIMES, quantities.read_dimes),
        ("分%‰成折倍/半番p百", quantities.SHARE, quantities.read_share),
        ("比:", quantities.RATIO, quantities.read_ratio),
        ("两", quantities.TAEL, quantities.read_tael),
        (
            "0123456789零〇一二两三四五六七八九幺十百千万亿",
            quantities.QUANTITY,
            quantities.read_quantity,
        ),
        ("半", quantities.HALF, quantities.read_half),
    )
)
"""Characters one of which every match has, a pattern, and its reader."""
_BEGINS = re.compile(
    r"[好几0123456789零〇一二两三四五六七八九幺十百千万亿半负减+(¥$€£\-~人hru差还早凌清朝上中晏正下午傍晚夜深子"
    "大前昨今明后次翌当第隔听琴寻周星礼每这本双工元情妇植愚劳青儿建教国圣平双跨春端中重腊小除冬农阴母父感年月初底末"
    "公阳新翻对再过去来mtwfsnlajdoy]"
)
_FIGURE_BEGINS = frozenset(
    "0123456789零〇一二两三四五六七八九幺十百千万亿半负减+(¥$€£-人hru翻对好几"
)
_APPROXIMATE = re.compile(
    r"(?:一两|两三|三四|三五|四五|五六|六七|七八|八九)(?=[个天次种位名本只条百千万十年月周块元人分小件份斤])|十几|好几|几(?=[十百千万])"
)
"""A figure that is left open: 两三百块, 十几个."""
_NUMERAL_RUN = re.compile(NUMBER)
_CODE_BEFORE = re.compile(
    r"(?:座位?|座位号|房间|房号|号码|编号|桌号?|柜号|排队|排|[门楼桌床车票卡单]号)(?:是|为|:)?$"
)
_HOLIDAYS = re.compile(r"小?长?假期?|黄金周|前后")
_SHORT_YEAR = re.compile(r"\d\d年")
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
    own_counts = {match.start(1) for match in lists.OWN_COUNT.finditer(folded)}
    own_counts |= {match.start(1) for match in lists.OWN_COUNT_BEFORE_LIST.finditer(folded)}
    found: list[Entity] = []
    rules, position = _Rules.for_text(folded), 0
    for name in sorted(_find_names(folded, names), key=lambda name: name.start):
        found += [*_scan(folded[: name.start], position, today, rules), name]
        position = name.end
    found += _scan(folded, position, today, rules)
    own_counts |= {m.start(m.lastindex or 0) for m in lists.OF_A_CODE.finditer(folded)}
    idioms = lists.find_idioms(folded)
    found = [
        replace(e, is_weak=True) if e.start in own_counts else e
        for e in found
        if e.kind in (*NAME_KINDS, "date") or not {e.start, e.end - 1} <= idioms
    ]
    return tuple(_in_series(found, folded, today))


def _scan(text: str, position: int, today: datetime.date, rules: _Rules) -> Iterator[Entity]:
    """The entities of a text from `position` on."""
    people_and_places = {name.start: name for name in _find_unlisted_names(text, position)}
    last_end = -1
    while True:
        begins = _BEGINS.search(text, position)
        starts = [start for start in people_and_places if start >= position]
        at = min([*starts, begins.start() if begins else len(text)])
        if at == len(text):
            return
        if text[at] in "-~" and at == last_end:  # a range, no minus
            position = at + 1
            continue
        entity, position = _read_at(text, at, today, rules, people_and_places.get(at))
        if entity is not None:
            yield entity
            last_end = position


class _Rules(NamedTuple):
    """The rules that can match anywhere in a text."""

    days: tuple[calendar.Rule, ...]
    times: tuple[tuple[re.Pattern[str], Reader], ...]
    figures: tuple[tuple[re.Pattern[str], Reader], ...]

    @staticmethod
    def for_text(text: str) -> _Rules:
        characters = set(text)
        times, all_rules = (
            tuple(rule[1:] for rule in rules if not rule[0].isdisjoint(characters))
            for rules in (_TIME_RULES, _RULES)
        )
        return _Rules(calendar.rules_for(text), times, all_rules)


def _read_at(
    text: str, position: int, today: datetime.date, rules: _Rules, name: Entity | None
) -> tuple[Entity | None, int]:
    """The longest entity that begins at `position`, `name` being one, and where to read on."""
    best = _read_value(text, position, today, rules)
    if name and (best is None or name.end > best.end):
        best = name
    idiom, open_figure = lists.IDIOM.match(text, position), _APPROXIMATE.match(text, position)
    if open_figure:
        rest = quantities.MONEY.match(text, open_figure.end())
        ends = (open_figure.end(), best.end if best else 0, rest.end() if rest else 0)
        return None, max(ends)
    if idiom and (best is None or idiom.end() >= best.end):
        return None, max(idiom.end(), position + 1)
    if best is not None:
        return best, best.end
    run = _NUMERAL_RUN.match(text, position)
    return None, run.end() if run else position + 1


def _read_value(text: str, position: int, today: datetime.date, rules: _Rules) -> Entity | None:
    day = calendar.read_day(text, position, today, rules.days)
    best = _date(text, position, *day) if day else None
    for pattern, reader in rules.figures if text[position] in _FIGURE_BEGINS else rules.times:
        match = pattern.match(text, position)
        if match and (best is None or match.end() >= best.end):
            entity = reader(match)
            if entity and (best is None or entity.end > best.end):
                best = entity
    if best is None or best.kind != "number":
        return best
    if "/" in best.text and best.unit == "%":  # 3/15 may be a day
        month, number = map(int, best.text.split("/"))
        return replace(best, day=calendar.month_day(None, month, number, today))
    if best.unit == "月" and _SHORT_YEAR.fullmatch(best.text):
        return replace(best, day=calendar.whole_year(best.text[:2], today))
    return best


def _find_unlisted_names(text: str, position: int) -> Iterator[Entity]:
    """Large cities, and surnames with a title."""
    for match in name_forms.CITY.finditer(text, position):
        if name_forms.is_whole_name(text, *match.span(), "place"):
            yield Entity("place", match.group(), *match.span(), match.group())
    for match in name_forms.TITLED_PERSON.finditer(text, position):
        yield Entity("person", match.group(), *match.span(), match.group())


def _date(text: str, start: int, end: int, day: Day) -> Entity:
    """A date; 二十五号 is a number where a seat or a code is spoken of, and may be one elsewhere."""
    written = text[start:end]
    is_holiday = bool(day.festival) and bool(_HOLIDAYS.match(text, end))
    is_weak = written in calendar.RELATED_DAYS or is_holiday
    figure = parse_number(written[:-1]) if day.day_of_month and written[-1] == "号" else None
    number = plain(figure) if figure is not None else ""
    if number and _CODE_BEFORE.search(text[:start]):
        return Entity("number", written, start, end, number, "号", figure=number, day=day)
    return Entity("date", written, start, end, str(day), day=day, number=number, is_weak=is_weak)


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
    listed_until = 0
    for i, entity in enumerate(entities):
        if entity.start < listed_until:
            continue
        entity = _with_weekdays(entities[i : i + 7], text)
        listed_until = entity.end
        after = entities[i + 1] if i + 1 < len(entities) else None
        before = entities[i - 1] if i else None
        if after and _is_range(entity, after, text):
            entity = _with_unit(entity, after)
        if before and _is_range(before, entity, text):
            entity = _with_share(before, entity, today)
        yield entity


def _joins_weekdays(first: Entity, second: Entity, text: str) -> bool:
    """Whether a list of weekdays goes on: 每周二、周四和周六 is one value."""
    days = first.day, second.day
    is_bare = all(day and day.weekdays and (day.is_every or day.dates) for day in days)
    return is_bare and text[first.end : second.start] in ("", "、", "和", "与", "及", "、和")


def _with_weekdays(entities: Sequence[Entity], text: str) -> Entity:
    first = last = entities[0]
    if not first.day or not first.day.is_every:
        return first
    weekdays = first.day.weekdays
    for entity in entities[1:]:
        if not _joins_weekdays(last, entity, text):
            break
        last, weekdays = entity, weekdays | (entity.day.weekdays if entity.day else frozenset())
    if last is first:
        return first
    day = replace(first.day, weekdays=weekdays)
    return replace(first, text=text[first.start : last.end], end=last.end, day=day)


def _is_range(first: Entity, second: Entity, text: str) -> bool:
    return bool(_RANGE.fullmatch(text, first.end, second.start)) and first.kind not in NAME_KINDS


def _with_unit(first: Entity, second: Entity) -> Entity:
    """三 of 三到五天 is three days."""
    if first.kind != "number" or first.unit or second.unit in ("", "比") or not first.figure:
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
