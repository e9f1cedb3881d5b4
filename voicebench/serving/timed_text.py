"""Transcripts as FunASR's clients read them: text with one time for each Hanzi, digit and Latin word.

Marks have no time. Inverse text normalization rewrites numbers (一百二十三: 123); what it rewrites
shares the time of what was said, so a client that counts characters stays within the times.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from voicebench.types import Token

_UNIT = re.compile(r"[A-Za-z']+|\S")
_LATIN = re.compile(r"[A-Za-z']+")
_MARKS = frozenset("，。？！、；：,.?!;:")

Time = tuple[int, int]


@dataclass(frozen=True)
class TimedText:
    """Text, and start and end in milliseconds of each of its units but marks."""

    text: str = ""
    times: tuple[Time, ...] = ()

    def __add__(self, other: TimedText) -> TimedText:
        space = _gap(self.text[-1:], other.text[:1])
        return TimedText(self.text + space + other.text, self.times + other.times)

    @property
    def timestamp(self) -> str:
        """FunASR's `timestamp`: the times as JSON in a string."""
        return json.dumps(self.times, separators=(",", ":"))

    @property
    def sentences(self) -> list[dict[str, Any]]:
        """FunASR's `stamp_sents`: what lies between marks."""
        found: list[dict[str, Any]] = []
        units: list[str] = []
        times = iter(self.times)
        for unit in [*_UNIT.findall(self.text), ""]:
            if unit and unit not in _MARKS:
                units.append(unit)
            elif units:
                stamps = [list(next(times)) for _ in units]
                found.append(
                    {
                        "text_seg": " ".join(units),
                        "punc": unit,
                        "start": stamps[0][0],
                        "end": stamps[-1][1],
                        "ts_list": stamps,
                    }
                )
                units = []
        return found


def timed_text(tokens: Sequence[Token], punctuated: str | None, *, itn: bool) -> TimedText:
    """A transcript as text with times.

    Args:
        tokens: With times of the recording.
        punctuated: Their text with marks; None where nothing sets any.
        itn: Whether numbers are written in digits.

    >>> tokens = [Token(text=c, start_s=i, end_s=i + 1, confidence=1) for i, c in enumerate("第一百二十三章")]
    >>> timed_text(tokens, None, itn=True)
    TimedText(text='第123章', times=((0, 1000), (1000, 2667), (2667, 4333), (4333, 6000), (6000, 7000)))
    """
    spoken: list[str] = []
    spoken_times: list[Time] = []
    for token in tokens:
        units = _UNIT.findall(token.text)
        spoken += units
        start, end = round(1000 * token.start_s), round(1000 * token.end_s)
        spoken_times += _divided((start, end), len(units))
    text = join_spaced(spoken) if punctuated is None else punctuated
    if itn and text:
        text = _normalizer().normalize(text)
    units = _UNIT.findall(text)
    timed = [unit for unit in units if unit not in _MARKS]
    return TimedText(join_spaced(units), tuple(_aligned(spoken, spoken_times, timed)))


def join_spaced(units: Sequence[str], after: str = "") -> str:
    """Joins units as FunASR does: a space beside every Latin word, none between Hanzi.

    Args:
        units: Hanzi, digits, marks and Latin words.
        after: Text that they continue.

    >>> join_spaced(["打", "开", "ppt", "吧"]), join_spaced(["ok"], after="好")
    ('打开 ppt 吧', ' ok')
    """
    text = ""
    for unit in units:
        text += _gap((text or after)[-1:], unit[:1]) + unit
    return text


def can_normalize() -> bool:
    """Whether the package for inverse text normalization is installed."""
    try:
        _normalizer()
    except ImportError:
        return False
    return True


def _gap(before: str, after: str) -> str:
    if not before or not after or {before, after} & (_MARKS | {" "}):
        return ""
    return " " if _LATIN.match(before) or _LATIN.match(after) else ""


def _aligned(spoken: Sequence[str], times: Sequence[Time], written: Sequence[str]) -> list[Time]:
    """The time of each written unit: that of the spoken one, or its share of what it replaces."""
    found: list[Time] = []
    matcher = SequenceMatcher(None, spoken, written, autojunk=False)
    for operation, i, i_end, j, j_end in matcher.get_opcodes():
        if operation == "equal":
            found += times[i:i_end]
        elif operation == "replace":
            found += _divided((times[i][0], times[i_end - 1][1]), j_end - j)
        elif operation == "insert":
            at = found[-1][1] if found else 0
            found += [(at, at)] * (j_end - j)
    return found


def _divided(time: Time, parts: int) -> list[Time]:
    edges = [round(time[0] + (time[1] - time[0]) * part / parts) for part in range(parts + 1)]
    return list(itertools.pairwise(edges))


@functools.cache
def _normalizer() -> Any:
    import wetext

    return wetext.Normalizer(lang="zh", operator="itn")
