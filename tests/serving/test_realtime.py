"""`/v1/realtime`: the events that OpenAI's client reads, in their order, and barging in."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, get_args

import numpy as np
import openai
import pytest
import soxr
from numpy.typing import NDArray
from openai.types.realtime import RealtimeServerEvent
from websockets.asyncio.client import ClientConnection, connect

from tests.pipeline.faulty import PlannedRecognizer
from tests.pipeline.scripted import ScriptedRecognizer, tone
from tests.serving.served import (
    KEY,
    Served,
    ServedGenerator,
    make_settings,
    serving,
    wav,
)

pytestmark = pytest.mark.usefixtures("loudness_vad")
_EVENTS = {
    get_args(event.model_fields["type"].annotation)[0]: event
    for event in get_args(get_args(RealtimeServerEvent)[0])
}
QUIET = tone(0.8, loud=False)
MANUAL = {"audio": {"input": {"turn_detection": None}}}
LIVE = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}


def _at_24_khz(samples: NDArray[np.float32]) -> bytes:
    return bytes((soxr.resample(samples, 16_000, 24_000) * 32767).astype("<i2").tobytes())


class Line:
    """A plain WebSocket client; every event it gets has to be one that OpenAI's client reads."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.got: list[dict[str, Any]] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self._connection.send(json.dumps({"type": kind, **fields}))

    async def speak(self, samples: NDArray[np.float32]) -> None:
        data = _at_24_khz(samples)
        for start in range(0, len(data), 4800):
            piece = base64.b64encode(data[start : start + 4800]).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            event = json.loads(await asyncio.wait_for(self._connection.recv(), 20))
            _EVENTS[event["type"]].model_validate(event)
            self.got.append(event)
            if event["type"] == kind:
                return event

    async def skip(self) -> None:
        """An event that OpenAI's client does not read."""
        await asyncio.wait_for(self._connection.recv(), 20)

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.got]

    def text(self) -> str:
        deltas = (e for e in self.got if e["type"] == "response.output_text.delta")
        return "".join(event["delta"] for event in deltas)


def talk(
    served: Served, play: Callable[[Line], Any], path: str = "/v1/realtime", **options: Any
) -> Any:
    async def run() -> Any:
        url = served.url.replace("http", "ws") + path
        async with connect(url, proxy=None, **options) as connection:
            return await play(Line(connection))

    return asyncio.run(run())


@pytest.fixture(scope="module")
def live(loudness_vad: None) -> AsyncIterator[Served]:  # type: ignore[misc]
    with serving(make_settings(variant={"prefill": True, "speculation": True})) as running:
        yield running  # type: ignore[misc]


