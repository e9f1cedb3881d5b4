"""Which turns count: decided here, once, for tables, distributions, waterfalls and comparisons.

An answer was given by a turn that neither failed nor fell back to text and answered something: rates
of answers are of these. A latency is of a turn that gave an answer and was committed after the end of
speech. A turn that was committed before it is a cut-off, which is counted and has no latency.
"""

from __future__ import annotations

import json

from voicebench.events import ToolCalled, TurnCommitted
from voicebench.metrics.latency import first_event, token_times_s
from voicebench.types import SAMPLE_RATE_HZ, Turn

TOLERANCE_S = 1 / SAMPLE_RATE_HZ
"""Audio ends with a whole sample, up to half of one before or after the end of speech."""


def answer_text(turn: Turn) -> str:
    """What the turn answered: its text and the tool calls that ran, as quality mode writes them."""
    calls = [e for e in turn.events if isinstance(e, ToolCalled) and e.name]
    return turn.answer + "".join(
        f'<tool_call>{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}</tool_call>'
        for call in calls
    )


def fell_back(turn: Turn) -> bool:
    """Whether the turn fell back to text input without a failure; one that failed is counted so."""
    return turn.degraded is not None and turn.failure is None


def gave_answer(turn: Turn) -> bool:
    """Whether the turn is an answer: no failure, no fall-back, and not nothing."""
    is_whole = turn.failure is None and turn.degraded is None
    texts = (answer_text(turn), *(token.text for token in turn.answer_tokens))
    return is_whole and any(text.strip() for text in texts)


def is_cut_off(turn: Turn) -> bool | None:
    """Whether the turn was committed before the end of speech; None where that is not known."""
    if turn.t_eos_s is None:
        return None
    committed = first_event(turn, TurnCommitted)
    return committed is not None and committed.t_s < turn.t_eos_s - TOLERANCE_S


def has_latency(turn: Turn) -> bool:
    """Whether the turn counts in latencies: an answer, whose turn was committed and whose first token
    came after the end of speech."""
    if not gave_answer(turn) or is_cut_off(turn) is not False or turn.t_eos_s is None:
        return False
    times = token_times_s(turn)
    return bool(times) and times[0] >= turn.t_eos_s - TOLERANCE_S
