"""One turn, from audio to record: what happens, in which order, and what happens when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.pipeline.scripted import ScriptedGenerator, ScriptedRecognizer, tone
from voicebench.audio import AudioChunk, chunk_audio
from voicebench.errors import AudioError, ConfigError
from voicebench.metrics.latency import latencies
from voicebench.metrics.waterfall import waterfall
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.types import Event, Hypothesis, Pace, Turn, Variant

BEGUN = Turn(
    run_id="r",
    suite="s",
    case_id="c",
    variant="v",
    repeat=0,
    turn_index=0,
    mode="latency",
    pace="fast",
)
SPEECH = np.concatenate([tone(2.7), tone(0.3, loud=False)])


def _assistant(
    recognizer: ScriptedRecognizer | None = None,
    generator: ScriptedGenerator | None = None,
    **settings: Any,
) -> Assistant:
    return Assistant(
        recognizer or ScriptedRecognizer(), generator or ScriptedGenerator(), Variant(**settings)
    )


def _run(
    assistant: Assistant,
    samples: NDArray[np.float32] = SPEECH,
    *,
    conversation: Conversation | None = None,
    pace: Pace = "fast",
    chunks: Iterable[AudioChunk] | None = None,
    **options: Any,
) -> list[Event]:
    async def run() -> list[Event]:
        clock = make_clock(pace)
        arriving = paced(chunks or chunk_audio(samples), clock)
        remembered = conversation or Conversation()
        turn = assistant.run_turn(arriving, remembered, clock=clock, **options)
        return [event async for event in turn]

    return asyncio.run(run())


def _kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


@pytest.mark.parametrize("handoff", ["text", "marked"])
def test_spelled_letters_are_a_word_in_events_prompt_and_record(handoff: str) -> None:
    generator = ScriptedGenerator()
    recognizer = ScriptedRecognizer(says="打开ppt给ceo")
    events = _run(_assistant(recognizer, generator, handoff=handoff, window_s=4.8), tone(2.7))
    (final,) = [event.data for event in events if event.kind == "transcript_final"]
    assert final["text"] == "打开PPT给CEO"
    turn = collect_turn(events, BEGUN)
    assert [token.text for token in turn.hypothesis.tokens] == [*"打开", "PPT", "给", "CEO"]
    assert turn.cleaned == "打开PPT给CEO"
    assert "打开PPT给CEO" in generator.asked[-1]


@pytest.mark.parametrize("pace", ["fast", "real_time"])
def test_a_turn_happens_in_order_and_its_record_is_whole(pace: Pace) -> None:
    generator = ScriptedGenerator()
    events = _run(_assistant(generator=generator), tone(2.1), pace=pace)
    assert [kind for kind in _kinds(events) if not kind.startswith("speech_")] == [
        "audio_started",
        "audio_ended",
        "turn_committed",
        "window_ready",
        "window_recognised",
        "transcript_final",
        "cleaned",
        "prompt_built",
        "request_submitted",
        *["answer_token"] * 3,
        "answer_finished",
    ]
    times = [event.t_s for event in events]
    assert times == sorted(times)
    turn = collect_turn(events, BEGUN)
    assert turn.audio_s == pytest.approx(2.1)
    assert turn.hypothesis.text == "明天下午三点开"
    assert turn.hypothesis.is_final
    assert turn.cleaned == turn.hypothesis.text
    assert turn.answer == "三点。"
    assert turn.finish_reason == "stop"
    assert turn.cached_prompt_tokens == 3
    assert [message.role for message in turn.messages] == ["system", "user"]
    assert "".join(map(chr, turn.prompt_token_ids)) == generator.asked[0]
    assert [window.index for window in turn.windows] == list(range(len(turn.windows)))
    assert turn.asr_compute_s == sum(window.compute_s for window in turn.windows)
    assert turn.failure is None
    assert turn.degraded is None


def test_the_record_goes_to_json_and_back_and_repeats_nothing() -> None:
    turn = collect_turn(_run(_assistant()), BEGUN)
    assert msgspec.json.decode(msgspec.json.encode(turn), type=Turn) == turn
    assert all(
        isinstance(value, str | int | float | None)
        for event in turn.events
        for value in event.data.values()
    )


def test_the_waterfall_sums_to_the_response_latency() -> None:
    begun = msgspec.structs.replace(BEGUN, t_eos_s=2.7, t_eos_source="annotated")
    turn = collect_turn(_run(_assistant(ScriptedRecognizer(compute_s=0.02))), begun)
    latency_s = latencies(turn)["response_latency_s"]
    assert latency_s == pytest.approx(sum(s.duration_s for s in waterfall(turn)), abs=1e-3)
    assert turn.t_eos_s == 2.7


def test_recognition_takes_its_time_at_fast_pace() -> None:
    events = _run(_assistant(ScriptedRecognizer(compute_s=0.15)))
    by_kind = {event.kind: event for event in events}
    assert by_kind["transcript_final"].t_s >= 3.0 + 0.15


def test_windows_are_recognised_while_audio_keeps_coming() -> None:
    recognizer = ScriptedRecognizer(compute_s=0.5)
    events = _run(_assistant(recognizer), tone(3.4), pace="real_time")
    first = next(event for event in events if event.kind == "window_recognised")
    ended = next(event for event in events if event.kind == "audio_ended")
    assert 2.9 <= first.t_s < ended.t_s < 3.4 + 0.4


@pytest.mark.parametrize(
    ("samples", "says", "reason"),
    [
        (tone(3.0, loud=False), "明天", "silence"),
        (tone(3.0), "", "silence"),
        (tone(0.9), "嗯啊呃", "nothing_left_after_cleaning"),
    ],
)
def test_silence_never_reaches_the_llm(
    samples: NDArray[np.float32], says: str, reason: str
) -> None:
    generator, conversation = ScriptedGenerator(), Conversation()
    events = _run(
        _assistant(ScriptedRecognizer(says=says), generator), samples, conversation=conversation
    )
    turn = collect_turn(events, BEGUN)
    assert events[-1].kind == "degraded"
    assert turn.degraded is not None
    assert turn.degraded.reason == reason
    assert turn.degraded.hint
    assert generator.asked == []
    assert conversation.history() == ()


def test_a_later_turn_is_told_the_earlier_ones() -> None:
    generator, conversation = ScriptedGenerator(), Conversation()
    assistant = _assistant(generator=generator)
    for _ in range(2):
        _run(assistant, conversation=conversation)
    assert "assistant:三点。\n" in generator.asked[1]
    assert len(conversation.exchanges) == 2


def test_the_variant_words_and_cleans() -> None:
    generator = ScriptedGenerator()
    assistant = _assistant(
        ScriptedRecognizer(says="三点不对四点"),
        generator,
        cleaning="self_correction",
        prompt="brief",
        prompt_template="听写：{asr_text}",
    )
    turn = collect_turn(_run(assistant, tone(1.8)), BEGUN)
    assert turn.retracted == ("三点",)
    assert turn.messages[-1].content == "听写：四点"
    assert "只用一句话" in generator.asked[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cleaning": "tidy"}, "unknown cleaning 'tidy'"),
        ({"prompt": "kind"}, "unknown prompt 'kind'"),
        ({"prompt_template": "x"}, "has no {asr_text}"),
        ({"handoff": "embeds"}, "handoff='embeds' needs a language model that takes embeddings"),
        ({"handoff": "soft_embeds"}, "llm.enable_prompt_embeds: true"),
    ],
)
def test_a_variant_that_cannot_be_run_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _assistant(**settings)
    assert message in str(caught.value)


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("fails_at", [0, 1])
@pytest.mark.parametrize("pace", ["fast", "real_time"])
def test_a_recogniser_that_fails_is_a_failed_turn(fails_at: int, pace: Pace) -> None:
    generator, conversation = ScriptedGenerator(), Conversation()
    assistant = _assistant(ScriptedRecognizer(fails_at=fails_at), generator)
    turn = collect_turn(_run(assistant, pace=pace, conversation=conversation), BEGUN)
    assert turn.failure is not None
    assert (turn.failure.stage, turn.failure.type) == ("asr", "StageError")
    assert "out of memory" in turn.failure.message
    assert generator.asked == []
    assert conversation.history() == ()


def test_an_llm_that_fails_midway_keeps_what_it_said() -> None:
    conversation = Conversation()
    assistant = _assistant(generator=ScriptedGenerator(fails_after=2))
    turn = collect_turn(_run(assistant, conversation=conversation), BEGUN)
    assert turn.failure is not None
    assert turn.failure.stage == "llm"
    assert turn.answer == "三点"
    assert turn.finish_reason == ""
    assert conversation.history() == ()


def test_audio_that_breaks_off_is_a_failed_turn() -> None:
    def chunks() -> Iterable[AudioChunk]:
        yield AudioChunk(tone(0.1), 0.0)
        raise AudioError("question.mp3 is truncated after 0.1 s", "Copy it again.")

    turn = collect_turn(_run(_assistant(), chunks=chunks()), BEGUN)
    assert turn.failure is not None
    assert (turn.failure.stage, turn.failure.type) == ("audio", "AudioError")
    assert "question.mp3" in turn.failure.message


def test_no_audio_at_all_is_a_degraded_turn() -> None:
    turn = collect_turn(_run(_assistant(), chunks=iter([AudioChunk(tone(0.0), 0.0)])), BEGUN)
    assert turn.degraded is not None
    assert turn.degraded.reason == "silence"


def test_a_consumer_that_goes_away_aborts_the_request() -> None:
    generator = ScriptedGenerator(answer="答" * 100, token_s=0.02)

    async def leave() -> None:
        clock = make_clock("fast")
        turn = _assistant(generator=generator).run_turn(
            paced(chunk_audio(SPEECH), clock), Conversation(), clock=clock
        )
        async for event in turn:
            if event.kind == "answer_token":
                break
        await turn.aclose()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(leave())
    assert generator.num_aborted == 1


def test_a_cancelled_turn_leaves_nothing_running() -> None:
    async def cancel() -> None:
        assistant = _assistant(ScriptedRecognizer(compute_s=0.1))
        clock = make_clock("real_time")

        async def run() -> None:
            turn = assistant.run_turn(
                paced(chunk_audio(tone(5.0)), clock), Conversation(), clock=clock
            )
            async for _ in turn:
                pass

        task = asyncio.create_task(run())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(cancel())


def test_a_client_may_declare_the_turn_over() -> None:
    async def run() -> list[Event]:
        declared, clock = asyncio.Event(), make_clock("real_time")

        async def endless() -> AsyncIterator[AudioChunk]:
            async for chunk in paced(chunk_audio(tone(0.9)), clock):
                yield chunk
            await asyncio.Event().wait()

        asyncio.get_running_loop().call_later(1.2, declared.set)
        turn = _assistant().run_turn(
            endless(), Conversation(), clock=clock, declare_end=declared, endpointing=False
        )
        return [event async for event in turn]

    events = asyncio.run(run())
    committed = next(event for event in events if event.kind == "turn_committed")
    assert committed.data["reason"] == "client"
    assert events[-1].kind == "answer_finished"


# ---------------------------------------------------------------- batches


def test_answers_of_a_batch_are_in_order_and_cut_at_the_limit() -> None:
    assistant = _assistant(generator=ScriptedGenerator(answer="一二三四五"))
    prompts = [assistant.build_prompt((), text, Hypothesis())[1] for text in ("甲", "乙")]
    answers = assistant.answer_many(prompts)
    assert [answer.text for answer in answers] == ["一二三四五"] * 2
    assert [answer.finish_reason for answer in answers] == ["stop"] * 2


def test_one_bad_prompt_of_a_batch_does_not_cost_the_others() -> None:
    assistant = _assistant()
    prompts = [assistant.build_prompt((), text, Hypothesis())[1] for text in ("甲", "毒", "乙")]
    answers = assistant.answer_many(prompts)
    assert [answer.text for answer in answers] == ["三点。", "", "三点。"]
    assert answers[1].failure is not None
    assert answers[1].failure.stage == "llm"


def test_a_whole_recording_is_transcribed_as_a_turn_would_be() -> None:
    assistant = _assistant()
    transcript = assistant.transcribe(SPEECH)
    turn = collect_turn(_run(assistant), BEGUN)
    assert transcript.hypothesis.text == turn.hypothesis.text
    assert transcript.hypothesis.is_final
    assert [window.end_s for window in transcript.windows] == [w.end_s for w in turn.windows]
