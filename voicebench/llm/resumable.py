"""vLLM's resumable input: a prompt handed over in pieces, each computed when it comes.

A session keeps the request and its keys and values in the engine between pieces, so the last piece
costs its own tokens alone and no block is computed twice (the prefix cache keeps whole blocks only).
Input can only be appended: a prompt that does not begin with what was sent ends the session and
begins another. Prompts of embeddings, stop strings and schemas are not possible in a session and go
the ordinary way.

The engine's own pieces are not reachable through `LLMEngine.add_request`, so this goes one level
below it, as vLLM's `AsyncLLM` does.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from voicebench.errors import StageError
from voicebench.llm.base import Delta, Generator, Prompt, as_prompt
from voicebench.llm.engine_thread import Deliver, EngineThread, MakeInput, MakeParams, Request
from voicebench.types import Sampling

_WARMING = Sampling(max_tokens=1)  # the engine drops the token when the next piece comes
_NUMBERS = itertools.count()


def is_supported(engine: Any) -> bool:
    """Whether this version of vLLM takes input in pieces."""
    return "resumable" in inspect.signature(engine.input_processor.process_inputs).parameters


class _Session:
    """What the engine holds of one prompt; touched on the owner thread alone."""

    def __init__(self) -> None:
        self.sent: tuple[int, ...] = ()
        self.external_id = ""
        self.internal_id = ""  # empty: the engine holds nothing
        self.running: Piece | None = None

    def send(self, engine: Any, piece: Piece, ids: tuple[int, ...], params: Any) -> None:
        """Gives the engine what is new of `ids`, after ending a request that they do not continue."""
        continues = self.internal_id and self.running is None and len(ids) > len(self.sent)
        if not continues or ids[: len(self.sent)] != self.sent:
            self.end(engine)
            self.external_id = f"session-{next(_NUMBERS)}"
        piece.request_id, piece.num_kept, self.running = self.external_id, len(self.sent), piece
        self._enter(engine, ids[len(self.sent) :], params, resumable=True)
        self.sent = ids
        if piece.is_last:  # its content is never read: it says that nothing more will come
            self._enter(engine, ids[:1], params, resumable=False)

    def end(self, engine: Any) -> None:
        """Takes the request out of the engine, if it is there."""
        if self.internal_id:
            engine.abort_request([self.external_id])
        self.forget()

    def forget(self) -> None:
        """The engine no longer holds anything."""
        self.sent, self.internal_id, self.running = (), "", None

    def _enter(self, engine: Any, ids: Sequence[int], params: Any, *, resumable: bool) -> None:
        request = engine.input_processor.process_inputs(
            self.internal_id or self.external_id,
            {"type": "token", "prompt_token_ids": list(ids)},
            params,
            supported_tasks=engine.get_supported_tasks(),
            resumable=resumable,
        )
        if self.internal_id:
            request.external_req_id = self.external_id
        else:
            engine.input_processor.assign_request_id(request)
            self.internal_id = request.request_id
        # Scheduler and output processor both append to the list they are given: two lists.
        shown = copy.copy(request)
        shown.prompt_token_ids = list(request.prompt_token_ids)
        engine.output_processor.add_request(shown, None, None, 0)
        engine.engine_core.add_request(request)


class Piece(Request):
    """A piece of a session's prompt; `prompt` is the whole of it so far."""

    stays_in_engine = True

    def __init__(
        self,
        session: _Session,
        prompt: Prompt,
        sampling: Sampling,
        deliver: Deliver,
        *,
        is_last: bool,
    ) -> None:
        super().__init__("", prompt, sampling, deliver)
        self.session = session
        self.is_last = is_last

    def enter(self, engine: Any, make_params: MakeParams, make_input: MakeInput) -> None:
        remaining = self.sampling.max_tokens - len(self.answered_ids)
        ids = (*self.prompt.token_ids, *self.answered_ids)
        self.session.send(engine, self, ids, make_params(self.sampling, remaining))

    def leave(self, *, is_aborted: bool) -> None:
        if self.session.running is self:
            self.session.running = None
            if is_aborted or self.is_last:
                self.session.forget()


class ResumableSession:
    """One turn's prompt, computed as it grows; see `PromptSession`.

    Args:
        generator: Takes what a session cannot.
        thread: The engine's.
        run: Runs a request and streams what it gives, aborting it when closed.
        max_tokens: Most tokens of a prompt and its answer.
    """

    step_tokens = 1

    def __init__(
        self,
        generator: Generator,
        thread: EngineThread,
        run: Callable[[Callable[[Deliver], Request]], AsyncGenerator[Delta, None]],
        max_tokens: int,
    ) -> None:
        self._generator = generator
        self._thread = thread
        self._run = run
        self._max_tokens = max_tokens
        self._session = _Session()

    async def warm(self, prompt: Prompt | Sequence[int]) -> int:
        """See `PromptSession.warm`."""
        prompt = as_prompt(prompt)
        if not self._can_take(prompt, _WARMING):
            return await self._generator.warm(prompt)
        num_kept = 0
        async with contextlib.aclosing(self._stream(prompt, _WARMING, is_last=False)) as deltas:
            async for delta in deltas:
                num_kept = max(num_kept, delta.cached_prompt_tokens)
        return num_kept

    def stream(
        self, prompt: Prompt | Sequence[int], sampling: Sampling
    ) -> AsyncGenerator[Delta, None]:
        """See `PromptSession.stream`."""
        prompt = as_prompt(prompt)
        if self._can_take(prompt, sampling):
            return self._stream(prompt, sampling, is_last=True)
        return self._generator.stream(prompt, sampling)

    def close(self) -> None:
        """See `PromptSession.close`."""
        with contextlib.suppress(StageError):  # a closed engine holds nothing
            self._thread.call(self._session.end)

    def _can_take(self, prompt: Prompt, sampling: Sampling) -> bool:
        fits = len(prompt) + sampling.max_tokens <= self._max_tokens
        is_held_to_a_form = sampling.stop or sampling.json_schema or sampling.functions
        return fits and not (prompt.as_embeddings or is_held_to_a_form)

    def _stream(
        self, prompt: Prompt, sampling: Sampling, *, is_last: bool
    ) -> AsyncGenerator[Delta, None]:
        return self._run(
            lambda deliver: Piece(self._session, prompt, sampling, deliver, is_last=is_last)
        )
