"""A real server on a free port of the loopback, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from tests.pipeline.scripted import ScriptedGenerator, ScriptedRecognizer, tone
from voicebench.errors import ConfigError
from voicebench.serving.server import bind, make_server
from voicebench.serving.service import Service
from voicebench.serving.settings import Limits, Settings
from voicebench.types import Guard, Message, Sampling, Variant

KEY = "sk-for-tests"


@dataclass
class ServedGenerator(ScriptedGenerator):
    """Answers as told; knows its limits, and what it was offered and held to."""

    max_model_tokens: int = 4096
    offered: list[tuple[dict[str, Any], ...]] = field(default_factory=list)
    samplings: list[Sampling] = field(default_factory=list)
    holds: list[float] = field(default_factory=list)
    conversations: list[tuple[Message, ...]] = field(default_factory=list)

    @property
    def num_requests(self) -> int:
        return self.num_open

    def check_sampling(self, sampling: Sampling) -> None:
        if "impossible" in sampling.json_schema + sampling.functions:
            raise ConfigError("the JSON schema cannot be followed")

    def encode_chat(self, messages: Any, tools: Any = ()) -> list[int]:
        self.offered.append(tuple(tools))
        self.conversations.append(tuple(messages))
        return super().encode_chat(messages, tools)

    def stream(self, prompt: Any, sampling: Sampling, *args: Any, **options: Any) -> Any:
        self.samplings.append(sampling)
        self.holds.append(options.get("hold_s", 0.0))
        return super().stream(prompt, sampling, *args, **options)


@dataclass(frozen=True)
class Served:
    """A running service."""

    url: str
    service: Service
    generator: Any
    recognizer: Any

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, trust_env=False, **options)

    def wait_for(self, condition: Any, what: str) -> None:
        until = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < until, f"waited for {what}"
            time.sleep(0.01)

    def metric(self, name: str) -> float:
        """The sum over all labels of one figure on the metrics page."""
        with self.client() as client:
            lines = client.get("/metrics").text.splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.split("{")[0].split(" ")[0] == name
        )


def make_settings(**changes: Any) -> Settings:
    limits = Limits(**changes.pop("limits", {}))
    guard = Guard(**changes.pop("guard", {}))
    variant = Variant(name="service", guard=guard, **changes.pop("variant", {}))
    return Settings(limits=limits, variant=variant, **changes)


@contextlib.contextmanager
def serving(
    settings: Settings | None = None, generator: Any = None, recognizer: Any = None
) -> Iterator[Served]:
    """Serves until left; everything in flight has to be gone by then."""
    settings = settings or make_settings()
    service = Service(settings)
    generator = generator or ServedGenerator()
    recognizer = recognizer or ScriptedRecognizer(compute_s=0.01)
    service.start(recognizer, generator)
    server = make_server(settings, service)
    make_loop = server.config.get_loop_factory() or asyncio.new_event_loop
    with bind("127.0.0.1", 0) as listening, contextlib.closing(make_loop()) as loop:
        port = listening.getsockname()[1]
        thread = threading.Thread(
            target=lambda: loop.run_until_complete(server._serve([listening])), daemon=True
        )
        thread.start()
        until = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.005)
        try:
            yield Served(f"http://127.0.0.1:{port}", service, generator, recognizer)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def wav(samples: NDArray[np.float32] | None = None, rate_hz: int = 16_000) -> bytes:
    """A WAV file; by default 1.5 s of a hum, which `ScriptedRecognizer` hears five characters in."""
    samples = tone(1.5) if samples is None else samples
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return out.getvalue()


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sse(text: str) -> list[Any]:
    """The bodies of server-sent events; the last is `[DONE]`."""
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]
