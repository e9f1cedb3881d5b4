"""Recognition while the person speaks: overlapping windows, merged into one hypothesis.

Cutting harms recognition, so: windows overlap, their tokens are merged by time and text
(`voicebench.asr.merge`), a window may be recognised with audio before it as context, one of low
confidence is recognised again with more of it, and what is left at the end is recognised with
enough audio before it to fill a window. Windows without any sound are never recognised.

Spelled letters become words (`tokens.join_letters`) after merging: a window may end within one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.asr.merge import merge, num_settled
from voicebench.asr.tokens import join_letters
from voicebench.clock import now_s
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Token, Variant, Window

SILENCE_RMS = 1e-3
"""-60 dBFS: the loudest 25 ms of a window below this hold no speech."""

WINDOWING = (
    "window_s", "overlap_s", "context_s", "re_recognise_below", "re_recognise_context_s"
)  # fmt: skip
"""The settings of a variant that decide what a recogniser makes of given audio."""

_FRAME_SAMPLES = SAMPLE_RATE_HZ * 25 // 1000


@dataclass(frozen=True)
class WindowAudio:
    """A window that is ready to be recognised, with the audio before it that is still held.

    Attributes:
        num_context: Samples of `before` that are recognised with it the first time; all of them,
            when it is recognised again.
    """

    index: int
    start_s: float
    end_s: float
    samples: NDArray[np.float32]
    before: NDArray[np.float32]
    num_context: int


class SlidingWindows:
    """One turn's audio through a recogniser.

    Args:
        recognizer: See `Recognizer`.
        window_s: Length of a window.
        overlap_s: How much of the next window lies in this one.
        re_recognise_below: Confidence under which a window is recognised again; 0: never.
        context_s: Audio before the window that is recognised with it.
        re_recognise_context_s: The same for recognising again; no less than `context_s` is taken.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        window_s: float = 2.4,
        overlap_s: float = 0.3,
        re_recognise_below: float = 0.0,
        *,
        context_s: float = 1.2,
        re_recognise_context_s: float = 2.4,
    ) -> None:
        if not 0 <= overlap_s < window_s:
            raise ValueError(f"overlap_s must be in [0, window_s), got {overlap_s}")
        self._recognizer = recognizer
        self._window = round(window_s * SAMPLE_RATE_HZ)
        self._hop = max(1, self._window - round(overlap_s * SAMPLE_RATE_HZ))
        self._re_recognise_below = re_recognise_below
        self._context = round(context_s * SAMPLE_RATE_HZ)
        self._again_context = max(self._context, round(re_recognise_context_s * SAMPLE_RATE_HZ))
        self._held = np.zeros(0, np.float32)
        self._held_from = 0
        self._num_samples = 0
        self._num_windows = 0
        self._num_recognised = 0
        self._tokens: tuple[Token, ...] = ()
        self._tokens_end_s = 0.0
        self._is_finished = False

    @property
    def hypothesis(self) -> Hypothesis:
        """All windows so far, merged; final after `finish`."""
        return Hypothesis(tokens=join_letters(self._tokens), is_final=self._is_finished)

    @property
    def stable(self) -> Hypothesis:
        """The tokens that no later window can change any more, wherever the audio ends."""
        # The next window, or a last one that reaches back from where the audio ends now.
        next_start = self._num_recognised * self._hop
        last_start = min(next_start, self._num_samples - self._window)
        heard_from = min(next_start - self._context, last_start)
        if self._re_recognise_below > 0:
            heard_from = min(heard_from, last_start - self._again_context)
        count = num_settled(self._tokens, heard_from / SAMPLE_RATE_HZ)
        return Hypothesis(tokens=join_letters(self._tokens[:count]))

    @property
    def audio_s(self) -> float:
        """Seconds of audio taken so far."""
        return self._num_samples / SAMPLE_RATE_HZ

    @property
    def held_s(self) -> float:
        """Seconds of audio in memory: a few windows, however long the turn."""
        return len(self._held) / SAMPLE_RATE_HZ

    def feed(self, samples: NDArray[np.float32]) -> list[Window]:
        """Takes audio and recognises every window that it completes.

        Args:
            samples: Shape (num_samples,), 16 kHz mono float32; any length.

        Returns:
            The windows recognised, in order; one recognised again is there twice, `pass_number`
            1 and 2.
        """
        return [window for ready in self.take(samples) for window in self.recognise(ready)]

    def finish(self) -> list[Window]:
        """Recognises what is left after the last whole window; the hypothesis is then final."""
        windows = [window for ready in self.take_rest() for window in self.recognise(ready)]
        self._is_finished = True
        return windows

    def take(self, samples: NDArray[np.float32]) -> Iterator[WindowAudio]:
        """Takes audio; yields the windows it completes, for `recognise`, in order.

        `feed` in two steps, for a caller that recognises elsewhere while audio keeps coming.
        """
        ready = []
        self._held = np.concatenate([self._held, np.asarray(samples, np.float32)])
        self._num_samples += len(samples)
        while (start := self._num_windows * self._hop) + self._window <= self._num_samples:
            ready.append(self._cut(start, start + self._window, self._context))
            self._num_windows += 1
        self._forget(self._num_windows * self._hop - self._again_context)
        return iter(ready)

    def take_rest(self) -> Iterator[WindowAudio]:
        """The last window, reaching back to fill a whole one; none when all audio was in one.

        The turn waits for it, so it takes no more context than other windows have before audio that
        nobody has heard yet: none where reaching back has that already.
        """
        if rest := self.peek_rest():
            self._num_windows += 1
            yield rest

    def peek_rest(self) -> WindowAudio | None:
        """What `take_rest` would give if the audio ended here; changes nothing."""
        last_end = (self._num_windows - 1) * self._hop + self._window if self._num_windows else 0
        if self._num_samples - last_end < min(_FRAME_SAMPLES, self._hop):
            return None
        start = max(0, self._num_samples - self._window)
        next_start = self._num_windows * self._hop
        return self._cut(start, self._num_samples, self._context - max(0, next_start - start))

    def recognise(self, ready: WindowAudio) -> list[Window]:
        """Recognises one window and merges it into the hypothesis; call in order of `index`."""
        windows, self._tokens = self._recognise(ready)
        self._tokens_end_s = ready.end_s
        self._num_recognised += 1
        return windows

    def preview(self, rest: WindowAudio) -> tuple[list[Window], Hypothesis]:
        """The windows and the hypothesis that `recognise` would give; changes nothing.

        Args:
            rest: From `peek_rest`, when every window before it has been recognised.
        """
        windows, tokens = self._recognise(rest)
        return windows, Hypothesis(tokens=join_letters(tokens), is_final=True)

    def _recognise(self, ready: WindowAudio) -> tuple[list[Window], tuple[Token, ...]]:
        windows = [self._recognise_once(ready, ready.num_context, 1)]
        if windows[0].tokens and windows[0].confidence < self._re_recognise_below:
            windows.append(self._recognise_once(ready, len(ready.before), 2))
        best = max(windows, key=lambda window: window.confidence)
        merged = merge(
            self._tokens,
            best.tokens,
            previous_end_s=self._tokens_end_s,
            new_start_s=best.heard_from_s,
        )
        return windows, merged

    def _recognise_once(self, ready: WindowAudio, context: int, pass_number: int) -> Window:
        before = ready.before[len(ready.before) - context :]
        samples = np.concatenate([before, ready.samples])
        context_s = len(before) / SAMPLE_RATE_HZ
        heard_from_s = ready.start_s - context_s
        started_s = now_s()
        tokens = self._recognizer.recognize(samples).tokens if has_sound(samples) else ()
        return Window(
            index=ready.index,
            start_s=ready.start_s,
            end_s=ready.end_s,
            tokens=tuple(_later(token, heard_from_s) for token in tokens),
            compute_s=now_s() - started_s,
            pass_number=pass_number,
            context_s=context_s,
        )

    def _cut(self, start: int, end: int, context: int) -> WindowAudio:
        before_from = max(self._held_from, start - self._again_context)
        held = self._held[before_from - self._held_from : end - self._held_from].copy()
        return WindowAudio(
            index=self._num_windows,
            start_s=start / SAMPLE_RATE_HZ,
            end_s=end / SAMPLE_RATE_HZ,
            samples=held[start - before_from :],
            before=held[: start - before_from],
            num_context=max(0, min(context, start - before_from)),
        )

    def _forget(self, before: int) -> None:
        # The last window may reach back by a whole window from wherever the audio ends.
        before = min(before, self._num_samples - self._window - self._again_context)
        if before > self._held_from:
            self._held = self._held[before - self._held_from :].copy()
            self._held_from = before


def variant_windows(recognizer: Recognizer, variant: Variant) -> SlidingWindows:
    """A variant's windows over a recogniser, for one turn."""
    settings = {name: getattr(variant, name) for name in WINDOWING}
    return SlidingWindows(recognizer, **settings)


def reach_s(variant: Variant) -> float:
    """How far before a window's end the next one hears again: its overlap and its context."""
    again_s = variant.re_recognise_context_s if variant.re_recognise_below > 0 else 0.0
    return variant.overlap_s + max(variant.context_s, again_s)


def has_sound(samples: NDArray[np.float32]) -> bool:
    """Whether any 25 ms of the audio reach `SILENCE_RMS`."""
    num_frames = -(-len(samples) // _FRAME_SAMPLES)
    padded = np.zeros(num_frames * _FRAME_SAMPLES, np.float32)
    padded[: len(samples)] = samples
    rms = np.sqrt(np.mean(padded.reshape(num_frames, _FRAME_SAMPLES) ** 2, axis=1))
    return bool(num_frames) and bool(rms.max() >= SILENCE_RMS)


def _later(token: Token, offset_s: float) -> Token:
    return msgspec.structs.replace(
        token, start_s=token.start_s + offset_s, end_s=token.end_s + offset_s
    )
