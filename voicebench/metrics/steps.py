"""How long one window, one prefill and one decoded token took in a run, and how large they were.

What a budget's floors are put beside: medians over turns at the size the run really had.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

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
    counted = [
        turn
        for turn in turns
        if not turn.is_warm_up and turn.failure is None and not turn.stage_cache_hits
    ]
    longest_s = max((w.end_s - w.start_s for turn in counted for w in turn.windows), default=0.0)
    # the last window of a turn is cut short: only whole ones are alike
    windows = [
        window.compute_s
        for turn in counted
        for window in turn.windows
        if window.end_s - window.start_s > 0.95 * longest_s
    ]
    answered = [turn for turn in counted if turn.answer_tokens]
    times = [latencies(turn) for turn in answered]
    context = [len(turn.prompt_token_ids) + len(turn.answer_tokens) / 2 for turn in answered]
    return Steps(
        asr_window=_step(windows),
        prefill=_step([each["ttft_s"] for each in times]),
        decode_token=_step(
            [None if (t := each["tpot_ms"]) is None else t / 1000 for each in times]
        ),
        window_s=round(longest_s, 3),
        prompt_tokens=_median([len(turn.prompt_token_ids) for turn in answered]),
        cached_tokens=_median([turn.cached_prompt_tokens for turn in answered]),
        context_tokens=_median(context),
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
