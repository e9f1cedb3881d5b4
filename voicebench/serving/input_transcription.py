"""Speech of `/v1/realtime`: its transcript as it grows, and when it was over, as OpenAI's events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicebench.events import (
    AudioEnded,
    Event,
    SpeechStopped,
    TranscriptFinal,
    TurnCommitted,
    WindowRecognized,
)
from voicebench.serving.partial import PartialTranscript, Piece
from voicebench.serving.realtime_answer import Send
from voicebench.serving.transcripts import logprobs
from voicebench.types import Hypothesis, Window


class InputTranscription:
    """The events of one turn's speech.

    Args:
        send: Sends an event.
        item_id: The message that the speech becomes.
        start_s: Where on the line the turn began.
        reach_s: Of its windows; see `PartialTranscript`.
        end_listening: Called when the turn needs no more audio.
        on_committed: Called when the speech joins the conversation; returns the id of the item
            before it.
        earlier: Set when the transcript of the speech before it has been sent: transcripts come in
            the order of speech.
        sent: Set when this one has been.
        with_logprobs: Whether the client wants the logarithm of each token's confidence.
    """

    def __init__(
        self,
        send: Send,
        item_id: str,
        start_s: float,
        reach_s: float,
        end_listening: Callable[[], None],
        on_committed: Callable[[], str | None],
        earlier: asyncio.Event,
        sent: asyncio.Event,
        with_logprobs: bool,
    ) -> None:
        self._send = send
        self._end_listening = end_listening
        self._on_committed = on_committed
        self._earlier = earlier
        self._sent = sent
        self._with_logprobs = with_logprobs
        self._item_id = item_id
        self._start_s = start_s
        self._partial = PartialTranscript(reach_s)
        self._stopped_s = start_s
        self._audio_s = 0.0

    async def take(self, event: Event) -> None:
        """Sends what an event of the turn means to the client."""
        match event:
            case WindowRecognized(window=Window() as window):
                await self._delta(self._partial.take(window))
            case SpeechStopped(at_s=float() as at_s):
                self._stopped_s = self._start_s + at_s
            case AudioEnded():
                self._audio_s = event.audio_s
            case TurnCommitted():
                self._end_listening()
                end_ms = round(self._stopped_s * 1000)
                stopped = "input_audio_buffer.speech_stopped"
                await self._send(stopped, item_id=self._item_id, audio_end_ms=end_ms)
                await committed(self._send, self._item_id, self._on_committed())
            case TranscriptFinal(hypothesis=hypothesis):
                await self._delta(self._partial.finish(hypothesis.tokens))
                await self._earlier.wait()
                await completed(
                    self._send, self._item_id, hypothesis, self._audio_s, self._with_logprobs
                )
                self._sent.set()
            case _:
                pass

    async def _delta(self, piece: Piece) -> None:
        if piece.text:
            kind = "conversation.item.input_audio_transcription.delta"
            more = logprobs(piece.tokens, self._with_logprobs)
            await self._send(kind, item_id=self._item_id, content_index=0, delta=piece.text, **more)


async def committed(send: Send, item_id: str, previous_item_id: str | None) -> None:
    """Audio has become a message of the user's."""
    before = {"previous_item_id": previous_item_id}
    await send("input_audio_buffer.committed", item_id=item_id, **before)
    item = {
        "id": item_id,
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    await send("conversation.item.added", item=item, **before)


async def completed(
    send: Send,
    item_id: str,
    hypothesis: Hypothesis,
    seconds: float,
    with_logprobs: bool,
    content_index: int = 0,
) -> None:
    """A message's transcript is whole."""
    await send(
        "conversation.item.input_audio_transcription.completed",
        item_id=item_id,
        content_index=content_index,
        transcript=hypothesis.text,
        usage={"type": "duration", "seconds": round(seconds, 3)},
        **logprobs(hypothesis.tokens, with_logprobs),
    )
