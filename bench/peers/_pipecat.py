"""The arm that is Pipecat: a process of its own environment, and its turns as events of ours."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from _joint_arms import Utterance
from _runners import Runner
from _separate import SeparateServices
from _services import MODEL_NAME

from voicebench.errors import VoicebenchError
from voicebench.events import make_event
from voicebench.llm.base import Prompt
from voicebench.llm.prompts import find_prompt
from voicebench.types import Event, Hypothesis, Variant

CHUNK_S = 0.1  # as `audio.chunk_audio`
_LIMIT = 2**24  # of a line: a turn's audio is in one


class PeerError(VoicebenchError):
    """The peer's process did not start, or ended."""


class PipecatProcess:
    """`pipecat_client.py`, running.

    Args:
        python: Interpreter of the environment that has Pipecat.
        asr_url: Of FunASR's server.
        llm_url: Of vLLM's server.
        variant: Its endpoint, prompt and sampling.
        ignore_eos: Whether every answer has all its tokens.
    """

    def __init__(
        self, python: str, asr_url: str, llm_url: str, variant: Variant, *, ignore_eos: bool
    ) -> None:
        script = str(Path(__file__).with_name("pipecat_client.py"))
        self._command = [python, script, "--asr", asr_url, "--llm", llm_url]
        self._asked = {
            "model": MODEL_NAME,
            "system": find_prompt(variant.prompt).system,
            "temperature": variant.sampling.temperature,
            "max_tokens": variant.sampling.max_tokens,
            "silence_s": variant.endpoint_silence_s,
            "chunk_s": CHUNK_S,
            "ignore_eos": ignore_eos,
        }
        self.observed: list[dict[str, Any]] = []

    async def start(self) -> None:
        """Returns when it is ready.

        Raises:
            PeerError: It did not start.
        """
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LIMIT,
            )
        except OSError as error:
            raise PeerError(
                f"{self._command[0]} cannot be run: {error.strerror}",
                "Give --pipecat-python the interpreter of an environment with pipecat-ai",
            ) from error
        await self._read()

    async def run(self, utterance: Utterance) -> tuple[Event, ...]:
        """One turn, in the events of a joint one.

        Raises:
            PeerError: The process ended.
        """
        pcm = (np.clip(utterance.samples, -1, 1) * 32767).astype("<i2").tobytes()
        asked = {**self._asked, "pcm": base64.b64encode(pcm).decode()}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        await self._process.stdin.drain()
        happened = await self._read()
        self.observed.append(happened["observer"])
        return events_of(happened, len(utterance.samples) / 16_000)

    async def close(self) -> None:
        """Ends the process."""
        if self._process.returncode is None:
            assert self._process.stdin
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), 20)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line:
            code = await self._process.wait()
            raise PeerError(
                f"Pipecat's process ended with exit code {code}",
                "See what it wrote above; the environment needs pipecat-ai[silero]",
            )
        found: dict[str, Any] = json.loads(line)
        return found


def events_of(happened: dict[str, Any], audio_s: float) -> tuple[Event, ...]:
    """What `pipecat_client.py` told of a turn, in the events of a joint one."""
    if happened["failure"]:
        data = {"stage": "client", "type": "PeerError", "message": happened["failure"]}
        return (make_event("failed", 0.0, data),)
    at_s = {name: at - happened["started_s"] for name, at in happened["at_s"].items()}
    events = [make_event("audio_started", 0.0)]
    if "transcript" in at_s:
        hypothesis = Hypothesis(is_final=True)
        data = {"text": happened["text"], "confidence": 0.0, "hypothesis": hypothesis}
        events.append(make_event("transcript_final", at_s["transcript"], data))
    if "committed" in at_s:
        events.append(make_event("audio_ended", at_s["committed"], {"audio_s": audio_s}))
        # what it waited for is in its own breakdown: silence, recognition and a timer side by side
        data = {"reason": "endpoint", "silence_s": 0.0}
        events.append(make_event("turn_committed", at_s["committed"], data))
    if "requested" in at_s:
        events.append(make_event("request_submitted", at_s["requested"]))
    for index, (piece_s, text) in enumerate(happened["pieces"]):
        data = {"index": index, "id": -1, "text": text}
        t_s = piece_s - happened["started_s"]
        events.append(make_event("answer_token", t_s, data))
    num_pieces = len(happened["pieces"])
    finished = {"finish_reason": "stop", "num_tokens": num_pieces, "cached_prompt_tokens": 0}
    events.append(make_event("answer_finished", at_s["ended"], finished))
    return tuple(sorted(events, key=lambda event: event.t_s))


def pipecat(process: PipecatProcess, services: SeparateServices) -> Runner:
    """The arm; the LLM server's prefix cache is treated as in the others."""

    async def prepare(head: Prompt | None) -> None:
        await services.forget_prompts()
        if head:
            await services.warm(head)

    return Runner(prepare, process.run)
