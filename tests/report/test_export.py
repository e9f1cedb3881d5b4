"""A run's transcripts for other scorers: the same turns, the same text, the same rate."""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path
from typing import Any

import jiwer
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.commands import export as command
from voicebench.errors import RecordError, StorageError
from voicebench.metrics.error_rate import characters, mixed_units
from voicebench.metrics.normalize import get_normalizer
from voicebench.metrics.score_formats import (
    ScoredWord,
    parse_ctm,
    parse_kaldi,
    parse_seglst,
    parse_stm,
)
from voicebench.metrics.summary import summarize
from voicebench.report.export import FORMATS, UNITS, export_run, timed_units
from voicebench.runs.record import SCHEMA_VERSION, TurnWriter, write_cases, write_run
from voicebench.types import (
    Case,
    CaseTurn,
    Hypothesis,
    Run,
    SpokenSegment,
    StageFailure,
    Token,
    Turn,
    Variant,
    join_tokens,
)


def token(text: str, at: int) -> Token:
    return Token(text=text, start_s=at / 4, end_s=(at + 1) / 4, confidence=0.9)


def make_turn(case_id: str, heard: list[str], **changes: Any) -> Turn:
    fields: dict[str, Any] = {
        "run_id": "r1", "suite": "own", "case_id": case_id, "variant": "seed", "repeat": 0,
        "turn_index": 0, "mode": "quality", "pace": "fast", "audio_s": 4.0, "t_eos_s": 3.0,
        "hypothesis": Hypothesis(tokens=tuple(map(token, heard, range(len(heard)))), is_final=True),
    }  # fmt: skip
    return Turn(**(fields | changes))


def make_case(case_id: str, reference: str, **changes: Any) -> Case:
    asked = CaseTurn(
        reference=reference, meaning=reference, t_eos_s=3.0, audio="a.wav", expects="transcript",
        **changes,
    )  # fmt: skip
    return Case(id=case_id, suite="own", clock="2026-01-05T08:00", turns=(asked,))


