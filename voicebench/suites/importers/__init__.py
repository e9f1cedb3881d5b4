"""Readers of published corpora: a corpus's own folder layout in, recordings out.

Each module is one layout and one function `read(folder, split)`. The layouts are lines of text, so
they are read here: lhotse and datasets would bring hundreds of megabytes for it. Only VoiceBench,
which is published as parquet, needs pyarrow.

    from voicebench.suites.importers import FORMATS, read_corpus
    read_corpus("aishell1", Path("data_aishell"), split="test").recordings
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from voicebench.errors import SuiteError, did_you_mean
from voicebench.suites.recordings import Found


@dataclass(frozen=True)
class Format:
    """A corpus's layout.

    Attributes:
        title: The corpus's name.
        module: Where it is read, in this package.
        split: The part that is taken unless another is asked for.
        language: Of the speech; empty where the folder tells.
        licence: SPDX identifier, or a `LicenseRef-` for terms of its own.
        description: What it is, in a sentence.
    """

    title: str
    module: str
    split: str
    language: str
    licence: str
    description: str


FORMATS: dict[str, Format] = {
    "aishell1": Format(
        "AISHELL-1", "aishell1", "test", "zh", "Apache-2.0",
        "Mandarin sentences read aloud in quiet rooms.",
    ),
    "kespeech": Format(
        "KeSpeech", "kespeech", "test", "zh", "LicenseRef-KeSpeech",
        "Sentences read aloud in standard Mandarin and eight of its regional forms.",
    ),
    "alimeeting": Format(
        "AliMeeting", "alimeeting", "Test", "zh", "CC-BY-SA-4.0",
        "Meetings of two to four people, recorded from the middle of the table.",
    ),
    "common_voice": Format(
        "Common Voice", "common_voice", "test", "", "CC0-1.0",
        "Sentences read aloud by volunteers on their own devices.",
    ),
    "voicebench": Format(
        "VoiceBench", "voicebench", "test", "en", "Apache-2.0",
        "Spoken questions and instructions to an assistant.",
    ),
}  # fmt: skip
"""Layouts that can be read, by the name that the command line takes."""


def read_corpus(name: str, folder: Path, split: str = "") -> Found:
    """Reads one split of a corpus.

    Args:
        name: Of `FORMATS`.
        folder: Where the corpus was unpacked.
        split: Part of the corpus; empty for the layout's own default.

    Raises:
        SuiteError: Unknown layout, or the folder does not have it: the file that is missing.
        MissingPackageError: The layout needs a package that is not installed.
    """
    if name not in FORMATS:
        way_out = did_you_mean(name, FORMATS) or f"Known: {', '.join(FORMATS)}."
        raise SuiteError(f"unknown corpus format {name!r}", way_out)
    if not folder.is_dir():
        raise SuiteError(f"there is no folder {folder}", "Name where the corpus was unpacked.")
    module = importlib.import_module(f"{__name__}.{FORMATS[name].module}")
    found: Found = module.read(folder, split or FORMATS[name].split)
    return found.sorted()


def language_of(name: str, folder: Path) -> str:
    """Language of a corpus: `zh`, `yue`, `en`, or what Common Voice's folder is called.

    >>> language_of("common_voice", Path("cv-corpus-17.0/zh-HK"))
    'yue'
    """
    locale = folder.resolve().name
    return FORMATS[name].language or {"zh-HK": "yue"}.get(locale, locale.partition("-")[0])
