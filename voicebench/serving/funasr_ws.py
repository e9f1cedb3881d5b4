"""FunASR's WebSocket protocol, at `/` where its clients look for it: transcripts, no answers.

    -> {"mode": "2pass", "wav_name": "a", "audio_fs": 16000, "is_speaking": true, ...}
    -> PCM frames ...
    <- {"mode": "2pass-online", "text": "...", "is_final": false, ...}
    <- {"mode": "2pass-offline", "text": "...", "timestamp": "[[60,240],...]", ...}
    -> {"is_speaking": false}
    <- {..., "is_final": true}

`online` sends text every `chunk_size[1]` frames of 60 ms of speech. `2pass` also sends each stretch
between pauses whole, as `2pass-offline`; no online text of a stretch follows it. `offline` sends one
message a recording. The last message of a recording is final. Hotwords are those of the connection,
`itn` writes numbers in digits; what the model cannot do is said in `warning` of the first message.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, WebSocket
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from voicebench.asr.hotwords import listen_for
from voicebench.asr.segments import Segmenter
from voicebench.asr.tokens import join_letters
from voicebench.asr.windows import MergingRecognizer, WindowAudio
from voicebench.deadline import call_within
from voicebench.pipeline.assistant import Assistant
from voicebench.serving.errors import ApiError
from voicebench.serving.logs import log
from voicebench.serving.online_text import OnlineText
from voicebench.serving.service import Service
from voicebench.serving.sound import PcmStream, decode
from voicebench.serving.stream_session import StreamSession
from voicebench.serving.timed_text import TimedText, can_normalize, timed_text
from voicebench.serving.transcripts import transcribe
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Token, Window

_SILENCE_S = 0.8
"""FunASR's `max_end_silence_time`: a file that ends with less has its last words in the last message."""
_PIECE = SAMPLE_RATE_HZ * 3 // 10
"""Audio that is looked at in one go, so that messages keep the order of speech."""
_FRAME_S = 0.06
"""FunASR's unit of `chunk_size`."""
_MAX_HOTWORDS = 200
_MIB = 2**20


class Control(BaseModel):
    """A JSON message of a client; all but these fields are ignored."""

    model_config = ConfigDict(extra="ignore")

    mode: Literal["offline", "online", "2pass"] | None = None
    wav_name: Annotated[str, Field(max_length=256)] | None = None
    wav_format: Annotated[str, Field(max_length=16)] | None = None
    audio_fs: Annotated[int, Field(ge=8_000, le=192_000)] | None = None
    chunk_size: list[int] | Annotated[str, Field(max_length=64)] | None = None
    hotwords: dict[str, Any] | Annotated[str, Field(max_length=20_000)] | None = None
    itn: bool | None = None
    is_speaking: bool | None = None
    is_end: bool = False


def router(service: Service) -> APIRouter:
    """The route, for one service."""
    routes = APIRouter()

    @routes.websocket("/")
    async def funasr(websocket: WebSocket) -> None:
        await FunasrSession(service, websocket).serve()

    return routes


