"""What a step gives reaches the loops that wait, in its order, in one go each."""

from __future__ import annotations

import asyncio
from typing import Any

from voicebench.errors import StageError
from voicebench.llm.base import Delta
from voicebench.llm.delta_delivery import DeltaDispatcher, Mailbox
from voicebench.types import AnswerToken


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
        Mailbox(loop, lambda item, n=name: got.append((n, item.cached_prompt_tokens)), lambda: None)  # type: ignore[misc]
        for name in "ab"
    )
    post = DeltaDispatcher()
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
    post = DeltaDispatcher()
    post.add(Mailbox(closed, got.append, lambda: undelivered.append("one")), delta(1))
    post.add(Mailbox(alive, got.append, lambda: undelivered.append("other")), delta(2))
    post.add(Mailbox(closed, got.append, lambda: undelivered.append("one")), delta(3))
    post.send()
    taken(alive)
    assert ([item.cached_prompt_tokens for item in got], undelivered) == ([2], ["one", "one"])
    alive.close()


def words(text: str, finish_reason: str = "", cached: int = 0) -> Delta:
    tokens = tuple(
        AnswerToken(id=ord(char), text=char, t_s=float(n)) for n, char in enumerate(text)
    )
    return Delta(tokens=tokens, finish_reason=finish_reason, cached_prompt_tokens=cached)


def as_text(delta: Any) -> str:
    return "".join(token.text for token in delta.tokens)


def test_what_is_read_at_the_end_comes_in_one_piece_and_what_is_read_live_at_once() -> None:
    loop, whole, live = CountingLoop(), list[Any](), list[Any]()
    held, prompt = Mailbox(loop, whole.append, list, hold_s=60.0), Mailbox(loop, live.append, list)
    post = DeltaDispatcher()
    for text in "三点":
        post.add(held, words(text, cached=32))
        post.add(prompt, words(text))
        post.send()
    taken(loop)
    assert ([as_text(delta) for delta in live], whole, loop.num_woken) == (["三", "点"], [], 2)
    post.add(held, words("", "stop"))
    post.send()
    taken(loop)
    assert [(as_text(d), d.finish_reason, d.cached_prompt_tokens) for d in whole] == [
        ("三点", "stop", 32)
    ]
    loop.close()


def test_nothing_is_held_longer_than_allowed_and_an_error_brings_what_was_held_first() -> None:
    loop, got = CountingLoop(), list[Any]()
    soon, failing = (
        Mailbox(loop, got.append, list, hold_s=1e-9),
        Mailbox(loop, got.append, list, 60.0),
    )
    post = DeltaDispatcher()
    post.add(soon, words("早"))
    post.send()
    taken(loop)
    assert list(map(as_text, got)) == ["早"]
    post.add(failing, words("半"))
    post.add(failing, error := StageError("llm", "RuntimeError: device-side assert"))
    post.send()
    taken(loop)
    assert [as_text(got[1]), got[2]] == ["半", error]
    loop.close()
