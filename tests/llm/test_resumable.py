"""Input in pieces on the real engine: whatever was sent before, the answer is the whole prompt's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from voicebench.errors import ConfigError, StageError
from voicebench.llm.base import Prompt
from voicebench.llm.prompts import build_messages
from voicebench.llm.resumable import ResumableSession
from voicebench.llm.vllm_engine import VllmGenerator
from voicebench.pipeline.prefill import open_session
from voicebench.types import Sampling, Variant

pytestmark = pytest.mark.models

GREEDY = Sampling(max_tokens=24)
SAID = "张伟明天下午三点在二号会议室开会请问几点开会"


@pytest.fixture
def generator(bundled_generator: Any) -> VllmGenerator:
    assert isinstance(bundled_generator, VllmGenerator)
    bundled_generator.forget_prompts()
    return bundled_generator


def prompt_of(generator: VllmGenerator, said: str) -> list[int]:
    return generator.encode_chat(build_messages("seed", (), said))


async def answer(
    session: ResumableSession, prompt: Sequence[int] | Prompt, sampling: Sampling = GREEDY
) -> tuple[list[int], int]:
    """The answer's token ids, and how many of the prompt's were there before."""
    ids, num_cached = [], 0
    async for delta in session.stream(prompt, sampling):
        ids += [token.id for token in delta.tokens]
        num_cached = max(num_cached, delta.cached_prompt_tokens)
    return ids, num_cached


def plain(generator: VllmGenerator, prompt: Sequence[int]) -> list[int]:
    (tokens,) = generator.generate([prompt], GREEDY)
    return [token.id for token in tokens]


def run_in_session(
    generator: VllmGenerator, use: Callable[[ResumableSession], Any]
) -> tuple[Any, bool]:
    """What `use` gives, and whether the engine still holds something after the session."""
    session = generator.open_session()
    try:
        result = asyncio.run(use(session))
    finally:
        session.close()
    return result, generator._thread.call(lambda engine: engine.has_unfinished_requests()).result()


def test_a_prompt_in_pieces_is_answered_as_the_whole_and_only_the_rest_is_computed(
    generator: VllmGenerator,
) -> None:
    prompt = prompt_of(generator, SAID)
    cuts = (10, 37, len(prompt) - 1)

    async def use(session: ResumableSession) -> tuple[list[int], list[int], int]:
        kept = [await session.warm(prompt[:cut]) for cut in cuts]
        return kept, *await answer(session, prompt)

    (kept, ids, num_cached), holds_something = run_in_session(generator, use)
    assert kept == [0, 10, 37]
    assert num_cached == len(prompt) - 1  # not a multiple of the engine's blocks
    assert ids == plain(generator, prompt) != []
    assert not holds_something


def test_an_answer_without_a_piece_before_it(generator: VllmGenerator) -> None:
    prompt = prompt_of(generator, SAID)
    (ids, _), holds_something = run_in_session(generator, lambda session: answer(session, prompt))
    assert ids == plain(generator, prompt)
    assert not holds_something


def test_after_any_revisions_the_answer_is_that_of_the_last_prompt(
    generator: VllmGenerator,
) -> None:
    rng = random.Random(4)
    words = ["张伟", "李敏", "明天", "后天", "三点", "四点半", "二号会议室", "开会", "不对"]

    async def use(session: ResumableSession, prompts: list[list[int]]) -> list[int]:
        for prompt in prompts:
            cut = rng.randint(1, len(prompt))
            task = asyncio.ensure_future(session.warm(prompt[:cut]))
            if rng.random() < 0.3:  # given up while it runs, or before
                await asyncio.sleep(rng.choice((0, 0.002)))
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        ids, _ = await answer(session, prompts[-1])
        return ids

    for _ in range(12):
        said = ["".join(rng.choices(words, k=rng.randint(1, 8))) for _ in range(4)]
        prompts = [prompt_of(generator, each + "请问几点") for each in said]
        ids, holds_something = run_in_session(generator, lambda s, p=prompts: use(s, p))  # type: ignore[misc]
        assert ids == plain(generator, prompts[-1])
        assert not holds_something


def test_sessions_and_requests_are_batched_without_touching_one_another(
    generator: VllmGenerator,
) -> None:
    prompts = [
        prompt_of(generator, f"{day}下午三点开会请问哪天开会") for day in ("明天", "后天", "周五")
    ]
    expected = [plain(generator, prompt) for prompt in prompts]

    async def one(prompt: list[int]) -> list[int]:
        session = generator.open_session()
        try:
            for cut in (12, 30):
                await session.warm(prompt[:cut])
                await asyncio.sleep(0.01)
            ids, _ = await answer(session, prompt)
            return ids
        finally:
            session.close()

    async def all_at_once() -> list[list[int]]:
        return list(await asyncio.gather(*(one(prompt) for prompt in prompts)))

    assert asyncio.run(all_at_once()) == expected


def test_an_answer_that_nobody_waits_for_leaves_the_engine(generator: VllmGenerator) -> None:
    prompt = prompt_of(generator, SAID)

    async def use(session: ResumableSession) -> None:
        await session.warm(prompt[:20])
        stream = session.stream(prompt, GREEDY)
        await anext(stream)
        await stream.aclose()

    _, holds_something = run_in_session(generator, use)
    assert not holds_something
    assert generator.num_requests == 0


def test_a_step_that_raises_fails_the_piece_and_the_prompt_is_answered_all_the_same(
    generator: VllmGenerator,
) -> None:
    prompt = prompt_of(generator, SAID)

    def fail_once(engine: Any) -> None:
        def step() -> Any:
            del engine.step
            raise RuntimeError("CUDA error: injected")

        engine.step = step

    async def use(session: ResumableSession) -> list[int]:
        await session.warm(prompt[:20])
        generator._thread.call(fail_once).result(30)
        with pytest.raises(StageError, match="injected"):
            await session.warm(prompt[:40])
        ids, _ = await answer(session, prompt)
        return ids

    ids, _ = run_in_session(generator, use)
    assert ids == plain(generator, prompt)


@pytest.mark.parametrize(
    "sampling", [Sampling(max_tokens=8, stop=("。",)), Sampling(max_tokens=8, json_schema="{}")]
)
def test_what_a_session_cannot_take_goes_the_ordinary_way(
    generator: VllmGenerator, sampling: Sampling
) -> None:
    prompt = prompt_of(generator, SAID)

    async def use(session: ResumableSession) -> list[int]:
        await session.warm(prompt[:20])
        ids, _ = await answer(session, prompt, sampling)
        return ids

    ids, _ = run_in_session(generator, use)
    (tokens,) = generator.generate([prompt], sampling)
    assert ids == [token.id for token in tokens]


def test_a_language_model_without_sessions_is_refused_with_the_way_out() -> None:
    class Elsewhere:
        block_tokens = 32

    variant = Variant(name="v", prefill=True, prefill_backend="resumable")
    with pytest.raises(ConfigError, match="prefill_backend=prefix_cache"):
        open_session(Elsewhere(), variant)  # type: ignore[arg-type]
