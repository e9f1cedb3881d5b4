"""Prompts as embeddings: rows and mixtures of a table, and the real engine on the bundled model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from voicebench.errors import ModelError, StageError
from voicebench.llm.base import Delta, Prompt
from voicebench.llm.embeddings import embed, embedding_table, engine_input
from voicebench.llm.prompts import build_messages
from voicebench.llm.vllm_engine import VllmGenerator
from voicebench.types import AnswerToken, Mixture, Sampling

SAID = [
    "张伟明天下午三点在二号会议室开会请问几点开会",
    "我订了三张去上海的票一共五百块请问一共多少钱",
    "李敏周四去人民医院看牙请问谁去医院",
]
GREEDY = Sampling(max_tokens=32)


# ---------------------------------------------------------------- rows of a table


def test_a_prompt_is_the_rows_of_its_ids_with_mixtures_in_their_place() -> None:
    import torch

    table = torch.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], dtype=torch.bfloat16)
    half = Mixture(position=1, token_ids=(1, 2), probabilities=(0.5, 0.5))
    rows = embed(Prompt(token_ids=(2, 1, 0), as_embeddings=True, mixtures=(half,)), table)
    assert rows.tolist() == [[3.0, 4.0], [2.0, 3.0], [0.0, 0.0]]
    assert rows.dtype == torch.bfloat16
    assert table[1].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("prompt", [(0, 3), (-1,)])
def test_an_id_outside_the_table_is_refused(prompt: tuple[int, ...]) -> None:
    import torch

    with pytest.raises(ModelError, match="is not in an embedding table of 3 rows"):
        embed(Prompt(token_ids=prompt, as_embeddings=True), torch.zeros(3, 2))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 2), "embeddings of size 2 do not fit a model of hidden size 4"),
        ((3, 4, 1), "no embedding table that can be read in one piece"),
        (None, "no embedding table that can be read in one piece"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(shape: tuple[int, ...] | None, message: str) -> None:
    import torch

    weight = None if shape is None else torch.zeros(shape)
    model = SimpleNamespace(model=SimpleNamespace(embed_tokens=SimpleNamespace(weight=weight)))
    engine = SimpleNamespace(
        apply_model=lambda function: [function(model)],
        model_config=SimpleNamespace(get_hidden_size=lambda: 4),
    )
    with pytest.raises(ModelError, match=message):
        embedding_table(engine)


def test_an_engine_loaded_without_embeddings_says_how_to_load_it_with() -> None:
    engine = SimpleNamespace(model_config=SimpleNamespace(enable_prompt_embeds=False))
    ids = Prompt(token_ids=(1, 2))
    assert engine_input(engine, ids)["prompt_token_ids"] == [1, 2]
    with pytest.raises(ModelError, match=r"Set llm.enable_prompt_embeds: true in the profile"):
        engine_input(engine, Prompt(token_ids=(1, 2), as_embeddings=True))


# ---------------------------------------------------------------- the engine


@pytest.fixture
def generator(bundled_generator: Any) -> VllmGenerator:
    assert isinstance(bundled_generator, VllmGenerator)
    return bundled_generator


@pytest.fixture
def on_engine(generator: VllmGenerator) -> Iterator[Callable[[str, Any], None]]:
    """Replaces a method of the engine until the test ends."""
    replaced: list[str] = []

    def replace(name: str, make: Callable[[Any], Any]) -> None:
        replaced.append(name)
        generator._thread.call(lambda engine: setattr(engine, name, make(engine))).result(30)

    yield replace
    for name in replaced:
        generator._thread.call(lambda engine, name=name: vars(engine).pop(name, None)).result(30)


@pytest.fixture
def ids(generator: VllmGenerator) -> list[tuple[int, ...]]:
    return [tuple(generator.encode_chat(build_messages("baseline", (), said))) for said in SAID]


def embedded(ids: tuple[int, ...], *mixtures: Mixture) -> Prompt:
    return Prompt(token_ids=ids, as_embeddings=True, mixtures=mixtures)


def texts_of(answers: list[tuple[AnswerToken, ...]]) -> list[str]:
    return ["".join(token.text for token in answer) for answer in answers]


def stream(generator: VllmGenerator, prompt: Prompt) -> list[Delta]:
    async def run() -> list[Delta]:
        return [delta async for delta in generator.stream(prompt, GREEDY)]

    return asyncio.run(run())


def text_of(deltas: list[Delta]) -> str:
    return "".join(token.text for delta in deltas for token in delta.tokens)


def in_flight(generator: VllmGenerator) -> int:
    count = generator._thread.call(lambda engine: engine.get_num_unfinished_requests())
    return int(count.result(30))


def test_the_table_is_the_models_own(generator: VllmGenerator) -> None:
    def addresses(engine: Any) -> tuple[int, int]:
        own = engine.apply_model(lambda model: model.model.embed_tokens.weight.data_ptr())[0]
        return own, embedding_table(engine).data_ptr()

    own, ours = generator._thread.call(addresses).result(30)
    assert own == ours


def test_embeddings_are_answered_as_their_ids_are(
    generator: VllmGenerator, ids: list[tuple[int, ...]]
) -> None:
    expected = generator.generate(ids, GREEDY)
    answers = generator.generate([embedded(each) for each in ids], GREEDY)
    assert [[t.id for t in answer] for answer in answers] == [
        [t.id for t in answer] for answer in expected
    ]
    together = generator.generate([ids[0], embedded(ids[0]), ids[1], embedded(ids[1])], GREEDY)
    texts = texts_of(expected)
    assert texts_of(together) == [texts[0], texts[0], texts[1], texts[1]]
    assert text_of(stream(generator, embedded(ids[2]))) == texts[2]


def test_the_model_hears_the_mixture_and_not_the_id(
    generator: VllmGenerator, ids: list[tuple[int, ...]]
) -> None:
    later = tuple(
        generator.encode_chat(build_messages("baseline", (), SAID[0].replace("三", "五")))
    )
    position = next(p for p, (a, b) in enumerate(zip(ids[0], later, strict=True)) if a != b)
    certain = Mixture(
        position=position,
        token_ids=(ids[0][position], later[position]),
        probabilities=(0.0, 1.0),
    )
    mixed, plain, meant = texts_of(
        generator.generate([embedded(ids[0], certain), embedded(ids[0]), embedded(later)], GREEDY)
    )
    assert mixed == meant != plain


def test_a_prefix_is_warmed_in_its_own_form_only(
    generator: VllmGenerator, ids: list[tuple[int, ...]]
) -> None:
    whole = embedded(ids[0])
    warm = whole.prefix(len(whole) - 4)
    generator.forget_prompts()
    generator.generate([warm], Sampling(max_tokens=1))
    assert stream(generator, Prompt(token_ids=ids[0]))[-1].cached_prompt_tokens == 0
    assert stream(generator, whole)[-1].cached_prompt_tokens >= 32


def test_mixtures_do_not_share_what_is_cached_of_their_ids(
    generator: VllmGenerator, ids: list[tuple[int, ...]]
) -> None:
    generator.forget_prompts()
    stream(generator, embedded(ids[0]))
    first = Mixture(position=0, token_ids=ids[0][1:3], probabilities=(0.5, 0.5))
    assert stream(generator, embedded(ids[0], first))[-1].cached_prompt_tokens == 0


def test_leaving_a_stream_of_embeddings_aborts_it(
    generator: VllmGenerator, ids: list[tuple[int, ...]]
) -> None:
    expected = text_of(stream(generator, embedded(ids[1])))

    async def leave() -> None:
        leaving = generator.stream(embedded(ids[0]), Sampling(max_tokens=500))
        async for _ in leaving:
            break
        await leaving.aclose()

    asyncio.run(leave())
    assert in_flight(generator) == 0
    assert text_of(stream(generator, embedded(ids[1]))) == expected


def test_a_batch_of_both_forms_survives_a_step_that_raises_midway(
    generator: VllmGenerator,
    ids: list[tuple[int, ...]],
    on_engine: Callable[[str, Any], None],
) -> None:
    prompts = [ids[0], embedded(ids[1]), embedded(ids[2])]
    expected = texts_of(generator.generate(prompts, GREEDY))

    def failing_once(engine: Any) -> Callable[[], Any]:
        left = [4]

        def step() -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise RuntimeError("injected")
            return type(engine).step(engine)

        return step

    on_engine("step", failing_once)
    assert texts_of(generator.generate(prompts, GREEDY)) == expected
    assert in_flight(generator) == 0


def test_embeddings_of_a_wrong_size_fail_alone_and_the_next_request_is_answered(
    generator: VllmGenerator,
    ids: list[tuple[int, ...]],
    on_engine: Callable[[str, Any], None],
) -> None:
    import torch

    expected = texts_of(generator.generate([ids[0]], GREEDY))
    on_engine("apply_model", lambda _: lambda _function: [torch.zeros(4864, 100)])
    with pytest.raises(
        StageError, match=r"ModelError: embeddings of size 100 do not fit a model of hidden size"
    ):
        stream(generator, embedded(ids[0]))
    assert texts_of(generator.generate([ids[0]], GREEDY)) == expected
    generator._thread.call(lambda engine: vars(engine).pop("apply_model")).result(30)
    assert text_of(stream(generator, embedded(ids[0]))) == expected[0]
    assert in_flight(generator) == 0


def test_embeddings_too_long_for_the_model_fail_alone(
    generator: VllmGenerator, ids: list[tuple[int, ...]]
) -> None:
    with pytest.raises(StageError, match=r"prompt 1 of 2: .*longer than the maximum"):
        generator.generate([embedded(ids[0]), embedded(ids[0] * 500)], GREEDY)
    assert text_of(stream(generator, embedded(ids[0])))
