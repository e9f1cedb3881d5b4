"""Clients that leave, people that barge in, and memory: nothing goes on for nobody."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from tests.serving.served import (
    Served,
    ServedGenerator,
    as_base64,
    make_settings,
    serving,
    sse,
    wav,
)
from voicebench.pipeline.memory import Conversation
from voicebench.serving.conversations import Conversations
from voicebench.serving.settings import Limits

pytestmark = pytest.mark.usefixtures("loudness_vad")
CHAT = "/v1/chat/completions"


def _typed(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def leave_after(served: Served, body: dict[str, Any], num_bytes: int) -> None:
    """Asks, reads so much of the answer, and is gone."""
    host, port = served.url.removeprefix("http://").split(":")
    content = json.dumps(body).encode()
    num_asked = len(served.generator.asked)
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/json\r\nContent-Length: "
            + str(len(content)).encode()
            + b"\r\n\r\n"
            + content
        )
        served.wait_for(lambda: len(served.generator.asked) > num_asked, "the engine's request")
        received = 0
        while received < num_bytes:
            received += len(line.recv(4096))


@pytest.mark.parametrize(
    "body",
    [_typed("你好"), _typed("你好", stream=True), {"audio_base64": as_base64(wav())}],
    ids=["whole", "streamed", "spoken"],
)
def test_the_request_of_a_client_that_left_is_aborted(body: dict[str, Any]) -> None:
    generator = ServedGenerator(answer="长" * 500, token_s=0.02)
    with serving(generator=generator) as served:
        for _ in range(5):
            leave_after(served, body, 300 if body.get("stream") else 0)
        served.wait_for(lambda: generator.num_open == 0, "the abort")
        assert generator.num_aborted == 5
        served.wait_for(lambda: served.service.admission.is_idle, "the places")
        assert served.metric("voicebench_llm_requests") == 0


def test_who_leaves_while_waiting_leaves_the_queue() -> None:
    generator = ServedGenerator(answer="长" * 500, token_s=0.02)
    settings = make_settings(limits={"max_turns": 1})
    with serving(settings, generator) as served:
        host, port = served.url.removeprefix("http://").split(":")
        content = json.dumps(_typed("你好", stream=True)).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
        lines = [socket.create_connection((host, int(port)), timeout=20) for _ in range(3)]
        admission = served.service.admission
        for number, line in enumerate(lines):
            line.sendall(request)
            served.wait_for(
                lambda n=number: admission.num_running + admission.num_waiting == n + 1, "a place"
            )
        for line in reversed(lines):
            line.close()
        served.wait_for(lambda: admission.is_idle, "all gone")
        assert (generator.num_open, len(generator.asked)) == (0, 1)


def test_a_conversation_remembers_what_was_said_and_typed(served: Served) -> None:
    with served.client() as client:
        spoken = {"audio_base64": as_base64(wav()), "conversation_id": "c1"}
        assert client.post(CHAT, json=spoken).json()["voicebench"]["conversation_id"] == "c1"
        client.post(CHAT, json=_typed("在哪里", conversation_id="c1"))
        assert served.generator.asked[-1] == ("user:明天下午三\nassistant:三点。\nuser:在哪里\n")
        client.post(CHAT, json=_typed("在哪里", conversation_id="c2"))
        assert served.generator.asked[-1] == "user:在哪里\n"
        assert client.delete("/v1/conversations/c1").json()["deleted"] is True
        assert client.delete("/v1/conversations/c1").status_code == 404
        client.post(CHAT, json=_typed("在哪里", conversation_id="c1"))
        assert served.generator.asked[-1] == "user:在哪里\n"


def test_history_stands_behind_the_callers_system_message(served: Served) -> None:
    with served.client() as client:
        client.post(CHAT, json=_typed("一", conversation_id="s"))
        body = {
            "messages": [
                {"role": "system", "content": "简短。"},
                {"role": "user", "content": "二"},
            ],
            "conversation_id": "s",
        }
        client.post(CHAT, json=body)
    assert served.generator.asked[-1] == ("system:简短。\nuser:一\nassistant:三点。\nuser:二\n")


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
def test_a_new_turn_stops_the_answer_in_progress_and_part_of_it_is_remembered(
    is_streamed: bool,
) -> None:
    generator = ServedGenerator(answer="长" * 500, token_s=0.02)
    settings = make_settings(limits={"max_turns": 1})  # the story holds the only place
    with serving(settings, generator) as served:
        replies: list[str] = []

        def ask() -> None:
            with served.client() as client:
                body = _typed("讲个故事", stream=is_streamed, conversation_id="c")
                replies.append(client.post(CHAT, json=body).text)

        thread = threading.Thread(target=ask)
        thread.start()
        served.wait_for(lambda: generator.num_open == 1, "the story")
        served.wait_for(lambda: served.service.conversations.turn_task("c"), "its turn")
        running = served.service.conversations.turn_task("c")
        assert running is not None
        served.wait_for(lambda: len(running.turn.answer) > 3, "some words")
        generator.answer = "好。"
        with served.client() as client:
            answered = client.post(CHAT, json=_typed("停", conversation_id="c")).json()
        thread.join(20)
        if is_streamed:
            *chunks, _ = sse(replies[0])
            told = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)
            extra = chunks[-1]["voicebench"]
        else:
            whole = json.loads(replies[0])
            told, extra = whole["choices"][0]["message"]["content"], whole["voicebench"]
        assert extra["interrupted"] is True
        assert generator.num_aborted == 1
        assert 3 < len(told) < 500
        assert generator.asked[-1] == f"user:讲个故事\nassistant:{told}\nuser:停\n"
        assert answered["choices"][0]["message"]["content"] == "好。"
        assert answered["voicebench"]["interrupted"] is False


def test_conversations_expire_and_the_oldest_makes_room() -> None:
    now = [0.0]
    limits = Limits(max_conversations=2, conversation_ttl_s=10)
    kept = Conversations(limits, 100, clock=lambda: now[0])

    def remembered(name: str) -> bool:
        return bool(kept.memory(name).exchanges)

    kept.memory("a").add("一", "二", num_tokens=2)
    now[0] = 9.0
    assert remembered("a")
    now[0] = 18.0
    assert remembered("a"), "using it keeps it"
    now[0] = 29.0
    assert not remembered("a")
    for name in ("b", "c"):
        kept.memory(name).add("一", "二", num_tokens=2)
    assert len(kept) == 2
    assert (remembered("b"), remembered("c")) == (True, True)
    kept.memory("d")
    assert not remembered("b")
    assert isinstance(kept.memory(""), Conversation)
    assert len(kept) == 2
