"""Times of day: 两点半, 差十分钟八点, 14:30, 零时, 3 pm.

A time without 上午 or 下午 has two readings; times are compared by their readings.
"""

from __future__ import annotations

import re

from voicebench.metrics.values.entity import Entity
from voicebench.metrics.values.numerals import SMALL, parse_number
from voicebench.metrics.values.quantities import UNIT

_MORNING = "凌晨|清晨|清早|大早|早上|早晨|早间|朝早|上午|上昼|(?<=[今明])早|早(?=[0-9一二三四五六七八九十])"
_NOON = "中午|晏昼|正午"
_AFTERNOON = "下午|下昼|午后|傍晚"
_NIGHT = "晚上|夜晚|夜里|半夜|深夜|午夜|夜间|晚间|晚|夜"
PART = rf"(?:({_MORNING})|({_NOON})|({_AFTERNOON})|({_NIGHT}))?的?"
_DECIMAL_TAIL = (
    rf"(?![零〇一二两三四五六七八九十\d]|[万亿元块米倍度%折斤]|公里|公斤|千克|分之|{UNIT})"
)
_NOT_HOURS = r"(?!建议|意见|要求|原因|注意|内容|理由|说明|需要|需|要点|问题|想法|好处|优|缺|看法|感|区别|儿|也|都|安排|结论|提示|提醒(?![您你我他])|重要|关键|事项|信息|事|分别)"
_LESS = rf"({SMALL}分钟?|一刻钟?)"
_NO_POINT = r"(?<![点之小第])"
CLOCK = {
    "digits": re.compile(rf"{PART}(?<!\d)(\d{{1,2}}):(\d{{2}})(?::\d{{2}})?(?!\d) ?([ap])?\.?(?:m\.?)?"),
    "am_pm": re.compile(rf"{PART}(?<![\d.:])(\d{{1,2}}) ?([ap])\.?m(?![a-z])\.?"),
    "before": re.compile(rf"{PART}(?:还)?差(?:{_LESS}|({SMALL}))(?:就|不)?到?({SMALL})[点时](?:整|钟)?"),
    "short_of": re.compile(rf"{PART}({SMALL})点(?:整|钟)?(?:还)?[差欠]{_LESS}"),
    "minutes": re.compile(rf"{PART}{_NO_POINT}({SMALL})[点时]过?({SMALL})分(?!之|钟)"),
    "quarters": re.compile(rf"{PART}{_NO_POINT}({SMALL})[点时]过?(半|[一三1-3]刻|整|钟)钟?"),
    "bare_minutes": re.compile(
        rf"{PART}{_NO_POINT}({SMALL})点过?(\d{{2}}|[二三四五]?十[一二三四五六七八九]?|零[一二三四五六七八九])"
        + _DECIMAL_TAIL
    ),
    "hour": re.compile(
        rf"{PART}{_NO_POINT}({SMALL})(?:点|(?<=\d)时|(?<=[零〇])时|(?<=十[一二三四五六七八九])时|(?<=[二三四五六七八九十])时(?!候|间|常|期|代))(?!半)"
        + _DECIMAL_TAIL + _NOT_HOURS
    ),
    "named": re.compile(r"(正午|中午(?=[。,!;]|$|见|吃))|(午夜|子夜)"),
}  # fmt: skip
SIGNS = {
    "digits": ":", "am_pm": "m", "before": "差", "short_of": "差欠", "minutes": "分", "quarters": "半刻整钟",
    "bare_minutes": "点", "hour": "点时", "named": "午子",
}  # fmt: skip
"""Characters one of which every match of a pattern has."""
_TALKING_POINTS = re.compile(r"(?:[有这那共]|以下|如下|提出|补充|强调)$")
_MORE = re.compile(r"(?:[有快慢早晚多少大小好高低贵差远近长短轻重]|便宜)$")


def read_time(name: str, match: re.Match[str]) -> Entity | None:
    """A time of day as minutes since midnight, in each of its readings."""
    text = match.string
    if name == "named":
        return _time(match, frozenset({720 if match.group(1) else 0}))
    parts, rest = match.groups()[:4], match.groups()[4:]
    if name == "hour" and not any(parts):
        before = text[: match.start()]
        if _TALKING_POINTS.search(before) or (rest[0] == "一" and _MORE.search(before)):
            return None
    minutes = _minutes_of(name, rest)
    if minutes is None:
        return None
    suffix = {"digits": rest[-1], "am_pm": rest[-1]}.get(name)
    is_padded = name == "digits" and not suffix and rest[0].startswith("0")
    return _time(match, _readings(*minutes, parts, suffix, is_padded))


def _time(match: re.Match[str], minutes: frozenset[int]) -> Entity:
    value = "|".join(f"{minute // 60:02}:{minute % 60:02}" for minute in sorted(minutes))
    is_weak = match.group() in ("一点", "两点", "三点")
    return Entity("time", match.group(), *match.span(), value, minutes=minutes, is_weak=is_weak)


def _minutes_of(name: str, groups: tuple[str, ...]) -> tuple[int, int] | None:
    """(hour, minute) as said, before 上午 and 下午; the minute may be negative (差五分)."""
    if name == "before":
        hour, minute = _small(groups[2]), -_part_of_hour(groups[0] or groups[1])
    else:
        hour = _small(groups[0])
        minute = _part_of_hour(groups[1]) if len(groups) > 1 and name != "am_pm" else 0
        minute = -minute if name == "short_of" else minute
    return (hour, minute) if 0 <= hour <= 24 and -60 < minute < 60 else None


def _part_of_hour(text: str) -> int:
    named = {
        "半": 30,
        "一刻": 15,
        "两刻": 30,
        "三刻": 45,
        "1刻": 15,
        "2刻": 30,
        "3刻": 45,
        "整": 0,
        "钟": 0,
    }
    text = text.removesuffix("钟") or text
    return named[text] if text in named else _small(text.removesuffix("分"))


def _small(text: str) -> int:
    value = parse_number(text)
    return -1 if value is None else int(value)


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
