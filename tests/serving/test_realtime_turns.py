"""`/v1/realtime`: who answers and who interrupts, where the client has its say in turn taking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.pipeline.scripted import CodedRecognizer, ScriptedRecognizer, coded, tone
from tests.serving.served import ServedGenerator, as_base64, serving
from tests.serving.test_realtime import MANUAL, QUIET, Line, talk
from tests.serving.test_realtime_items import add, answer, message, said_to

pytestmark = pytest.mark.usefixtures("loudness_vad")
SPOKEN = np.concatenate([tone(1.5), QUIET])
HEARD = "明天下午三"
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def turns(**detection: Any) -> dict[str, Any]:
    return {"audio": {"input": {"turn_detection": {"type": "server_vad", **detection}}}}


@pytest.mark.parametrize("creates", [True, False])
def test_speech_that_does_not_interrupt_leaves_the_answer_and_joins_the_conversation(
    creates: bool,
) -> None:
    generator = ServedGenerator(answer="长" * 60, token_s=0.02)
    with serving(generator=generator) as served:

        async def play(line: Line) -> Line:
            session = turns(interrupt_response=False, create_response=creates)
            await line.send("session.update", session=session)
            await add(line, message("讲"))
            await line.send("response.create")
            await line.until("response.output_text.delta")
            await line.speak(SPOKEN)
            assert (await line.until(TRANSCRIBED))["transcript"] == HEARD
            generator.answer = "好。"
            done = (await line.until("response.done"))["response"]
            assert done["status"] == "completed"
            assert done["output"][0]["content"][0]["text"] == "长" * 60
            if creates:
                done = (await line.until("response.done"))["response"]
            else:
                done = await answer(line)
            assert done["output"][0]["content"][0]["text"] == "好。"
            return line

        line = talk(served, play)
        assert generator.num_aborted == 0
        assert sorted(said_to(generator)) == sorted(
            [("user", "讲"), ("assistant", "长" * 60), ("user", HEARD)]
        )
        assert line.kinds().count("response.done") == 2


def test_a_response_that_is_created_as_speech_ends_knows_what_was_said() -> None:
    with serving(recognizer=ScriptedRecognizer(compute_s=0.2)) as served:

        async def play(line: Line) -> None:
            await line.send("session.update", session=turns(create_response=False))
            await line.speak(SPOKEN)
            await line.until("input_audio_buffer.committed")
            assert (await answer(line))["status"] == "completed"

        talk(served, play)
        assert said_to(served.generator) == [("user", HEARD)]


def test_a_response_is_cancelled_while_it_waits_for_the_transcript() -> None:
    with serving(recognizer=ScriptedRecognizer(compute_s=0.5)) as served:

        async def play(line: Line) -> None:
            await line.send("session.update", session=MANUAL)
            await line.speak(SPOKEN)
            await line.send("input_audio_buffer.commit")
            await line.send("response.create")
            await line.send("response.cancel")
            done = (await line.until("response.done"))["response"]
            assert done["status"] == "cancelled"
            assert done["status_details"]["reason"] == "client_cancelled"
            assert served.generator.asked == []
            assert (await answer(line))["status"] == "completed"

        talk(served, play)
        assert said_to(served.generator) == [("user", HEARD)]


def test_cancelling_while_the_user_speaks_takes_no_words_away() -> None:
    with serving() as served:

        async def play(line: Line) -> None:
            await line.send("session.update", session=turns())
            await line.speak(tone(1.5))
            await line.until("input_audio_buffer.speech_started")
            await line.send("response.cancel")
            await line.speak(QUIET)
            assert (await line.until(TRANSCRIBED))["transcript"] == HEARD
            assert (await line.until("response.done"))["response"]["status"] == "completed"

        talk(served, play)


@pytest.mark.parametrize("chunk_s", [0.1, 30.0])
def test_a_client_that_sends_faster_than_speech_loses_no_sentence(chunk_s: float) -> None:
    sentences = ["明天下午三点开会", "请带上材料和电脑", "不要迟到"]
    speech = np.concatenate([coded(sentence + "   ") for sentence in sentences])
    data = (speech * 32768).astype("<i2").tobytes()
    with serving(recognizer=CodedRecognizer(compute_s=0.3)) as served:

        async def play(line: Line) -> list[str]:
            session = turns(silence_duration_ms=300)
            session["audio"]["input"]["format"] = {"type": "audio/pcm", "rate": 16_000}
            await line.until("session.created")
            await line.send("session.update", session=session)
            await line.skip()  # OpenAI's client knows 24 kHz only
            size = 2 * round(chunk_s * 16_000)
            for start in range(0, len(data), size):
                await line.send(
                    "input_audio_buffer.append", audio=as_base64(data[start : start + size])
                )
            return [(await line.until(TRANSCRIBED))["transcript"] for _ in sentences]

        assert talk(served, play, "/v1/realtime?intent=transcription") == sentences


def test_settings_of_turn_detection_that_are_null_have_their_defaults() -> None:
    names = (
        "silence_duration_ms", "prefix_padding_ms", "create_response", "interrupt_response",
        "threshold", "idle_timeout_ms", "eagerness",
    )  # fmt: skip
    with serving() as served:

        async def play(line: Line) -> None:
            await line.until("session.created")
            await line.send("session.update", session=turns(**dict.fromkeys(names)))
            session = (await line.until("session.updated"))["session"]
            detection = session["audio"]["input"]["turn_detection"]
            assert detection["create_response"]
            assert detection["interrupt_response"]
            assert detection["silence_duration_ms"] == 500

        talk(served, play)


@pytest.mark.parametrize("interrupts", [True, False])
def test_a_response_can_be_asked_for_while_the_user_speaks(interrupts: bool) -> None:
    """None is active then: it answers what was there before, and the speech is answered too."""
    generator = ServedGenerator(answer="长" * 60, token_s=0.05)
    with serving(generator=generator) as served:

        async def play(line: Line) -> list[Any]:
            await line.send("session.update", session=turns(interrupt_response=interrupts))
            await add(line, message("讲"))
            await line.speak(tone(1.5))
            await line.until("input_audio_buffer.speech_started")
            await line.send("response.create")
            await line.until("response.output_text.delta")
            await line.send("response.create")
            error = (await line.until("error"))["error"]
            assert error["code"] == "conversation_already_has_active_response"
            generator.answer, generator.token_s = "好。", 0.0
            await line.speak(QUIET)
            return [(await line.until("response.done"))["response"] for _ in range(2)]

        first, second = talk(served, play)
        if interrupts:
            assert first["status"] == "cancelled"
            assert first["status_details"]["reason"] == "turn_detected"
        else:
            assert first["status"] == "completed"
            assert first["output"][0]["content"][0]["text"] == "长" * 60
        assert second["status"] == "completed"
        assert second["output"][0]["content"][0]["text"] == "好。"
        assert said_to(generator)[-1] == ("user", HEARD)


@pytest.mark.parametrize("detection", [None, {"type": "server_vad"}])
@pytest.mark.parametrize("include", [["item.input_audio_transcription.logprobs"], None])
def test_logprobs_of_transcripts_come_to_who_asks(
    detection: dict[str, Any] | None, include: list[str] | None
) -> None:
    with serving() as served:

        async def play(line: Line) -> None:
            session = {"include": include, "audio": {"input": {"turn_detection": detection}}}
            await line.send("session.update", session=session)
            assert (await line.until("session.updated"))["session"]["include"] == include
            await line.speak(SPOKEN)
            if detection is None:
                await line.send("input_audio_buffer.commit")
            done = await line.until(TRANSCRIBED)
            deltas = [event for event in line.got if event["type"].endswith("transcription.delta")]
            assert bool(deltas) == bool(detection)
            if include:
                assert [each["token"] for each in done["logprobs"]] == list(HEARD)
                assert {each["logprob"] for each in done["logprobs"]} == {-0.1054}
                found = [each for event in deltas for each in event["logprobs"]]
                assert not deltas or found == done["logprobs"]
            else:
                assert not any(event.get("logprobs") for event in [done, *deltas])
            await line.send("session.update", session={"include": ["reasoning.content"]})
            assert "include" in (await line.until("error"))["error"]["param"]

        talk(served, play)
