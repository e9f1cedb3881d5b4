"""Scores the bundled LLM on dialogues it never saw, through vLLM, as METRICS.md defines facts.

Held out: templates, system prompts, items, topics, tasks, tool names and names; `unseen_names` draws
every name from characters that no training name holds. Each turn is asked with the right answers as
its history, from gold transcripts. The rate beside each number carries its n and 95 % interval. Try:

    python -m training.llm.evaluate --folder voicebench/bundled/llm --count 100
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from training.language.dialogues import Dialogue, Expected, Maker, dialogues
from training.language.values import World
from voicebench.llm.base import Generator
from voicebench.metrics.facts import FactScore, judge_answer
from voicebench.metrics.stats import wilson
from voicebench.types import Fact, Sampling

CLOCK = "2026-03-02T09:00:00"
TASKS = (
    "daily_qa",
    "self_correction",
    "multi_turn",
    "dialect_mix",
    "long_meeting",
    "tools",
    "copying",
    "entities",
    "narratives",
)
GATED = ("daily_qa", "self_correction", "multi_turn", "dialect_mix")
SAMPLING = Sampling(max_tokens=160)


def unseen_names(rng: random.Random) -> Iterator[Dialogue]:
    """Dialogues about people whose names are made of characters no training name holds."""
    maker = Maker(rng, World(held_out=True, unseen_name_chars=True), True)
    while True:
        dialogue = maker.question()
        if any("person" in expected.types for expected in dialogue.expected):
            yield dialogue


def facts_of(expected: Expected) -> tuple[Fact, ...]:
    """The expected values as facts; what was taken back is forbidden to facts of any type."""
    return tuple(
        Fact(id=str(index), type=kind, value=value,
             forbidden=tuple(old for old in expected.forbidden if old not in expected.values))
        for index, (value, kind) in enumerate(zip(expected.values, expected.types, strict=True))
    )  # fmt: skip


def turns_of(dialogue: Dialogue) -> Iterator[tuple[int, Expected]]:
    """Position of each assistant message, and what it is expected to state."""
    positions = [i for i, m in enumerate(dialogue.messages) if m.role == "assistant"]
    return zip(positions, dialogue.expected, strict=True)


def score(generator: Generator, chosen: list[Dialogue]) -> dict[str, Any]:
    """Asks every turn of some dialogues in one batch and counts facts over all of them."""
    asked = [(d, position, expected) for d in chosen for position, expected in turns_of(d)]
    prompts = [generator.encode_chat(d.messages[:position], d.tools) for d, position, _ in asked]
    answers = ["".join(t.text for t in tokens) for tokens in generator.generate(prompts, SAMPLING)]
    total, exact, refused, refusals = FactScore(), 0, 0, 0
    names_right, names = 0, 0
    failures: list[dict[str, str]] = []
    for (dialogue, position, expected), answer in zip(asked, answers, strict=True):
        wanted = dialogue.messages[position].content
        exact += answer == wanted
        context = [m.content for m in dialogue.messages[:position] if m.role in ("user", "tool")]
        context += [value for other in dialogue.expected for value in other.values]
        judgement = judge_answer(
            answer, facts_of(expected), clock=CLOCK, context=context,
            constraints=("refusal",) if expected.refusal and dialogue.style != "plain" else (),
        )  # fmt: skip
        total += judgement.score()
        if expected.refusal and dialogue.style != "plain":
            refusals += 1
            refused += judgement.is_refusal
        people = [
            v for v, kind in zip(expected.values, expected.types, strict=True) if kind == "person"
        ]
        names += len(people)
        names_right += sum(name in answer for name in people)
        if answer != wanted and len(failures) < 5:
            failures.append(
                {
                    "user": dialogue.messages[position - 1].content,
                    "wanted": wanted,
                    "answer": answer,
                }
            )
    return {
        "dialogues": len(chosen),
        "turns": len(asked),
        "facts_stated": _rate(total.correct, total.expected),
        "factual_error_rate": _rate(total.answers_wrong, total.answers),
        "exact_answers": _rate(exact, len(asked)),
        "refusals_kept": _rate(refused, refusals),
        "names_right": _rate(names_right, names),
        "failures": failures,
    }


def _rate(count: int, n: int) -> dict[str, Any]:
    if not n:
        return {"rate": None, "count": count, "n": n, "interval": None}
    interval = wilson(count, n)
    return {"rate": round(count / n, 4), "count": count, "n": n,
            "interval": [round(interval.low, 4), round(interval.high, 4)]}  # fmt: skip


def evaluate(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Scores per task, `count` dialogues each."""
    from voicebench.llm.kinds import build_generator
    from voicebench.profiles.loader import load_profile

    profile = load_profile("bundled")
    llm = msgspec.structs.replace(profile.llm, folder=str(folder.resolve()))
    generator = build_generator(llm)
    try:
        sets = {
            task: list(islice(dialogues(random.Random(f"{seed}:{task}"), "test", task), count))
            for task in TASKS
        }
        sets["unseen_names"] = list(islice(unseen_names(random.Random(f"{seed}:names")), count))
        return {task: score(generator, chosen) for task, chosen in sets.items()}
    finally:
        generator.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    scores = evaluate(args.folder, args.count, args.seed)
    (args.folder / "scores.json").write_text(
        json.dumps(scores, ensure_ascii=False, indent=1) + "\n"
    )
    for task, result in scores.items():
        print(
            f"{task:16} "
            + "  ".join(
                f"{k} {v['rate']} (n {v['n']})" for k, v in result.items() if isinstance(v, dict)
            )
        )


if __name__ == "__main__":
    main()
