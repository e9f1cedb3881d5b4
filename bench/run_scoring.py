"""Times scoring: CER, facts and intervals of synthetic turns, and their comparison.

    python bench/run_scoring.py --turns 20000,40000,100000 --compare

Every size runs in a process of its own, so that its peak memory is its own. Turns are made one by
one while they are scored, as they would be read from disk; making them is timed apart and taken
off. From 20,000 turns on further turns are repeats of the same cases: memory should not grow with
them, but a comparison keeps what changed turn by turn. Seconds are of the processor (one thread), so
that a busy machine counts little. jiwer alone computes the CER of the same pairs of texts. Shown, not
asserted: one run.
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
    """Scores `num` turns in this process: CER, facts, and the intervals of every group."""
    from voicebench.metrics.summary import summarize

    cases = make_cases(random.Random(0))
    making_s = _seconds_to_make(num, cases)
    idle_mib = _peak_mib()
    started_s = time.process_time()
    summarize(make_turns(num, cases, random.Random(1)), cases)
    scoring_s = time.process_time() - started_s - making_s
    return {"turns": num, "score_s": scoring_s, "idle_mib": idle_mib, "peak_mib": _peak_mib()}


def _seconds_to_make(num: int, cases: list[Case]) -> float:
    started_s = time.process_time()
    for _ in make_turns(num, cases, random.Random(1)):
        pass
    return time.process_time() - started_s


def measure_comparison(num: int) -> dict[str, float]:
    """Scores `num` turns and compares their variants: what changed is kept turn by turn."""
    from voicebench.metrics.summary import measure_turns
    from voicebench.runs.compare import add_turn, compare_arms, empty_arms

    cases = make_cases(random.Random(0))
    by_case = {(case.suite, case.id): case for case in cases}
    arms = empty_arms(_run_record(num), by_case)
    for measured in measure_turns(make_turns(num, cases, random.Random(1)), cases):
        add_turn(arms, measured)
    started_s = time.process_time()
    compare_arms(arms)
    return {"compare_s": time.process_time() - started_s, "compare_peak_mib": _peak_mib()}


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


CHILDREN = {"ours": measure, "jiwer": measure_jiwer, "comparison": measure_comparison}


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", default="25000,50000,100000", metavar="N,N")
    parser.add_argument("--compare", action="store_true", help="time the comparison as well")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    args = parser.parse_args()
    sizes = [int(size) for size in args.turns.split(",")]
    if args.child:
        print(json.dumps(CHILDREN[args.child](sizes[0])))
        return 0
    children = ("ours", "jiwer", *(("comparison",) if args.compare else ()))
    found = [
        {name: value for child in children for name, value in _in_child(child, size).items()}
        for size in sizes
    ]
    columns = ["turns", "score s", "ms a turn", "peak MiB", "before MiB", "jiwer s", "jiwer MiB",
               "compare s", "compare MiB"]  # fmt: skip
    rows = [
        [f"{each['turns']:,}", f"{each['score_s']:.1f}",
         f"{1000 * each['score_s'] / each['turns']:.2f}", f"{each['peak_mib']:.0f}",
         f"{each['idle_mib']:.0f}", f"{each['jiwer_s']:.1f}", f"{each['jiwer_peak_mib']:.0f}",
         *(f"{each[name]:.{digits}f}" if name in each else "-"
           for name, digits in (("compare_s", 1), ("compare_peak_mib", 0)))]
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
