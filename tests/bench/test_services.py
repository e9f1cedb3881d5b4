"""The services that the joint engine is compared with: what the client tells of a turn over them."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.scripted import ScriptedGenerator, ScriptedRecognizer
from voicebench.metrics.waterfall import framework_overhead_ms, waterfall
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.pace import make_clock, paced
from voicebench.types import Guard, Sampling, Turn, Variant

fastapi = pytest.importorskip("fastapi")
uvicorn = pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from _separate import SeparateServices  # noqa: E402
from _services import Service, ServiceError, vllm_arguments  # noqa: E402
from asr_service import build_app, read_wav, write_wav  # noqa: E402

from voicebench.audio import chunk_audio  # noqa: E402
from voicebench.profiles.loader import load_profile  # noqa: E402

ASKED: list[dict[str, Any]] = []
"""Requests that the stand-in for vLLM's server got."""


def build_llm_stand_in() -> Any:
    """Answers in the form of vLLM's completions stream: two tokens, the end, the last line."""
    from fastapi.responses import StreamingResponse

    app = fastapi.FastAPI()

    @app.post("/reset_prefix_cache")
    def reset() -> dict[str, bool]:
        return {"success": True}

    @app.post("/v1/completions")
    def complete(body: dict[str, Any]) -> StreamingResponse:
        ASKED.append(body)
        steps = (("三", [7], None), ("点", [8], None), ("", [2], "stop"))

        def lines() -> Iterator[str]:
            for text, ids, reason in steps:
                choice = {"index": 0, "text": text, "token_ids": ids, "finish_reason": reason}
                yield f"data: {json.dumps({'choices': [choice]})}\n\n"
            yield "data: [DONE]\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    return app


@pytest.fixture(scope="module")
def urls() -> Iterator[list[str]]:
    servers, found = [], []
    for app in (build_app(ScriptedRecognizer(says="明天下午三点开会")), build_llm_stand_in()):
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        servers.append((server, thread, listener))
        found.append(f"http://127.0.0.1:{listener.getsockname()[1]}")
    while not all(server.started for server, _, _ in servers):
        time.sleep(0.01)
    yield found
    for server, thread, listener in servers:
        server.should_exit = True
        thread.join()
        listener.close()


def loud(duration_s: float) -> Any:
    return (0.1 * np.random.default_rng(0).standard_normal(round(16_000 * duration_s))).astype(
        np.float32
    )


async def one_turn(urls: list[str]) -> tuple[Turn, Assistant]:
    variant = Variant(sampling=Sampling(max_tokens=5), guard=Guard(min_confidence=0.0))
    assistant = Assistant(ScriptedRecognizer(), ScriptedGenerator(), variant)
    services = SeparateServices(urls[0], urls[1], assistant, ignore_eos=True)
    try:
        await services.forget_prompts()
        clock = make_clock("fast")
        events = services.run_turn(paced(chunk_audio(loud(2.4)), clock), clock)
        begun = Turn(
            run_id="r", suite="s", case_id="c", variant="a", repeat=0, turn_index=0,
            mode="latency", pace="fast", t_eos_s=2.0, t_eos_source="annotated",
        )  # fmt: skip
        return collect_turn([event async for event in events], begun), assistant
    finally:
        await services.close()


def test_a_turn_over_two_services_has_the_record_of_a_joint_one(urls: list[str]) -> None:
    turn, assistant = asyncio.run(one_turn(urls))
    assert turn.cleaned == "明天下午三点开会"
    assert (turn.answer, turn.finish_reason) == ("三点", "stop")
    assert [token.id for token in turn.answer_tokens] == [7, 8], "the end token is left out"
    _, prompt = assistant.build_prompt((), turn.cleaned, turn.hypothesis)
    assert turn.prompt_token_ids == prompt.token_ids
    assert ASKED[-1]["prompt"] == list(prompt.token_ids), "the prompt of the joint engine"
    assert (ASKED[-1]["max_tokens"], ASKED[-1]["ignore_eos"]) == (5, True)


def test_its_waterfall_sums_to_its_response_latency(urls: list[str]) -> None:
    turn, _ = asyncio.run(one_turn(urls))
    segments = waterfall(turn)
    assert {"asr", "llm_first_token", "transcript_merge"} <= {segment.stage for segment in segments}
    first_s = turn.answer_tokens[0].t_s - 2.0
    assert sum(segment.duration_s for segment in segments) == pytest.approx(first_s, abs=1e-3)
    overhead_ms = framework_overhead_ms(segments)
    assert overhead_ms is not None
    assert 0 < overhead_ms < 1000 * first_s


def test_a_recording_arrives_as_it_was_sent(urls: list[str]) -> None:
    samples = loud(0.5)
    assert np.abs(read_wav(write_wav(samples)) - samples).max() < 1e-4
    answer = httpx.post(f"{urls[0]}/recognize", content=b"RIFF, but not a WAV", trust_env=False)
    assert answer.status_code == 400
    assert "WAV" in answer.json()["detail"]


def test_a_service_that_dies_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    service = Service("asr", ["-c", "print('no such model'); raise SystemExit(3)"], 9, tmp_path)
    with pytest.raises(ServiceError, match="exit code 3") as error:
        service.wait_until_ready()
    assert "no such model" in str(error.value)
    service.stop()


def test_vllm_serves_the_folder_as_the_profile_says() -> None:
    profile = load_profile("dummy-0.6b")
    arguments = vllm_arguments(profile, 8123)
    given = dict(itertools.pairwise(arguments))
    assert given["--model"] == profile.llm.folder
    assert (given["--dtype"], given["--load-format"]) == ("bfloat16", "dummy")
    assert (given["--block-size"], given["--max-model-len"]) == ("32", "4096")
    assert (given["--host"], arguments[-1]) == ("127.0.0.1", "--enforce-eager")
