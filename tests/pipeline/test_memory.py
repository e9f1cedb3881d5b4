"""Earlier turns within a token budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicebench.pipeline.memory import Conversation


@given(costs=st.lists(st.integers(1, 50), max_size=12), budget=st.integers(0, 100))
def test_the_newest_whole_turns_that_fit_are_kept(costs: list[int], budget: int) -> None:
    conversation = Conversation(budget)
    for number, cost in enumerate(costs):
        conversation.add(f"q{number}", f"a{number}", num_tokens=cost)
    kept = conversation.exchanges
    assert sum(exchange.num_tokens for exchange in kept) <= budget
    assert [e.user for e in kept] == [f"q{n}" for n in range(len(costs) - len(kept), len(costs))]
    messages = conversation.history()
    assert [m.role for m in messages] == ["user", "assistant"] * len(kept)


def test_a_turn_over_the_budget_is_not_kept_in_part() -> None:
    conversation = Conversation(budget_tokens=10)
    conversation.add("短", "短", num_tokens=4)
    conversation.add("长", "长", num_tokens=11)
    assert conversation.history() == ()
