"""One written form for numbers, whichever of their forms a text has.

A number that is written in digits can be read in several ways, and each of them is a right transcript
of it. So all readings of one written form become one form: 三点半, 三点三十分 and 3:30 are `3点30分`;
二百 and 两百 are `200`; 三千元 and ¥3,000 are `3000元`. What is read otherwise stays otherwise: 负十五度
is `-15度`, 三十分之一 is `1/30`, 二比三 is `2比3`.

    symbols_as_words    3:30, ¥3,000, -5度, 3~5天 -> 3点30分, 3000元, 负5度, 3到5天
    numbers_as_digits   三十分之一, 负百分之三, 十一月三十号 -> 1/30, -3%, 11月30日
    digits_as_words     1/30, -3%, 11月30日 -> 三十分之一, 负百分之三, 十一月三十日

Texts are lower case, simplified and NFKC. Words that only look like numbers (万一, 千万, 三七二十一) stay.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

DIGITS = {char: str(i) for i, char in enumerate("零一二三四五六七八九")} | {
    "〇": "0", "两": "2", "幺": "1",
}  # fmt: skip
_HANZI = "".join(DIGITS) + "十百千万亿"
_ARABIC = r"\d+(?:\.\d+)?"
_SCALES = "[十百千万亿]*"

# ---------------------------------------------------------------- symbols

_CURRENCIES = {
    "¥": "元", "$": "美元", "€": "欧元", "£": "英镑", "hk$": "港元", "us$": "美元", "nt$": "新台币",
}  # fmt: skip
_LATIN_UNITS = {
    "kg": "公斤", "mg": "毫克", "km/h": "公里每小时", "km": "公里", "cm": "厘米", "mm": "毫米", "ml": "毫升",
    "m2": "平方米", "m3": "立方米", "°c": "度", "摄氏度": "度", "°": "度",
}  # fmt: skip
_COUNTED = "点分秒年月日号时度元块角美米克斤个天周岁楼层人次位家千百万亿里升厘毫半%‰°c"
_DATE = r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\d.])"
_PHONE = r"(?<![\d-])(?:0\d{2,3}-\d{7,8}|\d{3,4}-\d{3,4}-\d{3,4})(?![\d-])"
THOUSANDS = r"(?<![\d.])(?<!\d,)\d{1,3}(?:,\d{3})+(?![\d,])"
_TIME = r"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])"
_RANGE = rf"(\d[{_COUNTED}]{{0,2}})[-~](?=-?[\d¥$])"
_MONEY = (
    r"(-?)(hk\$|us\$|nt\$|[¥$€£]) ?(-?)"
    rf"({_ARABIC}{_SCALES})(?:元|块钱?|美元|欧元|英镑|港元|港币)?"
)
SIGN = r"(?<![\da-z.])[-‐‑‒–](?=\d|[¥$€£])"
"""A hyphen that is a minus."""


def symbols_as_words(text: str) -> str:
    """The signs of written numbers as words that they are read as.

    >>> symbols_as_words("3:30、¥3,000、-5度、3~5天、2/3、12.5%、2026-03-05")
    '3点30分、3000元、负5度、3到5天、3分之2、百分之12.5、2026年3月5日'
    """
    text = text.replace("−", "-")
    text = re.sub(r"(?<=\d) ?([~-]) ?(?=\d)", r"\1", text)
    text = re.sub(_DATE, _date, text)
    text = re.sub(_PHONE, lambda m: m[0].replace("-", ""), text)
    text = re.sub(THOUSANDS, lambda m: m[0].replace(",", ""), text)
    text = re.sub(_TIME, _time, text)
    text = re.sub(rf"({_ARABIC}):({_ARABIC})", r"\1比\2", text)
    text = re.sub(_RANGE, r"\1到", text)
    text = re.sub(_MONEY, _money, text)
    text = re.sub(SIGN, "负", text)
    text = re.sub(r"(\d+)[/⁄](\d+)", r"\2分之\1", text)
    text = re.sub(rf"({_ARABIC})([%‰])", lambda m: f"{_PARTS[m[2]]}{m[1]}", text)
    units = "|".join(map(re.escape, _LATIN_UNITS))
    return re.sub(rf"([\d{_HANZI}]) ?({units})(?![a-z])", lambda m: m[1] + _LATIN_UNITS[m[2]], text)


_PARTS = {"%": "百分之", "‰": "千分之"}


def _date(found: re.Match[str]) -> str:
    year, _, month, day = found.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return found[0]
    return f"{year}年{int(month)}月{int(day)}日"


def _time(found: re.Match[str]) -> str:
    hour, minute, second = found.groups()
    if second is not None:
        return f"{int(hour)}点{int(minute)}分{int(second)}秒"
    return f"{int(hour)}点{int(minute)}分" if int(minute) else f"{int(hour)}点"


def _money(found: re.Match[str]) -> str:
    before, currency, after, amount = found.groups()
    return f"{'负' if before or after else ''}{amount}{_CURRENCIES[currency]}"


# ---------------------------------------------------------------- words to digits

_N = rf"(?:{_ARABIC}|[{_HANZI}])+"
_SCALE_OR_UNIT = "克米瓦卡"  # 五千克: thousand grams, or kilograms
_DECIMAL = (
    rf"(?<![午上晨晚早])({_N})点([零〇一二三四五六七八九]++)"
    rf"(?![半刻钟十]|[百千](?![万亿{_SCALE_OR_UNIT}])|(?<=一)[起下些定样直会]|(?<=点零.)分)"
    rf"((?:[百千](?=[万亿])|[万亿])*)"
)
_CLOCK = (
    r"(?<![\d.])(\d{1,2})点(?:(半)|([1-3])刻|(\d{1,2})分(?![之\d])|(\d{2})(?![\d.个人天元块分]))"
)
_ENDING = r"(\d+)(度|块|米)(\d{1,2})(?![\d.到%/年月日号点分度块米个人次天%])"
_YEAR_LIKE = "年级届后路"


def numbers_as_digits(text: str) -> str:
    """Numbers in words as digits, with the signs of fractions, percentages and negative values.

    >>> numbers_as_digits("负百分之三、三十分之一、一点三十分、三点五公斤、三点半、十一月三十号、三万五")
    '-3%、1/30、1点30分、3.5公斤、3点30分、11月30日、35000'
    """
    text = re.sub(r"百分之百(?![一二三四五六七八九\d])|百分百", "百分之100", text)
    text = text.replace("廿", "二十").replace("卅", "三十")
    text = re.sub(r"零下(?=[\d" + _HANZI + "])", "负", text)
    text = re.sub(_DECIMAL, _decimal, text)
    text = re.sub(_N, _numeral, text)
    text = re.sub(r"(\d)[至~](?=负?\d)", r"\1到", text)
    for mark, words in (("%", "百分之"), ("‰", "千分之")):
        text = re.sub(rf"(负?){words}(负?)({_ARABIC})", rf"\1\2\3{mark}", text)
    text = re.sub(r"(?<![\d.])(\d+)分之(\d+)", r"\2/\1", text)
    text = re.sub(r"负(?=\d)", "-", text)
    text = re.sub(_CLOCK, _clock, text)
    text = re.sub(_ENDING, r"\1.\3\2", text)
    return re.sub(r"(\d{1,2}月\d{1,2})[号日]", r"\1日", text)


def _decimal(found: re.Match[str]) -> str:
    whole, decimals, scale = found.groups()
    value = _value(whole)
    if value is None or not value.isdigit():
        return found[0]
    return _scaled(f"{value}.{_digits(decimals)}", scale)


def _scaled(number: str, scale: str) -> str:
    """A decimal times 百, 千, 万, 亿, by moving its point."""
    power = sum({"十": 1, "百": 2, "千": 3, "万": 4, "亿": 8}[char] for char in scale)
    if not power:
        return number
    whole, _, decimals = number.partition(".")
    moved = decimals.ljust(power, "0")
    rest = moved[power:].rstrip("0")
    return str(int(whole + moved[:power])) + (f".{rest}" if rest else "")


def _digits(words: str) -> str:
    return "".join(DIGITS[char] for char in words)


def _numeral(found: re.Match[str]) -> str:
    run, text = found[0], found.string
    before, after = text[: found.start()][-1:], text[found.end() :][:1]
    if "两" in run[1:] and run.index("两") == len(run) - 1 and (run != "一两" or before == "斤"):
        value = _value(run[:-1])
        return f"{value}两" if value else run  # the weight
    if before == "米" and len(run) == 2 and set(run) <= DIGITS.keys():
        return _digits(run)
    if after and after in _YEAR_LIKE and len(run) == 2 and set(run) <= DIGITS.keys():
        return _neighbors(run) or _digits(run)
    return _value(run) or _neighbors(run) or run


def _value(run: str) -> str | None:
    """A number as digits; None where the run is none, or more than one."""
    if re.fullmatch(_ARABIC, run):
        return run
    if scaled := re.fullmatch(r"(\d+\.\d+)([百千万亿]+)", run):
        return _scaled(scaled[1], scaled[2])
    if set(run) <= DIGITS.keys():
        is_read_out = len(run) != 2 or set(run) & set("零〇幺")
        return _digits(run) if is_read_out else None
    return _cardinal(run)


def _neighbors(run: str) -> str | None:
    """Two numbers of which one is meant: 三四 is `3到4`, 三四十 `30到40`, 两三百 `200到300`."""
    for at, (low, high) in enumerate(itertools.pairwise(run)):
        if low in DIGITS and high in DIGITS and int(DIGITS[high]) == int(DIGITS[low]) + 1:
            values = _value(run[: at + 1] + run[at + 2 :]), _value(run[:at] + run[at + 1 :])
            if all(values):
                return f"{values[0]}到{values[1]}"
    return None


def _cardinal(run: str) -> str | None:
    """The value of a number with units (三万五, 一百零五, 3万5千); None where the run is none."""
    high, has_myriads, low = run.rpartition("亿")
    value = _joined(_below_yi(high), low, 10**8, _below_yi) if has_myriads else _below_yi(run)
    return None if value is None else str(value)


def _below_yi(words: str) -> int | None:
    high, has_myriads, low = words.rpartition("万")
    return _joined(_section(high), low, 10**4, _section) if has_myriads else _section(words)


def _joined(high: int | None, low: str, unit: int, read: Callable[[str], int | None]) -> int | None:
    """`high` units and what follows them; a last digit alone counts in tenths of the unit."""
    if high is None or not low:
        return high and high * unit
    if low in DIGITS or (low.isdigit() and len(low) == 1):
        return high * unit + int(DIGITS.get(low, low)) * unit // 10
    rest = read(low[1:] if low[0] in "零〇" else low)
    return None if rest is None or rest >= unit else high * unit + rest


_SECTION = re.compile(
    "(?:(?P<k>[{d}]|\\d+)千)?(?P<z1>[零〇])?(?:(?P<h>[{d}]|\\d+)百)?(?P<z2>[零〇])?"
    "(?:(?P<t>[{d}]|\\d+)?(?P<ten>十))?(?P<z3>[零〇])?(?P<o>[{d}]|\\d+)?".format(
        d="一二三四五六七八九两"
    )
)


def _section(words: str) -> int | None:
    """A number from 1 to 9,999 in words; a last digit alone counts in tenths of the unit before it."""
    found = _SECTION.fullmatch(words)
    if not found or not words or words[-1] in "零〇" or words[0] in "零〇":
        return None
    value = {
        name: int(DIGITS.get(found[name], found[name])) if found[name] else 0 for name in "khto"
    }
    if found["ten"] and not found["t"]:
        value["t"] = 1
    has_gap = found["ten"] or found["z1"] or found["z2"] or found["z3"]
    if (found["k"] or found["h"]) and value["o"] < 10 and not has_gap:
        value["o"] *= 10 if found["h"] else 100
    return value["k"] * 1_000 + value["h"] * 100 + value["t"] * 10 + value["o"]


def _clock(found: re.Match[str]) -> str:
    hour, half, quarters, minutes, bare_minutes = found.groups()
    minute = 30 if half else 15 * int(quarters) if quarters else int(minutes or bare_minutes)
    if int(hour) > 24 or minute > 59:
        return found[0]
    return f"{int(hour)}点{minute}分" if minute else f"{int(hour)}点"


# ---------------------------------------------------------------- digits to words

_WORDS = "零一二三四五六七八九"
_MEASURES = "个点块天年次位人家台辆张本件条只杯瓶斤米公小分秒周遍倍种句项名"


def digits_as_words(text: str) -> str:
    """The form of `numbers_as_digits`, spelled out.

    >>> digits_as_words("-3%、1/30、1点30分、3.5公斤、3000元、2026年3月5日、2个")
    '负百分之三、三十分之一、一点三十分、三点五公斤、三千元、二零二六年三月五日、两个'
    """
    text = re.sub(r"-(?=\d)", "负", text)
    text = re.sub(r"(\d+)/(\d+)", r"\2分之\1", text)
    text = re.sub(rf"({_ARABIC})([%‰])", lambda m: f"{_PARTS[m[2]]}{m[1]}", text)
    return re.sub(r"\d+(?:\.\d+)?", _spell, text)


def _spell(found: re.Match[str]) -> str:
    whole, _, decimals = found[0].partition(".")
    before = found.string[max(0, found.start() - 1) : found.start()]
    after = found.string[found.end() :].removeprefix("分之")[:1]
    words = _spell_whole(whole, is_year=after == "年" and len(whole) in (2, 4))
    if decimals:
        return f"{words}点{_spell_digits(decimals)}"
    is_counted = words == "二" and before not in tuple("第周期") and after and after in _MEASURES
    return "两" if is_counted else words


def _spell_digits(digits: str) -> str:
    return "".join(_WORDS[int(digit)] for digit in digits)


def _spell_whole(digits: str, *, is_year: bool) -> str:
    is_code = len(digits) >= 7 and not digits.endswith("0000")
    if is_year or is_code or (len(digits) > 1 and digits[0] == "0") or len(digits) > 16:
        return _spell_digits(digits)
    return spell_cardinal(int(digits))


def spell_cardinal(number: int) -> str:
    """A whole number below 10^16 in words.

    >>> [spell_cardinal(n) for n in (0, 10, 105, 235, 12_000, 100_000, 30_005, 200_000_000)]
    ['零', '十', '一百零五', '两百三十五', '一万两千', '十万', '三万零五', '两亿']
    """
    if number == 0:
        return "零"
    words = re.sub(r"^一十", "十", _spell_positive(number))
    return re.sub("二(?=[百千万亿])", "两", words)


def _spell_positive(number: int) -> str:
    if number < 10**4:
        return _spell_section(number)
    unit, name = (10**8, "亿") if number >= 10**8 else (10**4, "万")
    high, low = divmod(number, unit)
    gap = "零" if low < unit // 10 else ""
    return _spell_positive(high) + name + (gap + _spell_positive(low) if low else "")


def _spell_section(section: int) -> str:
    """A number from 1 to 9,999."""
    words, needs_zero = "", False
    for unit, name in ((1_000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, section = divmod(section, unit)
        if digit:
            words += ("零" if needs_zero else "") + _WORDS[digit] + name
        needs_zero = bool(words) and not digit
    return words
