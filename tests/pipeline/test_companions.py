"""FunASR's companions in a turn and in a run: what takes part, what is recorded, what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.pipeline.scripted import LoudnessVad, ScriptedGenerator, ScriptedRecognizer, tone
from voicebench.asr.companions import Companions, SpeakerSpan
from voicebench.audio import chunk_audio
from voicebench.errors import ConfigError
from voicebench.metrics.summary import measure_turn
from voicebench.metrics.waterfall import waterfall
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.types import Case, CaseTurn, Hypothesis, SpokenSegment, Token, Turn, Variant

SPEECH = np.concatenate([tone(2.7), tone(1.0, loud=False)])
BEGUN = Turn(
    run_id="r", suite="s", case_id="c", variant="v", repeat=0, turn_index=0, mode="latency",
    pace="fast", t_eos_s=2.7,
)  # fmt: skip


class Stream(LoudnessVad):
    speech_above = silence_below = 0.8

    def __init__(self) -> None:
        self.num_frames = 0

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        self.num_frames += 1
        return super().speech_probability(frame)


class CountedVad:
    """Gives streams, and keeps them."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []

    def stream(self) -> Stream:
        self.streams.append(Stream())
        return self.streams[-1]

    def segments(self, samples: NDArray[np.float32]) -> list[tuple[float, float]]:
        raise AssertionError("nobody asked")


class Commas:
    """A comma after the second character, and a full stop at the end."""

    def punctuate(self, text: str, *, is_final: bool = True) -> str:
        return f"{text[:2]}，{text[2:]}" + "。" * is_final


class Halves:
    """Two people, each with half of the recording."""

    def spans(self, samples: NDArray[np.float32]) -> tuple[SpeakerSpan, ...]:
        half_s = len(samples) / 32_000
        return (
            SpeakerSpan(start_s=0.0, end_s=half_s, speaker=0),
            SpeakerSpan(start_s=half_s, end_s=2 * half_s, speaker=1),
        )


def heard_with(companions: Companions, **settings: Any) -> tuple[Turn, list[str]]:
    recognizer = ScriptedRecognizer()
    recognizer.companions = companions  # type: ignore[attr-defined]
    assistant = Assistant(recognizer, ScriptedGenerator(), Variant(**settings))

    async def run() -> list[Any]:
        clock = make_clock("fast")
        arriving = paced(chunk_audio(SPEECH), clock)
        return [event async for event in assistant.run_turn(arriving, Conversation(), clock=clock)]

    events = asyncio.run(run())
    return collect_turn(events, BEGUN), [event.kind for event in events]


def test_the_profiles_vad_hears_when_the_turn_is_over() -> None:
    vad = CountedVad()
    turn, kinds = heard_with(Companions(vad=vad))
    assert "speech_stopped" in kinds
    (committed,) = [event for event in turn.events if event.kind == "turn_committed"]
    assert committed.data["reason"] == "endpoint"
    assert [stream.num_frames for stream in vad.streams] == [pytest.approx(3.2 / 0.032, abs=4)]


def test_a_variant_may_listen_with_silero_all_the_same() -> None:
    vad = CountedVad()
    heard_with(Companions(vad=vad), vad="silero")
    assert vad.streams == []


@pytest.mark.parametrize("early", [False, True])
def test_marks_are_set_before_cleaning_and_recorded(early: bool) -> None:
    turn, kinds = heard_with(
        Companions(vad=CountedVad(), punctuation=Commas()),
        cleaning="none", prefill=early, speculation=early,
    )  # fmt: skip
    text = turn.hypothesis.text
    assert turn.punctuated == turn.cleaned == f"{text[:2]}，{text[2:]}。"
    assert turn.messages[-1].content == turn.cleaned
    assert kinds.index("transcript_final") < kinds.index("punctuated") < kinds.index("cleaned")
    stages = {segment.stage: segment.tag for segment in waterfall(turn)}
    assert stages.get("punctuation", "service") == "service"
    dropped = [event.data for event in turn.events if event.kind == "speculation_dropped"]
    assert not dropped  # a draft on the whole transcript has the marks of the whole


def test_without_a_model_or_with_none_wanted_there_are_no_marks() -> None:
    for companions, settings in (
        (Companions(vad=CountedVad()), {}),
        (Companions(vad=CountedVad(), punctuation=Commas()), {"punctuation": "none"}),
    ):
        turn, kinds = heard_with(companions, cleaning="none", **settings)
        assert "punctuated" not in kinds
        assert (turn.punctuated, turn.cleaned) == ("", turn.hypothesis.text)


def test_speakers_that_nothing_can_tell_apart_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"tells speakers apart.*asr\.speakers"):
        heard_with(Companions(), speakers=True)


def test_each_of_them_is_a_column() -> None:
    switches = Variant(vad="silero", punctuation="none", speakers=True).switches
    assert {name: switches[name] for name in ("vad", "punctuation", "speakers")} == {
        "vad": "silero", "punctuation": "none", "speakers": True,
    }  # fmt: skip


# ---------------------------------------------------------------- quality mode


def meeting() -> Case:
    spoken = tuple(
        SpokenSegment(speaker=who, text=text, start_s=at, end_s=at + 2.0)
        for who, text, at in (("甲", "你好", 0.0), ("乙", "再见", 2.0))
    )
    asked = CaseTurn(
        reference="你好再见", meaning="你好再见", t_eos_s=4.0, audio="m.wav",
        expects="transcript", spoken=spoken,
    )  # fmt: skip
    return Case(id="c", suite="s", clock="2026-01-05T08:00", turns=(asked,))


@pytest.mark.parametrize(
    ("speakers", "errors"),
    [
        ((("0", "你好"), ("1", "再见")), 0),
        ((("7", "再见"), ("3", "你好")), 0),  # whose is whose does not matter
        ((("0", "你好再见"),), 4),  # two inserted, two of the other lost
        ((("0", "你好再"), ("1", "见")), 2),
        ((), None),
    ],
)
def test_speakers_are_scored(speakers: tuple[tuple[str, str], ...], errors: int | None) -> None:
    told = tuple(
        SpokenSegment(speaker=who, text=text, start_s=0.0, end_s=1.0) for who, text in speakers
    )
    tokens = tuple(Token(text=t, start_s=0.0, end_s=0.0, confidence=1.0) for t in "你好再见")
    turn = msgspec.structs.replace(
        BEGUN, mode="quality", speakers=told, hypothesis=Hypothesis(tokens=tokens)
    )
    found = measure_turn(turn, meeting()).cp_cer
    assert (found.errors if found else None) == errors
    if found:
        assert found.reference_units == 4
