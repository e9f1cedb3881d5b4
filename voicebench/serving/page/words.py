"""The words of the page, by name; `voicebench.words` has them in each language."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from voicebench.words import LANGUAGES, Language, catalogue

Words = SimpleNamespace


def words_of(language: Language) -> Words:
    """The page's words in a language, with its BCP 47 tag and the names of stages."""
    found = catalogue(language)
    return Words(**found.page, language=found.language, stages=found.stages, kinds=found.kinds)


WORDS: Mapping[Language, Words] = {language: words_of(language) for language in LANGUAGES}
ZH, EN = WORDS["zh"], WORDS["en"]
