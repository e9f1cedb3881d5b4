"""A turn's events as OpenAI's chat completions: whole, or piece by piece.

Everything that OpenAI has no place for is under `voicebench`: what was heard and how surely, where
the time went, and why a turn was sent to text input.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from voicebench.events import AnswerTokenShown, Event, ToolCalled, TranscriptFinal
from voicebench.llm.hermes import CALL_BEGIN, CALL_END
from voicebench.metrics.latency import latencies, turn_rtf
from voicebench.metrics.waterfall import framework_overhead_ms, waterfall
from voicebench.pipeline.hints import PROMPT_TOO_LONG
from voicebench.serving.chat_request import Question
from voicebench.serving.errors import ApiError, context_length_exceeded
from voicebench.serving.logs import new_id
from voicebench.serving.transcripts import as_tokens
from voicebench.serving.turn_task import TurnTask
from voicebench.types import Hypothesis


def unread_calls(bodies: Sequence[str]) -> str:
    """Calls that cannot be read, as text with their marks."""
    return "\n".join(f"{CALL_BEGIN}\n{body}\n{CALL_END}" for body in bodies)


class ChatResponse:
    """One completion being made.

    Args:
        question: What was asked.
        turn_task: The turn that answers it.
        model: Name of the model.
    """

    def __init__(self, question: Question, turn_task: TurnTask, model: str) -> None:
        self._question = question
        self._turn_task = turn_task
        self._head = {"id": new_id("chatcmpl"), "created": int(time.time()), "model": model}
        self._calls: list[dict[str, Any]] = []
        self._malformed: list[str] = []
        self._num_call_tokens = 0
        self._has_text = False

    # ------------------------------------------------------------ whole

    def whole(self) -> dict[str, Any]:
        """The completion, once the turn is over.

        Raises:
            ApiError: It was typed, and failed: there is nothing that could be said instead.
        """
        for event in self._turn_task.happened:
            self._take(event)
        self.raise_failure()
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": self._hint()}
        text = self._turn_task.turn.answer + self._unread_calls()
        if text or not self._calls:
            message["content"] = text or self._hint() or ""
        if self._calls:
            message["tool_calls"] = self._calls
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self._finish_reason(),
        }
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self.usage(),
            "voicebench": self.extra(),
        }

    # ------------------------------------------------------------ piece by piece

    def first(self) -> dict[str, Any]:
        """The chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": ""})

    def pieces(self, event: Event) -> Iterator[dict[str, Any]]:
        """The chunks that an event gives; most give none."""
        call = self._take(event)
        if isinstance(event, AnswerTokenShown) and event.text:
            self._has_text = True
            yield self._chunk({"content": event.text})
        elif call:
            yield self._chunk({"tool_calls": [{"index": len(self._calls) - 1, **call}]})
        elif isinstance(event, TranscriptFinal):
            yield {**self._chunk({}), "voicebench": self._heard(event.hypothesis)}

    def last(self, with_usage: bool) -> Iterator[dict[str, Any]]:
        """The chunks at the end.

        Raises:
            ApiError: See `whole`.
        """
        self.raise_failure()
        if unread := self._unread_calls():
            self._has_text = True
            yield self._chunk({"content": unread})
        if hint := self._hint():
            said_instead = {} if self._has_text else {"content": hint}
            yield self._chunk({**said_instead, "refusal": hint})
        yield {**self._chunk({}, self._finish_reason()), "voicebench": self.extra()}
        if with_usage:
            chunk = {**self._head, "object": "chat.completion.chunk", "choices": []}
            yield {**chunk, "usage": self.usage()}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}

    # ------------------------------------------------------------ both

    def raise_failure(self) -> None:
        """Raises why a typed question has no answer; a spoken one is answered with a hint.

        Raises:
            ApiError: 400 where the prompt is too long, typed or spoken; 503 or 504.
        """
        if self._turn_task.is_timed_out:
            raise ApiError(504, "the answer was not complete in time", "turn_timeout")
        turn = self._turn_task.turn
        if turn.degraded is None or turn.failure is None:
            return
        reason = turn.degraded.reason
        if reason == PROMPT_TOO_LONG:
            raise context_length_exceeded(turn.failure.message)
        if self._question.samples is not None:
            return
        status = 504 if reason.endswith("_timed_out") else 503
        raise ApiError(status, "the question could not be answered", reason, retry_after_s=1.0)

    def usage(self) -> dict[str, Any]:
        """Tokens, counted as vLLM does: the end token is one."""
        turn = self._turn_task.turn
        num_end = int(turn.finish_reason == "stop")
        num_answer = len(turn.answer_tokens) + self._num_call_tokens + num_end
        return {
            "prompt_tokens": len(turn.prompt_token_ids),
            "completion_tokens": num_answer,
            "total_tokens": len(turn.prompt_token_ids) + num_answer,
            "prompt_tokens_details": {"cached_tokens": turn.cached_prompt_tokens},
        }

    def extra(self) -> dict[str, Any]:
        """What goes under `voicebench`."""
        turn = self._turn_task.turn
        extra: dict[str, Any] = {"interrupted": self._turn_task.is_interrupted}
        if self._malformed:
            extra["malformed_tool_calls"] = self._malformed
        if self._question.conversation_id:
            extra["conversation_id"] = self._question.conversation_id
        extra["degraded"] = msgspec.to_builtins(turn.degraded)
        if self._question.samples is None:
            return extra
        segments, rtf = waterfall(turn), turn_rtf(turn)
        times = {name: value for name, value in latencies(turn).items() if value is not None}
        return {
            **extra,
            **self._heard(turn.hypothesis),
            "cleaned": turn.cleaned,
            "retracted": list(turn.retracted),
            "audio_s": round(turn.audio_s, 3),
            "rtf": rtf.rtf if rtf else None,
            "decoded_s": round(self._question.decoded_s, 4),
            "latencies": times,
            "framework_overhead_ms": framework_overhead_ms(segments),
            "waterfall": [
                {
                    "stage": segment.stage,
                    "tag": segment.tag,
                    "start_s": round(segment.start_s, 4),
                    "duration_s": round(segment.duration_s, 4),
                }
                for segment in segments
            ],
        }

    def _take(self, event: Event) -> dict[str, Any] | None:
        """The call that the event hands out."""
        if not isinstance(event, ToolCalled):
            return None
        self._num_call_tokens = max(self._num_call_tokens, event.num_tokens)
        if not self._question.tools:  # the service's own
            return None
        if not event.name:
            self._malformed.append(event.arguments)
            return None
        if self._calls and self._question.is_one_call:
            return None
        function = {"name": event.name, "arguments": event.arguments}
        self._calls.append({"id": new_id("call"), "type": "function", "function": function})
        return self._calls[-1]

    def _unread_calls(self) -> str:
        """Calls that cannot be read, as the LLM wrote them, where they are all that it wrote: with
        vLLM, too, they are the content."""
        return "" if self._calls else unread_calls(self._malformed)

    def _hint(self) -> str | None:
        degraded = self._turn_task.turn.degraded
        return degraded.hint if degraded else None

    def _finish_reason(self) -> str:
        if self._calls and not self._question.is_call_named:  # OpenAI has `stop` for a named one
            return "tool_calls"
        return "length" if self._turn_task.turn.finish_reason == "length" else "stop"

    def _heard(self, hypothesis: Hypothesis) -> dict[str, Any]:
        with_alternatives = self._question.with_alternatives
        return {
            "transcript": hypothesis.text,
            "confidence": round(hypothesis.confidence, 4),
            "tokens": as_tokens(hypothesis.tokens, with_alternatives=with_alternatives),
        }
