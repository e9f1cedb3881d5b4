"""Other right forms of a value: digits for Hanzi, 15:30 for 下午三点半, 星期三 for 周三."""

from __future__ import annotations

import re

_DIGITS = {**{char: value for value, char in enumerate("零一二三四五六七八九")}, "两": 2, "幺": 1}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = re.compile("[零一二两三四五六七八九十百千万]+")
_UNITS_OF_MONEY = ("块", "元", "块钱")
_COUNTED = ("quantity", "people", "doses", "room", "venue")
_AFTERNOON = ("下午", "晚上")


def to_int(numeral: str) -> int:
    """The value of a Chinese whole number below a hundred million.

    >>> [to_int(text) for text in ("零", "十二", "一百零五", "三万五千", "两千一百")]
    [0, 12, 105, 35000, 2100]
    """
    total = section = digit = 0
    for char in numeral:
        if char == "万":
            total, section, digit = (section + digit) * 10000, 0, 0
        elif char in _UNITS:
            section, digit = section + (digit or 1) * _UNITS[char], 0
        else:
            digit = _DIGITS[char]
    return total + section + digit


def with_digits(text: str) -> str:
    """A text with every Chinese whole number in Arabic digits.

    >>> with_digits("下个月十二号")
    '下个月12号'
    """
    return _NUMERAL.sub(lambda found: str(to_int(found[0])), text)


def digit_string(text: str) -> str:
    """A string of digits as it is dialled.

    >>> digit_string("幺三八零零")
    '13800'
    """
    return "".join(str(_DIGITS[char]) for char in text)


def accepted_forms(kind: str, value: str) -> tuple[str, ...]:
    """Forms that state the same value; `kind` is a key of `values.DRAWS`.

    >>> accepted_forms("time", "下午三点半")
    ('下午3点半', '下午3点30分', '下午3:30', '15:30')
    >>> accepted_forms("date", "下周日")
    ('下星期日', '下周天', '下星期天', '下礼拜天')
    >>> accepted_forms("money", "三百五十块")
    ('三百五十元', '三百五十块钱', '350块', '350元', '350块钱')
    """
    if kind in ("phone", "code"):
        return (digit_string(value),)
    if kind == "time":
        return _time_forms(value)
    if kind in ("date", "weekday"):
        return _date_forms(value)
    if kind in ("money", "d_money"):
        return _money_forms(value)
    if kind in _COUNTED and with_digits(value) != value:
        return (with_digits(value),)
    return ()


def _time_forms(value: str) -> tuple[str, ...]:
    found = re.fullmatch(r"(\D*?)([一二两三四五六七八九十]+)点(半|一刻|(.+)分)?", value)
    if not found:
        return ()
    part, hour, tail = found[1], to_int(found[2]), found[3] or ""
    minute = {"": 0, "半": 30, "一刻": 15}.get(tail)
    minute = to_int(found[4]) if minute is None else minute
    hour_of_day = hour + 12 if part in _AFTERNOON and hour < 12 else hour
    forms = [f"{part}{hour}点{with_digits(tail)}"]
    if minute:
        forms.append(f"{part}{hour}点{minute}分")
    forms += [f"{part}{hour}:{minute:02d}", f"{hour_of_day:02d}:{minute:02d}"]
    return tuple(dict.fromkeys(forms))


def _date_forms(value: str) -> tuple[str, ...]:
    weekday = re.fullmatch(r"(下|这)?周(.)", value)
    if weekday:
        before, day = weekday[1] or "", weekday[2]
        days = "日天" if day == "日" else day
        forms = [f"{before}{word}{each}" for each in days for word in ("周", "星期")]
        return tuple(form for form in (*forms, f"{before}礼拜{days[-1]}") if form != value)
    digits = with_digits(value)
    return (digits, digits.replace("号", "日")) if digits != value else ()


def _money_forms(value: str) -> tuple[str, ...]:
    numeral = re.sub("(块钱|块|元|蚊)$", "", value)
    forms = [
        number + unit for number in (numeral, str(to_int(numeral))) for unit in _UNITS_OF_MONEY
    ]
    return tuple(form for form in forms if form != value)
