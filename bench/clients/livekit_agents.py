"""LiveKit agents with its OpenAI plugin: LLM, STT (whole and over realtime), realtime model.

    uv venv DIR/livekit
    uv pip install --python DIR/livekit/bin/python livekit-agents livekit-plugins-openai
    DIR/livekit/bin/python bench/clients/livekit_agents.py --url http://127.0.0.1:8000 --question a.wav

The realtime model asks for audio unless it is given `modalities=["text"]`; a TTS of LiveKit's then
speaks the text.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from _checks import CHUNK_S, Given, chunks, expect, run
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool, llm, stt, utils
from livekit.plugins import openai as plugin
from openai.types.beta.realtime.session import TurnDetection

ASKED = "北京天气怎么样"
CITY = {"type": "string", "enum": ["北京", "上海"]}
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": CITY},
        "required": ["city"],
        "additionalProperties": False,
    },
}


@function_tool(raw_schema=WEATHER)
async def get_weather(raw_arguments: dict[str, object]) -> str:
    """Always the same weather."""
    return "晴"


def _llm(given: Given, **options: Any) -> plugin.LLM:
    return plugin.LLM(model=given.model, base_url=given.base_url, api_key="none", **options)


def _realtime(given: Given, session: aiohttp.ClientSession, **options: Any) -> Any:
    return plugin.realtime.RealtimeModel(
        model=given.model, base_url=given.base_url, api_key="none", modalities=["text"],
        http_session=session, **options,
    )  # fmt: skip


def _frames(given: Given, silence_s: float = 1.5) -> list[rtc.AudioFrame]:
    pcm, rate_hz = given.pcm(silence_s)
    return [rtc.AudioFrame(part, rate_hz, 1, len(part) // 2) for part in chunks(pcm, rate_hz)]


async def chat(given: Given) -> str:
    """LLM: a streamed answer with usage."""
    async with _llm(given) as model:
        context = llm.ChatContext.empty()
        context.add_message(role="system", content="回答最多三句话。")
        context.add_message(role="user", content=ASKED)
        text, usage = "", None
        async with model.chat(chat_ctx=context) as stream:
            async for chunk in stream:
                text += (chunk.delta and chunk.delta.content) or ""
                usage = chunk.usage or usage
        expect(text, "an empty answer")
        expect(usage and usage.total_tokens, "no usage")
        return text


async def tools(given: Given) -> str:
    """LLM: a tool is called, and its result answered."""
    async with _llm(given) as model:
        context = llm.ChatContext.empty()
        context.add_message(role="user", content=ASKED)
        called = await model.chat(
            chat_ctx=context, tools=[get_weather], tool_choice="required"
        ).collect()
        expect(called.tool_calls, "no call")
        call = called.tool_calls[0]
        made = {"name": call.name, "call_id": call.call_id}
        context.insert(llm.FunctionCall(**made, arguments=call.arguments))
        context.insert(llm.FunctionCallOutput(**made, output="晴", is_error=False))
        answer = await model.chat(
            chat_ctx=context, tools=[get_weather], tool_choice="none"
        ).collect()
        return f"{call.name}({call.arguments}) -> {answer.text}"


async def agent_session(given: Given) -> str:
    """AgentSession with the LLM: a typed turn, with a tool offered."""
    async with _llm(given) as model, AgentSession(llm=model) as session:
        return await _agent_turn(session)


async def recognized(given: Given) -> str:
    """STT: a recording."""
    model = plugin.STT(model=given.model, base_url=given.base_url, api_key="none", language="zh")
    event = await model.recognize(_frames(given))
    expect(event.alternatives[0].text, "no transcript")
    return str(event.alternatives[0].text)


async def recognized_live(given: Given) -> str:
    """STT with use_realtime: interim and final transcripts of speech."""
    async with utils.http_context.open():
        model = plugin.STT(
            model=given.model, base_url=given.base_url, api_key="none", language="zh",
            use_realtime=True,
        )  # fmt: skip
        stream = model.stream()

        async def speak() -> None:
            for frame in _frames(given):
                stream.push_frame(frame)
                await asyncio.sleep(CHUNK_S)

        speaking = asyncio.create_task(speak())
        num_interim = 0
        async for event in stream:
            num_interim += event.type == stt.SpeechEventType.INTERIM_TRANSCRIPT
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                break
        await speaking
        await stream.aclose()
        await model.aclose()
        expect(event.alternatives[0].text, "no transcript")
        return f"{num_interim} interim; {event.alternatives[0].text}"


async def _text(generation: llm.GenerationCreatedEvent) -> str:
    text = ""
    async for message in generation.message_stream:
        async for delta in message.text_stream:
            text += delta
    return text


async def realtime_typed(given: Given) -> str:
    """RealtimeModel: instructions, history, a typed turn, an answer changed afterwards."""
    async with aiohttp.ClientSession() as http:
        model = _realtime(given, http)
        session = model.session()
        await session.update_instructions("回答最多三句话。")
        context = llm.ChatContext.empty()
        context.add_message(role="user", content="你好")
        context.add_message(role="assistant", content="你好。")
        context.add_message(role="user", content=ASKED)
        await session.update_chat_ctx(context)
        expect(len(session.chat_ctx.items) == 3, f"{len(session.chat_ctx.items)} items")
        text = await _text(await session.generate_reply(instructions="简短"))
        expect(text, "an empty answer")
        spoken = session.chat_ctx.copy()
        spoken.items[-1].content = [text[:1]]
        await session.update_chat_ctx(spoken)
        texts = [item.text_content for item in session.chat_ctx.items]
        expect(texts[-1] == text[:1], f"{texts}")
        await session.aclose()
        await model.aclose()
        return text


async def realtime_spoken(given: Given) -> str:
    """RealtimeModel: speech with the plugin's default turn detection, transcript and answer."""
    return await _spoken(given)


