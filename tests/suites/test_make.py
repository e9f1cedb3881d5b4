"""A suite is made whole or not at all, and says how far it can be trusted."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.suites.tones import end_of_tone, write_tone
from voicebench.errors import StorageError, SuiteError
from voicebench.metrics.suggest import suggest_facts
from voicebench.suites.check import check_suite
from voicebench.suites.load import load_suite
from voicebench.suites.make import Made, Making, make_suite, pick
from voicebench.suites.recordings import Found, Recording
from voicebench.suites.render import render_turn
from voicebench.suites.schema import SuiteInfo
from voicebench.types import SpokenSegment


def _making(tmp_path: Path, **changes: Any) -> Making:
    info = SuiteInfo(name="own", title="Own", description="Recordings.", licence="LicenseRef-x")
    making = Making(info, tmp_path / "suites" / "own", True, end_of_tone, suggest_facts)
    return replace(making, **changes)


def _found(tmp_path: Path, num: int = 2, **changes: Any) -> Found:
    found = Found()
    for number in range(1, num + 1):
        audio = write_tone(tmp_path / "in" / f"r{number}.wav", 0.5 * number)
        found.add(
            replace(Recording(f"r{number}", f"t.tsv:{number}", "三点半见。", audio), **changes)
        )
    return found


def _left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "suites").glob("*"))


def test_a_suite_loads_and_passes_its_check(tmp_path: Path) -> None:
    made = make_suite(_found(tmp_path), _making(tmp_path))
    assert made == Made(folder=tmp_path / "suites" / "own", num_cases=2, speech_s=1.5)
    assert check_suite(tmp_path / "suites" / "own", vocabulary=frozenset()) == ()
    suite = load_suite(tmp_path / "suites" / "own")
    turn = suite.cases[0].turns[0]
    assert (turn.reference, turn.meaning, turn.audio) == ("三点半见", "三点半见", "audio/r1.wav")
    assert (turn.expects, turn.t_eos_source, turn.t_eos_s) == ("transcript", "vad", 0.5)
    assert [(fact.type, fact.value) for fact in turn.facts] == [("time", "三点半")]
    assert suite.licence == suite.cases[0].licence == "LicenseRef-x"
    samples, t_eos_s = render_turn(turn, suite.folder)
    assert (len(samples), t_eos_s) == (2 * 16_000, 0.5)


def test_the_readme_tells_what_is_scored_and_by_whom(tmp_path: Path) -> None:
    make_suite(_found(tmp_path), _making(tmp_path))
    text = (tmp_path / "suites" / "own" / "README.md").read_text(encoding="utf-8")
    assert "annotated in 0, found by the VAD in 2" in text
    assert "| suggested facts | 2, reviewed by nobody |" in text
    assert "copied into `audio/`" in text


def test_the_same_recordings_give_the_same_suite(tmp_path: Path) -> None:
    hashes = set()
    for name in ("one", "two"):
        making = _making(tmp_path, folder=tmp_path / name / "own")
        make_suite(_found(tmp_path), making)
        hashes.add(load_suite(tmp_path / name / "own").sha256)
    assert len(hashes) == 1


def test_audio_may_stay_where_it_lies(tmp_path: Path) -> None:
    make_suite(_found(tmp_path), _making(tmp_path, copies_audio=False))
    folder = tmp_path / "suites" / "own"
    assert not (folder / "audio").exists()
    before = load_suite(folder)
    assert before.cases[0].turns[0].audio == str(tmp_path / "in" / "r1.wav")
    write_tone(tmp_path / "in" / "r1.wav", 0.7)
    assert load_suite(folder).sha256 != before.sha256
    (tmp_path / "in" / "r1.wav").unlink()
    problems = check_suite(folder)
    assert len(problems) == 1
    assert "r1.wav' is not in" in problems[0].message


def test_an_annotated_end_of_speech_is_taken(tmp_path: Path) -> None:
    make_suite(_found(tmp_path, 1, t_eos_s=0.75), _making(tmp_path))
    turn = load_suite(tmp_path / "suites" / "own").cases[0].turns[0]
    assert (turn.t_eos_s, turn.t_eos_source) == (0.75, msgspec.UNSET)


def test_speakers_and_a_meaning_are_kept(tmp_path: Path) -> None:
    spoken = (SpokenSegment(speaker="A", text="三点半见", start_s=0.1, end_s=0.4),)
    make_suite(_found(tmp_path, 1, spoken=spoken, meaning="见！"), _making(tmp_path))
    turn = load_suite(tmp_path / "suites" / "own").cases[0].turns[0]
    assert (turn.spoken, turn.meaning) == (spoken, "见")


def _spoil_silence(folder: Path) -> None:
    write_tone(folder / "r1.wav", 0.0)


def _spoil_audio(folder: Path) -> None:
    (folder / "r1.wav").write_bytes((folder / "r1.wav").read_bytes()[:2000])


def _spoil_format(folder: Path) -> None:
    (folder / "r1.wav").write_text("not audio")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_spoil_silence, "t.tsv:1: no speech is heard in .*r1.wav.*t_eos_s"),
        (_spoil_audio, "t.tsv:1: .*r1.wav is truncated"),
        (_spoil_format, "t.tsv:1: .*r1.wav is not audio"),
        (lambda folder: (folder / "r1.wav").unlink(), "t.tsv:1: there is no audio file .*r1.wav"),
    ],
)
def test_a_recording_that_cannot_be_used_stops_it_or_is_left_out(
    tmp_path: Path, spoil: Any, message: str
) -> None:
    found = _found(tmp_path)
    spoil(tmp_path / "in")
    made = make_suite(found, _making(tmp_path))
    assert made.folder is None
    assert len(made.problems) == 1
    assert re.match(message, str(made.problems[0]))
    assert _left(tmp_path) == []
    made = make_suite(found, _making(tmp_path, skips_bad=True))
    assert (made.num_cases, made.problems, len(made.left_out)) == (1, [], 1)
    assert [case.id for case in load_suite(tmp_path / "suites" / "own").cases] == ["r2"]


def test_problems_of_layout_and_of_audio_are_told_together(tmp_path: Path) -> None:
    found = _found(tmp_path)
    _spoil_audio(tmp_path / "in")
    found.add(Recording("r3", "t.tsv:3", "", tmp_path / "in" / "r2.wav"))
    made = make_suite(found, _making(tmp_path))
    assert [problem.place for problem in made.problems] == ["t.tsv:3", "t.tsv:1"]


def test_an_end_after_the_audio_is_a_problem(tmp_path: Path) -> None:
    made = make_suite(_found(tmp_path, 1, t_eos_s=9.0), _making(tmp_path))
    assert "speech ends at 9.0 s, but" in made.problems[0].message


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_behind_when_it_is_stopped(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def stop(samples: Any) -> float:
        if len(samples) > 16_000:  # the second recording
            raise error
        return 0.5

    with pytest.raises(error):
        make_suite(_found(tmp_path), _making(tmp_path, end_of_speech=stop))
    assert _left(tmp_path) == []


def test_a_disk_that_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("voicebench.suites.make.shutil.copyfile", refuse)
    with pytest.raises(StorageError, match="No space left on device"):
        make_suite(_found(tmp_path), _making(tmp_path))
    assert _left(tmp_path) == []


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "suites" / "own").mkdir(parents=True)
    with pytest.raises(SuiteError, match="is there already"):
        make_suite(_found(tmp_path), _making(tmp_path))
    assert _left(tmp_path) == ["own"]


def test_nothing_found_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no recording was found"):
        make_suite(Found(), _making(tmp_path))


@pytest.mark.parametrize("name", ["all", "a b", "../a", "", "-a"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    info = SuiteInfo(name=name, title="t", description="d")
    with pytest.raises(SuiteError, match="cannot be a suite's name"):
        make_suite(_found(tmp_path), _making(tmp_path, info=info))


def test_a_limit_takes_recordings_from_all_over(tmp_path: Path) -> None:
    assert pick(list("abcdefgh"), 4) == list("aceg")  # type: ignore[arg-type]
    assert pick(list("abc"), 9) == list("abc")  # type: ignore[arg-type]
    told: list[tuple[int, int, str]] = []
    making = _making(tmp_path, progress=lambda *done: told.append(done))
    assert make_suite(_found(tmp_path, 4), making, limit=2).num_cases == 2
    assert told == [(1, 2, "r1"), (2, 2, "r3")]


def test_bytes_are_audio_too(tmp_path: Path) -> None:
    content = write_tone(tmp_path / "x.wav").read_bytes()
    found = Found()
    found.add(Recording("q1", "x.parquet:0.0", "你好", lambda: content))
    make_suite(found, _making(tmp_path, copies_audio=False))
    assert (tmp_path / "suites" / "own" / "audio" / "q1.wav").read_bytes() == content
