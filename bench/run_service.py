"""What HTTP costs over calling the pipeline, how soon the service is ready, and vLLM's own server.

    python bench/run_service.py --requests 64 --starts 3 --clients 1 8 32
    python bench/run_service.py --profile dummy-0.6b --requests 8 --starts 0 --only-vllm
    python bench/run_service.py --unclear 64

Direct calls and HTTP requests take turns on the same loaded models, spoken and typed; the clients of
HTTP run in a process of their own. vLLM's server (`vllm.entrypoints.openai.api_server`) answers the
same typed questions on the same weights and settings, in turns with ours; `--no-vllm` leaves it out,
`--only-vllm` the direct calls. Random weights know no end: both then give all tokens asked for.
`--requests` are spread over 8 rounds, of at least two requests a client each. `--unclear N` measures one thing
instead: N spoken turns of a client whose speech is clear, alone and beside another one, in turns. The other
client's speech is backwards or clear.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _common import finish
from _service import (
    ask_all,
    ask_from_a_process,
    in_ms,
    metric,
    spoken_bodies,
    spoken_questions,
    typed_body,
    voicebench_server,
)
from _services import MODEL_NAME, Service, vllm_arguments

if TYPE_CHECKING:
    from voicebench.profiles.schema import Profile

ROUNDS = 8
CALM_S = 1.0
"""Between the servers: vLLM's spins on a core for 0.75 s after its last step."""
Timed = list[tuple[float, int, str]]


async def call_directly(service: Any, kind: str, num_clients: int, num_requests: int) -> Timed:
    """The same questions to the pipeline itself."""
    from voicebench.serving.chat import begin_turn
    from voicebench.serving.chat_request import read_question
    from voicebench.serving.schemas import ChatRequest
    from voicebench.serving.turn_task import TurnTask

    bodies = _bodies(kind)
    questions = [await read_question(service, ChatRequest.model_validate(body)) for body in bodies]
    numbers = iter(range(num_requests))
    done: Timed = []

    async def ask() -> None:
        for number in numbers:
            question = questions[number % len(questions)]
            started_s = time.perf_counter()
            running = TurnTask(lambda q=question: begin_turn(service, q), 300, "fast")
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
            num = _a_round(num_clients, num_requests)
            direct: Timed = []
            by_http: Timed = []
            for _ in range(ROUNDS):
                service.models.generator.forget_prompts()
                direct += asyncio.run(call_directly(service, kind, num_clients, num))
                service.models.generator.forget_prompts()
                by_http += ask_from_a_process(url, _bodies(kind), num_clients, num)
            compared = _compared("direct", direct, "http", by_http)
            added = compared["http"]["p50_ms"] - compared["direct"]["p50_ms"]
            compared["overhead_p50_ms"] = round(added, 2)
            figures[f"{kind}_{num_clients}"] = compared
            print(f"{kind} {num_clients}: {compared}", file=sys.stderr)
    return figures


