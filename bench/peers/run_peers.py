"""This pipeline beside its peers: the same audio, models and prompts, real-time pace, in one run.

    python bench/peers/run_peers.py --profile bundled --limit 10 --pipecat-python ~/pipecat/bin/python
    python bench/peers/run_peers.py --profile bench/peers/llm-0.6b.yaml --limit 6     # an LLM of true size

    voicebench            one process: windows, prefill and speculation
    voicebench, serial    one process: all audio recognised after the end, nothing begun early
    FunASR + vLLM, HTTP   FunASR's own OpenAI-compatible server (`funasr-server`) and vLLM's, asked one
                          after the other by a client that hears the end with the same VAD
    Pipecat               Pipecat's pipeline with its latency observer, over the same two servers

Every utterance runs in every arm, in an order drawn anew, before the next begins; prefix caches are
emptied before every turn. `response` is from the annotated end of speech to the first text of the
answer, endpoint wait included; all arms wait for the same silence.

Pipecat is no dependency of this project. It runs under the interpreter that `--pipecat-python` names:

    uv venv ~/pipecat && uv pip install --python ~/pipecat/bin/python 'pipecat-ai[silero]'

Without the flag its arm is left out, and the table says so. `--funasr-python` names one for FunASR's
server, which otherwise runs under this one. Writes `reports/peers/PROFILE/`.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
from _common import finish
from _joint_arms import Utterance, choose_utterances, variants
from _joint_summary import both, number, ratio_with_interval, row_of, summarize
from _pipecat import PeerError, PipecatProcess, pipecat
from _runners import joint, measure, separate
from _separate import Recognised, SeparateServices
from _services import ServiceError, running_llm, started

from voicebench.errors import VoicebenchError
from voicebench.metrics.latency import quantiles
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.ready import load_and_warm_up, prepare_folders
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import Profile
from voicebench.runs import provenance
from voicebench.types import Turn

OURS, SERIAL, HTTP, PIPECAT = "voicebench", "voicebench, serial", "FunASR + vLLM, HTTP", "Pipecat"
COLUMNS = (
    "arm", "n", "response ms p50 / p95", "response p50 to the first arm", "p95",
    "transcript ms p50 / p95", "TTFT ms p50 / p95", "its own observer, ms p50 / p95",
)  # fmt: skip
SPACE_IN_HANZI = re.compile(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])")


async def recognise(http: httpx.AsyncClient, url: str, wav: bytes) -> Recognised:
    """By FunASR's server, which tells neither confidence nor its own time."""
    answer = await http.post(
        f"{url}/v1/audio/transcriptions",
        files={"file": ("turn.wav", wav, "audio/wav")},
        data={"model": "custom"},
    )
    answer.raise_for_status()
    return Recognised(SPACE_IN_HANZI.sub("", str(answer.json()["text"])), 1.0, None)


def funasr_arguments(profile: Profile, port: int) -> list[str]:
    """FunASR's server with the profile's recogniser, and no other model."""
    return [
        "-m", "funasr.bin.server", "--host", "127.0.0.1", "--port", str(port),
        "--device", profile.asr.device, "--model-path", profile.asr.folder,
    ]  # fmt: skip


async def run_arms(
    args: argparse.Namespace, profile: Profile, urls: tuple[str, str],
    utterances: Sequence[Utterance],
) -> tuple[list[Turn], list[dict[str, Any]]]:  # fmt: skip
    """Loads the joint engine and runs every arm.

    Returns:
        All turns, and what Pipecat's observer measured in each of its own.
    """
    recognizer, generator = load_and_warm_up(profile)
    ignore_eos = profile.llm.load_format == "dummy"
    settings = variants(args)
    services = process = None
    try:
        serial = Assistant(recognizer, generator, settings["b"])
        services = SeparateServices(*urls, serial, ignore_eos=ignore_eos, recognise=recognise)
        runners = {
            OURS: joint(Assistant(recognizer, generator, settings["e"])),
            SERIAL: joint(serial),
            HTTP: separate(services),
        }
        if args.pipecat_python:
            process = PipecatProcess(
                args.pipecat_python, *urls, settings["b"], ignore_eos=ignore_eos
            )
            await process.start()
            runners[PIPECAT] = pipecat(process, services)
        turns = await measure("peers", runners, utterances, None, args.seed)
        return turns, process.observed if process else []
    finally:
        if process:
            await process.close()
        if services:
            await services.close()
        generator.close()
        recognizer.close()


