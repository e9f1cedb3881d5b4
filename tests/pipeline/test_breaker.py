"""The breaker's state machine: a table of stories, and what must hold for every story."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from voicebench.pipeline.breaker import Admission, Breaker, Change
from voicebench.types import Guard

GUARD = Guard(open_after=2, cool_down_s=10.0)


@dataclass
class HandClock:
    """A clock that is moved by hand."""

    t_s: float = 0.0

    def __call__(self) -> float:
        return self.t_s


def tell(story: str, guard: Guard = GUARD) -> str:
    """Plays turns one after another; says for each whether it went ahead, and the state after it.

    `x` a turn with trouble, `.` one that passes, `-` one without a verdict, `N` seconds waited.
    """
    clock = HandClock()
    breaker, told = Breaker(guard, clock), []
    for step in story.split():
        if step.isdigit():
            clock.t_s += int(step)
            continue
        admission, _ = breaker.admit()
        if not admission.refused_for:
            if step == "x":
                breaker.failed("asr", admission)
            elif step == ".":
                breaker.passed(["asr"], admission)
        breaker.release(admission)
        told.append(f"{'no' if admission.refused_for else 'yes'}:{breaker.state('asr')}")
    return " ".join(told)


@pytest.mark.parametrize(
    ("story", "told"),
    [
        (". x .", "yes:closed yes:closed yes:closed"),
        ("x . x", "yes:closed yes:closed yes:closed"),  # in a row, not in all
        ("x - x", "yes:closed yes:closed yes:open"),  # no verdict breaks no row
        ("x x x", "yes:closed yes:open no:open"),
        ("x x 9 x", "yes:closed yes:open no:open"),
        ("x x 10 .", "yes:closed yes:open yes:closed"),
        ("x x 10 x 9 . 1 .", "yes:closed yes:open yes:open no:open yes:closed"),
        ("x x 10 - .", "yes:closed yes:open yes:half_open yes:closed"),
        ("x x 10 - x", "yes:closed yes:open yes:half_open yes:open"),
        ("x x 10 . x", "yes:closed yes:open yes:closed yes:closed"),  # closing forgets the troubles
    ],
)
def test_stories(story: str, told: str) -> None:
    assert tell(story) == told


def test_closing_may_take_several_good_trials() -> None:
    guard = Guard(open_after=1, cool_down_s=10.0, close_after=2)
    assert tell("x 10 . . .", guard) == "yes:open yes:half_open yes:closed yes:closed"
    assert tell("x 10 . x .", guard) == "yes:open yes:half_open yes:open no:open"


def test_one_turn_at_a_time_is_on_trial() -> None:
    clock = HandClock()
    breaker = Breaker(Guard(open_after=1, cool_down_s=10.0), clock)
    early, _ = breaker.admit()
    assert breaker.failed("llm", early) == Change(kind="llm", state="open")
    clock.t_s = 10.0
    trial, changes = breaker.admit()
    assert changes == (Change(kind="llm", state="half_open"),)
    assert breaker.admit()[0].refused_for == ("llm",)
    assert breaker.passed(["llm"], early) == ()  # it was let in before: says nothing of now
    assert breaker.passed(["llm"], trial) == (Change(kind="llm", state="closed"),)
    assert breaker.admit()[0].refused_for == ()


def test_one_kind_of_trouble_does_not_excuse_another() -> None:
    breaker = Breaker(GUARD, HandClock())
    for _ in range(2):
        admission, _ = breaker.admit()
        breaker.passed(["asr"], admission)
        breaker.failed("llm", admission)
    assert (breaker.state("asr"), breaker.state("llm")) == ("closed", "open")


def test_threads_share_one_breaker() -> None:
    breaker = Breaker(Guard(open_after=1_000_000), HandClock())

    def turns() -> None:
        for _ in range(500):
            admission, _ = breaker.admit()
            breaker.failed("asr", admission)
            breaker.release(admission)

    threads = [threading.Thread(target=turns) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.circuits()["asr"].num_in_a_row == 4000


class AnyStory(RuleBasedStateMachine):
    """Turns that overlap, in any order, with troubles of two kinds, at any time."""

    turns = Bundle("turns")

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.guard = Guard(open_after=2, cool_down_s=10.0, close_after=2)
        self.breaker = Breaker(self.guard, self.clock)
        self.opened_s: dict[str, float] = {}
        self.on_trial: dict[str, int] = {"asr": 0, "llm": 0}

    def _note(self, *changes: Change | None) -> None:
        for change in filter(None, changes):
            if change.state == "open":
                self.opened_s[change.kind] = self.clock.t_s
            else:
                self.opened_s.pop(change.kind, None)

    @rule(target=turns)
    def begin(self) -> Admission:
        is_open = dict(self.opened_s)
        admission, changes = self.breaker.admit()
        self._note(*changes)
        if not admission.refused_for:  # nobody gets through before every cool-down is over
            for opened_s in is_open.values():
                assert self.clock.t_s - opened_s >= self.guard.cool_down_s
        for kind in admission.on_trial:
            self.on_trial[kind] += 1
            assert self.on_trial[kind] == 1
        return admission

    @rule(turn=turns, kind=st.sampled_from(["asr", "llm"]))
    def trouble(self, turn: Admission, kind: str) -> None:
        if not turn.refused_for:
            self._decide(turn, [kind])
            self._note(self.breaker.failed(kind, turn))

    @rule(turn=turns, kinds=st.sampled_from([["asr"], ["llm"], ["asr", "llm"]]))
    def success(self, turn: Admission, kinds: list[str]) -> None:
        if not turn.refused_for:
            self._decide(turn, kinds)
            self._note(*self.breaker.passed(kinds, turn))

    @rule(turn=consumes(turns))
    def end(self, turn: Admission) -> None:
        self._decide(turn, list(turn.on_trial))
        self.breaker.release(turn)

    @rule(seconds=st.integers(1, 12))
    def wait(self, seconds: int) -> None:
        self.clock.t_s += seconds

    def _decide(self, turn: Admission, kinds: list[str]) -> None:
        for kind in turn.on_trial & set(kinds):
            self.on_trial[kind] -= 1

    @invariant()
    def is_never_stuck(self) -> None:
        """From wherever it is: once all turns are over, waiting and good turns close it."""
        clock = HandClock(self.clock.t_s)
        copy = Breaker(self.guard, clock, self.breaker.circuits())
        running = [k for k, c in copy.circuits().items() if c.is_on_trial]
        copy.release(Admission(on_trial=running))
        for _ in range(2 * self.guard.close_after):
            clock.t_s += self.guard.cool_down_s
            admission, _ = copy.admit()
            assert not admission.refused_for
            copy.passed(["asr", "llm"], admission)
            copy.release(admission)
        assert {copy.state("asr"), copy.state("llm")} == {"closed"}


TestAnyStory = AnyStory.TestCase
TestAnyStory.settings = settings(max_examples=150, stateful_step_count=30)


@given(st.lists(st.booleans(), max_size=30))
def test_it_opens_after_so_many_troubles_in_a_row_and_not_before(troubles: list[bool]) -> None:
    breaker, in_a_row = Breaker(Guard(open_after=3), HandClock()), 0
    for is_trouble in troubles:
        admission, _ = breaker.admit()
        if admission.refused_for:
            break
        in_a_row = in_a_row + 1 if is_trouble else 0
        if is_trouble:
            breaker.failed("asr", admission)
        else:
            breaker.passed(["asr"], admission)
        assert (breaker.state("asr") == "open") == (in_a_row == 3)
