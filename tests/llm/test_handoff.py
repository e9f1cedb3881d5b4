"""The five hand-offs as prompts: the bundled tokenizers and one with merges, no model."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from voicebench.cleaning.presets import PRESETS, clean
from voicebench.errors import ConfigError
from voicebench.llm.base import Prompt
from voicebench.llm.chat import ChatEncoder
from voicebench.llm.handoff import Handoff
from voicebench.llm.prompts import MARKS_NOTE
from voicebench.llm.token_table import TokenTable
from voicebench.llm.transcript import split_into_pieces
from voicebench.types import Alternative, Message, Mixture, Token, Variant, join_tokens

BUNDLED = Path(__file__).parents[2] / "voicebench" / "bundled"
VOCABULARY: list[str] = json.loads((BUNDLED / "asr" / "tokens.json").read_text(encoding="utf-8"))
HANDOFFS = ("text", "token_map", "embeds", "soft_embeds", "marked")
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Encoding:
    """Everything of a generator that building a prompt needs."""

    takes_embeddings = True

    def __init__(self, encoder: ChatEncoder) -> None:
        self.encoder = encoder
        self.encode_chat = encoder.encode
        self.encode_around = encoder.encode_around
        self._table: TokenTable | None = None

    def token_table(self, vocabulary: Sequence[str]) -> TokenTable:
        self._table = self._table or TokenTable(self.encoder.encode_text, vocabulary)
        return self._table

    def text_of(self, ids: Sequence[int]) -> str:
        return str(self.encoder._tokenizer.decode(list(ids), skip_special_tokens=False))


@pytest.fixture(scope="module")
def bundled() -> Encoding:
    """The bundled LLM's tokenizer: every Hanzi is one token."""
    from transformers import AutoTokenizer

    return Encoding(ChatEncoder(AutoTokenizer.from_pretrained(str(BUNDLED / "llm"))))


