"""WebSocket `/v1/realtime`: OpenAI's realtime events, speech in and text out.

With turn detection a turn of the pipeline listens while the person speaks, with all its early work,
and speaking over an answer cancels it. Without, the client commits its audio, which is recognised,
and asks for a response.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter, WebSocket
from numpy.typing import NDArray
from pydantic import ValidationError

from voicebench.asr.windows import reach_s
from voicebench.clock import TurnClock, now_s
from voicebench.errors import UserError
from voicebench.llm.prompts import find_prompt
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.hints import LOW_CONFIDENCE, hint_of
from voicebench.serving.ear import Ear
from voicebench.serving.errors import ApiError, of_user_error
from voicebench.serving.logs import new_id
from voicebench.serving.realtime_answer import ResponseEvents
from voicebench.serving.realtime_heard import Heard, committed, completed
from voicebench.serving.realtime_schemas import (
    CLIENT_EVENT,
    AnswerSettings,
    AppendAudio,
    CallOutputItem,
    CreateItem,
    CreateResponse,
    SessionSettings,
    SessionUpdate,
    Simple,
    for_response,
    updated,
)
from voicebench.serving.service import Service
from voicebench.serving.sockets import Socket, accepted
from voicebench.serving.sound import PcmStream, from_base64
from voicebench.serving.transcripts import transcribe
from voicebench.serving.turns import Running
from voicebench.serving.wording import SPOKEN_HERE, GivenMessages
from voicebench.types import SAMPLE_RATE_HZ, Message, Sampling

_MIN_COMMIT_S = 0.1


def router(service: Service) -> APIRouter:
    """The route, for one service."""
    routes = APIRouter()

    @routes.websocket("/v1/realtime")
    async def realtime(websocket: WebSocket, model: str = "") -> None:
        async with accepted(service, websocket, "realtime") as socket:
            if socket is None:
                return
            session = Session(service, socket)
            try:
                service.check_model(model)
            except ApiError as error:
                await session.report(error)
                await socket.close(1008)
                return
            await session.run()

    return routes


class Session:
    """One client.

    Args:
        service: Models and limits.
        socket: Where it is.
    """

    def __init__(self, service: Service, socket: Socket) -> None:
        self._service = service
        self._socket = socket
        self._settings = SessionSettings()
        self._messages: list[Message] = []
        self._held: list[NDArray[np.float32]] = []  # appended, not yet committed
        self._committing: asyncio.Task[None] | None = None
        self._is_doubtful = False
        self._answering: asyncio.Task[None] | None = None
        self._running: Running | None = None
        self._cancelled_for = ""
        self._listen_anew()

    async def run(self) -> None:
        """Serves the client until it leaves."""
        await self._send("session.created", session=self._session())
        async for message in self._socket.messages():
            event_id = None
            try:
                event = CLIENT_EVENT.validate_json(message)
                event_id = event.event_id
                await self._handle(event)
            except ValidationError as error:
                await self.report(_malformed(error), event_id)
            except UserError as error:
                await self.report(of_user_error(error), event_id)
            except ApiError as error:
                await self.report(error, event_id)

    async def report(self, error: ApiError, event_id: str | None = None) -> None:
        """Tells the client of an error; the session goes on."""
        await self._send("error", error={**error.body["error"], "event_id": event_id})

    async def _handle(self, event: Any) -> None:
        match event:
            case AppendAudio():
                await self._append(from_base64(event.audio, "audio"))
            case SessionUpdate():
                await self._update(event.session)
            case CreateItem():
                await self._create_item(event.item)
            case CreateResponse():
                self._create_response(for_response(self._settings, event.response))
            case Simple(type="input_audio_buffer.commit"):
                await self._commit()
            case Simple(type="input_audio_buffer.clear"):
                await self._stop("client_cancelled", only_while_listening=True)
                self._listen_anew()
                await self._send("input_audio_buffer.cleared")
            case Simple(type="response.cancel"):
                await self._stop("client_cancelled")

    async def _send(self, event_type: str, **fields: Any) -> None:
        await self._socket.send({"type": event_type, "event_id": new_id("event"), **fields})

    # ------------------------------------------------------------ the session

    def _session(self) -> dict[str, Any]:
        body = self._settings.model_dump()
        return {**body, "model": self._service.settings.profile, "object": "realtime.session"}

    async def _update(self, change: dict[str, Any]) -> None:
        before = self._settings
        self._settings = updated(before, change)
        if self._settings.audio != before.audio:
            await self._stop("client_cancelled", only_while_listening=True)
            self._listen_anew()
        await self._send("session.updated", session=self._session())

    def _listen_anew(self) -> None:
        listening = self._settings.audio.input
        self._pcm = PcmStream(listening.format.rate_hz, listening.format.encoding)
        self._held = []
        padding_ms = self._vad.prefix_padding_ms if self._vad else 0
        self._ear = Ear(padding_ms / 1000, self._service.settings.limits.max_audio_s)

    @property
    def _vad(self) -> Any:
        return self._settings.audio.input.turn_detection

    async def _create_item(self, item: Any) -> None:
        item_id = item.id or new_id("item")
        if isinstance(item, CallOutputItem):
            self._messages.append(Message(role="tool", content=item.output))
        else:
            self._messages.append(Message(role=item.role, content=item.text))
        told = {**item.model_dump(), "id": item_id, "status": "completed"}
        await self._send("conversation.item.added", item=told)
        await self._send("conversation.item.done", item=told)

    # ------------------------------------------------------------ speech

    async def _append(self, data: bytes) -> None:
        samples = self._pcm.feed(data)
        if self._vad is None:
            num_held = sum(map(len, self._held)) + len(samples)
            max_audio_s = self._service.settings.limits.max_audio_s
            if num_held > max_audio_s * SAMPLE_RATE_HZ:
                message = f"more than {max_audio_s:g} s of audio are waiting to be committed"
                raise ApiError(400, message, "audio_too_long")
            self._held.append(samples)
        elif self._ear.feed(samples):
            await self._stop("turn_detected")
            item_id = new_id("item")
            start_ms = round(self._ear.turn_start_s * 1000)
            await self._send(
                "input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=start_ms
            )
            self._answering = self._socket.start(self._listen_and_answer(item_id))

    async def _listen_and_answer(self, item_id: str) -> None:
        """A turn from its first word to the last of its answer."""
        vad, ear = self._vad, self._ear
        end_listening = functools.partial(ear.end_turn, ear.turn_number)
        spoken = (*self._head(self._settings), Message(role="user", content=SPOKEN_HERE))
        assistant = self._assistant(self._settings, spoken, silence_ms=vad.silence_duration_ms)
        clock = TurnClock(now_s() - (ear.heard_s - ear.turn_start_s))
        turn = assistant.run_turn(
            ear.turn_audio(),
            self._service.conversations.memory(""),
            clock=clock,
            tools=_offered(self._settings),
        )
        running = Running(lambda: turn, float("inf"), "real_time")
        heard = Heard(
            self._send, item_id, ear.turn_start_s, reach_s(assistant.variant), end_listening
        )
        with self._service.admission.live():
            try:
                await self._tell(running, assistant, heard, create=vad.create_response)
            finally:
                end_listening()

    async def _tell(
        self, running: Running, assistant: Assistant, heard: Heard | None, create: bool = True
    ) -> None:
        """Runs a turn and tells of it; what was said and answered is kept, however it ended."""
        self._running, self._cancelled_for = running, ""
        response = ResponseEvents(self._send, running)
        events = self._service.events(running, assistant)
        is_answering = heard is None
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    if heard:
                        await heard.take(event)
                    is_answering = is_answering or event.kind == "transcript_final"
                    if is_answering:
                        if not create:
                            break
                        await response.begin()
                        await response.take(event)
        finally:
            turn = running.turn
            if heard and turn.cleaned:
                self._messages.append(Message(role="user", content=turn.cleaned))
            answer = response.message
            if answer.content or answer.tool_calls:
                self._messages.append(answer)
            self._running = None
        if create and (is_answering or running.turn.degraded):
            await response.end(self._cancelled_for)

    async def _stop(self, reason: str, *, only_while_listening: bool = False) -> None:
        """Stops the turn in progress and waits until its request is gone and the client was told."""
        if only_while_listening and not self._ear.is_in_turn:
            return
        answering, self._answering = self._answering, None
        if answering is None or answering.done():
            return
        self._cancelled_for = reason
        if self._running:
            await self._running.interrupt()
        await asyncio.wait({answering})

    # ------------------------------------------------------------ without turn detection

    async def _commit(self) -> None:
        samples = np.concatenate([*self._held, self._pcm.finish()])
        self._held = []
        if len(samples) < _MIN_COMMIT_S * SAMPLE_RATE_HZ:
            message = f"at least {_MIN_COMMIT_S} s of audio are needed, there are "
            raise ApiError(
                400,
                f"{message}{len(samples) / SAMPLE_RATE_HZ:.2f} s",
                "input_audio_buffer_commit_empty",
            )
        item_id = new_id("item")
        await committed(self._send, item_id)
        before = self._committing
        self._committing = self._socket.start(self._recognise(samples, item_id, before))

    async def _recognise(
        self, samples: NDArray[np.float32], item_id: str, before: asyncio.Task[None] | None
    ) -> None:
        if before:
            await asyncio.wait({before})
        assistant = self._service.assistant(self._service.settings.variant)
        try:
            async with self._service.admission.turn():
                timeout_s = self._service.settings.limits.turn_timeout_s
                hypothesis = (await transcribe(assistant, samples, timeout_s)).hypothesis
        except ApiError as error:
            self._is_doubtful = True
            kind = "conversation.item.input_audio_transcription.failed"
            detail = error.body["error"]
            await self._send(kind, item_id=item_id, content_index=0, error=detail)
            return
        self._is_doubtful = not hypothesis.tokens or assistant.is_doubtful(hypothesis)
        if not self._is_doubtful:
            cleaned = assistant.clean(hypothesis.text).text
            self._messages.append(Message(role="user", content=cleaned or hypothesis.text))
        seconds = len(samples) / SAMPLE_RATE_HZ
        await completed(self._send, item_id, hypothesis.text, seconds)

    def _create_response(self, settings: AnswerSettings) -> None:
        if self._answering and not self._answering.done():
            raise ApiError(
                400, "a response is being made already", "conversation_already_has_active_response"
            )
        self._answering = self._socket.start(self._answer(settings))

    async def _answer(self, settings: AnswerSettings) -> None:
        if self._committing:
            await asyncio.wait({self._committing})
        if self._is_doubtful:
            self._is_doubtful = False
            await self._refuse_response()
            return
        typed = next((m.content for m in reversed(self._messages) if m.content.strip()), "")
        if not typed:
            error = ApiError(400, "the conversation is empty", "conversation_empty")
            await self.report(error)
            return
        assistant = self._assistant(settings, self._head(settings))
        memory = self._service.conversations.memory("")
        turn = assistant.answer_text(typed, memory, tools=_offered(settings))
        timeout_s = self._service.settings.limits.turn_timeout_s
        running = Running(lambda: turn, timeout_s, "real_time")
        try:
            async with self._service.admission.turn():
                await self._tell(running, assistant, heard=None)
        except ApiError as error:
            await self.report(error)

    async def _refuse_response(self) -> None:
        """What was committed cannot be believed: the person is sent to text input."""
        reason, hint = LOW_CONFIDENCE, hint_of(LOW_CONFIDENCE)
        error = {"type": "degraded", "code": reason, "message": hint}
        body = {"id": new_id("resp"), "object": "realtime.response", "output": []}
        started = {**body, "status": "in_progress", "status_details": None}
        details = {"type": "failed", "error": error}
        await self._send("response.created", response=started)
        await self._send(
            "response.done", response={**body, "status": "failed", "status_details": details}
        )

    # ------------------------------------------------------------ prompts

    def _head(self, settings: AnswerSettings) -> tuple[Message, ...]:
        """Instructions and what was said, as much of it as the budget holds."""
        variant, generator = self._service.settings.variant, self._service.models.generator
        instructions = settings.instructions
        if instructions is None:
            instructions = find_prompt(variant.prompt).system
        while len(self._messages) > 1 and (
            len(generator.encode_chat(self._messages)) > variant.history_budget_tokens
        ):
            self._messages = _without_oldest(self._messages)
        system = (Message(role="system", content=instructions),) if instructions else ()
        return (*system, *self._messages)

    def _assistant(
        self, settings: AnswerSettings, messages: Sequence[Message], silence_ms: int | None = None
    ) -> Assistant:
        base, limit = self._service.settings.variant, self._service.settings.limits.max_tokens
        asked = settings.max_output_tokens
        num_tokens = limit if isinstance(asked, str) else min(asked, limit)
        variant = msgspec.structs.replace(base, sampling=Sampling(max_tokens=num_tokens))
        if silence_ms is not None:
            variant = msgspec.structs.replace(variant, endpoint_silence_s=silence_ms / 1000)
        return self._service.assistant(
            variant,
            prompts=GivenMessages(self._service.models.generator, messages),
            hands_out_calls=bool(_offered(settings)),
        )


def _offered(settings: AnswerSettings) -> tuple[dict[str, Any], ...]:
    return tuple(tool.as_offered for tool in settings.tools if settings.tool_choice == "auto")


def _without_oldest(messages: list[Message]) -> list[Message]:
    """Without the oldest exchange: half of one misleads."""
    following = (n for n, m in enumerate(messages) if n and m.role == "user")
    return messages[next(following, len(messages) - 1) :]


def _malformed(error: ValidationError) -> ApiError:
    first = error.errors(include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return ApiError(400, f"{place or 'event'}: {first['msg']}", first["type"], place or None)
