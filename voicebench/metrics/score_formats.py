"""Transcripts in the text forms that other scorers read, written and read back.

| form | used by | holds |
|---|---|---|
| STM | NIST sclite, MeetEval | segments: session, channel, speaker, begin, end, words |
| CTM | NIST sclite, MeetEval | single words: session, channel, begin, duration, word, confidence |
| SegLST | MeetEval, CHiME | segments as JSON objects |
| Kaldi `text` | Kaldi, wenet, ESPnet | session and words |

Words are what white space separates: hand over single characters, and the scorer's word error rate
is a character error rate. Times are seconds, kept to the millisecond.

    from voicebench.metrics.score_formats import parse_stm, to_stm
    parse_stm(to_stm(segments)) == segments
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from voicebench.errors import RecordError

CHANNEL = "1"


@dataclass(frozen=True)
class ScoredSegment:
    """Words of one speaker in one stretch of a session."""

    session: str
    speaker: str
    start_s: float
    end_s: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class ScoredWord:
    """One word of a session with its time and confidence in [0, 1]."""

    session: str
    start_s: float
    duration_s: float
    word: str
    confidence: float


def to_stm(segments: Iterable[ScoredSegment]) -> str:
    """STM, sorted as sclite wants it: by session, then begin.

    >>> print(to_stm([ScoredSegment("a-1", "user", 0.0, 1.5, ("你", "好"))]), end="")
    a-1 1 user 0.000 1.500 你 好
    """
    lines = (
        f"{s.session} {CHANNEL} {s.speaker} {s.start_s:.3f} {s.end_s:.3f} {' '.join(s.words)}"
        for s in sorted(segments, key=lambda s: (s.session.encode(), s.start_s))
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def parse_stm(text: str) -> list[ScoredSegment]:
    """Segments of STM text; comments and blank lines are left out.

    Raises:
        RecordError: A line does not fit, named by its number.
    """
    segments = []
    for number, line in _lines(text):
        try:
            session, _, speaker, begin, end, *words = line.split()
            segments.append(ScoredSegment(session, speaker, float(begin), float(end), tuple(words)))
        except ValueError as error:
            raise RecordError(f"line {number} is no STM: {line[:60]!r} ({error})") from None
    return segments


def to_ctm(words: Iterable[ScoredWord]) -> str:
    """CTM, sorted as sclite wants it: by session, then begin; equal times keep their order.

    >>> print(to_ctm([ScoredWord("a-1", 0.25, 0.2, "你", 0.98765)]), end="")
    a-1 1 0.250 0.200 你 0.9877
    """
    return "".join(
        f"{w.session} {CHANNEL} {w.start_s:.3f} {w.duration_s:.3f} {w.word} {w.confidence:.4f}\n"
        for w in sorted(words, key=lambda w: (w.session.encode(), round(w.start_s, 3)))
    )


def parse_ctm(text: str) -> list[ScoredWord]:
    """Words of CTM text; comments and blank lines are left out.

    Raises:
        RecordError: A line does not fit, named by its number.
    """
    words = []
    for number, line in _lines(text):
        try:
            session, _, begin, duration, word, *rest = line.split()
            confidence = float(rest[0]) if rest else 1.0
            words.append(ScoredWord(session, float(begin), float(duration), word, confidence))
        except ValueError as error:
            raise RecordError(f"line {number} is no CTM: {line[:60]!r} ({error})") from None
    return words


def to_seglst(segments: Iterable[ScoredSegment]) -> str:
    """SegLST: a JSON list of segments."""
    document = [
        {
            "session_id": segment.session,
            "speaker": segment.speaker,
            "start_time": round(segment.start_s, 3),
            "end_time": round(segment.end_s, 3),
            "words": " ".join(segment.words),
        }
        for segment in segments
    ]
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def parse_seglst(text: str) -> list[ScoredSegment]:
    """Segments of SegLST text.

    Raises:
        RecordError: It is no SegLST.
    """
    try:
        return [
            ScoredSegment(
                session=str(entry["session_id"]),
                speaker=str(entry["speaker"]),
                start_s=float(entry["start_time"]),
                end_s=float(entry["end_time"]),
                words=tuple(str(entry["words"]).split()),
            )
            for entry in json.loads(text)
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"the text is no SegLST: {error!r}") from None


def to_kaldi(segments: Iterable[ScoredSegment]) -> str:
    """Kaldi's `text`: one line a session, its segments in order of time, sorted by session.

    >>> print(to_kaldi([ScoredSegment("b", "", 0, 1, ("你", "好")), ScoredSegment("a", "", 0, 1, ())]))
    a
    b 你 好
    <BLANKLINE>
    """
    sessions: dict[str, list[str]] = {}
    for segment in sorted(segments, key=lambda s: s.start_s):
        sessions.setdefault(segment.session, []).extend(segment.words)
    return "".join(
        " ".join((session, *sessions[session])) + "\n"
        for session in sorted(sessions, key=str.encode)
    )


def parse_kaldi(text: str) -> dict[str, tuple[str, ...]]:
    """Session to words.

    Raises:
        RecordError: A session is there twice.
    """
    sessions: dict[str, tuple[str, ...]] = {}
    for number, line in _lines(text, comments=False):
        session, *words = line.split()
        if session in sessions:
            raise RecordError(f"line {number}: {session} is there twice")
        sessions[session] = tuple(words)
    return sessions


def _lines(text: str, *, comments: bool = True) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not (comments and line.startswith(";;")):
            yield number, line
