"""Times of a turn, computed from its recorded events; nothing is measured here.

Every latency counts from `t_eos`, the true end of speech, but `ttft_s`, which belongs to the LLM
stage alone and counts from the request. An answer begun before the turn was committed is shown when
it was committed, and that is when its tokens count as come. A value is None where its event never
happened.

    from voicebench.metrics.latency import latencies, quantiles
    quantiles(latencies(turn)["response_latency_s"] for turn in turns)
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from voicebench.events import (
    AnswerTokenShown,
    EventBase,
    RequestSubmitted,
    SpeculationKept,
    SpeculationStarted,
    TranscriptFinal,
    TurnCommitted,
)
from voicebench.metrics.counts import AddedByField
from voicebench.types import AnswerToken, Turn

LATENCY_NAMES = (
    "endpoint_delay_s", "asr_final_s", "ttft_s", "response_latency_s", "first_sentence_s",
    "e2e_latency_s", "tpot_ms",
)  # fmt: skip
MIN_FOR_TAILS = 3
E = TypeVar("E", bound=EventBase)
_CLAUSE_END = re.compile(r"[，。！？；：,!?;:\n](?!\d)|(?<!\d)\.(?!\d)")


@dataclass(frozen=True)
class Rtf(AddedByField):
    """Recogniser compute seconds per audio second; sums add, `rtf` and `rtfx` are derived.

    >>> (Rtf(0.5, 10.0) + Rtf(1.5, 10.0)).rtf
    0.1
    """

    compute_s: float = 0.0
    audio_s: float = 0.0

    @property
    def rtf(self) -> float | None:
        """Lower is better; None without audio."""
        return self.compute_s / self.audio_s if self.audio_s > 0 else None

    @property
    def rtfx(self) -> float | None:
        """1 / rtf; None where nothing was computed."""
        return self.audio_s / self.compute_s if self.compute_s > 0 else None


def turn_rtf(turn: Turn) -> Rtf | None:
    """What recognising this turn cost; None when the recogniser did not run for it."""
    if "asr" in turn.stage_cache_hits or turn.audio_s <= 0 or turn.asr_compute_s <= 0:
        return None
    return Rtf(turn.asr_compute_s, turn.audio_s)


@dataclass(frozen=True)
class Quantiles:
    """p50, p95 and p99 with the number of values they stand on; None without values. Of fewer than
    `MIN_FOR_TAILS` values there is only the one in the middle."""

    n: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


def quantiles(values: Iterable[float | None]) -> Quantiles:
    """Quantiles of the values that are there, interpolated linearly.

    >>> quantiles([1.0, None, 3.0])
    Quantiles(n=2, p50=2.0, p95=None, p99=None)
    """
    present = [value for value in values if value is not None]
    if not present:
        return Quantiles(0)
    p50, p95, p99 = (float(q) for q in np.percentile(present, (50, 95, 99)))
    if len(present) < MIN_FOR_TAILS:
        return Quantiles(len(present), p50)
    return Quantiles(len(present), p50, p95, p99)


def first_event(turn: Turn, kind: type[E]) -> E | None:
    """The first event of a type, in order of record."""
    return next((event for event in turn.events if isinstance(event, kind)), None)


def last_event(turn: Turn, kind: type[E], before_s: float = float("inf")) -> E | None:
    """The last event of a type that happened no later than `before_s`."""
    events = (e for e in reversed(turn.events) if isinstance(e, kind) and e.t_s <= before_s)
    return next(events, None)


def token_times_s(turn: Turn) -> tuple[float, ...]:
    """When the answer's tokens came, in seconds of the turn: from its tokens, or its events."""
    if turn.answer_tokens:
        return tuple(token.t_s for token in turn.answer_tokens)
    return tuple(event.t_s for event in turn.events if isinstance(event, AnswerTokenShown))


@dataclass(frozen=True)
class LlmSpan:
    """When the request that was answered went to the LLM, and when its first token came."""

    request_s: float
    first_token_s: float


