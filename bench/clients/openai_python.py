"""OpenAI's own Python client.

uv venv DIR/openai && uv pip install --python DIR/openai/bin/python 'openai[realtime]'
DIR/openai/bin/python bench/clients/openai_python.py --url http://127.0.0.1:8000 --question a.wav
"""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from typing import Any

import openai
import pydantic
from _checks import CHUNK_S, Given, chunks, expect, run

TOOL = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["北京", "上海"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
TYPED = [{"role": "user", "content": "明天下午三点在二楼开会，几点开会"}]


class Meeting(pydantic.BaseModel):
    """A structured answer."""

    hour: int


def client_of(given: Given) -> Any:
    """Without retries, which would hide a failure."""
    return openai.AsyncOpenAI(base_url=given.base_url, api_key="none", max_retries=0)


async def models(given: Given) -> str:
    """models: list, retrieve; an unknown one is a NotFoundError."""
    async with client_of(given) as client:
        names = [model.id async for model in client.models.list()]
        expect(given.model in names, f"{given.model} is not among {names}")
        expect((await client.models.retrieve(given.model)).id == given.model, "another model")
        try:
            await client.models.retrieve("gpt-none")
        except openai.NotFoundError as error:
            return f"{', '.join(names)}; {error.code}"
        raise AssertionError("an unknown model was found")


async def chat(given: Given) -> str:
    """chat: whole."""
    async with client_of(given) as client:
        reply = await client.chat.completions.create(model=given.model, messages=TYPED)
        expect(reply.choices[0].message.content, "an empty answer")
        expect(reply.usage.total_tokens > 0, "no usage")
        return str(reply.choices[0].message.content)


async def chat_streamed(given: Given) -> str:
    """chat: streamed, with usage; the helper `chat.completions.stream` puts it together."""
    async with (
        client_of(given) as client,
        client.chat.completions.stream(
            model=given.model, messages=TYPED, stream_options={"include_usage": True}
        ) as stream,
    ):
        deltas = [event.delta async for event in stream if event.type == "content.delta"]
        final = await stream.get_final_completion()
        expect("".join(deltas) == final.choices[0].message.content, "deltas are not the answer")
        expect(final.usage and final.usage.total_tokens > 0, "no usage")
        return f"{len(deltas)} deltas: {''.join(deltas)}"


async def chat_spoken(given: Given) -> str:
    """chat: a recording as input_audio."""
    data = base64.b64encode(given.question.read_bytes()).decode()
    part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    async with client_of(given) as client:
        reply = await client.chat.completions.create(
            model=given.model, messages=[{"role": "user", "content": [part]}]
        )
        heard = reply.model_extra["voicebench"]["transcript"]
        expect(heard, "no transcript")
        return f"{heard} -> {reply.choices[0].message.content}"


async def tools(given: Given) -> str:
    """chat: a tool is called, streamed and whole, and its result answered."""
    offered = [{"type": "function", "function": {**TOOL, "strict": True}}]
    options = {"model": given.model, "tools": offered}
    async with client_of(given) as client:
        async with client.chat.completions.stream(
            messages=TYPED, tool_choice="required", **options
        ) as stream:
            streamed = (await stream.get_final_completion()).choices[0].message
        reply = await client.chat.completions.create(
            messages=TYPED, tool_choice="required", **options
        )
        message = reply.choices[0].message
        expect(len(message.tool_calls) == len(streamed.tool_calls) >= 1, "no call")
        arguments = json.loads(message.tool_calls[0].function.arguments)
        expect(arguments["city"] in ("北京", "上海"), f"arguments {arguments}")
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": "晴"}
            for call in message.tool_calls
        ]
        told = [*TYPED, message.model_dump(exclude_none=True), *results]
        answer = await client.chat.completions.create(messages=told, tool_choice="none", **options)
        return f"{message.tool_calls[0].function.arguments} -> {answer.choices[0].message.content}"


async def structured(given: Given) -> str:
    """chat: `parse` into a pydantic class."""
    async with client_of(given) as client:
        reply = await client.chat.completions.parse(
            model=given.model, messages=TYPED, response_format=Meeting
        )
        expect(isinstance(reply.choices[0].message.parsed, Meeting), "nothing was parsed")
        return str(reply.choices[0].message.content)


async def refusals(given: Given) -> str:
    """chat: what is not supported is a BadRequestError with the field's name."""
    async with client_of(given) as client:
        try:
            await client.chat.completions.create(model=given.model, messages=TYPED, n=3)
        except openai.BadRequestError as error:
            expect(error.param == "n", f"param {error.param}")
            return f"param {error.param}, code {error.code}"
        raise AssertionError("three answers were promised")


async def transcriptions(given: Given) -> str:
    """transcriptions: json, text, verbose_json with words, srt, vtt."""
    async with client_of(given) as client:
        texts = {}
        for form in ("json", "text", "verbose_json", "srt", "vtt"):
            granularities = {"timestamp_granularities": ["word", "segment"]}
            texts[form] = await client.audio.transcriptions.create(
                model=given.model, file=given.question, response_format=form,
                **(granularities if form == "verbose_json" else {}),
            )  # fmt: skip
        text = texts["json"].text
        expect(text and text == texts["verbose_json"].text == texts["text"].strip(), "texts differ")
        expect(texts["verbose_json"].words and texts["verbose_json"].segments, "no times")
        expect("-->" in texts["srt"] and texts["vtt"].startswith("WEBVTT"), "no subtitles")
        return f"{text}, {len(texts['verbose_json'].words)} words"


