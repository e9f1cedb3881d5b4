"""Early work on the bundled models: what is said is what would be said without it."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebench.audio import chunk_audio
from voicebench.metrics.latency import is_premature, latencies
from voicebench.metrics.speculation import count_drafts
from voicebench.metrics.waterfall import waterfall
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.suites.load import load_suite
from voicebench.suites.render import render_turn
from voicebench.types import SAMPLE_RATE_HZ, Turn, Variant

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(
        importlib.util.find_spec("espeakng_loader") is None,
        reason="making speech needs the extra `synth` (espeakng-loader)",
    ),
]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[NDArray[np.float32], float]:
    """The shortest question of a shipped suite, with a second of silence after it."""
    suite = load_suite("daily_qa")
    turn = min((case.turns[0] for case in suite.cases), key=lambda turn: turn.t_eos_s)
    samples, t_eos_s = render_turn(turn, suite.folder, tmp_path_factory.mktemp("speech"))
    missing = round((t_eos_s + 1.0) * SAMPLE_RATE_HZ) - len(samples)
    return np.pad(samples, (0, max(0, missing))), t_eos_s


def live_turn(
    recognizer: Any, generator: Any, spoken: tuple[NDArray[np.float32], float], **switches: Any
) -> Turn:
    async def run() -> Turn:
        clock = make_clock("fast")
        assistant = Assistant(recognizer, generator, Variant(**switches))
        events = assistant.run_turn(
            paced(chunk_audio(spoken[0]), clock), Conversation(), clock=clock
        )
        begun = Turn(
            run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0,
            mode="latency", pace="fast", t_eos_s=spoken[1], t_eos_source="annotated",
        )  # fmt: skip
        return collect_turn([event async for event in events], begun)

    generator.forget_prompts()
    return asyncio.run(run())


def test_prefill_changes_what_is_cached_and_nothing_else(
    bundled_recognizer: Any, bundled_generator: Any, spoken: tuple[NDArray[np.float32], float]
) -> None:
    plain = live_turn(bundled_recognizer, bundled_generator, spoken)
    warmed = live_turn(bundled_recognizer, bundled_generator, spoken, prefill=True)
    assert plain.cached_prompt_tokens == 0
    assert warmed.cached_prompt_tokens >= bundled_generator.block_tokens
    assert warmed.prompt_token_ids == plain.prompt_token_ids
    assert warmed.answer == plain.answer != ""


def test_a_kept_draft_says_what_its_prompt_gives(
    bundled_recognizer: Any, bundled_generator: Any, spoken: tuple[NDArray[np.float32], float]
) -> None:
    turn = live_turn(bundled_recognizer, bundled_generator, spoken, prefill=True, speculation=True)
    assert turn.failure is None
    drafts = count_drafts(turn)
    assert (drafts.kept, turn.degraded) == (1, None)
    (alone,) = bundled_generator.generate([turn.prompt_token_ids], Variant().sampling)
    assert [token.id for token in turn.answer_tokens] == [token.id for token in alone]
    assert not is_premature(turn)
    latency_s = latencies(turn)["response_latency_s"]
    assert latency_s is not None
    assert sum(s.duration_s for s in waterfall(turn)) == pytest.approx(latency_s, abs=1e-3)
    assert turn.cached_prompt_tokens >= bundled_generator.block_tokens
    left = bundled_generator._thread.call(lambda engine: engine.get_num_unfinished_requests())
    assert left.result(30) == 0
