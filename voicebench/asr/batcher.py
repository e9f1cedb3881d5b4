"""Recognising what many streams ask for at the same time in one call.

    recognizer = BatchingRecognizer(ParaformerRecognizer(profile))     then one for all streams

While the model is at work, further pieces wait; the next call takes all that wait. Nobody is made to
wait for company: a piece that finds the model idle goes at once, alone. Results are those of one by
one, for that is what `Recognizer.recognize_batch` promises.

A window's `compute_s` holds, behind this front, what it waited for others too; what the model itself
took, over all streams, is `compute_s` here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.asr.companions import Companions, companions_of
from voicebench.clock import now_s
from voicebench.errors import StageError, StageTimeoutError
from voicebench.types import Hypothesis

MAX_BATCH = 32
"""Pieces of one call; bounds how long the next ones wait."""


@dataclass(frozen=True)
class _Request:
    samples: NDArray[np.float32]
    done: Future[Hypothesis] = field(default_factory=Future)


class BatchingRecognizer:
    """A `Recognizer` in front of another one, for many threads.

    A call that fails as a batch is repeated piece by piece, so that only the piece at fault fails. A
    call that hangs is left behind with its pieces, and the next one goes to a new thread: whether
    the recogniser takes a call beside the one that hangs is the recogniser's matter.

    Args:
        recognizer: Does the work; closed with this one.
        max_batch: Most pieces in one call.
        stuck_after_s: How long a call waits for its result before it gives up.

    Attributes:
        num_calls: Calls of the recogniser so far.
        num_pieces: Pieces recognised in them.
        compute_s: Seconds that they took.
    """

    def __init__(
        self, recognizer: Recognizer, *, max_batch: int = MAX_BATCH, stuck_after_s: float = 20.0
    ) -> None:
        if max_batch < 1:
            raise ValueError(f"max_batch must be at least 1, got {max_batch}")
        self.num_calls = 0
        self.num_pieces = 0
        self.compute_s = 0.0
        self._recognizer = recognizer
        self._max_batch = max_batch
        self._stuck_after_s = stuck_after_s
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._began_s: float | None = None  # of the call that goes on now
        self._start_worker()

    @property
    def num_waiting(self) -> int:
        """Pieces that wait for the model now."""
        return self._waiting.qsize()

    @property
    def companions(self) -> Companions:
        """See `companions_of`."""
        return companions_of(self._recognizer)

    @property
    def vocabulary(self) -> Sequence[str]:
        """See `Recognizer`."""
        return self._recognizer.vocabulary

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        """See `Recognizer.recognize`.

        Raises:
            StageTimeoutError: The recogniser hangs, or is overloaded.
            StageError: This front is closed.
        """
        return self.recognize_batch([samples])[0]

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        """See `Recognizer.recognize_batch`; raises as `recognize` does."""
        requests = [_Request(samples) for samples in pieces]
        with self._lock:
            if self._is_closed:
                raise StageError("asr", "the recogniser is closed")
            for request in requests:
                self._waiting.put(request)
        deadline_s = now_s() + self._stuck_after_s
        try:
            return [each.done.result(max(0.0, deadline_s - now_s())) for each in requests]
        except TimeoutError:
            if all(request.done.done() for request in requests):
                raise  # the recogniser's own
            for request in requests:
                request.done.cancel()  # dropped unless its call has begun
            self._give_up_on_stuck()
            raise StageTimeoutError(
                "asr", f"the recogniser has not answered for {self._stuck_after_s:g} s"
            ) from None

    def close(self) -> None:
        """Ends the thread once what waits is done, and closes the recogniser."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._waiting.put(None)
        self._worker.join(self._stuck_after_s)
        self._recognizer.close()

    def _start_worker(self) -> None:
        self._worker = threading.Thread(target=self._work, name="asr-batcher", daemon=True)
        self._worker.start()

    def _give_up_on_stuck(self) -> None:
        """Puts a new thread in the place of one whose call goes on for as long as others waited;
        one that is merely behind is left to it."""
        with self._lock:
            took_s = now_s() - self._began_s if self._began_s is not None else 0.0
            if took_s >= self._stuck_after_s / 2 and not self._is_closed:
                self._began_s = None
                self._start_worker()

    # ------------------------------------------------------------ on the worker thread

    def _work(self) -> None:
        is_last = False
        while not is_last and (first := self._waiting.get()) is not None:
            batch, is_last = self._take_batch(first)
            if batch := [each for each in batch if each.done.set_running_or_notify_cancel()]:
                self._recognize(batch)
            if threading.current_thread() is not self._worker:
                return  # was taken for stuck: another thread goes on

    def _take_batch(self, first: _Request) -> tuple[list[_Request], bool]:
        """The first and those that wait behind it, and whether this front is closing."""
        batch = [first]
        with suppress(queue.Empty):
            while len(batch) < self._max_batch:
                following = self._waiting.get_nowait()
                if following is None:
                    return batch, True
                batch.append(following)
        return batch, False

    def _recognize(self, batch: Sequence[_Request]) -> None:
        try:
            hypotheses = self._timed([request.samples for request in batch])
            results = list(zip(batch, hypotheses, strict=True))
        except BaseException as error:  # raised where the result is waited for
            if len(batch) == 1:
                batch[0].done.set_exception(error)
                return
            for request in batch:  # memory that the batch was too large for may do for one
                self._recognize([request])
            return
        for request, hypothesis in results:
            request.done.set_result(hypothesis)

    def _timed(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        started_s = now_s()
        with self._lock:
            if threading.current_thread() is self._worker:
                self._began_s = started_s
        try:
            return self._recognizer.recognize_batch(pieces)
        finally:
            with self._lock:
                if threading.current_thread() is self._worker:
                    self._began_s = None
                self.num_calls += 1
                self.num_pieces += len(pieces)
                self.compute_s += now_s() - started_s
