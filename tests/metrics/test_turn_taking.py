"""When a rule commits a turn, and what a curve says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.metrics.turn_taking import (
    Pause,
    Rule,
    TurnPauses,
    auroc,
    commit_s,
    curve,
    point,
    wait_at,
)

FIXED = Rule(0.5, 0.5)
EAGER = Rule(0.2, 1.2, sure_above=0.8, unsure_below=0.2)


def turn(*pauses: Pause, t_eos_s: float = 5.0) -> TurnPauses:
    return TurnPauses(pauses, t_eos_s)


@pytest.mark.parametrize(
    ("probability", "silence_s"),
    [(None, 1.2), (0.0, 1.2), (0.2, 1.2), (0.5, 0.7), (0.8, 0.2), (1.0, 0.2), (float("nan"), 1.2)],
)
def test_the_surer_the_shorter(probability: float | None, silence_s: float) -> None:
    assert EAGER.silence_s(probability) == pytest.approx(silence_s)


@pytest.mark.parametrize(
    ("pauses", "rule", "committed_s"),
    [
        # fixed silence: the first pause that is long enough, whatever is known of it
        ((Pause(2.0, 2.4), Pause(5.0)), FIXED, 5.5),
        ((Pause(2.0, 2.6), Pause(5.0)), FIXED, 2.5),
        # sure: as soon as the shortest silence is over, but not before it is known
        ((Pause(5.0, None, 0.9, 5.1),), EAGER, 5.2),
        ((Pause(5.0, None, 0.9, 5.35),), EAGER, 5.35),
        # known too late: the longest silence is over first
        ((Pause(5.0, None, 0.9, 7.0),), EAGER, 6.2),
        # unsure: a thinking pause is waited out
        ((Pause(2.0, 3.0, 0.1, 2.1), Pause(5.0, None, 0.9, 5.1)), EAGER, 5.2),
        # speech to the end of the audio
        ((Pause(2.0, 2.1),), FIXED, None),
        ((), FIXED, None),
    ],
)
def test_commits(pauses: tuple[Pause, ...], rule: Rule, committed_s: float | None) -> None:
    assert commit_s(turn(*pauses), rule) == (
        None if committed_s is None else pytest.approx(committed_s)
    )


def test_a_point_counts_cut_offs_and_waits_of_the_others() -> None:
    turns = [turn(Pause(2.0, 2.6), Pause(5.0)), turn(Pause(5.0)), turn(Pause(2.0, 2.1))]
    found = point(turns, FIXED)
    assert (found.num_turns, found.num_cut_off, found.cut_off_rate) == (2, 1, 0.5)
    assert found.mean_wait_s == pytest.approx(0.5)


def test_a_curve_keeps_what_nothing_beats_and_is_read_between_its_points() -> None:
    turns = [turn(Pause(1.0, 1.0 + gap), Pause(5.0)) for gap in (0.3, 0.5, 0.9, 1.3)]
    found = curve(turns, [Rule(s, s) for s in (0.2, 0.4, 0.6, 0.8, 1.0, 1.4)])
    assert [(p.cut_off_rate, p.rule.max_silence_s) for p in found] == [
        (0.0, 1.4), (0.25, 1.0), (0.5, 0.6), (0.75, 0.4)
    ]  # fmt: skip
    assert wait_at(found, 0.25) == pytest.approx(1.0)
    assert wait_at(found, 0.125) == pytest.approx(1.2)
    assert wait_at(found, 0.9) == pytest.approx(0.4)
    assert wait_at(found[1:], 0.1) is None


@pytest.mark.parametrize(
    ("ends", "others", "area"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1], [0.9], 0.0),
        ([0.5], [0.5], 0.5),
        ([0.8, 0.3], [0.5, 0.3], 0.625),
        ([], [0.3], None),
    ],
)
def test_auroc(ends: list[float], others: list[float], area: float | None) -> None:
    assert auroc(ends, others) == (None if area is None else pytest.approx(area))


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=9),
    st.lists(st.floats(0, 1), min_size=1, max_size=9),
)
def test_auroc_is_the_share_of_pairs(ends: list[float], others: list[float]) -> None:
    pairs = [(e > o) + 0.5 * (e == o) for e in ends for o in others]
    assert auroc(ends, others) == pytest.approx(sum(pairs) / len(pairs))


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_probability_never_waits_longer(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert EAGER.silence_s(high) <= EAGER.silence_s(low)


@pytest.mark.parametrize(
    ("settings", "names"),
    [((0.5, 0.2), "min_silence_s 0.5"), ((-0.1, 0.2), "min_silence_s -0.1"), ((0.1, 0.2, 0.2, 0.8), "unsure_below 0.8"), ((0.1, 0.2, 1.2), "sure_above 1.2")],
)  # fmt: skip
def test_a_rule_in_the_wrong_order_is_refused(settings: tuple[float, ...], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        Rule(*settings)
