"""Numbers with what they count: quantities of one or two units, money, shares, degrees.

三公斤, 两小时十五分, 一米七五      a quantity in the base unit of its dimension
一块二毛五, -¥20, 3.5万元           money
三成五, 千分之三, 1/3, 八折, 一半    a share, in per cent
"""

from __future__ import annotations

import re
from decimal import Decimal

from voicebench.lexicon import either
from voicebench.lexicon.units import COUNTERS, CURRENCIES, UNITS
from voicebench.metrics.values.entity import Entity
from voicebench.metrics.values.numerals import (
    DIGIT,
    NUMBER,
    is_read_out,
    parse_number,
    plain,
    read_digits,
)

UNIT = (
    rf"(?:{either(set(UNITS) - {'两', '周', '里'})}|周(?![一二三四五六日天末](?!次|回|遍))|里(?![面边头外屯程]))"
    r"(?<![a-z](?=[a-z0-9]))"
)
COUNTER = either(COUNTERS)
_CURRENCY = either(word for word in CURRENCIES if word.isalnum())
_SIGN = either(("¥", "$", "us$", "€", "£", "hk$", "rmb", "人民币", "usd"))
MINUS = r"(?:(零下|负的?|(?<=[是为到率温值润约])减|-)?)"
_MORE = r"(?:多|来|余|几)?"
_NO_NUMERAL = rf"(?![{DIGIT}十百千万亿\d])"

QUANTITY = re.compile(
    rf"{MINUS}(?:零上)?({NUMBER})([kw](?![a-z0-9]))?{_MORE}"
    rf"(?:(个?)半(月|{UNIT})(?!天)| ?({UNIT}|{COUNTER}|分(?!之|钱|钟前)))?"
)
TAEL = re.compile(rf"(?:[{DIGIT}十百]+|\d+(?:\.\d+)?)两(?![{DIGIT}十百千万亿个天次种位本只条])")
HALF = re.compile(rf"半个?(月|{UNIT})(?!天)")
_FURTHER = re.compile(rf"(?:零|又|加|,)?({NUMBER}) ?(两|{UNIT}|分(?!之|钱)|夜)")
_TAIL = re.compile(
    rf"([{DIGIT}\d]{{1,2}})(?![{DIGIT}十百千万亿\d.:%/]|点|月|号|日|{UNIT}|{COUNTER})"
)
_MINUTES = re.compile(
    rf"([二三四五]?十[一二三四五六七八九]?|[1-5]\d)(?![{DIGIT}十百千万亿\d.:%]|点|月|号|{UNIT}|{COUNTER}|{either(CURRENCIES)})"
)
"""二十 of 一小时二十."""
_TENTHS = frozenset({"米", "度", "斤", "公斤", "吨", "尺", "公里", "升"})

MONEY = re.compile(rf"{MINUS}(?:({_SIGN}) ?(-)?)?({NUMBER})([kw](?![a-z]))?{_MORE} ?({_CURRENCY})?")
_CHANGE = re.compile(
    rf"零?([{DIGIT}\d])(?:[毛角](?:钱|零?([{DIGIT}\d])(?:分钱?|{_NO_NUMERAL}(?![个点折月]|(?<=[角毛][一1])(?:{UNIT}|{COUNTER}))|(?=[一1每](?:{UNIT}|{COUNTER})))|(?!巾))?)"
    rf"|零?([{DIGIT}\d])分钱?|([{DIGIT}\d])(?!\.)(?={_NO_NUMERAL}(?!点|个|月|号|折|分|时|:|%|公|小时|{UNIT}))"
    rf"|([{DIGIT}\d])(?=[一1每](?:{UNIT}|{COUNTER}))|(半)(?!\w)"
)
DIMES = re.compile(
    rf"{MINUS}({NUMBER})(?:毛(?!线|衣|巾|笔|病|豆)|角(?!度|落|色|楼|形|洲|恋|膜))(?:钱|零?([{DIGIT}\d])(?:分钱?|{_NO_NUMERAL}(?!{COUNTER}|{UNIT})))?"
    rf"|({NUMBER})分钱|(半)[块元]钱?"
)