def test_a_spoken_turn_from_its_first_word_to_the_last_of_its_answer(live: Served) -> None:
    async def play(line: Line) -> Line:
        created = await line.until("session.created")
        assert created["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        await line.send("session.update", session=LIVE, event_id="mine")
        await line.until("session.updated")
        await line.speak(np.concatenate([QUIET, tone(3.0)]))
        await line.until("conversation.item.input_audio_transcription.delta")
        await line.speak(QUIET)
        done = await line.until("response.done")
        assert done["response"]["status"] == "completed"
        assert done["response"]["usage"]["output_tokens"] == 3
        (item,) = done["response"]["output"]
        assert item["content"] == [{"type": "output_text", "text": "三点。"}]
        return line

    line = talk(live, play)
    told = [kind for kind in line.kinds()[2:] if not kind.endswith("delta")]
    assert told == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    events = {event["type"]: event for event in line.got}
    started = events["input_audio_buffer.speech_started"]
    assert started["audio_start_ms"] == pytest.approx(500, abs=250)
    assert started["item_id"] == events["input_audio_buffer.committed"]["item_id"]
    heard = events["conversation.item.input_audio_transcription.completed"]["transcript"]
    kind = "conversation.item.input_audio_transcription.delta"
    assert "".join(e["delta"] for e in line.got if e["type"] == kind) == heard != ""
    assert line.kinds().index(kind) < line.kinds().index("input_audio_buffer.committed")
    assert line.text() == "三点。"


def test_what_was_said_is_remembered_within_the_budget(live: Served) -> None:
    async def play(line: Line) -> None:
        await line.send("session.update", session={**LIVE, "instructions": "简短。"})
        for _ in range(2):
            await line.speak(np.concatenate([tone(1.5), QUIET]))
            await line.until("response.done")

    talk(live, play)
    assert live.generator.asked[-1].startswith("system:简短。\nuser:明天下午三")
    assert "assistant:三点。\nuser:明天下午三" in live.generator.asked[-1]


def test_speaking_over_an_answer_cancels_it() -> None:
    generator = ServedGenerator(answer="长" * 500, token_s=0.02)
    with serving(generator=generator) as served:

        async def play(line: Line) -> Line:
            await line.send("session.update", session=LIVE)
            await line.speak(np.concatenate([tone(1.5), QUIET]))
            await line.until("response.output_text.delta")
            generator.answer = "好。"
            await line.speak(np.concatenate([tone(1.5), QUIET]))
            cancelled = await line.until("response.done")
            assert cancelled["response"]["status"] == "cancelled"
            assert cancelled["response"]["status_details"]["reason"] == "turn_detected"
            await line.until("input_audio_buffer.speech_started")
            assert (await line.until("response.done"))["response"]["status"] == "completed"
            return line

        line = talk(served, play)
        assert generator.num_aborted == 1
        assert generator.num_open == 0
        assert "assistant:长" in generator.asked[-1], "the part that was heard is remembered"
        assert line.text().endswith("好。")


def test_without_turn_detection_the_client_says_when(live: Served) -> None:
    async def play(line: Line) -> Line:
        await line.send("session.update", session=MANUAL)
        await line.speak(tone(1.5))
        await line.send("input_audio_buffer.clear")
        await line.until("input_audio_buffer.cleared")
        await line.send("input_audio_buffer.commit")
        error = await line.until("error")
        assert error["error"]["code"] == "input_audio_buffer_commit_empty"
        await line.speak(tone(1.5))
        await line.send("input_audio_buffer.commit")
        await line.send("response.create", response={"instructions": "简短。"})
        heard = await line.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "明天下午三"
        assert heard["usage"] == {"type": "duration", "seconds": 1.5}
        await line.until("response.done")
        return line

    line = talk(live, play)
    assert line.text() == "三点。"
    assert live.generator.asked[-1] == "system:简短。\nuser:明天下午三\n"


def test_typed_items_tools_and_their_results() -> None:
    call = '<tool_call>{"name": "get_weather", "arguments": {"city": "北京"}}</tool_call>'
    generator = ServedGenerator(answer=call)
    with serving(generator=generator) as served:

        async def play(line: Line) -> Line:
            tool = {
                "type": "function", "name": "get_weather", "description": "天气",
                "parameters": {"type": "object"},
            }  # fmt: skip
            await line.send("session.update", session={**MANUAL, "tools": [tool]})
            content = [{"type": "input_text", "text": "北京天气"}]
            item = {"type": "message", "role": "user", "content": content}
            await line.send("conversation.item.create", item=item)
            await line.send("response.create")
            called = await line.until("response.function_call_arguments.done")
            assert json.loads(called["arguments"]) == {"city": "北京"}
            done = await line.until("response.done")
            assert done["response"]["output"][0]["type"] == "function_call"
            generator.answer = "晴。"
            output = {
                "type": "function_call_output", "call_id": called["call_id"], "output": "晴",
            }  # fmt: skip
            await line.send("conversation.item.create", item=output)
            await line.send("response.create")
            await line.until("response.done")
            return line

        line = talk(served, play)
        assert line.text() == "晴。"
        roles = [message.role for message in generator.conversations[-1]]
        assert roles == ["system", "user", "assistant", "tool"]
        assert generator.offered[-1]

        async def without(line: Line) -> None:
            tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]
            session = {**MANUAL, "tools": tools, "tool_choice": "none"}
            await line.send("session.update", session=session)
            item = {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "?"}],
            }
            await line.send("conversation.item.create", item=item)
            await line.send("response.create")
            await line.until("response.done")

        talk(served, without)
        assert generator.offered[-1] == ()


