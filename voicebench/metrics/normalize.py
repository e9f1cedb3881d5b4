"""Named text normalizers: the same one is applied to reference and hypothesis.

`basic` folds what recognizers are not judged on: width (NFKC), case, punctuation, spaces, and
traditional script, which OpenCC makes simplified. Signs that are read aloud stay: a decimal point, a
minus, `%`, currency signs. `itn` and `tn` also bring numbers to one form (`number_forms`).

    from voicebench.metrics.normalize import NORMALIZERS
    NORMALIZERS["itn"]("三百块") == NORMALIZERS["itn"]("300块")
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from voicebench.errors import ConfigError
from voicebench.metrics.number_forms import (
    SIGN,
    THOUSANDS,
    digits_as_words,
    numbers_as_digits,
    symbols_as_words,
)

_LATIN_GAP = re.compile(r"(?<![^\W_一-鿿぀-ヿ]) | (?![^\W_一-鿿぀-ヿ])")
_APOSTROPHES = str.maketrans("", "", "'’‘ʼ")
_SHORT_RANGE = re.compile(r"(?<![\d-])(?!0\d)(\d+)[-‐‑‒–](?=\d+(?![\d-]))")
_READ_ALOUD = "%‰"
_READ_ALOUD_BETWEEN_DIGITS = ".:/"


class _Simplified(dict[int, str]):
    """Characters to their simplified form, for `str.translate`; each is looked up once.

    Character by character: the same character becomes the same one wherever it stands, on both sides.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        for converter in _converters() if code >= 0x3400 else ():
            if char != "么":  # of which Taiwan's table makes 幺
                char = converter.convert(char)
        self[code] = char
        return char


@functools.cache
def _converters() -> tuple[Any, ...]:
    import opencc

    return tuple(opencc.OpenCC(name) for name in ("t2s", "hk2s", "tw2s"))


_SIMPLIFIED = _Simplified()


def simplify(text: str) -> str:
    """Traditional script as simplified, with the variants of Hong Kong and Taiwan.

    >>> simplify("裏面說著什麼嘅")
    '里面说着什么嘅'
    """
    return text.translate(_SIMPLIFIED)


def is_traditional(text: str) -> bool:
    """Whether a text has characters that simplified script writes otherwise.

    >>> is_traditional("會議室"), is_traditional("会议室"), is_traditional("乾隆的著作")
    (True, False, False)
    """
    return str(_converters()[0].convert(text)) != text


def _fold(text: str) -> str:
    """NFKC, lower case, simplified; ½ as the fraction that it is."""
    vulgar = (_vulgar_fraction(char, text[:at]) for at, char in enumerate(text))
    text = "".join(vulgar) if any(char in _VULGAR for char in text) else text
    return simplify(unicodedata.normalize("NFKC", text).lower())


_VULGAR = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"


def _vulgar_fraction(char: str, before: str) -> str:
    if char not in _VULGAR:
        return char
    return ("又" if before[-1:].isdigit() else "") + unicodedata.normalize("NFKC", char)


def _is_silent(text: str, index: int) -> bool:
    """Whether the character at `index` is punctuation that is not read aloud."""
    char = text[index]
    if char in _READ_ALOUD or not unicodedata.category(char).startswith("P"):
        return False
    between_digits = text[index - 1 : index].isdigit() and text[index + 1 : index + 2].isdigit()
    return not (char in _READ_ALOUD_BETWEEN_DIGITS and between_digits)


@functools.lru_cache(maxsize=10_000)
def basic(text: str) -> str:
    """NFKC, lower case, simplified script, no punctuation, no spaces except one between Latin words or
    numbers. Signs of numbers stay where they are read aloud: a minus, a range, a fraction, a time.

    >>> basic("你好，ＡＢＣ 世界！說")
    '你好abc世界说'
    >>> basic("It's state-of-the-art. 涨了 3.5%，-5度，3,000元，3:30，3-5天，010-62345678。")
    'its state of the art涨了3.5%−5度3000元3:30 3~5天010 62345678'
    """
    text = _fold(text).translate(_APOSTROPHES)
    text = re.sub(THOUSANDS, lambda m: m[0].replace(",", ""), text)
    text = re.sub(SIGN, "−", _SHORT_RANGE.sub(r"\1~", text))
    spoken = "".join(" " if _is_silent(text, i) else char for i, char in enumerate(text))
    joined = _LATIN_GAP.sub("", " ".join(spoken.split()))
    return unicodedata.normalize("NFKC", joined)  # an accent may have met its letter


@functools.lru_cache(maxsize=10_000)
def itn(text: str) -> str:
    """`basic`, with numbers in digits: 三百块 and 300块 become equal.

    >>> itn("降到负百分之三，下午三点半付三千元"), itn("降到-3%，下午3:30付¥3,000")
    ('降到-3%下午3点30分付3000元', '降到-3%下午3点30分付3000元')
    """
    words = basic(symbols_as_words(_fold(text)))
    return re.sub(r"(?<=[a-z])(?=\d)", " ", numbers_as_digits(words))


@functools.lru_cache(maxsize=10_000)
def tn(text: str) -> str:
    """`itn`, spelled out: 300块 and 三百块 become equal.

    >>> tn("降到-3%，下午3:30付¥3,000")
    '降到负百分之三下午三点三十分付三千元'
    """
    return digits_as_words(itn(text))


Normalizer = Callable[[str], str]

NORMALIZERS: Mapping[str, Normalizer] = {"none": str, "basic": basic, "itn": itn, "tn": tn}


def get_normalizer(name: str) -> Normalizer:
    """The normalizer called `name`.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        return NORMALIZERS[name]
    except KeyError:
        known = ", ".join(NORMALIZERS)
        raise ConfigError(f"unknown normalizer {name!r}", f"Known: {known}.") from None
