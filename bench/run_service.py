"""What HTTP costs over calling the pipeline, how soon the service is ready, and vLLM's own server.

    python bench/run_service.py --requests 64 --starts 3 --clients 1 8 32

Direct calls and HTTP requests take turns on the same loaded models, spoken and typed; the clients of
HTTP run in a process of their own. vLLM's server (`vllm.entrypoints.openai.api_server`) answers the
same typed questions on the same weights and settings, in turns with ours; `--no-vllm` leaves it out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from _common import ROOT, finish
from _service import (
    ask_from_a_process,
    in_ms,
    spoken_bodies,
    spoken_questions,
    typed_body,
    voicebench_server,
)

ROUNDS = 4
Timed = list[tuple[float, int, str]]


async def call_directly(service: Any, kind: str, num_clients: int, num_requests: int) -> Timed:
    """The same questions to the pipeline itself."""
    from voicebench.serving.chat import begin_turn
    from voicebench.serving.questions import read_question
    from voicebench.serving.schemas import ChatRequest
    from voicebench.serving.turns import Running

    bodies = _bodies(kind)
    questions = [await read_question(service, ChatRequest.model_validate(body)) for body in bodies]
    numbers = iter(range(num_requests))
    done: Timed = []

    async def ask() -> None:
        for number in numbers:
            question = questions[number % len(questions)]
            started_s = time.perf_counter()
            running = Running(lambda q=question: begin_turn(service, q), 300, "fast")
            async for _ in running.events():
                pass
            done.append((time.perf_counter() - started_s, 200, running.turn.answer))

    await asyncio.gather(*(ask() for _ in range(num_clients)))
    return done


def _bodies(kind: str) -> list[dict[str, Any]]:
    return spoken_bodies() if kind == "spoken" else [typed_body(n) for n in range(16)]


def overhead(service: Any, url: str, clients: Sequence[int], num_requests: int) -> dict[str, Any]:
    """Direct and over HTTP, in turns."""
    figures: dict[str, Any] = {}
    for kind in ("typed", "spoken"):
        for num_clients in clients:
            num = max(num_requests, 2 * num_clients) // ROUNDS * ROUNDS
            direct: Timed = []
            by_http: Timed = []
            for _ in range(ROUNDS):
                service.models.generator.forget_prompts()
                direct += asyncio.run(call_directly(service, kind, num_clients, num // ROUNDS))
                service.models.generator.forget_prompts()
                by_http += ask_from_a_process(url, _bodies(kind), num_clients, num // ROUNDS)
            assert {status for _, status, _ in by_http} == {200}
            assert {text for _, _, text in direct} == {text for _, _, text in by_http}
            one, other = (in_ms([seconds for seconds, *_ in each]) for each in (direct, by_http))
            figures[f"{kind}_{num_clients}"] = {
                "direct": one,
                "http": other,
                "overhead_p50_ms": round(other["p50_ms"] - one["p50_ms"], 2),
                "ratio_p50": round(other["p50_ms"] / one["p50_ms"], 3),
            }
            print(f"{kind} {num_clients}: {figures[f'{kind}_{num_clients}']}", file=sys.stderr)
    return figures


@contextmanager
def vllm_server(profile: Any) -> Iterator[str]:
    """vLLM's own server on the profile's weights and settings: its URL, once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    llm = profile.llm
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", llm.folder,
        "--served-model-name", "bundled", "--dtype", llm.dtype, "--host", "127.0.0.1",
        "--port", str(port), "--max-num-seqs", str(llm.max_num_seqs), "--enforce-eager",
        "--kv-cache-memory-bytes", str(int(llm.kv_cache_gib * 2**30)), "--block-size", "32",
        "--uvicorn-log-level", "error", "--seed", "0",
    ]  # fmt: skip
    environment = {**os.environ, "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1",
                   "HF_HUB_OFFLINE": "1"}  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            until_s = time.monotonic() + 900
            while process.poll() is None and time.monotonic() < until_s:
                try:
                    if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(1)
            yield url
        finally:
            process.terminate()
            process.wait(60)


def beside_vllm(url: str, vllm_url: str, clients: Sequence[int], num: int) -> dict[str, Any]:
    """Typed questions to both, in turns."""
    figures: dict[str, Any] = {}
    bodies = [{**typed_body(n), "model": "bundled"} for n in range(16)]
    for num_clients in clients:
        ours: Timed = []
        theirs: Timed = []
        for _ in range(ROUNDS):
            each = max(num, 2 * num_clients) // ROUNDS
            ours += ask_from_a_process(url, bodies, num_clients, each)
            theirs += ask_from_a_process(vllm_url, bodies, num_clients, each)
        assert {status for _, status, _ in ours + theirs} == {200}
        one, other = (in_ms([seconds for seconds, *_ in timed]) for timed in (ours, theirs))
        same = {text for _, _, text in ours} == {text for _, _, text in theirs}
        figures[f"clients_{num_clients}"] = {
            "voicebench": one,
            "vllm": other,
            "ratio_p50": round(one["p50_ms"] / other["p50_ms"], 3),
            "ratio_p95": round(one["p95_ms"] / other["p95_ms"], 3),
            "same_answers": same,
        }
        print(f"beside vLLM {num_clients}: {figures[f'clients_{num_clients}']}", file=sys.stderr)
    return figures


def start_ups(num_starts: int) -> dict[str, Any]:
    """Seconds from start to READY, each in a fresh process."""
    taken = []
    for _ in range(num_starts):
        with voicebench_server() as (_, _, took_s):
            taken.append(round(took_s, 2))
    return {"n": num_starts, "median_s": statistics.median(taken), "all_s": taken}


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=64, help="of each kind (64)")
    parser.add_argument("--starts", type=int, default=3, help="starts to READY (3)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--no-vllm", action="store_true", help="leave vLLM's own server out")
    args = parser.parse_args()
    from tests.serving.served import make_settings, serving
    from voicebench.asr.batcher import BatchingRecognizer
    from voicebench.config import load_profile
    from voicebench.pipeline.ready import load_and_warm_up

    spoken_questions()
    profile = load_profile("bundled")
    figures: dict[str, Any] = {"start_up": start_ups(args.starts)} if args.starts else {}
    recognizer, generator = load_and_warm_up(profile)
    batcher = BatchingRecognizer(recognizer)
    settings = make_settings(
        guard={"min_confidence": 0.0}, limits={"max_turns": profile.llm.max_num_seqs}
    )
    with serving(settings, generator, batcher) as served:
        figures["overhead"] = overhead(served.service, served.url, args.clients, args.requests)
        if not args.no_vllm:
            with vllm_server(profile) as vllm_url:
                clients = args.clients[:2]
                figures["vllm"] = beside_vllm(served.url, vllm_url, clients, args.requests)
    generator.close()
    batcher.close()
    rows = [
        [name, *(f"{each[side][q]:.1f}" for side in ("direct", "http") for q in ("p50_ms", "p95_ms")),
         f"{each['ratio_p50']:.2f}"]
        for name, each in figures["overhead"].items()
    ] + [
        [f"vLLM {name}", *(f"{each[side][q]:.1f}" for side in ("vllm", "voicebench")
                           for q in ("p50_ms", "p95_ms")), f"{each['ratio_p50']:.2f}"]
        for name, each in figures.get("vllm", {}).items()
    ]  # fmt: skip
    columns = ["questions, clients", "base p50 ms", "p95", "HTTP p50 ms", "p95", "ratio p50"]
    finish("service", columns, rows, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
