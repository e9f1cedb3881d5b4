"""Measured turns and small runs on disk, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from voicebench.metrics.error_rate import ErrorRate, mixed_units
from voicebench.metrics.facts import FactScore
from voicebench.metrics.judge import EntityScore
from voicebench.metrics.measures import TurnMeasures
from voicebench.runs.compare import Arm, Said
from voicebench.runs.record import SCHEMA_VERSION, TurnWriter, write_cases, write_run
from voicebench.types import Case, CaseTurn, Fact, Hypothesis, Run, Token, Turn, Variant

CLOCK = "2026-01-05T08:00"
REFERENCE = "明天下午三点在二楼开会"


def make_run(variants: Sequence[str | Variant] = ("none", "seed"), **changes: object) -> Run:
    run = Run(
        schema_version=SCHEMA_VERSION, run_id="r1", created_at="2026-01-05T08:00:00+08:00",
        mode="quality", pace="fast", profile={"name": "toy"},
        variants=tuple(
            Variant(name=each, cleaning=each) if isinstance(each, str) else each
            for each in variants
        ),
        suites=("s",),
        suite_sha256={"s": "aa"}, model_sha256={"asr": "bb"}, repeats=1, seed=0,
        num_turns_planned=1, git_commit="abcdef123456", git_dirty=False, packages={"numpy": "2"},
        machine={"cpu": "x"}, finished_at="2026-01-05T09:00:00+08:00",
    )  # fmt: skip
    return msgspec.structs.replace(run, **changes)


def make_cases(num: int, suite: str = "s", num_turns: int = 1) -> list[Case]:
    fact = Fact(id="f", type="time", value="三点", forbidden=("四点",))
    turn = CaseTurn(
        reference=REFERENCE, meaning=REFERENCE, t_eos_s=3.0, audio="a.wav", facts=(fact,)
    )
    return [
        Case(id=f"c{n}", suite=suite, clock=CLOCK, turns=(turn,) * num_turns) for n in range(num)
    ]


def make_turn(case_id: str, variant: str, answer: str = "三点。", **changes: object) -> Turn:
    heard = str(changes.pop("heard", REFERENCE))
    tokens = tuple(
        Token(text=text, start_s=i / 4, end_s=(i + 1) / 4, confidence=0.9)
        for i, text in enumerate(mixed_units(heard))
    )
    fields: dict[str, object] = {
        "run_id": "r1", "suite": "s", "case_id": case_id, "variant": variant, "repeat": 0,
        "turn_index": 0, "mode": "quality", "pace": "fast", "audio_s": 4.0, "t_eos_s": 3.0,
        "hypothesis": Hypothesis(tokens=tokens, is_final=True), "cleaned": heard,
        "answer": answer, "gold_cleaned": REFERENCE, "answer_from_gold": "三点。",
        "answer_from_gold_cleaned": "三点。",
    }  # fmt: skip
    return Turn(**(fields | changes))  # type: ignore[arg-type]


def write_records(
    folder: Path, run: Run, turns: Sequence[Turn], cases: Sequence[Case] | None = None
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_cases(folder, make_cases(99) if cases is None else cases)
    write_run(folder, run)
    with TurnWriter(folder) as writer:
        for turn in turns:
            writer.append(turn)
    return folder


def simulate_arm(
    name: str,
    rng: np.random.Generator,
    difficulty: dict[str, np.ndarray],
    error_factor: float = 1.0,
    delay_s: float = 0.0,
    run: Run | None = None,
) -> Arm:
    """An arm of chance: turns of one conversation share a difficulty, nothing else is common.

    Args:
        name: Of the variant.
        rng: Draws everything.
        difficulty: Of each suite's conversations, in [0, 1].
        error_factor: What errors are multiplied by.
        delay_s: What latencies are longer by.
        run: The arm's run.
    """
    run = run or make_run(mode="latency")
    arm = Arm(name, Path("r"), run, Variant(name=name, cleaning=name), {})
    for suite, of_suite in difficulty.items():
        for number, hard in enumerate(of_suite):
            for turn_index in range(1 + number % 3):
                key = (suite, f"c{number}", 0, turn_index)
                turn = Turn(
                    run_id="r", suite=suite, case_id=key[1], variant=name, repeat=0,
                    turn_index=turn_index, mode=run.mode, pace=run.pace,
                )  # fmt: skip
                arm.turns[key] = (
                    turn,
                    simulate_measures(rng, min(1.0, hard * error_factor), delay_s),
                )
                arm.said[key] = Said(cleaned="", answer="")
    return arm


def simulate_measures(rng: np.random.Generator, hard: float, delay_s: float) -> TurnMeasures:
    num_errors, is_wrong = int(rng.binomial(12, hard / 2)), bool(rng.random() < hard)
    verdicts = tuple(
        (kind, "contradicted" if is_wrong and not i else "missing" if rng.random() < hard
         else "correct")
        for i, kind in enumerate(("time", "date", "money"))
    )  # fmt: skip
    kinds = [verdict for _, verdict in verdicts]
    return TurnMeasures(
        cer=ErrorRate(num_errors, 0, 0, 12),
        mer=ErrorRate(num_errors, 0, 0, 12),
        entities=EntityScore(int(rng.binomial(3, 1 - hard)), 3),
        facts=FactScore(
            answers=1, answers_wrong=int(is_wrong), expected=3, correct=kinds.count("correct"),
            missing=kinds.count("missing"), contradicted=kinds.count("contradicted"),
            constraints=1, constraints_kept=int(rng.random() < 0.9),
        ),
        verdicts=verdicts,  # type: ignore[arg-type]
        answer_tokens=int(rng.poisson(20 + 20 * hard)),
        answer_characters=int(rng.poisson(25)),
        latencies={"response_latency_s": float(rng.lognormal(0, 0.3)) + hard + delay_s},
    )  # fmt: skip
