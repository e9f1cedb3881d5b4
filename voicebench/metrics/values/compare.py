"""Whether one value states another: one comparer a dimension."""

from __future__ import annotations

import datetime
from dataclasses import replace
from decimal import Decimal

from voicebench.lexicon.units import PEOPLE
from voicebench.metrics.values.entity import Agreement, Day, Entity
from voicebench.metrics.values.numerals import plain

Period = tuple[datetime.date, datetime.date]


def compare(truth: Entity, said: Entity) -> Agreement | None:
    """Whether `said` states `truth`; None when they do not speak of the same kind of thing.

    A value that can be read two ways (二十五号, 3/15) is read as what it is compared with, but only to
    agree: where it differs, it may be something else.
    """
    if truth.kind == said.kind == "date" and truth.day and said.day:
        return compare_days(truth.day, said.day)
    if truth.kind == said.kind == "time":
        return "equal" if truth.minutes & said.minutes else "conflict"
    if {truth.kind, said.kind} <= {"number", "money"}:
        return _compare_figures(truth, said)
    if truth.kind == said.kind:
        return "equal" if truth.value == said.value else "conflict"
    return _compare_readings(truth, said)


def _compare_readings(truth: Entity, said: Entity) -> Agreement | None:
    if truth.kind == "date" and truth.day and said.day:
        return "equal" if compare_days(truth.day, said.day) == "equal" else None
    if truth.kind == "number" and said.number:
        is_same = _compare_figures(truth, replace(said, value=said.number, figure=said.number))
        return "equal" if is_same == "equal" and truth.unit in ("", "号") else None
    return None


def _compare_figures(truth: Entity, said: Entity) -> Agreement | None:
    """A figure without a unit can state one with a unit, but not one of another unit."""
    if truth.unit == "CNY" and said.unit == "分":  # 两分 is money where money is meant
        said = replace(said, kind="money", unit="CNY", value=plain(Decimal(said.value) / 100))
    are_people = {truth.unit, said.unit} <= PEOPLE
    if truth.unit != said.unit and truth.unit and said.unit and not are_people:
        return "conflict" if _measure_the_same(truth, said) else None
    if len(truth.value) >= 7 and 3 <= len(said.value) <= 4 and truth.value.endswith(said.value):
        return "partial"  # the last digits of a telephone number
    if truth.unit == said.unit or are_people:
        return "equal" if _is_same_figure(truth.value, said.value) else "conflict"
    is_turned = truth.value.startswith("-") != said.value.startswith("-")
    if truth.value == said.value or (truth.figure == said.figure and not is_turned):
        return "equal"
    # an amount of money is no wrong answer to another kind of number
    return None if said.kind == "money" != truth.kind else "conflict"


def _measure_the_same(truth: Entity, said: Entity) -> bool:
    """Whether two units are of one dimension, though not converted: ¥ and $, weeks and months."""
    if truth.kind == said.kind == "money":
        return True
    spans = {e.unit: abs(Decimal(e.value)) for e in (truth, said)}
    if set(spans) != {"秒", "月"} or spans["秒"] < 86_400:
        return False
    days = spans["秒"] / 86_400
    return not 29 * spans["月"] <= days <= 31 * spans["月"]


def _is_same_figure(truth: str, said: str) -> bool:
    """Equal, but for the rounding of a conversion (一亩 is 666.666667 平方米)."""
    if truth == said or "." not in truth + said:  # whole numbers, and codes: digit for digit
        return truth == said
    left, right = Decimal(truth), Decimal(said)
    return abs(left - right) <= abs(left) / 10**6


def compare_days(truth: Day, said: Day) -> Agreement:
    """Whether `said` states `truth`. A bare weekday states any date on it, for it is true of it.

    >>> march_4 = Day(dates=frozenset({datetime.date(2026, 3, 4)}))
    >>> compare_days(march_4, Day(dates=frozenset(), weekdays=frozenset({2})))
    'equal'
    """
    if truth.lunar or said.lunar:
        return _compare_lunar(truth, said)
    if truth.is_every or said.is_every:
        return _compare_recurring(truth, said)
    if truth.period or said.period:
        return _compare_with_period(truth, said)
    if said.weekdays and truth.weekdays:
        return "equal" if said.weekdays & truth.weekdays else "conflict"
    if said.weekdays and not truth.day_of_month:
        is_same = any(day.weekday() in said.weekdays for day in truth.dates)
        return "equal" if is_same else "conflict"
    if said.day_of_month and not truth.weekdays:
        is_same = any(day.day == said.day_of_month for day in truth.dates)
        return "equal" if is_same else "conflict"
    if said.dates & truth.dates:
        return "equal"
    return "partial" if said.weekdays or said.day_of_month else "conflict"


def _compare_lunar(truth: Day, said: Day) -> Agreement:
    if not truth.lunar or not said.lunar:
        return _compare_calendars(truth, said)
    if truth.lunar == said.lunar:
        return "equal"
    return "partial" if truth.lunar[0] == said.lunar[0] and not said.lunar[1] else "conflict"


def _compare_calendars(truth: Day, said: Day) -> Agreement:
    """The same figures are another day in the other calendar, unless the calendar went without saying."""
    if truth.festival and said.festival:
        return "conflict"
    lunar, solar = (truth, said) if truth.lunar else (said, truth)
    if not any((day.month, day.day) == lunar.lunar for day in solar.dates):
        return "partial"
    return "conflict" if solar.is_solar or lunar is said else "equal"


def _compare_recurring(truth: Day, said: Day) -> Agreement:
    said_on = said.weekdays or frozenset(day.weekday() for day in said.dates)
    true_on = truth.weekdays or frozenset(day.weekday() for day in truth.dates)
    if truth.is_every and (said.is_every or len(said_on) > 1):
        return "equal" if said_on == true_on else "conflict"
    return "equal" if said_on & true_on else "conflict"


def _compare_with_period(truth: Day, said: Day) -> Agreement:
    if truth.period and said.period:
        return (
            "equal" if truth.period == said.period else _compare_periods(truth.period, said.period)
        )
    if said.period:
        first, after = said.period
        return "partial" if any(first <= day < after for day in truth.dates) else "conflict"
    if said.weekdays or said.day_of_month or not truth.period:
        return "partial"
    first, after = truth.period
    return "equal" if any(first <= day < after for day in said.dates) else "conflict"


def _compare_periods(truth: Period, said: Period) -> Agreement:
    return "partial" if truth[0] < said[1] and said[0] < truth[1] else "conflict"
