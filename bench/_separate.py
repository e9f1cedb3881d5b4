"""A turn over two services, as a client does it: listen, send the recording, send the prompt.

The client hears the end of speech itself, with the same VAD and the same silence as the joint
engine, then posts the whole recording to the recogniser and the prompt, as token ids, to vLLM's
OpenAI server. What happens is told in the events of a joint turn, so the same metrics apply.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import numpy as np
from _services import MODEL_NAME
from asr_service import KEEP_ALIVE_S, write_wav

from voicebench.audio import AudioChunk
from voicebench.clock import TurnClock
from voicebench.events import Event, make_event
from voicebench.llm.base import Prompt
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.endpoint import Endpoint
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Window


@dataclass(frozen=True)
class Recognised:
    """What a recogniser's service answered; `compute_s` is None where it does not say."""

    text: str
    confidence: float
    compute_s: float | None


Recognise = Callable[[httpx.AsyncClient, str, bytes], Awaitable[Recognised]]
"""Asks the service at an address to recognise a WAV file."""


async def recognise(http: httpx.AsyncClient, url: str, wav: bytes) -> Recognised:
    """By `asr_service.py`."""
    answer = await http.post(f"{url}/recognize", content=wav)
    answer.raise_for_status()
    found = answer.json()
    return Recognised(str(found["text"]), float(found["confidence"]), float(found["compute_s"]))


class SeparateServices:
    """Runs turns over HTTP.

    Args:
        asr_url: Of the recogniser's service.
        llm_url: Of vLLM's server.
        assistant: Its variant's endpoint, cleaning, prompt and sampling are used, and its
            tokenizer; none of its models.
        ignore_eos: Whether every answer has all its tokens (random weights).
        recognise: How the recogniser's service is asked.
    """

    def __init__(
        self,
        asr_url: str,
        llm_url: str,
        assistant: Assistant,
        *,
        ignore_eos: bool,
        recognise: Recognise = recognise,
    ) -> None:
        self._recognise = recognise
        self._asr_url = asr_url
        self._llm_url = llm_url
        self._assistant = assistant
        self._ignore_eos = ignore_eos
        self._http = httpx.AsyncClient(
            timeout=120.0, limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE_S), trust_env=False
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def forget_prompts(self) -> None:
        """Empties the LLM server's prefix cache."""
        (await self._http.post(f"{self._llm_url}/reset_prefix_cache")).raise_for_status()

    async def warm(self, prompt: Prompt) -> None:
        """Computes a prompt's beginning into the LLM server's prefix cache."""
        body = self._body(prompt) | {"max_tokens": 1, "stream": False}
        answer = await self._http.post(f"{self._llm_url}/v1/completions", json=body)
        answer.raise_for_status()

    async def run_turn(
        self, chunks: AsyncIterator[AudioChunk], clock: TurnClock
    ) -> AsyncGenerator[Event, None]:
        """One turn; see `Assistant.run_turn`.

        Raises:
            httpx.HTTPError: A service refused or is gone.
        """
        events: list[Event] = []

        def emit(kind: str, data: dict[str, Any], t_s: float = -1.0) -> None:
            events.append(make_event(kind, clock.t_s() if t_s < 0 else t_s, data))

        heard = await self._listen(chunks, emit)
        started_s = clock.t_s()
        recognised = await self._recognise(self._http, self._asr_url, write_wav(heard))
        compute_s = recognised.compute_s
        if compute_s is None:  # then the request as a whole counts as the recogniser's
            compute_s = clock.t_s() - started_s
        window = Window(
            index=0,
            start_s=0.0,
            end_s=len(heard) / SAMPLE_RATE_HZ,
            tokens=(),
            compute_s=compute_s,
        )
        emit(
            "window_recognised",
            {"index": 0, "compute_s": compute_s, "started_s": started_s, "window": window},
        )
        text = recognised.text
        final = {"text": text, "confidence": recognised.confidence}
        emit("transcript_final", {**final, "hypothesis": Hypothesis(is_final=True)})
        cleaned = self._assistant.clean(text)
        emit("cleaned", {"text": cleaned.text, "retracted": cleaned.retracted})
        messages, prompt = self._assistant.build_prompt((), cleaned.text, Hypothesis())
        sent = {"messages": messages, **msgspec.structs.asdict(prompt)}
        emit("prompt_built", {"num_tokens": len(prompt), **sent})
        emit("request_submitted", {})
        for event in events:
            yield event
        async for event in self._answer(prompt, clock):
            yield event

    async def _listen(self, chunks: AsyncIterator[AudioChunk], emit: Any) -> Any:
        silence_s = self._assistant.variant.endpoint_silence_s
        endpoint, pieces, reason = Endpoint(silence_s), [], "audio_end"
        emit("audio_started", {}, 0.0)
        async for chunk in chunks:
            pieces.append(chunk.samples)
            for noticed in endpoint.feed(chunk.samples):
                if noticed.kind != "turn_ended":
                    emit(noticed.kind, {"at_s": noticed.at_s})
            if endpoint.is_ended:
                reason = "endpoint"
                break
        heard = np.concatenate(pieces)
        audio_s = len(heard) / SAMPLE_RATE_HZ
        emit("audio_ended", {"audio_s": audio_s})
        waited_s = audio_s - (endpoint.last_speech_s or 0.0)
        emit("turn_committed", {"reason": reason, "silence_s": max(0.0, waited_s)})
        return heard

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        sampling = self._assistant.variant.sampling
        return {
            "model": MODEL_NAME,
            "prompt": list(prompt.token_ids),
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "ignore_eos": self._ignore_eos,
        }

    async def _answer(self, prompt: Prompt, clock: TurnClock) -> AsyncGenerator[Event, None]:
        body = self._body(prompt) | {"stream": True, "return_token_ids": True}
        index, reason = 0, ""
        url = f"{self._llm_url}/v1/completions"
        async with self._http.stream("POST", url, json=body) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                if not line.startswith("data: ") or line == "data: [DONE]":
                    continue
                choice = json.loads(line.removeprefix("data: "))["choices"][0]
                reason = choice["finish_reason"] or reason
                ids = choice.get("token_ids") or []
                if choice["finish_reason"] == "stop" and not choice["text"]:
                    ids = ids[:-1]  # the end token is no part of the answer
                for token_id in ids:
                    data = {"index": index, "id": token_id, "text": choice["text"]}
                    yield make_event("answer_token", clock.t_s(), data)
                    index += 1
        finished = {"finish_reason": reason, "num_tokens": index, "cached_prompt_tokens": 0}
        yield make_event("answer_finished", clock.t_s(), finished)