def run(
    args: argparse.Namespace, profile: Profile, utterances: Sequence[Utterance]
) -> tuple[list[Turn], list[dict[str, Any]]]:
    """Starts both servers and runs every arm.

    Raises:
        ServiceError, PeerError: A server or a peer did not start, or was lost.
    """
    with (
        tempfile.TemporaryDirectory(prefix="peers_") as logs,
        started(
            "funasr_server",
            lambda port: funasr_arguments(profile, port),
            Path(logs),
            args.funasr_python,
        ) as asr,
        running_llm(profile, Path(logs)) as llm,
    ):
        try:
            return asyncio.run(run_arms(args, profile, (asr.url, llm.url), utterances))
        except httpx.HTTPError as error:
            for service in (asr, llm):
                service.check()
            raise ServiceError(f"a service failed: {type(error).__name__} {error}") from error


def report(
    args: argparse.Namespace, profile: Profile, turns: Sequence[Turn],
    observed: Sequence[dict[str, Any]], load_before: Any,
) -> int:  # fmt: skip
    """Writes and prints what came out; 1 where a turn went unanswered."""
    rows = [row_of(turn) for turn in turns if not turn.is_warm_up]
    names = list(dict.fromkeys(turn.variant for turn in turns))
    arms = summarize(rows, sorted(names, key=[OURS, SERIAL, HTTP, PIPECAT].index))
    # warm-up turns come first
    counted = observed[len(observed) - sum(row["arm"] == PIPECAT for row in rows) :]
    own = quantiles(each.get("latency_s") for each in counted)
    lines = []
    for name, arm in arms.items():
        times, ratios = arm["times"], arm["ratios"]
        lines.append(
            [
                name,
                str(arm["num_answered"]),
                both(times["response_latency_s"], 1000),
                *(
                    ratio_with_interval(ratios[f"response_latency_s_{quantile}"])
                    for quantile in ("p50", "p95")
                ),
                both(times["asr_final_s"], 1000),
                both(times["ttft_s"], 1000),
                f"{number(own.p50, 1000)} / {number(own.p95, 1000)}" if name == PIPECAT else "–",
            ]
        )
    if PIPECAT not in arms:
        print("Pipecat was left out: --pipecat-python names no environment that has it.")
    figures = {
        "settings": {k: v for k, v in vars(args).items() if not k.endswith("_python")},
        "profile": profile.name,
        "variants": {OURS: "e", SERIAL: "b"},
        "load_average_before": load_before,
        "arms": arms,
        "pipecat_observer": counted,
        "turns": rows,
    }
    finish(f"peers/{profile.name}", COLUMNS, lines, figures)
    return int(any(not row["answered"] for row in rows))


def main() -> int:
    """Runs the bench; 0 when every turn was answered."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--suites", default="daily_qa")
    parser.add_argument("--limit", type=int, default=20, help="utterances in each arm (20)")
    parser.add_argument("--longest", type=float, default=7.0, metavar="S", help="utterance (7)")
    parser.add_argument("--max-tokens", type=int, default=8, help="of an answer (8)")
    parser.add_argument("--endpoint-silence", type=float, default=0.5, metavar="S", help="(0.5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pipecat-python", help="interpreter that has pipecat-ai[silero]")
    parser.add_argument("--funasr-python", default=sys.executable, help="(this one)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped
    try:
        profile = load_profile(args.profile)
        if profile.asr.transcript_source:
            raise PeerError(
                f"profile {profile.name!r} computes with one recogniser and hears with another, "
                "which FunASR's server cannot",
                "Give bundled, 4090d, bench/peers/llm-0.6b.yaml, or a profile of your own",
            )
        prepare_folders(profile)
        load_before = provenance.load_average()
        turns, observed = run(args, profile, choose_utterances(args))
    except VoicebenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return report(args, profile, turns, observed, load_before)


if __name__ == "__main__":
    sys.exit(main())
