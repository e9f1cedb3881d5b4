"""The one thread that owns a vLLM engine.

`LLMEngine` in process steps synchronously and is not thread-safe, so a single thread builds it, adds
requests, steps and aborts. Everybody else hands it functions through a queue. An engine step that
raises does not end the thread: the requests in flight are taken out and run again one at a time,
each from where it stood, so that only those that fail alone are failed.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from voicebench.clock import now_s
from voicebench.errors import RequestRefusedError, StageError
from voicebench.llm.base import Delta, Prompt, as_prompt
from voicebench.types import AnswerToken, Sampling

T = TypeVar("T")
Deliver = Callable[[Delta | StageError], None]
MakeParams = Callable[[Sampling, int], Any]
MakeInput = Callable[[Any, Prompt], dict[str, Any]]


class Request:
    """One answer being made. `deliver` is called on the owner thread and must not block."""

    def __init__(
        self,
        request_id: str,
        prompt: Prompt | Sequence[int],
        sampling: Sampling,
        deliver: Deliver,
    ) -> None:
        self.request_id = request_id
        self.prompt = as_prompt(prompt)
        self.sampling = sampling
        self.deliver = deliver
        self.answered_ids: list[int] = []

    def enter(self, engine: Any, make_params: MakeParams, make_input: MakeInput) -> None:
        """Adds it to the engine, from where its answer stands; on the owner thread."""
        remaining = self.sampling.max_tokens - len(self.answered_ids)
        prompt = make_input(engine, self.prompt.followed_by(self.answered_ids))
        engine.add_request(self.request_id, prompt, make_params(self.sampling, remaining))

    def receive(self, completion: Any) -> None:
        """Takes what the engine says of a step beyond its tokens; on the owner thread."""


def token_input(_engine: Any, prompt: Prompt) -> dict[str, Any]:
    """A prompt of token ids as vLLM takes it."""
    return {"type": "token", "prompt_token_ids": list(prompt.token_ids)}


class EngineThread:
    """Builds an engine on its own thread and runs requests through it.

    Args:
        build_engine: Makes the `LLMEngine`; called once, on the owner thread.
        make_params: vLLM sampling parameters of a sampling, for at most so many tokens.
        make_input: vLLM's form of a prompt; called on the owner thread, and what it raises fails
            that one request.
        delivered: Called on the owner thread once all that a step gave has been delivered.

    Raises:
        Exception: Whatever `build_engine` raised.
    """

    def __init__(
        self,
        build_engine: Callable[[], Any],
        make_params: MakeParams,
        make_input: MakeInput = token_input,
        delivered: Callable[[], None] = lambda: None,
    ) -> None:
        self._make_params = make_params
        self._make_input = make_input
        self._delivered = delivered
        self._engine: Any = None
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._suspects: deque[Request] = deque()  # in flight when a step raised; run alone
        self._active: dict[str, Request] = {}
        self._closing = False
        self._close_lock = threading.Lock()
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(build_engine, ready), name="vllm-owner", daemon=True
        )
        self._thread.start()
        ready.result()

    @property
    def num_requests(self) -> int:
        """Requests that were admitted or wait for it; read from any thread."""
        return len(self._active) + len(self._waiting) + len(self._suspects)

    def submit(self, requests: Sequence[Request]) -> None:
        """Adds requests at once, so that they are batched from the first step."""
        self._command(lambda: self._waiting.extend(requests))

    def abort(self, request: Request) -> None:
        """Takes a request out; nothing more is delivered for it. Unknown ones are ignored."""
        if not self._closing:
            self._commands.put(lambda: self._drop(request))

    def call(self, function: Callable[[Any], T]) -> Future[T]:
        """Runs `function(engine)` on the owner thread between two steps."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(self._engine))
            except Exception as error:  # handed to the caller, not lost
                future.set_exception(error)

        self._command(run)
        return future

    def close(self, timeout_s: float = 30.0) -> None:
        """Fails what is in flight, frees the engine and ends the thread. Idempotent."""
        with self._close_lock:
            if not self._closing:
                self._closing = True
                self._commands.put(lambda: None)  # wakes the thread
        self._thread.join(timeout_s)

    def _command(self, command: Callable[[], None]) -> None:
        with self._close_lock:
            if self._closing:
                raise StageError("llm", "the language model is closed", "Build a new generator.")
            self._commands.put(command)

    # ------------------------------------------------------------ on the owner thread

    def _run(self, build_engine: Callable[[], Any], ready: Future[None]) -> None:
        try:
            self._engine = build_engine()
        except BaseException as error:  # raised in the constructor's thread
            self._closing = True
            ready.set_exception(error)
            return
        ready.set_result(None)
        while self._take_commands():
            self._admit()
            if self._active:
                self._step()
            self._delivered()
        self._shut_down()

    def _take_commands(self) -> bool:
        """Runs the queued commands, waiting for one when idle. False when closing."""
        idle = not (self._active or self._waiting or self._suspects)
        while not self._closing:
            try:
                self._commands.get(block=idle)()
            except queue.Empty:
                return True
            idle = False
        return False

    def _admit(self) -> None:
        if self._suspects:  # alone, so that a failing step names its culprit
            if not self._active:
                self._add(self._suspects.popleft())
            return
        while self._waiting:
            self._add(self._waiting.popleft())

    def _add(self, request: Request) -> None:
        try:
            request.enter(self._engine, self._make_params, self._make_input)
        except Exception as error:
            refusal = RequestRefusedError("llm", first_line(error))
            refusal.__cause__ = error
            request.deliver(refusal)
            return
        self._active[request.request_id] = request

    def _step(self) -> None:
        try:
            outputs = self._engine.step()
        except Exception as error:
            self._isolate(error)
            return
        arrived_s = now_s()
        for output in outputs:
            self._deliver(output, arrived_s)
        if not outputs and self._active and not self._engine.has_unfinished_requests():
            self._isolate(RuntimeError("the engine lost the request"))

    def _deliver(self, output: Any, arrived_s: float) -> None:
        request = self._active.get(output.request_id)
        if request is None:
            return
        completion = output.outputs[0]
        if output.finished:
            del self._active[request.request_id]
            if completion.finish_reason not in ("stop", "length", "abort"):
                self._fail(request, RuntimeError(f"engine says {completion.finish_reason!r}"))
                return
        request.receive(completion)
        ids = list(completion.token_ids)
        request.answered_ids += ids
        if completion.finish_reason == "stop" and not completion.text:
            ids = ids[:-1]  # the end token says that the answer is over; it is no part of it
        # With several tokens in a step (speculative decoding) their text comes undivided.
        texts = [""] * (len(ids) - 1) + [completion.text]
        request.deliver(
            Delta(
                tokens=tuple(
                    AnswerToken(id=i, text=text, t_s=arrived_s)
                    for i, text in zip(ids, texts, strict=False)
                ),
                finish_reason=completion.finish_reason or "",
                cached_prompt_tokens=output.num_cached_tokens or 0,
            )
        )

    def _isolate(self, error: Exception) -> None:
        """After a failed step: fails the request that ran alone, or sets all aside to run alone."""
        in_flight = list(self._active.values())
        self._active.clear()
        self._abort_in_engine(in_flight)
        if len(in_flight) == 1:
            self._fail(in_flight[0], error)
        else:
            self._suspects.extend(in_flight)

    def _drop(self, request: Request) -> None:
        for waiting in (self._waiting, self._suspects):
            if request in waiting:
                waiting.remove(request)
        if self._active.pop(request.request_id, None):
            self._abort_in_engine([request])

    def _abort_in_engine(self, requests: Sequence[Request]) -> None:
        with contextlib.suppress(Exception):  # the requests are gone for us either way
            self._engine.abort_request([request.request_id for request in requests])

    @staticmethod
    def _fail(request: Request, error: Exception) -> None:
        failure = StageError("llm", first_line(error))
        failure.__cause__ = error
        request.deliver(failure)

    def _shut_down(self) -> None:
        unfinished = [*self._active.values(), *self._suspects, *self._waiting]
        self._abort_in_engine(list(self._active.values()))
        for request in unfinished:
            self._fail(request, RuntimeError("the language model was closed"))
        self._delivered()
        self._engine.engine_core.shutdown()
        self._engine = None


def first_line(error: BaseException) -> str:
    """An error on one line: its type and the first line of its message."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
