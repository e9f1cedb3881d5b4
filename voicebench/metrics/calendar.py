"""Dates and times of day as people say them, read relative to the case's own clock.

A date may be exact (下周三, 三月五号), known by its weekday or day of month alone (周三, 五号), or a
whole week, month or year; English weekdays, months and days are read too. A time without 上午 or 下午 has two readings. `compare_days` says whether
one date states another; times are compared by their readings.

Not covered: lunar dates, 旬, and 月底 or 月初.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from voicebench.metrics.numbers import NUMBER, SMALL, parse_number, read_digits

Agreement = Literal["equal", "partial", "conflict"]
"""`partial`: compatible, but the second says less than the first or speaks of something else."""

ONE_DAY = datetime.timedelta(days=1)
ONE_WEEK = 7 * ONE_DAY


@dataclass(frozen=True)
class Day:
    """A date, as exactly as it was said.

    Attributes:
        dates: The days it can mean; empty for a whole week, month or year, and for 二月三十号.
        weekdays: Weekdays (0 is Monday) when only those were said.
        day_of_month: Day of month when only that was said.
        period: First day, and first day after, of a whole week, month or year.
        is_today: Whether it was said as 今天, which may just tell when one speaks.
    """

    dates: frozenset[datetime.date] = frozenset()
    weekdays: frozenset[int] = frozenset()
    day_of_month: int = 0
    period: tuple[datetime.date, datetime.date] | None = None
    is_today: bool = False

    def __str__(self) -> str:
        if self.period:
            first, after = self.period
            return f"{first}/{after - ONE_DAY}"
        return "|".join(sorted(str(day) for day in self.dates))


@dataclass(frozen=True)
class Found:
    """Something read at `start:end` of the text, with its reading."""

    start: int
    end: int
    reading: Day | frozenset[int]


def compare_days(truth: Day, said: Day) -> Agreement:
    """Whether `said` states `truth`. A bare weekday states any date on it, for it is true of it.

    >>> march_4 = Day(dates=frozenset({datetime.date(2026, 3, 4)}))
    >>> compare_days(march_4, Day(dates=frozenset(), weekdays=frozenset({2})))
    'equal'
    """
    if truth.period and said.period:
        return (
            "equal" if truth.period == said.period else _compare_periods(truth.period, said.period)
        )
    if said.period:
        first, after = said.period
        is_inside = any(first <= day < after for day in truth.dates)
        return "partial" if is_inside else "conflict"
    if truth.period:
        first, after = truth.period
        if said.weekdays or said.day_of_month:
            return "partial"
        return "equal" if any(first <= day < after for day in said.dates) else "conflict"
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


def _compare_periods(
    truth: tuple[datetime.date, datetime.date], said: tuple[datetime.date, datetime.date]
) -> Agreement:
    return "partial" if truth[0] < said[1] and said[0] < truth[1] else "conflict"


# ---------------------------------------------------------------- dates

_WEEK_SHIFT = {"上上": -2, "上": -1, "这": 0, "本": 0, "下": 1, "下下": 2}
_WEEKDAY = (
    {char: i for i, char in enumerate("一二三四五六日")}
    | {"天": 6}
    | {str(i + 1): i for i in range(7)}
)
_DAY_SHIFT = {
    "大前天": -3, "前天": -2, "前日": -2, "昨天": -1, "昨日": -1, "昨儿": -1, "琴日": -1, "寻日": -1,
    "昨": -1, "今天": 0, "今日": 0, "今儿": 0, "今朝": 0, "今": 0, "明天": 1, "明日": 1, "明儿": 1,
    "听日": 1, "明朝": 1, "明": 1, "后天": 2, "后日": 2, "后儿": 2, "大后天": 3,
}  # fmt: skip
_YEAR_SHIFT = {"前": -2, "去": -1, "今": 0, "明": 1, "后": 2}
_HOLIDAYS = {
    "元旦": (1, 1), "情人节": (2, 14), "妇女节": (3, 8), "劳动节": (5, 1), "儿童节": (6, 1),
    "国庆节": (10, 1), "圣诞节": (12, 25), "五一": (5, 1),
}  # fmt: skip
_ENGLISH_WEEKDAYS = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
_ENGLISH_SHIFT = {"next": "下", "this": "这", "last": "上"}
_ENGLISH_MONTHS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_ENGLISH_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_ENGLISH_DAYS = {
    "the day after tomorrow": 2, "day after tomorrow": 2, "the day before yesterday": -2,
    "today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1,
}  # fmt: skip
_NO_NUMBER = r"(?<![\d零〇一二两三四五六七八九十百千万亿点第])"
_YEAR = r"(?:\d{4}|[零〇一二三四五六七八九]{4}|\d{2}|[今明去后前])"
_MONTH_SHIFT = r"(?:上上个?|上个?|这个?|本|下个?|下下个?)"
_NUMBERED_THING = (
    r"(?!线|楼|门|厅|会议|桌|口|馆|院|车|机|仓|房|店|位|码|台|床|柜|座|窗|库|教|馆|桥|井|站|间|"
    r"公|展|航|包|池|泳|实|培|活|办|选|球|种|病|药|内|游|元|常)"
)

_DATE_PATTERNS = {
    "iso": re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"),
    "month_day": re.compile(rf"(?:({_YEAR})年)?{_NO_NUMBER}({SMALL})月份?({SMALL})[号日]"),
    "shifted_month_day": re.compile(rf"({_MONTH_SHIFT})月份?的?({SMALL})[号日]"),
    "after": re.compile(
        rf"({NUMBER})(天|日|周|个?星期|个?礼拜|个月|年)(?:之|以)?([后前])(?![面天年日])"
    ),
    "weekday": re.compile(
        r"(?:(上上|上|这|本|下下|下)一?个?|(?<!每))"
        r"(?:周|星期|礼拜)"
        r"([一二三四五六日天末1-7])(?![\d次回年月]|个|天[^气])"
    ),
    "week": re.compile(r"(上上|上|这|本|下下|下)一?个?(?:周|星期|礼拜)(?![一二三四五六日天末\d])"),
    "relative": re.compile(
        r"大[前后]天|[前昨今明后][天日]|[今明昨后]儿个?|[听琴寻]日|[今明]朝|[今明](?=[早晚])|昨(?=[晚夜])"
    ),
    "day": re.compile(rf"{_NO_NUMBER}(?<![尾编代周期])({SMALL})(?:号|(?<=\d)日){_NUMBERED_THING}"),
    "shifted_month": re.compile(rf"({_MONTH_SHIFT})月(?!饼|亮|球)"),
    "year_month": re.compile(rf"(?:({_YEAR})年)?{_NO_NUMBER}({SMALL})月(?!饼|亮|球)"),
    "year": re.compile(r"(?<![\d.])(\d{4}|[零〇一二三四五六七八九]{4}|[今明去])年(?!级|龄)"),
    "holiday": re.compile(
        rf"(?!五一(?:[零〇一二三四五六七八九十百千万点\d号个块元次]|广场|路|大道)){_NO_NUMBER}(?<![块元毛米斤])(?:{'|'.join(_HOLIDAYS)})"
    ),
    "english_weekday": re.compile(
        rf"(?<![a-z])(?:(next|this|last) )?({'|'.join(_ENGLISH_WEEKDAYS)})(?![a-z])"
    ),
    "english_month_day": re.compile(
        rf"(?<![a-z])({_ENGLISH_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,? (\d{{4}}))?"
    ),
    "english_relative": re.compile(rf"(?<![a-z])(?:{'|'.join(_ENGLISH_DAYS)})(?![a-z])"),
}


_DATE_SIGNS = {
    "iso": "-/.", "month_day": "月", "shifted_month_day": "月", "after": "后前", "weekday": "周期拜",
    "week": "周期拜", "relative": "前昨今明后听琴寻", "day": "号日", "shifted_month": "月",
    "year_month": "月", "year": "年", "holiday": "旦节一",
    "english_weekday": "y", "english_month_day": "aeou", "english_relative": "to",
}  # fmt: skip
"""Characters one of which every match of a pattern has: looking for them is quicker."""


def find_days(text: str, today: datetime.date) -> Iterator[Found]:
    """Dates in folded text, most exact forms first; a later find may overlap an earlier one."""
    for name, pattern in _DATE_PATTERNS.items():
        if not any(sign in text for sign in _DATE_SIGNS[name]):
            continue
        for match in pattern.finditer(text):
            day = _read_day(name, match, today)
            if day is not None:
                yield Found(match.start(), match.end(), day)


def _read_day(name: str, match: re.Match[str], today: datetime.date) -> Day | None:
    groups = match.groups()
    match name:
        case "iso":
            return _exactly(int(groups[0]), int(groups[1]), int(groups[2]))
        case "month_day":
            return _month_day(groups[0], _small(groups[1]), _small(groups[2]), today)
        case "shifted_month_day":
            month = _shift_month(today, _WEEK_SHIFT[groups[0].rstrip("个")])
            return _exactly(month.year, month.month, _small(groups[1]))
        case "after":
            return _after(groups[0], groups[1], -1 if groups[2] == "前" else 1, today)
        case "weekday":
            return _weekday(groups[0], groups[1], today)
        case "week":
            first = _monday(today) + _WEEK_SHIFT[groups[0]] * ONE_WEEK
            return Day(period=(first, first + ONE_WEEK))
        case "relative":
            shift = _DAY_SHIFT[match.group().removesuffix("个")]
            return Day(dates=frozenset({today + shift * ONE_DAY}), is_today=shift == 0)
        case "day":
            return _day_of_month(_small(groups[0]), today)
        case "shifted_month":
            month = _shift_month(today, _WEEK_SHIFT[groups[0].rstrip("个")])
            return _whole_month(month.year, month.month)
        case "year_month":
            month_number = _small(groups[1])
            if not 1 <= month_number <= 12:
                return None
            year = _year(groups[0], today) if groups[0] else _nearest_year(month_number, 15, today)
            return _whole_month(year, month_number)
        case "year":
            year = _year(groups[0], today)
            first = datetime.date(max(year, 1), 1, 1)
            return Day(period=(first, datetime.date(max(year, 1) + 1, 1, 1)))
        case "english_weekday":
            shift_word = _ENGLISH_SHIFT[groups[0]] if groups[0] else None
            return _weekday(shift_word, str(_ENGLISH_WEEKDAYS.index(groups[1]) + 1), today)
        case "english_month_day":
            month_number = _ENGLISH_MONTHS.index(groups[0][:3]) + 1
            return _month_day(groups[2], month_number, int(groups[1]), today)
        case "english_relative":
            shift = _ENGLISH_DAYS[match.group()]
            return Day(dates=frozenset({today + shift * ONE_DAY}), is_today=shift == 0)
    month_number, day_number = _HOLIDAYS[match.group()]
    return _month_day(None, month_number, day_number, today)


def _small(text: str) -> int:
    """The value of a match of `SMALL`."""
    value = parse_number(text)
    return -1 if value is None else int(value)


def _exactly(year: int, month: int, day: int) -> Day:
    try:
        return Day(dates=frozenset({datetime.date(year, month, day)}))
    except ValueError:  # 二月三十号: a date that no day agrees with
        return Day()


def _year(text: str, today: datetime.date) -> int:
    if text in _YEAR_SHIFT:
        return today.year + _YEAR_SHIFT[text]
    year = int(read_digits(text))
    return year + 2000 if year < 100 else year


def _nearest_year(month: int, day: int, today: datetime.date) -> int:
    """The year that a day and month are of: this one, unless that is over half a year ago (in
    November, 三月 is next year's) or more than nine months ahead (in January, 十二月 is last year's)."""
    days_ahead = (datetime.date(today.year, month, min(day, 28)) - today).days
    if days_ahead < -182:
        return today.year + 1
    return today.year - 1 if days_ahead > 274 else today.year


def _month_day(year: str | None, month: int, day: int, today: datetime.date) -> Day | None:
    if not (1 <= month <= 12 and day >= 1):
        return None
    if year:
        return _exactly(_year(year, today), month, day)
    nearest = _exactly(_nearest_year(month, day, today), month, day).dates
    coming = [_exactly(each, month, day).dates for each in (today.year, today.year + 1)]
    return Day(
        dates=nearest | next((dates for dates in coming if any(d >= today for d in dates)), nearest)
    )


def _monday(today: datetime.date) -> datetime.date:
    return today - today.weekday() * ONE_DAY


def _weekday(shift: str | None, name: str, today: datetime.date) -> Day:
    weekdays = frozenset({5, 6}) if name == "末" else frozenset({_WEEKDAY[name]})
    monday = _monday(today)
    if shift:
        week = monday + _WEEK_SHIFT[shift] * ONE_WEEK
        dates = frozenset(week + weekday * ONE_DAY for weekday in weekdays)
        return Day(dates=dates, weekdays=weekdays if len(weekdays) > 1 else frozenset())
    this_week = frozenset(monday + weekday * ONE_DAY for weekday in weekdays)
    coming = frozenset(day if day >= today else day + ONE_WEEK for day in this_week)
    return Day(dates=this_week | coming, weekdays=weekdays)


def _day_of_month(day: int, today: datetime.date) -> Day | None:
    if not 1 <= day <= 31:
        return None
    months = (today, _shift_month(today, 1), _shift_month(today, -1))
    dates = [date for month in months for date in _exactly(month.year, month.month, day).dates]
    return Day(dates=frozenset(dates), day_of_month=day)


def _shift_month(today: datetime.date, shift: int) -> datetime.date:
    """The first day of the month `shift` months on."""
    years, month = divmod(today.month - 1 + shift, 12)
    return datetime.date(today.year + years, month + 1, 1)


def _whole_month(year: int, month: int) -> Day:
    first = datetime.date(year, month, 1)
    return Day(period=(first, _shift_month(first, 1)))


def _after(number: str, unit: str, direction: int, today: datetime.date) -> Day | None:
    value = parse_number(number)
    if value is None or value != value.to_integral_value() or value > 10_000:
        return None
    count = int(value) * direction
    if unit in ("天", "日"):
        return Day(dates=frozenset({today + count * ONE_DAY}))
    if unit in ("个月", "年"):
        month = _shift_month(today, count * (12 if unit == "年" else 1))
        last = (_shift_month(month, 1) - ONE_DAY).day
        return Day(dates=frozenset({month.replace(day=min(today.day, last))}))
    return Day(dates=frozenset({today + count * ONE_WEEK}))


# ---------------------------------------------------------------- times of day

_MORNING = "凌晨|清晨|清早|大早|早上|早晨|朝早|上午|上昼|(?<=[今明])早"
_NOON = "中午|晏昼|正午"
_AFTERNOON = "下午|下昼|午后|傍晚"
_NIGHT = "晚上|夜晚|夜里|半夜|深夜|夜间|晚间|晚|夜"
_PART = rf"(?:({_MORNING})|({_NOON})|({_AFTERNOON})|({_NIGHT}))?的?"
_DECIMAL_TAIL = r"(?![零〇一二两三四五六七八九十\d]|[万亿元块米倍度%折斤]|公里|公斤|千克|分之)"
_NOT_HOURS = r"(?!建议|意见|要求|原因|注意|内容|理由|说明|需要|需|要点|问题|想法|好处|优|缺|看法|感|区别|儿|也|都)"
_TIME_PATTERNS = {
    "digits": re.compile(rf"{_PART}(?<!\d)(\d{{1,2}}):(\d{{2}})(?::\d{{2}})?(?!\d) ?([ap])?\.?(?:m\.?)?"),
    "am_pm": re.compile(rf"{_PART}(?<![\d.:])(\d{{1,2}}) ?([ap])\.?m(?![a-z])\.?"),
    "before": re.compile(rf"{_PART}差({SMALL}分|一刻)(?:到)?({SMALL})点"),
    "short_of": re.compile(rf"{_PART}({SMALL})点差({SMALL}分|一刻)"),
    "minutes": re.compile(rf"{_PART}{_NO_NUMBER}({SMALL})[点时]过?({SMALL})分(?!之|钟)"),
    "quarters": re.compile(rf"{_PART}{_NO_NUMBER}({SMALL})点(半|[一三]刻|整|钟)"),
    "bare_minutes": re.compile(
        rf"{_PART}{_NO_NUMBER}({SMALL})点过?(\d{{2}}|[二三四五]?十[一二三四五六七八九]?|零[一二三四五六七八九])"
        + _DECIMAL_TAIL
    ),
    "hour": re.compile(
        rf"{_PART}{_NO_NUMBER}(?<!之)({SMALL})(?:点|(?<=\d)时)(?!半)" + _DECIMAL_TAIL + _NOT_HOURS
    ),
}  # fmt: skip
_TIME_SIGNS = {
    "digits": ":", "am_pm": "m", "before": "差", "short_of": "差", "minutes": "分", "quarters": "半刻整钟",
    "bare_minutes": "点", "hour": "点时",
}  # fmt: skip
_TALKING_POINTS = re.compile(r"(?:[有这那共]|以下|如下|提出|补充|强调)$")
_MORE = re.compile(r"(?:[有快慢早晚多少大小好高低贵差远近长短轻重]|便宜)$")


def find_times(text: str) -> Iterator[Found]:
    """Times of day in folded text, as sets of minutes since midnight, most exact forms first."""
    for name, pattern in _TIME_PATTERNS.items():
        if not any(sign in text for sign in _TIME_SIGNS[name]):
            continue
        for match in pattern.finditer(text):
            parts, rest = match.groups()[:4], match.groups()[4:]
            has_part = any(parts)
            if name == "hour" and not has_part:
                before = text[: match.start()]
                if _TALKING_POINTS.search(before):
                    continue
                if rest[0] == "一" and _MORE.search(before):
                    continue
            minutes = _minutes_of(name, rest)
            if minutes is not None:
                suffix = {"digits": rest[-1], "am_pm": rest[-1]}.get(name)
                is_padded = name == "digits" and not suffix and rest[0].startswith("0")
                readings = _readings(*minutes, parts, suffix, is_padded)
                yield Found(match.start(), match.end(), readings)


def _minutes_of(name: str, groups: tuple[str, ...]) -> tuple[int, int] | None:
    """(hour, minute) as said, before 上午 and 下午; the minute may be negative (差五分)."""
    if name == "before":
        hour, minute = _small(groups[1]), -_part_of_hour(groups[0])
    else:
        hour = _small(groups[0])
        minute = _part_of_hour(groups[1]) if len(groups) > 1 and name != "am_pm" else 0
        minute = -minute if name == "short_of" else minute
    return (hour, minute) if 0 <= hour <= 24 and -60 < minute < 60 else None


def _part_of_hour(text: str) -> int:
    named = {"半": 30, "一刻": 15, "三刻": 45, "整": 0, "钟": 0}
    return named[text] if text in named else _small(text.removesuffix("分"))


def _readings(
    hour: int, minute: int, parts: tuple[str, ...], suffix: str | None, is_padded: bool
) -> frozenset[int]:
    """Minutes since midnight that a clock time can mean; 02:30, padded, is at night."""
    morning, noon, afternoon, night = parts
    hours = {hour % 24}
    if not any(parts) and is_padded:
        return frozenset({hour % 24 * 60 + minute})
    if morning or suffix == "a":
        hours = {hour % 12} if hour == 12 else {hour % 24}
    elif afternoon or suffix == "p":
        hours = {hour + 12} if hour < 12 else {hour % 24}
    elif noon:
        hours = {hour + 12} if hour < 10 else {hour % 24}
    elif night:
        if hour == 12:
            hours = {0}
        elif 5 <= hour < 12:
            hours = {hour + 12}
    elif 1 <= hour < 12:
        hours = {hour, hour + 12}
    elif hour == 12:
        hours = {0, 12}
    return frozenset((each * 60 + minute) % 1440 for each in hours)
