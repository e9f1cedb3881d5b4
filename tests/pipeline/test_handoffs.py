"""Every hand-off from audio to record, on the bundled models: live, batched, and over turns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.audio import chunk_audio
from voicebench.llm.base import Generator
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.runs.plan import Models, Work, plan_conversations
from voicebench.runs.quality import run_quality
from voicebench.suites.load import load_suite
from voicebench.suites.render import render_turn
from voicebench.types import Case, Run, Turn, Variant

HANDOFFS = ("text", "token_map", "embeds", "soft_embeds", "marked")
SUITE = load_suite("multi_turn")
DOUBT = 0.995  # above what most tokens reach, so that there is doubt in every turn


@pytest.fixture(scope="module")
def case() -> Case:
    return min(SUITE.cases, key=lambda each: sum(turn.t_eos_s for turn in each.turns))


@pytest.fixture(scope="module")
def audio(case: Case) -> list[NDArray[np.float32]]:
    return [render_turn(turn, SUITE.folder)[0] for turn in case.turns]


def _begun(case: Case, index: int) -> Turn:
    return Turn(
        run_id="r", suite=case.suite, case_id=case.id, variant="v", repeat=0, turn_index=index,
        mode="latency", pace="fast",
    )  # fmt: skip


def _talk(assistant: Assistant, case: Case, audio: Sequence[NDArray[np.float32]]) -> list[Turn]:
    conversation = Conversation()

    async def say(samples: NDArray[np.float32]) -> list[Any]:
        clock = make_clock("fast")
        turn = assistant.run_turn(
            paced(chunk_audio(samples), clock), conversation, clock=clock, endpointing=False
        )
        return [event async for event in turn]

    return [
        collect_turn(asyncio.run(say(samples)), _begun(case, index))
        for index, samples in enumerate(audio)
    ]


@pytest.fixture(scope="module")
def talks(
    case: Case,
    audio: list[NDArray[np.float32]],
    bundled_recognizer: Recognizer,
    bundled_generator: Generator,
) -> dict[str, list[Turn]]:
    """The same conversation in every form."""
    return {
        handoff: _talk(
            Assistant(
                bundled_recognizer,
                bundled_generator,
                Variant(handoff=handoff, doubt_below=DOUBT),  # type: ignore[arg-type]
            ),
            case,
            audio,
        )
        for handoff in HANDOFFS
    }


@pytest.mark.models
@pytest.mark.parametrize("handoff", HANDOFFS)
def test_a_conversation_is_answered_and_recorded(
    talks: dict[str, list[Turn]], handoff: str
) -> None:
    first, *later = talks[handoff]
    for turn in (first, *later):
        assert turn.failure is None
        assert turn.answer
        assert turn.prompt_as_embeddings == (handoff in ("embeds", "soft_embeds"))
        assert (len(turn.prompt_mixtures) > 0) == (handoff == "soft_embeds")
        assert msgspec.json.decode(msgspec.json.encode(turn), type=Turn) == turn
    assert later
    assert first.answer in [message.content for message in later[0].messages]


@pytest.mark.models
@pytest.mark.parametrize("handoff", ["token_map", "embeds"])
def test_ids_and_their_embeddings_say_what_text_says(
    talks: dict[str, list[Turn]], handoff: str
) -> None:
    for turn, plain in zip(talks[handoff], talks["text"], strict=True):
        assert turn.prompt_token_ids == plain.prompt_token_ids
        assert [t.id for t in turn.answer_tokens] == [t.id for t in plain.answer_tokens]


@pytest.mark.models
def test_doubt_is_in_the_record(talks: dict[str, list[Turn]]) -> None:
    soft, marked = talks["soft_embeds"][0], talks["marked"][0]
    doubtful = [t for t in soft.hypothesis.tokens if t.confidence < DOUBT]
    assert doubtful
    assert len(soft.prompt_mixtures) <= len(doubtful)
    for mixture in soft.prompt_mixtures:
        assert soft.prompt_token_ids[mixture.position] == mixture.token_ids[0]
        assert sum(mixture.probabilities) == pytest.approx(1.0)
    assert "(" in marked.messages[-1].content


@pytest.mark.models
def test_sure_of_every_token_soft_embeds_is_embeds(
    talks: dict[str, list[Turn]], bundled_recognizer: Recognizer, bundled_generator: Generator
) -> None:
    heard = talks["embeds"][0]
    sure = msgspec.structs.replace(
        heard.hypothesis,
        tokens=tuple(msgspec.structs.replace(t, confidence=1.0) for t in heard.hypothesis.tokens),
    )
    assistant = Assistant(
        bundled_recognizer, bundled_generator, Variant(handoff="soft_embeds", doubt_below=DOUBT)
    )
    prompt = assistant.build_prompt((), heard.cleaned, sure)[1]
    (answer,) = assistant.answer_many([prompt])
    assert prompt.token_ids == heard.prompt_token_ids
    assert prompt.mixtures == ()
    assert answer.text == heard.answer


@pytest.mark.models
def test_quality_mode_answers_as_live_and_keeps_answers_by_what_was_sent(
    case: Case,
    talks: dict[str, list[Turn]],
    bundled_recognizer: Recognizer,
    bundled_generator: Generator,
) -> None:
    variants = tuple(
        Variant(name=handoff, handoff=handoff, doubt_below=DOUBT)  # type: ignore[arg-type]
        for handoff in HANDOFFS
    )
    run = Run(
        schema_version=1, run_id="r", created_at="", mode="quality", pace="fast", profile={},
        variants=variants, suites=(case.suite,), suite_sha256={}, model_sha256={}, repeats=1,
        seed=0, num_turns_planned=0, git_commit="", git_dirty=False, packages={}, machine={},
    )  # fmt: skip
    models = Models(recognizer=bundled_recognizer, generator=bundled_generator)
    folders: dict[str, Path] = {case.suite: SUITE.folder}
    turns = list(
        run_quality(Work(run, plan_conversations([case], variants, 1), {}, folders, models))
    )
    assert len(turns) == len(HANDOFFS) * len(case.turns)
    by_variant = {name: [t for t in turns if t.variant == name] for name in HANDOFFS}
    for handoff, answered in by_variant.items():
        assert all(turn.failure is None and turn.answer for turn in answered), handoff
    assert all("llm" in turn.stage_cache_hits for turn in by_variant["token_map"])
    for handoff in ("embeds", "soft_embeds", "marked"):
        assert all("llm" not in turn.stage_cache_hits for turn in by_variant[handoff]), handoff
    for turn, plain in zip(by_variant["embeds"], by_variant["text"], strict=True):
        assert turn.answer == plain.answer
        assert turn.answer_from_gold == plain.answer_from_gold
    live = talks["soft_embeds"][0]
    batched = by_variant["soft_embeds"][0]
    if live.hypothesis == batched.hypothesis:
        assert batched.prompt_mixtures == live.prompt_mixtures