async def realtime_server_vad(given: Given) -> str:
    """RealtimeModel: speech with server_vad; the client creates the answer as speech stops."""
    turns = TurnDetection(
        type="server_vad", silence_duration_ms=400, create_response=False, interrupt_response=False
    )
    return await _spoken(given, turn_detection=turns)


async def _spoken(given: Given, **options: Any) -> str:
    async with aiohttp.ClientSession() as http:
        model = _realtime(given, http, **options)
        session = model.session()
        errors: list[str] = []
        heard = asyncio.get_running_loop().create_future()
        begun = asyncio.get_running_loop().create_future()
        stopped = asyncio.Event()
        session.on("error", lambda event: errors.append(str(event.error)))
        session.on("generation_created", begun.set_result)
        session.on("input_speech_stopped", lambda _: stopped.set())
        session.on(
            "input_audio_transcription_completed",
            lambda event: heard.set_result(event.transcript) if event.is_final else None,
        )
        for frame in _frames(given):
            session.push_audio(frame)
            await asyncio.sleep(CHUNK_S)
        await asyncio.wait_for(stopped.wait(), 30)
        if not model.capabilities.turn_detection:
            await session.generate_reply()
        transcript = await asyncio.wait_for(heard, 30)
        text = await _text(await asyncio.wait_for(begun, 30))
        expect(not errors, "; ".join(errors))
        expect(text, "an empty answer")
        await session.aclose()
        await model.aclose()
        return f"{transcript} -> {text}"


async def realtime_committed(given: Given) -> str:
    """RealtimeModel: no turn detection; audio is committed and an answer asked for."""
    async with aiohttp.ClientSession() as http:
        model = _realtime(given, http, turn_detection=None)
        session = model.session()
        errors: list[str] = []
        session.on("error", lambda event: errors.append(str(event.error)))
        for frame in _frames(given, silence_s=0.2):
            session.push_audio(frame)
        session.commit_audio()
        text = await _text(await session.generate_reply())
        expect(not errors, "; ".join(errors))
        expect(text, "an empty answer")
        await session.aclose()
        await model.aclose()
        return text


async def realtime_tools(given: Given) -> str:
    """RealtimeModel: a function is called, and its result answered."""
    async with aiohttp.ClientSession() as http:
        model = _realtime(given, http)
        session = model.session()
        await session.update_tools([get_weather])
        context = llm.ChatContext.empty()
        context.add_message(role="user", content=ASKED)
        await session.update_chat_ctx(context)
        generation = await session.generate_reply(tool_choice="required")
        calls = [call async for call in generation.function_stream]
        expect(calls, "no call")
        context = session.chat_ctx.copy()
        output = {"name": calls[0].name, "call_id": calls[0].call_id, "output": "晴"}
        context.items.append(llm.FunctionCallOutput(**output, is_error=False))
        await session.update_chat_ctx(context)
        expect(len(session.chat_ctx.items) == 3, f"{len(session.chat_ctx.items)} items")
        text = await _text(await session.generate_reply(tool_choice="none"))
        await session.aclose()
        await model.aclose()
        return f"{calls[0].name}({calls[0].arguments}) -> {text}"


async def realtime_agent(given: Given) -> str:
    """AgentSession with the RealtimeModel: a typed turn, with a tool offered."""
    async with (
        aiohttp.ClientSession() as http,
        AgentSession(llm=_realtime(given, http)) as session,
    ):
        return await _agent_turn(session)


async def _agent_turn(session: AgentSession[None]) -> str:
    await session.start(Agent(instructions="回答最多三句话。", tools=[get_weather]))
    result = await session.run(user_input="明天下午三点在二楼开会，几点开会")
    kinds = [event.type for event in result.events]
    expect("message" in kinds, f"no answer among {kinds}")
    return " ".join(e.item.text_content for e in result.events if e.type == "message")


if __name__ == "__main__":
    run(
        "livekit-plugins-openai",
        [
            chat, tools, agent_session, recognized, recognized_live, realtime_typed, realtime_spoken,
            realtime_server_vad, realtime_committed, realtime_tools, realtime_agent,
        ],
    )  # fmt: skip
