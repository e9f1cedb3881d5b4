"""Trains the bundled LLM: a small Qwen3ForCausalLM on generated dialogues.

Loss on the assistant's tokens and, with less weight, on the user's: so the model knows where a user's
turn ends, which turn-taking asks it, and the language of users. Muon for matrices, AdamW for the embedding
and the norms; one warm-up, a constant stretch and one decay, over a fixed budget of tokens, then a
second, shorter decay from a lower rate over a mixture with more corrections. Tokens and not minutes:
a busy machine takes longer and gives the same model. Resumes from its checkpoint. `--start-from` takes
a model that an earlier form of the recipe trained further, at half the rate; one of fewer layers is
grown: the new layers add nothing at first (their last matrices are zero), so nothing learned is lost. Try:

    python -m training.llm.train --out build/llm --tokens 40 --second-tokens 10
    python -m training.llm.train --out build/llm --start-from voicebench/bundled/llm
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from training.language.dialogues import MIXTURE, SECOND_MIXTURE, Dialogue, dialogues
from training.llm.tokenizer import save_tokenizer
from training.model_card import read_curve

ARCHITECTURE: dict[str, Any] = {
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 640,
    "max_position_embeddings": 4096,
    "rope_theta": 100_000.0,
    "tie_word_embeddings": True,
    "rms_norm_eps": 1e-6,
}
BATCH_TOKENS = 4096
POOL_DIALOGUES = 1024
MAX_TOKENS = 2560
MUON_LR = 0.02
EMBEDDING_LR = 5e-3
WARM_UP_SHARE, DECAY_SHARE = 0.01, 0.3
SECOND_RATE = 0.3  # of the peak, where the second decay begins
FURTHER_RATE = 0.5  # of the peak, where training starts from a trained model
CHECKPOINT_EVERY_S = 240.0
USER_WEIGHT = 0.3  # of a user's token in the loss, where an answer's has 1
IGNORED = -100
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]
"""Ids, labels, weights in the loss, and how many of the tokens are no padding."""


@dataclass(frozen=True)
class Example:
    """Token ids of a dialogue, labels (-100 where nothing is to be learned) and their weights."""

    ids: list[int]
    labels: list[int]
    weights: list[float]


def to_example(tokenizer: Any, dialogue: Dialogue) -> Example:
    """Through the chat template, message by message, so that each answer's span is known exactly."""
    messages = [{"role": m.role, "content": m.content} for m in dialogue.messages]
    if dialogue.tools:
        return _tool_example(tokenizer, messages, list(dialogue.tools))
    ids: list[int] = []
    labels: list[int] = []
    weights: list[float] = []
    for message in messages:
        head = _encode(tokenizer, f"<|im_start|>{message['role']}\n")
        body = _encode(tokenizer, message["content"] + "<|im_end|>")
        weight = {"assistant": 1.0, "user": USER_WEIGHT}.get(message["role"], 0.0)
        end = _encode(tokenizer, "\n")
        ids += head + body + end
        labels += [IGNORED] * len(head) + (body if weight else [IGNORED] * len(body))
        labels += [IGNORED] * len(end)
        weights += [0.0] * len(head) + [weight] * len(body) + [0.0] * len(end)
    return Example(ids, labels, weights)


def _tool_example(tokenizer: Any, messages: list[dict[str, str]], tools: list[Any]) -> Example:
    """A dialogue with tools, whose template is more than its messages: loss on answers alone."""
    ids: list[int] = []
    labels: list[int] = []
    done = ""
    for position, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = _render(tokenizer, messages[:position], tools, True)
        answer = message["content"] + "<|im_end|>"
        head = _encode(tokenizer, prompt[len(done) :])
        body = _encode(tokenizer, answer)
        ids += head + body
        labels += [IGNORED] * len(head) + body
        done = prompt + answer
    return Example(ids, labels, [float(label != IGNORED) for label in labels])


def _render(tokenizer: Any, messages: list[dict[str, str]], tools: Any, generation: bool) -> str:
    if tools:
        return str(
            tokenizer.apply_chat_template(
                messages, tools=tools, tokenize=False, add_generation_prompt=generation
            )
        )
    # The same string without jinja, which would take longer than the rest of the data path.
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return text + ("<|im_start|>assistant\n" if generation else "")


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def batches(tokenizer: Any, rng: random.Random, mixture: Mapping[str, int]) -> Iterator[Batch]:
    """Endless (ids, labels, num_real_tokens): right-padded rows of like length, in random order."""
    source = dialogues(rng, "train", mixture=mixture)
    while True:
        pool = [to_example(tokenizer, next(source)) for _ in range(POOL_DIALOGUES)]
        pool = sorted((e for e in pool if len(e.ids) <= MAX_TOKENS), key=lambda e: len(e.ids))
        groups: list[list[Example]] = [[]]
        for example in pool:
            full = (len(groups[-1]) + 1) * len(example.ids) > BATCH_TOKENS
            if full and len(groups[-1]) > 1:  # a lone row would be compiled anew, for minutes
                groups.append([])
            groups[-1].append(example)
        rng.shuffle(groups)
        for group in groups:
            if len(group) > 1:
                yield _pad(group)


