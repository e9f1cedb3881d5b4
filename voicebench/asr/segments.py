"""Recognition of recordings that are there as a whole: in segments between pauses, many in one call.

    segments = SpeechSegments(recognizer, open_stream(vad))
    for block in blocks:                       120 s each: memory does not grow with the recording
        for windows in segments.steps(block): ...
    for windows in segments.finish_steps(): ...
    segments.hypothesis

Windows cut words apart; a segment ends where a VAD hears a pause. Only speech without a pause for
`MAX_S` is cut, where it is quietest, and what follows is recognized with audio before the cut. Times
of tokens are times of the recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.asr.companions import StreamVad, companions_of
from voicebench.asr.merge import num_settled
from voicebench.asr.tokens import join_letters
from voicebench.asr.vad import FRAME_SAMPLES, SpeechEdge, SpeechTracker, open_stream
from voicebench.asr.windows import (
    WINDOWING,
    MergingRecognizer,
    SlidingWindows,
    WindowAudio,
    variant_windows,
)
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Variant, Window

BLOCK_S = 120.0
"""Audio that goes through the VAD in one call: 30 rows of Silero's."""
BATCH_S = 60.0
"""Audio of one call of the recognizer: bounds how long other streams wait for it."""
SILENCE_S = 0.5
"""A pause that ends a segment."""
MAX_S = 20.0
PADDING_S = 0.25
"""Audio on both sides of the speech; the VAD hears it a little late."""
_QUIET_FRAMES = 3  # a cut is in the middle of the quietest so many frames

Samples = NDArray[np.float32]


