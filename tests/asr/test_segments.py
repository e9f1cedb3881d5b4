"""Whole recordings in segments: nothing is lost, times are the recording's, memory is bounded."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.pipeline.scripted import (
    SYLLABLE_S,
    SYLLABLES,
    CodedRecognizer,
    LoudnessVad,
    ScriptedGenerator,
    coded,
)
from voicebench.asr.segments import (
    BATCH_S,
    MAX_S,
    Segmenter,
    SpeechSegments,
    batches,
    blocks_of,
    recognise_blocks,
)
from voicebench.asr.vad import FRAME_SAMPLES, SileroVad
from voicebench.asr.windows import WindowAudio
from voicebench.errors import ConfigError
from voicebench.metrics.waterfall import waterfall
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.variants import check_variant
from voicebench.runs.batching import transcribe_many
from voicebench.runs.settings import RunSettings
from voicebench.types import SAMPLE_RATE_HZ, Hypothesis, Turn, Variant

SENTENCES = SYLLABLES[:8] + " " * 8 + SYLLABLES[8:20] + " " * 4 + SYLLABLES[20:25]
SEGMENTS = Variant(name="segments", recognition="segments")
BEGUN = Turn(
    run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0, mode="latency",
    pace="fast",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _loudness_vad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicebench.asr.vad.SileroVad", LoudnessVad)


class CountingRecognizer(CodedRecognizer):
    """Knows how many pieces it got in each call."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[int] = []

    def recognize_batch(self, pieces: Sequence[NDArray[np.float32]]) -> list[Hypothesis]:
        self.calls.append(len(pieces))
        return super().recognize_batch(pieces)


def spoken(text: str) -> str:
    return text.replace(" ", "")


def long_text(num_characters: int) -> str:
    return (SYLLABLES * (num_characters // len(SYLLABLES) + 1))[:num_characters]


def recognised(audio: NDArray[np.float32], **options: Any) -> SpeechSegments:
    segments = SpeechSegments(CodedRecognizer(), LoudnessVad(), **options)
    list(recognise_blocks(segments, blocks_of(audio)))
    return segments


# ---------------------------------------------------------------- cutting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("明天下午", [(0.0, 0.8)]),
        ("  明天下午   ", [(0.15, 1.45)]),
        ("明天  下午", [(0.0, 1.2)]),  # 0.4 s are no pause
        ("明天    下午", [(0.0, 0.65), (0.95, 1.6)]),
        ("     ", []),
        ("", []),
    ],
)
def test_segments_end_at_pauses(text: str, expected: list[tuple[float, float]]) -> None:
    segmenter = Segmenter(LoudnessVad())
    found = segmenter.feed(coded(text)) + segmenter.finish()
    assert [(each.start_s, each.end_s) for each in found] == [
        pytest.approx(times, abs=0.033) for times in expected
    ]


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    text = long_text(73) + " " + long_text(100)  # 0.2 s of silence after 14.6 s
    segmenter = Segmenter(LoudnessVad(), context_s=1.2)
    first, second = segmenter.feed(coded(text))[0], segmenter.finish()[-1]
    assert 14.6 < first.end_s < 14.8
    assert first.num_context == 0
    assert second.num_context == pytest.approx(1.2 * SAMPLE_RATE_HZ)
    assert first.end_s <= second.start_s


@settings(max_examples=60)
@given(
    text=st.text(alphabet="明天下午 ", max_size=60),
    cuts=st.lists(st.integers(0, 12 * SAMPLE_RATE_HZ), max_size=6),
    max_s=st.sampled_from([2.0, 4.0, 20.0]),
)
def test_pieces_do_not_matter_and_no_speech_is_lost(
    text: str, cuts: list[int], max_s: float
) -> None:
    audio = coded(text)
    whole = Segmenter(LoudnessVad(), max_s=max_s)
    expected = whole.feed(audio) + whole.finish()
    pieces = np.split(audio, sorted(min(cut, len(audio)) for cut in cuts))
    segmenter = Segmenter(LoudnessVad(), max_s=max_s)
    found = [each for piece in pieces for each in segmenter.feed(piece)] + segmenter.finish()
    assert [(a.start_s, a.end_s, a.num_context) for a in found] == [
        (b.start_s, b.end_s, b.num_context) for b in expected
    ]
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(found))
    assert all(each.end_s - each.start_s <= max_s + 1e-6 for each in found)
    covered = np.zeros(len(audio), bool)
    for each in found:
        start, end = round(each.start_s * SAMPLE_RATE_HZ), round(each.end_s * SAMPLE_RATE_HZ)
        covered[start:end] = True
        np.testing.assert_array_equal(each.audio[each.num_before :], audio[start:end])
    assert not np.abs(audio[~covered]).any()


