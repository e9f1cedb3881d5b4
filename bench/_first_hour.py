"""The steps of the first hour that no command of voicebench makes: one a process, a JSON line last.

    python bench/_first_hour.py recogniser --profile bundled --suite daily_qa --cases 5

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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _common import ROOT
from _thresholds import Samples, histogram, propose

from voicebench.errors import VoicebenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voicebench.types import Token

AUDIO_SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".webm")
QUESTIONS = (
    "今天适合出去跑步吗？", "请用一句话介绍杭州。", "三百块钱够买两张火车票吗？",
    "请把刚才说的话重复一遍。", "明天下午三点提醒我开会。",
)  # fmt: skip
SILENCE_S = 0.5
TAIL_S = 2.0  # of quiet after each recording, so that a turn can end
NOISE_DB = 10.0
WINDOW_S = 2.4
GOOD_CER = 0.1


@dataclasses.dataclass(frozen=True)
class Clip:
    """A recording; `text` None where no transcript is known, `t_eos_s` where no end is."""

    name: str
    samples: NDArray[np.float32]
    text: str | None
    t_eos_s: float | None


def clips(args: argparse.Namespace) -> list[Clip]:
    """The user's recordings, with NAME.txt beside them as transcripts, and turns of a suite."""
    return [*_recordings(args.recordings), *_suite_turns(args.suite, args.cases)]


def _recordings(folder: str | None) -> Iterator[Clip]:
    from voicebench.audio import load_audio

    paths = sorted(Path(folder).rglob("*")) if folder else []
    for path in paths:
        if path.suffix.lower() in AUDIO_SUFFIXES:
            beside = path.with_suffix(".txt")
            text = beside.read_text(encoding="utf-8").strip() if beside.is_file() else None
            yield Clip(path.name, load_audio(path), text, None)


def _suite_turns(name: str, cases: int) -> Iterator[Clip]:
    from voicebench.suites.load import load_suite
    from voicebench.suites.speech import render_turn

    suite = load_suite(name)
    turns = ((case, turn) for case in suite.cases for turn in case.turns)
    for case, turn in itertools.islice(turns, cases):
        samples, t_eos_s = render_turn(turn, suite.folder)
        yield Clip(case.id, samples, turn.reference, t_eos_s)


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
    from voicebench.asr.paraformer import _DOUBT_BELOW, ParaformerRecognizer
    from voicebench.asr.traceless import traceless
    from voicebench.config import load_profile
    from voicebench.types import SAMPLE_RATE_HZ, Guard, Variant

    profile = load_profile(args.profile).asr
    ours = ParaformerRecognizer(profile, only_speech=False)  # made-up tokens are counted too
    with traceless():
        from funasr import AutoModel

        theirs = AutoModel(
            model=profile.folder, device=profile.device, disable_update=True, disable_pbar=True
        )
    lines, differing, rows = [], [], []
    for clip in clips(args):
        started_s = time.perf_counter()
        heard = ours.recognize(clip.samples)
        took_s = time.perf_counter() - started_s
        with traceless():
            said = theirs.generate(input=clip.samples, fs=SAMPLE_RATE_HZ)[0]["text"]
        rows.append((clip, heard.tokens, took_s))
        if _folded(heard.text) != _folded(said):
            differing.append(clip.name)
            lines += [
                f"{clip.name}: ours {heard.text!r}",
                f"{'':{len(clip.name)}}  FunASR {said!r}",
            ]
    noise = np.random.default_rng(0).normal(0, 0.03, 10 * SAMPLE_RATE_HZ).astype(np.float32)
    tokens, transcripts, windows = _samples(rows, ours.recognize(noise).tokens)
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


def _folded(text: str) -> str:
    from voicebench.metrics.normalize import get_normalizer

    return "".join(get_normalizer("basic")(text).split())


def _samples(
    rows: list[tuple[Clip, tuple[Token, ...], float]], in_noise: tuple[Token, ...]
) -> tuple[Samples, Samples, Samples]:
    """Confidences of tokens, transcripts and windows whose reference is known, right and wrong.

    A window is a slice of the whole transcript by time: its tokens were recognised with more context
    than a window of a turn gives.
    """
    from voicebench.metrics.error_rate import cer

    tokens: dict[bool, list[float]] = {True: [], False: [each.confidence for each in in_noise]}
    transcripts: dict[bool, list[float]] = {True: [], False: []}
    windows: dict[bool, list[float]] = {True: [], False: []}
    for clip, heard, _ in rows:
        if clip.text is None or not heard:
            continue
        is_right = _right_tokens(clip.text, heard)
        for token, right in zip(heard, is_right, strict=True):
            tokens[right].append(token.confidence)
        rate = cer(clip.text, " ".join(token.text for token in heard)).rate
        good = rate is not None and rate <= GOOD_CER
        transcripts[good].append(statistics.fmean(token.confidence for token in heard))
        slices = itertools.groupby(
            zip(heard, is_right, strict=True), key=lambda pair: int(pair[0].start_s / WINDOW_S)
        )
        for _, group in slices:
            pairs = list(group)
            mean = statistics.fmean(token.confidence for token, _ in pairs)
            windows[all(right for _, right in pairs)].append(mean)
    found = (
        Samples(tuple(each[True]), tuple(each[False])) for each in (tokens, transcripts, windows)
    )
    first, second, third = found
    return first, second, third


def _right_tokens(reference: str, heard: tuple[Token, ...]) -> list[bool]:
    """Whether every character of each token stands in the reference at its place."""
    from voicebench.metrics.error_rate import align

    pieces = [_folded(token.text) for token in heard]
    owners = [index for index, piece in enumerate(pieces) for _ in piece]
    wrong = {index for index, piece in enumerate(pieces) if not piece}
    at = 0
    for step in align(list(_folded(reference)), list("".join(pieces))).steps:
        here = owners[at : at + len(step.hypothesis)]
        at += len(here)
        if step.operation != "equal":
            wrong.update(here)
    return [index not in wrong for index in range(len(heard))]


def llm(args: argparse.Namespace) -> dict[str, Any]:
    """Each question twice: time to the first token, gaps, and the same answer both times."""
    from voicebench.config import build_generator, load_profile
    from voicebench.llm.prompts import build_messages
    from voicebench.types import Sampling

    profile = load_profile(args.profile)
    generator = build_generator(profile)
    prompts = [generator.encode_chat(build_messages("seed", (), text)) for text in QUESTIONS]
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
    from voicebench.config import load_profile
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
    begun = _turn_end_s(noise, vad) is not None
    waited = f", decided {statistics.median(waits):.2f} s after speech (median)" if waits else ""
    return {
        "passed": not (cut_off or missed["quiet"] or begun) and missed["noise"] <= num / 10,
        "found": f"{'fsmn-vad' if vad else 'silero-vad'}: in quiet {num - missed['quiet']} of {num} "
        f"turns end, {cut_off} cut off{waited}; at {NOISE_DB:g} dB {num - missed['noise']} of {num} "
        f"end; noise alone {'is taken for a turn' if begun else 'is no turn'}",
        "facts": {"missed": missed, "cut_off": cut_off, "waits_s": waits, "noise_is_a_turn": begun},
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
    parser.add_argument("--suite", default="daily_qa")
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
