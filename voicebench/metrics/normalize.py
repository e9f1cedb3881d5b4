"""Named text normalisers: the same one is applied to reference and hypothesis.

`basic` folds what recognisers are not judged on: width (NFKC), case, punctuation, spaces. Signs that
are read aloud stay: a decimal point between digits, `%`, currency signs. `itn` and `tn` also bring
numbers to one form with wetext, whose grammars come with its package; it is loaded at first use.

    from voicebench.metrics.normalize import NORMALIZERS
    NORMALIZERS["itn"]("三百块") == NORMALIZERS["itn"]("300块")
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Literal

from voicebench.errors import ConfigError, MissingPackageError

_LATIN_GAP = re.compile(r"(?<![^\W_一-鿿぀-ヿ]) | (?![^\W_一-鿿぀-ヿ])")
_APOSTROPHES = str.maketrans("", "", "'’‘ʼ")


def _is_silent(text: str, index: int) -> bool:
    """Whether the character at `index` is punctuation that nobody reads aloud."""
    char = text[index]
    if char == "%" or not unicodedata.category(char).startswith("P"):
        return False
    between_digits = text[index - 1 : index].isdigit() and text[index + 1 : index + 2].isdigit()
    return not (char == "." and between_digits)


@functools.lru_cache(maxsize=10_000)
def basic(text: str) -> str:
    """NFKC, lower case, no punctuation, no spaces except one between Latin words or numbers.

    >>> basic("你好，ＡＢＣ 世界！")
    '你好abc世界'
    >>> basic("It's state-of-the-art. 涨了 3.5%。")
    'its state of the art涨了3.5%'
    """
    text = unicodedata.normalize("NFKC", text).lower().translate(_APOSTROPHES)
    spoken = "".join(" " if _is_silent(text, i) else char for i, char in enumerate(text))
    joined = _LATIN_GAP.sub("", " ".join(spoken.split()))
    return unicodedata.normalize("NFKC", joined)  # an accent may have met its letter


@functools.cache
def _wetext(operator: Literal["itn", "tn"]) -> Any:
    try:
        import wetext
    except ImportError:
        raise MissingPackageError(
            f"the normaliser '{operator}' needs the package wetext",
            "Install it (pip install wetext) or use the normaliser 'basic'.",
        ) from None
    return wetext.Normalizer(lang="zh", operator=operator)


@functools.lru_cache(maxsize=10_000)
def itn(text: str) -> str:
    """`basic`, with numbers in digits: 三百块 and 300块 become equal.

    Raises:
        MissingPackageError: wetext is not installed.
    """
    return basic(str(_wetext("itn").normalize(basic(text))))


@functools.lru_cache(maxsize=10_000)
def tn(text: str) -> str:
    """`basic`, with numbers spelled out: 300块 and 三百块 become equal.

    Raises:
        MissingPackageError: wetext is not installed.
    """
    return basic(str(_wetext("tn").normalize(unicodedata.normalize("NFKC", text))))


Normalizer = Callable[[str], str]

NORMALIZERS: Mapping[str, Normalizer] = {"none": str, "basic": basic, "itn": itn, "tn": tn}


def get_normalizer(name: str) -> Normalizer:
    """The normaliser called `name`.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        return NORMALIZERS[name]
    except KeyError:
        known = ", ".join(NORMALIZERS)
        raise ConfigError(f"unknown normaliser {name!r}", f"Known: {known}.") from None