_PER = {"百": Decimal(1), "千": Decimal("0.1"), "万": Decimal("0.01")}
SHARE = re.compile(
    rf"{MINUS}(?:([百千万])分之(负?)({NUMBER})|({NUMBER})又({NUMBER})分之({NUMBER})|({NUMBER})分之({NUMBER})"
    rf"|({NUMBER})(%|‰|个百分点| percent)|([{DIGIT}\d])成(?:([{DIGIT}\d])(?!\d)|半)?(?![都功为本员立绩熟长果交品效年语])"
    rf"|([{DIGIT}\d])(?:\.|点)?([{DIGIT}\d])?折(?![叠扣腾合])|({NUMBER})倍|(\d{{1,3}})/(\d{{1,5}})(?![\d/])|(百分(?:之)?百)|(一半|半数|对半|对折|半价)|(翻倍|翻了?一[番倍]))"
)
_RATIO_ROLES = ["minus", "per", "negative", "of_per", "whole", "below", "above", "under", "over", "percent", "sign", "tenths", "hundredths", "fold", "fold2", "times", "top", "bottom", "all", "half", "double"]  # fmt: skip


def read_share(match: re.Match[str]) -> Entity | None:
    """Percentages, fractions, tenths, discounts and multiples, in per cent."""
    g = dict(zip(_RATIO_ROLES, match.groups(), strict=True))
    number = {name: parse_number(text) if text else None for name, text in g.items()}
    figure, value = "", None
    unit = "%"
    if g["per"]:
        figure, value = (
            plain(number["of_per"] or Decimal(0)),
            (number["of_per"] or 0) * _PER[g["per"]],
        )
    elif g["whole"] and number["below"]:
        value = (number["whole"] or 0) + (number["above"] or 0) / number["below"]
        unit = ""
    elif g["under"] and number["under"]:
        value = (number["over"] or 0) * 100 / number["under"]
    elif g["percent"] and number["percent"] is not None:
        figure = plain(number["percent"])
        value = number["percent"] * (Decimal("0.1") if g["sign"] == "‰" else 1)
    elif g["tenths"]:
        tail = g["hundredths"]
        half = match.string[match.end() - 1] == "半"
        value = Decimal(read_digits(g["tenths"])) * 10 + (
            int(read_digits(tail)) if tail else 5 * half
        )
    elif g["fold"]:
        value = Decimal(read_digits(g["fold"])) * 10 + int(read_digits(g["fold2"] or "0"))
    elif number["times"] is not None:
        figure, value = plain(number["times"]), number["times"] * 100
    elif g["top"] and number["bottom"]:
        value = (number["top"] or 0) * 100 / number["bottom"]
    elif g["all"] or g["half"] or g["double"]:
        value = Decimal(100 if g["all"] else 50 if g["half"] else 200)
    if value is None:
        return None
    value = Decimal(value).quantize(Decimal("0.000001"))
    sign = -1 if g["minus"] or g["negative"] else 1
    return _number(match, value * sign, unit, figure)


RATIO = re.compile(rf"({NUMBER})比({NUMBER})|(\d{{1,3}}):(\d)(?![\d:])")


def read_ratio(match: re.Match[str]) -> Entity | None:
    """三比二 and 3:2."""
    above, below = (parse_number(text) for text in match.groups() if text)
    if above is None or below is None:
        return None
    value = f"{plain(above)}:{plain(below)}"
    return Entity("number", match.group(), *match.span(), value, "比", figure=value)


def _number(match: re.Match[str], value: Decimal, unit: str, figure: str = "") -> Entity:
    return Entity(
        "number", match.group(), *match.span(), plain(value), unit, figure=figure or plain(value)
    )


