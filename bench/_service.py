"""What the benches of the service share: speech to ask with, a server, and clients that time it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import threading
import time
import wave
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
import numpy as np
from _common import ROOT
from numpy.typing import NDArray

from voicebench.metrics.latency import quantiles
from voicebench.types import Segment

QUESTIONS = (
    "明天下午三点在二楼会议室开会请问几点开会",
    "我要去二号会议室跟张培根谈年度预算告诉我开会的地点",
    "后天上午九点跟李明去北京请问去哪里",
    "会议改到星期五下午两点请问会议是什么时候",
)
SYSTEM = (
    "你是语音助手。回答最多三句话。数字、日期、人名必须与用户说的完全一致。不确定时回答暂无法确认。"
)
READY = "FULLY INITIALIZED"
LOST = 0
"""Status of a request that got no answer at all."""
_START_TIMEOUT_S = 900.0
_STOP_TIMEOUT_S = 60.0
_AFTER_LOSS_S = 0.5


def spoken_questions() -> list[NDArray[np.float32]]:
    """The questions in a voice that the bundled recogniser knows."""
    from voicebench.suites.speech import synthesize

    return [
        synthesize(Segment(voice="cmn+f3", spoken=text, rate_wpm=160, pitch=35))
        for text in QUESTIONS
    ]


def as_wav(samples: NDArray[np.float32]) -> bytes:
    """16 kHz mono WAV."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return out.getvalue()


def spoken_bodies(recordings: Sequence[NDArray[np.float32]] = ()) -> list[dict[str, Any]]:
    """The seed's body, one a recording; those of the questions where none are given."""
    return [
        {"audio_base64": base64.b64encode(as_wav(samples)).decode(), "max_tokens": 48}
        for samples in recordings or spoken_questions()
    ]


def typed_body(number: int, max_tokens: int = 24) -> dict[str, Any]:
    """A typed question; each number asks another one, so that no prompt is cached whole."""
    text = f"{QUESTIONS[number % len(QUESTIONS)]}，编号{number}"
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    return {"messages": messages, "max_tokens": max_tokens, "temperature": 0}


@contextmanager
def voicebench_server(*options: str) -> Iterator[tuple[str, subprocess.Popen[str], float]]:
    """`voicebench serve` in a process of its own, without the page: its URL, the process, and seconds
    to READY."""
    started_s = time.monotonic()
    command = [sys.executable, "-m", "voicebench", "serve", "--port", "0", "--no-page", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        url = _wait_until_ready(process)
        took_s = time.monotonic() - started_s
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            yield url, process, took_s
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
            drain.wait(_STOP_TIMEOUT_S)


def _wait_until_ready(process: subprocess.Popen[str]) -> str:
    """Reads the log until the server is ready; its URL.

    Raises:
        SystemExit: It ended, or took too long; the end of its log is in the message.
    """
    assert process.stderr
    url, tail = "", deque[str](maxlen=15)
    watchdog = threading.Timer(_START_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        for line in process.stderr:
            tail.append(line)
            try:
                told = json.loads(line)
            except ValueError:
                continue
            url = told.get("url", url)
            if told.get("message", "").endswith(READY):
                return url
    finally:
        watchdog.cancel()
    raise SystemExit(
        f"the server ended with {process.wait()} before it was ready:\n{''.join(tail)}"
    )


def metric(url: str, name: str) -> float:
    """The sum over all labels of one figure on the metrics page."""
    lines = httpx.get(f"{url}/metrics", timeout=60, trust_env=False).text.splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.split("{")[0].split(" ")[0] == name
    )


def rss_mib(pid: int) -> float:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def ask_all(
    url: str,
    bodies: Sequence[dict[str, Any]],
    num_clients: int,
    keep_going: Callable[[int], bool],
    path: str = "/v1/chat/completions",
) -> list[tuple[float, int, str]]:
    """Clients that each ask again as soon as they have an answer; of aiohttp, as in vLLM's own bench:
    httpx takes as much processor time for a request as a server does, and its wait would be counted.

    Returns:
        Seconds, status and answer of each request, in order of ending; the status is `LOST` where
        no answer came.
    """
    done: list[tuple[float, int, str]] = []
    numbers = iter(range(10**9))
    connector = aiohttp.TCPConnector(limit=num_clients)
    async with aiohttp.ClientSession(
        url, connector=connector, timeout=aiohttp.ClientTimeout(300)
    ) as client:

        async def ask() -> None:
            while keep_going(number := next(numbers)):
                started_s = time.perf_counter()
                try:
                    async with client.post(path, json=bodies[number % len(bodies)]) as reply:
                        body = await reply.read()
                except (aiohttp.ClientError, TimeoutError):
                    done.append((time.perf_counter() - started_s, LOST, ""))
                    await asyncio.sleep(_AFTER_LOSS_S)  # the server may be gone for good
                    continue
                took_s = time.perf_counter() - started_s
                text = ""
                if reply.status == 200:
                    text = json.loads(body)["choices"][0]["message"]["content"] or ""
                done.append((took_s, reply.status, text))

        await asyncio.gather(*(ask() for _ in range(num_clients)))
    return done


def in_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p95 in milliseconds with their n."""
    found = quantiles(seconds)
    return {
        "n": found.n,
        "p50_ms": round(1000 * (found.p50 or 0.0), 2),
        "p95_ms": round(1000 * (found.p95 or 0.0), 2),
    }


def main() -> None:
    """A client process: reads `{url, bodies, num_clients, num_requests}`, prints what it got."""
    asked = json.load(sys.stdin)
    num = asked["num_requests"]
    got = asyncio.run(
        ask_all(asked["url"], asked["bodies"], asked["num_clients"], lambda number: number < num)
    )
    json.dump(got, sys.stdout)


def ask_from_a_process(
    url: str, bodies: Sequence[dict[str, Any]], num_clients: int, num_requests: int
) -> list[tuple[float, int, str]]:
    """`ask_all` in another process, so that client and server share no interpreter."""
    asked = {
        "url": url,
        "bodies": list(bodies),
        "num_clients": num_clients,
        "num_requests": num_requests,
    }
    answer = subprocess.run(
        [sys.executable, __file__], input=json.dumps(asked), stdout=subprocess.PIPE, text=True,
        check=True, cwd=ROOT / "bench",
    )  # fmt: skip
    return [(float(s), int(status), str(text)) for s, status, text in json.loads(answer.stdout)]


if __name__ == "__main__":
    main()
