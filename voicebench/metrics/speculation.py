"""What early work brought and what it cost: drafts, cached prompts, and the time they saved.

    drafts = sum(map(count_drafts, turns), Drafts())
    drafts.coverage, drafts.hit_rate, drafts.waste
    saved_ms(turns_without, turns_with)

Counts of records only. The other side of what is saved is `latency.is_premature`: its rate belongs
beside every latency that speculation took part in.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from voicebench.events import SpeculationDropped
from voicebench.metrics.counts import AddedByField, ratio
from voicebench.metrics.latency import latencies
from voicebench.metrics.selection import has_latency
from voicebench.metrics.stats import Counts, Difference, paired_bootstrap
from voicebench.types import Turn, Variant

AudioKey = tuple[str, str, int, int]
"""Suite, case, repeat, turn: what two variants' turns on the same audio share."""


@dataclass(frozen=True)
class Drafts(AddedByField):
    """Answers begun before the turn was committed; sums add, rates are derived.

    Attributes:
        turns: All turns.
        turns_dispatched: Those with at least one draft.
        dispatched: Drafts begun.
        kept: Drafts whose answer was shown.
        tokens_discarded: Tokens of drafts that were dropped.
        tokens_answered: Tokens that were shown.

    >>> (Drafts(2, 1, 1, 1, 0, 8) + Drafts(2, 2, 3, 0, 2, 6)).hit_rate
    0.25
    """

    turns: int = 0
    turns_dispatched: int = 0
    dispatched: int = 0
    kept: int = 0
    tokens_discarded: int = 0
    tokens_answered: int = 0

    @property
    def tokens_made(self) -> int:
        """Tokens that were discarded or shown."""
        return self.tokens_discarded + self.tokens_answered

    @property
    def coverage(self) -> float | None:
        """Turns dispatched early / turns."""
        return ratio(self.turns_dispatched, self.turns)

    @property
    def hit_rate(self) -> float | None:
        """Early drafts kept / dispatched."""
        return ratio(self.kept, self.dispatched)

    @property
    def waste(self) -> float | None:
        """Discarded tokens / all tokens made, discarded and shown."""
        return ratio(self.tokens_discarded, self.tokens_made)


@dataclass(frozen=True)
class Cached(AddedByField):
    """Prompt tokens that the LLM had computed before it was asked; sums add."""

    cached: int = 0
    prompt: int = 0

    @property
    def share(self) -> float | None:
        """Cached prompt tokens / prompt tokens."""
        return ratio(self.cached, self.prompt)


def count_drafts(turn: Turn) -> Drafts:
    """The drafts of one turn, one that failed or was degraded too."""
    kinds = [event.kind for event in turn.events]
    dropped = [event for event in turn.events if isinstance(event, SpeculationDropped)]
    return Drafts(
        turns=1,
        turns_dispatched=int("speculation_started" in kinds),
        dispatched=kinds.count("speculation_started"),
        kept=kinds.count("speculation_kept"),
        tokens_discarded=sum(event.num_tokens for event in dropped),
        tokens_answered=len(turn.answer_tokens),
    )


def count_cached(turn: Turn) -> Cached:
    """The prompt of one turn's answer; nothing where the LLM was not asked, or did not finish."""
    if not turn.finish_reason:
        return Cached()
    return Cached(turn.cached_prompt_tokens, len(turn.prompt_token_ids))


def saved_ms(off: Iterable[Turn], on: Iterable[Turn]) -> Difference | None:
    """Response latency without less with, in milliseconds, over the turns that both have.

    Args:
        off: Turns without early work.
        on: The same suites, cases and repeats with it.

    Returns:
        `difference` is what was saved a turn, resampled by conversation; None where no turn has a
        response latency in both.
    """
    return saved_between(_response_ms(off), _response_ms(on))


def saved_between(
    off_ms: Mapping[AudioKey, float], on_ms: Mapping[AudioKey, float]
) -> Difference | None:
    """The same as `saved_ms`, of response latencies that are known already, in milliseconds."""
    shared = [key for key in on_ms if key in off_ms]
    return paired_bootstrap(_by_conversation(on_ms, shared), _by_conversation(off_ms, shared))


def baseline_of(variant: Variant, variants: Sequence[Variant]) -> Variant | None:
    """The variant that differs from this one in nothing but that it does no early work.

    Returns:
        None where there is none, or where `variant` does none itself.
    """
    if not (variant.prefill or variant.speculation):
        return None
    return next(
        (
            other
            for other in variants
            if not (other.prefill or other.speculation)
            and _without_early_work(other) == _without_early_work(variant)
        ),
        None,
    )


def _without_early_work(variant: Variant) -> Variant:
    default = Variant()
    return msgspec.structs.replace(
        variant,
        name="",
        prefill=False,
        prefill_backend=default.prefill_backend,
        double_buffering=default.double_buffering,
        speculation=False,
        speculation_windows=default.speculation_windows,
        speculation_confidence=default.speculation_confidence,
    )


def _response_ms(turns: Iterable[Turn]) -> dict[AudioKey, float]:
    found = {}
    for turn in turns:
        latency_s = latencies(turn)["response_latency_s"] if has_latency(turn) else None
        if latency_s is not None and not turn.is_warm_up:
            found[turn.suite, turn.case_id, turn.repeat, turn.turn_index] = 1000 * latency_s
    return found


def _by_conversation(
    values: Mapping[AudioKey, float], keys: Iterable[AudioKey]
) -> dict[Hashable, Counts]:
    """Sum and number by conversation, which a case is however often it is repeated."""
    sums: dict[Hashable, Counts] = {}
    for key in keys:
        total, count = sums.get(key[:2], (0.0, 0.0))
        sums[key[:2]] = (total + values[key], count + 1.0)
    return sums
