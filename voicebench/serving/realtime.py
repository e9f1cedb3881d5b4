"""WebSocket `/v1/realtime`: OpenAI's realtime events, speech in and text out.

With turn detection a turn of the pipeline takes the audio while the user speaks, with all its early
work, and speech over an answer cancels it. Without, the client commits its audio, which is
recognized, and asks for a response. A transcription session makes no responses.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter, WebSocket
from numpy.typing import NDArray

from voicebench.asr.windows import reach_s
from voicebench.clock import TurnClock, now_s
from voicebench.llm.base import count_tokens
from voicebench.llm.prompts import find_prompt
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.hints import LOW_CONFIDENCE, hint_of
from voicebench.pipeline.memory import Conversation
from voicebench.serving.chat_request import any_seed
from voicebench.serving.errors import ApiError
from voicebench.serving.input_transcription import InputTranscription, committed, completed
from voicebench.serving.logs import new_id
from voicebench.serving.message_prompts import SPOKEN_HERE, MessagesPromptBuilder
from voicebench.serving.realtime_answer import ResponseEvents
from voicebench.serving.realtime_beta import beta_event, is_beta, settings_of_today
from voicebench.serving.realtime_items import Item, Items
from voicebench.serving.realtime_schemas import (
    CLIENT_EVENT,
    AnswerSettings,
    AppendAudio,
    AudioPart,
    CallItem,
    CallOutputItem,
    CancelResponse,
    CreateItem,
    CreateResponse,
    ItemEvent,
    ItemReference,
    MessageItem,
    ResponseSettings,
    SessionSettings,
    SessionUpdate,
    Simple,
    TruncateItem,
    TurnDetection,
    for_response,
    updated,
)
from voicebench.serving.service import Service
from voicebench.serving.sound import PcmStream, from_base64
from voicebench.serving.stream_session import StreamSession
from voicebench.serving.transcripts import transcribe
from voicebench.serving.turn_detection import ServerVad
from voicebench.serving.turn_task import TurnTask
from voicebench.types import SAMPLE_RATE_HZ, Message, Sampling, ToolCall

_MIN_SPEECH_S = 0.1
_PIECE = SAMPLE_RATE_HZ // 10
"""Samples that the VAD gets at a time, however much a client sends at once."""
_SPOKEN = Message(role="user", content=SPOKEN_HERE)


def router(service: Service) -> APIRouter:
    """The route, for one service."""
    routes = APIRouter()

    @routes.websocket("/v1/realtime")
    async def realtime(websocket: WebSocket, model: str = "", intent: str = "") -> None:
        await Session(service, websocket, model, intent == "transcription").serve()

    return routes


class Session(StreamSession):
    """One client.

    Args:
        service: Models and limits.
        websocket: Not yet accepted.
        model: That the client asks for.
        is_transcription: Whether it wants transcripts alone.
    """

    subprotocol = "realtime"

    def __init__(
        self,
        service: Service,
        websocket: WebSocket,
        model: str = "",
        is_transcription: bool = False,
    ) -> None:
        super().__init__(service, websocket)
        self._model = model
        self._is_beta = is_beta(websocket.headers.get("openai-beta", ""))
        self._settings = SessionSettings(type="transcription" if is_transcription else "realtime")
        self._items = Items()
        self._memory = Conversation(budget_tokens=0)  # the items are the history
        self._buffer: list[NDArray[np.float32]] = []  # appended, not yet committed
        self._recognizing: asyncio.Task[None] | None = None
        self._is_unclear = False
        self._answering: asyncio.Task[None] | None = None  # the conversation's response
        self._current: TurnTask | None = None  # its turn
        self._listening: asyncio.Task[None] | None = None  # takes the speech, and may answer it
        self._spoken: TurnTask | None = None  # its turn
        self._transcribed = asyncio.Event()  # whether the transcript of the last turn is sent
        self._transcribed.set()
        self._running: dict[str, TurnTask] = {}  # by response, also those out of band
        self._cancelled_for = ""
        self._feeding = asyncio.Lock()
        self._event_id: str | None = None  # of the event that is handled

    async def begin(self) -> None:
        """See `StreamSession.begin`."""
        try:
            self._service.check_model(self._model)
        except ApiError as error:
            await self.report(error)
            await self.close(1008)
            return
        self._reset_input()
        await self._send("session.created", session=self._session())

    async def handle(self, message: str | bytes) -> None:
        """See `StreamSession.handle`."""
        self._event_id = None
        event = CLIENT_EVENT.validate_json(message)
        self._event_id = event.event_id
        await self._handle(event)

    async def report(self, error: ApiError) -> None:
        """Sends an error; the session goes on."""
        await self._send("error", error={**error.body["error"], "event_id": self._event_id})

    async def _handle(self, event: Any) -> None:
        match event:
            case AppendAudio():
                await self._append(from_base64(event.audio, "audio"))
            case SessionUpdate():
                await self._update(event)
            case CreateItem():
                await self._create_item(event)
            case ItemEvent() | TruncateItem():
                await self._change_item(event)
            case CreateResponse():
                await self._create_response(event.response or {})
            case Simple(type="input_audio_buffer.commit"):
                await self._commit()
            case Simple(type="input_audio_buffer.clear"):
                await self._stop_listening()
                self._reset_input()
                await self._send("input_audio_buffer.cleared")
            case CancelResponse():
                await self._cancel(event.response_id)

    async def _send(self, event_type: str, **fields: Any) -> None:
        name = beta_event(event_type) if self._is_beta else event_type
        if name:
            await self.send({"type": name, "event_id": new_id("event"), **fields})

    # ------------------------------------------------------------ the session

    def _session(self) -> dict[str, Any]:
        body = self._settings.model_dump()
        kind = "realtime.transcription_session" if self._is_transcription else "realtime.session"
        return {**body, "model": self._service.settings.profile, "object": kind}

    @property
    def _is_transcription(self) -> bool:
        return self._settings.type == "transcription"

    async def _update(self, event: SessionUpdate) -> None:
        before = self._settings
        change = settings_of_today(event.session)
        if event.type == "transcription_session.update":
            change["type"] = "transcription"
        after = updated(before, change)
        await self._check_tools(after, "session.tools")
        self._settings = after
        if after.audio != before.audio:
            await self._stop_listening()
            self._reset_input()
        name = event.type if self._is_beta else "session.update"
        await self._send(f"{name}d", session=self._session())

    def _reset_input(self) -> None:
        listening = self._settings.audio.input
        self._pcm = PcmStream(listening.format.rate_hz, listening.format.encoding)
        self._buffer = []
        padding_ms = self._turn_detection.prefix_padding_ms if self._turn_detection else 0
        assistant = self._service.assistant(self._service.settings.variant)
        max_turn_s = self._limits.max_audio_s
        self._vad = ServerVad(assistant.stream_vad, padding_ms / 1000, max_turn_s)

    @property
    def _turn_detection(self) -> TurnDetection | None:
        return self._settings.audio.input.turn_detection

    # ------------------------------------------------------------ items

    async def _create_item(self, event: CreateItem) -> None:
        given = event.item
        if isinstance(given, CallOutputItem):
            self._items.check_call(given.call_id)
        item = Item(_body(given), message_of(given))
        speech = self._recordings(given)
        before = self._items.add(item, event.previous_item_id)
        await self._send("conversation.item.added", item=item.body, previous_item_id=before)
        if speech:
            self._start_recognizing(self._recognize_parts(item, speech))
        else:
            await self._send("conversation.item.done", item=item.body, previous_item_id=before)

    def _recordings(self, given: Any) -> dict[int, NDArray[np.float32]]:
        """The recordings of a message without a transcript of the client's, by part."""
        recordings = {}
        for index, part in enumerate(given.content if isinstance(given, MessageItem) else ()):
            if isinstance(part, AudioPart) and part.transcript is None:
                listening = self._settings.audio.input.format
                pcm = PcmStream(listening.rate_hz, listening.encoding)
                data = from_base64(part.audio or "", f"item.content.{index}.audio")
                samples = np.concatenate([pcm.feed(data), pcm.finish()])
                self._check_length(samples, f"item.content.{index}.audio")
                recordings[index] = samples
        return recordings

    async def _recognize_parts(self, item: Item, speech: dict[int, NDArray[np.float32]]) -> None:
        texts = [part.get("text") or part.get("transcript") or "" for part in item.body["content"]]
        for index, samples in speech.items():
            texts[index] = await self._transcript(samples, item.body["id"], index)
            item.body["content"][index]["transcript"] = texts[index]
        role = item.body["role"]
        item.message = Message(role=role, content="\n".join(filter(None, texts)))
        await self._send("conversation.item.done", item=item.body)

    async def _change_item(self, event: ItemEvent | TruncateItem) -> None:
        verb = event.type.rpartition(".")[2]
        item = self._items.get(event.item_id, f"item_{verb}_invalid_item_id")
        match event:
            case ItemEvent(type="conversation.item.delete"):
                self._items.delete(event.item_id)
                await self._send("conversation.item.deleted", item_id=event.item_id)
            case ItemEvent():
                await self._send("conversation.item.retrieved", item=item.body)
            case TruncateItem():
                await self._truncate(item, event)

    async def _truncate(self, item: Item, event: TruncateItem) -> None:
        """Answers are text, so how much of one was spoken by a client's voice is not known here:
        only all of it or nothing can be cut."""
        if item.body["type"] != "message" or item.body["role"] != "assistant":
            message = f"item {event.item_id!r} is no answer: only answers can be truncated"
            raise ApiError(400, message, "invalid_value", "item_id")
        if event.audio_end_ms:
            message = (
                "answers are text and have no audio_end_ms but 0; delete the item, and create one "
                "with the text that was spoken"
            )
            raise ApiError(400, message, "unsupported_value", "audio_end_ms")
        item.message = None
        item.body["content"] = []
        await self._send(
            "conversation.item.truncated", item_id=event.item_id,
            content_index=event.content_index, audio_end_ms=0,
        )  # fmt: skip

    # ------------------------------------------------------------ speech

    async def _append(self, data: bytes) -> None:
        self._place.take()
        samples = self._pcm.feed(data)
        if self._turn_detection is None:
            self._buffer.append(samples)
            try:
                self._check_length(np.concatenate(self._buffer), "audio", shortest_s=0.0)
            except ApiError:
                self._buffer.pop()
                raise
        else:
            await self._listen(samples)

    async def _listen(self, samples: NDArray[np.float32]) -> None:
        """Feeds the VAD, first with what the last turn left."""
        async with self._feeding:
            vad, detection = self._vad, self._turn_detection
            samples = np.concatenate([vad.take_left(), samples])
            for start in range(0, len(samples), _PIECE):
                if vad is not self._vad or detection is None:  # the settings have changed meanwhile
                    return
                if vad.feed(samples[start : start + _PIECE]):
                    await self._start_turn(detection)

    async def _start_turn(self, detection: TurnDetection) -> None:
        """Speech has begun: it cancels the response in progress, or is answered after it."""
        answers = detection.create_response and not self._is_transcription
        if detection.interrupt_response:
            await self._stop("turn_detected")
        before = self._answering if self._answering and not self._answering.done() else None
        item_id = new_id("item")
        start_ms = round(self._vad.turn_start_s * 1000)
        await self._send(
            "input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=start_ms
        )
        self._spoken = None
        turn = self._listen_and_answer(item_id, detection, answers and before is None)
        self._listening = self.start(turn)
        if answers and before:
            self.start(self._answer_after(before, self._listening))
        elif answers:
            self._answering = self._listening

    async def _answer_after(self, before: asyncio.Task[None], speech: asyncio.Task[None]) -> None:
        """Answers speech that did not cancel the response before it."""
        await asyncio.wait({before, speech})
        if self._answering is None or self._answering.done():
            settings = for_response(self._settings, {})
            self._answering = self.start(self._answer(settings))

    async def _listen_and_answer(
        self, item_id: str, detection: TurnDetection, answers: bool
    ) -> None:
        """A turn from its first word to the last of its answer, or of its transcript."""
        vad, number = self._vad, self._vad.turn_number

        def end_listening() -> None:
            vad.end_turn(number)
            self.start(self._listen(np.zeros(0, np.float32)))

        spoken = (*self._prompt_messages(self._settings), _SPOKEN)
        assistant = self._assistant(
            self._settings, spoken, silence_ms=detection.silence_duration_ms, answers=answers
        )
        clock = TurnClock(now_s() - (vad.heard_s - vad.turn_start_s))
        turn = assistant.run_turn(
            vad.turn_audio(), self._memory, clock=clock, tools=self._settings.offered,
            answers=answers,
        )  # fmt: skip
        self._spoken = turn_task = TurnTask(lambda: turn, float("inf"), "real_time")
        item = _speech_item(item_id)
        earlier, sent = self._transcribed, asyncio.Event()
        self._transcribed = sent
        speech = InputTranscription(
            self._send, item_id, vad.turn_start_s, reach_s(assistant.variant), end_listening,
            on_committed=lambda: self._items.add(item), earlier=earlier, sent=sent,
            with_logprobs=bool(self._settings.include),
        )  # fmt: skip
        with self._service.admission.live():
            try:
                await self._run_turn(turn_task, assistant, self._settings, speech, answers)
            finally:
                vad.end_turn(number)
                sent.set()
                hypothesis = turn_task.turn.hypothesis
                item.message = _user_message(turn_task.turn.cleaned)
                item.body["content"][0]["transcript"] = hypothesis.text or None
                if not answers and hypothesis.tokens:
                    self._is_unclear = bool(assistant.fallback_reason(hypothesis))
        end_listening()

    async def _run_turn(
        self,
        turn_task: TurnTask,
        assistant: Assistant,
        settings: AnswerSettings,
        speech: InputTranscription | None = None,
        answers: bool = True,
    ) -> None:
        """Runs a turn and sends its events, also where it is stopped."""
        is_alone = isinstance(settings, ResponseSettings) and settings.conversation == "none"
        metadata = settings.metadata if isinstance(settings, ResponseSettings) else None
        response = ResponseEvents(
            self._send, turn_task, None if is_alone else self._items, metadata
        )
        self._running[response.id] = turn_task
        if answers and not is_alone:
            self._current = turn_task
            if not turn_task.is_interrupted:
                self._cancelled_for = ""
        events = self._service.events(turn_task, assistant)
        is_answering = speech is None
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    if speech:
                        await speech.take(event)
                    if speech and answers and event.kind == "transcript_final":
                        await self._displace(turn_task)
                    is_answering = is_answering or event.kind == "transcript_final"
                    if is_answering and answers:
                        await response.begin()
                        await response.take(event)
        finally:
            del self._running[response.id]
            if self._current is turn_task:
                self._current = None
        if answers and (is_answering or turn_task.turn.degraded):
            reason = "client_cancelled" if is_alone else self._cancelled_for
            await response.end(reason if turn_task.is_interrupted else "")

    async def _displace(self, turn_task: TurnTask) -> None:
        """The answer to speech begins: it ends a response that was asked for during the speech, or
        waits for it."""
        task, before = asyncio.current_task(), self._answering
        if before is task:
            return
        detection = self._turn_detection
        if detection is None or detection.interrupt_response:
            await self._stop("turn_detected")
        elif before:
            await asyncio.wait({before})
        self._answering, self._current, self._cancelled_for = task, turn_task, ""

    async def _stop(self, reason: str) -> None:
        """Stops the response in progress, and returns when its request is gone and its end is sent."""
        answering, self._answering = self._answering, None
        if answering is None or answering.done():
            return
        self._cancelled_for = reason
        if self._current:
            await self._current.interrupt()
        await asyncio.wait({answering})

    async def _stop_listening(self) -> None:
        """Stops the turn that takes the audio."""
        if not self._vad.is_in_turn or self._listening is None:
            return
        self._cancelled_for = "client_cancelled"
        if self._spoken:
            await self._spoken.interrupt()
        else:
            self._listening.cancel()
        await asyncio.wait({self._listening})

    async def _cancel(self, response_id: str | None) -> None:
        if response_id is None:
            is_speaking = self._vad.is_in_turn and self._answering is self._listening
            if not is_speaking:  # else there is no response yet, only the user's words
                await self._stop("client_cancelled")
        elif turn_task := self._running.get(response_id):
            self._cancelled_for = "client_cancelled"
            await turn_task.interrupt()
        else:
            message = f"Cancellation failed: no response {response_id!r} is in progress"
            raise ApiError(400, message, "response_cancel_not_active", "response_id")

    # ------------------------------------------------------------ without turn detection

    async def _commit(self) -> None:
        samples = np.concatenate([*self._buffer, self._pcm.finish()])
        self._buffer = []
        self._check_length(samples, None, code="input_audio_buffer_commit_empty")
        item = _speech_item(new_id("item"))
        before = self._items.add(item)
        await committed(self._send, item.body["id"], before)
        self._start_recognizing(self._recognize_item(item, samples))

    def _check_length(
        self,
        samples: NDArray[np.float32],
        param: str | None,
        shortest_s: float = _MIN_SPEECH_S,
        code: str = "invalid_audio",
    ) -> None:
        duration_s = len(samples) / SAMPLE_RATE_HZ
        longest_s = self._limits.max_audio_s
        if duration_s > longest_s:
            message = f"at most {longest_s:g} s of audio are taken at once"
            raise ApiError(400, message, "audio_too_long", param)
        if duration_s < shortest_s:
            message = f"at least {shortest_s} s of audio are needed, there are {duration_s:.2f} s"
            raise ApiError(400, message, code, param)

    def _start_recognizing(self, work: Coroutine[Any, Any, None]) -> None:
        """Recognizes beside the session, one after the other."""
        before = self._recognizing

        async def run() -> None:
            if before:
                await asyncio.wait({before})
            await work

        self._recognizing = self.start(run())

    async def _recognize_item(self, item: Item, samples: NDArray[np.float32]) -> None:
        text = await self._transcript(samples, item.body["id"], 0)
        item.message, item.body["content"][0]["transcript"] = _user_message(text), text or None

    async def _transcript(
        self, samples: NDArray[np.float32], item_id: str, content_index: int
    ) -> str:
        """What was said, cleaned; empty where it failed or is below the confidence threshold."""
        assistant = self._service.assistant(
            self._service.for_uploads(self._service.settings.variant)
        )
        place = {"item_id": item_id, "content_index": content_index}
        kind = "conversation.item.input_audio_transcription"
        try:
            async with self._service.admission.turn():
                timeout_s = self._limits.turn_timeout_s
                hypothesis = (await transcribe(assistant, samples, timeout_s)).hypothesis
        except ApiError as error:
            self._is_unclear = True
            await self._send(f"{kind}.failed", **place, error=error.body["error"])
            return ""
        self._is_unclear = bool(assistant.fallback_reason(hypothesis))
        seconds = len(samples) / SAMPLE_RATE_HZ
        with_logprobs = bool(self._settings.include)
        await completed(self._send, item_id, hypothesis, seconds, with_logprobs, content_index)
        if self._is_unclear:
            return ""
        return assistant.clean(hypothesis.text).text or hypothesis.text

    # ------------------------------------------------------------ responses

    async def _create_response(self, change: dict[str, Any]) -> None:
        if self._is_transcription:
            message = "a transcription session makes no responses"
            raise ApiError(400, message, "invalid_value", "type")
        settings = for_response(self._settings, settings_of_today(change))
        for item in settings.input or ():
            if isinstance(item, ItemReference):
                self._items.get(item.id)
            elif isinstance(item, MessageItem) and any(
                isinstance(part, AudioPart) and part.transcript is None for part in item.content
            ):
                message = "recordings go into the conversation; give their transcript here"
                raise ApiError(400, message, "unsupported_value", "response.input")
        if settings.must_call and not settings.functions:
            message = "tool_choice asks for a call of a tool that is not offered"
            raise ApiError(400, message, "invalid_value", "response.tool_choice")
        await self._check_tools(settings, "response.tools")
        if settings.conversation == "none":
            self.start(self._answer(settings))
            return
        is_speaking = self._vad.is_in_turn and self._answering is self._listening
        if self._answering and not self._answering.done() and not is_speaking:
            raise ApiError(
                400, "a response is being made already", "conversation_already_has_active_response"
            )
        self._answering = self.start(self._answer(settings))

    async def _check_tools(self, settings: AnswerSettings, param: str) -> None:
        if settings.functions:
            sampling = Sampling(functions=settings.functions)
            await self._service.check_sampling(sampling, param)

    async def _answer(self, settings: ResponseSettings) -> None:
        await self._until_recognized()
        if self._is_unclear and settings.input is None:
            self._is_unclear = False
            await self._refuse_response(settings)
            return
        messages = self._prompt_messages(settings)
        asked = next((m.content for m in reversed(messages) if m.role != "system"), "")
        if not any(m.content.strip() for m in messages if m.role != "system"):
            error = ApiError(400, "the conversation is empty", "conversation_empty")
            await self.report(error)
            return
        assistant = self._assistant(settings, messages)
        turn = assistant.answer_text(asked or "…", self._memory, tools=settings.offered)
        turn_task = TurnTask(lambda: turn, self._limits.turn_timeout_s, "real_time")
        try:
            async with self._service.admission.turn():
                is_alone = settings.conversation == "none"
                if not is_alone and self._answering is not asyncio.current_task():
                    await turn_task.interrupt()  # stopped while it waited
                await self._run_turn(turn_task, assistant, settings)
        except ApiError as error:
            await self.report(error)

    async def _until_recognized(self) -> None:
        """Waits for the transcripts of what has been committed."""
        speech = None if self._vad.is_in_turn else self._listening
        if pending := {task for task in (self._recognizing, speech) if task and not task.done()}:
            await asyncio.wait(pending)

    async def _refuse_response(self, settings: ResponseSettings) -> None:
        """The speech that was committed is below the confidence threshold: type instead."""
        reason, hint = LOW_CONFIDENCE, hint_of(LOW_CONFIDENCE)
        error = {"type": "degraded", "code": reason, "message": hint}
        body: dict[str, Any] = {
            "id": new_id("resp"), "object": "realtime.response", "output": [],
            "metadata": settings.metadata,
        }  # fmt: skip
        started = {**body, "status": "in_progress", "status_details": None}
        details = {"type": "failed", "error": error}
        await self._send("response.created", response=started)
        await self._send(
            "response.done", response={**body, "status": "failed", "status_details": details}
        )

    # ------------------------------------------------------------ prompts

    def _prompt_messages(self, settings: AnswerSettings) -> tuple[Message, ...]:
        """Instructions, and as much of the conversation, or of a response's own input, as the
        budget holds."""
        variant, generator = self._service.settings.variant, self._service.models.generator
        instructions = settings.instructions
        if instructions is None:
            instructions = find_prompt(variant.prompt).system
        given = settings.input if isinstance(settings, ResponseSettings) else None
        messages = self._items.messages if given is None else self._input_messages(given)
        longest = self._limits.max_text_characters
        while len(messages) > 1 and (
            sum(len(message.content) for message in messages) > longest
            or count_tokens(generator, messages) > variant.history_budget_tokens
        ):
            messages = _without_oldest(messages)
        system = (Message(role="system", content=instructions),) if instructions else ()
        return (*system, *messages)

    def _input_messages(self, given: Sequence[Any]) -> list[Message]:
        messages = (
            self._items.get(item.id).message
            if isinstance(item, ItemReference)
            else message_of(item)
            for item in given
        )
        return [message for message in messages if message is not None]

    def _assistant(
        self,
        settings: AnswerSettings,
        messages: Sequence[Message],
        silence_ms: int | None = None,
        answers: bool = True,
    ) -> Assistant:
        base, limit = self._service.settings.variant, self._limits.max_tokens
        asked = settings.max_output_tokens
        sampling = Sampling(
            max_tokens=limit if isinstance(asked, str) else min(asked, limit),
            temperature=settings.temperature,
            seed=any_seed(settings.temperature),
            functions=settings.functions,
        )
        variant = msgspec.structs.replace(base, sampling=sampling)
        if silence_ms is not None:
            variant = msgspec.structs.replace(variant, endpoint_silence_s=silence_ms / 1000)
        if not answers:
            variant = self._service.for_uploads(variant)
        return self._service.assistant(
            variant,
            prompts=MessagesPromptBuilder(self._service.models.generator, messages),
            hands_out_calls=bool(settings.offered),
        )


