"""Work done before the turn is committed: what is kept, what is thrown away, and what never leaks."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.pipeline.scripted import CodedRecognizer, LoudnessVad, ScriptedGenerator, coded
from voicebench.audio import chunk_audio
from voicebench.errors import ConfigError
from voicebench.llm.base import Prompt
from voicebench.metrics.latency import is_premature, latencies
from voicebench.metrics.waterfall import waterfall
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.types import Event, Guard, Pace, Turn, Variant

BEGUN = Turn(
    run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0, mode="latency",
    pace="fast",
)  # fmt: skip
SILENCE_S = 1.2  # ends a turn; long, so that a busy machine gets its early work done in it
PAUSE = " " * 4  # 0.8 s
END = " " * 8
QUESTION = "明天下午三点在北京开会"


@pytest.fixture(autouse=True)
def _vad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebench.asr.vad.SileroVad", LoudnessVad)


@pytest.fixture(params=["fast", "real_time"])
def pace(request: pytest.FixtureRequest) -> Pace:
    return request.param  # type: ignore[no-any-return]


def run(
    said: str,
    generator: ScriptedGenerator | None = None,
    recognizer: CodedRecognizer | None = None,
    conversation: Conversation | None = None,
    pace: Pace = "fast",
    *,
    endpointing: bool = True,
    **settings: Any,
) -> list[Event]:
    settings = {"speculation": True, "endpoint_silence_s": SILENCE_S, **settings}
    assistant = Assistant(
        recognizer or CodedRecognizer(), generator or ScriptedGenerator(), Variant(**settings)
    )

    async def listen() -> list[Event]:
        clock = make_clock(pace)
        chunks = paced(chunk_audio(coded(said)), clock)
        remembered = conversation or Conversation()
        turn = assistant.run_turn(chunks, remembered, clock=clock, endpointing=endpointing)
        events = [event async for event in turn]
        assert len(asyncio.all_tasks()) == 1
        return events

    return asyncio.run(listen())


def of_kind(events: list[Event], *kinds: str) -> list[Event]:
    return [event for event in events if event.kind in kinds]


def drafts(events: list[Event]) -> list[tuple[str, str, str]]:
    """What became of the drafts: kind, trigger, and why one was dropped or on what it was begun."""
    return [
        (event.kind.removeprefix("speculation_"), event.data["trigger"],
         event.data.get("reason") or event.data.get("text", ""))
        for event in of_kind(
            events, "speculation_started", "speculation_kept", "speculation_dropped"
        )
    ]  # fmt: skip


# ---------------------------------------------------------------- drafts


def test_a_draft_begun_at_the_pause_is_shown_when_the_turn_is_committed(pace: Pace) -> None:
    generator, conversation = ScriptedGenerator(), Conversation()
    events = run(QUESTION + END, generator, conversation=conversation, pace=pace)
    assert drafts(events) == [("started", "pause", QUESTION), ("kept", "pause", "")]
    started, kept, committed = (
        of_kind(events, kind)[0]
        for kind in ("speculation_started", "speculation_kept", "turn_committed")
    )
    shown = of_kind(events, "answer_token")
    assert started.t_s < kept.data["first_token_s"] < committed.t_s <= kept.t_s
    assert kept.data["num_tokens"] == 3
    assert all(token.t_s >= kept.t_s for token in shown)
    assert [event.t_s for event in events] == sorted(event.t_s for event in events)
    turn = collect_turn(events, BEGUN)
    assert (turn.hypothesis.text, turn.answer, turn.finish_reason) == (QUESTION, "三点。", "stop")
    assert turn.hypothesis.is_final
    assert turn.cached_prompt_tokens == 3
    assert generator.asked == ["".join(map(chr, turn.prompt_token_ids))]
    assert [exchange.user for exchange in conversation.exchanges] == [QUESTION]
    assert not of_kind(events, "request_submitted")
    assert not is_premature(turn)


def test_a_draft_that_is_not_ready_goes_on_after_the_commit(pace: Pace) -> None:
    generator = ScriptedGenerator(answer="一二三四五六七八", token_s=0.25)
    events = run(QUESTION + END, generator, pace=pace)
    kept, shown = of_kind(events, "speculation_kept")[0], of_kind(events, "answer_token")
    assert 0 < kept.data["num_tokens"] < 8
    begun_s = kept.data["started_s"]
    assert [token.t_s for token in shown] == sorted(token.t_s for token in shown)
    # Time that the LLM takes while audio arrives is no gift, at either pace.
    assert all(token.t_s >= begun_s + 0.25 * (n + 1) - 0.01 for n, token in enumerate(shown))
    assert collect_turn(events, BEGUN).answer == generator.answer


def test_speech_that_goes_on_drops_the_draft_and_changes_nothing_else(pace: Pace) -> None:
    said = f"明天下午三点{PAUSE}在北京开会{END}"
    generator, conversation = ScriptedGenerator(token_s=0.01), Conversation()
    events = run(said, generator, conversation=conversation, pace=pace)
    assert drafts(events) == [
        ("started", "pause", "明天下午三点"),
        ("dropped", "pause", "speech_resumed"),
        ("started", "pause", "明天下午三点在北京开会"),
        ("kept", "pause", ""),
    ]
    turn, plain = collect_turn(events, BEGUN), collect_turn(run(said, speculation=False), BEGUN)
    assert turn.hypothesis.text == plain.hypothesis.text == "明天下午三点在北京开会"
    assert turn.prompt_token_ids == plain.prompt_token_ids
    assert turn.answer == plain.answer == "三点。"
    assert [token.data["index"] for token in of_kind(events, "answer_token")] == [0, 1, 2]
    assert [exchange.user for exchange in conversation.exchanges] == ["明天下午三点在北京开会"]
    provisional = [window for window in turn.windows if window.is_provisional]
    assert [window.end_s for window in provisional] == [
        of_kind(events, "window_ready")[0].data["end_s"]
    ]
    assert turn.windows[-1].end_s == of_kind(events, "transcript_final")[0].data["from_pause_s"]


def test_a_dropped_draft_is_aborted_and_its_tokens_are_counted() -> None:
    generator = ScriptedGenerator(answer="答" * 120, token_s=0.02)
    events = run(f"明天下午{PAUSE}三点开会{END}", generator)
    (dropped,) = of_kind(events, "speculation_dropped")
    assert generator.num_aborted == 1
    assert 0 < dropped.data["num_tokens"] < 120
    assert dropped.data["engine_s"] > 0
    assert collect_turn(events, BEGUN).answer == "答" * 120


def test_a_draft_begins_after_confident_windows_and_the_next_one_belies_it() -> None:
    said = "明天下午三点在北京人民大会堂二楼会议室开"  # 4.0 s: windows end at 1.2, 2.2, 3.2
    events = run(said + END, window_s=1.2, overlap_s=0.2, speculation_windows=2)
    assert drafts(events)[:3] == [
        ("started", "windows", said[:11]),
        ("dropped", "windows", "prompt_changed"),
        ("started", "pause", said),
    ]
    assert drafts(events)[-1] == ("kept", "pause", "")
    assert collect_turn(events, BEGUN).hypothesis.text == said


@pytest.mark.parametrize(
    ("confidence", "settings"),
    [(0.8, {"speculation_windows": 1}), (0.95, {"speculation_windows": 9})],
)
def test_too_few_or_doubtful_windows_begin_nothing(
    confidence: float, settings: dict[str, Any]
) -> None:
    events = run(
        QUESTION + END, None, CodedRecognizer(confidence), window_s=1.2, overlap_s=0.2, **settings
    )
    assert [trigger for _, trigger, _ in drafts(events)] == ["pause", "pause"]


def test_what_is_cleaned_away_does_not_cost_the_draft() -> None:
    said = "明天下午三点开嗯"  # the window ends before the last character, a filler
    events = run(said + END, window_s=1.4, overlap_s=0.0, speculation_windows=1)
    assert drafts(events) == [("started", "windows", said[:-1]), ("kept", "windows", "")]
    turn = collect_turn(events, BEGUN)
    assert (turn.hypothesis.text, turn.cleaned) == (said, said[:-1])
    assert not is_premature(turn)


def test_a_pause_longer_than_a_question_needs_does_not_swallow_what_follows() -> None:
    said = f"明天下午三点{' ' * 30}在北京开会"  # 6 s of pause, in a recording handed in whole
    for settings in ({}, {"speculation": False}):
        events = run(said + END, endpointing=False, **settings)
        turn = collect_turn(events, BEGUN)
        assert turn.hypothesis.text == "明天下午三点在北京开会"
        assert turn.events[-1].kind == "answer_finished"
    assert of_kind(events, "speech_stopped")[-1].data["at_s"] == pytest.approx(8.2, abs=0.1)


def test_an_end_of_speech_without_a_pause_needs_no_draft() -> None:
    for said, silence_s in ((QUESTION, 0.5), (QUESTION + END, 0.0)):
        events = run(said, endpoint_silence_s=silence_s)
        assert drafts(events) == []
        assert collect_turn(events, BEGUN).hypothesis.text == QUESTION


def test_without_early_work_nothing_of_it_happens() -> None:
    generator = ScriptedGenerator()
    events = run(f"明天{PAUSE}{QUESTION}{END}", generator, speculation=False)
    assert not [e for e in events if e.kind.startswith(("speculation", "prefill"))]
    assert len(generator.asked) == 1
    assert generator.warmed == []
    assert not any(window.is_provisional for window in collect_turn(events, BEGUN).windows)


# ---------------------------------------------------------------- prefill


def test_the_prompt_is_warmed_from_its_head_on_in_whole_blocks() -> None:
    said = "明天下午三点在北京人民大会堂二楼会议室开请带上昨天的材料和电脑"
    generator, conversation = ScriptedGenerator(), Conversation()
    conversation.add("早上好", "您好。", num_tokens=10)
    events = run(
        said + END, generator, conversation=conversation, speculation=False, prefill=True,
        window_s=1.2, overlap_s=0.2, context_s=0.0,
    )  # fmt: skip
    (asked,) = generator.asked
    assert generator.warmed[0] == asked[: len(generator.warmed[0])]
    assert "您好。" in generator.warmed[0]
    lengths = [len(prompt) for prompt in generator.warmed]
    assert lengths == sorted(set(lengths))
    assert all(length % generator.block_tokens == 0 for length in lengths)
    assert all(asked.startswith(prompt) for prompt in generator.warmed)
    assert len(generator.warmed[-1]) > asked.index("带")
    started, finished = of_kind(events, "prefill_started"), of_kind(events, "prefill_finished")
    assert [event.data["num_tokens"] for event in started] == lengths
    assert [event.data["part"] for event in started][:2] == ["head", "transcript"]
    assert {event.data["outcome"] for event in finished} == {"done"}


class Watched(ScriptedGenerator):
    """Counts what is being warmed; the transcript is warmed until recognition has gone on."""

    num_warming = 0
    recognizer: CodedRecognizer | None = None

    async def warm(self, prompt: Prompt) -> int:
        self.num_warming += 1
        try:
            while self.recognizer and len(self.warmed) > 0 and self.recognizer.num_calls < 2:
                await asyncio.sleep(0.001)
            return await super().warm(prompt)
        finally:
            self.num_warming -= 1


def test_double_buffering_reads_while_the_next_window_is_recognised() -> None:
    said, settings = "明天下午三点在北京人民大会", {"window_s": 1.2, "overlap_s": 0.2}
    beside, before = Watched(), Watched()
    beside.recognizer = CodedRecognizer()  # a first window that is never read would hang this
    events = run(said + END, beside, beside.recognizer, prefill=True, speculation=False, **settings)

    class Alone(CodedRecognizer):
        def recognize(self, samples: Any) -> Any:
            assert before.num_warming == 0
            return super().recognize(samples)

    waiting = run(
        said + END, before, Alone(), prefill=True, speculation=False, double_buffering=False,
        **settings,
    )  # fmt: skip
    turn, waited = collect_turn(events, BEGUN), collect_turn(waiting, BEGUN)
    assert turn.failure is waited.failure is None
    assert (turn.prompt_token_ids, turn.answer) == (waited.prompt_token_ids, waited.answer)
    assert beside.warmed == before.warmed
    started = of_kind(waiting, "prefill_started")
    assert [event.data["is_waited_for"] for event in started] == [False] + [True] * (
        len(started) - 1
    )
    assert len(started) > 1


def test_the_wait_for_prefill_is_the_llms_in_the_waterfall() -> None:
    said = "明天下午三点在北京人民大会堂二楼会"  # what is left after the last window is read last
    settings = {"window_s": 1.2, "overlap_s": 0.2, "prefill": True, "speculation": False}
    for double_buffering in (True, False):
        events = run(
            said,
            ScriptedGenerator(warm_s=0.05, block_tokens=1),
            double_buffering=double_buffering,
            **settings,
        )
        turn = collect_turn(events, msgspec.structs.replace(BEGUN, t_eos_s=len(said) * 0.2))
        segments = waterfall(turn)
        assert ("prefill" in {each.stage for each in segments}) == (not double_buffering)
        total_s = sum(segment.duration_s for segment in segments)
        assert total_s == pytest.approx(latencies(turn)["response_latency_s"], abs=1e-3)


def test_a_prefill_that_hangs_costs_its_time_limit_and_not_the_turn() -> None:
    generator = ScriptedGenerator(warm_s=60.0)
    turn = collect_turn(
        run(QUESTION + END, generator, prefill=True, speculation=False, double_buffering=False,
            guard=Guard(llm_timeout_s=0.1)),
        BEGUN,
    )  # fmt: skip
    assert (turn.failure, turn.answer) == (None, "三点。")


def test_a_template_is_warmed_up_to_where_the_transcript_ends() -> None:
    generator = ScriptedGenerator(block_tokens=1)
    run(
        QUESTION + END, generator, speculation=False, prefill=True, window_s=1.0, overlap_s=0.0,
        prompt_template="听写：{asr_text}。谢谢{asr_text}",
    )  # fmt: skip
    assert generator.warmed[0].endswith("听写：")
    assert len(generator.warmed) > 1
    assert all("谢谢" not in prompt for prompt in generator.warmed)
    assert all(generator.asked[0].startswith(prompt) for prompt in generator.warmed)


def test_what_a_correction_takes_back_costs_time_and_no_truth() -> None:
    generator = ScriptedGenerator(block_tokens=1)
    events = run(
        "三点不对四点在北京人民大会堂开会" + END, generator, speculation=False, prefill=True,
        window_s=0.6, overlap_s=0.0, cleaning="self_correction",
    )  # fmt: skip
    turn = collect_turn(events, BEGUN)
    assert turn.messages[-1].content == "四点在北京人民大会堂开会"
    assert turn.retracted == ("三点",)
    assert any("三点" in prompt for prompt in generator.warmed)
    assert "三点" not in generator.asked[0]
    assert generator.asked[0].startswith(generator.warmed[-1])


def test_prefill_needs_a_cache() -> None:
    with pytest.raises(ConfigError, match="enable_prefix_caching: true"):
        run(QUESTION, ScriptedGenerator(block_tokens=0), prefill=True)


# ---------------------------------------------------------------- what it does to the figures


@pytest.mark.parametrize(
    "said", [QUESTION + END, f"明天下午三点{PAUSE}在北京开会{END}"], ids=["kept", "dropped"]
)
@pytest.mark.parametrize(
    "settings", [{}, {"prefill": True}, {"speculation": False, "prefill": True}]
)
def test_the_waterfall_sums_to_the_response_latency(
    said: str, settings: dict[str, Any], pace: Pace
) -> None:
    generator = ScriptedGenerator(token_s=0.02, warm_s=0.02)
    events = run(said, generator, CodedRecognizer(compute_s=0.02), pace=pace, **settings)
    t_eos_s = len(said.rstrip()) * 0.2
    turn = collect_turn(
        events, msgspec.structs.replace(BEGUN, t_eos_s=t_eos_s, t_eos_source="annotated")
    )
    segments = waterfall(turn)
    latency_s = latencies(turn)["response_latency_s"]
    assert latency_s is not None
    assert sum(segment.duration_s for segment in segments) == pytest.approx(latency_s, abs=1e-3)
    assert latency_s >= SILENCE_S - 0.04  # the silence that was waited for is part of it
    stages = {segment.stage for segment in segments}
    assert ("llm_first_token" in stages) == (not settings.get("speculation", True))


def test_a_draft_that_is_dropped_at_the_commit_costs_no_wrong_segment() -> None:
    """Its prompt is not the final one: a window that came with the end of the audio changed it."""
    said = "明天下午三点在北京人民大会"
    generator = ScriptedGenerator(token_s=0.01)
    events = run(said, generator, window_s=1.2, overlap_s=0.2, speculation_windows=1)
    assert drafts(events)[-1] == ("dropped", "windows", "prompt_changed")
    dropped, asked = (
        of_kind(events, "speculation_dropped")[-1],
        of_kind(events, "request_submitted"),
    )
    assert asked
    assert dropped.t_s <= asked[0].t_s
    turn = collect_turn(events, msgspec.structs.replace(BEGUN, t_eos_s=2.6))
    assert turn.hypothesis.text == said
    segments = waterfall(turn)
    total_s = sum(segment.duration_s for segment in segments)
    assert total_s == pytest.approx(latencies(turn)["response_latency_s"], abs=1e-3)


# ---------------------------------------------------------------- faults


def test_a_step_that_raises_while_warming_costs_nothing_but_time() -> None:
    generator = ScriptedGenerator(warming_fails=True)
    turn = collect_turn(run(QUESTION + END, generator, prefill=True), BEGUN)
    assert turn.failure is None
    assert turn.answer == "三点。"
    failed = [event for event in turn.events if event.kind == "prefill_finished"]
    assert {event.data["outcome"] for event in failed} == {"failed"}
    assert "device-side assert" in failed[0].data["error"]


@pytest.mark.parametrize("after", [0, 2])
def test_a_step_that_raises_in_a_draft_costs_the_draft(after: int, pace: Pace) -> None:
    generator = ScriptedGenerator(fails_after=after, fails_at=(0,))
    conversation = Conversation()
    events = run(QUESTION + END, generator, conversation=conversation, pace=pace)
    assert drafts(events)[-1] == ("dropped", "pause", "failed")
    (dropped,) = of_kind(events, "speculation_dropped")
    assert dropped.data["num_tokens"] == after
    assert "device-side assert" in dropped.data["error"]
    turn = collect_turn(events, BEGUN)
    assert turn.failure is None
    assert turn.answer == "三点。"
    assert len(generator.asked) == 2
    assert [exchange.assistant for exchange in conversation.exchanges] == ["三点。"]


def test_a_recogniser_that_fails_at_the_pause_is_asked_again_at_the_end() -> None:
    events = run("明天下午三点" + END, None, CodedRecognizer(fails_at=0))
    assert drafts(events) == [("dropped", "pause", "failed")]
    turn = collect_turn(events, BEGUN)
    assert (turn.failure, turn.hypothesis.text, turn.answer) == (None, "明天下午三点", "三点。")


def test_a_turn_that_fails_leaves_no_draft_and_its_failure_comes_last() -> None:
    said = "明天下午三点在北京人民大会堂二楼会议室开"
    generator = ScriptedGenerator(answer="答" * 90, token_s=0.02, warm_s=5.0)
    events = run(
        said + END, generator, CodedRecognizer(fails_at=2),
        window_s=1.2, overlap_s=0.2, speculation_windows=2, prefill=True,
    )  # fmt: skip
    assert [event.kind for event in events[-2:]] == ["failed", "degraded"]
    assert events[-2].data["stage"] == "asr"
    assert drafts(events)[-1] == ("dropped", "windows", "turn_over")
    assert generator.num_aborted == 1
    assert not of_kind(events, "answer_token")


@pytest.mark.parametrize("leaves_at", ["speculation_started", "prefill_started", "speech_stopped"])
def test_a_client_that_leaves_midway_leaves_nothing_running(leaves_at: str, pace: Pace) -> None:
    generator = ScriptedGenerator(answer="答" * 100, token_s=0.05, warm_s=9.0)
    conversation = Conversation()
    settings = {"speculation": True, "prefill": leaves_at == "prefill_started"}

    async def leave() -> None:
        clock = make_clock(pace)
        assistant = Assistant(CodedRecognizer(compute_s=0.01), generator, Variant(**settings))
        turn = assistant.run_turn(
            paced(chunk_audio(coded("明天下午" + END)), clock), conversation, clock=clock
        )
        async for event in turn:
            if event.kind == leaves_at:
                await asyncio.sleep(0.05)
                break
        await turn.aclose()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(leave())
    assert generator.num_aborted == len(generator.asked)
    assert generator.num_warmings_aborted == len(generator.warmed)
    assert (leaves_at == "prefill_started") == bool(generator.warmed)
    assert conversation.history() == ()


def test_a_client_may_declare_the_end_in_a_pause() -> None:
    async def listen() -> list[Event]:
        declared, clock = asyncio.Event(), make_clock("real_time")
        assistant = Assistant(CodedRecognizer(), ScriptedGenerator(), Variant(speculation=True))
        turn = assistant.run_turn(
            paced(chunk_audio(coded("明天下午" + " " * 40)), clock), Conversation(), clock=clock,
            declare_end=declared, endpointing=False,
        )  # fmt: skip
        events = []
        async for event in turn:
            events.append(event)
            if event.kind == "speculation_started":
                declared.set()
        return events

    events = asyncio.run(listen())
    assert of_kind(events, "turn_committed")[0].data["reason"] == "client"
    assert [kind for kind, _, _ in drafts(events)] == ["started", "kept"]
    assert collect_turn(events, BEGUN).answer == "三点。"
