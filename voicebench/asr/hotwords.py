"""Hotwords as a SeacoParaformer takes them: token ids, or a refusal that says what to write instead.

FunASR looks a hotword up whole, in lower case, in the model's `seg_dict`, which divides it into tokens;
one of Hanzi and digits alone that is not there is looked up character by character. Everything else
becomes `<unk>`, without a word: the model then listens for nothing. Such hotwords are refused here,
before a model is loaded.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol, runtime_checkable

from voicebench.asr.base import Recognizer
from voicebench.errors import ConfigError, ModelError
from voicebench.profiles.schema import AsrProfile

UNKNOWN = "<unk>"
MODEL_CLASS = "SeacoParaformer"
_BY_CHARACTER = re.compile(r"[\u4e00-\u9fa50-9]+")  # FunASR's range of Hanzi
_SPOKEN_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")


@dataclass(frozen=True)
class HotwordTokens:
    """What a model folder knows of words.

    Attributes:
        ids: Token ids by the tokens of tokens.json.
        seg_dict: Tokens of each word, by the word in lower case; None where the folder has none.
    """

    ids: Mapping[str, int]
    seg_dict: Mapping[str, Sequence[str]] | None

    def divide(self, word: str) -> list[str]:
        """The tokens of a hotword as FunASR finds them, `<unk>` for each that it does not."""
        pieces: Sequence[str] = [word]
        if self.seg_dict is not None:
            word = word.lower()
            characters = word if _BY_CHARACTER.fullmatch(word) else [word]
            units = [word] if word in self.seg_dict else characters
            pieces = [piece for unit in units for piece in self.seg_dict.get(unit, [UNKNOWN])]
        return [piece if piece in self.ids else UNKNOWN for piece in pieces]

    def knows(self, word: str) -> bool:
        """Whether the model can listen for a word."""
        pieces = self.divide(word)
        return bool(pieces) and UNKNOWN not in pieces


def check_hotwords(profile: AsrProfile) -> None:
    """Refuses hotwords that the profile's recogniser cannot listen for; loads no model.

    A folder that is not there yet has nothing to be checked against.

    Raises:
        ConfigError: All of them are named, each with what to write instead; or the model is of a
            class that takes none.
        ModelError: tokens.json or seg_dict of the folder cannot be read.
    """
    if not profile.hotwords or not Path(profile.folder).is_dir():
        return
    _require_class(Path(profile.folder))
    if refused := refused_hotwords(Path(profile.folder), profile.hotwords):
        reasons = "; ".join(f"{word!r}: {reason}" for word, reason in refused.items())
        raise ConfigError(
            f"the recogniser in {profile.folder} cannot listen for a hotword: {reasons}",
            "Change asr.hotwords in the profile",
        )


def refused_hotwords(folder: Path, words: Sequence[str]) -> dict[str, str]:
    """The words that a model cannot listen for, each with what to write instead.

    Raises:
        ModelError: See `read_hotword_tokens`.
    """
    known = read_hotword_tokens(folder)
    # what holds more than letters FunASR divides at spaces, or opens as a file or an address
    refused = [word for word in words if not word.isalnum() or not known.knows(word)]
    return {word: _instead_of(word, known) for word in refused}


@runtime_checkable
class TakesHotwords(Protocol):
    """A `Recognizer` whose model listens for the words of one stream."""

    def refused_hotwords(self, words: Sequence[str]) -> dict[str, str]:
        """The words that it cannot listen for, each with the reason."""
        ...

    def with_hotwords(self, words: Sequence[str]) -> Recognizer:
        """The same model listening for these words too; closing the result closes nothing."""
        ...


def listen_for(recognizer: Recognizer, words: Sequence[str]) -> tuple[Recognizer, dict[str, str]]:
    """A recognizer that listens for the words that its model knows, and why not for the others."""
    if not words:
        return recognizer, {}
    if not isinstance(recognizer, TakesHotwords):
        return recognizer, dict.fromkeys(words, "this model takes no hotwords")
    refused = recognizer.refused_hotwords(words)
    known = [word for word in words if word not in refused]
    return (recognizer.with_hotwords(known) if known else recognizer), refused


def _require_class(folder: Path) -> None:
    import yaml

    try:
        name = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["model"]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return  # the loader says what is wrong with the file
    if name != MODEL_CLASS:
        raise ConfigError(
            f"a {name} knows no hotwords", f"Take a {MODEL_CLASS}, as paraformer-zh is, or none"
        )


def read_hotword_tokens(folder: Path) -> HotwordTokens:
    """Reads tokens.json and, where there is one, seg_dict.

    Raises:
        ModelError: One of them cannot be read.
    """
    path = folder / "tokens.json"
    try:
        tokens = json.loads(path.read_text(encoding="utf-8"))
        ids = {token: index for index, token in enumerate(tokens)}
        path = folder / "seg_dict"
        seg_dict = _read_seg_dict(path, path.stat().st_mtime_ns) if path.is_file() else None
    except (OSError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read: {type(error).__name__}", "Fetch the model's folder again"
        ) from None
    return HotwordTokens(ids, seg_dict)


@functools.lru_cache(maxsize=2)
def _read_seg_dict(path: Path, _modified_ns: int) -> dict[str, list[str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {key: pieces for key, *pieces in map(str.split, filter(str.strip, lines))}


def _instead_of(word: str, known: HotwordTokens) -> str:
    """What to write for a word that is not one, or becomes `<unk>`."""
    plain = unicodedata.normalize("NFKC", word).lower()
    words = [part for part in re.split(r"\W+|_", plain) if part]
    joined = "".join(words)
    for other in (joined, joined.translate(_SPOKEN_DIGITS)):
        if other != word and known.knows(other):
            return f"write {other!r}"
    parts = [part for each in words for part in _parts(each, known)]
    if len(parts) > 1 and all(map(known.knows, parts)):
        return "write " + " and ".join(map(repr, dict.fromkeys(parts)))
    if not parts:
        return "letters and Hanzi alone make a hotword"
    if known.seg_dict is None and all(map(known.knows, joined)):
        return "words of several tokens need the file seg_dict of the published model in its folder"
    part = next(part for part in parts if not known.knows(part))
    if _BY_CHARACTER.fullmatch(part):
        strange = "".join(char for char in part if not known.knows(char))
        return f"no token for {strange!r}; write common characters that sound the same"
    return f"no word {part!r} in its dictionary; write in Hanzi how it is spoken, or leave it out"


def _parts(word: str, known: HotwordTokens) -> list[str]:
    """Runs of Hanzi and digits, and of everything else; digits in Hanzi where it knows no others."""
    runs = groupby(word, key=lambda char: bool(_BY_CHARACTER.fullmatch(char)))
    parts = ["".join(run) for _, run in runs]
    return [part if known.knows(part) else part.translate(_SPOKEN_DIGITS) for part in parts]