MEETING = (
    SpokenSegment(speaker="SPK1", text="我们开会", start_s=0.0, end_s=1.2),
    SpokenSegment(speaker="SPK 2", text="好的", start_s=1.0, end_s=1.5),
)
CASES = [
    make_case("a 1", "用PPT讲三点"),
    make_case("b", "明天见"),
    make_case("m", "我们开会好的", spoken=MEETING),
    make_case("silent", "还在吗"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_cases(tmp_path, CASES)
    run = Run(
        schema_version=SCHEMA_VERSION, run_id="r1", created_at="2026-01-05T08:00:00+08:00",
        mode="quality", pace="fast", profile={"name": "bundled"},
        variants=(Variant(name="seed"), Variant(name="wide/4")), suites=("own",), suite_sha256={},
        model_sha256={}, repeats=1, seed=0, num_turns_planned=9, git_commit="abcdef",
        git_dirty=False, packages={}, machine={},
    )  # fmt: skip
    write_run(tmp_path, run)
    failure = StageFailure(stage="asr", type="StageError", message="no memory")
    with TurnWriter(tmp_path) as writer:
        writer.append(make_turn("b", [], is_warm_up=True))
        for variant in ("seed", "wide/4"):
            writer.append(make_turn("a 1", ["用", "ppt", "讲", "四", "点"], variant=variant))
            writer.append(make_turn("m", list("我们开会的"), variant=variant))
            writer.append(make_turn("silent", [], variant=variant))
        writer.append(make_turn("b", list("明天见"), failure=failure))
    return tmp_path


def test_every_variant_gets_both_sides_of_the_same_turns(folder: Path) -> None:
    exported = export_run(folder, folder / "scoring")
    assert (exported.num_turns, exported.num_left_out) == (6, 1)
    assert {path.parent.name for path in exported.files} == {"seed", "wide_4"}
    seed = folder / "scoring" / "seed"
    assert {path.name for path in seed.iterdir()} == {
        "ref.stm", "hyp.stm", "hyp.ctm", "ref.seglst.json", "hyp.seglst.json", "ref.txt", "hyp.txt"
    }  # fmt: skip
    reference = parse_kaldi((seed / "ref.txt").read_text(encoding="utf-8"))
    hypothesis = parse_kaldi((seed / "hyp.txt").read_text(encoding="utf-8"))
    assert list(reference) == list(hypothesis) == ["own-a_1-t1", "own-m-t1", "own-silent-t1"]
    assert reference["own-a_1-t1"] == tuple("用ppt讲三点")
    assert hypothesis["own-silent-t1"] == ()


@pytest.mark.parametrize(("units", "metric"), [("characters", "cer"), ("mixed", "mer")])
def test_a_scorers_word_error_rate_is_ours(folder: Path, units: Any, metric: str) -> None:
    export_run(folder, folder / "scoring", units=units)
    turns = [make_turn("a 1", ["用", "ppt", "讲", "四", "点"]), make_turn("m", list("我们开会的")),
             make_turn("silent", [])]  # fmt: skip
    ours = summarize(turns, CASES)["groups"][0]["metrics"][metric]["value"]
    seed = folder / "scoring" / "seed"
    reference = parse_kaldi((seed / "ref.txt").read_text(encoding="utf-8"))
    hypothesis = parse_kaldi((seed / "hyp.txt").read_text(encoding="utf-8"))
    sides = [[" ".join(side[name]) for name in reference] for side in (reference, hypothesis)]
    assert jiwer.wer(*sides) == pytest.approx(ours)
    by_time: dict[str, list[str]] = {name: [] for name in reference}
    for word in parse_ctm((seed / "hyp.ctm").read_text(encoding="utf-8")):
        by_time[word.session].append(word.word)
    assert {name: tuple(heard) for name, heard in by_time.items()} == hypothesis


def test_a_meeting_has_its_speakers_and_times(folder: Path) -> None:
    export_run(folder, folder / "scoring")
    text = (folder / "scoring" / "seed" / "ref.stm").read_text(encoding="utf-8")
    meeting = [each for each in parse_stm(text) if each.session == "own-m-t1"]
    assert [(s.speaker, s.start_s, s.end_s, "".join(s.words)) for s in meeting] == [
        ("SPK1", 0.0, 1.2, "我们开会"), ("SPK_2", 1.0, 1.5, "好的")
    ]  # fmt: skip
    seglst = (folder / "scoring" / "seed" / "ref.seglst.json").read_text(encoding="utf-8")
    assert sorted(map(repr, parse_seglst(seglst))) == sorted(map(repr, parse_stm(text)))


TOLD_APART = (
    SpokenSegment(speaker="1", text="我们", start_s=0.0, end_s=0.5),
    SpokenSegment(speaker="0", text="开会的", start_s=0.5, end_s=1.25),
)


def _told_apart(folder: Path) -> Turn:
    turn = make_turn("m", list("我们开会的"), speakers=TOLD_APART)
    (folder / "turns.jsonl").unlink()
    with TurnWriter(folder) as writer:
        writer.append(turn)
    return turn


def test_who_said_what_is_in_the_hypothesis_of_a_run_that_told_speakers_apart(folder: Path) -> None:
    _told_apart(folder)
    export_run(folder, folder / "scoring")
    text = (folder / "scoring" / "seed" / "hyp.stm").read_text(encoding="utf-8")
    assert [(s.speaker, s.start_s, s.end_s, "".join(s.words)) for s in parse_stm(text)] == [
        ("1", 0.0, 0.5, "我们"), ("0", 0.5, 1.25, "开会的")
    ]  # fmt: skip
    hypothesis = (folder / "scoring" / "seed" / "hyp.txt").read_text(encoding="utf-8")
    assert parse_kaldi(hypothesis) == {"own-m-t1": tuple("我们开会的")}


@pytest.mark.skipif(
    importlib.util.find_spec("meeteval") is None, reason="MeetEval is not installed"
)
def test_meetevals_cpwer_of_the_files_is_our_cpcer(folder: Path) -> None:
    import meeteval

    turn = _told_apart(folder)
    ours = summarize([turn], CASES)["groups"][0]["metrics"]["cp_cer"]["value"]
    export_run(folder, folder / "scoring")
    sides = [str(folder / "scoring" / "seed" / f"{side}.seglst.json") for side in ("ref", "hyp")]
    rate = meeteval.wer.combine_error_rates(meeteval.wer.cpwer(*map(meeteval.io.load, sides)))
    assert rate.error_rate == pytest.approx(ours)
    assert ours == pytest.approx(4 / 6)  # two misplaced, one invented where one was lost


def test_one_format_alone(folder: Path) -> None:
    exported = export_run(folder, folder / "x", ["ctm"])
    assert {path.name for path in exported.files} == {"ref.stm", "hyp.ctm"}


def test_repeats_lie_apart(folder: Path) -> None:
    run = msgspec.json.decode((folder / "run.json").read_bytes())
    (folder / "run.json").write_bytes(msgspec.json.encode(run | {"repeats": 2}))
    with TurnWriter(folder) as writer:
        writer.append(make_turn("m", list("我们开会好的"), repeat=1))
    export_run(folder, folder / "scoring")
    assert {path.name for path in (folder / "scoring").iterdir()} == {
        "seed.1", "seed.2", "wide_4.1"
    }  # fmt: skip


def test_sessions_that_would_be_one_are_refused(folder: Path) -> None:
    write_cases(folder, [*CASES, make_case("a_1", "好")])
    with TurnWriter(folder) as writer:
        writer.append(make_turn("a_1", ["好"]))
    with pytest.raises(RecordError, match="both called own-a_1-t1"):
        export_run(folder, folder / "scoring")


def test_a_run_without_transcripts_is_refused(folder: Path) -> None:
    (folder / "turns.jsonl").unlink()
    with pytest.raises(RecordError, match="holds no transcript"):
        export_run(folder, folder / "scoring")


def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        export_run(folder, folder / "file")


# ---------------------------------------------------------------- units of a hypothesis


def _units(heard: list[str], units: Any, normalizer: str) -> list[ScoredWord]:
    tokens = [token(text, at) for at, text in enumerate(heard)]
    return timed_units(tokens, "s", units=units, normalizer=normalizer)


@pytest.mark.parametrize(
    ("units", "normalizer", "expected"),
    [
        ("characters", "basic", "一0 共1 三2 百3 五4 十5 块6 p7 p7 t7"),
        ("mixed", "basic", "一0 共1 三2 百3 五4 十5 块6 ppt7"),
        ("mixed", "itn", "10 共1 3502 块6 ppt7"),
    ],
)
def test_each_unit_has_the_time_of_its_token(units: str, normalizer: str, expected: str) -> None:
    heard = ["一", "共", "三", "百", "五", "十", "块", "ppt"]
    found = _units(heard, units, normalizer)
    assert " ".join(f"{each.word}{int(each.start_s * 4)}" for each in found) == expected
    assert {each.confidence for each in found} == {0.9}


@given(
    st.lists(st.sampled_from(["今", "天", "三", "点", "百", "ppt", "a", "3", "."]), max_size=8),
    st.sampled_from(["characters", "mixed"]),
    st.sampled_from(["none", "basic"]),
)
def test_units_are_those_that_are_scored_and_their_times_rise(
    heard: list[str], units: Any, normalizer: str
) -> None:
    found = _units(heard, units, normalizer)
    text = get_normalizer(normalizer)(join_tokens(heard))
    assert [each.word for each in found] == UNITS[units](text)
    starts = [each.start_s for each in found]
    assert starts == sorted(starts)
    assert all(0 <= each.start_s <= each.start_s + each.duration_s <= 2.0 for each in found)


def test_units_are_those_of_the_error_rates() -> None:
    assert {"characters": characters, "mixed": mixed_units} == UNITS


# ---------------------------------------------------------------- the command


def _run(*argv: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["export", *map(str, argv)])
    code: int = args.func(args)
    return code


def test_the_command_names_what_it_wrote(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(folder) == 0
    *paths, last = capsys.readouterr().out.splitlines()
    assert last == "6 turns; left out: 1 without a transcript"
    assert all(Path(path).is_file() for path in paths)
    assert len(paths) == 14
    assert _run(folder, "--format", "kaldi", "--out", folder / "y", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["files"]) == 4
    assert (document["num_turns"], document["num_left_out"]) == (6, 1)


def test_the_command_knows_every_format() -> None:
    assert command.FORMATS == FORMATS
