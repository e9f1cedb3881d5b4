"""What a record says of where its audio is from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.suites.tones import write_tone
from voicebench.metrics.conditions import is_meeting
from voicebench.runs.plan import PlannedConversation, Work
from voicebench.runs.turns import make_audio
from voicebench.types import Case, CaseTurn, Segment, Sound, SpokenSegment, Turn, Variant


def _said(*speakers: str) -> tuple[SpokenSegment, ...]:
    return tuple(SpokenSegment(speaker=s, text="好", start_s=0.0, end_s=0.5) for s in speakers)


def _asked(**changes: Any) -> CaseTurn:
    fields: dict[str, Any] = {"reference": "好", "meaning": "好", "t_eos_s": 1.0, "audio": "a.wav"}
    return CaseTurn(**(fields | changes))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (_asked(), False),
        (_asked(spoken=_said("A", "B")), True),
        (_asked(spoken=_said("A", "A")), False),
        (
            _asked(
                audio="",
                segments=tuple(Segment(voice="cmn", spoken="好", speaker=s) for s in "AB"),
            ),
            True,
        ),
    ],
)
def test_a_meeting_is_several_people(asked: CaseTurn, expected: bool) -> None:
    assert is_meeting(asked) is expected


def _make(asked: CaseTurn, folder: Path) -> tuple[Any, Turn]:
    case = Case(id="c", suite="own", clock="2026-01-05T09:00:00", turns=(asked,))
    planned = PlannedConversation(case, Variant(endpoint_silence_s=0.5), 0)
    begun = Turn(
        run_id="r", suite="own", case_id="c", variant="seed", repeat=0, turn_index=0,
        mode="quality", pace="fast",
    )  # fmt: skip
    nothing: Any = None
    return make_audio(Work(nothing, (), {}, {"own": folder}, nothing), planned, begun)


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({}, "annotated"),
        ({"t_eos_source": "annotated"}, "annotated"),
        ({"t_eos_source": "vad"}, "vad"),
    ],
)
def test_a_record_tells_who_found_the_end_of_speech(
    changes: Any, source: str, tmp_path: Path
) -> None:
    write_tone(tmp_path / "a.wav")
    samples, begun = _make(_asked(**changes), tmp_path)
    assert (begun.t_eos_s, begun.t_eos_source) == (1.0, source)
    assert isinstance(samples, np.ndarray)


def test_a_recorded_meeting_ends_with_its_last_word(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav", 3.0)
    samples, _ = _make(_asked(spoken=_said("A", "B"), t_eos_s=2.0), tmp_path)
    assert len(samples) == 2 * 16_000


def test_what_says_nothing_is_not_written() -> None:
    assert b"t_eos_source" not in msgspec.json.encode(_asked())
    assert msgspec.json.decode(msgspec.json.encode(_asked()), type=CaseTurn) == _asked()


def test_where_nobody_speaks_no_latency_counts_from_anything(tmp_path: Path) -> None:
    asked = _asked(
        reference="", meaning="", t_eos_s=0.0, audio="", expects="degraded",
        degraded_as=("silence",), sound=Sound(kind="noise", duration_s=2.0),
    )  # fmt: skip
    samples, begun = _make(asked, tmp_path)
    assert len(samples) == 32_000
    assert (begun.t_eos_s, begun.t_eos_source) == (None, "none")
