"""The steps of the first hour that no command of voicebench makes: one a process, a JSON line last.

    python bench/_first_hour.py recogniser --profile bundled --suites daily_qa --cases 5

The line has `passed`, `found` (one sentence), `facts`, and `lines` for the report.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import itertools
import json
import signal
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import ROOT
from _first_hour_clips import clips
from _first_hour_confidence import folded, samples_of
from _thresholds import histogram, propose

from voicebench.errors import VoicebenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray


QUESTIONS = (
    "今天适合出去跑步吗？", "请用一句话介绍杭州。", "三百块钱够买两张火车票吗？",
    "请把刚才说的话重复一遍。", "明天下午三点提醒我开会。",
)  # fmt: skip
SILENCE_S = 0.5
TAIL_S = 2.0  # of quiet after each recording, so that a turn can end
NOISE_DB = 10.0


def imports(args: argparse.Namespace) -> dict[str, Any]:
    """What a run imports, on this device."""
    import importlib

    import torch

    on_card = torch.cuda.is_available()
    names = ["funasr", "vllm", "transformers"]
    if on_card:
        names += ["flashinfer", "cutlass", "cuda.bindings.runtime", "triton"]
    failed = {}
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever an import raises is the finding
            failed[name] = f"{type(error).__name__}: {error}"
    device = torch.cuda.get_device_name(0) if on_card else "the CPU"
    found = f"torch {torch.__version__} on {device}; imported: {', '.join(names)}"
    if failed:
        found = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
    return {"passed": not failed, "found": found, "facts": {"cuda": on_card, "failed": failed}}


def audio(args: argparse.Namespace) -> dict[str, Any]:
    """A question to ask, as a WAV."""
    import soundfile

    from voicebench.types import SAMPLE_RATE_HZ

    clip = clips(args)[0]
    soundfile.write(args.out, clip.samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    found = f"{clip.name}: {len(clip.samples) / SAMPLE_RATE_HZ:.1f} s, in {Path(args.out).name}"
    return {"passed": True, "found": found, "facts": {"text": clip.text}}


def recogniser(args: argparse.Namespace) -> dict[str, Any]:
    """This project's recogniser beside FunASR's own call, and the histogram of its confidences."""
    from voicebench.asr.global_state import preserve_global_state
    from voicebench.asr.paraformer import _DOUBT_BELOW, ParaformerRecognizer
    from voicebench.profiles.loader import load_profile
    from voicebench.types import SAMPLE_RATE_HZ, Guard, Variant

    profile = load_profile(args.profile).asr
    ours = ParaformerRecognizer(profile, only_speech=False)  # made-up tokens are counted too
    with preserve_global_state():
        from funasr import AutoModel

        theirs = AutoModel(
            model=profile.folder, device=profile.device, disable_update=True, disable_pbar=True
        )
    lines, differing, rows = [], [], []
    for clip in clips(args):
        started_s = time.perf_counter()
        hypothesis = ours.recognize(clip.samples)
        took_s = time.perf_counter() - started_s
        with preserve_global_state():
            reference = theirs.generate(input=clip.samples, fs=SAMPLE_RATE_HZ)[0]["text"]
        rows.append((clip, hypothesis.tokens, took_s))
        if folded(hypothesis.text) != folded(reference):
            differing.append(clip.name)
            lines += [
                f"{clip.name}: ours {hypothesis.text!r}",
                f"{'':{len(clip.name)}}  FunASR {reference!r}",
            ]
    noise = np.random.default_rng(0).normal(0, 0.03, 10 * SAMPLE_RATE_HZ).astype(np.float32)
    tokens, transcripts, windows = samples_of(rows, ours.recognize(noise).tokens)
    now = (_DOUBT_BELOW, Guard().min_confidence, Variant().speculation_confidence)
    audio_s = [len(clip.samples) / SAMPLE_RATE_HZ for clip, *_ in rows]
    rtf = sum(took_s for *_, took_s in rows) / sum(audio_s)
    proposals = propose(tokens, transcripts, windows, now)
    return {
        "passed": not differing,
        "found": f"{len(rows) - len(differing)} of {len(rows)} transcripts are FunASR's own; "
        f"{len(tokens.right)} tokens right, {len(tokens.wrong)} wrong or made up in noise; RTF {rtf:.3f}",
        "facts": {
            "differing": differing,
            "seconds": [took_s for *_, took_s in rows],
            "audio_s": audio_s,
            "proposals": [dataclasses.asdict(each) for each in proposals],
        },
        "lines": [
            *lines,
            "from    right  wrong  tokens: # right, x wrong or made up in noise",
            *histogram(tokens),
        ],
        "table": [each.row() for each in proposals],
    }


def llm(args: argparse.Namespace) -> dict[str, Any]:
    """Each question twice: time to the first token, gaps, and the same answer both times."""
    from voicebench.llm.kinds import build_generator
    from voicebench.llm.prompts import build_messages
    from voicebench.profiles.loader import load_profile
    from voicebench.types import Sampling

    profile = load_profile(args.profile)
    generator = build_generator(profile.llm)
    prompts = [generator.encode_chat(build_messages("baseline", (), text)) for text in QUESTIONS]
    asyncio.run(_answer(generator, prompts[0], Sampling()))  # warms up
    answers = [
        [asyncio.run(_answer(generator, prompt, Sampling())) for _ in range(2)]
        for prompt in prompts
    ]
    generator.close()
    flat = [answer for pair in answers for answer in pair]
    same = sum(one["text"] == two["text"] for one, two in answers)
    unended = sum(answer["finish"] != "stop" for answer in flat)
    ttft, gap = ([1000 * t for a in flat for t in a[key]] for key in ("ttft_s", "gaps_s"))
    passed = same == len(prompts) and (not unended or profile.has_random_weights)
    return {
        "passed": passed,
        "found": f"first token {statistics.median(ttft):.1f} ms (n {len(ttft)}), each further "
        f"{statistics.median(gap):.2f} ms (n {len(gap)}), medians; {same} of {len(prompts)} answers "
        f"the same twice; {unended} of {len(flat)} not ended by the model",
        "facts": {"ttft_ms": ttft, "gaps_ms": gap},
        "lines": [f"{q} -> {pair[0]['text']}" for q, pair in zip(QUESTIONS, answers, strict=True)],
    }


async def _answer(generator: Any, prompt: Any, sampling: Any) -> dict[str, Any]:
    from voicebench.clock import now_s

    started_s = now_s()
    tokens, finish = [], ""
    async for delta in generator.stream(prompt, sampling, "first-hour"):
        tokens += delta.tokens
        finish = delta.finish_reason or finish
    times = [token.t_s for token in tokens]
    return {
        "text": "".join(token.text for token in tokens),
        "finish": finish,
        "ttft_s": [times[0] - started_s] if times else [],
        "gaps_s": [late - early for early, late in itertools.pairwise(times)],
    }


def endpoint(args: argparse.Namespace) -> dict[str, Any]:
    """Where a turn ends in quiet and in noise, and that noise alone begins none."""
    from voicebench.asr.funasr_companions import load_companions
    from voicebench.profiles.loader import load_profile
    from voicebench.suites.degrade import degrade
    from voicebench.types import SAMPLE_RATE_HZ, Condition

    asr = load_profile(args.profile).asr
    vad = load_companions(_only_vad(asr)).vad
    tail = np.random.default_rng(1).normal(0, 1e-4, int(TAIL_S * SAMPLE_RATE_HZ)).astype(np.float32)
    lines, missed, cut_off, num, waits = [], dict.fromkeys(("quiet", "noise"), 0), 0, 0, []
    for clip in clips(args):
        whole = np.concatenate([clip.samples, tail])
        t_eos_s = clip.t_eos_s or len(clip.samples) / SAMPLE_RATE_HZ
        noisy = degrade(whole, t_eos_s, Condition(kind="noise", level=NOISE_DB))
        num += 1
        for name, samples in (("quiet", whole), ("noise", noisy)):
            decided_s = _turn_end_s(samples, vad)
            missed[name] += decided_s is None
            if decided_s is None or (clip.t_eos_s and decided_s < clip.t_eos_s):
                lines.append(
                    f"{clip.name}, {name}: decided {decided_s}, speech ends {clip.t_eos_s}"
                )
            if name == "quiet" and decided_s is not None and clip.t_eos_s:
                cut_off += decided_s < clip.t_eos_s
                waits.append(decided_s - clip.t_eos_s)
    noise = np.random.default_rng(0).normal(0, 0.03, 10 * SAMPLE_RATE_HZ).astype(np.float32)
    noise_is_a_turn = _turn_end_s(noise, vad) is not None
    waited = f", decided {statistics.median(waits):.2f} s after speech (median)" if waits else ""
    return {
        "passed": not (cut_off or missed["quiet"] or noise_is_a_turn)
        and missed["noise"] <= num / 10,
        "found": f"{'fsmn-vad' if vad else 'silero-vad'}: in quiet {num - missed['quiet']} of {num} "
        f"turns end, {cut_off} cut off{waited}; at {NOISE_DB:g} dB {num - missed['noise']} of {num} "
        f"end; noise alone {'is taken for a turn' if noise_is_a_turn else 'is no turn'}",
        "facts": {
            "missed": missed,
            "cut_off": cut_off,
            "waits_s": waits,
            "noise_is_a_turn": noise_is_a_turn,
        },
        "lines": lines,
    }


def _only_vad(asr: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(asr, punctuation=None, speakers=None)


def _turn_end_s(samples: NDArray[np.float32], vad: Any) -> float | None:
    """When the endpointer decides that a turn is over; None where it never does."""
    from voicebench.pipeline.endpoint import Endpoint

    detector = Endpoint(SILENCE_S, vad.stream() if vad else None)
    for event in detector.feed(samples):
        if event.kind == "turn_ended":
            return event.decided_s
    return None


def service(args: argparse.Namespace) -> dict[str, Any]:
    """Start, READY, one typed question, the page, and an orderly end."""
    import socket
    import subprocess

    ports = []
    with socket.socket() as one, socket.socket() as two:
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    url, page = (f"http://127.0.0.1:{port}" for port in ports)
    command = [
        sys.executable, "-m", "voicebench", "serve", "--profile", args.profile,
        "--port", str(ports[0]), "--page-port", str(ports[1]),
    ]  # fmt: skip
    started_s = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr, stderr=sys.stderr)
    try:
        _wait_for(f"{url}/ready", process)
        ready_s = time.monotonic() - started_s
        model = json.loads(_get(f"{url}/v1/models"))["data"][0]["id"]
        body = {"model": model, "messages": [{"role": "user", "content": QUESTIONS[1]}]}
        asked_s = time.monotonic()
        answer = json.loads(_get(f"{url}/v1/chat/completions", json.dumps(body).encode()))
        took_s = time.monotonic() - asked_s
        text = answer["choices"][0]["message"]["content"]
        is_page = b"<html" in _get(f"{page}/").lower()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    return {
        "passed": bool(text) and is_page and code == 0,
        "found": f"READY after {ready_s:.1f} s, an answer after {took_s:.2f} s, page "
        f"{'there' if is_page else 'missing'}, exit code {code} on SIGTERM",
        "facts": {"ready_s": ready_s, "answer_s": took_s, "answer": text, "exit_code": code},
    }


def _wait_for(url: str, process: Any) -> None:
    """Returns when the service is ready; the step's own time limit ends a wait that is too long."""
    while True:
        if process.poll() is not None:
            raise SystemExit(f"the service ended with exit code {process.returncode}")
        try:
            _get(url)
            return
        except OSError:
            time.sleep(0.5)


def _get(url: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as response:
        content: bytes = response.read()
        return content


STEPS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    step.__name__: step for step in (imports, audio, recogniser, llm, endpoint, service)
}


def main() -> int:
    """Makes one step; 0, or the exit code of an error, which is printed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--profile", required=True)
    parser.add_argument("--recordings")
    parser.add_argument("--suites", default="daily_qa")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--out", default="question.wav")
    args = parser.parse_args()
    try:
        document = STEPS[args.step](args)
    except VoicebenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(document, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
