"""Times scoring: CER, facts and intervals of synthetic turns, and their comparison.

    python bench/run_scoring.py --turns 25000,50000,100000

Every size runs in a process of its own, so that its peak memory is its own. Turns are made one by
one while they are scored, as they would be read from disk; making them is timed apart and taken
off. Seconds are of the processor (one thread), so that a busy machine counts little. The last column
is jiwer alone on the same pairs of texts. Shown, not asserted: one run.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

from _common import finish

from voicebench.types import (
    AnswerToken,
    Case,
    CaseTurn,
    Fact,
    Hypothesis,
    Run,
    Segment,
    Token,
    Turn,
    Variant,
)

NUM_CASES = 2000
NUM_VARIANTS = 10
CHARACTERS = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动"
DIGITS = "一二三四五六七八九"


def make_cases(rng: random.Random) -> list[Case]:
    """Two facts in a sentence of about 25 characters, spread over ten suites."""
    cases = []
    for number in range(NUM_CASES):
        hour, hundreds = rng.choice(DIGITS), rng.choice(DIGITS)
        filler = "".join(rng.choices(CHARACTERS, k=10))
        said = f"明天下午{hour}点开会{filler}预算是{hundreds}百块钱"
        facts = (
            Fact(id="t", type="time", value=f"下午{hour}点"),
            Fact(id="m", type="money", value=f"{hundreds}百块钱"),
        )
        turn = CaseTurn(
            reference=said, meaning=said, t_eos_s=4.0, facts=facts,
            segments=(Segment(voice="cmn", spoken=said),),
        )  # fmt: skip
        suite = f"suite_{number % 10}"
        cases.append(Case(id=str(number), suite=suite, clock="2026-03-02T09:00", turns=(turn,)))
    return cases


def make_turns(num: int, cases: list[Case], rng: random.Random) -> Iterator[Turn]:
    """Each variant hears every tenth character wrongly, and answers from what it heard."""
    for number in range(num):
        case = cases[number // NUM_VARIANTS % len(cases)]
        said = case.turns[0].reference
        heard = [rng.choice(CHARACTERS + DIGITS) if rng.random() < 0.1 else c for c in said]
        text = "".join(heard)
        answer = f"好的，{text[2:7]}，预算{text[-4:]}。"
        tokens = tuple(
            Token(text=c, start_s=i * 0.2, end_s=i * 0.2 + 0.2, confidence=0.9)
            for i, c in enumerate(heard)
        )
        yield Turn(
            run_id="bench", suite=case.suite, case_id=case.id,
            variant=f"v{number % NUM_VARIANTS}", repeat=number // NUM_VARIANTS // len(cases),
            turn_index=0, mode="quality", pace="fast", audio_s=5.0, t_eos_s=4.0,
            t_eos_source="annotated", hypothesis=Hypothesis(tokens=tokens, is_final=True),
            cleaned=text, answer=answer,
            answer_tokens=tuple(AnswerToken(id=ord(c), text=c, t_s=5.0) for c in answer),
            answer_from_gold=f"{said[2:7]}，{said[-4:]}。",
            answer_from_gold_cleaned=f"{said[2:7]}，{said[-4:]}。",
        )  # fmt: skip


def _run_record(num: int) -> Run:
    variants = tuple(Variant(name=f"v{number}") for number in range(NUM_VARIANTS))
    return Run(
        schema_version=1, run_id="bench", created_at="", mode="quality", pace="fast", profile={},
        variants=variants, suites=(), suite_sha256={}, model_sha256={}, repeats=1, seed=0,
        num_turns_planned=num, git_commit="", git_dirty=False, packages={}, machine={},
    )  # fmt: skip


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(num: int) -> dict[str, float]:
    """Scores `num` turns in this process."""
    from voicebench.metrics.summary import measure_turns, summarize_measured
    from voicebench.runs.compare import arms_of, compare_arms

    cases = make_cases(random.Random(0))
    started_s = time.process_time()
    for _ in make_turns(num, cases, random.Random(1)):
        pass
    making_s = time.process_time() - started_s
    idle_mib = _peak_mib()
    started_s = time.process_time()
    measured = list(measure_turns(make_turns(num, cases, random.Random(1)), cases))
    measured_s = time.process_time()
    summarize_measured(measured)
    summarised_s = time.process_time()
    summarised_mib = _peak_mib()
    by_case = {(case.suite, case.id): case for case in cases}
    arms = arms_of(_run_record(num), by_case, make_turns(num, cases, random.Random(1)), measured)
    comparing_s = time.process_time()
    compare_arms(arms)
    return {
        "turns": num,
        "measure_s": measured_s - started_s - making_s,
        "intervals_s": summarised_s - measured_s,
        "compare_s": time.process_time() - comparing_s,
        "idle_mib": idle_mib,
        "scored_mib": summarised_mib,
        "peak_mib": _peak_mib(),
    }


def measure_jiwer(num: int) -> dict[str, float]:
    """jiwer's own CER of the same pairs of texts, in this process."""
    import jiwer

    cases = make_cases(random.Random(0))
    by_id = {case.id: case.turns[0].reference for case in cases}
    turns = make_turns(num, cases, random.Random(1))
    pairs = [(by_id[turn.case_id], turn.hypothesis.text) for turn in turns]
    started_s = time.process_time()
    jiwer.cer([said for said, _ in pairs], [heard for _, heard in pairs])
    return {"jiwer_s": time.process_time() - started_s, "jiwer_peak_mib": _peak_mib()}


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", default="25000,50000,100000", metavar="N,N")
    parser.add_argument("--child", choices=("ours", "jiwer"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    sizes = [int(size) for size in args.turns.split(",")]
    if args.child:
        print(json.dumps((measure if args.child == "ours" else measure_jiwer)(sizes[0])))
        return 0
    found = [_in_child("ours", size) | _in_child("jiwer", size) for size in sizes]
    columns = ["turns", "measure s", "intervals s", "compare s", "ms a turn", "peak MiB",
               "before MiB", "jiwer s"]  # fmt: skip
    rows = [
        [f"{each['turns']:,}", f"{each['measure_s']:.1f}", f"{each['intervals_s']:.1f}",
         f"{each['compare_s']:.1f}", f"{1000 * each['measure_s'] / each['turns']:.2f}",
         f"{each['peak_mib']:.0f}", f"{each['idle_mib']:.0f}", f"{each['jiwer_s']:.1f}"]
        for each in found
    ]  # fmt: skip
    finish("scoring", columns, rows, {"num_cases": NUM_CASES, "num_variants": NUM_VARIANTS,
                                      "sizes": found})  # fmt: skip
    return 0


def _in_child(what: str, size: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--turns", str(size), "--child", what]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    answer: dict[str, float] = json.loads(output)
    return answer


if __name__ == "__main__":
    sys.exit(main())
