"""The GPU bench keeps to its time: slower answers leave room for fewer turns."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from run_gpu import TURN_S, VARIANTS, num_cases

from voicebench.suites.load import load_suite


def test_the_turns_fit_into_the_time_that_is_left() -> None:
    cases = load_suite("daily_qa").cases
    for answer_s in (0.0, 2.0, 20.0):
        count = num_cases("daily_qa", 3, 400.0, answer_s)
        taken = [
            3 * len(VARIANTS) * sum(turn.t_eos_s + answer_s + TURN_S for turn in case.turns)
            for case in cases[: count + 1]
        ]
        assert sum(taken[:count]) <= 400.0 < sum(taken)


def test_one_case_is_measured_however_little_time_is_left() -> None:
    assert num_cases("daily_qa", 3, 0.0, 60.0) == 1
