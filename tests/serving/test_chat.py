"""`/v1/chat/completions` as the official client sees it, and as the seed's clients call it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.pipeline.faulty import PlannedRecognizer
from tests.pipeline.scripted import tone
from tests.serving.served import (
    Served,
    ServedGenerator,
    as_base64,
    make_settings,
    serving,
    sse,
    wav,
)

pytestmark = pytest.mark.usefixtures("loudness_vad")
HELLO = [{"role": "user", "content": "几点开会"}]
SPOKEN = {"audio_base64": as_base64(wav()), "prompt_template": "请回答：{asr_text}"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "查询天气",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "北京"}}\n</tool_call>'


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=served.url + "/v1", api_key="none", http_client=served.client(), max_retries=0
    ) as made:
        yield made


def test_the_official_client_gets_an_answer(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="bundled", messages=HELLO)
    choice = done.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("三点。", "stop")
    assert choice.message.refusal is None
    assert done.usage is not None
    assert (done.usage.completion_tokens, done.usage.prompt_tokens) == (4, len("user:几点开会\n"))
    assert done.usage.total_tokens == done.usage.completion_tokens + done.usage.prompt_tokens
    assert done.id.startswith("chatcmpl")


def test_the_official_client_streams_an_answer(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="bundled", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert [text for text in said if text] == ["三", "点", "。"]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4
    assert len({chunk.id for chunk in chunks}) == 1


def test_sampling_is_handed_on(client: openai.OpenAI, served: Served) -> None:
    client.chat.completions.create(
        model="bundled", messages=HELLO, temperature=0.5, top_p=0.9, seed=7, stop=["。", "！"],
        max_completion_tokens=2,
    )  # fmt: skip
    sampling = served.generator.samplings[-1]
    assert (sampling.temperature, sampling.top_p, sampling.seed) == (0.5, 0.9, 7)
    assert (sampling.stop, sampling.max_tokens) == (("。", "！"), 2)


def test_qwens_own_sampling_is_handed_on(client: openai.OpenAI, served: Served) -> None:
    client.chat.completions.create(
        model="bundled", messages=HELLO, temperature=0.7, top_p=0.8, presence_penalty=1.5,
        frequency_penalty=-0.5, extra_body={"top_k": 20, "min_p": 0.1},
    )  # fmt: skip
    given = served.generator.samplings[-1]
    assert (given.top_p, given.top_k, given.min_p) == (0.8, 20, 0.1)
    assert (given.presence_penalty, given.frequency_penalty) == (1.5, -0.5)


def test_without_a_seed_each_request_is_its_own_draw(client: openai.OpenAI, served: Served) -> None:
    for _ in range(2):
        client.chat.completions.create(model="bundled", messages=HELLO, temperature=1)
    first, second = served.generator.samplings[-2:]
    assert first.seed != second.seed


def test_only_tokens_that_nobody_reads_as_they_come_are_held_back(
    client: openai.OpenAI, served: Served
) -> None:
    client.chat.completions.create(model="bundled", messages=HELLO)
    list(client.chat.completions.create(model="bundled", messages=HELLO, stream=True))
    whole, streamed = served.generator.holds[-2:]
    assert 0 < whole < served.service.settings.variant.guard.llm_timeout_s
    assert streamed == 0


def test_what_is_held_back_does_not_pass_for_a_stalled_llm() -> None:
    with serving(make_settings(guard={"llm_timeout_s": 0.2})) as hurried, hurried.client() as http:
        assert http.post("/v1/chat/completions", json={"messages": HELLO}).status_code == 200
        assert 0 < hurried.generator.holds[-1] < 0.2


class Meeting(BaseModel):
    place: str
    hour: int


def test_a_schema_is_followed_and_parsed() -> None:
    generator = ServedGenerator(answer='{"place":"二楼","hour":3}')
    with serving(generator=generator) as served, _openai(served) as client:
        done = client.chat.completions.parse(
            model="bundled", messages=HELLO, response_format=Meeting
        )
        assert done.choices[0].message.parsed == Meeting(place="二楼", hour=3)
        assert '"hour"' in generator.samplings[-1].json_schema
        client.chat.completions.create(
            model="bundled", messages=HELLO, response_format={"type": "json_object"}
        )
        assert generator.samplings[-1].json_schema == '{"type": "object"}'


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_call_of_the_clients_tool_is_handed_out_and_its_result_taken(is_streamed: bool) -> None:
    generator = ServedGenerator(answer="我查一下。" + CALL)
    with serving(generator=generator) as served, _openai(served) as client:
        if is_streamed:
            with client.chat.completions.stream(
                model="bundled", messages=HELLO, tools=TOOLS
            ) as stream:
                choice: Any = stream.get_final_completion().choices[0]
        else:
            choice = client.chat.completions.create(
                model="bundled", messages=HELLO, tools=TOOLS
            ).choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.content == "我查一下。"
        (call,) = choice.message.tool_calls
        assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"北京"}')
        offered = generator.offered[-1][0]
        assert offered["function"]["name"] == "get_weather"

        generator.answer = "晴。"
        result = {"role": "tool", "tool_call_id": call.id, "content": "晴"}
        done = client.chat.completions.create(
            model="bundled", messages=[*HELLO, choice.message, result], tools=TOOLS
        )
        assert done.choices[0].message.content == "晴。"
        asked = next(c for c in reversed(generator.conversations) if c[-1].role == "tool")
        assert asked[1].tool_calls[0].arguments == {"city": "北京"}


NAMED: Any = {"type": "function", "function": {"name": "get_weather"}}
FORM: Any = {
    "type": "json_schema",
    "json_schema": {"name": "m", "schema": {"type": "object", "properties": {"hour": {}}}},
}


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("asked", "offered", "held_to", "max_calls", "has_schema", "finish_reason"),
    [
        ({}, 2, [], 8, False, "tool_calls"),
        ({"tool_choice": "auto"}, 2, [], 8, False, "tool_calls"),
        ({"tool_choice": "none"}, 0, [], 8, False, "stop"),
        ({"tool_choice": "required"}, 2, ["get_weather", "get_time"], 8, False, "tool_calls"),
        ({"tool_choice": NAMED}, 2, ["get_weather"], 1, False, "stop"),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            2, ["get_weather", "get_time"], 1, False, "tool_calls",
        ),
        # a form for the answer is none for a call: either is answered, or the call that must be
        ({"response_format": FORM}, 2, ["get_weather", "get_time"], 8, True, "tool_calls"),
        ({"response_format": FORM, "tool_choice": NAMED}, 2, ["get_weather"], 1, False, "stop"),
        ({"response_format": FORM, "tool_choice": "none"}, 0, [], 8, True, "stop"),
    ],
    ids=str,
)  # fmt: skip
def test_what_may_be_called_is_the_clients_choice(
    asked: dict[str, Any],
    offered: int,
    held_to: list[str],
    max_calls: int,
    has_schema: bool,
    finish_reason: str,
    is_streamed: bool,
) -> None:
    time: Any = {"type": "function", "function": {"name": "get_time"}}
    generator = ServedGenerator(answer=CALL if offered else "三点。")
    with serving(generator=generator) as served, _openai(served) as client:
        options: Any = {
            "model": "bundled", "messages": HELLO, "tools": [*TOOLS, time], **asked
        }  # fmt: skip
        if is_streamed:
            with client.chat.completions.stream(**options) as stream:
                choice: Any = stream.get_final_completion().choices[0]
        else:
            choice = client.chat.completions.create(**options).choices[0]
    assert choice.finish_reason == finish_reason
    assert [call.function.name for call in choice.message.tool_calls or ()] == (
        ["get_weather"] if offered else []
    )
    sampling = generator.samplings[-1]
    functions = json.loads(sampling.functions or "[]")
    assert [each["name"] for each in functions] == held_to
    assert all(set(each) == {"name", "parameters"} for each in functions)
    assert (sampling.max_calls, bool(sampling.json_schema)) == (max_calls, has_schema)
    assert len(generator.offered[-1]) == offered


@pytest.mark.parametrize(
    ("tools", "are_optional", "parameters"),
    [
        ([(None, SCHEMA)], False, []),
        ([(False, SCHEMA)], False, []),
        ([(True, SCHEMA)], True, [SCHEMA]),
        ([(True, SCHEMA), (None, SCHEMA)], True, [SCHEMA, {"properties": {}}]),
    ],
    ids=str,
)
def test_a_strict_function_is_held_to_its_schema_where_the_llm_may_call_or_not(
    tools: list[tuple[bool | None, Any]], are_optional: bool, parameters: list[Any]
) -> None:
    offered = [
        {"type": "function", "function": {"name": f"f{n}", "strict": strict, "parameters": schema}}
        for n, (strict, schema) in enumerate(tools)
    ]
    generator = ServedGenerator()
    body = {"messages": HELLO, "tools": offered, "tool_choice": "auto"}
    with serving(generator=generator) as served, served.client() as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 200
    sampling = generator.samplings[-1]
    assert sampling.are_calls_optional is are_optional
    assert [each["parameters"] for each in json.loads(sampling.functions or "[]")] == parameters


@pytest.mark.parametrize("is_streamed", [False, True])
def test_who_takes_one_call_gets_one(is_streamed: bool) -> None:
    generator = ServedGenerator(answer=f"{CALL}\n{CALL}")
    with serving(generator=generator) as served, _openai(served) as client:
        for parallel, num_calls in ((True, 2), (False, 1)):
            options: Any = {"model": "bundled", "messages": HELLO, "tools": TOOLS}
            options["parallel_tool_calls"] = parallel
            if is_streamed:
                with client.chat.completions.stream(**options) as stream:
                    message = stream.get_final_completion().choices[0].message
            else:
                message = client.chat.completions.create(**options).choices[0].message
            assert len(message.tool_calls or ()) == num_calls


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("answer", "content", "num_calls"),
    [
        ("<tool_call>{nonsense</tool_call>", "<tool_call>\n{nonsense\n</tool_call>", 0),
        ("好。<tool_call>{</tool_call>", "好。<tool_call>\n{\n</tool_call>", 0),
        (f"<tool_call>{{</tool_call>{CALL}", None, 1),
    ],
)
def test_an_answer_of_calls_that_cannot_be_read_is_their_text(
    answer: str, content: str | None, num_calls: int, is_streamed: bool
) -> None:
    with serving(generator=ServedGenerator(answer=answer)) as served, _openai(served) as client:
        options: Any = {"model": "bundled", "messages": HELLO, "tools": TOOLS}
        if is_streamed:
            with client.chat.completions.stream(**options) as stream:
                choice = stream.get_final_completion().choices[0]
        else:
            done = client.chat.completions.create(**options)
            choice = done.choices[0]
            assert done.model_extra["voicebench"]["malformed_tool_calls"]
    assert (choice.message.content or None) == content
    assert len(choice.message.tool_calls or ()) == num_calls
    assert choice.finish_reason == ("tool_calls" if num_calls else "stop")


# ---------------------------------------------------------------- speech


def test_the_seeds_body_is_answered(served: Served) -> None:
    with served.client() as client:
        reply = client.post("/v1/chat/completions", json={**SPOKEN, "max_tokens": 64})
    done = reply.json()
    assert done["choices"][0]["message"]["content"] == "三点。"
    assert "user:请回答：明天下午三\n" in served.generator.asked[-1]
    extra = done["voicebench"]
    assert extra["transcript"] == "明天下午三"
    assert [token["confidence"] for token in extra["tokens"]] == [0.9] * 5
    assert extra["degraded"] is None
    stages = {segment["stage"] for segment in extra["waterfall"]}
    assert {"asr", "llm_first_token"} <= stages
    spent_s = sum(segment["duration_s"] for segment in extra["waterfall"])
    assert spent_s == pytest.approx(extra["latencies"]["response_latency_s"], abs=1e-3)


def test_the_seeds_body_streams_with_the_transcript_first(served: Served) -> None:
    with served.client() as client:
        chunks = sse(client.post("/v1/chat/completions", json={**SPOKEN, "stream": True}).text)
    heard = [c["voicebench"] for c in chunks[:-1] if "transcript" in c.get("voicebench", {})]
    assert heard[0]["transcript"] == "明天下午三"
    assert "waterfall" in heard[-1]
    texts = [c["choices"][0]["delta"].get("content") for c in chunks[:-1]]
    assert "".join(text for text in texts if text) == "三点。"
    assert chunks[-1] == "[DONE]"


def test_speech_in_a_message_stands_where_its_part_stands(
    client: openai.OpenAI, served: Served
) -> None:
    audio = {"type": "input_audio", "input_audio": {"data": as_base64(wav()), "format": "wav"}}
    done = client.chat.completions.create(
        model="bundled",
        messages=[
            {"role": "system", "content": "简短。"},
            {"role": "user", "content": [audio]},
            {"role": "assistant", "content": "好。"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "翻译："}, audio, {"type": "text", "text": "谢谢"},
                ],
            },
        ],
    )  # fmt: skip
    assert served.generator.asked[-1] == (
        "system:简短。\nuser:明天下午三\nassistant:好。\nuser:翻译：\n明天下午三\n谢谢\n"
    )
    assert done.model_extra is not None
    assert done.model_extra["voicebench"]["transcript"] == "明天下午三"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("", wav()),
        ("wav", wav(tone(1.5), 16_000)),
        ("mp3", wav()),  # content decides
        ("pcm", (tone(1.5) * 32767).astype("<i2").tobytes()),
        ("", (tone(1.5) * 32767).astype("<i2").tobytes()),  # found by content
    ],
)
def test_any_form_of_audio_is_heard(served: Served, name: str, data: bytes) -> None:
    body = {"audio_base64": as_base64(data), "audio_format": name}
    with served.client() as client:
        done = client.post("/v1/chat/completions", json=body).json()
    assert done["voicebench"]["transcript"] == "明天下午三"


def test_silence_is_answered_with_a_hint(served: Served) -> None:
    body = {"audio_base64": as_base64(wav(tone(1.0, loud=False)))}
    with served.client() as client:
        done = client.post("/v1/chat/completions", json=body).json()
        chunks = sse(client.post("/v1/chat/completions", json={**body, "stream": True}).text)
    message = done["choices"][0]["message"]
    assert message["content"] == message["refusal"] == done["voicebench"]["degraded"]["hint"]
    assert done["voicebench"]["degraded"]["reason"] == "silence"
    assert message["content"] in [c["choices"][0]["delta"].get("content") for c in chunks[:-1]]


def test_a_degraded_turn_does_not_break_the_official_parser() -> None:
    with serving() as served, _openai(served) as client:
        audio = as_base64(wav(tone(1.0, loud=False)))
        part: Any = {"type": "input_audio", "input_audio": {"data": audio, "format": "wav"}}
        done = client.chat.completions.parse(
            model="bundled",
            messages=[{"role": "user", "content": [part]}],
            response_format=Meeting,
        )
        assert done.choices[0].message.parsed is None
        assert done.choices[0].message.refusal


def test_a_spoken_question_degrades_where_a_typed_one_fails() -> None:
    generator = ServedGenerator(fails_after=0)
    with serving(generator=generator) as served, served.client() as client:
        spoken = client.post("/v1/chat/completions", json=SPOKEN)
        assert spoken.status_code == 200
        assert spoken.json()["voicebench"]["degraded"]["reason"] == "llm_failed"
        typed = client.post("/v1/chat/completions", json={"messages": HELLO})
        assert (typed.status_code, typed.json()["error"]["code"]) == (503, "llm_failed")
        assert typed.headers["retry-after"]
        streamed = client.post("/v1/chat/completions", json={"messages": HELLO, "stream": True})
        assert sse(streamed.text)[-2]["error"]["code"] == "llm_failed"


def test_a_stage_that_fails_in_the_middle_leaves_what_was_said() -> None:
    generator = ServedGenerator(fails_after=2)
    with serving(generator=generator) as served, served.client() as client:
        done = client.post("/v1/chat/completions", json=SPOKEN).json()
    assert done["choices"][0]["message"]["content"] == "三点"
    assert done["choices"][0]["message"]["refusal"]


def test_after_enough_failures_the_breaker_refuses_speech_and_lets_typing_through() -> None:
    recognizer = PlannedRecognizer(plans=[RuntimeError("x")] * 2)
    settings = make_settings(guard={"open_after": 2})
    with serving(settings, recognizer=recognizer) as served, served.client() as client:
        reasons = [
            client.post("/v1/chat/completions", json=SPOKEN).json()["voicebench"]["degraded"]
            for _ in range(3)
        ]
        assert [each["reason"] for each in reasons] == ["asr_failed", "asr_failed", "breaker_open"]
        assert served.metric("voicebench_breaker_state") == 2
        typed = client.post("/v1/chat/completions", json={"messages": HELLO})
        assert typed.json()["choices"][0]["message"]["content"] == "三点。"


def test_an_unclear_client_never_stops_a_clear_one() -> None:
    """Two clients by turns: one is never understood, the other always."""
    recognizer = PlannedRecognizer(plans=[0.2, 0.95] * 6)
    with serving(recognizer=recognizer) as served:
        with served.client() as unclear, served.client() as clear:
            for _ in range(6):
                first = unclear.post("/v1/chat/completions", json=SPOKEN).json()
                assert first["voicebench"]["degraded"]["reason"] == "low_confidence"
                second = clear.post("/v1/chat/completions", json=SPOKEN).json()
                assert second["choices"][0]["message"]["content"] == "三点。"
        assert served.metric("voicebench_breaker_state") == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("max_tokens", [20, 45])
def test_a_recording_whose_prompt_is_too_long_is_refused_as_typed_text_is(
    max_tokens: int, stream: bool
) -> None:
    """Found before recognition where the template alone is too long, after it otherwise."""
    generator = ServedGenerator(max_model_tokens=max_tokens)
    body = {**SPOKEN, "prompt_template": "请只回答这句话里的问题：{asr_text}", "stream": stream}
    with serving(generator=generator) as served, served.client() as client:
        for _ in range(4):
            reply = client.post("/v1/chat/completions", json=body)
            if reply.headers["content-type"] == "text/event-stream; charset=utf-8":
                error = sse(reply.text)[-2]["error"]
            else:
                assert reply.status_code == 400
                error = reply.json()["error"]
            assert error["code"] == "context_length_exceeded"
            assert str(max_tokens) in error["message"]
        assert served.metric("voicebench_breaker_state") == 0
        assert generator.asked == []


def _openai(served: Served) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=served.url + "/v1", api_key="none", http_client=served.client(), max_retries=0
    )


def test_a_typed_question_is_laid_out_for_the_model_once() -> None:
    generator = ServedGenerator()
    with serving(generator=generator) as served, served.client() as client:
        for _ in range(2):
            assert client.post("/v1/chat/completions", json={"messages": HELLO}).status_code == 200
    assert len(generator.conversations) == 2
