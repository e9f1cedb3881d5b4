"""What a step gives reaches the loops that wait, in its order, in one go each."""

from __future__ import annotations

import asyncio
from typing import Any

from voicebench.llm.base import Delta
from voicebench.llm.post import Box, Post


class CountingLoop(asyncio.SelectorEventLoop):
    num_woken = 0

    def call_soon_threadsafe(self, *args: Any, **options: Any) -> Any:
        self.num_woken += 1
        return super().call_soon_threadsafe(*args, **options)


def delta(number: int) -> Delta:
    return Delta(tokens=(), cached_prompt_tokens=number)


def taken(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(asyncio.sleep(0))


def test_a_step_wakes_a_loop_once_for_all_its_answers_in_their_order() -> None:
    loop, got = CountingLoop(), list[tuple[str, int]]()
    a, b = (
        Box(loop, lambda item, n=name: got.append((n, item.cached_prompt_tokens)), lambda: None)  # type: ignore[misc]
        for name in "ab"
    )
    post = Post()
    for number, box in enumerate((a, b, a, b)):
        post.add(box, delta(number))
    taken(loop)
    assert got == []  # nothing before the step is over
    post.send()
    post.send()  # nothing new: nobody is woken
    taken(loop)
    assert got == [("a", 0), ("b", 1), ("a", 2), ("b", 3)]
    assert loop.num_woken == 1
    loop.close()


def test_who_waits_on_a_closed_loop_is_told_off_and_the_others_are_served() -> None:
    closed, alive = asyncio.new_event_loop(), asyncio.new_event_loop()
    closed.close()
    got, undelivered = list[Any](), list[str]()
    post = Post()
    post.add(Box(closed, got.append, lambda: undelivered.append("one")), delta(1))
    post.add(Box(alive, got.append, lambda: undelivered.append("other")), delta(2))
    post.add(Box(closed, got.append, lambda: undelivered.append("one")), delta(3))
    post.send()
    taken(alive)
    assert ([item.cached_prompt_tokens for item in got], undelivered) == ([2], ["one", "one"])
    alive.close()
