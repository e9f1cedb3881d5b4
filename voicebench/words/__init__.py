"""Every word that people read, in Chinese and in English: one catalogue for page, reports and tables.

`zh.yaml` and `en.yaml` hold it. What has an identifier in the records (a stage of the waterfall, the
kind of a stage) is looked up by it; a sentence of the program is looked up by its English text, as
gettext does, and stays English where the catalogue has no translation. Names that users give to
variants, suites and cases are never translated.

    with use_language("zh"):
        translate("{n} turns", n=3)
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
_chosen: list[Language] = []


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one language.

    Attributes:
        language: BCP 47 tag.
        stages: Stages of the waterfall, by name in the records.
        kinds: Kinds of these stages: service, setting, framework.
        page: Words of the page; `voicebench.serving.page.words` types them.
        texts: English text to this language; empty for English.
    """

    language: str
    stages: Mapping[str, str]
    kinds: Mapping[str, str]
    page: Mapping[str, Any]
    texts: Mapping[str, str] = {}


@functools.cache
def catalogue(language: Language) -> Catalogue:
    """The words of a language."""
    path = Path(__file__).with_name(f"{language}.yaml")
    return msgspec.yaml.decode(path.read_bytes(), type=Catalogue)


def default_language() -> Language:
    """The language of the locale: `LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set."""
    locale = next(filter(None, (os.environ.get(name) for name in _LOCALE_VARIABLES)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def current_language() -> Language:
    """The language in which reports, tables and figures are made now."""
    return _chosen[-1] if _chosen else default_language()


def choose_language(language: Language | None) -> None:
    """Sets the language from here on; None for that of the locale."""
    _chosen[:] = [language] if language else []


@contextlib.contextmanager
def use_language(language: Language | None) -> Iterator[None]:
    """Sets the language within a `with` block; None changes nothing."""
    before = list(_chosen)
    if language:
        _chosen.append(language)
    try:
        yield
    finally:
        _chosen[:] = before


def translate(text: str, **values: Any) -> str:
    """A sentence in the current language, with values filled in as `str.format` does.

    >>> with use_language("en"):
    ...     translate("{n} turns", n=3)
    '3 turns'
    """
    found = catalogue(current_language()).texts.get(text, text)
    return found.format(**values) if values else found


def stage_title(stage: str) -> str:
    """A stage of the waterfall for people; its own name where the catalogue has none."""
    return catalogue(current_language()).stages.get(stage, stage)


def kind_title(kind: str) -> str:
    """A kind of stage for people."""
    return catalogue(current_language()).kinds.get(kind, kind)


def join_sentences(*sentences: str) -> str:
    """Sentences one after the other, with a space between them where the language has one."""
    space = "" if current_language() == "zh" else " "
    return space.join(filter(None, sentences))
