"""Reading Chinese and Arabic numbers: 三万五, 3.5万, 35,000 and 三万五千 are one value.

Text is expected as `fold` leaves it. Decimal keeps 3.5 and 0.1 exact.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from decimal import Decimal, InvalidOperation

from voicebench.lexicon.number_words import DIGITS, MYRIADS, SIMPLIFIED, UNITS

DIGIT = "".join(DIGITS)
_DASHES = str.maketrans("−–‐‑", "----")
_ARABIC = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"

NUMBER = (
    rf"(?:(?:{_ARABIC}|[{DIGIT}十百千万亿])+"
    rf"(?:点[{DIGIT}]+(?![十{DIGIT}])[百千万亿]*)?)"
)
"""Regular expression of a number as written or said."""
SMALL = rf"(?:\d{{1,2}}|[{DIGIT}]?十[{DIGIT}]?|零?[{DIGIT}])"
"""Regular expression of a number up to 99, as in dates and times."""

_TOKEN = re.compile(rf"{_ARABIC}|.")
_SPELLED = re.compile(rf"[{DIGIT}]+")


@functools.lru_cache(maxsize=20_000)
def fold(text: str) -> str:
    """NFKC, lower case, one kind of dash, number words simplified, 俩 as 两个, 廿 as 二十, spaces
    between Hanzi dropped.

    >>> fold("３ 萬 元，下週三")
    '3万元,下周三'
    """
    text = unicodedata.normalize("NFKC", text).translate(_DASHES).lower().translate(SIMPLIFIED)
    return re.sub(r"(?<![a-z0-9]) +| +(?![a-z0-9])", "", text)


def plain(value: Decimal) -> str:
    """A decimal without exponent or trailing zeros.

    >>> plain(Decimal("35000.0")), plain(Decimal("0.50"))
    ('35000', '0.5')
    """
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def read_digits(text: str) -> str:
    """Digits of a number read out one by one; `text` holds digit words and Arabic digits only.

    >>> read_digits("幺三八零")
    '1380'
    """
    return "".join(str(DIGITS[char]) if char in DIGITS else char for char in text)


def is_read_out(text: str) -> bool:
    """Whether a run of digit words is a number read out digit by digit, as codes are.

    >>> is_read_out("三零二"), is_read_out("三百零二"), is_read_out("五")
    (True, False, False)
    """
    if not _SPELLED.fullmatch(text) or len(text) < 2:
        return False
    return len(text) > 2 or any(char in "零〇幺" for char in text)


def parse_number(text: str) -> Decimal | None:
    """The value of a match of `NUMBER`; None where it is no number after all.

    >>> [plain(parse_number(t)) for t in ("三万五", "3.5万", "35,000", "一百零五", "三点五", "两千三")]
    ['35000', '35000', '35000', '105', '3.5', '2300']
    """
    whole, _, decimals = text.partition("点")
    if not decimals:
        return Decimal(read_digits(text)) if is_read_out(text) else _parse_whole(text)
    digits = decimals.rstrip("百千万亿")
    value = _parse_whole(whole)
    if value is None or value != value.to_integral_value():
        return None
    value += Decimal(f"0.{read_digits(digits)}")
    for char in decimals[len(digits) :]:
        value *= UNITS.get(char) or MYRIADS[char]
    return value


def _parse_whole(text: str) -> Decimal | None:
    """Sections of up to 千, closed by 万 and 亿; a last bare digit counts in tenths of the unit
    before it (三万五 is 35,000) unless a zero stands between (三万零五 is 30,005)."""
    total, section, digit = Decimal(0), Decimal(0), None
    last_unit, after_zero = 1, False
    for token in _TOKEN.findall(text):
        if token in DIGITS or token[0].isdigit():
            if digit is not None and digit != 0:
                return None
            digit = _to_decimal(token)
            if digit is None:
                return None
            after_zero = after_zero or digit == 0
        elif token in UNITS:
            section += (
                Decimal(1)
                if digit in (None, 0) and section == 0 and token == "十"
                else digit
                if digit is not None
                else Decimal(1)
            ) * UNITS[token]
            digit, last_unit, after_zero = None, UNITS[token], False
        elif token in MYRIADS:
            section += digit or 0
            if section == 0 and total == 0:
                return None
            if MYRIADS[token] > 10_000:
                total, section = (total + section) * MYRIADS[token], Decimal(0)
            else:
                total, section = total + section * MYRIADS[token], Decimal(0)
            digit, last_unit, after_zero = None, MYRIADS[token], False
        else:
            return None
    if digit is not None:
        in_tenths = last_unit >= 100 and not after_zero and digit < 10
        section += digit * last_unit / 10 if in_tenths else digit
    return total + section


def _to_decimal(token: str) -> Decimal | None:
    if token in DIGITS:
        return Decimal(DIGITS[token])
    try:
        return Decimal(token.replace(",", ""))
    except InvalidOperation:  # such as superscripts, which are digits to str.isdigit
        return None
