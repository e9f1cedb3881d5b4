"""Telephone numbers and codes, read digit by digit whatever stands between the digits."""

from __future__ import annotations

import re

from voicebench.metrics.values.entity import Entity
from voicebench.metrics.values.numerals import DIGIT, read_digits

_D = rf"[{DIGIT}\d]"
_COUNTRY = r"(?:\(?(?:\+ ?|00)86\)?[- ]?)"
_GAP = rf"(?:[- .·]|(?<=[{DIGIT}])[,、](?=[{DIGIT}]))?"
IDENTIFIER = re.compile(
    rf"(?<![\d.])(?:{_COUNTRY}?(?:\(?[0零〇](?:{_GAP}{_D}){{2,3}}\)?[- ]?{_D}(?:{_GAP}{_D}){{6,7}}|[1一幺](?:{_GAP}{_D}){{10}}|[48四八](?:{_GAP}{_D}){{9}})"
    rf"|{_COUNTRY}\d{{2,3}}[- ]\d{{3,4}}-?\d{{4}}"
    rf"|\d{{2,4}}(?: \d{{2,4}}){{2,}}(?! ?[\u4e00-\u9fff])|{_D}(?:[- ·.]{_D}){{3,}}|{_D}(?:[,、]{_D}){{4,}}|[{DIGIT}]{{3,4}}(?:[,、-][{DIGIT}]{{3,4}}){{1,3}})"
    rf"(?!\d|[{DIGIT}](?!分机)|[十百千万亿]|\.\d)"
)
"""Mobile and landline numbers, service numbers, digits one by one, groups of spoken digits."""
_MOBILE, _LANDLINE, _SERVICE = re.compile(r"1[3-9]"), re.compile(r"0[1-9]"), re.compile("[48]00")


def read_identifier(match: re.Match[str]) -> Entity | None:
    """An identifier as its digits, without the country's code."""
    text = match.group()
    digits = re.sub(r"\D", "", read_digits(text))
    country = re.match(_COUNTRY, text)
    if country:
        digits = digits[2 if "+" in country.group() else 4 :]
        digits = digits if digits[0] in "014" else "0" + digits
    has_gaps = len(digits) < len(text)
    is_phone = (
        (len(digits) == 11 and _MOBILE.match(digits))
        or (10 <= len(digits) <= 12 and _LANDLINE.match(digits))
        or (len(digits) == 10 and _SERVICE.match(digits))
    )
    is_count = digits in "123456789" and "-" not in text
    if not is_phone and (not has_gaps or is_count or re.fullmatch(r"\d{1,2}\.\d+", text)):
        return None
    return Entity("number", text, *match.span(), digits, figure=digits)
