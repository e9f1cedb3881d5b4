"""FunASR's WebSocket protocol, at `/` where its clients look for it: transcripts, no answers.

    -> {"mode": "2pass", "wav_name": "a", "audio_fs": 16000, "is_speaking": true, ...}
    -> PCM frames ...
    <- {"mode": "2pass-online", "text": "...", "is_final": false, ...}
    <- {"mode": "2pass-offline", "text": "...", "timestamp": "[[60,240],...]", ...}
    -> {"is_speaking": false}
    <- {..., "is_final": true}

`online` gives text as windows are recognised, `offline` each sentence once, whole; `2pass` both.
Hot words, chunk sizes and inverse text normalisation are taken and mean nothing here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, WebSocket
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voicebench.asr.tokens import join_letters
from voicebench.asr.windows import reach_s
from voicebench.deadline import call_within
from voicebench.errors import AudioError
from voicebench.pipeline.assistant import Assistant
from voicebench.serving.errors import ApiError
from voicebench.serving.logs import log
from voicebench.serving.partial import PartialTranscript
from voicebench.serving.segmenter import Segmenter, Stretch
from voicebench.serving.service import Service
from voicebench.serving.sockets import Socket, accepted
from voicebench.serving.sound import PcmStream, decode
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Token, join_tokens

_WHOLE_UP_TO_S = 20.0
"""Longer stretches go through windows, so that memory stays bounded."""
_MIB = 2**20


class Control(BaseModel):
    """A JSON message of a client; all but these fields are ignored."""

    model_config = ConfigDict(extra="ignore")

    mode: Literal["offline", "online", "2pass"] | None = None
    wav_name: Annotated[str, Field(max_length=256)] | None = None
    wav_format: Annotated[str, Field(max_length=16)] | None = None
    audio_fs: Annotated[int, Field(ge=8_000, le=192_000)] | None = None
    is_speaking: bool | None = None
    is_end: bool = False


def router(service: Service) -> APIRouter:
    """The route, for one service."""
    routes = APIRouter()

    @routes.websocket("/")
    async def funasr(websocket: WebSocket) -> None:
        async with accepted(service, websocket, "binary") as socket:
            if socket is not None:
                await Stream(service, socket).run()

    return routes


class Stream:
    """One client: recordings one after the other."""

    def __init__(self, service: Service, socket: Socket) -> None:
        self._service = service
        self._socket = socket
        self._assistant: Assistant = service.assistant(service.settings.variant)
        self._mode = "2pass"
        self._name = "microphone"
        self._is_file = False
        self._rate_hz = SAMPLE_RATE_HZ
        self._begin_recording()

    async def run(self) -> None:
        """Serves the client until it leaves."""
        async for message in self._socket.messages():
            try:
                if isinstance(message, bytes):
                    await self._take(message)
                else:
                    await self._control(Control.model_validate_json(message))
            except (ValidationError, AudioError, ApiError, TimeoutError) as error:
                await self._fail(error)
                return

    def _begin_recording(self) -> None:
        limits = self._service.settings.limits
        self._bytes = bytearray()
        self._max_samples = round(limits.max_audio_s * SAMPLE_RATE_HZ)
        self._num_samples = 0
        self._pcm = PcmStream(self._rate_hz)
        self._segmenter = Segmenter()
        self._windows = self._assistant.sliding_windows()
        self._partial = PartialTranscript(reach_s(self._assistant.variant))
        self._has_ended = False

    async def _control(self, control: Control) -> None:
        self._mode = control.mode or self._mode
        self._name = self._name if control.wav_name is None else control.wav_name
        if control.wav_format is not None:
            self._is_file = control.wav_format.lower() != "pcm"
        if control.audio_fs and control.audio_fs != self._rate_hz:
            self._rate_hz = control.audio_fs
            self._pcm = PcmStream(self._rate_hz)
        if control.is_speaking is False and not self._has_ended:
            await self._end()
            self._has_ended = True
        if control.is_end:
            await self._socket.send({"is_end": True, "is_final": True, "wav_name": self._name})
        if control.is_speaking:
            self._begin_recording()

    async def _take(self, data: bytes) -> None:
        self._socket.speech_place.take()
        if self._has_ended:
            self._begin_recording()
        if self._is_file:  # a file can only be read once it is whole
            self._bytes += data
            if len(self._bytes) > self._service.settings.limits.max_body_mib * _MIB:
                raise ApiError(413, "the recording is too large", "body_too_large")
            return
        await self._hear(self._pcm.feed(data))

    async def _hear(self, samples: NDArray[np.float32]) -> None:
        self._num_samples += len(samples)
        if self._mode == "offline" and self._num_samples > self._max_samples:
            raise ApiError(413, "the recording is too long", "audio_too_long")
        if self._mode != "offline":
            for ready in self._windows.take(samples):
                for window in await self._within(
                    lambda ready=ready: self._windows.recognise(ready)
                ):
                    await self._tell("online", text=self._partial.take(window))
        if self._mode != "online":
            for stretch in self._segmenter.feed(samples):
                await self._tell_stretch(stretch, is_final=False)

    async def _end(self) -> None:
        """Nothing more is said: the rest of the text, and that it is all."""
        if self._is_file and self._bytes:
            samples = await decode(bytes(self._bytes), self._service.settings.limits)
            for start in range(0, len(samples), SAMPLE_RATE_HZ):
                await self._hear(samples[start : start + SAMPLE_RATE_HZ])
                await asyncio.sleep(0)  # lets others have the loop
        await self._hear(self._pcm.finish())
        if self._mode == "online":
            for ready in self._windows.take_rest():
                await self._within(lambda ready=ready: self._windows.recognise(ready))
            text = self._partial.finish(self._windows.hypothesis.text)
            await self._tell("online", text=text, is_final=True)
            return
        if stretch := self._segmenter.finish():
            await self._tell_stretch(stretch, is_final=True)
        else:
            await self._tell("offline", text="", is_final=True)

    async def _tell_stretch(self, stretch: Stretch, *, is_final: bool) -> None:
        tokens = [token async for token in self._recognised(stretch)]
        if not tokens and not is_final:
            return
        times = [[round(1000 * t.start_s), round(1000 * t.end_s)] for t in tokens]
        text = join_tokens([token.text for token in tokens])
        sentence = {
            "text_seg": " ".join(token.text for token in tokens),
            "punc": "",
            "start": times[0][0] if times else 0,
            "end": times[-1][1] if times else 0,
            "ts_list": times,
        }
        await self._tell(
            "offline",
            text=text,
            is_final=is_final,
            timestamp=json.dumps(times, separators=(",", ":")),
            stamp_sents=[sentence] if tokens else [],
        )

    async def _recognised(self, stretch: Stretch) -> AsyncIterator[Token]:
        """A stretch in one piece where it is short enough: cutting audio harms."""
        if len(stretch.samples) <= _WHOLE_UP_TO_S * SAMPLE_RATE_HZ:
            recognize = self._assistant.recognizer.recognize
            heard: Hypothesis = await self._within(lambda: recognize(stretch.samples))
        else:
            heard = (
                await self._within(lambda: self._assistant.transcribe(stretch.samples))
            ).hypothesis
        for token in join_letters(heard.tokens):
            start_s, end_s = token.start_s + stretch.start_s, token.end_s + stretch.start_s
            yield Token(text=token.text, start_s=start_s, end_s=end_s, confidence=token.confidence)

    async def _within(self, function: Any) -> Any:
        return await call_within(self._assistant.variant.guard.asr_timeout_s, function)

    async def _tell(self, kind: str, *, text: str, is_final: bool = False, **more: Any) -> None:
        if not text and not is_final:
            return
        mode = f"2pass-{kind}" if self._mode == "2pass" else self._mode
        body = {"mode": mode, "text": text, "wav_name": self._name, "is_final": is_final}
        await self._socket.send({**body, **more})

    async def _fail(self, error: Exception) -> None:
        message = str(error) if isinstance(error, AudioError | ApiError) else type(error).__name__
        if isinstance(error, ValidationError):
            first: Sequence[Any] = error.errors(include_input=False)
            message = f"{'.'.join(map(str, first[0]['loc']))}: {first[0]['msg']}"
        log("warning", "recording refused", error=type(error).__name__)
        body = {"mode": self._mode, "text": "", "wav_name": self._name, "error": message}
        await self._socket.send({**body, "is_end": True, "is_final": False})
        await self._socket.close(1008)
