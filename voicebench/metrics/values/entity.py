"""What the grammar yields: a piece of text with its typed value."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "number", "date", "time", "money", "person", "place", "organisation", "product", "term"
]
VALUE_KINDS: tuple[Kind, ...] = ("number", "date", "time", "money")
NAME_KINDS: tuple[Kind, ...] = ("person", "place", "organisation", "product", "term")
Agreement = Literal["equal", "partial", "conflict"]
"""`partial`: compatible, but the second says less than the first or speaks of something else."""

ONE_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """A date, as exactly as it was said.

    Attributes:
        dates: The days it can mean; empty for a whole week, month or year, and for 二月三十号.
        weekdays: Weekdays (0 is Monday) when only those were said.
        day_of_month: Day of month when only that was said.
        period: First day, and first day after, of a whole week, month or year.
        lunar: Month and day of the lunar calendar; no solar dates are known for it.
        is_solar: Whether it was said to be of the solar calendar (公历).
        is_today: Whether it was said as 今天, which may just tell when one speaks.
        is_every: Whether it recurs: 每周二.
        festival: Its name, if it was named so.
    """

    dates: frozenset[datetime.date] = frozenset()
    weekdays: frozenset[int] = frozenset()
    day_of_month: int = 0
    period: tuple[datetime.date, datetime.date] | None = None
    lunar: tuple[int, int] | None = None
    is_solar: bool = False
    is_today: bool = False
    is_every: bool = False
    festival: str = ""

    def __str__(self) -> str:
        if self.lunar:
            return "lunar {:02}-{:02}".format(*self.lunar)
        if self.period:
            first, after = self.period
            return f"{first}/{after - ONE_DAY}"
        return "|".join(sorted(str(day) for day in self.dates))


@dataclass(frozen=True)
class Entity:
    """Something in a text that has a value.

    Attributes:
        kind: What it is; percentages, quantities, codes and telephone numbers are numbers.
        text: As written, folded.
        start: First character in the folded text.
        end: After the last character.
        value: Canonical value, for display and, but for dates and times, for comparison.
        unit: Base unit of a quantity (克, 秒), counter (个) or currency; empty when bare.
        figure: The figure as written, before conversion to the base unit.
        minutes: A time's readings in minutes since midnight.
        day: A date's reading; also of a number that may be one (98年, 3/15).
        number: The figure of a date that may be a number (二十五号).
        is_weak: Perhaps no value at all but a turn of speech (一个, 一点): it may state a fact, but
            is never held against an answer.
    """

    kind: Kind
    text: str
    start: int
    end: int
    value: str
    unit: str = ""
    figure: str = ""
    minutes: frozenset[int] = frozenset()
    day: Day | None = None
    number: str = ""
    is_weak: bool = False
