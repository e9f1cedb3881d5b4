"""One thread for all calls of a recogniser, and one call for what many streams ask of it at once.

    recognizer = BatchingRecognizer(ParaformerRecognizer(profile))     then one for all streams

cuBLAS and cuDNN make their handles once a thread. Warm-up and turns therefore have to run on the same
one, and the threads that callers wait on come and go.

While the model is at work, further pieces wait; the next call takes all that wait. A piece that finds
the model idle goes at once, alone. Results are those of one by one, for that is what
`Recognizer.recognize_batch` promises.

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

from voicebench.asr.base import Recognizer, recognize_with, takes_speech_times
from voicebench.asr.companions import Companions, companions_of
from voicebench.asr.hotwords import TakesHotwords
from voicebench.clock import now_s
from voicebench.errors import StageError, StageTimeoutError
from voicebench.types import Hypothesis

MAX_BATCH = 32
"""Pieces of one call; bounds how long the next ones wait."""

_CLOSE_WITHIN_S = 20.0


@dataclass(frozen=True)
class _Request:
    recognizer: Recognizer
    pieces: Sequence[NDArray[np.float32]]
    speech_s: Sequence[NDArray[np.float64] | None]
    done: Future[list[Hypothesis]] = field(default_factory=Future)


class BatchingRecognizer:
    """A `Recognizer` in front of another one, for many threads.

    A call that fails as a batch is repeated piece by piece, so that only the piece at fault fails. A
    call that hangs is left behind with its pieces, and the next one goes to a new thread: whether
    the recogniser takes a call beside the one that hangs is the recogniser's matter.

    Args:
        recognizer: Does the work; closed with this one.
        max_batch: Most pieces in one call; None: every call as its caller made it, one at a time.
        stuck_after_s: How long a call waits for its result before it gives up; None: as long as it
            takes.

    Attributes:
        num_calls: Calls of the recogniser so far.
        num_pieces: Pieces recognised in them.
        compute_s: Seconds that they took.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        max_batch: int | None = MAX_BATCH,
        stuck_after_s: float | None = 20.0,
    ) -> None:
        if max_batch is not None and max_batch < 1:
            raise ValueError(f"max_batch must be at least 1, got {max_batch}")
        self.num_calls = 0
        self.num_pieces = 0
        self.compute_s = 0.0
        self.takes_speech_times = takes_speech_times(recognizer)
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
        """Calls that wait for the model now."""
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

    def recognize_batch(
        self,
        pieces: Sequence[NDArray[np.float32]],
        speech_s: Sequence[NDArray[np.float64] | None] | None = None,
    ) -> list[Hypothesis]:
        """See `TakesSpeechTimes.recognize_batch`; raises as `recognize` does."""
        return self._submit(self._recognizer, pieces, speech_s)

    def refused_hotwords(self, words: Sequence[str]) -> dict[str, str]:
        """See `TakesHotwords.refused_hotwords`."""
        if isinstance(self._recognizer, TakesHotwords):
            return self._recognizer.refused_hotwords(words)
        return dict.fromkeys(words, "this model takes no hotwords")

    def with_hotwords(self, words: Sequence[str]) -> Recognizer:
        """See `TakesHotwords.with_hotwords`; calls go through this front's thread."""
        assert isinstance(self._recognizer, TakesHotwords)
        return _Listening(self, self._recognizer.with_hotwords(words))

    def _submit(
        self,
        recognizer: Recognizer,
        pieces: Sequence[NDArray[np.float32]],
        speech_s: Sequence[NDArray[np.float64] | None] | None,
    ) -> list[Hypothesis]:
        known_s = speech_s or [None] * len(pieces)
        if self._max_batch is None:
            requests = [_Request(recognizer, pieces, known_s)]
        else:
            pairs = zip(pieces, known_s, strict=True)
            requests = [_Request(recognizer, [piece], [speech]) for piece, speech in pairs]
        with self._lock:
            if self._is_closed:
                raise StageError("asr", "the recogniser is closed")
            for request in requests:
                self._waiting.put(request)
        if self._stuck_after_s is None:
            return [found for each in requests for found in each.done.result()]
        deadline_s = now_s() + self._stuck_after_s
        try:
            return [
                hypothesis
                for each in requests
                for hypothesis in each.done.result(max(0.0, deadline_s - now_s()))
            ]
        except TimeoutError:
            if all(request.done.done() for request in requests):
                raise  # the recogniser's own
            for request in requests:
                request.done.cancel()  # dropped unless its call has begun
            self._give_up_on_stuck(self._stuck_after_s)
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
        self._worker.join(self._stuck_after_s or _CLOSE_WITHIN_S)
        self._recognizer.close()

    def _start_worker(self) -> None:
        self._worker = threading.Thread(target=self._work, name="asr-batcher", daemon=True)
        self._worker.start()

    def _give_up_on_stuck(self, stuck_after_s: float) -> None:
        """Puts a new thread in the place of one whose call goes on for as long as others waited;
        one that is merely behind is left to it."""
        with self._lock:
            took_s = now_s() - self._began_s if self._began_s is not None else 0.0
            if took_s >= stuck_after_s / 2 and not self._is_closed:
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
            while len(batch) < (self._max_batch or 1):
                following = self._waiting.get_nowait()
                if following is None:
                    return batch, True
                batch.append(following)
        return batch, False

    def _recognize(self, batch: Sequence[_Request]) -> None:
        recognizer = batch[0].recognizer
        if others := [each for each in batch if each.recognizer is not recognizer]:
            self._recognize(others)  # of streams with other hotwords: a call of their own
            batch = [each for each in batch if each.recognizer is recognizer]
        try:
            found = iter(self._timed(recognizer, batch))
            results = [[next(found) for _ in request.pieces] for request in batch]
        except BaseException as error:  # raised where the result is waited for
            if len(batch) == 1:
                batch[0].done.set_exception(error)
                return
            for request in batch:  # memory that the batch was too large for may do for one
                self._recognize([request])
            return
        for request, hypotheses in zip(batch, results, strict=True):
            request.done.set_result(hypotheses)

    def _timed(self, recognizer: Recognizer, batch: Sequence[_Request]) -> list[Hypothesis]:
        pieces = [piece for request in batch for piece in request.pieces]
        speech_s = [speech for request in batch for speech in request.speech_s]
        started_s = now_s()
        with self._lock:
            if threading.current_thread() is self._worker:
                self._began_s = started_s
        try:
            return recognize_with(recognizer, pieces, speech_s)
        finally:
            with self._lock:
                if threading.current_thread() is self._worker:
                    self._began_s = None
                self.num_calls += 1
                self.num_pieces += len(pieces)
                self.compute_s += now_s() - started_s


class _Listening:
    """A `Recognizer` that listens for words of its own, behind a front."""

    def __init__(self, front: BatchingRecognizer, recognizer: Recognizer) -> None:
        self._front = front
        self._recognizer = recognizer

    @property
    def companions(self) -> Companions:
        return self._front.companions

    @property
    def vocabulary(self) -> Sequence[str]:
        return self._front.vocabulary

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        return self.recognize_batch([samples])[0]

    @property
    def takes_speech_times(self) -> bool:
        return takes_speech_times(self._recognizer)

    def recognize_batch(
        self,
        pieces: Sequence[NDArray[np.float32]],
        speech_s: Sequence[NDArray[np.float64] | None] | None = None,
    ) -> list[Hypothesis]:
        return self._front._submit(self._recognizer, pieces, speech_s)

    def close(self) -> None:
        """The model is the front's."""
