"""The composition root: settings, both models once they are loaded, and what all requests share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec

from voicebench.asr.base import Recognizer
from voicebench.deadline import call_within
from voicebench.errors import UserError
from voicebench.llm.base import Generator, ServesRequests
from voicebench.llm.handoff import BuildsPrompts
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.breaker import Breaker
from voicebench.pipeline.variants import check_variant
from voicebench.serving.admission import Admission
from voicebench.serving.conversations import Conversations
from voicebench.serving.errors import ApiError, of_user_error
from voicebench.serving.logs import log
from voicebench.serving.settings import Settings
from voicebench.serving.telemetry import Telemetry
from voicebench.serving.turn_task import TurnTask, remember_interrupted
from voicebench.types import Event, Sampling, Variant

_SCHEMA_TIMEOUT_S = 5.0
UPLOADED: dict[str, Any] = {"prefill": False, "speculation": False, "recognition": "segments"}
"""Switches of a variant for audio that is there as a whole."""


@dataclass(frozen=True)
class Models:
    """The two models, warmed up."""

    recognizer: Recognizer
    generator: Generator


class Service:
    """One service. It answers before its models are loaded: that it is not ready.

    Args:
        settings: See `Settings`.

    Raises:
        ConfigError: The variant asks for something unknown.
    """

    def __init__(self, settings: Settings) -> None:
        check_variant(settings.variant)
        self.settings = settings
        self.admission = Admission(settings.limits)
        self.conversations = Conversations(settings.limits, settings.variant.history_budget_tokens)
        self.telemetry = Telemetry(self.admission, lambda: len(self.conversations))
        self.breaker = Breaker(settings.variant.guard)
        self._models: Models | None = None

    @property
    def is_ready(self) -> bool:
        """Whether requests are taken."""
        return self._models is not None and not self.admission.is_draining

    @property
    def models(self) -> Models:
        """The models.

        Raises:
            ApiError: 503, they are still being loaded.
        """
        if self._models is None:
            raise ApiError(503, "the models are being loaded", "loading", retry_after_s=5.0)
        return self._models

    def start(self, recognizer: Recognizer, generator: Generator) -> None:
        """From here on requests are answered; closing the models is the caller's.

        Raises:
            ConfigError: The variant asks for something that these models cannot do.
        """
        models = Models(recognizer, generator)
        Assistant(recognizer, generator, self.settings.variant)  # refused now, not in a turn
        self._models = models
        self.telemetry.watch(recognizer, generator, self.breaker)

    def assistant(
        self,
        variant: Variant,
        *,
        prompts: BuildsPrompts | None = None,
        hands_out_calls: bool = False,
        is_read_live: bool = True,
    ) -> Assistant:
        """An assistant for one request; they share models and breaker.

        Raises:
            ConfigError: The variant asks for something unknown.
            ApiError: 503, the models are still being loaded.
        """
        models = self.models
        return Assistant(
            models.recognizer,
            models.generator,
            variant,
            breaker=self.breaker,
            prompts=prompts,
            hands_out_calls=hands_out_calls,
            is_read_live=is_read_live,
        )

    def for_uploads(self, variant: Variant) -> Variant:
        """The variant for audio that is there as a whole: segments, and no early work."""
        return msgspec.structs.replace(variant, **UPLOADED)

    def check_model(self, name: str | None) -> None:
        """Refuses a request for another model.

        Raises:
            ApiError: 404.
        """
        if name and name not in self.settings.model_names:
            known = ", ".join(self.settings.model_names)
            raise ApiError(
                404, f"there is no model {name[:100]!r}, only {known}", "model_not_found", "model"
            )

    async def check_sampling(self, sampling: Sampling, param: str) -> None:
        """Refuses JSON schemas that answers cannot be held to.

        Raises:
            ApiError: 400, a schema is none or uses what is not supported, it is too much for the
                check, or the language model is of a kind that takes none.
        """
        generator = self.models.generator
        if not isinstance(generator, ServesRequests):
            raise ApiError(400, "this model cannot be held to a schema", "unsupported_value", param)
        try:
            await call_within(
                _SCHEMA_TIMEOUT_S, lambda: generator.check_sampling(sampling), name="schema"
            )
        except UserError as error:
            raise of_user_error(error, param) from None
        except TimeoutError:
            raise ApiError(400, "the schema is too complex", "invalid_value", param) from None

    async def events(
        self, turn_task: TurnTask, assistant: Assistant, conversation_id: str = ""
    ) -> AsyncGenerator[Event, None]:
        """A turn's events. Call within `admission.turn`; closing it cancels the turn. Whoever left
        a turn of the same conversation in progress is interrupted by it.
        """
        async with self._in_progress(turn_task, assistant, conversation_id):
            async for event in turn_task.events():
                yield event

    async def finish(
        self, turn_task: TurnTask, assistant: Assistant, conversation_id: str = ""
    ) -> None:
        """`events` for who reads none before the turn is over."""
        async with self._in_progress(turn_task, assistant, conversation_id):
            await turn_task.finish()

    @contextlib.asynccontextmanager
    async def _in_progress(
        self, turn_task: TurnTask, assistant: Assistant, conversation_id: str
    ) -> AsyncIterator[None]:
        memory = self.conversations.memory(conversation_id)
        turn_task.on_interrupted = lambda: remember_interrupted(
            turn_task, memory, assistant.generator
        )
        await self.conversations.take_turn(conversation_id, turn_task)
        outcome = "left"
        try:
            yield
            outcome = _outcome(turn_task)
        finally:
            self.conversations.end_turn(conversation_id, turn_task)
            self._account(turn_task, outcome)

    def _account(self, turn_task: TurnTask, outcome: str) -> None:
        turn = turn_task.turn
        self.telemetry.turn(turn, outcome)
        values: dict[str, Any] = {
            "outcome": outcome,
            "audio_s": round(turn.audio_s, 2),
            "num_prompt_tokens": len(turn.prompt_token_ids),
            "num_answer_tokens": len(turn.answer_tokens),
        }
        if turn.degraded:
            values["reason"] = turn.degraded.reason
        if turn.failure and outcome not in ("left", "transcribed"):
            values |= {"stage": turn.failure.stage, "error": turn.failure.type}
        if self.settings.logs_content:
            values["content"] = {"heard": turn.hypothesis.text, "answer": turn.answer}
        log("info", "turn", **values)


def _outcome(turn_task: TurnTask) -> str:
    if turn_task.is_interrupted:
        return "interrupted"
    if turn_task.is_timed_out:
        return "timed_out"
    if not turn_task.is_over:
        return "transcribed"
    return "degraded" if turn_task.turn.degraded else "answered"
