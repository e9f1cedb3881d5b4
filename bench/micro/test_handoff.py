"""What handing a transcript to the LLM costs, per call.

    pytest bench/micro/test_handoff.py

The table from recogniser tokens to LLM ids is built once for a model; the rest is done in every
turn. No model is loaded: the bundled tokenizers are real, the embedding table of a true size holds
random numbers. Times are shown, never asserted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from voicebench.cleaning.presets import clean
from voicebench.llm.base import Prompt
from voicebench.llm.chat import ChatEncoder
from voicebench.llm.embeddings import embed
from voicebench.llm.handoff import Handoff
from voicebench.llm.token_table import TokenTable
from voicebench.llm.transcript import split_into_pieces
from voicebench.types import Alternative, Mixture, Token, Variant, join_tokens

BUNDLED = Path(__file__).parents[2] / "voicebench" / "bundled"
VOCABULARY: list[str] = json.loads((BUNDLED / "asr" / "tokens.json").read_text(encoding="utf-8"))
NUM_TOKENS_OF_PARAFORMER_ZH = 8404
SAID = "嗯张伟明天下午三点不对四点在二号会议室开会那个请问几点开会"
PLAIN = "第二季度的预算是三百二十万元李娜负责市场部分下周三之前交初稿"
MEETING = (PLAIN * 27 + SAID) * 20  # 16,800 characters, a correction a minute


def _tokens(text: str) -> list[Token]:
    """One in five is doubtful, with four other readings."""
    return [
        Token(
            text=char,
            start_s=0.2 * index,
            end_s=0.2 * index + 0.2,
            confidence=0.9 if index % 5 else 0.5,
            alternatives=tuple(
                Alternative(text=reading, probability=probability)
                for reading, probability in zip(
                    (char, *"章彰中钟"), (0.5, 0.2, 0.1, 0.1, 0.1), strict=True
                )
            ),
        )
        for index, char in enumerate(text)
    ]


class _Encoding:
    takes_embeddings = True

    def __init__(self, encoder: ChatEncoder) -> None:
        self.encode_chat, self.encode_around = encoder.encode, encoder.encode_around
        self._table = TokenTable(encoder.encode_text, VOCABULARY)

    def token_table(self, _vocabulary: Any) -> TokenTable:
        return self._table


@pytest.fixture(scope="module")
def encoder() -> ChatEncoder:
    from transformers import AutoTokenizer

    return ChatEncoder(AutoTokenizer.from_pretrained(str(BUNDLED / "llm")))


@pytest.mark.parametrize("num_tokens", [len(VOCABULARY), NUM_TOKENS_OF_PARAFORMER_ZH])
def test_build_the_table(benchmark: Any, encoder: ChatEncoder, num_tokens: int) -> None:
    hanzi = [chr(0x4E00 + index) for index in range(num_tokens)]
    vocabulary = VOCABULARY if num_tokens == len(VOCABULARY) else hanzi
    table = benchmark(TokenTable, encoder.encode_text, vocabulary)
    assert table.num_rows >= num_tokens


def test_look_a_transcript_up(benchmark: Any, encoder: ChatEncoder) -> None:
    table = TokenTable(encoder.encode_text, VOCABULARY)
    assert len(benchmark(table.ids_of, list(SAID))) == len(SAID)


def test_tokenise_a_transcript(benchmark: Any, encoder: ChatEncoder) -> None:
    assert len(benchmark(encoder.encode_text, SAID)) == len(SAID)


@pytest.mark.parametrize("said", [SAID, MEETING], ids=["question", "meeting"])
def test_align_a_cleaned_transcript(benchmark: Any, said: str) -> None:
    tokens, cleaned = _tokens(said), clean(said, "full").text
    pieces = benchmark(split_into_pieces, cleaned, tokens)
    assert "".join(piece.text for piece in pieces) == cleaned != said


@pytest.mark.parametrize("handoff", ["text", "token_map", "embeds", "soft_embeds", "marked"])
def test_build_a_prompt(benchmark: Any, encoder: ChatEncoder, handoff: Any) -> None:
    encoding: Any = _Encoding(encoder)
    built = Handoff(encoding, VOCABULARY, Variant(handoff=handoff))
    tokens = _tokens(SAID)
    cleaned = clean(join_tokens([token.text for token in tokens]), "full").text
    assert benchmark(built.build, (), cleaned, tokens)[1]


@pytest.mark.parametrize("num_mixtures", [0, 10])
def test_embed_a_prompt_of_700_tokens_at_4b_width(benchmark: Any, num_mixtures: int) -> None:
    import torch

    table = torch.randn(20_000, 2560).to(torch.bfloat16)
    mixtures = tuple(
        Mixture(position=600 + index, token_ids=(index, index + 1, index + 2),
                probabilities=(0.5, 0.3, 0.2))
        for index in range(num_mixtures)
    )  # fmt: skip
    prompt = Prompt(token_ids=tuple(range(700)), as_embeddings=True, mixtures=mixtures)
    assert benchmark(embed, prompt, table).shape == (700, 2560)