class FunasrSession(StreamSession):
    """One client: recordings one after the other."""

    subprotocol = "binary"

    def __init__(self, service: Service, websocket: WebSocket) -> None:
        super().__init__(service, websocket)
        self._mode = "2pass"
        self._name = "microphone"
        self._is_file = False
        self._rate_hz = SAMPLE_RATE_HZ
        self._itn = True
        self._chunk_s, self._look_ahead_s = 10 * _FRAME_S, 5 * _FRAME_S
        self._warnings: dict[str, str] = {}

    async def begin(self) -> None:
        """See `StreamSession.begin`."""
        variant = self._service.for_uploads(self._service.settings.variant)
        self._assistant: Assistant = self._service.assistant(variant)
        self._model = self._assistant.recognizer
        self._begin_recording()

    async def handle(self, message: str | bytes) -> None:
        """See `StreamSession.handle`."""
        if isinstance(message, bytes):
            await self._take(message)
        else:
            await self._control(Control.model_validate_json(message))

    def _begin_recording(self) -> None:
        self._bytes = bytearray()
        self._max_samples = round(self._limits.max_audio_s * SAMPLE_RATE_HZ)
        self._whole: list[NDArray[np.float32]] = []  # of an offline recording
        self._num_samples = 0
        self._pcm = PcmStream(self._rate_hz)
        self._segmenter = Segmenter(self._assistant.stream_vad(), silence_s=_SILENCE_S)
        self._online: OnlineText | None = None
        self._online_until = 0
        self._has_ended = False

    # ------------------------------------------------------------ settings

    async def _control(self, control: Control) -> None:
        self._mode = control.mode or self._mode
        self._name = self._name if control.wav_name is None else control.wav_name
        if control.wav_format is not None:
            self._is_file = control.wav_format.lower() != "pcm"
        if control.audio_fs and control.audio_fs != self._rate_hz:
            self._rate_hz = control.audio_fs
            self._pcm = PcmStream(self._rate_hz)
        if control.chunk_size is not None:
            self._chunk_s, self._look_ahead_s = _chunk(control.chunk_size)
        if control.itn is not None:
            self._set_itn(control.itn)
        if control.hotwords is not None:
            await self._set_hotwords(_hotwords(control.hotwords))
        if control.is_speaking is False and not self._has_ended:
            await self._end()
            self._has_ended = True
        if control.is_end:
            await self.send({"is_end": True, "is_final": True, "wav_name": self._name})
        if control.is_speaking:
            self._begin_recording()

    def _set_itn(self, wanted: bool) -> None:
        self._itn = wanted and can_normalize()
        if wanted and not self._itn:
            self._warnings["itn"] = "itn is off: the package wetext is not installed"

    async def _set_hotwords(self, words: Sequence[str]) -> None:
        listening, refused = await self._within(lambda: listen_for(self._model, words))
        self._assistant.recognizer = listening
        self._warnings.pop("hotwords", None)
        if refused:
            reasons = "; ".join(f"{word!r}: {why}" for word, why in list(refused.items())[:10])
            self._warnings["hotwords"] = f"hotwords not used: {reasons}"

    # ------------------------------------------------------------ audio

    async def _take(self, data: bytes) -> None:
        self._place.take()
        if self._has_ended:
            self._begin_recording()
        if self._is_file:  # a file can only be read once it is whole
            self._bytes += data
            if len(self._bytes) > self._limits.max_body_mib * _MIB:
                raise ApiError(413, "the recording is too large", "body_too_large")
            return
        await self._hear(self._pcm.feed(data))

    async def _hear(self, samples: NDArray[np.float32]) -> None:
        self._num_samples += len(samples)
        if self._mode == "offline":
            if self._num_samples > self._max_samples:
                raise ApiError(413, "the recording is too long", "audio_too_long")
            self._whole.append(samples)
            return
        for start in range(0, len(samples), _PIECE):
            for segment in self._segmenter.feed(samples[start : start + _PIECE]):
                await self._end_stretch(segment, is_final=False)
            await self._tell_online()
            await asyncio.sleep(0)  # lets others have the loop

    async def _end(self) -> None:
        """Nothing more is said: the rest of the text, and that it is all."""
        if self._is_file and self._bytes:
            await self._hear(await decode(bytes(self._bytes), self._limits))
        await self._hear(self._pcm.finish())
        if self._mode == "offline":
            await self._tell_recording()
            return
        segments = self._segmenter.finish()
        for segment in segments[:-1]:
            await self._end_stretch(segment, is_final=False)
        if segments:
            await self._end_stretch(segments[-1], is_final=True)
        else:
            await self._tell("online" if self._mode == "online" else "offline", is_final=True)

    # ------------------------------------------------------------ recognition

    async def _tell_online(self) -> None:
        """What has become clear of the stretch in progress."""
        start = self._segmenter.open_start
        if start is None:
            return
        if self._online is None:
            self._online_until = start
            self._online = OnlineText(self._assistant.recognizer, self._chunk_s, self._look_ahead_s)
        samples = self._segmenter.audio_from(self._online_until)
        self._online_until += len(samples)
        if recognize := self._online.take(samples):
            await self._tell("online", await self._within(recognize))

    async def _end_stretch(self, segment: WindowAudio, *, is_final: bool) -> None:
        """One stretch is over: the rest of its online text, or the whole of it once more."""
        online, self._online = self._online, None
        if self._mode == "2pass":
            await self._tell_text(await self._recognized(segment), is_final=is_final)
            return
        if online is None:  # it was too short to begin with
            online = OnlineText(self._assistant.recognizer, self._chunk_s, self._look_ahead_s)
            self._online_until = round(segment.start_s * SAMPLE_RATE_HZ)
        rest = round(segment.end_s * SAMPLE_RATE_HZ) - self._online_until
        samples = segment.audio[len(segment.audio) - max(0, rest) :]
        recognize = online.take(samples)
        text = await self._within(recognize) if recognize else ""
        text += await self._within(online.finish)
        await self._tell("online", text, is_final=is_final)

    async def _recognized(self, segment: WindowAudio) -> TimedText:
        recognition = MergingRecognizer(self._assistant.recognizer)
        await self._within(lambda: recognition.recognise([segment]))
        tokens = [
            token
            for token in join_letters(recognition.tokens)
            if (token.start_s + token.end_s) / 2 >= segment.start_s  # others are of the one before
        ]
        return await self._written(tokens)

    async def _tell_recording(self) -> None:
        """All of an offline recording."""
        samples = np.concatenate([*self._whole, np.zeros(0, np.float32)])
        self._whole = []
        timeout_s = self._limits.turn_timeout_s
        transcript = await transcribe(self._assistant, samples, timeout_s)
        text = TimedText()
        for tokens in _by_segment(transcript.hypothesis.tokens, transcript.windows):
            text += await self._written(tokens)
        await self._tell_text(text, is_final=True)

    async def _written(self, tokens: Sequence[Token]) -> TimedText:
        hypothesis = Hypothesis(tokens=tuple(tokens), is_final=True)

        def write() -> TimedText:
            punctuated = self._assistant.punctuate(hypothesis) if tokens else None
            return timed_text(tokens, punctuated, itn=self._itn)

        written: TimedText = await self._within(write)
        return written

    async def _within(self, function: Any) -> Any:
        return await call_within(self._assistant.variant.guard.asr_timeout_s, function)

    # ------------------------------------------------------------ messages

    async def _tell_text(self, text: TimedText, *, is_final: bool) -> None:
        more = {"timestamp": text.timestamp, "stamp_sents": text.sentences} if text.text else {}
        await self._tell("offline", text.text, is_final=is_final, **more)

    async def _tell(
        self, kind: str, text: str = "", *, is_final: bool = False, **more: Any
    ) -> None:
        if not text and not is_final:
            return
        mode = f"2pass-{kind}" if self._mode == "2pass" else self._mode
        body = {"mode": mode, "text": text, "wav_name": self._name, "is_final": is_final, **more}
        if self._warnings:
            body["warning"] = "; ".join(self._warnings.values())
            self._warnings = {}
        await self.send(body)

    async def report(self, error: ApiError) -> None:
        """Sends what was wrong, and ends the connection: FunASR's clients know no errors."""
        log("warning", "recording refused", code=error.code)
        body = {"mode": self._mode, "text": "", "wav_name": self._name, "error": error.message}
        await self.send({**body, "is_end": True, "is_final": False})
        await self.close(1008)


