"""How long one window, one prefill and one decoded token took in a run, and how large they were.

What a budget's floors are put beside: medians over turns at the size the run really had.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from voicebench.metrics.latency import latencies
from voicebench.types import Record, Turn


class StepTime(Record):
    """A step's median in seconds over `n` of them, with the fastest and the slowest."""

    median_s: float
    min_s: float
    max_s: float
    n: int


class Steps(Record):
    """The steps of a run; a step that never happened is None."""

    asr_window: StepTime | None
    prefill: StepTime | None
    decode_token: StepTime | None
    window_s: float
    prompt_tokens: int
    cached_tokens: int
    context_tokens: int


def steps_of(turns: Iterable[Turn]) -> Steps:
    """Steps of the turns that count: not warm-ups, not failed, nothing answered from a cache.

    The decoded token is the median turn's `tpot_ms`; the prefill is its `ttft_s`, one token of
    decoding and the engine's own work included.
    """
    windows: list[tuple[float, float]] = []
    answered: list[_Answered] = []
    for turn in turns:  # one by one: a long run does not fit in memory whole
        if turn.is_warm_up or turn.failure is not None or turn.stage_cache_hits:
            continue
        windows += [
            (window.end_s - window.heard_from_s, window.compute_s) for window in turn.windows
        ]
        if turn.answer_tokens:
            answered.append(_answered(turn))
    longest_s = max((length_s for length_s, _ in windows), default=0.0)
    # the last window of a turn is cut short: only whole ones are alike
    whole = [compute_s for length_s, compute_s in windows if length_s > 0.95 * longest_s]
    return Steps(
        asr_window=_step(whole),
        prefill=_step([each.ttft_s for each in answered]),
        decode_token=_step([each.token_s for each in answered]),
        window_s=round(longest_s, 3),
        prompt_tokens=_median([each.prompt_tokens for each in answered]),
        cached_tokens=_median([each.cached_tokens for each in answered]),
        context_tokens=_median([each.prompt_tokens + each.tokens / 2 for each in answered]),
    )


class _Answered(NamedTuple):
    """What is kept of a turn with an answer."""

    ttft_s: float | None
    token_s: float | None
    prompt_tokens: int
    cached_tokens: int
    tokens: int


def _answered(turn: Turn) -> _Answered:
    times = latencies(turn)
    gap_ms = times["tpot_ms"]
    return _Answered(
        ttft_s=times["ttft_s"],
        token_s=None if gap_ms is None else gap_ms / 1000,
        prompt_tokens=len(turn.prompt_token_ids),
        cached_tokens=turn.cached_prompt_tokens,
        tokens=len(turn.answer_tokens),
    )


def _step(times_s: Sequence[float | None]) -> StepTime | None:
    present = [each for each in times_s if each is not None]
    if not present:
        return None
    return StepTime(
        median_s=statistics.median(present), min_s=min(present), max_s=max(present), n=len(present)
    )


def _median(values: Sequence[float]) -> int:
    return round(statistics.median(values)) if values else 0
