"""What the page says, typed; the words are those of `voicebench.words`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from voicebench.types import Record
from voicebench.words import LANGUAGES, Language, catalogue


class Words(Record):
    """All words of the page in one language; `language` is a BCP 47 tag."""

    language: str
    title: str
    other_language: str
    larger_type: str
    speak: str
    finish_speaking: str
    microphone_ready: str
    microphone_refused: str
    microphone_missing: str
    end_conversation: str
    type_placeholder: str
    stop: str
    settings: str
    prompt: str
    cleaning: str
    new_conversation: str
    cleaned: str
    waterfall: str
    separator: str
    doubtful: str
    confidence: str
    readings: str
    interrupted: str
    ask: str
    synthetic_only: str
    states: Mapping[str, str]
    kinds: Mapping[str, str]
    stages: Mapping[str, str]
    prompts: Mapping[str, str]
    cleanings: Mapping[str, str]
    errors: Mapping[str, str]
    failed: str


def words_of(language: Language) -> Words:
    """The page's words in a language."""
    found = catalogue(language)
    shared = {"language": found.language, "stages": found.stages, "kinds": found.kinds}
    return msgspec.convert({**found.page, **shared}, Words)


WORDS: Mapping[Language, Words] = {language: words_of(language) for language in LANGUAGES}
ZH, EN = WORDS["zh"], WORDS["en"]
