"""From the prompt to the last word of the answer, with tools called on the way.

    answer -> call -> result as a message -> answer, at most `max_tool_rounds` times

Each call and each result is an event. What the LLM writes into a call is never shown as answer, and
a tool that fails is something the LLM is told of, not the person.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from voicebench.clock import TurnClock
from voicebench.errors import PromptTooLongError, StageError
from voicebench.events import (
    AnswerFinished,
    AnswerTokenShown,
    Event,
    PromptBuilt,
    ToolAnswered,
    ToolCalled,
)
from voicebench.llm.base import Delta, Generator, Prompt, knows_length
from voicebench.llm.hermes import CALL_BEGIN, CALL_END, CallSplitter, MalformedCall
from voicebench.llm.tools import ToolResult
from voicebench.pipeline.token_watch import legality, watched
from voicebench.types import AnswerToken, Message, ToolCall

if TYPE_CHECKING:
    from voicebench.pipeline.assistant import Assistant

Build = Callable[[Sequence[Message]], tuple[tuple[Message, ...], Prompt]]
"""The conversation and its prompt, given what tools said in this turn."""
OpenStream = Callable[[Prompt], AsyncGenerator[Delta, None]]
"""Begins the answer to a prompt, or goes on with one that was begun early."""


class TooManyToolCallsError(StageError):
    """The LLM went on calling tools instead of answering."""


class Answering:
    """One answer of an assistant.

    Args:
        assistant: Models, variant and toolbox.
        clock: The turn's.
        emit: Takes each event.
        now: The conversation's clock, for the tools.
        build: Makes the prompts.
        open_stream: Where an answer's tokens come from.
    """

    def __init__(
        self,
        assistant: Assistant,
        clock: TurnClock,
        emit: Callable[[Event], None],
        now: datetime,
        build: Build,
        open_stream: OpenStream,
    ) -> None:
        self._assistant = assistant
        self._guard = assistant.variant.guard
        self._clock = clock
        self._emit = emit
        self._now = now
        self._build = build
        self._open_stream = open_stream
        self._texts: list[str] = []
        self._shown_from_s = 0.0
        self._num_illegal = 0
        self._is_legal_token = legality(assistant.generator)

    async def run(self) -> tuple[Message, str]:
        """Answers.

        Returns:
            What was asked, as the user's message, and what was shown.

        Raises:
            TooManyToolCallsError: After the last round that it may, the LLM still called tools.
            StageError: The LLM failed, stalled or lost its way (`token_watch`).
        """
        results: tuple[Message, ...] = ()
        for round_number in range(self._guard.max_tool_rounds + 1):
            num_shown = len(self._texts)
            messages, prompt = self._build_prompt(results)
            splitter, last = await self._stream(prompt)
            if not splitter.calls or self._assistant.hands_out_calls:
                self._hand_out(splitter, round_number)
                if last:
                    self._finish(last)
                question = messages[len(messages) - len(results) - 1]
                return question, "".join(self._texts)
            if round_number < self._guard.max_tool_rounds:
                said = "".join(self._texts[num_shown:]).strip()
                results += await self._call_tools(splitter, said, round_number)
        raise TooManyToolCallsError(
            "llm", f"the LLM called tools more than {self._guard.max_tool_rounds} times in a turn"
        )

    def _build_prompt(self, results: Sequence[Message]) -> tuple[tuple[Message, ...], Prompt]:
        started_s = self._clock.t_s()
        try:
            messages, prompt = self._build(results)
        except Exception as error:
            raise StageError("prompt", f"{type(error).__name__}: {error}") from error
        check_prompt_length(self._assistant.generator, len(prompt))
        self._emit(
            PromptBuilt(
                t_s=self._clock.t_s(),
                num_tokens=len(prompt),
                started_s=started_s,
                messages=messages,
                token_ids=prompt.token_ids,
                as_embeddings=prompt.as_embeddings,
                mixtures=prompt.mixtures,
            )
        )
        return messages, prompt

    async def _stream(self, prompt: Prompt) -> tuple[CallSplitter, Delta | None]:
        """Shows an answer as it comes; returns what was called in it, and its last delta."""
        splitter, last = CallSplitter(), None
        answer = self._open_stream(prompt)
        self._shown_from_s = self._clock.t_s()  # a draft's tokens came before they are shown
        async for delta in watched(answer, self._is_legal, self._guard):
            for token in delta.tokens:
                self._show(splitter.feed(token))
            if delta.finish_reason:
                last = delta
        self._show(splitter.finish())
        return splitter, last

    def _is_legal(self, token: AnswerToken) -> bool:
        is_legal = self._is_legal_token(token)
        self._num_illegal += not is_legal
        return is_legal

    def _show(self, tokens: Sequence[AnswerToken]) -> None:
        for token in tokens:
            t_s = max(token.t_s - self._clock.start_s, self._shown_from_s)
            index = len(self._texts)
            self._emit(AnswerTokenShown(t_s=t_s, index=index, id=token.id, text=token.text))
            self._texts.append(token.text)

    def _finish(self, last: Delta) -> None:
        self._emit(
            AnswerFinished(
                t_s=self._clock.t_s(),
                finish_reason=last.finish_reason,
                num_tokens=len(self._texts),
                num_illegal_tokens=self._num_illegal,
                cached_prompt_tokens=last.cached_prompt_tokens,
            )
        )

    # ------------------------------------------------------------ tools

    def _hand_out(self, splitter: CallSplitter, round_number: int) -> None:
        """Tells of the calls that the caller is to run."""
        for call in splitter.calls:
            self._tell_of(call, splitter.num_call_tokens, round_number)

    async def _call_tools(
        self, splitter: CallSplitter, said: str, round_number: int
    ) -> tuple[Message, ...]:
        """Runs the calls of one answer; the messages that tell the LLM what came of them."""
        results = []
        for call in splitter.calls:
            result = await self._call_tool(call, splitter.num_call_tokens, round_number)
            results.append(Message(role="tool", content=result.content))
        good = tuple(call for call in splitter.calls if isinstance(call, ToolCall))
        bad = [
            f"{CALL_BEGIN}\n{call.text}\n{CALL_END}"
            for call in splitter.calls
            if isinstance(call, MalformedCall)
        ]
        content = "\n".join(filter(None, [said, *bad]))
        return (Message(role="assistant", content=content, tool_calls=good), *results)

    async def _call_tool(
        self, call: ToolCall | MalformedCall, num_tokens: int, round_number: int
    ) -> ToolResult:
        self._tell_of(call, num_tokens, round_number)
        result = await self._assistant.toolbox.run(call, self._now, self._guard.tool_timeout_s)
        self._emit(
            ToolAnswered(
                t_s=self._clock.t_s(),
                name=result.name,
                outcome=result.outcome,
                content=result.content,
                round=round_number,
            )
        )
        return result

    def _tell_of(self, call: ToolCall | MalformedCall, num_tokens: int, round_number: int) -> None:
        if isinstance(call, ToolCall):
            name, arguments = call.name, msgspec.json.encode(call.arguments).decode()
        else:
            name, arguments = "", call.text
        self._emit(
            ToolCalled(
                t_s=self._clock.t_s(),
                name=name,
                arguments=arguments,
                round=round_number,
                num_tokens=num_tokens,
            )
        )


def check_prompt_length(generator: Generator, num_tokens: int) -> None:
    """Refuses a prompt that leaves no room for an answer.

    Raises:
        PromptTooLongError: It has at least as many tokens as prompt and answer together may have.
    """
    if knows_length(generator) and num_tokens >= generator.max_model_tokens:
        raise PromptTooLongError(
            "prompt",
            f"the prompt has {num_tokens} tokens; prompt and answer together may have "
            f"{generator.max_model_tokens}",
            "Shorten the text, or start a new conversation.",
        )