class Segmenter:
    """Cuts one stream at its pauses; audio without speech is in no segment.

    A segment opens at the VAD's lower threshold: what is doubtful is recognized.

    Args:
        vad: Of this stream.
        silence_s: Silence that ends a segment.
        max_s: Longest segment.
        context_s: Audio before a cut within speech that is recognized with what follows.
        before_s: Audio before every segment that stays in memory, for recognizing it again.
    """

    def __init__(
        self,
        vad: StreamVad,
        *,
        silence_s: float = SILENCE_S,
        max_s: float = MAX_S,
        context_s: float = 1.2,
        before_s: float = 0.0,
    ) -> None:
        self._vad = vad
        self._tracker = SpeechTracker(vad.silence_below, vad.silence_below)
        self._silence_s = silence_s
        self._max = round(max_s * SAMPLE_RATE_HZ)
        self._padding = round(min(PADDING_S, silence_s / 2) * SAMPLE_RATE_HZ)
        self._context = round(context_s * SAMPLE_RATE_HZ)
        self._before = max(self._context, round(before_s * SAMPLE_RATE_HZ))
        self._held = np.zeros(0, np.float32)
        self._held_from = 0
        self._start: int | None = None  # of the open segment
        self._is_cut = False  # whether it begins within speech
        self._end = 0  # of the segment before
        self._num_segments = 0
        self._edges: list[SpeechEdge] = []

    @property
    def num_samples(self) -> int:
        """Samples taken so far."""
        return self._held_from + len(self._held)

    @property
    def held_s(self) -> float:
        """Seconds of audio in memory: a segment and what came after it."""
        return len(self._held) / SAMPLE_RATE_HZ

    @property
    def last_speech_s(self) -> float | None:
        """End of the last speech so far; None before any."""
        return self._tracker.last_speech_s

    @property
    def is_within_speech(self) -> bool:
        """Whether the next segment begins within speech, after a cut."""
        return self._is_cut

    @property
    def end_s(self) -> float:
        """End of the last segment."""
        return self._end / SAMPLE_RATE_HZ

    @property
    def open_start(self) -> int | None:
        """Sample of the stream at which the segment in progress begins; None between segments."""
        return self._start

    def audio_from(self, sample: int) -> Samples:
        """The audio from a sample of the segment in progress on."""
        return self._held[sample - self._held_from :].copy()

    def pop_edges(self) -> list[SpeechEdge]:
        """Where speech began and ended since the last call."""
        edges, self._edges = self._edges, []
        return edges

    def feed(self, samples: Samples) -> list[WindowAudio]:
        """Takes audio of any length; returns the segments that it ends."""
        self._held = np.concatenate([self._held, np.asarray(samples, np.float32)])
        at = round(self._tracker.time_s * SAMPLE_RATE_HZ)
        whole = (self.num_samples - at) // FRAME_SAMPLES * FRAME_SAMPLES
        new = self._held[at - self._held_from :][:whole]
        ready = self._add(new)
        if self._start is None:
            self._forget(self.num_samples - self._padding - self._before - 3 * FRAME_SAMPLES)
        else:
            self._forget(self._start - self._before)
        return ready

    def finish(self) -> list[WindowAudio]:
        """The segments that the end of the audio ends."""
        num_samples = self.num_samples
        rest = num_samples - round(self._tracker.time_s * SAMPLE_RATE_HZ)
        last = np.concatenate(
            [self._held[len(self._held) - rest :], np.zeros(-rest % FRAME_SAMPLES, np.float32)]
        )
        ready = self._add(last)
        if self._tracker.is_speaking:
            self._edges.append(self._tracker.stop())
        if self._start is not None:
            ready += self._close(num_samples)
        return ready

    def _add(self, samples: Samples) -> list[WindowAudio]:
        ready: list[WindowAudio] = []
        tracker = self._tracker
        for probability in self._vad.speech_probabilities(samples):
            if edge := tracker.add(float(probability)):
                self._edges.append(edge)
                if edge.kind == "speech_started" and self._start is None:
                    onset = round(edge.at_s * SAMPLE_RATE_HZ)
                    self._start = max(self._end, onset - self._padding)
            if self._start is None:
                continue
            now = round(tracker.time_s * SAMPLE_RATE_HZ)
            silence_s = tracker.time_s - (tracker.last_speech_s or 0.0)
            if not tracker.is_speaking and silence_s >= self._silence_s:
                ready += self._close(now)
            elif now - self._start >= self._max:
                cut = self._quietest(self._start + self._max // 2, now)
                ready.append(self._segment(cut))
                self._start, self._is_cut = cut, True
        return ready

    def _close(self, now: int) -> list[WindowAudio]:
        """The open segment, ended by a pause; nothing where no speech came after a cut."""
        start, spoken = self._start, round((self._tracker.last_speech_s or 0.0) * SAMPLE_RATE_HZ)
        assert start is not None
        ready = [self._segment(min(now, spoken + self._padding))] if spoken > start else []
        self._start, self._is_cut = None, False
        return ready

    def _segment(self, end: int) -> WindowAudio:
        start = self._start
        assert start is not None
        before_from = max(self._held_from, start - self._before)
        num_before = start - before_from
        segment = WindowAudio(
            index=self._num_segments,
            start_s=start / SAMPLE_RATE_HZ,
            end_s=end / SAMPLE_RATE_HZ,
            audio=self._held[before_from - self._held_from : end - self._held_from].copy(),
            num_before=num_before,
            num_context=min(num_before, self._context) if self._is_cut else 0,
        )
        self._num_segments += 1
        self._end = end
        return segment

    def _quietest(self, start: int, end: int) -> int:
        """Where to cut within speech."""
        audio = self._held[start - self._held_from : end - self._held_from]
        frames = audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        energy = np.convolve((frames**2).mean(axis=1), np.ones(_QUIET_FRAMES), "valid")
        return start + int(energy.argmin()) * FRAME_SAMPLES + _QUIET_FRAMES * FRAME_SAMPLES // 2

    def _forget(self, before: int) -> None:
        if before > self._held_from:
            self._held = self._held[before - self._held_from :].copy()
            self._held_from = before


class SpeechSegments:
    """One recording through a recognizer.

    Args:
        recognizer: See `Recognizer`.
        vad: Of this recording.
        re_recognise_below: Confidence under which a segment is recognized again; 0: never.
        context_s: Audio before a cut within speech that is recognized with what follows.
        re_recognise_context_s: Audio before a segment that is recognized again with it.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        vad: StreamVad,
        *,
        re_recognise_below: float = 0.0,
        context_s: float = 1.2,
        re_recognise_context_s: float = 2.4,
    ) -> None:
        self._context_s = context_s
        self._again_s = re_recognise_context_s if re_recognise_below > 0 else 0.0
        self._segmenter = Segmenter(vad, context_s=context_s, before_s=self._again_s)
        self._recognition = MergingRecognizer(recognizer, re_recognise_below)
        self._is_finished = False

    @property
    def hypothesis(self) -> Hypothesis:
        """All segments so far, merged; final after `finish_steps`."""
        return Hypothesis(tokens=join_letters(self._recognition.tokens), is_final=self._is_finished)

    @property
    def stable(self) -> Hypothesis:
        """The tokens that no later segment can change."""
        tokens = self._recognition.tokens
        context_s = self._context_s if self._segmenter.is_within_speech else 0.0
        reach_s = max(context_s, self._again_s)
        if reach_s > 0:
            tokens = tokens[: num_settled(tokens, self._segmenter.end_s - reach_s)]
        return Hypothesis(tokens=join_letters(tokens))

    @property
    def audio_s(self) -> float:
        """Seconds of audio taken so far."""
        return self._segmenter.num_samples / SAMPLE_RATE_HZ

    @property
    def last_speech_s(self) -> float | None:
        """End of the last speech so far; None before any."""
        return self._segmenter.last_speech_s

    def pop_edges(self) -> list[SpeechEdge]:
        """Where speech began and ended since the last call."""
        return self._segmenter.pop_edges()

    def take(self, samples: Samples) -> list[WindowAudio]:
        """Takes audio; returns the segments that it ends, for `recognise`."""
        return self._segmenter.feed(samples)

    def take_rest(self) -> list[WindowAudio]:
        """The segments that the end of the audio ends."""
        return self._segmenter.finish()

    def recognise(self, ready: Sequence[WindowAudio]) -> list[Window]:
        """Recognizes segments in one call and merges them; call in order of `index`."""
        return self._recognition.recognise(ready)

    def steps(self, samples: Samples) -> Iterator[list[Window]]:
        """Takes audio; yields the windows of each call of the recognizer.

        Args:
            samples: Shape (num_samples,), 16 kHz mono float32; `BLOCK_S` at most is best.
        """
        for batch in batches(self.take(samples)):
            yield self.recognise(batch)

    def finish_steps(self) -> Iterator[list[Window]]:
        """The same of what is left at the end; the hypothesis is then final."""
        for batch in batches(self.take_rest()):
            yield self.recognise(batch)
        self._is_finished = True


def variant_recognition(
    recognizer: Recognizer, variant: Variant
) -> SlidingWindows | SpeechSegments:
    """A recording through a recognizer, in windows or segments as the variant says."""
    if variant.recognition == "windows":
        return variant_windows(recognizer, variant)
    return variant_segments(recognizer, variant)


def variant_segments(recognizer: Recognizer, variant: Variant) -> SpeechSegments:
    """A recording through a recognizer in segments, by the VAD that the variant says."""
    vad = companions_of(recognizer).vad if variant.vad == "profile" else None
    return SpeechSegments(
        recognizer,
        open_stream(vad),
        re_recognise_below=variant.re_recognise_below,
        context_s=variant.context_s,
        re_recognise_context_s=variant.re_recognise_context_s,
    )


def recognition_settings(variant: Variant) -> tuple[Any, ...]:
    """The settings of a variant that decide what a recognizer makes of given audio."""
    windowing = tuple(getattr(variant, name) for name in WINDOWING)
    if variant.recognition == "windows":
        return windowing
    return ("segments", variant.vad, *windowing[2:])


def recognise_blocks(
    recognition: SlidingWindows | SpeechSegments, blocks: Iterable[Samples]
) -> Iterator[list[Window]]:
    """Recognizes a recording block by block; yields the windows of each call of the recognizer."""
    for block in blocks:
        yield from recognition.steps(block)
    yield from recognition.finish_steps()


def blocks_of(samples: Samples) -> Iterator[Samples]:
    """A recording in blocks of `BLOCK_S`, the last one shorter; views, not copies."""
    size = round(BLOCK_S * SAMPLE_RATE_HZ)
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def batches(ready: Sequence[WindowAudio]) -> Iterator[list[WindowAudio]]:
    """Segments in their order, `BATCH_S` at most together, or one that is longer."""
    batch: list[WindowAudio] = []
    for segment in ready:
        if batch and sum(each.duration_s for each in (*batch, segment)) > BATCH_S:
            yield batch
            batch = []
        batch.append(segment)
    if batch:
        yield batch
