"""Transcripts to be read beside their recording: SubRip, WebVTT, and OpenAI's segments.

A cue ends at a pause or where it grows too long, and between words: a Latin word, a number (三点二十,
2026) and a word of jieba's dictionary stay in one cue. A silence of 2 s ends any word.
"""

from __future__ import annotations

import functools
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.serving.transcripts import logprob
from voicebench.types import SAMPLE_RATE_HZ, Token, group_letters, join_tokens

_MAX_CUE_S = 6.0
_MAX_CUE_CHARACTERS = 28
_PAUSE_S = 0.6
"""Reading a subtitle: as much as an eye takes in, and a new one after a pause."""
_SILENCE_S = 2.0
_NUMBER = re.compile(
    r"(?:第|负|百分之)?[〇零一二两三四五六七八九十百千万亿点幺]+|[0-9]+(?:[.,:/-]+[0-9]+)*%?"
)
_APART = re.compile(r"[A-Za-z'] ?[A-Za-z0-9'.-]|[0-9.-][A-Za-z']")


def segments(tokens: Sequence[Token]) -> Iterator[tuple[Token, ...]]:
    """Tokens in stretches to be read at a time, cut between words."""
    stretch: list[Token] = []
    for word in words(tokens):
        is_full = stretch and (
            word[0].start_s - stretch[-1].end_s >= _PAUSE_S
            or word[-1].end_s - stretch[0].start_s > _MAX_CUE_S
            or _length([*stretch, *word]) > _MAX_CUE_CHARACTERS
        )
        if is_full:
            yield tuple(stretch)
            stretch = []
        stretch += word
    if stretch:
        yield tuple(stretch)


def words(tokens: Sequence[Token]) -> list[tuple[Token, ...]]:
    """Tokens by the words that they make; one that no cue could hold is cut.

    >>> tokens = [Token(text=c, start_s=i, end_s=i + 1, confidence=1) for i, c in enumerate("在大会堂一百二十三块")]
    >>> [join_tokens([token.text for token in word]) for word in words(tokens)]
    ['在', '大会堂', '一百二十三块']
    """
    groups = group_letters([token.text for token in tokens])
    units = [tuple(tokens[group.start : group.stop]) for group in groups]
    text, ends = "", []
    for unit in units:
        spelled = join_tokens([token.text for token in unit])
        text += " " * bool(_APART.match(text[-1:] + spelled[:1])) + spelled
        ends.append(len(text))
    inside = _inside_words(text)
    found: list[tuple[Token, ...]] = []
    for unit, start in zip(units, [0, *ends], strict=False):
        word = found[-1] if found else ()
        is_one_word = (
            start in inside
            and unit[0].start_s - word[-1].end_s < _SILENCE_S
            and _length([*word, *unit]) <= _MAX_CUE_CHARACTERS
        )
        if is_one_word:
            found[-1] = (*word, *unit)
        else:
            found.append(unit)
    return found


def _inside_words(text: str) -> set[int]:
    """Places in a text where a cut would split a word."""
    spans = [match.span() for match in _NUMBER.finditer(text)]
    spans += [(start, end) for _, start, end in _tokenizer().tokenize(text, HMM=False)]
    return {at for start, end in spans for at in range(start + 1, end)}


@functools.cache
def _tokenizer() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in jieba's own strings
        import jieba
    jieba.setLogLevel(logging.WARNING)
    return jieba.Tokenizer()


def _length(tokens: Sequence[Token]) -> int:
    return sum(len(token.text) for token in tokens)


def srt(tokens: Sequence[Token]) -> str:
    """SubRip subtitles."""
    cues = [
        f"{number}\n{_clock(part[0].start_s, ',')} --> {_clock(part[-1].end_s, ',')}\n"
        f"{_text(part)}\n"
        for number, part in enumerate(segments(tokens), start=1)
    ]
    return "\n".join(cues)


def vtt(tokens: Sequence[Token]) -> str:
    """WebVTT subtitles."""
    cues = [
        f"{_clock(part[0].start_s, '.')} --> {_clock(part[-1].end_s, '.')}\n{_text(part)}\n"
        for part in segments(tokens)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def verbose(
    tokens: Sequence[Token], samples: NDArray[np.float32], *, with_words: bool, with_segments: bool
) -> dict[str, Any]:
    """OpenAI's `verbose_json`; times are seconds."""
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": "chinese",
        "duration": round(len(samples) / SAMPLE_RATE_HZ, 3),
        "text": _text(tokens),
    }
    if with_segments:
        body["segments"] = [_segment(index, part) for index, part in enumerate(segments(tokens))]
    if with_words:
        body["words"] = [
            {"word": t.text, "start": round(t.start_s, 3), "end": round(t.end_s, 3)} for t in tokens
        ]
    return body


def _segment(index: int, part: Sequence[Token]) -> dict[str, Any]:
    return {
        "id": index,
        "seek": 0,
        "start": round(part[0].start_s, 3),
        "end": round(part[-1].end_s, 3),
        "text": _text(part),
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(float(np.mean([logprob(token) for token in part])), 4),
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }


def _text(tokens: Sequence[Token]) -> str:
    return join_tokens([token.text for token in tokens])


def _clock(t_s: float, point: str) -> str:
    """Time as subtitles have it.

    >>> _clock(3661.5, ",")
    '01:01:01,500'
    """
    ms = round(t_s * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
