"""Values that follow from given ones: a sum, a difference, a share a head, the days between two dates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

from voicebench.lexicon.units import CURRENCIES
from voicebench.metrics.values.entity import ONE_DAY, VALUE_KINDS, Entity

_AT_MOST = 12
"""Given values of one unit that are combined: a longer context gives nearly any small number."""


def is_derived(entity: Entity, given: Sequence[Entity]) -> bool:
    """Whether a figure follows from given ones by one step of arithmetic."""
    figure = _figure(entity)
    if figure is None:
        return False
    return figure in set(_figures(entity.unit, given)) or (
        entity.unit in ("秒", "次", "月") and figure in set(_spans(entity.unit, given))
    )


def _figure(entity: Entity) -> Decimal | None:
    if entity.kind not in ("number", "money"):
        return None
    try:
        return Decimal(entity.value)
    except InvalidOperation:  # 3:2
        return None


def _figures(unit: str, given: Sequence[Entity]) -> Iterator[Decimal]:
    """Sums, differences, and what one of several gets or all of them make."""
    figures = [(e.unit, f) for e in given if (f := _figure(e)) is not None]
    units = {unit, ""} if unit in CURRENCIES.values() else {unit}
    own = list(dict.fromkeys(f for its_unit, f in figures if its_unit in units))[:_AT_MOST]
    counts = {f for its_unit, f in figures if its_unit != unit and 1 < f <= 1000}
    if len(own) > 1:
        yield sum(own, Decimal(0))
    for first, second in itertools.combinations(own, 2):
        yield first + second
        yield abs(first - second)
    if unit:
        yield from (f * count for f in own for count in counts)
        yield from (f / count for f in own for count in counts)
    if unit == "%":
        money = [f for its_unit, f in figures if f and its_unit in ("", *CURRENCIES.values())]
        yield from (100 * min(a, b) / max(a, b) for a, b in itertools.combinations(money, 2))
    shares = [f / 100 for its_unit, f in figures if its_unit == "%"] if unit != "%" else []
    yield from (f * part for f in own for share in shares for part in (share, 1 - share))


def _spans(unit: str, given: Sequence[Entity]) -> Iterator[Decimal]:
    """Seconds between days and times of day; how often a week something is."""
    given = [e for e in given if e.kind in VALUE_KINDS][: 4 * _AT_MOST]
    if unit == "月":
        yield from _ages(given)
        return
    if unit == "次":
        yield from (Decimal(len(e.day.weekdays)) for e in given if e.day and e.day.is_every)
        return
    for first, second in itertools.combinations(given, 2):
        if first.day and second.day:
            is_counted_in = not (first.day.is_today or second.day.is_today)
            for a, b in itertools.product(first.day.dates, second.day.dates):
                days = abs((a - b).days)
                yield Decimal(days * 86_400)
                if is_counted_in:
                    yield Decimal((days + 1) * 86_400)
        for begin, end in itertools.product(first.minutes, second.minutes):
            yield Decimal((end - begin) % 1440 * 60)
            yield Decimal((begin - end) % 1440 * 60)


def is_day_after(entity: Entity, given: Sequence[Entity]) -> bool:
    """Whether a date ends a given number of days from a given one: 五一, three days, ends on 5月3日."""
    if not entity.day or not entity.day.dates:
        return False
    spans = {Decimal(e.value) / 86_400 for e in given if e.unit == "秒" and e.kind == "number"}
    days = [int(d) - less for d in spans if d == int(d) and 0 < d <= 60 for less in (0, 1)]
    return any(
        day + number * ONE_DAY in entity.day.dates
        for e in given
        if e.day
        for day in e.day.dates
        for number in days
    )


def _ages(given: Sequence[Entity]) -> Iterator[Decimal]:
    """Months of the years since a given one; the last of them may not be full."""
    todays = [day for e in given if e.day and e.day.is_today for day in e.day.dates]
    for entity in given:
        if entity.day and entity.day.period:
            for today in todays:
                years = abs(today.year - entity.day.period[0].year)
                yield from (Decimal(12 * number) for number in (years - 1, years, years + 1))