def _a_round(num_clients: int, num_requests: int) -> int:
    """Requests of one round: with fewer than two a client, the clients would not all be there at
    once."""
    return max(num_requests // ROUNDS, 2 * num_clients)


def _compared(base_name: str, base: Timed, name: str, other: Timed) -> dict[str, Any]:
    """Quantiles of both sides, their ratios, and whether both said the same."""
    one, two = (in_ms([seconds for seconds, *_ in timed]) for timed in (base, other))
    return {
        base_name: one,
        name: two,
        "ratio_p50": round(two["p50_ms"] / one["p50_ms"], 3),
        "ratio_p95": round(two["p95_ms"] / one["p95_ms"], 3),
        "failed": sum(status != 200 for _, status, _ in [*base, *other]),
        "same_answers": {text for *_, text in base} == {text for *_, text in other},
    }


@contextmanager
def vllm_server(profile: Profile) -> Iterator[str]:
    """vLLM's own server on the profile's weights and settings: its URL, once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = Service("vllm", vllm_arguments(profile, port), port, Path(folder))
        try:
            server.wait_until_ready()
            yield server.url
        finally:
            server.stop()


def beside_vllm(
    url: str, vllm_url: str, clients: Sequence[int], num: int, *, at_random: bool
) -> dict[str, Any]:
    """Typed questions to both, in turns; with weights at `at_random` neither may stop early."""
    figures: dict[str, Any] = {}
    bodies = _bodies("typed")
    theirs_only = {"model": MODEL_NAME} | ({"ignore_eos": True} if at_random else {})
    for num_clients in clients:
        ours: Timed = []
        theirs: Timed = []
        each = _a_round(num_clients, num)
        for _ in range(ROUNDS):
            time.sleep(CALM_S)
            ours += ask_from_a_process(url, bodies, num_clients, each)
            for_vllm = [{**body, **theirs_only} for body in bodies]
            time.sleep(CALM_S)
            theirs += ask_from_a_process(vllm_url, for_vllm, num_clients, each)
        compared = _compared("vllm", theirs, "voicebench", ours)
        figures[f"clients_{num_clients}"] = compared
        print(f"beside vLLM {num_clients}: {compared}", file=sys.stderr)
    return figures


def start_ups(num_starts: int, profile: str) -> dict[str, Any]:
    """Seconds from start to READY, each in a fresh process."""
    taken = []
    for _ in range(num_starts):
        with voicebench_server("--profile", profile) as (_, _, took_s):
            taken.append(round(took_s, 2))
    return {"n": num_starts, "median_s": statistics.median(taken), "all_s": taken}


def beside_unclear(num_turns: int) -> dict[str, Any]:
    """A client of clear speech alone, beside one of unclear speech, and beside a clear one, in turns."""
    clear = spoken_bodies()
    backwards = spoken_bodies([samples[::-1] for samples in spoken_questions()])
    arms = {"alone": [], "beside unclear": backwards, "beside clear": clear}
    mine: dict[str, Timed] = {arm: [] for arm in arms}
    theirs: dict[str, Timed] = {arm: [] for arm in arms}
    degraded = dict.fromkeys(arms, 0.0)
    with voicebench_server() as (url, _, _):
        asyncio.run(_side_by_side(url, clear, backwards))  # warms up
        for number in range(math.ceil(num_turns / len(clear))):
            order = list(arms)[number % 3 :] + list(arms)[: number % 3]
            for arm in order:
                before = metric(url, "voicebench_degraded_turns_total")
                got, others = asyncio.run(_side_by_side(url, clear, arms[arm]))
                mine[arm] += got
                theirs[arm] += others
                degraded[arm] += metric(url, "voicebench_degraded_turns_total") - before
    figures: dict[str, Any] = {}
    for arm in arms:
        figures[arm] = {
            **in_ms([seconds for seconds, *_ in mine[arm]]),
            "failed": sum(status != 200 for _, status, _ in [*mine[arm], *theirs[arm]]),
            "same_answers": {text for *_, text in mine[arm]} == {t for *_, t in mine["alone"]},
            "neighbor_turns": len(theirs[arm]),
            "degraded": int(degraded[arm]),
        }
    return figures


async def _side_by_side(url: str, bodies: Any, others: Any) -> tuple[Timed, Timed]:
    """Each body once, while another client asks again and again."""
    over = asyncio.Event()

    async def ask() -> Timed:
        try:
            return await ask_all(url, bodies, 1, lambda number: number < len(bodies))
        finally:
            over.set()

    async def neighbor() -> Timed:
        return await ask_all(url, others, 1, lambda _: not over.is_set()) if others else []

    return tuple(await asyncio.gather(ask(), neighbor()))


def main() -> int:
    """Runs the bench; 1 where a request failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=64, help="of each kind (64)")
    parser.add_argument("--starts", type=int, default=3, help="starts to READY (3)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--profile", default="bundled")
    left_out = parser.add_mutually_exclusive_group()
    left_out.add_argument("--no-vllm", action="store_true", help="leave vLLM's own server out")
    left_out.add_argument("--only-vllm", action="store_true", help="leave the direct calls out")
    parser.add_argument("--unclear", type=int, metavar="N", help="N turns beside an unclear client")
    args = parser.parse_args()
    if args.unclear:
        figures = beside_unclear(args.unclear)
        columns = ["client", *next(iter(figures.values()))]
        rows = [[arm, *map(str, each.values())] for arm, each in figures.items()]
        finish("service_unclear", columns, rows, figures)
        return int(any(each["failed"] for each in figures.values()))
    from tests.serving.served import make_settings, serving
    from voicebench.pipeline.ready import load_and_warm_up
    from voicebench.profiles.loader import load_profile

    spoken_questions()
    profile = load_profile(args.profile)
    figures: dict[str, Any] = {"profile": profile.name, "overhead": {}, "vllm": {}}
    if args.starts:
        figures["start_up"] = start_ups(args.starts, args.profile)
    batcher, generator = load_and_warm_up(profile, num_streams=max(2, profile.llm.max_num_seqs))
    # Twice what the LLM decodes at once, as vLLM's own server keeps all: with no more than that, a place in
    # the engine stays empty from the end of a turn until the next one has come through the event loop.
    places = 2 * profile.llm.max_num_seqs
    settings = make_settings(guard={"min_confidence": 0.0}, limits={"max_turns": places})
    with serving(settings, generator, batcher) as served:
        if not args.only_vllm:
            figures["overhead"] = overhead(served.service, served.url, args.clients, args.requests)
        if not args.no_vllm:
            with vllm_server(profile) as vllm_url:
                figures["vllm"] = beside_vllm(
                    served.url, vllm_url, args.clients, args.requests,
                    at_random=generator.answers_at_random,
                )  # fmt: skip
    generator.close()
    batcher.close()
    rows = [
        [name, *(f"{each[side][q]:.1f}" for side in ("direct", "http") for q in ("p50_ms", "p95_ms")),
         f"{each['ratio_p50']:.2f}"]
        for name, each in figures["overhead"].items()
    ] + [
        [f"vLLM {name}", *(f"{each[side][q]:.1f}" for side in ("vllm", "voicebench")
                           for q in ("p50_ms", "p95_ms")), f"{each['ratio_p50']:.2f}"]
        for name, each in figures["vllm"].items()
    ]  # fmt: skip
    columns = ["questions, clients", "base p50 ms", "p95", "HTTP p50 ms", "p95", "ratio p50"]
    name = "service" if profile.name == "bundled" else f"service_{profile.name}"
    finish(name, columns, rows, figures)
    groups = [*figures["overhead"].values(), *figures["vllm"].values()]
    return int(any(group["failed"] for group in groups))


if __name__ == "__main__":
    sys.exit(main())
