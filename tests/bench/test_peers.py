"""The peers: what Pipecat's process tells of a turn, and how FunASR's server is asked."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voicebench.metrics.latency import latencies
from voicebench.pipeline.assistant import collect_turn
from voicebench.profiles.loader import load_profile
from voicebench.types import Sampling, Turn, Variant

httpx = pytest.importorskip("httpx")
BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path[:0] = [str(BENCH), str(BENCH / "peers")]

from _joint_arms import Utterance  # noqa: E402
from _pipecat import PeerError, PipecatProcess, events_of  # noqa: E402
from run_peers import funasr_arguments, recognise  # noqa: E402

BEGUN = Turn(
    run_id="peers", suite="s", case_id="c", variant="Pipecat", repeat=0, turn_index=0,
    mode="latency", pace="real_time", t_eos_s=3.0, t_eos_source="annotated",
)  # fmt: skip
HAPPENED: dict[str, Any] = {
    "started_s": 1000.0,
    "at_s": {
        "vad_stopped": 1003.2, "transcript": 1003.4, "committed": 1003.5, "requested": 1003.6,
        "ended": 1004.0,
    },
    "pieces": [[1003.75, "三"], [1003.8, "点。"]],
    "text": "今天几点", "observer": {"latency_s": 0.74}, "failure": "",
}  # fmt: skip


def test_a_turn_of_pipecat_is_measured_like_ours() -> None:
    turn = collect_turn(events_of(HAPPENED, audio_s=4.0), BEGUN)
    assert (turn.answer, turn.failure, turn.audio_s) == ("三点。", None, 4.0)
    found = latencies(turn)
    assert {name: found[name] for name in ("response_latency_s", "asr_final_s", "ttft_s")} == {
        "response_latency_s": pytest.approx(0.75),
        "asr_final_s": pytest.approx(0.4),
        "ttft_s": pytest.approx(0.15),
    }
    assert found["endpoint_delay_s"] == pytest.approx(0.5)


def test_a_turn_that_it_never_answered_is_a_failed_one() -> None:
    turn = collect_turn(events_of({**HAPPENED, "failure": "no answer"}, 4.0), BEGUN)
    assert turn.failure is not None
    assert turn.failure.message == "no answer"
    assert turn.answer_tokens == ()


def test_funasrs_server_is_asked_as_it_wants() -> None:
    asked: list[Any] = []

    def answer(request: Any) -> Any:
        asked.append((request.url.path, request.read()))
        return httpx.Response(200, json={"text": "今 天 打 开 my ppt 吧"})

    async def ask() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            return await recognise(http, "http://funasr", b"RIFF")

    found = asyncio.run(ask())
    assert (found.text, found.compute_s) == ("今天打开my ppt吧", None)
    ((path, body),) = asked
    assert path == "/v1/audio/transcriptions"
    assert b"RIFF" in body
    assert b'name="model"\r\n\r\ncustom' in body


def test_funasrs_server_knows_its_arguments() -> None:
    server = pytest.importorskip("funasr.bin.server")
    profile = load_profile("bundled")
    args = server.build_parser().parse_args(funasr_arguments(profile, 8000)[2:])
    assert (args.model_path, args.device, args.port) == (profile.asr.folder, "cpu", 8000)


def test_an_interpreter_that_is_none_is_named() -> None:
    process = PipecatProcess("/nowhere/python", "", "", Variant(), ignore_eos=False)
    with pytest.raises(PeerError, match=r"/nowhere/python cannot be run.*--pipecat-python"):
        asyncio.run(process.start())


def test_one_without_pipecat_is_told() -> None:
    process = PipecatProcess("/bin/false", "", "", Variant(), ignore_eos=False)
    with pytest.raises(PeerError, match="ended with exit code 1"):
        asyncio.run(process.start())


PYTHON = os.environ.get("VOICEBENCH_PIPECAT_PYTHON", "")


@pytest.mark.skipif(
    not PYTHON, reason="VOICEBENCH_PIPECAT_PYTHON names no interpreter with Pipecat"
)
def test_pipecat_itself_runs_a_turn(speech_dir: Path) -> None:
    from tests.bench.peer_servers import running_stand_ins
    from voicebench.audio import load_audio

    speech = load_audio(speech_dir / "funasr_asr_example.wav")[:85_000]
    samples = np.concatenate([speech, np.zeros(32_000, np.float32)])

    async def run(url: str) -> Any:
        variant = Variant(sampling=Sampling(max_tokens=8))
        process = PipecatProcess(PYTHON, url, url, variant, ignore_eos=False)
        await process.start()
        try:
            events = await process.run(Utterance("s", "c", 0, samples, 5.25))
        finally:
            await process.close()
        return events, process.observed

    with running_stand_ins() as (url, asked):
        events, (observed,) = asyncio.run(run(url))
    turn = collect_turn(events, BEGUN)
    assert turn.answer == "三点。"
    assert turn.failure is None
    (heard, answered) = asked
    assert heard["model"] == "custom"
    assert [message["role"] for message in answered["messages"]] == ["system", "user"]
    assert answered["messages"][1]["content"] == "今天几点"
    assert observed["latency_s"] > 0
    assert observed["contributions"]
