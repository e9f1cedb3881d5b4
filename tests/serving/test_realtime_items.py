"""`/v1/realtime`: items, responses out of band, transcription sessions and the beta's names."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from tests.pipeline.scripted import tone
from tests.serving.served import Served, ServedGenerator, make_settings, serving
from tests.serving.test_realtime import LIVE, MANUAL, QUIET, Line, talk
from voicebench.serving.sound import PcmStream

pytestmark = pytest.mark.usefixtures("loudness_vad")
WEATHER = {
    "type": "function", "name": "get_weather", "description": "天气",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}  # fmt: skip
TIME = {"type": "function", "name": "get_time", "description": "时间"}


@pytest.fixture(scope="module")
def live(loudness_vad: None) -> Iterator[Served]:
    with serving(make_settings(variant={"prefill": True, "speculation": True})) as running:
        yield running


def g711(samples: NDArray[np.float32], encoding: Any) -> bytes:
    """The codes whose samples are nearest."""
    table = PcmStream(16_000, encoding).feed(bytes(range(256)))
    return bytes(np.abs(table[None] - samples[:, None]).argmin(1).astype(np.uint8).tobytes())


def message(text: str, role: str = "user", **fields: Any) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": "message", "role": role, "content": content, **fields}


async def add(line: Line, item: dict[str, Any], **fields: Any) -> dict[str, Any]:
    await line.send("conversation.item.create", item=item, **fields)
    return await line.until("conversation.item.done")


async def answer(line: Line, **response: Any) -> dict[str, Any]:
    await line.send("response.create", response=response)
    return dict((await line.until("response.done"))["response"])


def said_to(generator: Any) -> list[tuple[str, str]]:
    """The last prompt without its instructions."""
    return [(m.role, m.content) for m in generator.conversations[-1] if m.role != "system"]


def test_items_are_put_in_order_deleted_and_retrieved(live: Served) -> None:
    async def play(line: Line) -> None:
        await add(line, message("二", id="b"))
        await add(line, message("一", id="a"), previous_item_id="root")
        await add(line, message("三", id="c"), previous_item_id="b")
        done = await add(line, message("一半", id="h"), previous_item_id="a")
        assert done["previous_item_id"] == "a"
        await line.send("conversation.item.create", item=message("又", id="a"))
        assert (await line.until("error"))["error"]["code"] == "item_create_duplicate_item_id"
        await line.send("conversation.item.create", item=message("x"), previous_item_id="zz")
        assert (await line.until("error"))["error"]["param"] == "previous_item_id"
        await line.send("conversation.item.delete", item_id="h")
        assert (await line.until("conversation.item.deleted"))["item_id"] == "h"
        await line.send("conversation.item.retrieve", item_id="c")
        item = (await line.until("conversation.item.retrieved"))["item"]
        assert item["content"][0]["text"] == "三"
        await answer(line)

    talk(live, play)
    assert said_to(live.generator) == [("user", "一"), ("user", "二"), ("user", "三")]


def test_an_answer_of_which_nothing_was_spoken_is_truncated_and_no_other(live: Served) -> None:
    async def play(line: Line) -> None:
        await add(line, message("几点", id="q"))
        spoken = (await answer(line))["output"][0]["id"]
        cut = {"item_id": spoken, "content_index": 0}
        await line.send("conversation.item.truncate", **cut, audio_end_ms=700)
        assert (await line.until("error"))["error"]["param"] == "audio_end_ms"
        await line.send("conversation.item.truncate", **{**cut, "item_id": "q"}, audio_end_ms=0)
        assert (await line.until("error"))["error"]["param"] == "item_id"
        await line.send("conversation.item.truncate", **cut, audio_end_ms=0)
        assert (await line.until("conversation.item.truncated"))["item_id"] == spoken
        await add(line, message("再说一遍"))
        await answer(line)

    talk(live, play)
    assert said_to(live.generator) == [("user", "几点"), ("user", "再说一遍")]


@pytest.mark.parametrize("transcript", [None, "后天上午"])
def test_a_recording_in_a_message_is_recognized_or_its_transcript_taken(
    live: Served, transcript: str | None
) -> None:
    samples = soxr.resample(tone(1.5), 16_000, 24_000)
    pcm = (samples * 32767).astype("<i2").tobytes()
    part = {"type": "input_audio", "audio": base64.b64encode(pcm).decode()}
    if transcript:
        part["transcript"] = transcript
    content = [{"type": "input_text", "text": "请听："}, part]

    async def play(line: Line) -> dict[str, Any]:
        item = {"type": "message", "role": "user", "content": content}
        await line.send("conversation.item.create", item=item)
        await answer(line)
        done = [e for e in line.got if e["type"] == "conversation.item.done"]
        return dict(done[0]["item"])

    item = talk(live, play)
    heard = transcript or "明天下午三"
    assert item["content"][1]["transcript"] == heard
    assert "audio" not in item["content"][1]
    assert said_to(live.generator) == [("user", f"请听：\n{heard}")]


def test_an_earlier_call_and_its_result_can_be_put_in(live: Served) -> None:
    async def play(line: Line) -> None:
        call = {
            "type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"
        }  # fmt: skip
        output = {"type": "function_call_output", "call_id": "c1", "output": "晴"}
        await add(line, message("北京天气"))
        await add(line, call)
        await add(line, output)
        await line.send("conversation.item.create", item={**call, "arguments": "["})
        assert (await line.until("error"))["error"]["param"] == "item.arguments"
        await answer(line)

    talk(live, play)
    roles = [message.role for message in live.generator.conversations[-1]]
    assert roles == ["system", "user", "assistant", "tool"]


@pytest.mark.parametrize(
    ("choice", "held_to", "num_offered"),
    [
        ("auto", [], 2),
        ("none", [], 0),
        ("required", ["get_weather", "get_time"], 2),
        ({"type": "function", "name": "get_time"}, ["get_time"], 2),
    ],
    ids=str,
)
def test_which_tool_is_called_is_the_clients_choice(
    choice: Any, held_to: list[str], num_offered: int
) -> None:
    generator = ServedGenerator()
    with serving(generator=generator) as served:

        async def play(line: Line) -> None:
            await line.send("session.update", session={"tools": [WEATHER, TIME]})
            await add(line, message("北京天气"))
            await answer(line, tool_choice=choice)

        talk(served, play)
    functions = json.loads(generator.samplings[-1].functions or "[]")
    assert [each["name"] for each in functions] == held_to
    assert len(generator.offered[-1]) == num_offered


def test_a_response_out_of_band_has_its_own_input_and_leaves_the_conversation_alone(
    live: Served,
) -> None:
    async def play(line: Line) -> None:
        await add(line, message("我叫张伟", id="name"))
        given = [{"type": "item_reference", "id": "name"}, message("这是什么话题？")]
        done = await answer(
            line, conversation="none", input=given, instructions="归类。", metadata={"k": "v"}
        )
        assert (done["metadata"], done["conversation_id"]) == ({"k": "v"}, None)
        assert said_to(live.generator) == [("user", "我叫张伟"), ("user", "这是什么话题？")]
        assert live.generator.asked[-1].startswith("system:归类。\n")
        await answer(line, conversation="none", input=[message("单独")])
        assert said_to(live.generator) == [("user", "单独")]
        mine = await answer(line)
        assert mine["conversation_id"]
        assert said_to(live.generator) == [("user", "我叫张伟")]
        await answer(line, input=[message("换个话题")])  # answered by itself, remembered here
        assert said_to(live.generator) == [("user", "换个话题")]
        await answer(line)
        assert said_to(live.generator) == [
            ("user", "我叫张伟"), ("assistant", "三点。"), ("assistant", "三点。"),
        ]  # fmt: skip

    talk(live, play)


def test_a_response_out_of_band_is_cancelled_by_its_id() -> None:
    generator = ServedGenerator(answer="长" * 500, token_s=0.02)
    with serving(generator=generator) as served:

        async def play(line: Line) -> None:
            response = {"conversation": "none", "input": [message("讲")]}
            await line.send("response.create", response=response)
            created = await line.until("response.created")
            await line.until("response.output_text.delta")
            await line.send("response.cancel", response_id=created["response"]["id"])
            done = (await line.until("response.done"))["response"]
            assert (done["id"], done["status"]) == (created["response"]["id"], "cancelled")

        talk(served, play)
        assert (generator.num_open, generator.num_aborted) == (0, 1)


@pytest.mark.parametrize("intent", [True, False])
@pytest.mark.parametrize("with_vad", [True, False])
def test_a_transcription_session_transcribes_and_answers_nothing(
    intent: bool, with_vad: bool
) -> None:
    with serving(make_settings(variant={"prefill": True, "speculation": True})) as served:

        async def play(line: Line) -> Line:
            await line.until("session.created")
            session = {**(LIVE if with_vad else MANUAL)} | (
                {} if intent else {"type": "transcription"}
            )
            await line.send("session.update", session=session)
            changed = (await line.until("session.updated"))["session"]
            assert changed["type"] == "transcription"
            await line.speak(np.concatenate([tone(1.5), QUIET]))
            if not with_vad:
                await line.send("input_audio_buffer.commit")
            done = await line.until("conversation.item.input_audio_transcription.completed")
            assert done["transcript"].startswith("明天下午三")
            await line.send("response.create")
            assert "no responses" in (await line.until("error"))["error"]["message"]
            return line

        path = "/v1/realtime?intent=transcription" if intent else "/v1/realtime"
        line = talk(served, play, path)
        assert not any(kind.startswith("response.") for kind in line.kinds())
        served.wait_for(lambda: served.service.admission.is_idle, "the end")
        assert served.generator.asked == []


@pytest.mark.parametrize(
    ("name", "encode", "rate_hz"),
    [
        ("pcm16", lambda x: (x * 32767).astype("<i2").tobytes(), 24_000),
        ("g711_ulaw", None, 8_000),
        ("g711_alaw", None, 8_000),
    ],
)
def test_the_betas_settings_and_events_are_obeyed(
    live: Served, name: str, encode: Any, rate_hz: int
) -> None:
    class Beta(Line):
        """The beta's events are none of today's client's types."""

        async def until(self, kind: str) -> dict[str, Any]:
            while True:
                event = json.loads(await asyncio.wait_for(self._connection.recv(), 20))
                self.got.append(event)
                if event["type"] == kind:
                    return dict(event)

    samples = soxr.resample(tone(1.5), 16_000, rate_hz)
    data = encode(samples) if encode else g711(samples, "pcmu" if "ulaw" in name else "pcma")

    async def play(line: Line) -> list[str]:
        beta = Beta(line._connection)
        settings = {
            "input_audio_format": name, "turn_detection": None, "modalities": ["text", "audio"],
            "max_response_output_tokens": 7,
        }  # fmt: skip
        await beta.send("session.update", session=settings)
        session = (await beta.until("session.updated"))["session"]
        assert session["audio"]["input"]["turn_detection"] is None
        assert session["max_output_tokens"] == 7
        await beta.send("input_audio_buffer.append", audio=base64.b64encode(data).decode())
        await beta.send("input_audio_buffer.commit")
        done = await beta.until("conversation.item.input_audio_transcription.completed")
        assert done["transcript"] == "明天下午三"
        await beta.send("response.create")
        await beta.until("response.done")
        return beta.kinds()

    kinds = talk(live, play, additional_headers={"OpenAI-Beta": "realtime=v1"})
    assert {"conversation.item.created", "response.text.delta", "response.text.done"} <= set(kinds)
    assert not {"conversation.item.added", "conversation.item.done"} & set(kinds)


def test_a_beta_transcription_session_is_set_up_by_its_own_event(live: Served) -> None:
    async def play(line: Line) -> dict[str, Any]:
        session = {"input_audio_format": "g711_ulaw", "turn_detection": None}
        await line.send("transcription_session.update", session=session)
        return dict((await line.until("session.updated"))["session"])

    session = talk(live, play)
    assert session["type"] == "transcription"
    assert session["audio"]["input"]["format"]["type"] == "audio/pcmu"
