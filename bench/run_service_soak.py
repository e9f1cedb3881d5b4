"""What the service bears: strange requests, broken audio, clients that leave, many at once.

    python bench/run_service_soak.py --fuzz 5000 --broken 200 --kills 500 --clients 32 --minutes 5
    python bench/run_service_soak.py --fuzz 2000 --seed 1 --half-open 400 --broken 0 --kills 0 --minutes 0

Strange requests are made of the OpenAPI document, for scripted models in this process; the rest goes
to `voicebench serve` on the bundled models, in a process of its own. A part of size 0 is left out.
The exit code is 1 where something was lost, leaked or answered with a fault.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import random
import socket
import sys
import time
import traceback
from collections import Counter
from typing import Any

import httpx
import numpy as np
from _common import finish
from _service import (
    LOST,
    as_wav,
    ask_all,
    in_ms,
    metric,
    rss_mib,
    spoken_bodies,
    spoken_questions,
    typed_body,
    voicebench_server,
)

_LONG = {
    "type": "json_schema",
    "json_schema": {
        "name": "numbers",
        "schema": {
            "type": "array", "minItems": 60,
            "items": {"type": "integer", "minimum": 0, "maximum": 99},
        },
    },
}  # fmt: skip
_FORMATS = {"wav": "pcm_s16le", "flac": "flac", "mp3": "mp3", "ogg": "libopus", "mp4": "aac",
            "webm": "libopus"}  # fmt: skip


def fuzz(num_cases: int, seed: int) -> dict[str, Any]:
    """Requests made of the OpenAPI document; every answer has to fit it."""
    import pytest
    from hypothesis.errors import Unsatisfiable
    from schemathesis.core.failures import Failure, FailureGroup

    from tests.pipeline.scripted import LoudnessVad
    from tests.serving.served import serving
    from tests.serving.test_schema import OPERATIONS, ask_cases

    weights = {"/v1/chat/completions": 0.5, "/v1/audio/transcriptions": 0.5}
    other = 0.01  # of routes without a body there are few different requests
    seen: Counter[int] = Counter()
    faults: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("voicebench.asr.vad.SileroVad", LoudnessVad)
        with serving() as served:
            for path, strategies in OPERATIONS.items():
                num = max(1, round(num_cases * weights.get(path, other) / len(strategies)))
                for strategy in strategies:
                    try:
                        seen += ask_cases(strategy, served.url, num, seed)
                        print(f"{path}: {num}, {seen.total()} in all", file=sys.stderr)
                    except Unsatisfiable:  # a route without a body cannot be asked wrongly
                        continue
                    except (AssertionError, Failure, FailureGroup) as fault:
                        traceback.print_exc()
                        faults.append(f"{path}: {fault}")
    statuses = {str(status): count for status, count in sorted(seen.items())}
    return {"n": seen.total(), "by_status": statuses, "faults": len(faults), "first": faults[:5]}


def broken_files(num_files: int, seed: int) -> list[bytes]:
    """Damaged recordings: cut, flipped, zeroed, doubled, spliced, renamed; the same for a seed."""
    rng = random.Random(seed)
    whole = [_encoded(*form) for form in _FORMATS.items()]
    return [_damaged(rng, rng.choice(whole), whole) for _ in range(num_files)]


def _encoded(container_format: str, codec: str) -> bytes:
    import av

    samples = spoken_questions()[0]
    if container_format == "wav":
        return as_wav(samples)
    out = io.BytesIO()
    rate = 48_000 if codec == "libopus" else 16_000
    audio = np.repeat(samples, rate // 16_000)
    with av.open(out, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (audio * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, stream.layout, stream.rate, frame_size=960)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return out.getvalue()


def _damaged(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(damaged)), rng.choice((1, 2, 4, 16, 256, 4096))
        match rng.randrange(7):
            case 0:
                del damaged[at:]
            case 1:
                damaged[at : at + length] = rng.randbytes(len(damaged[at : at + length]))
            case 2:
                damaged[at : at + length] = bytes(len(damaged[at : at + length]))
            case 3:
                del damaged[at : at + length]
            case 4:
                damaged[at:at] = damaged[at : at + length]
            case 5:
                damaged[: min(64, len(damaged))] = rng.choice(others)[:64]
            case 6:
                position = rng.randrange(min(128, len(damaged)))  # headers hold sizes and rates
                damaged[position] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        if not damaged:
            return b"\0"
    return bytes(damaged)


def send_broken(url: str, files: list[bytes]) -> dict[str, Any]:
    """Each to be transcribed; none may crash, hang or be a fault."""
    seen: Counter[int] = Counter()
    slowest_s = 0.0
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        for data in files:
            started_s = time.perf_counter()
            try:
                reply = client.post("/v1/audio/transcriptions", files={"file": ("a", data)})
                seen[reply.status_code] += 1
            except httpx.TransportError:  # it hung, or there is no server any more
                seen[LOST] += 1
            slowest_s = max(slowest_s, time.perf_counter() - started_s)
    statuses = {str(status): count for status, count in sorted(seen.items())}
    faults = sum(count for status, count in seen.items() if status >= 500 or status == LOST)
    return {"n": len(files), "by_status": statuses, "faults": faults + (not _is_ready(url)),
            "slowest_s": round(slowest_s, 2)}  # fmt: skip


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=60, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def kill_clients(url: str, num_kills: int, seed: int) -> dict[str, Any]:
    """Clients that are gone in the middle of a streamed answer.

    An answer that was over before its client left is asked for again: it does not count.
    """
    rng = random.Random(seed)
    most, num_left, num_over = 0.0, 0, 0
    while num_left < num_kills and num_over <= 10 * num_kills:
        body = {**typed_body(num_left + num_over, 400), "stream": True}
        if num_left % 2:
            body["response_format"] = _LONG  # however little the LLM has to say
        if _leave_after(url, body, rng.randrange(2500)):
            num_left += 1
        else:
            num_over += 1
        if num_left % 50 == 1:
            most = max(most, metric(url, "voicebench_llm_requests"))
    names = ("voicebench_llm_requests", "voicebench_running_turns")
    until_s = time.monotonic() + 10
    while any(leaked := [metric(url, name) for name in names]) and time.monotonic() < until_s:
        time.sleep(0.1)
    requests, turns = map(int, leaked)
    return {"n": num_left, "over_before": num_over, "leaked_requests": requests,
            "leaked_turns": turns, "most_in_engine_seen": int(most)}  # fmt: skip


def _leave_after(url: str, body: dict[str, Any], num_bytes: int) -> bool:
    """Asks, reads so much of the answer, and is gone; whether the answer was still going on."""
    host, port = url.removeprefix("http://").split(":")
    content = json.dumps(body).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    received = b""
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(head.encode() + content)
        while len(received) < num_bytes:
            piece = line.recv(4096)
            if not piece:
                return False
            received += piece
    if received and not received.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"no streamed answer: {received[:300]!r}")
    return b"[DONE]" not in received


def load(url: str, pid: int, num_clients: int, minutes: float) -> dict[str, Any]:
    """Clients that ask again and again, spoken and typed; nothing lost, memory flat."""
    spoken = spoken_bodies()
    bodies = [b for n in range(8) for b in (spoken[n % len(spoken)], typed_body(n))]
    until_s = time.monotonic() + 60 * minutes
    memory_mib: list[float] = []

    async def run() -> list[tuple[float, int, str]]:
        async def watch() -> None:
            while True:
                memory_mib.append(round(rss_mib(pid), 1))
                await asyncio.sleep(max(1.0, 60 * minutes / 40))

        watching = asyncio.create_task(watch())
        try:
            return await ask_all(url, bodies, num_clients, lambda _: time.monotonic() < until_s)
        finally:
            watching.cancel()

    got = asyncio.run(run())
    statuses = Counter(status for _, status, _ in got)
    quarter = max(1, len(memory_mib) // 4)
    before, after = memory_mib[quarter : 2 * quarter], memory_mib[-quarter:]
    return {
        "clients": num_clients,
        "minutes": minutes,
        **in_ms([seconds for seconds, _, _ in got]),
        "by_status": {str(status): count for status, count in sorted(statuses.items())},
        "lost": sum(count for status, count in statuses.items() if status != 200),
        "empty": sum(not text for _, status, text in got if status == 200),
        "per_second": round(len(got) / (60 * minutes), 2),
        "rss_mib": memory_mib,
        "rss_growth_mib": round(float(np.mean(after or [0]) - np.mean(before or [0])), 1),
    }


def open_half(url: str, num_sockets: int) -> dict[str, Any]:
    """Connections that send half of a request's head and then nothing: whether the service answers
    others meanwhile, and when it closes them."""
    address = (httpx.URL(url).host, httpx.URL(url).port or 80)
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection(address)) for _ in range(num_sockets)]
        for line in lines:
            line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
        waits_s = []
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
            for _ in range(20):
                started_s = time.monotonic()
                client.get("/health").raise_for_status()
                waits_s.append(time.monotonic() - started_s)
        started_s = time.monotonic()
        for line in lines:
            line.settimeout(30)
            while line.recv(4096):
                pass
    return {
        "health": in_ms(waits_s),
        "n": num_sockets,
        "faults": sum(wait_s > 1.0 for wait_s in waits_s),
        "all_closed_after_s": round(time.monotonic() - started_s, 1),
    }


def main() -> int:
    """Runs the parts that were asked for; 1 where something went wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fuzz", type=int, default=200, help="requests made of the document (200)")
    parser.add_argument("--broken", type=int, default=200, help="broken audio files (200)")
    parser.add_argument("--kills", type=int, default=50, help="clients that leave (50)")
    parser.add_argument("--half-open", type=int, default=0, help="half-open connections (0)")
    parser.add_argument("--clients", type=int, default=32, help="clients at once (32)")
    parser.add_argument("--minutes", type=float, default=0.5, help="for how long (0.5)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    figures: dict[str, Any] = {}
    if args.fuzz:
        figures["fuzz"] = fuzz(args.fuzz, args.seed)
        print(figures["fuzz"], file=sys.stderr)
    if args.broken or args.kills or args.minutes or args.half_open:
        with voicebench_server("--min-confidence", "0") as (url, process, start_s):
            figures["start_s"] = round(start_s, 1)
            if args.half_open:
                figures["half_open"] = open_half(url, args.half_open)
                print(figures["half_open"], file=sys.stderr)
            if args.broken:
                figures["broken"] = send_broken(url, broken_files(args.broken, args.seed))
                print(figures["broken"], file=sys.stderr)
            if args.kills:
                figures["kills"] = kill_clients(url, args.kills, args.seed)
                print(figures["kills"], file=sys.stderr)
            if args.minutes:
                figures["load"] = load(url, process.pid, args.clients, args.minutes)
    trouble = {
        "fuzz": figures.get("fuzz", {}).get("faults", 0),
        "half_open": figures.get("half_open", {}).get("faults", 0),
        "broken": figures.get("broken", {}).get("faults", 0),
        "kills": sum(
            figures.get("kills", {}).get(f"leaked_{what}", 0) for what in ("requests", "turns")
        ),
        "load": figures.get("load", {}).get("lost", 0),
    }
    rows = [
        [part, str(figures[part]["n"]), str(trouble[part]),
         ", ".join(f"{k} {v}" for k, v in figures[part].items() if k not in ("n", "rss_mib"))]
        for part in trouble if part in figures
    ]  # fmt: skip
    columns = ["part", "n", "faults, leaks, losses", "figures"]
    finish("service_soak", columns, rows, {"seed": args.seed, **figures})
    return int(any(trouble.values()))


if __name__ == "__main__":
    sys.exit(main())