def message_of(item: Any) -> Message | None:
    """A client's item as the LLM gets it; None while a recording in it is not recognized."""
    match item:
        case CallOutputItem():
            return Message(role="tool", content=item.output)
        case CallItem():
            try:
                arguments = json.loads(item.arguments or "{}")
            except ValueError:
                arguments = None
            if not isinstance(arguments, dict):
                message = "arguments is no JSON object"
                raise ApiError(400, message, "invalid_value", "item.arguments")
            call = ToolCall(name=item.name, arguments=arguments)
            return Message(role="assistant", content="", tool_calls=(call,))
        case _:
            texts = [
                part.transcript if isinstance(part, AudioPart) else part.text
                for part in item.content
            ]
            if any(text is None for text in texts):
                return None
            return Message(role=item.role, content="\n".join(text or "" for text in texts))


def _user_message(text: str) -> Message | None:
    return Message(role="user", content=text) if text else None


def _body(given: Any) -> dict[str, Any]:
    """A client's item as it is sent back: with an id, and without its audio."""
    body = given.model_dump()
    for part in body.get("content") or ():
        part.pop("audio", None)
    return {**body, "id": given.id or new_id("item"), "status": "completed"}


def _speech_item(item_id: str) -> Item:
    content = [{"type": "input_audio", "transcript": None}]
    body = {"id": item_id, "type": "message", "role": "user", "status": "completed"}
    return Item({**body, "content": content})


def _without_oldest(messages: list[Message]) -> list[Message]:
    """Without the oldest exchange: half of one misleads."""
    following = (n for n, m in enumerate(messages) if n and m.role == "user")
    return messages[next(following, len(messages) - 1) :]
