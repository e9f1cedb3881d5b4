"""Sliding windows on a recogniser that hears a scripted sentence exactly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebench.asr.windows import SlidingWindows, has_sound
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Token, is_letter, join_tokens

SYLLABLE_S = 0.2
TEXT = "今天下午三点在北京人民大会堂二楼会议室开会请带上昨天的材料和电脑不要迟到谢谢大家"
SPELLED = [*"请把ppt和昨天的kpi发给ceo再看看hr的app有没有问题最后打开pdf", "demo", *"ai"]
"""Words of letters, which windows cut anywhere: `p|p t`."""
LEVEL = 0.01


class ScriptedRecognizer:
    """Hears, in audio made by `speech`, every syllable that is whole in the piece."""

    def __init__(self, confidence: float = 0.9, said: Sequence[str] = TEXT) -> None:
        self.confidence = confidence
        self.said = said
        self.heard_s: list[float] = []

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        self.heard_s.append(len(samples) / SAMPLE_RATE_HZ)
        ids = np.rint(samples / LEVEL).astype(int)
        tokens = []
        for id_ in sorted(set(ids[ids > 0])):
            (where,) = np.nonzero(ids == id_)
            if len(where) == round(SYLLABLE_S * SAMPLE_RATE_HZ):
                tokens.append(
                    Token(
                        text=self.said[id_ - 1],
                        start_s=where[0] / SAMPLE_RATE_HZ,
                        end_s=(where[-1] + 1) / SAMPLE_RATE_HZ,
                        confidence=self.confidence,
                    )
                )
        return Hypothesis(tokens=tuple(tokens))

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        return [self.recognize(piece) for piece in pieces]

    def close(self) -> None: ...


def speech(num_syllables: int, pause_s: float = 0.0) -> NDArray[np.float32]:
    """Syllable k is a level of k times `LEVEL`; a pause after each."""
    syllable, pause = round(SYLLABLE_S * SAMPLE_RATE_HZ), round(pause_s * SAMPLE_RATE_HZ)
    pieces = []
    for index in range(num_syllables):
        pieces += [np.full(syllable, (index + 1) * LEVEL), np.zeros(pause)]
    return np.concatenate([*pieces, np.zeros(0)]).astype(np.float32)


@settings(max_examples=40)
@given(
    num_syllables=st.integers(0, len(TEXT)),
    pause_s=st.sampled_from([0.0, 0.05, 0.31]),
    chunk_s=st.floats(0.02, 5.0),
    overlap_s=st.sampled_from([0.25, 0.3, 0.5]),
)
def test_windows_hear_what_was_said(
    num_syllables: int, pause_s: float, chunk_s: float, overlap_s: float
) -> None:
    samples = speech(num_syllables, pause_s)
    windows = SlidingWindows(ScriptedRecognizer(), 2.4, overlap_s)
    step = round(chunk_s * SAMPLE_RATE_HZ)
    recognised = []
    for start in range(0, len(samples), step):
        recognised += windows.feed(samples[start : start + step])
        assert not windows.hypothesis.is_final
    recognised += windows.finish()
    assert windows.hypothesis.text == TEXT[:num_syllables]
    assert windows.hypothesis.is_final
    assert [window.index for window in recognised] == list(range(len(recognised)))
    assert windows.audio_s == pytest.approx(len(samples) / SAMPLE_RATE_HZ)
    for token, index in zip(windows.hypothesis.tokens, range(num_syllables), strict=True):
        assert token.start_s == pytest.approx(index * (SYLLABLE_S + pause_s), abs=1e-3)


def test_windows_lie_where_they_should() -> None:
    windows = SlidingWindows(ScriptedRecognizer(), 2.4, 0.3)
    recognised = windows.feed(speech(25)) + windows.finish()
    spans = [(round(w.start_s, 3), round(w.end_s, 3)) for w in recognised]
    assert spans == [(0.0, 2.4), (2.1, 4.5), (2.6, 5.0)]  # the last reaches back to be whole
    assert [round(w.heard_from_s, 3) for w in recognised] == [0.0, 0.9, 2.6]  # with their context


@pytest.mark.parametrize(
    ("num_syllables", "heard_from_s"),
    [(23, 2.2), (27, 3.0), (32, 3.0)],  # windows end at 2.4 and 4.5 s
)
def test_the_last_window_has_context_before_what_is_new(
    num_syllables: int, heard_from_s: float
) -> None:
    windows = SlidingWindows(ScriptedRecognizer(), 2.4, 0.3)
    windows.feed(speech(num_syllables))
    *_, last = windows.finish()
    assert last.end_s - last.start_s == pytest.approx(2.4)
    assert last.heard_from_s == pytest.approx(heard_from_s)


def test_short_audio_is_one_short_window() -> None:
    windows = SlidingWindows(ScriptedRecognizer())
    assert windows.feed(speech(3)) == []
    (window,) = windows.finish()
    assert (window.start_s, window.end_s) == (0.0, pytest.approx(0.6))


def test_audio_of_whole_windows_leaves_no_rest() -> None:
    windows = SlidingWindows(ScriptedRecognizer(), 2.4, 0.3)
    assert len(windows.feed(speech(12))) == 1
    assert windows.finish() == []


def test_silence_is_not_recognised() -> None:
    recognizer = ScriptedRecognizer()
    windows = SlidingWindows(recognizer)
    recognised = windows.feed(np.zeros(5 * SAMPLE_RATE_HZ, np.float32)) + windows.finish()
    assert len(recognised) == 3
    assert windows.hypothesis.tokens == ()
    assert recognizer.heard_s == []


def test_doubtful_windows_are_recognised_again_with_more_audio() -> None:
    recognizer = ScriptedRecognizer(confidence=0.4)
    windows = SlidingWindows(
        recognizer, re_recognise_below=0.5, context_s=0.0, re_recognise_context_s=1.0
    )
    recognised = windows.feed(speech(23)) + windows.finish()
    assert [(w.index, w.pass_number) for w in recognised] == [
        (0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2),
    ]  # fmt: skip
    assert recognizer.heard_s == pytest.approx([2.4, 2.4, 2.4, 3.4, 2.4, 3.4])
    assert windows.hypothesis.text == TEXT[:23]


def test_context_is_heard_but_not_doubled() -> None:
    recognizer = ScriptedRecognizer()
    windows = SlidingWindows(recognizer, context_s=0.5)
    windows.feed(speech(40))
    windows.finish()
    assert recognizer.heard_s[1] == pytest.approx(2.9)
    assert windows.hypothesis.text == TEXT[:40]


def test_memory_does_not_grow_with_the_audio() -> None:
    windows = SlidingWindows(ScriptedRecognizer())
    held = []
    for _ in range(600):
        windows.feed(np.zeros(SAMPLE_RATE_HZ, np.float32))
        held.append(windows.held_s)
    assert max(held) < 10


def test_taking_and_recognising_apart_is_the_same_as_feeding() -> None:
    samples = speech(30)
    fed, taken = SlidingWindows(ScriptedRecognizer()), SlidingWindows(ScriptedRecognizer())
    fed.feed(samples)
    fed.finish()
    for ready in [*taken.take(samples), *taken.take_rest()]:
        taken.recognise(ready)
    assert fed.hypothesis.tokens == taken.hypothesis.tokens


@pytest.mark.parametrize(
    ("level", "sounds"), [(0.0, False), (5e-4, False), (2e-3, True), (0.1, True)]
)
def test_has_sound(level: float, sounds: bool) -> None:
    samples = np.zeros(SAMPLE_RATE_HZ, np.float32)
    samples[8_000:9_000] = level
    assert has_sound(samples) is sounds
    assert not has_sound(samples[:0])


def test_an_overlap_as_long_as_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap_s"):
        SlidingWindows(ScriptedRecognizer(), 1.0, 1.0)


@settings(max_examples=40)
@given(
    chunks=st.lists(st.integers(1, 20_000), min_size=1, max_size=12),
    again=st.sampled_from([0.0, 0.95]),
    overlap_s=st.sampled_from([0.0, 0.3]),
    context_s=st.sampled_from([0.0, 0.4]),
    said=st.sampled_from([TEXT, SPELLED]),
)
def test_what_is_stable_never_changes(
    chunks: list[int], again: float, overlap_s: float, context_s: float, said: Sequence[str]
) -> None:
    recognizer = ScriptedRecognizer(said=said)
    windows = SlidingWindows(
        recognizer, 1.2, overlap_s, again, context_s=context_s, re_recognise_context_s=0.6
    )
    audio, stable = speech(len(said)), [""]
    for length in chunks:
        piece, audio = audio[:length], audio[length:]
        for ready in windows.take(piece):
            windows.recognise(ready)
            stable.append(windows.stable.text)
    windows.finish()
    for text in stable:
        assert windows.hypothesis.text.startswith(text)
    assert [len(text) for text in stable] == sorted(map(len, stable))


@settings(max_examples=60)
@given(
    num_syllables=st.integers(0, len(SPELLED)),
    pause_s=st.sampled_from([0.0, 0.05, 0.31]),
    chunk_s=st.floats(0.02, 5.0),
    overlap_s=st.sampled_from([0.25, 0.3, 0.5]),
)
def test_windows_hear_what_was_spelled(
    num_syllables: int, pause_s: float, chunk_s: float, overlap_s: float
) -> None:
    samples, step = speech(num_syllables, pause_s), round(chunk_s * SAMPLE_RATE_HZ)
    windows = SlidingWindows(ScriptedRecognizer(said=SPELLED), 2.4, overlap_s)
    for start in range(0, len(samples), step):
        windows.feed(samples[start : start + step])
    windows.finish()
    tokens = windows.hypothesis.tokens
    assert windows.hypothesis.text == join_tokens(SPELLED[:num_syllables])
    assert not any(is_letter(a.text) and is_letter(b.text) for a, b in pairwise(tokens))


@pytest.mark.parametrize("offset", range(13))
def test_a_word_of_letters_that_windows_cut_is_one_word(offset: int) -> None:
    said = ["今"] * offset + [*"打开pptx吧今天"]
    windows = SlidingWindows(ScriptedRecognizer(said=said), 1.2, 0.3, context_s=0.4)
    audio = speech(len(said))
    windows.feed(audio)
    rest = windows.peek_rest()
    previews = [windows.preview(rest)[1]] if rest else []
    windows.finish()
    for hypothesis in (windows.hypothesis, *previews):
        (word,) = [token for token in hypothesis.tokens if token.text.isascii()]
        assert word.text == "PPTX"
        start_s = SYLLABLE_S * (offset + 2)
        assert (word.start_s, word.end_s) == pytest.approx((start_s, start_s + 4 * SYLLABLE_S))
        assert word.confidence == pytest.approx(0.9)


class WithSpeech(ScriptedRecognizer):
    """Notes the speech times that come with each piece."""

    takes_speech_times = True

    def __init__(self) -> None:
        super().__init__()
        self.speech_s: list[list[float]] = []

    def recognize_batch(
        self, pieces: Sequence[NDArray[np.float32]], speech_s: Any = None
    ) -> list[Hypothesis]:
        self.speech_s += [[round(at_s, 3) for at_s in each] for each in speech_s]
        return super().recognize_batch(pieces)


def test_speech_that_a_vad_has_found_is_given_from_the_start_of_each_piece() -> None:
    def speech_times(from_s: float, to_s: float) -> NDArray[np.float64]:
        return np.array([at_s for at_s in (0.05, 0.75, 1.25, 1.75) if from_s <= at_s < to_s])

    plain, recognizer = ScriptedRecognizer(), WithSpeech()
    windows = SlidingWindows(
        recognizer, 1.2, 0.2, 0.95, context_s=0.4, re_recognise_context_s=0.6,
        speech_times=speech_times,
    )  # fmt: skip
    windows.feed(speech(10))
    windows.finish()
    # from 0.0 to 1.2, twice; then with context from 0.6, and again from 0.2, to 2.0
    assert recognizer.speech_s == [
        [0.05, 0.75], [0.05, 0.75], [0.15, 0.65, 1.15], [0.55, 1.05, 1.55],
    ]  # fmt: skip
    without = SlidingWindows(
        plain, 1.2, 0.2, 0.95, context_s=0.4, re_recognise_context_s=0.6, speech_times=speech_times
    )
    without.feed(speech(10))
    without.finish()
    assert without.hypothesis == windows.hypothesis


def test_looking_ahead_changes_nothing() -> None:
    audio = speech(17)
    plain, looking = (SlidingWindows(ScriptedRecognizer(), 1.2, 0.3) for _ in range(2))
    previews = []
    for start in range(0, len(audio), 5_000):
        plain.feed(audio[start : start + 5_000])
        looking.feed(audio[start : start + 5_000])
        if rest := looking.peek_rest():
            previews.append(looking.preview(rest)[1])
    assert plain.finish()[-1].end_s == looking.finish()[-1].end_s
    assert plain.hypothesis.text == looking.hypothesis.text == TEXT[:17]
    assert previews[-1].text == TEXT[:17]
    assert all(preview.is_final for preview in previews)


def test_where_all_audio_is_in_windows_there_is_nothing_to_look_at() -> None:
    windows = SlidingWindows(ScriptedRecognizer(), 1.2, 0.3)
    assert windows.peek_rest() is None
    windows.feed(speech(6))
    assert windows.peek_rest() is None
    assert windows.stable.text == ""
