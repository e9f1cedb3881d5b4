"""The LLM's tokenizer and training examples, and the shipped model held to its card."""

from __future__ import annotations

import json
import random
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.language.dialogues import dialogues
from training.language.values import ALL_HANZI
from training.llm import evaluate as llm_evaluate
from voicebench.bundled.manifest import BUNDLED_FOLDER

LLM_FOLDER = BUNDLED_FOLDER / "llm"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(LLM_FOLDER / "tokenizer.json"))


def test_every_hanzi_is_one_token(tokenizer: Any) -> None:
    for char in (*ALL_HANZI, *"唔佢哋嘅咗冇系啲喺，。？：；"):
        assert len(tokenizer.encode(char).ids) == 1, char


@given(text=st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_any_text_survives_tokenising(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_the_shipped_tokenizer_is_the_recipes(tokenizer: Any) -> None:
    from training.llm.tokenizer import build_tokenizer

    assert tokenizer.get_vocab() == build_tokenizer().get_vocab()


@pytest.mark.parametrize("task", ["daily_qa", "multi_turn", "long_meeting", "tools"])
def test_examples_are_the_chat_templates_ids_and_learn_answers_and_users_words(task: str) -> None:
    from transformers import AutoTokenizer

    from training.llm.train import IGNORED, USER_WEIGHT, to_example

    tokenizer: Any = AutoTokenizer.from_pretrained(str(LLM_FOLDER))  # type: ignore[no-untyped-call]
    for dialogue in islice(dialogues(random.Random(5), "train", task), 20):
        example = to_example(tokenizer, dialogue)
        messages = [{"role": m.role, "content": m.content} for m in dialogue.messages]
        tools = list(dialogue.tools) or None
        whole = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)
        assert tokenizer.decode(example.ids).rstrip("\n") == whole.rstrip("\n")
        assert len(example.ids) == len(example.labels) == len(example.weights)
        labelled = [
            (token, label, weight)
            for token, label, weight in zip(
                example.ids, example.labels, example.weights, strict=True
            )
            if label != IGNORED
        ]
        assert all(token == label for token, label, _ in labelled)
        roles = {1.0: "assistant"} if tools else {1.0: "assistant", USER_WEIGHT: "user"}
        for weight, role in roles.items():
            learned = tokenizer.decode([token for token, _, of in labelled if of == weight])
            said = [m.content for m in dialogue.messages if m.role == role]
            assert learned == "".join(each + "<|im_end|>" for each in said)
        assert {weight for _, _, weight in labelled} == roles.keys()


def test_the_folder_is_small_and_a_qwen3() -> None:
    config = json.loads((LLM_FOLDER / "config.json").read_text())
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert sum(path.stat().st_size for path in Path(LLM_FOLDER).iterdir()) <= 24e6


@pytest.mark.parametrize("task", ["daily_qa", "self_correction"])
def test_the_card_tells_the_truth(task: str, bundled_generator: Any) -> None:
    """A fresh sample agrees with the card: its rate of stated facts lies in the range that the
    card's rate makes likely (99.9 %), so that better or worse weights are both noticed."""
    from scipy.stats import binom

    scores = json.loads((LLM_FOLDER / "scores.json").read_text())
    card = scores[task]["facts_stated"]["rate"]
    fresh = list(islice(dialogues(random.Random("fresh:" + task), "test", task), 20))
    stated = llm_evaluate.score(bundled_generator, fresh)["facts_stated"]
    # Facts of one dialogue fail together: the range is that of half as many independent ones.
    low, high = binom.interval(0.999, stated["n"] // 2, card)
    assert low <= stated["count"] / 2 <= high


@pytest.mark.parametrize(
    ("seen", "share"),
    [(0, 0.0), (5, 0.5), (10, 1.0), (700, 1.0), (850, 0.5), (999.999, 0.0), (1000, 0.3), (1100, 0.15), (1200, 0.0), (1300, 0.0)],
)  # fmt: skip
def test_the_rate_rises_stays_falls_and_falls_again_from_lower(seen: float, share: float) -> None:
    from training.llm.train import schedule

    assert schedule(seen, first=1000, second=200) == pytest.approx(share, abs=1e-5)


def test_a_training_without_a_second_stretch_ends_with_the_first() -> None:
    from training.llm.train import schedule

    assert schedule(999.9, first=1000, second=0) == pytest.approx(0.0, abs=1e-3)


def test_the_second_mixture_has_the_same_tasks() -> None:
    from training.language.dialogues import MIXTURE, SECOND_MIXTURE

    assert SECOND_MIXTURE.keys() == MIXTURE.keys()


def test_attention_without_a_mask_is_causal_and_equals_plain_attention(tokenizer: Any) -> None:
    import torch

    from training.llm.train import IGNORED, build_model, loss_of

    torch.manual_seed(1)
    model = build_model(tokenizer.get_vocab_size(), 1)
    ids = torch.randint(5, 4000, (3, 48))
    labels = ids.clone()
    labels[:, 24:] = IGNORED
    weights = torch.rand(3, 48)
    later = ids.clone()
    later[:, 24:] = 7  # what comes after the last label must not matter
    found, of_other_ends = (
        loss_of(model, model.model, each, labels, weights).item() for each in (ids, later)
    )
    model.config._attn_implementation = "eager"

    def with_a_mask(**given: Any) -> Any:
        return model.model(**{**given, "attention_mask": None})

    plain = loss_of(model, with_a_mask, ids, labels, weights).item()
    assert found == pytest.approx(plain, abs=1e-5)
    assert of_other_ends == pytest.approx(plain, abs=1e-5)


def test_a_deeper_model_that_is_grown_computes_the_same(tokenizer: Any) -> None:
    import torch

    from training.llm import train

    small = train.build_model(tokenizer.get_vocab_size(), 1).eval()
    deeper = {
        **train.ARCHITECTURE,
        "num_hidden_layers": 2 * train.ARCHITECTURE["num_hidden_layers"],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "ARCHITECTURE", deeper)
        deep = train.build_model(tokenizer.get_vocab_size(), 2).eval()
    state = small.state_dict()
    state.pop("lm_head.weight")
    deep.load_state_dict(train.grown(state, deep), strict=False)
    ids = torch.randint(5, 4000, (2, 24))
    with torch.no_grad():
        same = torch.allclose(small(input_ids=ids).logits, deep(input_ids=ids).logits, atol=1e-4)
    assert same
    assert deep.config.num_hidden_layers == deeper["num_hidden_layers"]


def test_a_further_training_starts_from_the_weights_and_says_so(
    tokenizer: Any, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    from training.llm.tokenizer import save_tokenizer
    from training.llm.train import build_model, start_from

    save_tokenizer(tmp_path)
    curve = tmp_path / "learning_curve.jsonl"
    model = build_model(tokenizer.get_vocab_size(), 1)
    start_from(BUNDLED_FOLDER / "llm", model, curve)
    shipped = load_file(BUNDLED_FOLDER / "llm" / "model.safetensors")
    for name, weights in model.state_dict().items():
        if name in shipped:
            assert weights.equal(shipped[name].to(weights.dtype))
    (row,) = map(json.loads, curve.read_text().splitlines())
    assert row["started_from"]["tokens"] > 50e6
    again = tmp_path / "again"
    again.mkdir()
    for name in ("tokenizer.json", "model.safetensors"):
        shutil.copy(BUNDLED_FOLDER / "llm" / name, again / name)
    first = {"tokens": 5, "minutes": 1.5}
    lines = [{"started_from": first}, {"tokens": 1, "minutes": 0.5}, {"tokens": 7, "minutes": 2.0}]
    (again / "learning_curve.jsonl").write_text("\n".join(map(json.dumps, lines)))
    start_from(again, model, curve)
    assert json.loads(curve.read_text()) == {"started_from": {"tokens": 12, "minutes": 3.5}}
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="its tokenizer is not the recipe's"):
        start_from(BUNDLED_FOLDER / "llm", model, curve)


def test_a_mean_of_states_lies_between_them_and_says_what_they_were(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    from training.llm.average import average

    shifted, out = tmp_path / "shifted", tmp_path / "mean"
    shutil.copytree(LLM_FOLDER, shifted)
    shipped = load_file(LLM_FOLDER / "model.safetensors")
    save_file({name: w + 1 for name, w in shipped.items()}, shifted / "model.safetensors")
    state = {"tokens": 3, "minutes": 1.0}
    of_two = [{"share": 0.4, **state}, {"share": 0.6, **state, "tokens": 5}]
    mean = tmp_path / "first"
    shutil.copytree(LLM_FOLDER, mean)
    (mean / "learning_curve.jsonl").write_text(json.dumps({"averaged": of_two}))
    (shifted / "learning_curve.jsonl").write_text(json.dumps({**state, "tokens": 9}))
    average({mean: 0.75, shifted: 0.25}, out)
    for name, weights in load_file(out / "model.safetensors").items():
        assert weights.dtype == shipped[name].dtype
        torch.testing.assert_close(
            weights.float(), shipped[name].float() + 0.25, rtol=0.01, atol=0.01
        )
    first = json.loads((out / "learning_curve.jsonl").read_text().splitlines()[0])
    states = [(state["share"], state["tokens"]) for state in first["averaged"]]
    assert states == [(0.3, 3), (0.45, 5), (0.25, 9)], "a mean of a mean names its states"
    assert not (out / "scores.json").exists(), "they are of other weights"
    with pytest.raises(ValueError, match=r"the shares are 0\.75 together"):
        average({LLM_FOLDER: 0.5, shifted: 0.25}, out)
    (shifted / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"differ in tokenizer\.json"):
        average({LLM_FOLDER: 0.5, shifted: 0.5}, out)