def llm_span(turn: Turn) -> LlmSpan | None:
    """How long the LLM took to its first token. With a draft that was kept that is the draft's own
    request and token, which may have waited for the turn to be committed; None without an answer."""
    if not (times := token_times_s(turn)):
        return None
    kept = last_event(turn, SpeculationKept, times[0])
    begun = last_event(turn, SpeculationStarted if kept else RequestSubmitted, times[0])
    if begun is None:
        return None
    came_s = kept.first_token_s if kept else None
    return LlmSpan(begun.t_s, times[0] if came_s is None else min(came_s, times[0]))


def latencies(turn: Turn) -> dict[str, float | None]:
    """All latencies of one turn under their names (`LATENCY_NAMES`).

    `tpot_ms` is the time from the first to the last answer token over the tokens after the first:
    end to end less time to first token, both counted from the request.
    """
    t_eos_s, times, span = turn.t_eos_s, token_times_s(turn), llm_span(turn)
    first_s, last_s = (times[0], times[-1]) if times else (None, None)
    committed = first_event(turn, TurnCommitted)
    final = last_event(turn, TranscriptFinal)
    return {
        "endpoint_delay_s": _since(t_eos_s, committed.t_s if committed else None),
        "asr_final_s": _since(t_eos_s, final.t_s if final else None),
        "ttft_s": span.first_token_s - span.request_s if span else None,
        "response_latency_s": _since(t_eos_s, first_s),
        "first_sentence_s": _since(t_eos_s, first_clause_s(turn)),
        "e2e_latency_s": _since(t_eos_s, last_s),
        "tpot_ms": (times[-1] - times[0]) / (len(times) - 1) * 1000 if len(times) > 1 else None,
    }


def _since(start_s: float | None, end_s: float | None) -> float | None:
    return None if start_s is None or end_s is None else end_s - start_s


def itl_ms(turn: Turn) -> list[float]:
    """Gaps between one answer token and the next, in milliseconds."""
    return [(late - early) * 1000 for early, late in itertools.pairwise(token_times_s(turn))]


def first_clause_s(turn: Turn) -> float | None:
    """When the answer's first clause was complete: its closing mark came, or the answer ended."""
    tokens = turn.answer_tokens or _tokens_of_events(turn)
    text = ""
    for token, following in itertools.zip_longest(tokens, tokens[1:]):
        text += token.text
        # a mark before a digit may be 3.5 or 14:30: the next token tells
        if _CLAUSE_END.search(text + (following.text[:1] if following else "")):
            closed = _CLAUSE_END.search(text)
            if closed and any(char.isalnum() for char in text[: closed.start()]):
                return token.t_s
    return tokens[-1].t_s if tokens else None


def _tokens_of_events(turn: Turn) -> Sequence[AnswerToken]:
    return tuple(
        AnswerToken(id=event.id, text=event.text, t_s=event.t_s)
        for event in turn.events
        if isinstance(event, AnswerTokenShown)
    )


def is_premature(turn: Turn) -> bool:
    """Whether the answer came too early: a token shown before the end of speech, or an answer kept
    although the transcript changed after it was begun.

    Of a draft that is the cleaned transcript, which is what it answers: a filler that was heard
    later and cleaned away changes nothing.
    """
    times = token_times_s(turn)
    if times and turn.t_eos_s is not None and times[0] < turn.t_eos_s:
        return True
    span = llm_span(turn)
    if span is None:
        return False
    final = last_event(turn, TranscriptFinal)
    final_text = final.text if final else ""
    if not (kept := last_event(turn, SpeculationKept)):
        answered = last_event(turn, TranscriptFinal, span.request_s)
        return answered is not None and bool(final_text) and answered.text != final_text
    draft = last_event(turn, SpeculationStarted, kept.t_s)
    if draft and draft.cleaned is not None and turn.cleaned:
        return draft.cleaned != turn.cleaned
    return draft is not None and draft.text is not None and final_text not in ("", draft.text)
