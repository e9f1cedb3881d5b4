from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.events import make_event
from voicebench.metrics.latency import Rtf, is_premature, itl_ms, latencies, quantiles, turn_rtf
from voicebench.metrics.waterfall import framework_overhead_ms, waterfall
from voicebench.types import AnswerToken, Turn


def make_turn(events=(), tokens=(), t_eos_s=5.0, **settings):
    return Turn(
        run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0, mode="latency",
        pace="real_time", t_eos_s=t_eos_s, t_eos_source="annotated",
        events=tuple(make_event(kind, t_s, data) for t_s, kind, data in events),
        answer_tokens=tuple(AnswerToken(id=i, text=text, t_s=t_s) for i, (text, t_s) in enumerate(tokens)),
        **settings,
    )  # fmt: skip


EVENTS = [
    (2.6, "window_recognised", {"index": 0, "started_s": 2.4, "compute_s": 0.2}),
    (5.16, "speech_stopped", {"at_s": 5.1}),
    (5.65, "audio_ended", {"audio_s": 5.6}),
    (5.65, "turn_committed", {"reason": "endpoint", "silence_s": 0.5}),
    (5.90, "window_recognised", {"index": 1, "started_s": 5.7, "compute_s": 0.18}),
    (5.92, "transcript_final", {"text": "会议在周四"}),
    (5.93, "cleaned", {"started_s": 5.92}),
    (5.95, "prompt_built", {"started_s": 5.93, "num_tokens": 40}),
    (5.96, "request_submitted", {}),
]
TOKENS = [
    ("会议", 6.26),
    ("在", 6.30),
    ("3", 6.34),
    (".", 6.38),
    ("5", 6.42),
    ("号", 6.46),
    ("。", 6.50),
]


def test_every_latency_has_its_own_start():
    assert latencies(make_turn(EVENTS, TOKENS)) == pytest.approx(
        {
            "endpoint_delay_s": 0.65, "asr_final_s": 0.92, "ttft_s": 0.30, "response_latency_s": 1.26,
            "first_sentence_s": 1.50, "e2e_latency_s": 1.50, "tpot_ms": 40.0,
        }
    )  # fmt: skip
    assert itl_ms(make_turn(EVENTS, TOKENS)) == pytest.approx([40.0] * 6)


def test_the_first_clause_ends_at_its_first_mark():
    turn = make_turn(EVENTS, [("好", 6.0), ("的，", 6.1), ("周四", 6.2), ("。", 6.3)])
    assert latencies(turn)["first_sentence_s"] == pytest.approx(1.1)
    assert latencies(make_turn(EVENTS, [("周四", 6.2)]))["first_sentence_s"] == pytest.approx(1.2)


def test_the_waterfall_names_every_piece():
    found = [(s.stage, s.tag, round(s.duration_s, 3)) for s in waterfall(make_turn(EVENTS, TOKENS))]
    assert found == [
        ("vad_overhang", "service", 0.1),
        ("endpoint_silence", "setting", 0.5),
        ("endpoint_decision", "framework", 0.05),
        ("transcript_merge", "framework", 0.05),
        ("asr", "service", 0.18),
        ("transcript_merge", "framework", 0.04),
        ("cleaning", "framework", 0.01),
        ("prompt", "framework", 0.02),
        ("llm_handoff", "framework", 0.01),
        ("llm_first_token", "service", 0.3),
    ]
    assert framework_overhead_ms(waterfall(make_turn(EVENTS, TOKENS))) == pytest.approx(180.0)


times = st.floats(0, 12, allow_nan=False)
kinds = st.sampled_from(
    ["window_recognised", "speech_stopped", "turn_committed", "transcript_final", "cleaned",
     "prompt_built", "request_submitted", "audio_ended"]
)  # fmt: skip
datas = st.fixed_dictionaries(
    {"started_s": times, "compute_s": times, "at_s": times, "silence_s": st.floats(0, 3),
     "reason": st.sampled_from(["endpoint", "audio_end", "client"])}
)  # fmt: skip


@given(st.lists(st.tuples(times, kinds, datas), max_size=12), times, times)
def test_the_waterfall_sums_to_the_response_latency_whatever_happened(events, t_eos_s, first_s):
    turn = make_turn(sorted(events, key=lambda event: event[0]), [("好", first_s)], t_eos_s)
    segments = waterfall(turn)
    total_s = sum(segment.duration_s for segment in segments)
    assert total_s == pytest.approx(latencies(turn)["response_latency_s"], abs=1e-3)
    for before, after in itertools.pairwise(segments):
        assert before.end_s == after.start_s
    if first_s > t_eos_s:
        assert all(segment.duration_s > 0 for segment in segments)


def test_work_done_before_the_end_of_speech_costs_nothing():
    early = [(t_s - 1.0, kind, {k: v - 1.0 if k == "started_s" else v for k, v in data.items()})
             for t_s, kind, data in EVENTS if kind in ("cleaned", "prompt_built", "window_recognised")]  # fmt: skip
    turn = make_turn([*early, (4.99, "request_submitted", {})], [("好", 5.2)])
    assert [(s.stage, round(s.duration_s, 3)) for s in waterfall(turn)] == [
        ("llm_first_token", 0.2)
    ]


def test_without_an_answer_or_an_end_of_speech_there_is_nothing_to_say():
    assert waterfall(make_turn(EVENTS)) == ()
    assert waterfall(make_turn(EVENTS, TOKENS, t_eos_s=None)) == ()
    assert latencies(make_turn(EVENTS))["response_latency_s"] is None
    assert latencies(make_turn(EVENTS))["endpoint_delay_s"] == pytest.approx(0.65)


@pytest.mark.parametrize(
    ("events", "tokens", "premature"),
    [
        (EVENTS, TOKENS, False),
        (EVENTS, [("好", 4.9)], True),
        ([*EVENTS, (6.0, "transcript_final", {"text": "会议在周五"})], TOKENS, True),
        ([*EVENTS, (6.0, "transcript_final", {"text": "会议在周四"})], TOKENS, False),
        ([(4.0, "speculation_started", {"text": "会议"}), *EVENTS, (5.99, "speculation_kept", {})], TOKENS, True),
        ([(4.0, "speculation_started", {"text": "会议在周四"}), *EVENTS, (5.99, "speculation_kept", {})], TOKENS, False),
    ],
)  # fmt: skip
def test_a_premature_response_is_one_before_the_end_or_on_another_transcript(
    events, tokens, premature
):
    assert is_premature(make_turn(events, tokens)) is premature


def test_rtf_is_a_ratio_of_sums():
    assert (Rtf(1.0, 1.0) + Rtf(0.0, 3.0)).rtf == 0.25
    assert (Rtf(1.0, 1.0) + Rtf(0.0, 3.0)).rtfx == 4.0
    assert turn_rtf(make_turn(audio_s=4.0, asr_compute_s=1.0)) == Rtf(1.0, 4.0)
    assert turn_rtf(make_turn(audio_s=4.0, asr_compute_s=1.0, stage_cache_hits=("asr",))) is None


def test_quantiles_carry_their_n():
    found = quantiles([*map(float, range(101)), None])
    assert (found.n, found.p50, found.p95, found.p99) == (101, 50.0, 95.0, 99.0)
    assert quantiles([]).p50 is None