def read_money(match: re.Match[str]) -> Entity | None:
    """¥300, 三百块, 一块二毛五, 五元三角二分; the change after the currency is read here."""
    minus, sign, minus_after, figure, scale, word = match.groups()
    value = parse_number(figure)
    if value is None or not (sign or word):
        return None
    value *= {"k": 1000, "w": 10_000}.get(scale or "", 1)
    text, end = match.string, match.end()
    currency = CURRENCIES[word or sign]
    if word and currency == "CNY":
        change = _CHANGE.match(text, end)
        if change and change.end() > end and not text.startswith("块钱", end - 2):
            value += _change(change)
            end = change.end()
    for tail in ("钱", "整"):
        end += text.startswith(tail, end)
    written = text[match.start() : end]
    is_weak = value == 1 and written == "一块"  # also a piece, or "together"
    value *= -1 if minus or minus_after else 1
    return Entity(
        "money", written, match.start(), end, plain(value), currency, figure=plain(value),
        is_weak=is_weak,
    )  # fmt: skip


def _change(match: re.Match[str]) -> Decimal:
    dimes, cents, only_cents, bare, bare_each, half = match.groups()
    value = Decimal(5 if half else int(read_digits(dimes or bare or bare_each or "0"))) / 10
    return value + Decimal(int(read_digits(cents or only_cents or "0"))) / 100


def read_dimes(match: re.Match[str]) -> Entity | None:
    """五角, 三毛五, 五分钱."""
    minus, dimes, cents, only_cents, half = match.groups()
    value = Decimal(5) if half else parse_number(dimes or only_cents)
    if value is None:
        return None
    value = value / 100 if only_cents else value / 10 + Decimal(read_digits(cents or "0")) / 100
    value *= -1 if minus else 1
    return Entity("money", match.group(), *match.span(), plain(value), "CNY", figure=plain(value))


def read_tael(match: re.Match[str]) -> Entity | None:
    """三两 is 150 克: 两 after a numeral is a weight, though it is a digit too."""
    figure = match.group()[:-1]
    value = parse_number(figure)
    if value is None or (figure == "一" and match.string.startswith("天", match.end())):
        return None
    return _number(match, value * 50, "克", plain(value))


def read_half(match: re.Match[str]) -> Entity | None:
    """半斤, 半小时, 半个月."""
    if match.string[max(match.start() - 1, 0) : match.start()] in tuple("一大小多夜"):
        return None
    unit, factor = UNITS.get(match.group(1), ("月", "1"))
    return _number(match, Decimal(factor) / 2, unit, "0.5")


def read_quantity(match: re.Match[str]) -> Entity | None:
    """A number with its unit or counter, and the smaller units that follow it."""
    minus, figure, scale, _, half_unit, word = match.groups()
    value = parse_number(figure)
    text, start, end = match.string, match.start(), match.end()
    if value is None or (not minus and _is_no_number(text, start, figure, half_unit or word or "")):
        return None
    value *= {"k": 1000, "w": 10_000}.get(scale or "", 1)
    written = value
    word = half_unit or word or ""
    if half_unit:
        value += Decimal("0.5")
    dimension, factor = UNITS.get(word, ("月", "1") if word == "月" else (word, "1"))
    if word == "分":  # a score, or the minutes before seconds
        more = _FURTHER.match(text, end)
        is_time = (more and more.group(2) in ("秒", "秒钟")) or text.startswith("半", end)
        dimension, factor = ("秒", "60") if is_time else ("分", "1")
    total = value * Decimal(factor)
    if (word and not half_unit and dimension != word) or word in ("度", "米", "岁", "升", "倍"):
        total, end = _with_smaller(text, end, total, dimension, Decimal(factor), word)
    total *= -1 if minus else 1
    is_ordinal = text[max(start - 1, 0) : start] == "第"
    is_one = figure in ("一", "1")
    is_some = (is_one or figure == "两") and word in COUNTERS and end == match.end()
    is_weak = is_ordinal or is_some or (is_one and _is_priced(text, start, end))
    canonical = plain(total)
    is_plain = not scale and factor == "1" and total == written
    if is_plain and (is_read_out(figure) or figure.isdigit()):
        canonical = read_digits(figure)
    return Entity(
        "number", text[start:end], start, end, canonical, dimension, figure=plain(written),
        is_weak=is_weak,
    )  # fmt: skip


