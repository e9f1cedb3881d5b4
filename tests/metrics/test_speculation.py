"""Known answers for what early work brought and cost, from records made by hand."""

from __future__ import annotations

import msgspec
import pytest

from voicebench.events import make_event
from voicebench.metrics.latency import is_premature, latencies
from voicebench.metrics.speculation import (
    Cached,
    Drafts,
    baseline_of,
    count_cached,
    count_drafts,
    saved_ms,
)
from voicebench.metrics.summary import summarize
from voicebench.metrics.waterfall import framework_overhead_ms, waterfall
from voicebench.types import AnswerToken, Sampling, Turn, Variant

OFF = Variant(name="off")
ON = Variant(name="on", prefill=True, speculation=True, speculation_windows=2)


def make_turn(events=(), case_id="c1", variant="on", first_s=5.6, num_tokens=4, **settings):
    return Turn(
        **{
            "run_id": "r", "suite": "s", "case_id": case_id, "variant": variant, "repeat": 0,
            "turn_index": 0, "mode": "latency", "pace": "real_time", "t_eos_s": 5.0,
            "t_eos_source": "annotated", "cleaned": "会议在周四", "finish_reason": "stop",
            "events": tuple(make_event(kind, t_s, data) for t_s, kind, data in events),
            "answer_tokens": tuple(
                AnswerToken(id=i, text="好", t_s=first_s + 0.04 * i) for i in range(num_tokens)
            ),
            **settings,
        }
    )  # fmt: skip


START = {"trigger": "pause", "text": "会议在周四", "cleaned": "会议在周四", "num_prompt_tokens": 80}
KEPT = [
    (5.16, "speech_stopped", {"at_s": 5.1}),
    (5.20, "speculation_started", START),
    (5.59, "turn_committed", {"reason": "endpoint", "silence_s": 0.48}),
    (5.591, "transcript_final", {"text": "会议在周四"}),
    (5.592, "cleaned", {"text": "会议在周四"}),
    (5.594, "prompt_built", {"num_tokens": 80}),
    (5.596, "speculation_kept", {"trigger": "pause", "started_s": 5.2, "first_token_s": 5.4}),
]
DROPPED = [
    (2.0, "speculation_started", {"trigger": "windows", "text": "会议"}),
    (2.5, "speculation_dropped", {"reason": "prompt_changed", "num_tokens": 5}),
    (4.0, "speculation_started", {"trigger": "pause", "text": "会议在"}),
    (4.2, "speculation_dropped", {"reason": "speech_resumed", "num_tokens": 1}),
    (5.59, "turn_committed", {"reason": "endpoint", "silence_s": 0.5}),
    (5.7, "request_submitted", {}),
]


def test_drafts_are_counted_and_rates_derived():
    turns = [
        make_turn(KEPT, num_tokens=10), make_turn(DROPPED, num_tokens=8), make_turn(num_tokens=6),
        make_turn([*DROPPED[:2], *KEPT], num_tokens=0),
    ]  # fmt: skip
    total = sum(map(count_drafts, turns), Drafts())
    assert total == Drafts(
        turns=4, turns_dispatched=3, dispatched=5, kept=2, tokens_discarded=11, tokens_answered=24
    )
    assert (total.coverage, total.hit_rate, total.waste) == (0.75, 0.4, 11 / 35)
    assert (Drafts().coverage, Drafts().hit_rate, Drafts().waste) == (None, None, None)


def test_a_draft_that_could_not_be_begun_is_none():
    failed = [(5.2, "speculation_dropped", {"reason": "failed", "num_tokens": 0})]
    assert count_drafts(make_turn(failed)).dispatched == 0


def test_cached_tokens_are_of_prompts_that_were_answered():
    turns = [
        make_turn(cached_prompt_tokens=64, prompt_token_ids=tuple(range(80))),
        make_turn(cached_prompt_tokens=0, prompt_token_ids=tuple(range(20))),
        make_turn(prompt_token_ids=tuple(range(50)), finish_reason=""),
    ]
    total = sum(map(count_cached, turns), Cached())
    assert (total, total.share) == (Cached(64, 100), 0.64)
    assert Cached().share is None


def test_what_is_saved_is_paired_by_turn_and_resampled_by_case():
    alone = [("c1", 6.0), ("c2", 6.4), ("c3", 9.0)]
    off = [make_turn(case_id=c, variant="off", first_s=s) for c, s in alone]
    on = [make_turn(case_id=c, first_s=s) for c, s in (("c1", 5.6), ("c2", 5.8), ("c4", 5.1))]
    saved = saved_ms(off, on)
    assert saved is not None
    assert (saved.difference, saved.num_conversations) == (pytest.approx(500.0), 2)
    assert (saved.second, saved.first) == (pytest.approx(1200.0), pytest.approx(700.0))
    assert saved.interval is None  # fewer than ten conversations