async def transcriptions_streamed(given: Given) -> str:
    """transcriptions: streamed."""
    async with client_of(given) as client:
        stream = await client.audio.transcriptions.create(
            model=given.model, file=given.question, stream=True
        )
        events = [event async for event in stream]
        text = "".join(event.delta for event in events if event.type == "transcript.text.delta")
        expect(text and events[-1].text == text, "deltas are not the transcript")
        return f"{len(events) - 1} deltas: {text}"


@asynccontextmanager
async def connected(given: Given, **session: Any) -> Any:
    """A realtime session with these settings."""
    async with client_of(given) as client, client.realtime.connect(model=given.model) as line:
        await line.session.update(session={"type": "realtime", **session})
        await until(line, "session.updated")
        yield line


async def until(line: Any, last: str) -> list[Any]:
    """The events up to one of a type.

    Raises:
        CheckError: An error comes instead.
    """
    events = []
    async for event in line:
        events.append(event)
        expect(event.type != "error", str(getattr(event, "error", "")))
        if event.type == last:
            return events
    raise AssertionError(f"the connection ended before {last}")


def text_of(events: list[Any]) -> str:
    """The answer in a response's deltas."""
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


async def realtime_typed(given: Given) -> str:
    """realtime: a typed item, an answer in text, the item retrieved and deleted."""
    async with connected(given, output_modalities=["text"]) as line:
        content = [{"type": "input_text", "text": TYPED[0]["content"]}]
        item = {"type": "message", "role": "user", "content": content}
        await line.conversation.item.create(item=item)
        added = await until(line, "conversation.item.done")
        await line.response.create()
        events = await until(line, "response.done")
        expect(events[-1].response.status == "completed", events[-1].response.status)
        expect(text_of(events), "an empty answer")
        await line.conversation.item.retrieve(item_id=added[-1].item.id)
        await until(line, "conversation.item.retrieved")
        await line.conversation.item.delete(item_id=added[-1].item.id)
        await until(line, "conversation.item.deleted")
        return text_of(events)


async def _speak(line: Any, given: Given) -> int:
    pcm, rate_hz = given.pcm()
    for chunk in chunks(pcm, rate_hz):
        await line.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        await asyncio.sleep(CHUNK_S)
    return rate_hz


def _listening(given: Given, **turns: Any) -> dict[str, Any]:
    form = {"type": "audio/pcm", "rate": given.pcm()[1]}
    return {"input": {"format": form, **turns}}


async def realtime_spoken(given: Given) -> str:
    """realtime: speech with server_vad, its transcript and the answer."""
    audio = _listening(given, turn_detection={"type": "server_vad"})
    async with connected(given, output_modalities=["text"], audio=audio) as line:
        speaking = asyncio.create_task(_speak(line, given))
        events = await until(line, "response.done")
        await speaking
        types = [event.type for event in events]
        for kind in ("speech_started", "speech_stopped", "committed"):
            expect(f"input_audio_buffer.{kind}" in types, f"no {kind}")
        done = "conversation.item.input_audio_transcription.completed"
        heard = [event.transcript for event in events if event.type == done]
        expect(events[-1].response.status == "completed", str(events[-1].response.status_details))
        return f"{heard[0]} -> {text_of(events)}"


async def realtime_committed(given: Given) -> str:
    """realtime: no turn detection; audio is committed, the answer is asked for out of band too."""
    audio = _listening(given, turn_detection=None)
    async with connected(given, output_modalities=["text"], audio=audio) as line:
        pcm, _ = given.pcm(silence_s=0.2)
        await line.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())
        await line.input_audio_buffer.commit()
        events = await until(line, "conversation.item.input_audio_transcription.completed")
        await line.response.create()
        answer = await until(line, "response.done")
        expect(answer[-1].response.status == "completed", str(answer[-1].response.status_details))
        await line.response.create(response={"conversation": "none", "metadata": {"topic": "a"}})
        alone = await until(line, "response.done")
        expect(alone[-1].response.metadata == {"topic": "a"}, "other metadata")
        expect(alone[-1].response.conversation_id is None, "it joined the conversation")
        return f"{events[-1].transcript} -> {text_of(answer)}"


async def realtime_tools(given: Given) -> str:
    """realtime: a function is called, and its result answered."""
    offered = [{"type": "function", **TOOL}]
    async with connected(given, output_modalities=["text"], tools=offered) as line:
        content = [{"type": "input_text", "text": "北京天气怎么样"}]
        await line.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await line.response.create(response={"tool_choice": "required"})
        events = await until(line, "response.done")
        call = events[-1].response.output[0]
        expect(call.type == "function_call", f"a {call.type}")
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "晴"}
        await line.conversation.item.create(item=output)
        await line.response.create(response={"tool_choice": "none"})
        answer = await until(line, "response.done")
        return f"{call.name}({call.arguments}) -> {text_of(answer)}"


async def realtime_transcription(given: Given) -> str:
    """realtime: a transcription session, no answers."""
    options = {"extra_query": {"intent": "transcription", "model": given.model}}
    async with client_of(given) as client, client.realtime.connect(**options) as line:
        audio = _listening(given, transcription={"model": given.model, "language": "zh"})
        await line.session.update(session={"type": "transcription", "audio": audio})
        await until(line, "session.updated")
        speaking = asyncio.create_task(_speak(line, given))
        events = await until(line, "conversation.item.input_audio_transcription.completed")
        await speaking
        kind = "conversation.item.input_audio_transcription.delta"
        deltas = "".join(event.delta for event in events if event.type == kind)
        expect(deltas == events[-1].transcript, "deltas are not the transcript")
        return str(events[-1].transcript)


if __name__ == "__main__":
    run(
        "openai",
        [
            models, chat, chat_streamed, chat_spoken, tools, structured, refusals, transcriptions,
            transcriptions_streamed, realtime_typed, realtime_spoken, realtime_committed,
            realtime_tools, realtime_transcription,
        ],
    )  # fmt: skip