def test_memory_does_not_grow_with_the_recording() -> None:
    segmenter = Segmenter(LoudnessVad(), before_s=2.4)
    for block in np.array_split(coded((long_text(120) + " " * 30) * 10), 100):
        segmenter.feed(block)
        assert segmenter.held_s <= MAX_S + 2.4 + 3.1  # and a block
    for _ in range(50):
        segmenter.feed(np.zeros(SAMPLE_RATE_HZ, np.float32))
    assert segmenter.held_s < 4


def test_batches_hold_a_minute_or_one_segment() -> None:
    def segment(duration_s: float) -> WindowAudio:
        audio = np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32)
        return WindowAudio(0, 0.0, duration_s, audio, num_before=0, num_context=0)

    lengths = [20, 20, 20, 5, 55, 1, 70, 3]
    found = [len(batch) for batch in batches([segment(length) for length in lengths])]
    assert found == [3, 2, 1, 1, 1]
    assert sum(lengths[:3]) <= BATCH_S


# ---------------------------------------------------------------- recognizing


@pytest.mark.parametrize(
    "text", [SENTENCES, long_text(260), " " * 700, SENTENCES + " " * 900 + "明天"]
)
def test_the_transcript_is_what_was_said_at_the_time_it_was_said(text: str) -> None:
    hypothesis = recognised(coded(text)).hypothesis
    assert hypothesis.text == spoken(text)
    assert hypothesis.is_final
    expected_s = [index * SYLLABLE_S for index, char in enumerate(text) if char != " "]
    assert [token.start_s for token in hypothesis.tokens] == pytest.approx(expected_s)


def test_segments_go_to_the_recognizer_together() -> None:
    recognizer = CountingRecognizer()
    segments = SpeechSegments(recognizer, LoudnessVad())
    steps = list(recognise_blocks(segments, [coded(SENTENCES + " " * 4)]))
    assert recognizer.calls == [3]
    assert [[window.index for window in windows] for windows in steps] == [[0, 1, 2]]


def test_a_doubtful_segment_is_recognized_again_and_stays() -> None:
    segments = SpeechSegments(
        CodedRecognizer(confidence=0.3), LoudnessVad(), re_recognise_below=0.5
    )
    steps = recognise_blocks(segments, blocks_of(coded(SENTENCES)))
    windows = [window for step in steps for window in step]
    assert {window.pass_number for window in windows} == {1, 2}
    assert segments.hypothesis.text == spoken(SENTENCES)
    assert segments.hypothesis.confidence == pytest.approx(0.3)


@settings(max_examples=30)
@given(text=st.text(alphabet="明天下午 ", max_size=200), again=st.sampled_from([0.0, 0.99]))
def test_what_is_stable_stays(text: str, again: float) -> None:
    segments = SpeechSegments(CodedRecognizer(), LoudnessVad(), re_recognise_below=again)
    stable: tuple[Any, ...] = ()
    for _ in recognise_blocks(segments, np.array_split(coded(text), 7)):
        assert segments.stable.tokens[: len(stable)] == stable
        stable = segments.stable.tokens
    assert segments.hypothesis.tokens[: len(stable)] == stable


# ---------------------------------------------------------------- turns


def turn_of(text: str, variant: Variant, recognizer: Any = None) -> Turn:
    assistant = Assistant(recognizer or CodedRecognizer(), ScriptedGenerator(), variant)

    async def run() -> list[Any]:
        turn = assistant.run_recording(blocks_of(coded(text)), Conversation())
        return [event async for event in turn]

    return collect_turn(asyncio.run(run()), BEGUN)


