"""Dates as people say them, read relative to the case's own clock.

A date may be exact (下周三, 三月五号), known by its weekday or day of month alone (周三, 五号), a whole
week, month, quarter or year, or a part of one (月底, 三月中旬, 年初). Lunar dates and festivals
(正月十五, 中秋) are compared with one another, never with solar dates.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from voicebench.lexicon import either
from voicebench.lexicon.units import COUNTERS
from voicebench.metrics.values.entity import ONE_DAY, Day
from voicebench.metrics.values.numerals import DIGIT, NUMBER, SMALL, parse_number, read_digits

ONE_WEEK = 7 * ONE_DAY
_SHIFT = {"上上": -2, "上": -1, "这": 0, "本": 0, "下": 1, "下下": 2}
_WEEKDAY = (
    {char: i for i, char in enumerate("一二三四五六日")}
    | {"天": 6}
    | {str(i + 1): i for i in range(7)}
)
_DAY_SHIFT = {
    "大前天": -3, "前天": -2, "前日": -2, "昨天": -1, "昨日": -1, "昨儿": -1, "琴日": -1, "寻日": -1, "前一天": -1,
    "昨": -1, "今天": 0, "今日": 0, "今儿": 0, "今朝": 0, "今": 0, "当天": 0, "明天": 1, "明日": 1, "明儿": 1,
    "听日": 1, "明朝": 1, "明": 1, "次日": 1, "翌日": 1, "第二天": 1, "隔天": 1, "后天": 2, "后日": 2, "后儿": 2,
    "大后天": 3, "大后日": 3,
}  # fmt: skip
RELATED_DAYS = frozenset({"当天", "当日", "前一天", "第二天", "次日", "翌日", "隔天"})
"""Days told from another one: a clock does not say which."""
_YEAR_SHIFT = {
    "大前": -3,
    "前": -2,
    "去": -1,
    "上一": -1,
    "今": 0,
    "本": 0,
    "这": 0,
    "明": 1,
    "来": 1,
    "下一": 1,
    "后": 2,
    "大后": 3,
}
_SOLAR_FESTIVALS = {
    "元旦": (1, 1), "情人节": (2, 14), "妇女节": (3, 8), "三八节": (3, 8), "植树节": (3, 12), "愚人节": (4, 1),
    "劳动节": (5, 1), "五一": (5, 1), "青年节": (5, 4), "儿童节": (6, 1), "六一": (6, 1), "建党节": (7, 1),
    "建军节": (8, 1), "八一": (8, 1), "教师节": (9, 10), "国庆节": (10, 1), "国庆": (10, 1), "万圣节": (10, 31),
    "双十一": (11, 11), "双11": (11, 11), "双十二": (12, 12), "平安夜": (12, 24), "圣诞节": (12, 25), "圣诞": (12, 25),
    "跨年夜": (12, 31),
}  # fmt: skip
_LUNAR_FESTIVALS = {
    "春节": (1, 1), "大年初一": (1, 1), "年初一": (1, 1), "元宵节": (1, 15), "元宵": (1, 15), "端午节": (5, 5),
    "端午": (5, 5), "七夕": (7, 7), "中元节": (7, 15), "中秋节": (8, 15), "中秋": (8, 15), "重阳节": (9, 9),
    "重阳": (9, 9), "腊八节": (12, 8), "腊八": (12, 8), "小年": (12, 23), "除夕": (12, 30), "大年三十": (12, 30),
    "大年夜": (12, 30),
}  # fmt: skip
_NTH_WEEKDAYS = {"母亲节": (5, 6, 2), "父亲节": (6, 6, 3), "感恩节": (11, 3, 4)}
"""Month, weekday and which of them."""
_LUNAR_MONTHS = {"正": 1, "冬": 11, "腊": 12}
_ENGLISH_WEEKDAYS = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
_ENGLISH_SHIFT = {"next": "下", "this": "这", "last": "上"}
_ENGLISH_MONTHS = [
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
]
_ENGLISH_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_ENGLISH_DAYS = {
    "the day after tomorrow": 2, "day after tomorrow": 2, "the day before yesterday": -2,
    "today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1,
}  # fmt: skip

_YEAR = rf"(?:\d{{4}}|[零〇一二三四五六七八九]{{4}}|\d{{2}}|[零〇一二三四五六七八九]{{2}}|{either(_YEAR_SHIFT)})"
_MONTH_SHIFT = r"(?:上上个?|上个?|这个?|本|当|下下个?|下个?)"
_THING = (
    r"(?!线|楼|门|厅|会议|桌|口|馆|院|车|机|仓|房|店|位|码|台|床|柜|座|窗|库|教|桥|井|站|间|公|展|航|包|池|泳|实|培|活|办|选|球|种|"
    r"病|药|内|游|元|常|技师|文件|汽|柴|线|窗口|通道|登机|检票|院|楼层|电池|字|染|商|称)"
)
COUNTER = either(COUNTERS)
_WEEK = r"(?:周|星期|礼拜)"
_PARTS = {
    "初": (1, 10),
    "上旬": (1, 10),
    "中旬": (11, 20),
    "中": (11, 20),
    "下旬": (21, 31),
    "底": (21, 31),
    "末": (21, 31),
}
_YEAR_PARTS = {
    "初": (1, 2),
    "底": (12, 12),
    "末": (12, 12),
    "中": (6, 7),
    "上半年": (1, 6),
    "下半年": (7, 12),
}
_QUARTER = {"一": 1, "二": 2, "三": 3, "四": 4, "1": 1, "2": 2, "3": 3, "4": 4}


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
    if year >= 100:
        return year
    return year + (2000 if year <= today.year % 100 + 20 else 1900)


def whole_year(text: str, today: datetime.date) -> Day:
    """A year, of four digits or two."""
    return _months(_year(text, today), 1, 12)


def _nearest_year(month: int, day: int, today: datetime.date) -> int:
    """The year that a day and month are of: this one, unless that is over half a year ago (in
    November, 三月 is next year's) or more than nine months ahead (in January, 十二月 is last year's)."""
    days_ahead = (datetime.date(today.year, month, min(day, 28)) - today).days
    if days_ahead < -182:
        return today.year + 1
    return today.year - 1 if days_ahead > 274 else today.year


def month_day(year: str | None, month: int, day: int, today: datetime.date) -> Day | None:
    """A day of a month, of the named year or of those near `today`; None for 十三月."""
    if not (1 <= month <= 12 and day >= 1):
        return None
    if year:
        return _exactly(_year(year, today), month, day)
    nearest = _exactly(_nearest_year(month, day, today), month, day).dates
    coming = [_exactly(each, month, day).dates for each in (today.year, today.year + 1)]
    return Day(
        dates=nearest | next((dates for dates in coming if any(d >= today for d in dates)), nearest)
    )


def _weekdays(shift: str | None, names: str, today: datetime.date) -> Day:
    weekdays = frozenset({5, 6}) if names == "末" else frozenset(_WEEKDAY[name] for name in names)
    monday = today - today.weekday() * ONE_DAY
    if shift:
        week = monday + _SHIFT[shift] * ONE_WEEK
        dates = frozenset(week + weekday * ONE_DAY for weekday in weekdays)
        return Day(dates=dates)
    this_week = frozenset(monday + weekday * ONE_DAY for weekday in weekdays)
    coming = frozenset(day if day >= today else day + ONE_WEEK for day in this_week)
    return Day(dates=this_week | coming, weekdays=weekdays)


def _every(names: str) -> Day:
    return Day(weekdays=frozenset(_WEEKDAY[name] for name in names), is_every=True)


def day_of_month(
    day: int, today: datetime.date, *, month: datetime.date | None = None
) -> Day | None:
    """The `day`-th of a month: of any near `today`, or of the given one."""
    if not 1 <= day <= 31:
        return None
    months = (month,) if month else (today, _shift_month(today, 1), _shift_month(today, -1))
    dates = [date for each in months for date in _exactly(each.year, each.month, day).dates]
    return Day(dates=frozenset(dates), day_of_month=0 if month else day)


def _shift_month(today: datetime.date, shift: int) -> datetime.date:
    """The first day of the month `shift` months on."""
    years, month = divmod(today.month - 1 + shift, 12)
    return datetime.date(today.year + years, month + 1, 1)


def _months(year: int, first: int, last: int) -> Day:
    return Day(
        period=(datetime.date(year, first, 1), _shift_month(datetime.date(year, last, 1), 1))
    )


def _part_of_month(month: datetime.date, part: str) -> Day:
    after = _shift_month(month, 1)
    first, last = _PARTS[part]
    return Day(period=(month.replace(day=first), min(month.replace(day=1) + last * ONE_DAY, after)))


def _shifted_month(shift: str, today: datetime.date) -> datetime.date:
    return _shift_month(today, _SHIFT[shift.rstrip("个").replace("当", "本")])


def _after(number: str, unit: str, direction: int, today: datetime.date) -> Day | None:
    value = parse_number(number) if number != "半" else None
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


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> Day:
    first = datetime.date(year, month, 1)
    day = first + ((weekday - first.weekday()) % 7 + 7 * (nth - 1)) * ONE_DAY
    return Day(dates=frozenset({day}))


# ---------------------------------------------------------------- the grammar

Reader = Callable[[re.Match[str], datetime.date], "Day | None"]


def _read_month_day(m: re.Match[str], today: datetime.date) -> Day | None:
    year, month, day = m.groups()
    found = month_day(year, _small(month), _small(day), today)
    return replace(found, is_solar=m.group()[-1] in "日号") if found else None


def _read_listed_weekdays(m: re.Match[str], today: datetime.date) -> Day | None:
    names = re.sub("[、,和]", "", m.group(2))
    order = [_WEEKDAY[name] for name in names]
    if order != sorted(set(order)):
        return None
    return _every(names) if m.group(1) else _weekdays(None, names, today)


def _read_month(m: re.Match[str], today: datetime.date) -> Day | None:
    year, month, part = m.group(1), _small(m.group(2)), m.group(3)
    if not 1 <= month <= 12:
        return None
    in_year = _year(year, today) if year else _nearest_year(month, 15, today)
    return (
        _part_of_month(datetime.date(in_year, month, 1), part)
        if part
        else _months(in_year, month, month)
    )


def _read_year(m: re.Match[str], today: datetime.date) -> Day | None:
    year, part, quarter = _year(m.group(1), today), m.group(2), m.group(3)
    if not 1 <= year < 9999:
        return None
    if quarter:
        return _months(year, 3 * _QUARTER[quarter] - 2, 3 * _QUARTER[quarter])
    return _months(year, *(_YEAR_PARTS[part] if part else (1, 12)))


def _read_part_of_year(m: re.Match[str], today: datetime.date) -> Day | None:
    part, quarter = m.groups()
    if quarter:
        return _months(today.year, 3 * _QUARTER[quarter] - 2, 3 * _QUARTER[quarter])
    return _months(today.year, *_YEAR_PARTS[part.removeprefix("年")])


def _read_part_of_month(m: re.Match[str], today: datetime.date) -> Day | None:
    shift, part = m.groups()
    month = _shifted_month(shift or "本", today)
    return _part_of_month(month, part)


def _read_shifted_month(m: re.Match[str], today: datetime.date) -> Day | None:
    month = _shifted_month(m.group(1), today)
    return _months(month.year, month.month, month.month)


def _read_shifted_month_day(m: re.Match[str], today: datetime.date) -> Day | None:
    return day_of_month(_small(m.group(2)), today, month=_shifted_month(m.group(1), today))


def _read_lunar(m: re.Match[str], _: datetime.date) -> Day | None:
    month = _LUNAR_MONTHS.get(m.group(1)) or _small(m.group(1))
    day = _small(m.group(2).removeprefix("初")) if m.group(2) else 0
    return Day(lunar=(month, day)) if 1 <= month <= 12 and day <= 30 else None


def _read_solar(m: re.Match[str], today: datetime.date) -> Day | None:
    day = _read_month_day(m, today)
    return replace(day, is_solar=True) if day else None


def _read_festival(m: re.Match[str], today: datetime.date) -> Day | None:
    year, name = m.groups()
    day = _festival(year, name, today)
    return replace(day, festival=name) if day else None


def _festival(year: str | None, name: str, today: datetime.date) -> Day | None:
    if name in _LUNAR_FESTIVALS:
        return Day(lunar=_LUNAR_FESTIVALS[name])
    if name in _NTH_WEEKDAYS:
        month, weekday, nth = _NTH_WEEKDAYS[name]
        in_year = _year(year, today) if year else _nearest_year(month, 15, today)
        return _nth_weekday(in_year, month, weekday, nth)
    return month_day(year, *_SOLAR_FESTIVALS[name], today)


def _read_week(m: re.Match[str], today: datetime.date) -> Day | None:
    first = today - today.weekday() * ONE_DAY + _SHIFT[m.group(1)] * ONE_WEEK
    return Day(period=(first, first + ONE_WEEK))


def _read_relative(m: re.Match[str], today: datetime.date) -> Day | None:
    shift = _DAY_SHIFT[m.group().removesuffix("个")]
    return Day(dates=frozenset({today + shift * ONE_DAY}), is_today=shift == 0)


def _read_english_day(m: re.Match[str], today: datetime.date) -> Day | None:
    shift = _ENGLISH_DAYS[m.group()]
    return Day(dates=frozenset({today + shift * ONE_DAY}), is_today=shift == 0)


_FESTIVAL = either((*_SOLAR_FESTIVALS, *_LUNAR_FESTIVALS, *_NTH_WEEKDAYS))
Rule = tuple[frozenset[str], re.Pattern[str], Reader]
RULES: tuple[Rule, ...] = tuple(
    (frozenset(signs), re.compile(pattern), reader)
    for signs, pattern, reader in (
        ("-/.", r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", lambda m, _: _exactly(*map(int, m.groups()))),
        ("-", r"(?<![\d-])()(0[1-9]|1[0-2])-([0-3]\d)(?![\d-])", _read_month_day),
        ("月", rf"(?:({_YEAR})年的?)?({SMALL})月份?的?({SMALL})(?:[号日]|(?![{DIGIT}十百千万亿\d点:%月年个天]|分之))", _read_month_day),
        ("月", rf"({_MONTH_SHIFT})月份?的?({SMALL})[号日]", _read_shifted_month_day),
        ("后前", rf"(?:再?过)?({NUMBER})(天|日|周|个?星期|个?礼拜|个月|年)(?:之|以)?([后前])(?![面天年日])",
         lambda m, today: _after(m.group(1), m.group(2), -1 if m.group(3) == "前" else 1, today)),
        ("过", rf"(?<![超通经不])再?过({NUMBER})(天|日|周|个?星期|个?礼拜|个月|年)", lambda m, today: _after(m.group(1), m.group(2), 1, today)),
        ("周期拜", r"(上上|上|这|本|下下|下)一?个?(?:周|星期|礼拜)的?(?:周|星期|礼拜)?([一二三四五六日天末]|(?<=[周期拜])[1-7](?![\d点:]))(?!天[^气]|个)",
         lambda m, today: _weekdays(m.group(1), m.group(2), today)),
        ("每", rf"每(?:个|逢)?{_WEEK}的?([一二三四五六日天]+)(?![次回])", lambda m, _: _every(m.group(1))),
        ("周期拜", rf"(每)?{_WEEK}([一二三四五六日天]{{2,}})(?![点时月次回]|{COUNTER})", _read_listed_weekdays),
        ("周期拜", rf"{_WEEK}([一二三四五六日天末]|[1-7](?!\d))(?![次回年月]|个|天[^气])", lambda m, today: _weekdays(None, m.group(1), today)),
        ("周期拜", rf"(每)?{_WEEK}([一二三四五六日天](?:[、,和][一二三四五六日天])+)(?![点时个月号次回周])", _read_listed_weekdays),
        ("工", r"工作日", lambda m, today: _weekdays(None, "一二三四五", today)),
        ("休", r"(双休日)", lambda m, today: _weekdays(None, "末", today)),
        ("周期拜", r"(上上|上|这|本|下下|下)一?个?(?:周|星期|礼拜)(?![一二三四五六日天末\d])", _read_week),
        ("天日儿朝今明昨", r"大[前后][天日]|前一天|第二天|[前昨今明后次翌当][天日]|隔天|[今明昨后]儿个?|[听琴寻]日|[今明]朝|[今明](?=[早晚])|昨(?=[晚夜])", _read_relative),
        ("号日", rf"({SMALL})(?:号(?!(?<=\d\d\d号))|(?<=\d)日){_THING}", lambda m, today: day_of_month(_small(m.group(1)), today)),
        ("月", rf"({_MONTH_SHIFT})?月份?的?(初|上旬|中旬|下旬|底|末|中(?!旬|间|国|心|学|午))", _read_part_of_month),
        ("月", rf"({_MONTH_SHIFT})月份?(?!饼|亮|球)", _read_shifted_month),
        ("月", rf"(?:({_YEAR})年)?({SMALL})月份?的?(初(?![一二三四五六七八九十])|上旬|中旬|下旬|底|末)?(?!饼|亮|球)", _read_month),
        ("年", rf"(\d{{4}}|[零〇一二三四五六七八九]{{4}}|{either(_YEAR_SHIFT)})年(?:的?年?(初(?!一)|底|末|中(?!国|心|午|间|秋)|[上下]半年)|第?([一二三四1-4])季度)?(?!级|龄|薪)", _read_year),
        ("年", r"([03-9]\d|[零〇一二三四五六七八九]{2})年()()(?![级龄薪前后]|之前|以后)", _read_year),
        ("年季", r"(年初(?!一)|年底|年末|[上下]半年)|第?([一二三四1-4])季度", _read_part_of_year),
        ("历", rf"(?:农历|阴历)的?({SMALL}|[正冬腊])月(初?{SMALL})?[号日]?", _read_lunar),
        ("历", rf"(?:公历|阳历|新历)的?()({SMALL})月({SMALL})[号日]?", _read_solar),
        ("正冬腊", rf"([正冬腊])月(初?{SMALL})?", _read_lunar),
        ("初", rf"({SMALL})月(初[一二三四五六七八九十])", _read_lunar),
        ("节旦一八六庆十1诞夜春元端七中重腊小除大年", rf"(?:({_YEAR})年的?)?(?<![块元毛米斤])(?!(?:五一|八一|六一)(?:[{DIGIT}十百千万点\d号个块元次]|广场|路|大道|中学)|国庆路|(?<=[李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马])国庆)({_FESTIVAL})", _read_festival),
        ("y", rf"(?<![a-z])(?:(next|this|last) )?({'|'.join(_ENGLISH_WEEKDAYS)})(?![a-z])",
         lambda m, today: _weekdays(_ENGLISH_SHIFT.get(m.group(1)), str(_ENGLISH_WEEKDAYS.index(m.group(2)) + 1), today)),
        ("aeou", rf"(?<![a-z])({_ENGLISH_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,? (\d{{4}}))?",
         lambda m, today: month_day(m.group(3), _ENGLISH_MONTHS.index(m.group(1)[:3]) + 1, int(m.group(2)), today)),
        ("tod", rf"(?<![a-z])(?:{'|'.join(_ENGLISH_DAYS)})(?![a-z])", _read_english_day),
    )
)  # fmt: skip
"""Characters one of which every match has, a pattern, and its reader."""


def find_days(text: str, today: datetime.date) -> Iterator[Day]:
    """The dates of folded text, from left to right."""
    rules, position = rules_for(text), 0
    while position < len(text):
        found = read_day(text, position, today, rules)
        if found:
            yield found[1]
        position = found[0] if found else position + 1


def rules_for(text: str) -> tuple[Rule, ...]:
    """The rules that can match anywhere in a text."""
    characters = set(text)
    return tuple(rule for rule in RULES if not rule[0].isdisjoint(characters))


def read_day(
    text: str, position: int, today: datetime.date, rules: tuple[Rule, ...]
) -> tuple[int, Day] | None:
    """The longest date that begins at `position`, with its end."""
    best: tuple[int, Day] | None = None
    for _, pattern, reader in rules:
        match = pattern.match(text, position)
        if match and (best is None or match.end() > best[0]):
            try:
                day = reader(match, today)
            except (ValueError, OverflowError):  # 0000年: no date of the calendar
                day = None
            if day is not None:
                best = match.end(), day
    return best
