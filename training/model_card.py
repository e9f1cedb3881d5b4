"""Writes the model card of the bundled models from the scores that their evaluations left.

Try `python -m training.model_card`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from voicebench.bundled.manifest import BUNDLED_FOLDER

CARD = BUNDLED_FOLDER / "MODEL_CARD.md"
LLM_BARS = {"facts_stated": (0.90, "at least"), "factual_error_rate": (0.10, "at most")}
GATED_TASKS = ("daily_qa", "self_correction", "multi_turn", "dialect_mix")
UNSEEN_NAMES_BAR = 0.80


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """Rows of a trained folder's learning curve; none where it has no curve."""
    path = folder / "learning_curve.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _percent(rate: dict[str, Any]) -> str:
    if rate["rate"] is None:
        return "-"
    low, high = rate["interval"]
    return f"{rate['rate']:.1%} ({low:.1%} to {high:.1%}, n {rate['n']})"


def _verdict(kept: bool) -> str:
    return "met" if kept else "**not met**"


def llm_section(folder: Path) -> list[str]:
    """Scores, bars and learning curve of the LLM."""
    config = json.loads((folder / "config.json").read_text())
    scores = json.loads((folder / "scores.json").read_text())
    curve = read_curve(folder)
    lines = [
        "## Language model (`llm/`)",
        "",
        f"`Qwen3ForCausalLM`: hidden {config['hidden_size']}, {config['num_hidden_layers']} layers, "
        f"{config['num_attention_heads']} heads, {config['num_key_value_heads']} KV heads, FFN "
        f"{config['intermediate_size']}, vocabulary {config['vocab_size']} (one token a Hanzi), tied "
        f"embeddings, bfloat16, {_size_mb(folder):.1f} MB. {_llm_training(curve)} "
        f"(`training/language/dialogues.py`).{_averaging(curve)} The recipe's wordings were widened after looking at "
        "what was wrong in answers to the suites; no case, and none of the lines that were written for "
        "them, is in it.",
        "",
        "Held-out dialogues: templates, system prompts, items, topics, tasks, tool names and names never "
        "seen in training; gold transcripts (clean, disfluent and misheard), greedy, through vLLM, "
        "judged by `voicebench.metrics.facts`. Rate (95 % Wilson interval, n).",
        "",
        "| task | facts stated | answers with a false statement | answers equal to the expected one | refusals kept |",
        "|---|---|---|---|---|",
    ]
    for task, score in scores.items():
        cells = ("facts_stated", "factual_error_rate", "exact_answers", "refusals_kept")
        lines.append(f"| {task} | " + " | ".join(_percent(score[cell]) for cell in cells) + " |")
    lines += ["", "| bar | measured | |", "|---|---|---|"]
    for task in GATED_TASKS:
        for name, (bar, side) in LLM_BARS.items():
            rate = scores[task][name]["rate"]
            kept = rate >= bar if side == "at least" else rate <= bar
            lines.append(f"| {task}: {name} {side} {bar:.0%} | {rate:.1%} | {_verdict(kept)} |")
    names = scores["unseen_names"]["names_right"]["rate"]
    lines.append(
        f"| names of unseen characters copied right, at least {UNSEEN_NAMES_BAR:.0%} | {names:.1%} | "
        f"{_verdict(names >= UNSEEN_NAMES_BAR)} |"
    )
    lines += [
        "",
        "Learning curve (training loss per answer token):",
        "",
        "| M tokens | minutes | loss |",
        "|---|---|---|",
    ]
    rows = [row for row in curve if "loss" in row]
    for row in rows[:: max(1, len(rows) // 10)] + rows[-1:]:
        lines.append(f"| {row['tokens'] / 1e6:.1f} | {row['minutes']:.0f} | {row['loss']:.3f} |")
    return lines


def _llm_training(curve: list[dict[str, Any]]) -> str:
    """How long, over how much, and what came before."""
    last = [row for row in curve if "tokens" in row][-1]
    told = f"{last['minutes']:.0f} minutes on one CPU thread over {last['tokens'] / 1e6:.1f} M tokens of generated dialogues"
    before = [row["started_from"] for row in curve if "started_from" in row]
    if not before:
        return f"Trained {told}"
    earlier = f"{before[0]['minutes']:.0f} minutes over {before[0]['tokens'] / 1e6:.1f} M tokens"
    return f"Trained {earlier} of earlier forms of the recipe, then {told}"


def _averaging(curve: list[dict[str, Any]]) -> str:
    """Of which states of the training the weights are the mean; empty where of none."""
    states = [state for row in curve for state in row.get("averaged", ())]
    if not states:
        return ""
    shares = [f"{state['share']:g} after {state['tokens'] / 1e6:.1f} M" for state in states]
    return (
        f" The weights are the mean of its states: {', '.join(shares)} (`training/llm/average.py`). The "
        "shares were chosen by looking at the held-out dialogues below and at answers to the suites' "
        "reference transcripts: figures of both flatter them a little."
    )


def asr_section(folder: Path) -> list[str]:
    """Scores and bars of the recogniser."""
    scores = json.loads((folder / "scores.json").read_text())
    curve = read_curve(folder)
    tokens = json.loads((folder / "tokens.json").read_text())
    lines = [
        "## Recogniser (`asr/`)",
        "",
        f"FunASR `SeacoParaformer`, {len(tokens)} tokens, half precision, {_size_mb(folder):.1f} MB. "
        f"{_told(curve)} Trained with FunASR's own loss on speech that espeak-ng made from `training/language/sentences.py`; the "
        "timestamp head with an L1 loss against espeak-ng's word events. The hotword branch is untrained "
        "and never fires.",
        "",
        "| what was heard | CER | S / D / I | reference characters | utterances | bar | |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, score in scores["sets"].items():
        bar = score.get("bar")
        verdict = "" if bar is None else _verdict(score["cer"] <= bar)
        shown = "" if bar is None else f"at most {bar:.0%}"
        counts = f"{score['substitutions']} / {score['deletions']} / {score['insertions']}"
        lines.append(
            f"| {name} | {score['cer']:.2%} | {counts} | {score['reference_units']} | "
            f"{score['utterances']} | {shown} | {verdict} |"
        )
    stamps = scores["token_start_error"]
    lines += [
        "",
        f"Token starts differ from espeak-ng's own word events by {stamps['p50_s'] * 1000:.0f} ms (p50) "
        f"and {stamps['p95_s'] * 1000:.0f} ms (p95), n {stamps['num_tokens']} tokens.",
    ]
    rows = [row for row in curve if "dev_cer" in row]
    if rows:
        lines += [
            "",
            "Learning curve (dev CER):",
            "",
            "| step | minutes | hours of audio | dev CER |",
            "|---|---|---|---|",
        ]
        for row in rows:
            lines.append(
                f"| {row['step']} | {row['elapsed_s'] / 60:.0f} | {row['audio_h']:.0f} | {row['dev_cer']:.2%} |"
            )
    return lines


def _told(curve: list[dict[str, Any]]) -> str:
    """What the training told of itself at its end, as a sentence."""
    facts: dict[str, Any] = next((r["facts"] for r in reversed(curve) if "facts" in r), {})
    return ", ".join(f"{name}: {value:,}" for name, value in facts.items()).capitalize() + "."


def card(root: Path = BUNDLED_FOLDER) -> str:
    """The whole card, in Markdown."""
    lines = [
        "# Model card of the bundled models",
        "",
        "Two small models that this project trains on synthetic data, so that the whole pipeline runs on "
        "a bare machine: no GPU, no download. `make models` makes both from nothing.",
        "",
        "**What they are not:** they know one small language of event sentences in synthetic voices. "
        "They say nothing about the quality of paraformer-zh or Qwen3-4B, and are never quoted for it. "
        "On recordings of people the recogniser mishears most of what it was not made for.",
        "",
        "Data: no recordings and no texts from elsewhere; everything is generated by `training/` (words, "
        "frames and values written for this project; the recogniser also hears strings of words of "
        "jieba's dictionary, MIT) and spoken by espeak-ng. No suite case is in it. The recogniser's "
        "everyday words were chosen after looking at what it misheard in the suites, and the shares of "
        "its mean with twenty cases of each in sight, so their figures flatter it a little. "
        "Licence of weights and recipe: Apache-2.0.",
        "",
        *asr_section(root / "asr"),
        "",
        *llm_section(root / "llm"),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    CARD.write_text(card(), encoding="utf-8")
    print(CARD)
