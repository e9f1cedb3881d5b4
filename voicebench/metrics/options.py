"""Names that are one of several options: what else says the same, and what says another one."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from voicebench.lexicon import either
from voicebench.lexicon.choices import OPTIONS, SYNONYMS

Span = tuple[int, int]
_ANY = re.compile(either(OPTIONS))


@functools.lru_cache(maxsize=5_000)
def _option_in(name: str) -> str:
    """The option that a name names or ends in: 热拿铁 is 拿铁."""
    return max((word for word in OPTIONS if name.endswith(word)), key=len, default="")


def synonyms(name: str) -> tuple[str, ...]:
    """Other words for a name, 窗边 for 靠窗."""
    own = OPTIONS.get(name, frozenset())
    return tuple(w for option in sorted(own) for w in SYNONYMS[option] if w != name)


def other_options(text: str, name: str, given: str) -> Iterator[Span]:
    """Where a text has another option of the choice of `name` that is not in `given`: 半糖 for 无糖.

    >>> list(other_options("奶茶要半糖", "无糖", "")), list(other_options("奶茶不放糖", "无糖", ""))
    ([(3, 5)], [])
    """
    own = OPTIONS.get(_option_in(name), frozenset())
    choices = {option.choice for option in own}
    for match in _ANY.finditer(text) if own else ():
        word = match.group()
        its = OPTIONS[word]
        if (
            not its & own
            and any(option.choice in choices for option in its)
            and word not in given
            and word not in name
        ):
            yield match.span()
