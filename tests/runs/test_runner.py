"""Whole runs on small in-test models: both modes, stopped anywhere and continued."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from toy import ToyGenerator, ToyRecognizer, write_suite

from voicebench.asr.companions import Companions, SpeakerSpan
from voicebench.errors import ConfigError, RecordError, SuiteError
from voicebench.profiles.schema import Profile
from voicebench.report.data import load_report
from voicebench.runs.plan import Models
from voicebench.runs.record import TURNS_FILE, read_run, read_turns
from voicebench.runs.runner import execute, settings_of
from voicebench.runs.settings import RunSettings, build_variants
from voicebench.types import Mode, Run, Turn


class Stopped(BaseException):
    """Stands for the process's end."""


class Watcher:
    """Stops the run after so many records."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.turns: list[Turn] = []
        self.stop_after = stop_after

    def planned(self, folder: Path, run: Run, num_done: int, num_half_written: int) -> None: ...

    def stage(self, text: str) -> None: ...

    def recorded(self, turn: Turn) -> None:
        self.turns.append(turn)
        if len(self.turns) == self.stop_after:
            raise Stopped


@pytest.fixture
def settings(tmp_path: Path) -> RunSettings:
    for model in ("asr", "llm"):
        (tmp_path / model).mkdir()
        (tmp_path / model / "config.yaml").write_text("a: 1\n")
    profile = tmp_path / "toy.yaml"
    profile.write_text("name: toy\nasr: {folder: asr}\nllm: {folder: llm}\n")
    suite = write_suite(tmp_path / "tones")
    return RunSettings(
        profile=str(profile),
        suites=(str(suite),),
        variants=build_variants(["none", "full"], [], [], 0),
        repeats=1,
    )


def load_toys(profile: Profile) -> Models:
    return Models(ToyRecognizer(), ToyGenerator())


def run(settings: RunSettings, folder: Path, stop_after: int | None = None) -> Watcher:
    watcher = Watcher(stop_after)
    execute(settings, folder, watcher, load=load_toys)
    return watcher


def content(folder: Path) -> dict[object, object]:
    """What must not depend on when a run was stopped: everything but times and cache hits."""
    return {
        turn.key: (turn.hypothesis.text, turn.cleaned, turn.messages, turn.answer,
                   turn.answer_from_gold, turn.answer_from_gold_cleaned, turn.failure)
        for turn in read_turns(folder).turns
        if not turn.is_warm_up
    }  # fmt: skip


def in_mode(settings: RunSettings, mode: Mode) -> RunSettings:
    pace = "fast" if mode == "latency" else None
    return msgspec.structs.replace(settings, mode=mode, pace=pace)


@pytest.mark.parametrize("mode", ["quality", "latency"])
def test_a_run_leaves_every_planned_turn(settings: RunSettings, tmp_path: Path, mode: Mode) -> None:
    run(in_mode(settings, mode), tmp_path / "run")
    record = read_run(tmp_path / "run")
    turns = [t for t in read_turns(tmp_path / "run").turns if not t.is_warm_up]
    assert len(turns) == record.num_turns_planned == 3 * 2 * 2
    assert all(turn.answer and turn.failure is None for turn in turns)
    assert record.finished_at is not None
    assert record.num_warm_up_turns == (4 if mode == "latency" else 0)


@pytest.fixture(scope="module")
def opened_files() -> list[str]:
    """Every file that this process opens from now on; a hook of the interpreter cannot be removed."""
    names: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            names.append(str(args[0]))

    sys.addaudithook(hook)
    return names


def test_a_suite_is_read_and_hashed_once_a_run(
    settings: RunSettings, tmp_path: Path, opened_files: list[str]
) -> None:
    run(settings, tmp_path / "run")
    opened_files.clear()
    run(settings, tmp_path / "run")  # nothing is left, so no audio is decoded
    suite = settings.suites[0]
    of_suite = [Path(name).name for name in opened_files if name.startswith(suite)]
    assert of_suite.count("0_0.wav") == of_suite.count("2_1.wav") == 1  # hashed
    assert of_suite.count("suite.yaml") == of_suite.count("cases.jsonl") == 2  # read, hashed


@pytest.mark.parametrize("mode", ["quality", "latency"])
def test_a_run_stopped_anywhere_ends_like_one_left_alone(
    settings: RunSettings, tmp_path: Path, mode: Mode
) -> None:
    num_frozen = gc.get_freeze_count()
    settings = in_mode(settings, mode)
    run(settings, tmp_path / "whole")
    expected = content(tmp_path / "whole")
    stops = range(1, len(expected)) if mode == "quality" else (2, 5, 10)  # 4 are warm-up turns
    for stop_after in stops:
        folder = tmp_path / f"stopped_{stop_after}"
        with pytest.raises(Stopped):
            run(settings, folder, stop_after)
        path = folder / TURNS_FILE
        path.write_bytes(path.read_bytes() + b'{"run_id": "half')
        run(settings_of(folder), folder)
        assert content(folder) == expected
    assert gc.get_freeze_count() == num_frozen  # garbage of what runs later is collected


@pytest.mark.parametrize("mode", ["quality", "latency"])
def test_a_transcript_that_is_doubted_is_not_answered_in_either_mode(
    settings: RunSettings, tmp_path: Path, mode: Mode
) -> None:
    doubting = build_variants([], [], ["name=doubting,min_confidence=0.95"], 0)
    settings = msgspec.structs.replace(in_mode(settings, mode), variants=doubting, limit=1)
    run(settings, tmp_path / "run")
    turns = [turn for turn in read_turns(tmp_path / "run").turns if not turn.is_warm_up]
    assert len(turns) == 2
    for turn in turns:
        assert turn.degraded is not None
        assert turn.degraded.reason == "low_confidence"
        assert (turn.answer, turn.failure) == ("", None)
        assert turn.hypothesis.text
    metrics = load_report(tmp_path / "run").groups[0]["metrics"]
    assert metrics["breaker_trips"]["value"] == 1.0
    assert metrics["breaker_false_trips"]["n"] == 2


def test_answers_follow_the_models_own_earlier_ones(settings: RunSettings, tmp_path: Path) -> None:
    run(settings, tmp_path / "run")
    second = next(t for t in read_turns(tmp_path / "run").turns if t.turn_index == 1)
    assert [message.role for message in second.messages] == ["system", "user", "assistant", "user"]
    assert second.answer.startswith("4条")
    assert second.answer_from_gold == "4条：今天下午三点开会吧。"


def test_variants_share_what_was_recognised(settings: RunSettings, tmp_path: Path) -> None:
    toys = Models(ToyRecognizer(), ToyGenerator())
    execute(settings, tmp_path / "run", Watcher(), load=lambda _: toys)
    turns = read_turns(tmp_path / "run").turns
    assert sum("asr" in turn.stage_cache_hits for turn in turns) == len(turns) // 2
    assert all(t.asr_compute_s == 0.0 for t in turns if "asr" in t.stage_cache_hits)
    assert toys.recognizer.num_pieces <= 2 * len(turns) // 2


def test_a_finished_run_is_left_as_it_is(settings: RunSettings, tmp_path: Path) -> None:
    run(settings, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert run(settings, tmp_path / "run").turns == []
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_other_settings_are_refused(settings: RunSettings, tmp_path: Path) -> None:
    run(settings, tmp_path / "run")
    with pytest.raises(RecordError, match="num_turns_planned"):
        run(msgspec.structs.replace(settings, limit=1), tmp_path / "run")


@pytest.mark.parametrize("handoff", ["embeds", "soft_embeds"])
def test_a_hand_off_that_the_profile_cannot_take_is_refused_before_anything_is_written(
    settings: RunSettings, tmp_path: Path, handoff: str
) -> None:
    variants = build_variants([], [], [f"name=x,handoff={handoff}"], 0)
    with pytest.raises(ConfigError, match=r"llm.enable_prompt_embeds: true in the profile"):
        run(msgspec.structs.replace(settings, variants=variants), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_turn_whose_audio_is_gone_is_a_failed_record(
    settings: RunSettings, tmp_path: Path
) -> None:
    (tmp_path / "tones" / "1_0.wav").write_bytes(b"")
    run(settings, tmp_path / "run")
    failed = [t for t in read_turns(tmp_path / "run").turns if t.failure]
    assert {turn.case_id for turn in failed} == {"case_1"}
    assert all(turn.failure and turn.failure.stage == "audio" for turn in failed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 0}, "--max-cases is 0"),
        ({"repeats": -1}, "--repeats is -1"),
        ({"mode": "quality", "pace": "real_time"}, "does not go with"),
        ({"profile": "nonsense"}, "nonsense"),
    ],
)
def test_impossible_settings_are_refused(
    settings: RunSettings, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(msgspec.structs.replace(settings, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("cleanings", "prompts", "variants", "message"),
    [
        (["basline"], [], [], "unknown cleaning 'basline'. Did you mean 'baseline'"),
        ([], ["nope"], [], "unknown prompt 'nope'"),
        ([], [], ["window=4"], "Did you mean 'window_s'"),
        ([], [], ["window_s=four"], "is not valid"),
        ([], [], ["window_s"], "FIELD=VALUE"),
        ([], [], ["overlap_s=9"], "overlap_s must be in"),
        ([], [], ["speculation_windows=0"], "at least 1, got 0"),
        ([], [], ["speculation_confidence=7"], "speculation_confidence must be in"),
    ],
)
def test_variants_that_cannot_be_are_refused(
    cleanings: list[str], prompts: list[str], variants: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        build_variants(cleanings, prompts, variants, 0)


@pytest.mark.parametrize(
    ("variant", "mode", "message"),
    [
        ("name=a,handoff=embeds", "latency", "handoff='embeds' needs a language model"),
        ("name=a,prompt_template=x", "quality", "has no {asr_text}"),
        ("name=a,speculation=true", "quality", "Measure them with --mode latency"),
        ("name=a,prefill=true", "quality", "Measure them with --mode latency"),
    ],
)
def test_what_a_variant_cannot_do_is_told_before_models_are_loaded(
    settings: RunSettings, tmp_path: Path, variant: str, mode: Mode, message: str
) -> None:
    def load(profile: Profile) -> Models:
        raise AssertionError("models were loaded")

    variants = build_variants([], [], [variant], 0)
    asked = msgspec.structs.replace(settings, mode=mode, variants=variants)
    with pytest.raises(ConfigError, match=message):
        execute(asked, tmp_path / "run", Watcher(), load=load)
    assert not (tmp_path / "run").exists()


def test_a_variant_that_works_early_runs_and_is_recorded(
    settings: RunSettings, tmp_path: Path
) -> None:
    variants = build_variants([], [], ["name=off", "name=joint,prefill=true,speculation=true"], 0)
    asked = msgspec.structs.replace(in_mode(settings, "latency"), variants=variants)
    run(asked, tmp_path / "run")
    turns = [turn for turn in read_turns(tmp_path / "run").turns if turn.variant == "joint"]
    assert all(turn.answer for turn in turns)
    assert all(any(e.kind == "prefill_finished" for e in turn.events) for turn in turns)
    assert read_run(tmp_path / "run").variants[1].speculation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"facts": []},
            "case case_0, turn 1: expects an answer, so it must list at least one fact",
        ),
        ({"audio": "gone.wav"}, "case case_0, turn 1: recording 'gone.wav' is not in"),
        (
            {"facts": [{"id": "f1", "type": "time", "value": "四点"}]},
            "case case_0, turn 1: fact f1: '四点' is not in the reference (and 1 more)",
        ),
    ],
)
def test_a_suite_that_is_wrong_is_refused_before_the_models_are_loaded(
    settings: RunSettings, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "tones" / "cases.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    case = json.loads(lines[0])
    case["turns"][0] |= change
    lines[0] = json.dumps(case, ensure_ascii=False)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SuiteError) as refused:
        execute(settings, tmp_path / "run", Watcher(), load=lambda _: pytest.fail("loaded"))
    assert str(refused.value).startswith(f"{path}:1: {message}")
    assert refused.value.exit_code == 2
    assert not (tmp_path / "run").exists()


class Halves:
    """Two people, each with half of the recording; in the place of a speaker model."""

    num_recordings = 0

    def spans(self, samples: Any) -> tuple[SpeakerSpan, ...]:
        self.num_recordings += 1
        half_s = len(samples) / 32_000
        return tuple(
            SpeakerSpan(start_s=half_s * who, end_s=half_s * (who + 1), speaker=who)
            for who in (0, 1)
        )


class Commas:
    def punctuate(self, text: str, *, is_final: bool = True) -> str:
        return f"{text[:2]}，{text[2:]}。"


def with_speakers(settings: RunSettings, tmp_path: Path) -> RunSettings:
    profile = tmp_path / "speakers.yaml"
    profile.write_text(
        "asr: {folder: asr, vad: {folder: asr}, speakers: {folder: asr}}\nllm: {folder: llm}\n"
    )
    variants = build_variants([], [], ["name=told,speakers=true", "name=plain,punctuation=none"], 0)
    return msgspec.structs.replace(settings, profile=str(profile), variants=variants)


def test_speakers_are_told_apart_once_a_recording_and_recorded(
    settings: RunSettings, tmp_path: Path
) -> None:
    recognizer, speakers = ToyRecognizer(), Halves()
    recognizer.companions = Companions(punctuation=Commas(), speakers=speakers)  # type: ignore[attr-defined]
    toys = Models(recognizer, ToyGenerator())
    run_settings = with_speakers(settings, tmp_path)
    execute(run_settings, tmp_path / "run", Watcher(), load=lambda _: toys)
    turns, told = read_turns(tmp_path / "run").turns, list[list[str]]()
    for turn in turns:
        text = turn.hypothesis.text
        if turn.variant == "plain":
            assert (turn.speakers, turn.punctuated, turn.failure) == ((), "", None)
        else:
            told.append([each.speaker for each in turn.speakers])
            assert "".join(each.text for each in turn.speakers) == text
            assert turn.punctuated == f"{text[:2]}，{text[2:]}。"
    assert {tuple(each) for each in told} == {
        ("0",),
        ("0", "1"),
    }  # some are over by half their time
    assert speakers.num_recordings == len(turns) / 2
    assert set(read_run(tmp_path / "run").model_sha256) == {"asr", "llm", "vad", "speakers"}


def test_a_recording_whose_speakers_cannot_be_told_is_a_failed_record(
    settings: RunSettings, tmp_path: Path
) -> None:
    class Broken(Halves):
        def spans(self, samples: Any) -> tuple[SpeakerSpan, ...]:
            raise ZeroDivisionError("no clusters")

    recognizer = ToyRecognizer()
    recognizer.companions = Companions(speakers=Broken())  # type: ignore[attr-defined]
    toys = Models(recognizer, ToyGenerator())
    execute(with_speakers(settings, tmp_path), tmp_path / "run", Watcher(), load=lambda _: toys)
    for turn in read_turns(tmp_path / "run").turns:
        if turn.variant == "told":
            assert (turn.failure.stage, turn.answer) == ("speakers", "")
            assert "no clusters" in turn.failure.message
        else:
            assert turn.failure is None


def test_speakers_without_a_model_are_refused_before_anything_is_written(
    settings: RunSettings, tmp_path: Path
) -> None:
    told = build_variants([], [], ["name=told,speakers=true"], 0)
    with pytest.raises(ConfigError, match="has no speaker model"):
        execute(msgspec.structs.replace(settings, variants=told), tmp_path / "run", Watcher())
    assert not (tmp_path / "run").exists()
