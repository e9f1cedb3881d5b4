"""The circuit breaker: while a stage of the system keeps failing, speech is refused at once.

    closed --(open_after failures in a row)--> open --(cool_down_s)--> half open
    half open --(close_after good trials in a row)--> closed
    half open --(one failure)--> open, the cool-down begins again

There is one circuit per stage, so that a good transcript does not excuse an LLM that fails. Only
failures of the system count (`hints.failure_kind`). Unclear audio, an impossible prompt or a bad
template end their own turn and never refuse another client's.

`Circuit` and the functions on it are pure. `Breaker` holds one process's circuits, may be shared by
all of its assistants, and is thread-safe. `with_circuit_breaker` runs a turn under it.

While half open one turn at a time is on trial. It may end without a verdict (silence, the client
left): `Breaker.release` then lets the next one try, so no circuit stays open for good.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from voicebench.clock import TurnClock, now_s
from voicebench.events import (
    AnswerFinished,
    BreakerClosed,
    BreakerHalfOpen,
    BreakerOpened,
    Event,
    TranscriptCleaned,
    TranscriptFinal,
    TurnFailed,
)
from voicebench.pipeline.hints import BREAKER_OPEN, degraded, failure_kind, reason_of
from voicebench.types import Guard, Record

State = Literal["closed", "open", "half_open"]

_PROVEN: Mapping[type[Event], tuple[str, ...]] = {
    TranscriptFinal: ("endpoint", "asr"),
    TranscriptCleaned: ("punctuation",),
    AnswerFinished: ("llm",),
}
"""Stages that have worked once an event has happened."""

_EVENTS: Mapping[State, type[BreakerOpened | BreakerHalfOpen | BreakerClosed]] = {
    "open": BreakerOpened,
    "half_open": BreakerHalfOpen,
    "closed": BreakerClosed,
}


class Circuit(Record):
    """One stage: its state, and what counts towards the next state."""

    state: State = "closed"
    num_in_a_row: int = 0
    """Failures while closed; good trials while half open."""
    opened_s: float = 0.0
    is_on_trial: bool = False
    """Whether a turn is on trial; while half open only."""


class Change(Record):
    """A circuit that changed its state."""

    kind: str
    state: State

    def event(self, t_s: float) -> Event:
        """What records it."""
        return _EVENTS[self.state](t_s=t_s, trouble=self.kind)


def admit(circuit: Circuit, guard: Guard, t_s: float) -> tuple[Circuit, bool]:
    """The circuit after a request to start a turn at `t_s`, and whether the turn may start."""
    if circuit.state == "closed":
        return circuit, True
    if circuit.state == "open" and t_s - circuit.opened_s >= guard.cool_down_s:
        return Circuit(state="half_open", is_on_trial=True), True
    if circuit.state == "half_open" and not circuit.is_on_trial:
        return msgspec.structs.replace(circuit, is_on_trial=True), True
    return circuit, False


def failed(circuit: Circuit, guard: Guard, t_s: float, *, is_trial: bool) -> Circuit:
    """The circuit after its stage failed in a turn at `t_s`.

    Args:
        circuit: As it was.
        guard: Thresholds.
        t_s: When it happened, on the clock of `admit`.
        is_trial: Whether this circuit let the turn through on trial. Others that were under way
            when it opened say nothing new of it.
    """
    if circuit.state == "half_open":
        return Circuit(state="open", opened_s=t_s) if is_trial else circuit
    if circuit.state == "open":
        return circuit
    if circuit.num_in_a_row + 1 >= guard.open_after:
        return Circuit(state="open", opened_s=t_s)
    return Circuit(num_in_a_row=circuit.num_in_a_row + 1)


def passed(circuit: Circuit, guard: Guard, *, is_trial: bool) -> Circuit:
    """The circuit after its stage worked in a turn; `is_trial` as in `failed`."""
    if circuit.state == "closed":
        return Circuit()
    if circuit.state == "open" or not is_trial:
        return circuit
    if circuit.num_in_a_row + 1 >= guard.close_after:
        return Circuit()
    return Circuit(state="half_open", num_in_a_row=circuit.num_in_a_row + 1)


class Admission:
    """Whether a turn may start, and for which circuits it is on trial."""

    def __init__(self, refused_for: tuple[str, ...] = (), on_trial: Iterable[str] = ()) -> None:
        self.refused_for = refused_for
        """Stages whose circuits are open; empty for a turn that may start."""
        self.on_trial = set(on_trial)


class Breaker:
    """The circuits of one process.

    Args:
        guard: Thresholds.
        clock: Seconds on a monotonic clock.
        circuits: By stage, from `circuits` of another breaker; all others are closed.
    """

    def __init__(
        self,
        guard: Guard,
        clock: Callable[[], float] = now_s,
        circuits: Mapping[str, Circuit] | None = None,
    ) -> None:
        self._guard = guard
        self._clock = clock
        self._circuits = dict(circuits or {})
        self._lock = threading.Lock()

    def circuits(self) -> dict[str, Circuit]:
        """The circuits as they are now, by stage."""
        with self._lock:
            return dict(self._circuits)

    def state(self, kind: str) -> State:
        """The state of one circuit."""
        return self._circuits.get(kind, Circuit()).state

    def admit(self) -> tuple[Admission, tuple[Change, ...]]:
        """Whether a turn may start; `release` the admission when the turn is over."""
        with self._lock:
            now = self._clock()
            circuits = {kind: admit(c, self._guard, now) for kind, c in self._circuits.items()}
            refused = tuple(kind for kind, (_, may_go) in circuits.items() if not may_go)
            if refused:  # a circuit that would let it on trial keeps its place for another turn
                return Admission(refused_for=refused), ()
            trials = [
                kind for kind, (circuit, _) in circuits.items() if circuit.state == "half_open"
            ]
            changes = [self._set(kind, circuit) for kind, (circuit, _) in circuits.items()]
            return Admission(on_trial=trials), tuple(filter(None, changes))

    def failed(self, kind: str, admission: Admission) -> Change | None:
        """A stage failed in a turn."""
        with self._lock:
            is_trial = kind in admission.on_trial
            admission.on_trial.discard(kind)
            circuit = self._circuits.get(kind, Circuit())
            return self._set(kind, failed(circuit, self._guard, self._clock(), is_trial=is_trial))

    def passed(self, kinds: Iterable[str], admission: Admission) -> tuple[Change, ...]:
        """These stages worked in a turn."""
        with self._lock:
            changes = []
            for kind in kinds:
                is_trial = kind in admission.on_trial
                admission.on_trial.discard(kind)
                if circuit := self._circuits.get(kind):
                    changes.append(self._set(kind, passed(circuit, self._guard, is_trial=is_trial)))
            return tuple(filter(None, changes))

    def release(self, admission: Admission) -> None:
        """The turn is over; what it was on trial for and did not decide is open to the next."""
        with self._lock:
            for kind in admission.on_trial:
                circuit = self._circuits[kind]
                self._circuits[kind] = msgspec.structs.replace(circuit, is_on_trial=False)
            admission.on_trial = set()

    def _set(self, kind: str, circuit: Circuit) -> Change | None:
        before = self._circuits.get(kind, Circuit()).state
        self._circuits[kind] = circuit
        return Change(kind=kind, state=circuit.state) if circuit.state != before else None


async def with_circuit_breaker(
    events: AsyncGenerator[Event, None],
    breaker: Breaker,
    clock: TurnClock,
    *,
    is_speech: bool = True,
) -> AsyncGenerator[Event, None]:
    """Runs a turn under the breaker; a failure is followed by `degraded`, the hint to type.

    Args:
        events: The turn; not started when the breaker is open.
        breaker: May be shared with other turns.
        clock: The turn's.
        is_speech: Whether it may be refused. Text input never is: it is what is left.

    Yields:
        The turn's events with the breaker's; the last is `answer_finished` or `degraded`.
    """
    admission, changes = breaker.admit() if is_speech else (Admission(), ())
    try:
        for event in _change_events(changes, clock.t_s()):
            yield event
        if admission.refused_for:
            stages = ", ".join(admission.refused_for)
            yield degraded(BREAKER_OPEN, clock.t_s(), trouble=stages)
            return
        async for event in events:
            for each in _with_changes(event, breaker, admission):
                yield each
    finally:
        breaker.release(admission)  # before anything that a second cancellation could cut short
        await events.aclose()


def _with_changes(event: Event, breaker: Breaker, admission: Admission) -> Iterator[Event]:
    """The event, after it the hint that follows a failure, and around it the breaker's changes."""
    if stages := _PROVEN.get(type(event)):
        yield from _change_events(breaker.passed(stages, admission), event.t_s)
    yield event
    if not isinstance(event, TurnFailed):
        return
    if (stage := failure_kind(event)) and (change := breaker.failed(stage, admission)):
        yield from _change_events((change,), event.t_s)
    yield degraded(reason_of(event), event.t_s)


def _change_events(changes: Iterable[Change], t_s: float) -> Iterator[Event]:
    for change in changes:
        yield change.event(t_s)
