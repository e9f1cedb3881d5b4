"""Recognising whole recordings for a client who may leave, and transcripts in their written forms."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.segments import SpeechSegments, blocks_of, recognise_blocks
from voicebench.asr.windows import SlidingWindows
from voicebench.clock import now_s
from voicebench.deadline import call_within
from voicebench.pipeline.assistant import Assistant, Transcript
from voicebench.serving.errors import ApiError
from voicebench.serving.logs import log
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Token, Window, join_tokens

_MAX_CUE_S = 6.0
_MAX_CUE_CHARACTERS = 28
_PAUSE_S = 0.6
"""Reading a subtitle: as much as an eye takes in, and a new one after a pause."""


async def transcribe(
    assistant: Assistant, samples: NDArray[np.float32], timeout_s: float
) -> Transcript:
    """`Assistant.transcribe`, a call of the recognizer at a time, so that being cancelled ends it.

    Args:
        assistant: Its variant says whether in windows or segments.
        samples: Shape (num_samples,), 16 kHz mono float32.
        timeout_s: How long all of it may take.

    Raises:
        ApiError: 504 where it or one call takes too long, 500 where the recognizer fails.
    """
    recognition = assistant.recognition()
    steps = _steps(assistant, recognition, samples, timeout_s)
    windows = [window async for step in steps for window in step]
    return Transcript(hypothesis=recognition.hypothesis, windows=tuple(windows))


async def growing(
    assistant: Assistant, samples: NDArray[np.float32], timeout_s: float
) -> AsyncGenerator[Hypothesis, None]:
    """A recording's transcript while it is recognized; see `transcribe`.

    Yields:
        After each call of the recognizer what no later one can change: every hypothesis begins with
        the tokens of the one before. The last is the whole of it.
    """
    recognition = assistant.recognition()
    async for _ in _steps(assistant, recognition, samples, timeout_s):
        yield recognition.stable
    yield recognition.hypothesis


async def _steps(
    assistant: Assistant,
    recognition: SlidingWindows | SpeechSegments,
    samples: NDArray[np.float32],
    timeout_s: float,
) -> AsyncGenerator[list[Window], None]:
    until_s = now_s() + timeout_s
    step_timeout_s = assistant.variant.guard.asr_timeout_s
    steps = recognise_blocks(recognition, blocks_of(samples))
    try:
        while True:
            within_s = min(step_timeout_s, until_s - now_s())
            step = await call_within(within_s, lambda: next(steps, None))
            if step is None:
                return
            yield step
    except TimeoutError:
        raise ApiError(504, "speech was not recognised in time", "asr_timed_out") from None
    except Exception as error:
        log("error", "recognition failed", exc_info=error)
        raise ApiError(500, "speech could not be recognised", "asr_failed") from error


def as_tokens(tokens: Sequence[Token]) -> list[dict[str, Any]]:
    """Tokens with times, confidence and other readings, as JSON types."""
    return [
        {
            "text": token.text,
            "start_s": round(token.start_s, 3),
            "end_s": round(token.end_s, 3),
            "confidence": round(token.confidence, 4),
            "alternatives": [
                {"text": each.text, "probability": round(each.probability, 4)}
                for each in token.alternatives
            ],
        }
        for token in tokens
    ]


def segments(tokens: Sequence[Token]) -> Iterator[tuple[Token, ...]]:
    """Tokens in stretches to be read at a time, cut at pauses and where they grow too long."""
    stretch: list[Token] = []
    for token in tokens:
        is_full = stretch and (
            token.start_s - stretch[-1].end_s >= _PAUSE_S
            or token.end_s - stretch[0].start_s > _MAX_CUE_S
            or sum(len(each.text) for each in stretch) >= _MAX_CUE_CHARACTERS
        )
        if is_full:
            yield tuple(stretch)
            stretch = []
        stretch.append(token)
    if stretch:
        yield tuple(stretch)


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
    confidences = np.clip([token.confidence for token in part], 1e-6, 1.0)
    return {
        "id": index,
        "seek": 0,
        "start": round(part[0].start_s, 3),
        "end": round(part[-1].end_s, 3),
        "text": _text(part),
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(float(np.log(confidences).mean()), 4),
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
