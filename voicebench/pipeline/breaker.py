"""The breaker: when speech keeps failing, people are sent to text input instead of waiting for it.

    closed --(open_after troubles in a row)--> open --(cool_down_s)--> half open
    half open --(close_after good trials in a row)--> closed
    half open --(one trouble)--> open, the cool-down begins again

There is one circuit for each kind of trouble, so that a good transcript does not excuse an LLM that
fails. `Circuit` and the functions on it are pure; `Breaker` holds one process's circuits, may be
shared by all of its assistants, and is thread-safe.

While half open one turn at a time is on trial. It may end without a verdict (nobody spoke, the
client left): `Breaker.release` then lets the next one try, so no circuit stays open for good.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from voicebench.clock import now_s
from voicebench.types import EventKind, Guard, Record

State = Literal["closed", "open", "half_open"]
LOW_CONFIDENCE, ILLEGAL_TOKENS = "low_confidence", "illegal_tokens"
"""Kinds of trouble; the others are names of stages that failed or timed out."""

_EVENTS: dict[State, EventKind] = {
    "open": "breaker_opened", "half_open": "breaker_half_open", "closed": "breaker_closed"
}  # fmt: skip


class Circuit(Record):
    """One kind of trouble: its state, and what counts towards the next one."""

    state: State = "closed"
    num_in_a_row: int = 0
    """Troubles while closed; good trials while half open."""
    opened_s: float = 0.0
    is_on_trial: bool = False
    """Whether a turn is on trial; while half open only."""


class Change(Record):
    """A circuit that changed its state."""

    kind: str
    state: State

    @property
    def event(self) -> EventKind:
        """The event that tells of it."""
        return _EVENTS[self.state]


def admit(circuit: Circuit, guard: Guard, t_s: float) -> tuple[Circuit, bool]:
    """The circuit after a turn asked to go ahead at `t_s`, and whether it may."""
    if circuit.state == "closed":
        return circuit, True
    if circuit.state == "open" and t_s - circuit.opened_s >= guard.cool_down_s:
        return Circuit(state="half_open", is_on_trial=True), True
    if circuit.state == "half_open" and not circuit.is_on_trial:
        return msgspec.structs.replace(circuit, is_on_trial=True), True
    return circuit, False


def troubled(circuit: Circuit, guard: Guard, t_s: float, *, is_trial: bool) -> Circuit:
    """The circuit after a turn met its trouble at `t_s`.

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
    """The circuit after a turn came through without its trouble; `is_trial` as in `troubled`."""
    if circuit.state == "closed":
        return Circuit()
    if circuit.state == "open" or not is_trial:
        return circuit
    if circuit.num_in_a_row + 1 >= guard.close_after:
        return Circuit()
    return Circuit(state="half_open", num_in_a_row=circuit.num_in_a_row + 1)


class Admission:
    """Whether a turn may go ahead, and for which circuits it is on trial."""

    def __init__(self, refused_for: tuple[str, ...] = (), on_trial: Iterable[str] = ()) -> None:
        self.refused_for = refused_for
        """Kinds of trouble whose circuits are open; empty for a turn that may go ahead."""
        self.on_trial = set(on_trial)


class Breaker:
    """The circuits of one process.

    Args:
        guard: Thresholds.
        clock: Seconds on a monotonic clock.
    """

    def __init__(self, guard: Guard, clock: Callable[[], float] = now_s) -> None:
        self._guard = guard
        self._clock = clock
        self._circuits: dict[str, Circuit] = {}
        self._lock = threading.Lock()

    def state(self, kind: str) -> State:
        """The state of one circuit."""
        return self._circuits.get(kind, Circuit()).state

    def admit(self) -> tuple[Admission, tuple[Change, ...]]:
        """Asks whether a turn may go ahead; `release` the admission when the turn is over."""
        with self._lock:
            now = self._clock()
            asked = {kind: admit(c, self._guard, now) for kind, c in self._circuits.items()}
            refused = tuple(kind for kind, (_, may_go) in asked.items() if not may_go)
            if refused:  # a circuit that would let it on trial keeps its place for another turn
                return Admission(refused_for=refused), ()
            trials = [kind for kind, (circuit, _) in asked.items() if circuit.state == "half_open"]
            changes = [self._set(kind, circuit) for kind, (circuit, _) in asked.items()]
            return Admission(on_trial=trials), tuple(filter(None, changes))

    def troubled(self, kind: str, admission: Admission) -> Change | None:
        """A turn met trouble of this kind."""
        with self._lock:
            is_trial = kind in admission.on_trial
            admission.on_trial.discard(kind)
            circuit = self._circuits.get(kind, Circuit())
            return self._set(kind, troubled(circuit, self._guard, self._clock(), is_trial=is_trial))

    def passed(self, kinds: Iterable[str], admission: Admission) -> tuple[Change, ...]:
        """A turn came as far as to prove itself free of these kinds of trouble."""
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