def test_cancelling_aborts_the_request() -> None:
    generator = ServedGenerator(answer="长" * 500, token_s=0.02)
    with serving(generator=generator) as served:

        async def play(line: Line) -> None:
            item = {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "讲"}],
            }
            await line.send("conversation.item.create", item=item)
            await line.send("response.create")
            await line.until("response.output_text.delta")
            await line.send("response.create", event_id="twice")
            error = await line.until("error")
            assert error["error"]["event_id"] == "twice"
            await line.send("response.cancel")
            done = await line.until("response.done")
            assert done["response"]["status_details"]["reason"] == "client_cancelled"

        talk(served, play)
        assert (generator.num_open, generator.num_aborted) == (0, 1)


def test_leaving_in_the_middle_leaves_nothing_behind() -> None:
    generator = ServedGenerator(answer="长" * 500, token_s=0.02)
    with serving(generator=generator) as served:

        async def play(line: Line) -> None:
            await line.send("session.update", session=LIVE)
            await line.speak(np.concatenate([tone(1.5), QUIET]))
            await line.until("response.output_text.delta")

        talk(served, play)
        served.wait_for(lambda: generator.num_open == 0, "the abort")
        served.wait_for(lambda: served.service.admission.num_streams == 0, "the place")
        assert served.service.admission.is_idle


def test_what_cannot_be_believed_is_answered_with_a_hint() -> None:
    settings = make_settings(guard={"min_confidence": 0.95})
    with serving(settings, recognizer=ScriptedRecognizer()) as served:

        async def play(line: Line) -> list[Any]:
            await line.send("session.update", session=LIVE)
            await line.speak(np.concatenate([tone(1.5), QUIET]))
            first = await line.until("response.done")
            await line.send("session.update", session=MANUAL)
            await line.speak(tone(1.5))
            await line.send("input_audio_buffer.commit")
            await line.send("response.create")
            return [first, await line.until("response.done")]

        for done in talk(served, play):
            assert done["response"]["status"] == "failed"
            error = done["response"]["status_details"]["error"]
            assert error["code"] == "low_confidence"
            assert "请再说一遍" in error["message"]


def test_while_the_breaker_is_open_speech_is_refused() -> None:
    settings = make_settings(guard={"open_after": 1})
    with serving(settings, recognizer=PlannedRecognizer(plans=[RuntimeError("x")])) as served:

        async def play(line: Line) -> list[str]:
            await line.send("session.update", session=LIVE)
            reasons = []
            for _ in range(2):
                await line.speak(np.concatenate([tone(1.5), QUIET]))
                done = await line.until("response.done")
                reasons.append(done["response"]["status_details"]["error"]["code"])
            return reasons

        assert talk(served, play) == ["asr_failed", "breaker_open"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "json_invalid"),
        ('{"type": "nothing"}', "union_tag_invalid"),
        ('{"type": "input_audio_buffer.append", "audio": "%%"}', "invalid_audio"),
        ('{"type": "session.update", "session": {"output_modalities": ["audio"]}}', "literal_error"),
        ('{"type": "session.update", "session": {"audio": 7}}', "model_type"),
        ('{"type": "session.update", "session": {"tool_choice": "sometimes"}}', "literal_error"),
        ('{"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/mp3"}}}}}', "literal_error"),
        ('{"type": "session.update", "session": {"input_audio_format": "mp3"}}', "invalid_value"),
        ('{"type": "session.update", "session": {"modalities": ["audio"]}}', "literal_error"),
        ('{"type": "response.create"}', "conversation_empty"),
        ('{"type": "response.create", "response": {"tool_choice": "required"}}', "invalid_value"),
        ('{"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "x"}]}}', "item_not_found"),
        ('{"type": "response.cancel", "response_id": "resp_x"}', "response_cancel_not_active"),
        ('{"type": "conversation.item.delete", "item_id": "x"}', "item_delete_invalid_item_id"),
        ('{"type": "conversation.item.retrieve", "item_id": "x"}', "item_retrieve_invalid_item_id"),
        ('{"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 0}', "item_truncate_invalid_item_id"),
        ('{"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "x", "output": ""}}', "invalid_tool_call_id"),
        ('{"type": "conversation.item.create", "item": {"type": "mcp_call"}}', "union_tag_invalid"),
        ('{"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{"type": "input_image"}]}}', "union_tag_invalid"),
        ('{"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}}', "invalid_audio"),
        ('{"type": "response.create", "response": {"max_output_tokens": 0}}', "greater_than_equal"),
    ],
)  # fmt: skip
def test_a_wrong_event_is_told_of_and_the_session_goes_on(
    live: Served, message: str, code: str
) -> None:
    async def play(line: Line) -> None:
        await line._connection.send(message)
        error = await line.until("error")
        assert error["error"]["code"] == code
        await line.send("input_audio_buffer.clear")
        await line.until("input_audio_buffer.cleared")

    talk(live, play)


