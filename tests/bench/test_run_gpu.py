"""The GPU bench keeps to its time: slower answers leave room for fewer turns."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from run_gpu import TURN_S, VARIANTS, num_cases

from voicebench.suites.load import load_suite


def test_the_turns_fit_into_the_time_that_is_left() -> None:
    cases = load_suite("daily_qa").cases
    for answer_s in (0.0, 2.0, 10.0):
        count = num_cases("daily_qa", 3, 400.0, answer_s)
        each_s = [sum(turn.t_eos_s + answer_s + TURN_S for turn in case.turns) for case in cases]
        warm_up_s = 2 * len(VARIANTS) * each_s[0]
        taken_s = [3 * len(VARIANTS) * case_s for case_s in each_s]
        assert warm_up_s + sum(taken_s[:count]) <= 400.0 < warm_up_s + sum(taken_s[: count + 1])


def test_one_case_is_measured_however_little_time_is_left() -> None:
    assert num_cases("daily_qa", 3, 0.0, 60.0) == 1