_PRICE = re.compile(rf"{NUMBER}[块元毛角]")


def _is_priced(text: str, start: int, end: int) -> bool:
    """Whether 一斤 is what a price is for: 八块一斤, 一斤八块."""
    return bool(_PRICE.match(text, end)) or text[max(start - 1, 0) : start] in tuple("块元毛角钱")


def _with_smaller(
    text: str, end: int, total: Decimal, dimension: str, factor: Decimal, word: str
) -> tuple[Decimal, int]:
    """Adds 半, a bare tail (一米七五) and smaller units of the dimension (两斤三两)."""
    if text.startswith("半", end) and not text.startswith(("半夜", "半价", "半天"), end):
        return total + factor / 2, end + 1 + text.startswith("钟", end + 1)
    while more := _FURTHER.match(text, end):
        value = parse_number(more.group(1))
        if value is None and more.group(1).endswith("两"):  # 三两 is read as two digits
            break
        unit, smaller = UNITS.get(more.group(2), ("", "0"))
        if more.group(2) == "天" and dimension == "月":  # 三个月零十五天 is 三个半月
            unit, smaller = "月", str(1 / Decimal(30))
        if more.group(2) == "分" and dimension == "秒" and factor >= 3600:
            unit, smaller = "秒", "60"
        if value is None or unit != dimension or Decimal(smaller) >= factor:
            break
        factor = Decimal(smaller)
        total, end = total + value * factor, more.end()
    else:
        tael = TAEL.match(text, end) if dimension == "克" and factor > 50 else None
        value = parse_number(tael.group()[:-1]) if tael else None
        if tael and value is not None:
            return total + value * 50, tael.end()
        minutes = _MINUTES.match(text, end) if factor == 3600 else None
        value = parse_number(minutes.group(1)) if minutes else None
        if minutes and value is not None:
            return total + value * 60, minutes.end()
        tail = _TAIL.match(text, end) if word in _TENTHS else None
        if tail and (len(tail.group(1)) == 1 or word == "米"):
            return total + factor * Decimal(f"0.{read_digits(tail.group(1))}"), tail.end()
    return total, end


def _is_no_number(text: str, start: int, figure: str, unit: str) -> bool:
    """Whether a lone Hanzi has no measure word, or digits are part of a Latin word (mp3, h200)."""
    if not figure[0].isdigit():
        is_range = _RANGE_AFTER.match(text, start + len(figure))
        return not (is_range or _is_spoken_number(figure, unit))
    before = text[max(start - 1, 0) : start]
    end = start + len(figure)
    after = text[end : end + 1]
    is_glued = before.isascii() and (before.isalpha() or before == "_")
    return is_glued or (
        after.isascii() and after.isalpha() and not re.match(rf"{UNIT}|[kw](?![a-z])", text[end:])
    )


_RANGE_AFTER = re.compile(rf"(?:到|至|-|~)(?:{NUMBER})(?!点|月|号)")


def _is_spoken_number(figure: str, unit: str) -> bool:
    if figure in ("十", "百", "千", "万", "亿", "千万", "百万"):
        return bool(unit) and figure in ("十", "百万", "千万")
    if len(figure) == 1 or set(figure) <= set("百千万亿"):
        return bool(unit)
    return len(figure) > 2 or is_read_out(figure) or any(char in "十百千万亿" for char in figure)
