"""Small runs on disk, made of records alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from voicebench.events import make_event
from voicebench.runs.record import SCHEMA_VERSION, TurnWriter, write_cases, write_run
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
    Window,
)

SAID = "明天下午三点在二楼开会"
HEARD_WRONG = "明天下午四点在二楼开会"


def make_case(case_id: str, suite: str = "daily_qa", **changes: Any) -> Case:
    fact = Fact(id="f", type="time", value="三点", forbidden=("四点",))
    fields: dict[str, Any] = {"reference": SAID, "meaning": SAID, "t_eos_s": 3.0,
                              "segments": (Segment(voice="cmn", spoken=SAID),), "facts": (fact,)}  # fmt: skip
    asked = CaseTurn(**(fields | changes))
    return Case(id=case_id, suite=suite, clock="2026-01-05T08:00", turns=(asked,), tags=("loud",))


def make_turn(case_id: str, variant: str = "plain", heard: str = SAID, **changes: Any) -> Turn:
    tokens = tuple(
        Token(text=char, start_s=at / 4, end_s=(at + 1) / 4, confidence=0.9 - 0.05 * (at % 8))
        for at, char in enumerate(heard)
    )
    fields: dict[str, Any] = {
        "run_id": "r1", "suite": "daily_qa", "case_id": case_id, "variant": variant, "repeat": 0,
        "turn_index": 0, "mode": "quality", "pace": "fast", "audio_s": 4.0, "t_eos_s": 3.0,
        "windows": (Window(index=0, start_s=0.0, end_s=2.4, tokens=tokens, compute_s=0.1),),
        "hypothesis": Hypothesis(tokens=tokens, is_final=True), "cleaned": heard,
        "answer": "三点。" if heard == SAID else "下午四点开会。", "answer_from_gold": "三点。",
        "answer_from_gold_cleaned": "三点。", "asr_compute_s": 0.1, "finish_reason": "stop",
    }  # fmt: skip
    return Turn(**(fields | changes))


def timed(case_id: str, variant: str = "plain", first_s: float = 4.0, **changes: Any) -> Turn:
    """A turn of latency mode whose first token comes at `first_s`."""
    events = (
        make_event("audio_started", 0.0),
        make_event("window_recognised", 2.5, {"started_s": 2.4, "compute_s": 0.1}),
        make_event("turn_committed", 3.5, {"reason": "endpoint", "silence_s": 0.4}),
        make_event("transcript_final", 3.5, {"text": SAID}),
        make_event("request_submitted", 3.6),
    )
    tokens = tuple(
        AnswerToken(id=n, text=text, t_s=first_s + 0.1 * n) for n, text in enumerate("三点。")
    )
    fields = {"mode": "latency", "answer_tokens": tokens, "events": events}
    return make_turn(case_id, variant, **(fields | changes))


def make_run(**changes: Any) -> Run:
    fields: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION, "run_id": "r1", "created_at": "2026-01-05T08:00:00+08:00",
        "mode": "quality", "pace": "fast", "profile": {"name": "bundled", "llm": {}},
        "variants": (Variant(name="plain"), Variant(name="full", cleaning="full")), "suites": ("daily_qa",),
        "suite_sha256": {"daily_qa": "aa"}, "model_sha256": {"asr": "bb"}, "repeats": 1, "seed": 0,
        "num_turns_planned": 6, "git_commit": "abcdef123456", "git_dirty": False,
        "packages": {"numpy": "2"}, "machine": {"cpu": "x"}, "finished_at": "2026-01-05T09:00",
        "suite_titles": {"daily_qa": "日常问答"},
    }  # fmt: skip
    return Run(**(fields | changes))


def write(folder: Path, turns: Sequence[Turn], cases: Sequence[Case] = (), **changes: Any) -> Path:
    """A run's folder with these turns; its cases are those of the turns unless given."""
    folder.mkdir(parents=True, exist_ok=True)
    write_cases(folder, cases or [make_case(name) for name in sorted({t.case_id for t in turns})])
    write_run(
        folder, make_run(**({"run_id": folder.name, "num_turns_planned": len(turns)} | changes))
    )
    with TurnWriter(folder) as writer:
        for turn in turns:
            writer.append(turn)
    return folder


def quality_turns() -> list[Turn]:
    """Three cases under two variants; `full` hears one wrongly."""
    return [
        make_turn(case_id, variant, HEARD_WRONG if (case_id, variant) == ("b", "full") else SAID)
        for case_id in "abc"
        for variant in ("plain", "full")
    ]


def latency_turns() -> list[Turn]:
    """Three cases under two variants; `full` is half a second faster."""
    return [
        timed(case_id, variant, 4.0 + 0.1 * place - (0.4 if variant == "full" else 0.0))
        for place, case_id in enumerate("abc")
        for variant in ("plain", "full")
    ]
