"""A turn under the breaker: a reader of the turn's events that adds its own.

    events = guarded(turn_events, breaker, clock)

Every failure is followed by `degraded`, the hint that text input still works. What passed and what
met trouble is told to the breaker as it happens, and its changes become events of this turn.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator

from voicebench.clock import TurnClock
from voicebench.pipeline.breaker import (
    ILLEGAL_TOKENS,
    LOW_CONFIDENCE,
    Admission,
    Breaker,
    Change,
)
from voicebench.pipeline.hints import BREAKER_OPEN, hint_of, reason_of, trouble_of
from voicebench.types import Event

_PROVEN = {
    "transcript_final": ("endpoint", "asr"),
    "cleaned": (LOW_CONFIDENCE, "cleaning"),
    "prompt_built": ("prompt",),
    "answer_finished": ("llm", ILLEGAL_TOKENS),
}
"""What has gone well once an event has happened."""


async def guarded(
    events: AsyncGenerator[Event, None],
    breaker: Breaker,
    clock: TurnClock,
    *,
    is_speech: bool = True,
) -> AsyncGenerator[Event, None]:
    """Runs a turn under the breaker.

    Args:
        events: The turn; not started when the breaker is open.
        breaker: May be shared with other turns.
        clock: The turn's.
        is_speech: Whether it may be held back. Text input never is: it is what is left.

    Yields:
        The turn's events with the breaker's; the last is `answer_finished` or `degraded`.
    """
    admission, changes = breaker.admit() if is_speech else (Admission(), ())
    try:
        for event in _changed(changes, clock.t_s()):
            yield event
        if admission.refused_for:
            data = {"reason": BREAKER_OPEN, "hint": hint_of(BREAKER_OPEN)}
            trouble = ", ".join(admission.refused_for)
            yield Event(t_s=clock.t_s(), kind="degraded", data={**data, "trouble": trouble})
            return
        async for event in events:
            for each in _told(event, breaker, admission, is_speech=is_speech):
                yield each
    finally:
        breaker.release(admission)  # before anything that a second cancellation could cut short
        await events.aclose()


def _told(
    event: Event, breaker: Breaker, admission: Admission, *, is_speech: bool
) -> Iterator[Event]:
    """The event, with what the breaker makes of it in front, and the hint after a failure."""
    if kinds := _PROVEN.get(event.kind):
        # Typed text was not heard, so it proves nothing of hearing.
        proven = [kind for kind in kinds if is_speech or kind != LOW_CONFIDENCE]
        yield from _changed(breaker.passed(proven, admission), event.t_s)
    if event.kind == "degraded" and event.data["reason"] == LOW_CONFIDENCE:
        yield from _opened(LOW_CONFIDENCE, breaker, admission, event.t_s)
    if event.kind != "failed":
        yield event
        return
    yield event
    if trouble := trouble_of(event.data):
        yield from _opened(trouble, breaker, admission, event.t_s)
    reason = reason_of(event.data)
    data = {"reason": reason, "hint": hint_of(reason)}
    yield Event(t_s=event.t_s, kind="degraded", data=data)


def _opened(trouble: str, breaker: Breaker, admission: Admission, t_s: float) -> Iterator[Event]:
    change = breaker.troubled(trouble, admission)
    yield from _changed((change,) if change else (), t_s)


def _changed(changes: Iterable[Change], t_s: float) -> Iterator[Event]:
    for change in changes:
        yield Event(t_s=t_s, kind=change.event, data={"trouble": change.kind})