@pytest.fixture(scope="module")
def merging() -> Encoding:
    """A tokenizer that joins Hanzi to words, as Qwen's does."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[AddedToken(t, special=True) for t in ("<|im_start|>", "<|im_end|>")],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["明天下午三点在二号会议室开会", "会议室", "会议"] * 20, trainer)
    fast: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>")
    fast.chat_template = CHATML
    return Encoding(ChatEncoder(fast))


def heard(*tokens: str | tuple[str, float, dict[str, float]]) -> list[Token]:
    """Tokens as recognised: sure ones as text, others with confidence and other readings."""
    made = []
    for index, token in enumerate(tokens):
        text, confidence, others = token if isinstance(token, tuple) else (token, 1.0, {})
        readings = {text: confidence} | others
        made.append(
            Token(
                text=text,
                start_s=index * 0.2,
                end_s=index * 0.2 + 0.2,
                confidence=confidence,
                alternatives=tuple(Alternative(text=t, probability=p) for t, p in readings.items()),
            )
        )
    return made


DOUBTFUL = heard("请", "问", ("张", 0.5, {"章": 0.3, "彰": 0.2}), "三", "在", "吗")


def build(
    encoding: Encoding,
    handoff: str,
    tokens: Sequence[Token],
    cleaned: str | None = None,
    history: Sequence[Message] = (),
    **switches: Any,
) -> tuple[tuple[Message, ...], Prompt]:
    variant = Variant(handoff=handoff, **switches)  # type: ignore[arg-type]
    said = join_tokens([token.text for token in tokens])
    built = Handoff(encoding, VOCABULARY, variant)  # type: ignore[arg-type]
    return built.build(history, said if cleaned is None else cleaned, tokens)


# ---------------------------------------------------------------- the same text in every form

WORDS = st.lists(
    st.sampled_from([t for t in VOCABULARY if not t.startswith("<")]), min_size=1, max_size=20
)
SPOKEN = st.lists(
    st.sampled_from(
        ["嗯", "啊", "那个", "就是说", "我我", "三点", "不对", "四点", "哦不", "张伟", "明天", "下午", "app",
         "ppt", "，", ",", "（笑）", "上午", "订", "会议", "说错了", "两张", "三张票"]
    ),
    max_size=12,
)  # fmt: skip


@given(words=WORDS)
@settings(max_examples=150)
def test_looked_up_is_what_is_tokenised_where_every_hanzi_is_a_token(
    bundled: Encoding, words: list[str]
) -> None:
    tokens = heard(*words)
    assert build(bundled, "token_map", tokens) == build(bundled, "text", tokens)


def test_every_token_of_the_recogniser_is_in_the_table(bundled: Encoding) -> None:
    table = bundled.token_table(VOCABULARY)
    latin = [f" {text}" for text in VOCABULARY if re.match("[a-z]", text)]
    for text, ids in zip([*VOCABULARY, *latin], table.ids_of([*VOCABULARY, *latin]), strict=True):
        assert ids == bundled.encoder.encode_text(text)
    assert table.num_rows == len(VOCABULARY) + len(latin)


def test_a_tokenizer_with_merges_has_other_ids_and_the_same_text(merging: Encoding) -> None:
    tokens = heard(*"明天下午三点在二号会议室开会")
    _, mapped = build(merging, "token_map", tokens)
    _, plain = build(merging, "text", tokens)
    assert len(mapped) > len(plain)
    assert merging.text_of(mapped.token_ids) == merging.text_of(plain.token_ids)


@pytest.mark.parametrize("handoff", ["token_map", "embeds", "soft_embeds"])
@pytest.mark.parametrize("preset", PRESETS)
@given(spoken=SPOKEN)
@settings(max_examples=60)
def test_what_is_handed_over_reads_as_the_cleaned_text(
    bundled: Encoding, merging: Encoding, handoff: str, preset: str, spoken: list[str]
) -> None:
    units = [unit for word in spoken for unit in re.findall("[a-z]+|.", word)]
    tokens = heard(*((unit, 0.5, {"章": 0.3}) for unit in units))
    cleaned = clean(join_tokens(units), preset).text
    for encoding in (bundled, merging):
        messages, prompt = build(encoding, handoff, tokens, cleaned)
        assert messages[-1].content == cleaned
        told = encoding.text_of(prompt.token_ids)
        assert told.endswith(f"user\n{cleaned}<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize("preset", PRESETS)
@given(spoken=SPOKEN)
@settings(max_examples=60)
def test_pieces_put_together_are_the_cleaned_text(preset: str, spoken: list[str]) -> None:
    units = [unit for word in spoken for unit in re.findall("[a-z]+|.", word)]
    cleaned = clean(join_tokens(units), preset).text
    pieces = split_into_pieces(cleaned, heard(*units))
    assert "".join(piece.text for piece in pieces) == cleaned
    for piece in pieces:
        assert piece.token is None or piece.text.removeprefix(" ") == piece.token.text


@pytest.mark.parametrize(
    ("units", "cleaned", "pieces"),
    [
        ("嗯三点", "三点", ["三!", "点!"]),
        ("三点不对四点", "四点", ["四!", "点!"]),
        ("我要三点不对我要四点", "我要四点", ["我!", "要!", "四!", "点!"]),
        (["打", "开", "ppt", "app"], "打开ppt app", ["打!", "开!", "ppt!", " app!"]),
        (["a", ",", ",", "b"], "a，b", ["a!", "，", "b!"]),
        (["开", "app"], "开ap", ["开!", "ap"]),
        ("", "", []),
        ("嗯", "", []),
        ("", "三点", ["三点"]),
    ],
)
def test_pieces(units: Sequence[str], cleaned: str, pieces: list[str]) -> None:
    split = split_into_pieces(cleaned, heard(*units))
    assert [piece.text + "!" * (piece.token is not None) for piece in split] == pieces


def test_of_what_was_said_twice_the_later_one_is_handed_over() -> None:
    tokens = heard("我", "要", "三", "不", "对", ("我", 0.4, {}), "要", "四")
    pieces = split_into_pieces("我要四", tokens)
    assert [piece.token for piece in pieces] == tokens[5:]


# ---------------------------------------------------------------- doubt


def test_a_doubtful_token_is_a_mixture_of_its_likeliest_readings(bundled: Encoding) -> None:
    _, prompt = build(bundled, "soft_embeds", DOUBTFUL, doubt_top_k=2)
    zhang, other = (bundled.encoder.encode_text(char)[0] for char in "张章")
    position = prompt.token_ids.index(zhang)
    (mixture,) = prompt.mixtures
    assert (mixture.position, mixture.token_ids) == (position, (zhang, other))
    assert mixture.probabilities == pytest.approx((0.625, 0.375))
    assert prompt.token_ids == build(bundled, "embeds", DOUBTFUL)[1].token_ids


@pytest.mark.parametrize("doubt_below", [0.0, 0.5])
def test_what_is_not_in_doubt_is_not_mixed(bundled: Encoding, doubt_below: float) -> None:
    soft = build(bundled, "soft_embeds", DOUBTFUL, doubt_below=doubt_below)
    assert soft == build(bundled, "embeds", DOUBTFUL)


@given(words=WORDS)
@settings(max_examples=50)
def test_without_doubt_soft_embeds_is_embeds(bundled: Encoding, words: list[str]) -> None:
    tokens = heard(*words)
    assert build(bundled, "soft_embeds", tokens) == build(bundled, "embeds", tokens)


def test_a_token_that_cleaning_dropped_is_not_mixed(bundled: Encoding) -> None:
    tokens = heard(("嗯", 0.2, {"恩": 0.1}), "三", "点")
    assert build(bundled, "soft_embeds", tokens, "三点")[1].mixtures == ()


def test_readings_of_another_length_are_left_out(bundled: Encoding) -> None:
    open_, rare, ah = (bundled.encoder.encode_text(text) for text in ("开", "𠀀", "啊"))
    assert (len(open_), len(ah)) == (1, 1)
    assert len(rare) > 1
    tokens = heard(("开", 0.4, {"𠀀": 0.3, "啊": 0.2}), ("吗", 0.4, {"𠀀": 0.3}))
    (mixture,) = build(bundled, "soft_embeds", tokens)[1].mixtures
    assert mixture.token_ids == (*open_, *ah)
    assert mixture.probabilities == pytest.approx((2 / 3, 1 / 3))


def test_doubt_is_mixed_at_every_place_of_a_template(bundled: Encoding) -> None:
    template = "问：{asr_text}。再说一遍：{asr_text}"
    messages, prompt = build(bundled, "soft_embeds", DOUBTFUL, prompt_template=template)
    zhang = bundled.encoder.encode_text("张")[0]
    positions = [place for place, i in enumerate(prompt.token_ids) if i == zhang]
    assert [mixture.position for mixture in prompt.mixtures] == positions
    assert len(positions) == 2
    assert bundled.text_of(prompt.token_ids).count(messages[-1].content) == 1


def test_doubtful_words_are_marked_with_their_other_readings(bundled: Encoding) -> None:
    messages, prompt = build(bundled, "marked", DOUBTFUL)
    assert messages[-1].content == "请问张(章/彰)三在吗"
    assert messages[0].content.endswith(MARKS_NOTE)
    assert "张(章/彰)三" in bundled.text_of(prompt.token_ids)
    assert not prompt.as_embeddings


@pytest.mark.parametrize("preset", PRESETS)
@given(
    spoken=st.lists(
        st.sampled_from(["嗯", "三点", "不对", "四点", "张", "app", "那个"]), max_size=9
    )
)
@settings(max_examples=40)
def test_without_its_marks_a_marked_text_is_the_cleaned_one(
    bundled: Encoding, preset: str, spoken: list[str]
) -> None:
    units = [unit for word in spoken for unit in re.findall("[a-z]+|.", word)]
    tokens = heard(*((unit, 0.4, {"章": 0.3, "ok": 0.2}) for unit in units))
    cleaned = clean(join_tokens(units), preset).text
    marked = build(bundled, "marked", tokens, cleaned)[0][-1].content
    assert re.sub(r"\([^()]*\)", "", marked) == cleaned


# ---------------------------------------------------------------- the rest of the prompt


@pytest.mark.parametrize("handoff", HANDOFFS)
def test_earlier_turns_are_told_as_text(bundled: Encoding, handoff: str) -> None:
    history = (
        Message(role="user", content="张三在吗"),
        Message(role="assistant", content="在。"),
    )
    _, prompt = build(bundled, handoff, DOUBTFUL, history=history)
    told = bundled.text_of(prompt.token_ids)
    assert "user\n张三在吗<|im_end|>\n<|im_start|>assistant\n在。<|im_end|>" in told
    assert len(prompt.mixtures) == (1 if handoff == "soft_embeds" else 0)


HOSTILE = ("<|im_end|>", "<|im_start|>", "<tool_call>", "<|", "im_end", "|>", "</s>", "\n", "张")


@pytest.mark.parametrize("handoff", HANDOFFS)
@given(spoken=st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=6))
@settings(max_examples=60)
def test_nothing_that_is_said_becomes_a_control_token(
    bundled: Encoding, handoff: str, spoken: list[str]
) -> None:
    controls = set(bundled.encoder.control_ids.values())
    tokens = heard(*((text, 0.4, {"<|im_end|>": 0.3, "</tool_call>": 0.2}) for text in spoken))
    _, prompt = build(bundled, handoff, tokens)
    _, harmless = build(bundled, handoff, heard("一"))
    said = [i for i in prompt.token_ids if i in controls]
    assert said == [i for i in harmless.token_ids if i in controls]
    mixed = {i for mixture in prompt.mixtures for i in mixture.token_ids}
    assert mixed.isdisjoint(controls)


def test_a_place_spoken_aloud_is_no_place(bundled: Encoding) -> None:
    messages, prompt = build(bundled, "embeds", heard(*"说{asr_text}"))
    assert messages[-1].content in bundled.text_of(prompt.token_ids)


def test_a_language_model_without_embeddings_is_refused_with_a_way_out(bundled: Encoding) -> None:
    class WithoutEmbeddings(Encoding):
        takes_embeddings = False

    encoding = WithoutEmbeddings(bundled.encoder)
    with pytest.raises(ConfigError, match=r"handoff='embeds' .*enable_prompt_embeds: true"):
        build(encoding, "embeds", DOUBTFUL)
    assert build(encoding, "token_map", DOUBTFUL)[1]


@pytest.mark.parametrize("handoff", HANDOFFS)
def test_what_comes_after_the_transcript_changes_nothing_before_it(
    bundled: Encoding, handoff: str
) -> None:
    tools = (Message(role="assistant", content="我查一下。"), Message(role="tool", content="三点"))
    built = Handoff(bundled, VOCABULARY, Variant(handoff=handoff))  # type: ignore[arg-type]
    messages, first = built.build((), "请问张三在吗", DOUBTFUL)
    longer_messages, longer = built.build((), "请问张三在吗", DOUBTFUL, after=tools)
    assert longer_messages == (*messages, *tools)
    assert longer.prefix(len(first)) == first
    assert "<tool_response>\n三点\n</tool_response>" in bundled.text_of(longer.token_ids)


@pytest.mark.parametrize("handoff", HANDOFFS)
@pytest.mark.parametrize("template", ["", "问：{asr_text}。再说一遍：{asr_text}"])
def test_the_beginning_of_a_turn_begins_its_prompt(
    bundled: Encoding, handoff: str, template: str
) -> None:
    variant = Variant(handoff=handoff, prompt_template=template)  # type: ignore[arg-type]
    built = Handoff(bundled, VOCABULARY, variant)  # type: ignore[arg-type]
    _, whole = built.build((), "请问张三在吗", DOUBTFUL)
    beginnings = [
        built.beginning((), "请问张三在吗"[:length], DOUBTFUL[:length]) for length in range(7)
    ]
    for beginning in beginnings:
        assert whole.prefix(len(beginning)) == beginning
    assert len({len(beginning) for beginning in beginnings}) == 7


@pytest.mark.parametrize("handoff", HANDOFFS)
def test_what_was_typed_is_told_as_it_is(bundled: Encoding, handoff: str) -> None:
    messages, prompt = build(bundled, handoff, (), "明天 3:00 开会")
    assert messages[-1].content == "明天 3:00 开会"
    assert "明天 3:00 开会<|im_end|>" in bundled.text_of(prompt.token_ids)
    assert prompt.mixtures == ()


# ---------------------------------------------------------------- prompts as data


def test_a_prefix_is_in_the_form_of_the_whole(bundled: Encoding) -> None:
    _, prompt = build(bundled, "soft_embeds", DOUBTFUL)
    place = prompt.mixtures[0].position
    assert prompt.prefix(len(prompt)) == prompt
    assert prompt.prefix(place + 1).mixtures == prompt.mixtures
    before = prompt.prefix(place)
    assert (before.token_ids, before.as_embeddings) == (prompt.token_ids[:place], True)
    assert before.mixtures == ()


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        (
            {"mixtures": (Mixture(position=0, token_ids=(1,), probabilities=(1.0,)),)},
            "as_embeddings",
        ),
        (
            {
                "as_embeddings": True,
                "mixtures": (Mixture(position=2, token_ids=(1,), probabilities=(1.0,)),),
            },
            "prompt of 2 tokens",
        ),
    ],
)
def test_a_prompt_that_cannot_be_is_refused(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Prompt(token_ids=(1, 2), **settings_)
