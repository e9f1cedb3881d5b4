"""Recognition of whole recordings for a client who may leave; tokens as JSON types."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
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
from voicebench.types import Hypothesis, Token, Window

_LEAST_CONFIDENCE = 1e-6


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


def as_tokens(tokens: Sequence[Token], *, with_alternatives: bool = False) -> list[dict[str, Any]]:
    """Tokens with times and confidence, as JSON types; their other readings for who wants them: they
    are most of a reply's size."""
    return [
        {
            "text": token.text,
            "start_s": round(token.start_s, 3),
            "end_s": round(token.end_s, 3),
            "confidence": round(token.confidence, 4),
            **({"alternatives": _alternatives(token)} if with_alternatives else {}),
        }
        for token in tokens
    ]


def logprobs(tokens: Sequence[Token], wanted: bool) -> dict[str, Any]:
    """Tokens in OpenAI's form, where they are wanted: the logarithm of each one's confidence, and its
    UTF-8 bytes."""
    if not wanted:
        return {}
    found = [
        {"token": token.text, "bytes": list(token.text.encode()), "logprob": logprob(token)}
        for token in tokens
    ]
    return {"logprobs": found}


def logprob(token: Token) -> float:
    """Logarithm of a token's confidence; finite where that is 0."""
    return round(math.log(max(token.confidence, _LEAST_CONFIDENCE)), 4)


def _alternatives(token: Token) -> list[dict[str, Any]]:
    return [
        {"text": each.text, "probability": round(each.probability, 4)}
        for each in token.alternatives
    ]
