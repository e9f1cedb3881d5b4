"""Word tables of Mandarin, each once: number words, units, people, places, brands, opposites.

Cleaning and metrics read the same tables, so that a surname or a city known to one is known to both.
Data only: what the words mean in a sentence is for the modules that read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def either(words: Iterable[str]) -> str:
    """A regular expression that matches any of the words, longest first.

    >>> either(["个", "个小时"])
    '个小时|个'
    """
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda w: (-len(w), w)))


def words(text: str) -> tuple[str, ...]:
    """The words of a table, written apart by white space."""
    return tuple(text.split())
