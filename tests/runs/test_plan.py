"""Which turns a run has, in which order, and what is left of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.errors import ConfigError
from voicebench.runs.plan import plan_conversations, planned_turns, recorded_turns, remaining
from voicebench.types import Case, CaseTurn, Turn, Variant


def make_case(case_id: str, num_turns: int = 1) -> Case:
    turn = CaseTurn(reference="你好", meaning="你好", t_eos_s=1.0, audio="a.wav")
    return Case(id=case_id, suite="s", clock="2026-01-01T08:00", turns=(turn,) * num_turns)


SEED, PLAIN = Variant(name="seed"), Variant(name="plain", prompt="plain")


def test_variants_stand_beside_each_other_and_repeats_are_outermost() -> None:
    conversations = plan_conversations([make_case("a", 2), make_case("b")], [SEED, PLAIN], 2)
    assert [key[1:] for key in planned_turns(conversations)] == [
        (case, variant, repeat, turn)
        for repeat in (0, 1)
        for case, num_turns in (("a", 2), ("b", 1))
        for variant in ("seed", "plain")
        for turn in range(num_turns)
    ]


@pytest.mark.parametrize(
    ("cases", "variants", "repeats", "message"),
    [
        ([], [SEED], 1, "no case"),
        ([make_case("a")], [], 1, "no variant"),
        ([make_case("a")], [SEED], 0, "--repeats is 0"),
        ([make_case("a")], [SEED, SEED], 1, "variant 'seed' is there twice"),
        ([make_case("a"), make_case("a")], [SEED], 1, "case 's/a' is there twice"),
    ],
)
def test_impossible_plans_are_refused(
    cases: list[Case], variants: list[Variant], repeats: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_conversations(cases, variants, repeats)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(1, 3), st.data())
def test_what_is_left_and_what_is_done_make_the_plan(
    turns_per_case: list[int], repeats: int, data: st.DataObject
) -> None:
    cases = [make_case(str(n), num_turns) for n, num_turns in enumerate(turns_per_case)]
    conversations = plan_conversations(cases, [SEED, PLAIN], repeats)
    keys = planned_turns(conversations)
    assert len(set(keys)) == len(keys) == sum(turns_per_case) * 2 * repeats
    done = data.draw(st.sets(st.sampled_from(keys)))
    left = planned_turns(remaining(conversations, done))
    assert set(left) | done == set(keys)
    assert list(left) == [key for key in keys if key in set(left)]


def test_warm_up_turns_do_not_count_as_done() -> None:
    turn = Turn(
        run_id="r", suite="s", case_id="a", variant="seed", repeat=0, turn_index=0, mode="latency",
        pace="fast", is_warm_up=True,
    )  # fmt: skip
    assert recorded_turns([turn]) == {}
