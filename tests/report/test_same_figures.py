"""Figures of a small run against those that were computed before anything was remembered, batched or
streamed: what makes a report fast must change no figure.

Where a definition changes, and its figures with it: python -m tests.report.test_same_figures
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.report.runs import SAID, make_case, make_turn, timed, write
from voicebench.events import make_event
from voicebench.report import open_run
from voicebench.report.data import load_report
from voicebench.types import Degradation, StageFailure, Turn, Variant

FIGURES = Path(__file__).with_name("same_figures.json")
VARIANTS = (Variant(name="plain"), Variant(name="joint", prefill=True, speculation=True))
SUITES = ("daily_qa", "noise")
TROUBLES: tuple[dict[str, Any], ...] = (
    {"degraded": Degradation(reason="low_confidence", hint="")},
    {"failure": StageFailure(stage="llm", type="StageTimeout", message="late"), "answer": ""},
)


def random_turns(mode: str) -> list[Turn]:
    """Seven cases in each of two suites, two variants, three repeats, heard more or less well."""
    rng = random.Random(7)
    turns = []
    for repeat in range(3):
        for suite in SUITES:
            for case_id in "abcdefg":
                said = list(SAID)
                for place in rng.sample(range(len(said)), rng.choice((0, 0, 1, 3))):
                    said[place] = rng.choice(("四", "", "PPT", "好好"))
                for variant in VARIANTS:
                    changes = {**rng.choice(({}, {}, {}, {}, *TROUBLES))}
                    changes |= {"suite": suite, "repeat": repeat}
                    turns.append(make(rng, mode, case_id, variant, "".join(said), **changes))
    return [turns[0].__class__(**(_fields(turns[0]) | {"is_warm_up": True})), *turns]


def _fields(turn: Turn) -> dict[str, Any]:
    return {name: getattr(turn, name) for name in turn.__struct_fields__}


def make(
    rng: random.Random, mode: str, case_id: str, variant: Variant, heard: str, **changes: Any
) -> Turn:
    made = timed if mode == "latency" else make_turn
    turn = made(case_id, variant.name, heard=heard, **changes)
    if mode != "latency":
        return turn
    late_s = rng.expovariate(4)
    events = tuple(make_event(e.kind, e.t_s + late_s * (e.t_s > 3), e.data) for e in turn.events)
    if variant.speculation and rng.random() < 0.6:
        kind = rng.choice(("speculation_kept", "speculation_dropped"))
        events = (
            *events[:3],
            make_event("speculation_started", 3.2 + late_s, {"cleaned": SAID}),
            *events[3:],
            make_event(kind, 3.6 + late_s, {"num_tokens": 5}),
        )
    tokens = tuple(
        type(t)(id=t.id, text=t.text, t_s=t.t_s + late_s - 0.5 * variant.prefill)
        for t in turn.answer_tokens
    )
    cached = 30 * variant.prefill + rng.randrange(5)
    return turn.__class__(**(_fields(turn) | {
        "events": events, "answer_tokens": tokens, "prompt_token_ids": tuple(range(60)),
        "cached_prompt_tokens": cached, "asr_compute_s": 0.1 + late_s / 10,
    }))  # fmt: skip


def write_random_run(folder: Path, mode: str) -> Path:
    cases = [make_case(case_id, suite) for suite in SUITES for case_id in "abcdefg"]
    return write(folder, random_turns(mode), cases, mode=mode, variants=VARIANTS, suites=SUITES)


def figures_of(summary: dict[str, Any]) -> dict[str, Any]:
    """Every number of a summary under its suite, variant and name; through JSON, as it is kept."""
    found = {
        f"{group['suite']} {group['variant']}": {
            **group["metrics"], "counts": group["counts"],
            "waterfall": group["waterfall"], "conditions": group["conditions"],
        }
        for group in summary["groups"]
    }  # fmt: skip
    kept: dict[str, Any] = json.loads(json.dumps(found))
    return kept


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested values under one name each, for `pytest.approx`."""
    if isinstance(value, dict):
        return {k: v for key, each in value.items() for k, v in flat(each, f"{name}/{key}").items()}
    if isinstance(value, list):
        return {k: v for i, each in enumerate(value) for k, v in flat(each, f"{name}/{i}").items()}
    return {name: value}


@pytest.mark.parametrize("mode", ["latency", "quality"])
def test_the_figures_are_what_they_were(tmp_path: Path, mode: str) -> None:
    folder = write_random_run(tmp_path / "run", mode)
    wanted = flat(json.loads(FIGURES.read_text(encoding="utf-8"))[mode])
    assert len(wanted) > 500
    for report in (load_report(folder), open_run(folder).report, open_run(folder).report):
        found = flat(figures_of(report.summary))
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            is_number = isinstance(value, float)
            assert found[name] == (pytest.approx(value, rel=1e-9) if is_number else value), name


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        figures = {
            mode: figures_of(load_report(write_random_run(Path(scratch) / mode, mode)).summary)
            for mode in ("latency", "quality")
        }
    FIGURES.write_text(json.dumps(figures, separators=(",", ":")) + "\n", encoding="utf-8")