def _by_segment(tokens: Sequence[Token], windows: Sequence[Window]) -> list[list[Token]]:
    """Tokens of each segment: a sentence has its marks and its numbers for itself."""
    found: list[list[Token]] = [[] for _ in windows]
    index = 0
    for token in tokens:
        middle_s = (token.start_s + token.end_s) / 2
        while index + 1 < len(windows) and middle_s >= windows[index + 1].start_s:
            index += 1
        found[index].append(token)
    return found


def _chunk(size: list[int] | str) -> tuple[float, float]:
    """Seconds between two online texts and of look-ahead, within what windows allow.

    >>> _chunk([5, 10, 5]), _chunk("0, 8, 4"), _chunk([1])
    ((0.6, 0.3), (0.48, 0.24), (0.6, 0.3))
    """
    numbers = (
        [int(each) for each in re.findall(r"\d{1,4}", size)] if isinstance(size, str) else size
    )
    if len(numbers) != 3:
        numbers = [5, 10, 5]
    chunk_s = min(max(numbers[1] * _FRAME_S, 0.3), 2.4)
    return round(chunk_s, 3), round(min(max(numbers[2] * _FRAME_S, 0.12), 0.6), 3)


def _hotwords(given: dict[str, Any] | str) -> list[str]:
    """The words of FunASR's forms: JSON of words and weights, or words with spaces or commas.

    >>> _hotwords('{"阿里巴巴": 20}'), _hotwords("魔搭,通义 千问"), _hotwords("")
    (['阿里巴巴'], ['魔搭', '通义', '千问'], [])
    """
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = json.loads(given)
        except ValueError:
            raise ApiError(400, "hotwords is not JSON", "invalid_value", "hotwords") from None
    words = list(given) if isinstance(given, dict) else re.split(r"[\s,，]+", given)
    words = [word for word in dict.fromkeys(map(str.strip, words)) if word]
    if len(words) > _MAX_HOTWORDS:
        problem = f"there are {len(words)} hotwords, and {_MAX_HOTWORDS} at most are taken"
        raise ApiError(400, problem, "invalid_value", "hotwords")
    return words