def test_places_keys_and_models() -> None:
    settings = make_settings(api_key=KEY, limits={"max_streams": 1, "speech_idle_s": 0.5})
    with serving(settings) as served:

        async def hold(line: Line) -> int:
            """Silence holds no place; a stream that speaks does until it has been silent."""
            await line.until("session.created")
            async with connect(
                served.url.replace("http", "ws") + "/v1/realtime",
                proxy=None,
                additional_headers={"authorization": f"Bearer {KEY}"},
            ) as connection:
                other = Line(connection)
                await other.speak(tone(0.1, loud=False))
                await other.send("input_audio_buffer.clear")
                await other.until("input_audio_buffer.cleared")
                await line.speak(tone(0.1, loud=False))
                assert (await line.until("error"))["error"]["code"] == "too_many_streams"
                await asyncio.sleep(0.8)
                await line.speak(tone(0.1, loud=False))
                await line.send("input_audio_buffer.clear")
                await line.until("input_audio_buffer.cleared")
            return 1

        key_protocol = f"openai-insecure-api-key.{KEY}"
        assert talk(served, hold, subprotocols=["realtime", key_protocol]) == 1
        with pytest.raises(Exception, match="HTTP 403"):
            talk(served, hold)

        async def refused(line: Line) -> str:
            return str((await line.until("error"))["error"]["code"])

        headers = {"authorization": f"Bearer {KEY}"}
        served.wait_for(lambda: served.service.admission.num_streams == 0, "the place")
        path = "/v1/realtime?model=gpt-9"
        assert talk(served, refused, path, additional_headers=headers) == "model_not_found"


def test_the_official_client_holds_a_conversation(live: Served) -> None:
    async def run() -> str:
        client = openai.AsyncOpenAI(api_key="none", base_url=live.url + "/v1")
        async with (
            client,
            client.realtime.connect(
                model="bundled", websocket_connection_options={"proxy": None}
            ) as line,
        ):
            await line.session.update(session={"type": "realtime", **LIVE})  # type: ignore[typeddict-item]
            data = _at_24_khz(np.concatenate([tone(1.5), QUIET]))
            await line.input_audio_buffer.append(audio=base64.b64encode(data).decode())
            said = ""
            async for event in line:
                if event.type == "response.output_text.delta":
                    said += event.delta
                if event.type == "response.done":
                    return said
        raise AssertionError("the line was closed")

    assert asyncio.run(asyncio.wait_for(run(), 30)) == "三点。"


def test_a_wav_is_no_pcm_but_does_no_harm(live: Served) -> None:
    async def play(line: Line) -> None:
        await line.send("session.update", session=MANUAL)
        await line.send("input_audio_buffer.append", audio=base64.b64encode(wav()).decode())
        await line.send("input_audio_buffer.commit")
        await line.until("conversation.item.input_audio_transcription.completed")

    talk(live, play)
