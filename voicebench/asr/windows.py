"""Recognition while the person speaks: overlapping windows, merged into one hypothesis.

Cutting harms recognition, so: windows overlap, their tokens are merged by time and text
(`voicebench.asr.merge`), a window may be recognised with audio before it as context, one of low
confidence is recognised again with more of it, and what is left at the end is recognised with
enough audio before it to fill a window. Windows without any sound are never recognised.

Spelled letters become words (`tokens.join_letters`) after merging: a window may end within one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer, recognize_with, takes_speech_times
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

SpeechTimes = Callable[[float, float], NDArray[np.float64]]

_FRAME_SAMPLES = SAMPLE_RATE_HZ * 25 // 1000
_STEP_SAMPLES = 30 * SAMPLE_RATE_HZ  # the windows of so much are in memory at once, overlaps twice


@dataclass(frozen=True)
class WindowAudio:
    """A piece of a recording that is ready to be recognized, with the audio before it.

    Attributes:
        audio: The audio before the piece that is still in memory, and the piece.
        num_before: Samples of `audio` before the piece; recognizing again takes all of them.
        num_context: Samples before the piece that are recognized with it the first time.
        speech_s: Middles of the frames of speech in `audio`, in seconds of the recording, where a
            VAD runs beside.
    """

    index: int
    start_s: float
    end_s: float
    audio: NDArray[np.float32]
    num_before: int
    num_context: int
    speech_s: NDArray[np.float64] | None = None

    @property
    def duration_s(self) -> float:
        """Seconds of the piece with its context."""
        return (len(self.audio) - self.num_before + self.num_context) / SAMPLE_RATE_HZ

    def speech_from(self, context_s: float) -> NDArray[np.float64] | None:
        """`speech_s` counted from so much context before the piece."""
        return None if self.speech_s is None else self.speech_s - (self.start_s - context_s)


class MergingRecognizer:
    """Recognizes pieces of one recording in order and merges their tokens by time and text.

    Args:
        recognizer: See `Recognizer`.
        re_recognise_below: Confidence under which a piece is recognized again with all the audio
            before it; 0: never.
    """

    def __init__(self, recognizer: Recognizer, re_recognise_below: float = 0.0) -> None:
        self._recognizer = recognizer
        self._re_recognise_below = re_recognise_below
        self._end_s = 0.0
        self.tokens: tuple[Token, ...] = ()

    def recognise(self, ready: Sequence[WindowAudio]) -> list[Window]:
        """Recognizes the next pieces in one call and merges them."""
        windows: list[Window] = []
        for passes in self._recognise(ready):
            windows += passes
            self.tokens, self._end_s = self._merged(passes), passes[0].end_s
        return windows

    def preview(self, ready: WindowAudio) -> tuple[list[Window], tuple[Token, ...]]:
        """The windows and the tokens that `recognise` would give; changes nothing."""
        (passes,) = self._recognise([ready])
        return passes, self._merged(passes)

    def _merged(self, passes: Sequence[Window]) -> tuple[Token, ...]:
        best = max(passes, key=lambda window: window.confidence)
        return merge(
            self.tokens,
            best.tokens,
            previous_end_s=self._end_s,
            new_start_s=best.heard_from_s,
        )

    def _recognise(self, ready: Sequence[WindowAudio]) -> list[list[Window]]:
        """The passes of each piece: one, or two where the first is doubtful."""
        passes = [[window] for window in self._pass(ready, 1)]
        doubtful = [
            number
            for number, (first,) in enumerate(passes)
            if first.tokens and first.confidence < self._re_recognise_below
        ]
        again = self._pass([ready[number] for number in doubtful], 2)
        for number, window in zip(doubtful, again, strict=True):
            passes[number].append(window)
        return passes

    def _pass(self, ready: Sequence[WindowAudio], pass_number: int) -> list[Window]:
        contexts = [each.num_context if pass_number == 1 else each.num_before for each in ready]
        pieces = [
            each.audio[each.num_before - context :]
            for each, context in zip(ready, contexts, strict=True)
        ]
        is_loud = [has_sound(piece) for piece in pieces]
        loud = [number for number, sounds in enumerate(is_loud) if sounds]
        started_s = now_s()
        known_s = [ready[n].speech_from(contexts[n] / SAMPLE_RATE_HZ) for n in loud]
        found = iter(self._recognize([pieces[n] for n in loud], known_s))
        hypotheses = [next(found) if sounds else Hypothesis() for sounds in is_loud]
        per_sample_s = (now_s() - started_s) / max(1, sum(map(len, pieces)))
        return [
            _window(
                each, context / SAMPLE_RATE_HZ, hypothesis, pass_number, per_sample_s * len(piece)
            )
            for each, context, hypothesis, piece in zip(
                ready, contexts, hypotheses, pieces, strict=True
            )
        ]

    def _recognize(
        self, pieces: list[NDArray[np.float32]], speech_s: list[NDArray[np.float64] | None]
    ) -> list[Hypothesis]:
        if any(each is not None for each in speech_s):
            return recognize_with(self._recognizer, pieces, speech_s)
        if len(pieces) == 1:
            return [self._recognizer.recognize(pieces[0])]
        return self._recognizer.recognize_batch(pieces) if pieces else []


class SlidingWindows:
    """One turn's audio through a recogniser.

    Args:
        recognizer: See `Recognizer`.
        window_s: Length of a window.
        overlap_s: How much of the next window lies in this one.
        re_recognise_below: Confidence under which a window is recognised again; 0: never.
        context_s: Audio before the window that is recognised with it.
        re_recognise_context_s: The same for recognising again; no less than `context_s` is taken.
        speech_times: Middles of the frames of speech from one second to another, by a VAD that has
            had all audio that was fed here: a recogniser that takes them runs none of its own.
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
        speech_times: SpeechTimes | None = None,
    ) -> None:
        if not 0 <= overlap_s < window_s:
            raise ValueError(f"overlap_s must be in [0, window_s), got {overlap_s}")
        self._recognition = MergingRecognizer(recognizer, re_recognise_below)
        self._speech_times = speech_times if takes_speech_times(recognizer) else None
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
        self._is_finished = False

    @property
    def hypothesis(self) -> Hypothesis:
        """All windows so far, merged; final after `finish`."""
        return Hypothesis(tokens=join_letters(self._recognition.tokens), is_final=self._is_finished)

    @property
    def stable(self) -> Hypothesis:
        """The tokens that no later window can change any more, wherever the audio ends."""
        # The next window, or a last one that reaches back from where the audio ends now.
        next_start = self._num_recognised * self._hop
        last_start = min(next_start, self._num_samples - self._window)
        heard_from = min(next_start - self._context, last_start)
        if self._re_recognise_below > 0:
            heard_from = min(heard_from, last_start - self._again_context)
        tokens = self._recognition.tokens
        count = num_settled(tokens, heard_from / SAMPLE_RATE_HZ)
        return Hypothesis(tokens=join_letters(tokens[:count]))

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
        return [window for windows in self.steps(samples) for window in windows]

    def finish(self) -> list[Window]:
        """Recognises what is left after the last whole window; the hypothesis is then final."""
        return [window for windows in self.finish_steps() for window in windows]

    def steps(self, samples: NDArray[np.float32]) -> Iterator[list[Window]]:
        """`feed` one window at a time, for a caller that limits the time of each."""
        for start in range(0, len(samples), _STEP_SAMPLES):
            for ready in self.take(samples[start : start + _STEP_SAMPLES]):
                yield self.recognise(ready)

    def finish_steps(self) -> Iterator[list[Window]]:
        """`finish` one window at a time."""
        for ready in self.take_rest():
            yield self.recognise(ready)
        self._is_finished = True

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
        self._num_recognised += 1
        return self._recognition.recognise([ready])

    def preview(self, rest: WindowAudio) -> tuple[list[Window], Hypothesis]:
        """The windows and the hypothesis that `recognise` would give; changes nothing.

        Args:
            rest: From `peek_rest`, when every window before it has been recognised.
        """
        windows, tokens = self._recognition.preview(rest)
        return windows, Hypothesis(tokens=join_letters(tokens), is_final=True)

    def _cut(self, start: int, end: int, context: int) -> WindowAudio:
        before_from = max(self._held_from, start - self._again_context)
        before_s, end_s = before_from / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ
        return WindowAudio(
            index=self._num_windows,
            start_s=start / SAMPLE_RATE_HZ,
            end_s=end_s,
            audio=self._held[before_from - self._held_from : end - self._held_from].copy(),
            num_before=start - before_from,
            num_context=max(0, min(context, start - before_from)),
            speech_s=self._speech_times(before_s, end_s) if self._speech_times else None,
        )

    def _forget(self, before: int) -> None:
        # The last window may reach back by a whole window from wherever the audio ends.
        before = min(before, self._num_samples - self._window - self._again_context)
        if before > self._held_from:
            self._held = self._held[before - self._held_from :].copy()
            self._held_from = before


def variant_windows(
    recognizer: Recognizer, variant: Variant, speech_times: SpeechTimes | None = None
) -> SlidingWindows:
    """A variant's windows over a recogniser, for one turn."""
    settings = {name: getattr(variant, name) for name in WINDOWING}
    return SlidingWindows(recognizer, **settings, speech_times=speech_times)


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


def _window(
    ready: WindowAudio,
    context_s: float,
    hypothesis: Hypothesis,
    pass_number: int,
    compute_s: float,
) -> Window:
    from_s = ready.start_s - context_s
    return Window(
        index=ready.index,
        start_s=ready.start_s,
        end_s=ready.end_s,
        tokens=tuple(_later(token, from_s) for token in hypothesis.tokens),
        compute_s=compute_s,
        pass_number=pass_number,
        context_s=context_s,
    )


def _later(token: Token, offset_s: float) -> Token:
    return msgspec.structs.replace(
        token, start_s=token.start_s + offset_s, end_s=token.end_s + offset_s
    )
