"""What is refused, with which status and in which words; and that nothing is left over."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.websockets import WebSocketState
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.pipeline.scripted import ScriptedRecognizer, tone
from tests.serving.served import (
    KEY,
    Served,
    ServedGenerator,
    as_base64,
    make_settings,
    serving,
    sse,
    wav,
)
from voicebench.audio import PcmFormat, load_audio
from voicebench.serving.access import is_key
from voicebench.serving.admission import Admission
from voicebench.serving.errors import ApiError
from voicebench.serving.event_stream import EventStream
from voicebench.serving.funasr_ws import FunasrSession
from voicebench.serving.logs import JsonFormatter
from voicebench.serving.schemas import ChatRequest
from voicebench.serving.settings import Limits
from voicebench.serving.sound import PcmStream, looks_like_pcm

pytestmark = pytest.mark.usefixtures("loudness_vad")
HELLO = {"messages": [{"role": "user", "content": "几点开会"}]}
CHAT = "/v1/chat/completions"


def _user(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def _schema(schema: Any) -> dict[str, Any]:
    named = {"name": "s", "schema": schema}
    return {**HELLO, "response_format": {"type": "json_schema", "json_schema": named}}


def _tool(name: str, parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


CHOICE = {"type": "function", "function": {"name": "f"}}
SPOKEN = {"audio_base64": as_base64(wav())}
REFUSED = [
    ({}, "either messages or audio_base64"),
    ({**HELLO, **SPOKEN}, "either messages or audio_base64"),
    ({"messages": []}, "messages"),
    (_user("  "), "say nothing"),
    ({**HELLO, "max_tokens": 0}, "max_tokens"),
    ({**HELLO, "temperature": -1}, "temperature"),
    ({**HELLO, "top_p": 0}, "top_p"),
    ({**HELLO, "seed": -1}, "seed"),
    ({**HELLO, "n": 2}, "n"),
    ({**HELLO, "logprobs": True}, "logprobs"),
    ({**HELLO, "stop": ["a"] * 5}, "stop"),
    ({**HELLO, "stop": ""}, "stop"),
    ({**HELLO, "tempreature": 1}, "tempreature"),
    ({**HELLO, "tool_choice": "required"}, "tool_choice"),
    ({**HELLO, "tool_choice": "sometimes"}, "tool_choice"),
    ({**HELLO, "tool_choice": CHOICE}, "tool_choice"),
    ({**HELLO, "tools": [_tool("g", {})], "tool_choice": CHOICE}, "'f'"),
    ({**HELLO, "tools": [_tool("f", {"impossible": 1})], "tool_choice": CHOICE}, "tools"),
    ({**HELLO, "conversation_id": "../../etc"}, "conversation_id"),
    ({**HELLO, "prompt_template": "{asr_text}"}, "prompt_template"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
    (_schema({"type": "impossible"}), "schema"),
    (_schema({"description": "长" * 20_000}), "response_format"),
    ({**SPOKEN, "prompt_template": "{asr_text.__class__}"}, "asr_text"),
    ({**SPOKEN, "prompt_template": "{0}"}, "asr_text"),
    ({**SPOKEN, "prompt_template": "{asr_text}" + "长" * 5_000}, "prompt_template"),
    ({**SPOKEN, "cleaning": "bleach"}, "bleach"),
    ({**SPOKEN, "prompt": "nobody"}, "nobody"),
    ({"audio_base64": "/etc/passwd"}, "base64"),
    ({"audio_base64": ""}, "empty"),
    ({"audio_base64": as_base64(np.random.default_rng(0).bytes(9_000))}, "not audio"),
    ({"audio_base64": as_base64(wav()[:3000])}, "truncated"),
    ({"audio_base64": as_base64(wav(tone(0.05)))}, "at least 0.1 s"),
]


@pytest.mark.parametrize(("body", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_refused_by_name(served: Served, body: Any, words: str) -> None:
    with served.client() as client:
        reply = client.post(CHAT, json=body)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert words in error["message"] or words in str(error["param"])


TOOL = {"type": "function", "function": {"name": "f"}}
MISNAMED = [
    ({**HELLO, "n": 2}, "n"),
    ({**HELLO, "top_logprobs": 3}, "top_logprobs"),
    ({**HELLO, "prediction": {"type": "content", "content": "x"}}, "prediction"),
    ({**HELLO, "functions": []}, "functions"),
    ({**HELLO, "function_call": "auto"}, "function_call"),
    ({**HELLO, "web_search_options": {}}, "web_search_options"),
    ({**HELLO, "reasoning_effort": "high"}, "reasoning_effort"),
    ({**HELLO, "verbosity": "high"}, "verbosity"),
    ({**HELLO, "store": True}, "store"),
    ({**HELLO, "modalities": ["text", "audio"]}, "modalities.1"),
    ({**HELLO, "chat_template_kwargs": {"enable_thinking": True}}, "chat_template_kwargs.enable_thinking"),
    ({**HELLO, "chat_template_kwargs": {"x": 1}}, "chat_template_kwargs.x"),
    ({**HELLO, "min_p": 2}, "min_p"),
    ({**HELLO, "tools": [{**TOOL, "function": {"name": "f", "extra": 1}}]}, "tools.0.function.extra"),
    ({**HELLO, "tools": [{**TOOL, "function": {"name": "f f"}}]}, "tools.0.function.name"),
    ({**HELLO, "response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages.0.content.0"),
    ({"messages": [{"role": "user", "content": [{"type": "audio_url", "audio_url": {}}]}]}, "messages.0.content.0"),
    (_user([{"type": "input_audio", "input_audio": {"data": "", "x": 1}}]), "messages.0.content.0.input_audio.x"),
    (_user([{"type": "text", "text": 7}]), "messages.0.content.0.text"),
    (_user([{"type": "text"}]), "messages.0.content.0.text"),
    (_user(7), "messages.0.content"),
    ({"messages": [{"role": "nobody", "content": "x"}]}, "messages.0"),
    ({"messages": "x"}, "messages"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "param"), MISNAMED, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_named_as_the_client_names_it(
    served: Served, body: Any, param: str
) -> None:
    with served.client() as client:
        reply = client.post(CHAT, json=body)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, param)
    assert error["message"].startswith(param + ": ")
    assert "function-" not in error["message"]


def test_every_optional_field_may_be_null_and_neutral(served: Served) -> None:
    optional = [name for name in ChatRequest.model_fields if name not in ("messages", "functions_")]
    function = {"name": "f", "description": None, "parameters": None, "strict": None}
    body = {
        **HELLO, **dict.fromkeys(optional), "functions": None,
        "tools": [{"type": "function", "function": function}],
    }  # fmt: skip
    neutral = {
        **HELLO, "logprobs": False, "top_logprobs": 0, "n": 1, "presence_penalty": 0, "store": False,
        "frequency_penalty": 0.0, "repetition_penalty": 1.0, "top_k": -1, "min_p": 0, "logit_bias": {},
        "chat_template_kwargs": {"enable_thinking": False}, "prompt_cache_key": "k",
        "verbosity": "medium", "reasoning_effort": "minimal", "safety_identifier": "u", "user": "u",
        "modalities": ["text"], "service_tier": "auto", "metadata": {}, "tools": [], "stop": [],
    }  # fmt: skip
    with served.client() as client:
        for each in (body, neutral):
            reply = client.post(CHAT, json=each)
            assert reply.status_code == 200, reply.text


def test_one_model_can_be_looked_up(served: Served) -> None:
    with served.client() as client:
        assert client.get("/v1/models/bundled").json() == client.get("/v1/models").json()["data"][0]
        missing = client.get("/v1/models/gpt-5")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[1]", b'{"messages": NaN}', b"\xff\xfe", b"[" * 100_000,
     b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
     b'{"seed": 1' + b"0" * 5000 + b"}"],
    ids=lambda value: str(value[:16]),
)  # fmt: skip
def test_bodies_that_are_no_requests(served: Served, body: bytes) -> None:
    with served.client() as client:
        reply = client.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("application/json", 200), ("application/json; charset=utf-8", 200), ("Application/JSON", 200),
     ("application/problem+json", 200), ("text/plain", 400), ("application/jsonl", 400),
     ("multipart/form-data; boundary=x", 400), ("", 400)],
)  # fmt: skip
def test_only_json_is_read_as_json(served: Served, content_type: str, status: int) -> None:
    body = b'{"messages": [{"role": "user", "content": "a"}]}'
    with served.client() as client:
        reply = client.post(CHAT, content=body, headers={"content-type": content_type})
    assert reply.status_code == status
    if status == 400:
        assert reply.json()["error"]["code"] == "invalid_content_type"


def test_half_a_surrogate_pair_in_a_tool_is_refused(served: Served) -> None:
    body = (
        '{"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function", '
        '"function": {"name": "f", "parameters": {"x": "\\udc00"}}}]}'
    )
    with served.client() as client:
        reply = client.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 400


def test_braces_other_than_the_place_of_the_transcript_are_text(served: Served) -> None:
    body = {**SPOKEN, "prompt_template": "{0} {asr_text} {asr_text.__class__} %s"}
    with served.client() as client:
        assert client.post(CHAT, json=body).status_code == 200
    assert "user:{0} 明天下午三 {asr_text.__class__} %s\n" in served.generator.asked[-1]


def test_another_model_is_not_found(served: Served) -> None:
    with served.client() as client:
        reply = client.post(CHAT, json={**HELLO, "model": "gpt-9"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
        assert [m["id"] for m in client.get("/v1/models").json()["data"]] == ["bundled"]
        assert client.get("/v1/nothing").json()["error"]["type"] == "not_found_error"


def test_the_prompt_has_to_fit_the_model() -> None:
    with serving(generator=ServedGenerator(max_model_tokens=100)) as served:
        with served.client() as client:
            reply = client.post(CHAT, json=_user("长" * 200))
        assert reply.json()["error"]["code"] == "context_length_exceeded"
        assert served.generator.asked == []


def test_sizes_are_bounded() -> None:
    settings = make_settings(
        limits={"max_body_mib": 1.0, "max_audio_s": 2.0, "max_text_characters": 50}
    )
    with serving(settings) as served, served.client() as client:
        too_much = client.post(CHAT, json=_user("长" * 600_000))
        assert (too_much.status_code, too_much.json()["error"]["code"]) == (413, "body_too_large")
        chunked = client.post(CHAT, content=(b"x" * 100_000 for _ in range(11)))
        assert chunked.status_code == 413
        assert client.post(CHAT, json=_user("长" * 60)).json()["error"]["code"] == "too_long"
        long_audio = client.post(CHAT, json={"audio_base64": as_base64(wav(tone(3.0)))})
        assert "longer than 2 s" in long_audio.json()["error"]["message"]
        small_file = _a_quarter_of_an_hour_in_few_bytes()
        assert len(small_file) < 2**18
        reply = client.post("/v1/audio/transcriptions", files={"file": ("a.flac", small_file)})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_audio")
        two = [{"type": "input_audio", "input_audio": {"data": as_base64(wav(tone(1.5)))}}] * 2
        several = client.post(CHAT, json={"messages": [{"role": "user", "content": two}]})
        assert several.status_code == 400


def _a_quarter_of_an_hour_in_few_bytes() -> bytes:
    import io

    import av

    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 16_000 * 60), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 16_000
        for minute in range(15):
            frame.pts = minute * 16_000 * 60
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def test_a_body_that_trickles_in_is_given_up() -> None:
    with serving(make_settings(limits={"body_timeout_s": 0.2})) as served:
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                b"Content-Type: application/json\r\n\r\n{"
            )
            assert b" 408 " in line.recv(4096).split(b"\r\n")[0]


def test_a_full_queue_sends_people_away_and_one_that_moves_does_not() -> None:
    generator = ServedGenerator(answer="三" * 500, token_s=0.05)
    settings = make_settings(limits={"max_turns": 1, "max_queue": 1})
    with serving(settings, generator) as served:
        replies: list[httpx.Response] = []

        def ask() -> None:
            with served.client() as client:
                replies.append(client.post(CHAT, json=HELLO))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        threads[0].start()
        served.wait_for(lambda: served.service.admission.num_running == 1, "the first")
        threads[1].start()
        served.wait_for(lambda: served.service.admission.num_waiting == 1, "the second")
        with served.client() as client:
            third = client.post(CHAT, json=HELLO)
            streamed = client.post(CHAT, json={**HELLO, "stream": True})
        assert (third.status_code, third.json()["error"]["code"]) == (429, "queue_full")
        assert int(third.headers["retry-after"]) >= 1
        assert streamed.status_code == 429
        generator.token_s = 0.0
        for thread in threads:
            thread.join(20)
        assert [reply.status_code for reply in replies] == [200, 200]


def test_waiting_and_answering_have_their_time() -> None:
    async def play() -> Any:
        admission = Admission(Limits(max_turns=1, queue_timeout_s=0.05))
        async with admission.turn():
            with pytest.raises(ApiError) as caught:
                async with admission.turn():
                    pass
        assert admission.is_idle
        return caught.value

    error = asyncio.run(play())
    assert (error.status, error.code) == (503, "queue_timeout")
    settings = make_settings(limits={"turn_timeout_s": 0.1})
    with serving(settings, ServedGenerator(token_s=5.0)) as served, served.client() as client:
        reply = client.post(CHAT, json=HELLO)
        assert (reply.status_code, reply.json()["error"]["code"]) == (504, "turn_timeout")
        assert served.generator.num_open == 0


def test_without_the_key_nothing_answers_but_the_probes() -> None:
    with serving(make_settings(api_key=KEY)) as served:
        with served.client() as client:
            for path in ("/v1/models", "/metrics"):
                reply = client.get(path)
                assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
            assert client.post(CHAT, json=HELLO).json()["error"]["type"] == "authentication_error"
            for wrong in ("Bearer", "Bearer nope", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer ü"):
                headers = {"authorization": wrong.encode()}
                assert client.get("/v1/models", headers=headers).status_code == 401
            assert {client.get(path).status_code for path in ("/health", "/ready")} == {200}
        with served.client(headers={"authorization": f"Bearer {KEY}"}) as client:
            assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    ("given", "is_right"), [(KEY, True), ("", False), (KEY + " ", False), ("\udcff", False)]
)
def test_keys_are_compared_whole(given: str, is_right: bool) -> None:
    assert is_key(given, KEY) is is_right


def test_other_origins_may_call_only_when_told() -> None:
    asked = {
        "origin": "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
    }
    with serving() as served, served.client() as client:
        plain = client.options(CHAT, headers=asked)
        assert "access-control-allow-origin" not in plain.headers
    settings = make_settings(cors_origins=("https://a.example",), api_key=KEY)
    with serving(settings) as served, served.client() as client:
        told = client.options(CHAT, headers=asked)  # browsers give no key here
        assert told.status_code == 200, told.text
        assert told.headers["access-control-allow-origin"] == "https://a.example"
        without_key = client.post(CHAT, json=HELLO, headers={"origin": "https://a.example"})
        assert without_key.status_code == 401
        assert without_key.headers["access-control-allow-origin"] == "https://a.example"
        other = client.options(CHAT, headers={**asked, "origin": "https://b.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, ""),
        ({"origin": "https://b.example"}, "unknown_origin"),
        ({"origin": "null"}, "unknown_origin"),
        ({"host": "localhost:8000"}, ""),
        ({"host": "[::1]:8000"}, ""),
        ({"host": "b.example:8000", "origin": "http://b.example:8000"}, "unknown_host"),
        ({"host": "b.example"}, "unknown_host"),
        ({"host": "[b"}, "unknown_host"),
    ],
    ids=str,
)
def test_a_web_page_is_answered_under_no_name_of_its_own(
    headers: dict[str, str], code: str
) -> None:
    with serving(make_settings(hosts=("localhost",))) as served, served.client() as client:
        files = {"file": ("a.wav", wav())}  # a form: browsers send it to any origin, unasked
        reply = client.post("/v1/audio/transcriptions", files=files, headers=headers)
        assert reply.status_code == (403 if code else 200), reply.text
        assert reply.json().get("error", {}).get("code", "") == code
        assert client.get("/ready", headers=headers).status_code == 200


def test_who_takes_nothing_of_an_answer_keeps_no_place() -> None:
    closed: list[str] = []

    async def lines() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"data: {}\n\n"
        finally:
            closed.append("lines")

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def play() -> None:
        place = contextlib.AsyncExitStack()
        place.callback(closed.append, "place")
        stream = EventStream(lines(), place, read_timeout_s=0.05)
        await asyncio.wait_for(stream({"type": "http"}, receive, send), 10)

    asyncio.run(play())
    assert closed == ["lines", "place"]


def test_a_stream_whose_client_takes_nothing_is_left() -> None:
    class Deaf:
        scope: dict[str, Any] = {}
        client_state = WebSocketState.CONNECTED

        async def accept(self, subprotocol: str | None) -> None:
            pass

        async def send_text(self, text: str) -> None:
            await asyncio.Event().wait()

        async def receive(self) -> dict[str, Any]:
            if served.service.admission.num_streams:
                taken.append("place")
                return {"type": "websocket.receive", "text": "no JSON"}  # is answered
            return {"type": "websocket.receive", "bytes": bytes(320)}

    taken: list[str] = []
    with serving(make_settings(limits={"read_timeout_s": 0.05})) as served:
        session = FunasrSession(served.service, Deaf())  # type: ignore[arg-type]
        asyncio.run(asyncio.wait_for(session.serve(), 10))
        assert taken == ["place"]
        assert served.service.admission.num_streams == 0


@pytest.mark.parametrize("stream", ["false", "true"])
def test_recognising_takes_no_longer_than_a_turn_may(loudness_vad: None, stream: str) -> None:
    settings = make_settings(limits={"turn_timeout_s": 0.5})
    with (
        serving(settings, recognizer=ScriptedRecognizer(compute_s=0.2)) as served,
        served.client() as client,
    ):
        files = {"file": ("a.wav", wav(tone(100.0)))}
        reply = client.post("/v1/audio/transcriptions", files=files, data={"stream": stream})
        error = sse(reply.text)[-1] if stream == "true" else reply.json()
        assert error["error"]["code"] == "asr_timed_out"
        assert reply.status_code == (200 if stream == "true" else 504)
        assert served.recognizer.num_calls <= 4


@pytest.mark.parametrize(
    ("origin", "is_served"),
    [("https://a.example", True), ("https://b.example", False), ("null", False), ("", True)],
)
def test_a_web_page_of_another_origin_opens_no_stream(
    loudness_vad: None, origin: str, is_served: bool
) -> None:
    with serving(make_settings(cors_origins=("https://a.example",))) as served:
        headers = {"origin": origin} if origin else {}

        async def open_one() -> bool:
            url = served.url.replace("http", "ws") + "/v1/realtime"
            async with connect(url, proxy=None, additional_headers=headers) as line:
                return "session.created" in str(await line.recv())

        if is_served:
            assert asyncio.run(open_one())
        else:
            with pytest.raises(InvalidStatus, match="HTTP 403"):
                asyncio.run(open_one())


def test_until_the_models_are_there_it_says_so() -> None:
    with serving() as served, served.client() as client:
        models, served.service._models = served.service._models, None
        assert client.get("/health").status_code == 200
        assert client.get("/ready").json()["error"]["code"] == "loading"
        assert client.post(CHAT, json=HELLO).status_code == 503
        served.service._models = models
        served.service.admission.is_draining = True
        assert client.get("/ready").json()["error"]["code"] == "draining"
        assert client.post(CHAT, json=HELLO).json()["error"]["code"] == "draining"


def test_logs_are_json_with_request_ids_and_without_what_was_said(
    caplog: pytest.LogCaptureFixture, served: Served
) -> None:
    formatter = JsonFormatter()
    lines: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(formatter.format(record)))

    logger, keep = logging.getLogger("voicebench.serving"), Keep()
    logger.setLevel(logging.INFO)
    logger.addHandler(keep)
    try:
        with served.client() as client:
            reply = client.post(CHAT, json=SPOKEN, headers={"x-request-id": "abc-1"})
            client.post(CHAT, json=HELLO, headers={"x-request-id": "bad id"})
            client.post(CHAT, json=_user("机密"), headers={"x-request-id": "c"})
            served.wait_for(lambda: len(lines) >= 6, "the logs")
    finally:
        logger.removeHandler(keep)
    assert reply.headers["x-request-id"] == "abc-1"
    of_first = [line["message"] for line in lines if line["request_id"] == "abc-1"]
    assert of_first == ["turn", "request"]
    assert all(line["request_id"] for line in lines)
    assert "bad id" not in str(lines)
    for said in ("明天", "三点", "几点", "机密"):
        assert said not in str(lines)


def test_metrics_tell_what_happened(served: Served) -> None:
    with served.client() as client:
        client.post(CHAT, json=SPOKEN)
        page = client.get("/metrics").text
    for name in (
        'voicebench_stage_seconds_bucket{le="0.005",stage="asr",tag="service"}',
        'voicebench_turns_total{outcome="answered"}',
        'voicebench_breaker_state{trouble="llm"} 0.0',
        "voicebench_llm_requests 0.0",
        "voicebench_queued_turns 0.0",
        'voicebench_http_requests_total{route="/v1/chat/completions",status="200"}',
    ):
        assert name in page, name


@pytest.mark.parametrize(("encoding", "ffmpeg_name"), [("pcmu", "mulaw"), ("pcma", "alaw")])
def test_g711_is_read_as_ffmpeg_reads_it(encoding: Any, ffmpeg_name: str) -> None:
    data = bytes(range(256)) * 20
    expected = load_audio(data, pcm=PcmFormat(16_000, 1, ffmpeg_name))
    got = PcmStream(16_000, encoding).feed(data)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_pcm_in_odd_pieces_is_the_same_sound() -> None:
    data = (tone(0.5) * 32767).astype("<i2").tobytes()
    whole, pieces = PcmStream(24_000), PcmStream(24_000)
    cut = [pieces.feed(data[start : start + 77]) for start in range(0, len(data), 77)]
    cut.append(pieces.finish())
    heard = np.concatenate([whole.feed(data), whole.finish()])
    np.testing.assert_allclose(np.concatenate(cut), heard, atol=1e-6)
    assert len(heard) == pytest.approx(0.5 * 16_000 * 16 / 24, abs=2)


@pytest.mark.parametrize(
    ("data", "is_pcm"),
    [
        ((tone(1.0) * 20_000).astype("<i2").tobytes(), True),
        (np.random.default_rng(0).bytes(20_000), False),
        ("会议改到明天下午三点。".encode() * 500, False),
        (wav()[:2000], False),
        (b"\0" * 4000, False),
        (b"", False),
    ],
)
def test_pcm_is_told_from_what_is_none(data: bytes, is_pcm: bool) -> None:
    assert looks_like_pcm(data) is is_pcm