def test_what_is_saved_is_seen_with_enough_cases():
    names = [f"c{n}" for n in range(12)]
    off = [
        make_turn(case_id=c, variant="off", first_s=6.0 + n % 3 / 10) for n, c in enumerate(names)
    ]
    on = [make_turn(case_id=c, first_s=5.6 - n % 2 / 10) for n, c in enumerate(names)]
    saved = saved_ms(off, on)
    assert saved.interval.low < saved.difference < saved.interval.high
    assert saved.is_seen


def test_a_turn_without_an_answer_in_one_variant_is_in_neither():
    off = [make_turn(variant="off", first_s=6.0), make_turn(case_id="c2", variant="off")]
    on = [make_turn(first_s=5.6), make_turn(case_id="c2", num_tokens=0)]
    saved = saved_ms(off, on)
    assert saved is not None
    assert (saved.difference, saved.num_conversations) == (pytest.approx(400.0), 1)
    assert saved_ms(off, []) is None
    assert saved_ms([make_turn(is_warm_up=True)], on) is None


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([OFF, ON], "off"),
        ([Variant(name="plain", prompt="plain"), ON], None),
        ([Variant(name="prefill", prefill=True), ON], None),
        ([Variant(name="hot", sampling=Sampling(temperature=1.0)), OFF, ON], "off"),
    ],
)
def test_the_baseline_differs_in_early_work_alone(others, expected):
    found = baseline_of(ON, others)
    assert (found.name if found else None) == expected
    assert baseline_of(OFF, others) is None


def test_the_waterfall_of_a_kept_draft_has_no_time_of_the_llm():
    turn = make_turn(KEPT, first_s=5.6)
    found = [(s.stage, s.tag, round(s.duration_s, 3)) for s in waterfall(turn)]
    assert found == [
        ("vad_overhang", "service", 0.1),
        ("endpoint_silence", "setting", 0.48),
        ("endpoint_decision", "framework", 0.01),
        ("transcript_merge", "framework", 0.001),
        ("cleaning", "framework", 0.001),
        ("prompt", "framework", 0.002),
        ("draft_check", "framework", 0.002),
        ("token_delivery", "framework", 0.004),
    ]
    assert framework_overhead_ms(waterfall(turn)) == pytest.approx(20.0)
    assert latencies(turn)["response_latency_s"] == pytest.approx(0.6)
    assert latencies(turn)["ttft_s"] == pytest.approx(0.2)  # the draft's own, not its waiting


def test_the_llm_is_waited_for_from_the_commit_on_where_the_draft_was_not_ready():
    kept = (
        5.596,
        "speculation_kept",
        {"trigger": "pause", "started_s": 5.2, "first_token_s": None},
    )
    turn = make_turn([*KEPT[:-1], kept], first_s=5.9)
    (llm,) = [s for s in waterfall(turn) if s.stage == "llm_first_token"]
    assert (llm.start_s, llm.end_s) == (5.59, 5.9)
    assert latencies(turn)["ttft_s"] == pytest.approx(0.7)
    assert sum(s.duration_s for s in waterfall(turn)) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("begun_on", "premature"),
    [
        (START, False),
        ({**START, "text": "会议在周四嗯"}, False),  # a filler that was cleaned away
        ({**START, "cleaned": "会议在周三"}, True),
        ({"text": "会议在周三"}, True),
    ],
)
def test_a_kept_answer_to_something_else_is_premature(begun_on, premature):
    events = [(t_s, kind, begun_on if kind == "speculation_started" else data)
              for t_s, kind, data in KEPT]  # fmt: skip
    assert is_premature(make_turn(events)) is premature


def test_the_summary_has_all_of_it_where_a_variant_works_early():
    off = [make_turn(variant="off", case_id=c, first_s=6.0) for c in ("c1", "c2")]
    on = [make_turn(KEPT, case_id="c1"), make_turn(DROPPED, case_id="c2", first_s=6.0)]
    groups = {g["variant"]: g["metrics"]
              for g in summarize([*off, *on], [], variants=(OFF, ON))["groups"]}  # fmt: skip
    assert not [name for name in groups["off"] if name.startswith(("speculation", "saved"))]
    metrics = groups["on"]
    assert metrics["speculation_coverage"]["value"] == 1.0
    assert metrics["speculation_hit_rate"]["value"] == pytest.approx(1 / 3)
    assert metrics["speculation_waste"]["value"] == pytest.approx(6 / 14)
    assert metrics["saved_ms"]["value"] == pytest.approx(200.0)
    assert metrics["saved_ms"]["baseline"] == "off"
    assert metrics["saved_ms"]["counts"] == pytest.approx({"off_ms": 1000.0, "on_ms": 800.0})
    assert metrics["premature_response_rate"]["value"] == 0.0
    alone = summarize(on, [], variants=(msgspec.structs.replace(ON, speculation=False),))
    assert "saved_ms" not in alone["groups"][0]["metrics"]
    assert "speculation_waste" not in alone["groups"][0]["metrics"]
