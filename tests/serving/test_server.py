"""Starting, draining and stopping, as a process manager sees them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.pipeline.scripted import ScriptedRecognizer
from tests.serving.served import ServedGenerator, make_settings
from voicebench.commands import serve
from voicebench.errors import ConfigError
from voicebench.pipeline.ready import READY_LINE
from voicebench.profiles.loader import load_profile
from voicebench.serving.server import bind
from voicebench.serving.service import Service
from voicebench.serving.settings import Limits

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
import sys
from tests.pipeline.scripted import ScriptedRecognizer
from tests.serving.served import ServedGenerator, make_settings
from voicebench.cli import main
from voicebench.errors import ModelError
from voicebench.serving.server import run

def load():
    sys.stdin.readline()  # as long as the test wants
    if {fails}:
        raise ModelError("there is no model", "Copy it")
    return ScriptedRecognizer(), ServedGenerator(answer="长" * 40, token_s=0.05)

class Command:
    def add_parser(self, subparsers):
        def func(args):
            run(make_settings(), load, "127.0.0.1", 0, drain_s=20)
            return 0
        subparsers.add_parser("serve").set_defaults(func=func)

sys.exit(main(["serve"], [Command()]))
"""


class Program:
    """`run` on scripted models in a process of its own, and its log."""

    def __init__(self, fails: bool = False) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(fails=fails)],
            cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.lines: list[str] = []
        self.url = self.wait_for("listening")["url"]

    def load(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def wait_for(self, message: str) -> dict[str, Any]:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)
            if line.startswith("{") and json.loads(line)["message"] == message:
                return json.loads(line)
        raise AssertionError(f"no {message!r} in {self.lines}")

    def end(self) -> tuple[int, list[str]]:
        assert self.process.stderr
        self.lines += self.process.stderr.readlines()
        return self.process.wait(20), self.lines


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        program.process.kill()
        program.process.wait()
        for pipe in (program.process.stdin, program.process.stderr):
            if pipe:
                pipe.close()


def test_it_answers_while_loading_and_drains_at_the_end(programs: list[Program]) -> None:
    program = Program()
    programs.append(program)
    with httpx.Client(base_url=program.url, timeout=20, trust_env=False) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 503
        program.load()
        program.wait_for(READY_LINE)
        assert client.get("/ready").status_code == 200
        replies: list[httpx.Response] = []
        body = {"messages": [{"role": "user", "content": "你好"}], "stream": True}

        def ask() -> None:
            replies.append(
                httpx.post(
                    program.url + "/v1/chat/completions", json=body, timeout=20, trust_env=False
                )
            )

        asking = threading.Thread(target=ask)
        asking.start()
        while "voicebench_llm_requests 1.0" not in client.get("/metrics").text:
            pass
        program.process.send_signal(signal.SIGTERM)
        program.wait_for("draining")
        assert client.get("/ready").json()["error"]["code"] == "draining"
        assert client.post("/v1/chat/completions", json=body).status_code == 503
    asking.join(20)
    assert replies[0].text.endswith("data: [DONE]\n\n")
    code, lines = program.end()
    assert code == 0
    messages = [json.loads(line)["message"] for line in lines]
    assert messages[-2:] == ["drained", "stopped"]
    assert messages.index(READY_LINE) < messages.index("draining")


def test_a_signal_while_loading_does_not_wait_for_the_models(programs: list[Program]) -> None:
    program = Program()
    programs.append(program)
    program.process.send_signal(signal.SIGTERM)
    code, lines = program.end()
    assert (code, json.loads(lines[-1])["message"]) == (0, "stopped while loading")


def test_a_model_that_cannot_be_loaded_is_one_line(programs: list[Program]) -> None:
    program = Program(fails=True)
    programs.append(program)
    program.load()
    code, lines = program.end()
    assert code == 2
    assert lines[-1] == "error: there is no model. Copy it\n"


def test_a_variant_that_the_models_cannot_serve_is_refused_at_the_start() -> None:
    service = Service(make_settings(variant={"prefill": True}))
    with pytest.raises(ConfigError, match="prefill does nothing"):
        service.start(ScriptedRecognizer(), ServedGenerator(block_tokens=0))
    assert not service.is_ready


def test_a_port_that_is_taken_is_told_before_anything_is_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="cannot listen on"):
            bind("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set-limit", "max_cats=1"], "Known: max_body_mib=32.0"),
        (["--set-limit", "max_turns=many"], "NAME=NUMBER"),
        (["--set-limit", "max_turns=0"], "max_turns must be positive"),
        (["--min-confidence", "2"], "min_confidence must be in"),
        (["--handoff", "smoke"], "handoff"),
        (["--api-key-file", "/nowhere"], "cannot be read"),
        (["--profile", "nobody"], "unknown profile"),
    ],
)
def test_options_are_checked_first(arguments: list[str], words: str) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    serve.add_parser(parser.add_subparsers())
    with pytest.raises(ConfigError, match=words):
        serve.run(parser.parse_args(["serve", *arguments]))


def test_limits_and_key_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled, big = load_profile("bundled"), load_profile("h100")
    told = ["max_turns=3", "max_audio_s=1.5"]
    for profile in (bundled, big):
        assert serve._limits(told, profile) == Limits(max_turns=3, max_audio_s=1.5)
    assert serve._limits([], bundled) == Limits()
    assert serve._limits([], big) == Limits(max_turns=2 * big.llm.max_num_seqs)
    monkeypatch.setenv(serve.KEY_VARIABLE, "from-env\n")
    assert serve._api_key(None) == "from-env"
    (tmp_path / "key").write_text("from-file\n")
    assert serve._api_key(str(tmp_path / "key")) == "from-file"
    (tmp_path / "key").write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        serve._api_key(str(tmp_path / "key"))


async def _delays_small_packets(listening: socket.socket) -> bool:
    """Whether a connection that asyncio accepts on the socket waits for acknowledgements (Nagle)."""
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: accepted.put(writer), sock=listening)
    async with server:
        _, client = await asyncio.open_connection(*listening.getsockname()[:2])
        writer = await accepted.get()
        connection = writer.get_extra_info("socket")
        is_off = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for each in (client, writer):
            each.close()
            await each.wait_closed()
    return not is_off


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_token_does_not_wait_for_the_clients_acknowledgement(host: str) -> None:
    assert not asyncio.run(_delays_small_packets(bind(host, 0)))