def test_a_recording_is_a_turn_with_segments_in_its_record() -> None:
    turn = turn_of(SENTENCES, SEGMENTS, CodedRecognizer(compute_s=0.02))
    assert (turn.recognition, turn.hypothesis.text) == ("segments", spoken(SENTENCES))
    assert turn.answer == "三点。"
    assert [window.index for window in turn.windows] == [0, 1, 2]
    assert turn.audio_s == pytest.approx(len(SENTENCES) * SYLLABLE_S)
    assert turn.t_eos_s == pytest.approx(turn.audio_s, abs=0.033)
    kinds = [event.kind for event in turn.events]
    order = ["audio_started", "speech_started", "audio_ended", "turn_committed", "window_ready",
             "window_recognised", "transcript_final", "cleaned", "answer_finished"]  # fmt: skip
    assert [kinds.index(kind) for kind in order] == sorted(map(kinds.index, order))
    pieces = waterfall(turn)
    assert {piece.stage for piece in pieces} >= {"asr", "llm_first_token"}
    assert pieces[-1].end_s == turn.answer_tokens[0].t_s


def test_the_same_assistant_hears_a_recording_in_windows_where_the_variant_says_so() -> None:
    turn = turn_of(SENTENCES, Variant())
    assert (turn.recognition, turn.hypothesis.text) == ("windows", spoken(SENTENCES))
    assert len(turn.windows) > 3


@pytest.mark.parametrize(("text", "reason"), [("", "silence"), (" " * 20, "silence")])
def test_silence_is_silence(text: str, reason: str) -> None:
    turn = turn_of(text, SEGMENTS)
    assert turn.degraded is not None
    assert turn.degraded.reason == reason
    assert turn.failure is None


def test_a_recognizer_that_fails_names_the_segments() -> None:
    turn = turn_of(SENTENCES, SEGMENTS, CodedRecognizer(fails_at=1))
    assert turn.failure is not None
    assert (turn.failure.stage, turn.failure.message) == (
        "asr",
        "segments 0 to 2: out of memory",
    )


def test_damage_in_the_middle_of_a_file_is_a_failure_of_the_audio() -> None:
    assistant = Assistant(CodedRecognizer(), ScriptedGenerator(), SEGMENTS)

    def blocks() -> Any:
        yield coded("明天")
        raise OSError("the disk is gone")

    async def run() -> list[Any]:
        return [event async for event in assistant.run_recording(blocks(), Conversation())]

    turn = collect_turn(asyncio.run(run()), BEGUN)
    assert turn.failure is not None
    assert (turn.failure.stage, turn.failure.message) == ("audio", "the disk is gone")


def test_quality_mode_gives_what_the_assistant_gives() -> None:
    audio = coded(SENTENCES)
    for variant in (Variant(), SEGMENTS):
        alone = Assistant(CodedRecognizer(), ScriptedGenerator(), variant).transcribe(audio)
        (batched,) = transcribe_many(CodedRecognizer(), [(audio, variant)])
        assert batched.hypothesis == alone.hypothesis  # type: ignore[union-attr]
        assert [w.start_s for w in batched.windows] == [w.start_s for w in alone.windows]  # type: ignore[union-attr]


def test_segments_wait_for_the_whole_recording() -> None:
    with pytest.raises(ConfigError, match="recognition=segments"):
        check_variant(Variant(recognition="segments", prefill=True))
    with pytest.raises(ConfigError, match="--mode quality"):
        RunSettings(mode="latency", variants=(SEGMENTS,)).resolved()
    assert SEGMENTS.switches["recognition"] == "segments"


# ---------------------------------------------------------------- Silero, many frames at once


@pytest.mark.parametrize("num_frames", [0, 1, 100, 300, 1_000])
def test_many_frames_at_once_are_as_one_by_one(num_frames: int) -> None:
    rng = np.random.default_rng(num_frames)
    is_loud = np.repeat(rng.random(num_frames // 20 + 1) < 0.5, 20 * FRAME_SAMPLES)
    times = np.arange(num_frames * FRAME_SAMPLES) / SAMPLE_RATE_HZ
    hum = np.sign(np.sin(2 * np.pi * 150 * times)) * (np.sin(2 * np.pi * 4 * times) > 0)
    audio = (hum * is_loud[: len(times)] * 0.3 + rng.normal(0, 0.002, len(times))).astype(
        np.float32
    )
    one, many = SileroVad(), SileroVad()
    expected = [one.speech_probability(frame) for frame in audio.reshape(-1, FRAME_SAMPLES)]
    found = many.speech_probabilities(audio)
    assert found.shape == (num_frames,)
    if not num_frames:
        return
    assert np.abs(found - expected).max() < 0.1
    assert ((found > 0.5) != (np.array(expected) > 0.5)).mean() < 0.01
    after = audio[:FRAME_SAMPLES]
    assert many.speech_probability(after) == pytest.approx(one.speech_probability(after), abs=0.05)