def _pad(group: list[Example]) -> Batch:
    width = math.ceil(max(len(e.ids) for e in group) / 16) * 16
    ids = torch.zeros(len(group), width, dtype=torch.long)
    labels = torch.full((len(group), width), IGNORED, dtype=torch.long)
    weights = torch.zeros(len(group), width)
    for row, example in enumerate(group):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        labels[row, : len(example.labels)] = torch.tensor(example.labels)
        weights[row, : len(example.weights)] = torch.tensor(example.weights)
    return ids, labels, weights, sum(len(e.ids) for e in group)


def build_model(vocab_size: int, seed: int) -> Any:
    """A fresh Qwen3ForCausalLM of `ARCHITECTURE`."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    new_model: Any = Qwen3ForCausalLM  # untyped in transformers
    torch.manual_seed(seed)
    settings = dict(ARCHITECTURE)
    theta = settings.pop("rope_theta")
    config = Qwen3Config(
        vocab_size=math.ceil(vocab_size / 64) * 64,
        rope_parameters={"rope_type": "default", "rope_theta": theta},
        **settings,
    )
    # On one CPU thread 2.3 times as fast as plain matrix products at 256 tokens, 4.8 times at 2048.
    config._attn_implementation = "sdpa"
    return new_model(config)


def loss_of(
    model: Any, forward: Any, ids: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Weighted mean cross entropy of the labelled positions; logits of the others are never made."""
    # Causal attention with right padding: no real token ever sees a padded one. Said in this form, no
    # mask is made, which would cost the compiled attention its knowledge of being causal.
    mask = {"full_attention": None}
    hidden = forward(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    targets = labels[:, 1:]
    chosen = targets != IGNORED
    logits = model.lm_head(hidden[:, :-1][chosen])
    each = functional.cross_entropy(logits.float(), targets[chosen], reduction="none")
    weight = weights[:, 1:][chosen]
    return (each * weight).sum() / weight.sum()


def optimizers(model: Any) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=MUON_LR, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=EMBEDDING_LR, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def schedule(seen: float, first: float, second: float) -> float:
    """Share of the peak learning rate after `seen` tokens: up, flat, linear to zero in the first
    stretch; linear to zero from `SECOND_RATE` in the second."""
    if seen >= first:
        return SECOND_RATE * max(0.0, 1 - (seen - first) / max(second, 1e-9))
    progress = seen / first
    if progress < WARM_UP_SHARE:
        return progress / WARM_UP_SHARE
    if progress > 1 - DECAY_SHARE:
        return max(0.0, (1 - progress) / DECAY_SHARE)
    return 1.0


def exact_match(model: Any, tokenizer: Any, task: str, count: int, seed: int) -> float:
    """Share of first answers, greedy, equal to the expected one; held-out split."""
    rng = random.Random(seed)
    source = dialogues(rng, "test", task)
    hits = 0
    for _ in range(count):
        dialogue = next(source)
        messages = [{"role": m.role, "content": m.content} for m in dialogue.messages]
        first = next(i for i, m in enumerate(messages) if m["role"] == "assistant")
        prompt = _render(tokenizer, messages[:first], list(dialogue.tools) or None, True)
        ids = torch.tensor([_encode(tokenizer, prompt)])
        with (
            torch.no_grad(),
            torch.autocast("cpu", torch.bfloat16, enabled=ids.device.type == "cpu"),
        ):
            out = model.generate(ids.to(model.device), max_new_tokens=96, do_sample=False,
                                 pad_token_id=0, eos_token_id=tokenizer.eos_token_id)  # fmt: skip
        hits += (
            tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
            == messages[first]["content"]
        )
    return hits / count


def _log(
    curve: Path, step: int, seen: int, spent_s: float, rate: float, losses: list[float]
) -> None:
    """Adds a line to the learning curve and shows it."""
    row = {"step": step, "tokens": seen, "minutes": round(spent_s / 60, 2), "rate": round(rate, 4),
           "loss": round(sum(losses) / len(losses), 4)}  # fmt: skip
    with curve.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(row, flush=True)


def start_from(folder: Path, model: Any, curve: Path) -> None:
    """Gives the model a trained folder's weights; the curve's first line says what those had seen
    in all their trainings.

    Raises:
        ValueError: The folder's tokenizer is another one.
    """
    from safetensors.torch import load_file

    if (folder / "tokenizer.json").read_bytes() != (curve.parent / "tokenizer.json").read_bytes():
        raise ValueError(f"{folder}: its tokenizer is not the recipe's; train from nothing")
    state = grown(load_file(folder / "model.safetensors"), model)
    missing, unknown = model.load_state_dict(state, strict=False)
    assert missing in ([], ["lm_head.weight"]), missing  # which is tied to the embedding
    assert not unknown, unknown
    before = trained_in_all(read_curve(folder))
    curve.write_text(json.dumps({"started_from": before}) + "\n")


def grown(state: dict[str, torch.Tensor], model: Any) -> dict[str, torch.Tensor]:
    """A state for a deeper model that computes the same: each layer is followed by new ones whose
    additions to the residual stream are zero."""
    layers = sorted({int(n.split(".")[2]) for n in state if n.startswith("model.layers.")})
    now = model.config.num_hidden_layers
    if len(layers) == now:
        return state
    each = now // len(layers)
    assert each * len(layers) == now, f"{now} layers cannot be grown from {len(layers)}"
    out = dict(model.state_dict())
    for name in out:
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            out[name] = torch.zeros_like(out[name])
    out.pop("lm_head.weight", None)
    for name, tensor in state.items():
        parts = name.split(".")
        if name.startswith("model.layers."):
            parts[2] = str(int(parts[2]) * each)
        out[".".join(parts)] = tensor
    return out


def trained_in_all(curve: list[dict[str, Any]]) -> dict[str, float]:
    """Tokens and minutes of a training and of those before it."""
    rows = [row["started_from"] for row in curve if "started_from" in row]
    rows.append([row for row in curve if "tokens" in row][-1])
    return {key: round(sum(row[key] for row in rows), 2) for key in ("tokens", "minutes")}


def train(
    out: Path, first: float, second: float, threads: int, seed: int, compiled: bool,
    trained: Path | None = None,
) -> None:  # fmt: skip
    """Trains over `first`, then over `second` tokens, and writes a Hugging Face folder to `out`."""
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = save_tokenizer(out)
    model = build_model(len(tokenizer), seed).to(device)
    opts = optimizers(model)
    checkpoint, curve = out / "checkpoint.pt", out / "learning_curve.jsonl"
    spent_s, seen, step = 0.0, 0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        for opt, saved in zip(opts, state["opts"], strict=True):
            opt.load_state_dict(saved)
        spent_s, seen, step = state["spent_s"], state["seen"], state["step"]
    elif trained:
        start_from(trained, model, curve)
    highest = FURTHER_RATE if trained else 1.0
    # Compiled it was 1.4 times as fast on one CPU core, with plain attention; needs a C++ compiler, so
    # it can be left out.
    forward = torch.compile(model.model, dynamic=True) if compiled else model.model
    began = time.monotonic() - spent_s
    source: Iterator[Batch] = iter(())
    mixture: Mapping[str, int] = {}
    last_saved, losses = time.monotonic(), []
    model.train()
    while seen < first + second:
        wanted = MIXTURE if seen < first else SECOND_MIXTURE
        if wanted is not mixture:
            mixture = wanted
            source = batches(tokenizer, random.Random(f"{seed}:{step}"), mixture)
        ids, labels, weights, real = next(source)
        rate = highest * schedule(seen, first, second)
        for opt, peak in zip(opts, (MUON_LR, EMBEDDING_LR), strict=True):
            for group in opt.param_groups:
                group["lr"] = peak * rate
        with torch.autocast(device, torch.bfloat16):
            loss = loss_of(model, forward, ids.to(device), labels.to(device), weights.to(device))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        step, seen = step + 1, seen + real
        losses.append(loss.item())
        if step % 100 == 0:
            _log(curve, step, seen, time.monotonic() - began, rate, losses)
            losses = []
        if time.monotonic() - last_saved > CHECKPOINT_EVERY_S:
            last_saved = time.monotonic()
            state = {"model": model.state_dict(), "opts": [o.state_dict() for o in opts],
                     "spent_s": time.monotonic() - began, "seen": seen, "step": step}  # fmt: skip
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
    if losses:  # what came after the last line, or all of a very short training
        _log(curve, step, seen, time.monotonic() - began, rate, losses)
    model.eval()
    for task in (
        "daily_qa",
        "self_correction",
        "multi_turn",
        "dialect_mix",
        "copying",
        "entities",
        "narratives",
        "long_meeting",
        "tools",
        "open_talk",
        "natural_talk",
    ):
        row: dict[str, Any] = {
            "step": step,
            "task": task,
            "exact_match": exact_match(model, tokenizer, task, 50, 1),
            "n": 50,
        }
        with curve.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)
    save(model, out)
    checkpoint.unlink(missing_ok=True)


def save(model: Any, out: Path) -> None:
    """The folder as vLLM loads it: bf16 weights, greedy by default, ends on <|im_end|>."""
    from tokenizers import Tokenizer
    from transformers import GenerationConfig

    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    eos, pad = tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")
    new_config: Any = GenerationConfig  # untyped in transformers
    weights = model.to(torch.bfloat16)
    weights.config.eos_token_id, weights.config.pad_token_id = eos, pad
    weights.config.bos_token_id = None
    weights.generation_config = new_config(
        eos_token_id=[eos, pad], pad_token_id=pad, do_sample=False
    )
    weights.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--tokens", type=float, default=40, help="of the first stretch, in millions"
    )
    parser.add_argument(
        "--second-tokens", type=float, default=10, help="of the second, in millions"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--start-from", type=Path, help="folder of a trained model")
    args = parser.parse_args()
    train(
        args.out,
        args.tokens * 1e6,
        args.second_tokens * 1e6,
        args.threads,
        args.seed,
        args.compile,
        args.start_from,
    )


if __name__ == "__main__":
    main()
