"""`voicebench ask`: what a mistake says, and what is shown of an answer."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from rich.console import Console

from tests.pipeline.faulty import PlannedRecognizer
from tests.pipeline.scripted import LoudnessVad, ScriptedGenerator, ScriptedRecognizer, tone
from voicebench.cli import main
from voicebench.commands._ask_view import JsonView, TerminalView, View
from voicebench.commands.ask import _ask_all, _variant, add_parser
from voicebench.pipeline.assistant import Assistant
from voicebench.types import Turn


@pytest.fixture(autouse=True)
def _loudness_vad(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "bundled_recognizer" not in request.fixturenames:  # scripted models hear hums
        monkeypatch.setattr("voicebench.asr.vad.SileroVad", LoudnessVad)


@pytest.fixture
def question(tmp_path: Path) -> str:
    path = tmp_path / "question.wav"
    soundfile.write(path, np.concatenate([tone(2.1), tone(0.3, loud=False)]), 16_000)
    return str(path)


def _parse(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["ask", *argv])


def _ask(view: View, generator: ScriptedGenerator, *argv: str) -> list[Turn]:
    args = _parse(*argv)
    assistant = Assistant(ScriptedRecognizer(), generator, _variant(args))
    return asyncio.run(_ask_all(args, assistant, view))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nowhere.wav"], "nowhere.wav"),
        (["QUESTION", "--profile", "big"], "unknown profile 'big'"),
        (["QUESTION", "--cleaning", "tidy"], "unknown cleaning 'tidy'"),
        (["QUESTION", "--prompt", "kind"], "unknown prompt 'kind'"),
        (["QUESTION", "--prompt-template", "x"], "has no {asr_text}"),
        (["QUESTION", "--max-tokens", "0"], "--max-tokens 0"),
        (["QUESTION", "--min-confidence", "2"], "--min-confidence 2"),
        (["QUESTION", "--min-confidence", "nan"], "--min-confidence nan"),
        (
            ["QUESTION", "--pace", "real_time", "--recognition", "segments"],
            "--recognition segments",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    argv: list[str], message: str, question: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", *(question if arg == "QUESTION" else arg for arg in argv)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_json_is_one_object_a_file_with_the_metrics_by_name(
    question: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _ask(JsonView(), ScriptedGenerator(), question, question, "--json")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["file"] == question
    assert first["transcript"] == first["cleaned"] == "明天下午三点开"
    assert [token["text"] for token in first["tokens"]] == list("明天下午三点开")
    assert first["confidence"] == pytest.approx(0.9)
    assert first["answer"] == "三点。"
    assert first["degraded"] is None
    assert first["failure"] is None
    metrics: dict[str, Any] = first["metrics"]
    assert metrics["audio_s"] == pytest.approx(2.4)
    assert metrics["ttft_s"] > 0
    assert metrics["rtf"] >= 0
    assert {"response_latency_s", "e2e_latency_s", "endpoint_delay_s", "tpot_ms"} <= set(metrics)
    assert second["answer"] == first["answer"]
    assert first["recognition"] == "segments"
    assert [each["start_s"] for each in first["segments"]] == [0.0]
    assert "windows" not in first


@pytest.mark.parametrize("flags", [["--recognition", "windows"], ["--pace", "real_time"]])
def test_json_says_where_a_recording_went_through_windows(
    question: str, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    _ask(JsonView(), ScriptedGenerator(), question, "--json", *flags)
    shown = json.loads(capsys.readouterr().out)
    assert shown["recognition"] == "windows"
    assert [each["start_s"] for each in shown["windows"]] == [0.0]


def test_a_long_file_is_read_block_by_block(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(np.concatenate([tone(0.6), tone(9.4, loud=False)]), 30), 16_000)
    _ask(JsonView(), ScriptedGenerator(), str(path), "--json")
    shown = json.loads(capsys.readouterr().out)
    assert shown["transcript"].count("明天") == 30
    assert [each["start_s"] for each in shown["segments"]] == pytest.approx(
        [max(0.0, 10.0 * index - 0.25) for index in range(30)], abs=0.05
    )
    assert shown["metrics"]["audio_s"] == pytest.approx(300)


@pytest.mark.parametrize(("flags", "is_told"), [([], False), (["--conversation"], True)])
def test_files_are_questions_of_their_own_unless_they_are_a_conversation(
    question: str, flags: list[str], is_told: bool
) -> None:
    generator = ScriptedGenerator()
    _ask(JsonView(), generator, question, question, *flags)
    assert ("assistant:三点。" in generator.asked[1]) is is_told


def test_a_terminal_shows_every_step(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    view, shown = TerminalView(), io.StringIO()
    monkeypatch.setattr(view, "_console", Console(file=shown, width=40, highlight=False))
    _ask(view, ScriptedGenerator(), question)
    lines = shown.getvalue().splitlines()
    assert lines[0] == "     heard  明天下午三点开  [0.90]"
    assert lines[1] == "   cleaned  明天下午三点开"
    assert lines[2] == "    answer  三点。"
    assert lines[3].startswith("            2.4 s of audio")


def test_a_failed_turn_is_told_on_stderr(question: str, capsys: pytest.CaptureFixture[str]) -> None:
    turns = _ask(TerminalView(), ScriptedGenerator(fails_after=1), question)
    assert turns[0].failure is not None
    assert f"error: {question}: llm failed" in capsys.readouterr().err


def test_silence_shows_the_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, tone(1.0, loud=False), 16_000)
    _ask(JsonView(), ScriptedGenerator(), str(path))
    shown = json.loads(capsys.readouterr().out)
    assert shown["degraded"]["reason"] == "silence"
    assert shown["answer"] == ""


@pytest.mark.parametrize(
    ("flags", "is_answered"), [([], True), (["--min-confidence", "0.65"], False)]
)
def test_a_doubtful_transcript_is_answered_unless_confidence_is_asked_for(
    question: str, capsys: pytest.CaptureFixture[str], flags: list[str], is_answered: bool
) -> None:
    args = _parse(question, "--json", *flags)
    recognizer = PlannedRecognizer(plans=[0.5])
    assistant = Assistant(recognizer, ScriptedGenerator(), _variant(args))
    asyncio.run(_ask_all(args, assistant, JsonView()))
    shown = json.loads(capsys.readouterr().out)
    assert bool(shown["answer"]) is is_answered
    assert is_answered or shown["degraded"]["reason"] == "low_confidence"


@pytest.mark.models
def test_a_recording_is_answered_by_the_bundled_models(
    bundled_recognizer: Any,
    bundled_generator: Any,
    speech_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = str(speech_dir / "aishell_BAC009S0724W0121.wav")
    args = _parse(name, "--json")
    # It mishears people, whom it was not trained on, and doubts what it hears.
    assistant = Assistant(bundled_recognizer, bundled_generator, _variant(args))
    turns = asyncio.run(_ask_all(args, assistant, JsonView()))
    shown = json.loads(capsys.readouterr().out)
    assert turns[0].failure is None
    assert shown["transcript"]
    assert shown["answer"] or shown["finish_reason"] == "stop"
    latency_s = shown["metrics"]["response_latency_s"]
    parts_s = sum(segment["duration_s"] for segment in shown["waterfall"])
    assert parts_s == pytest.approx(latency_s, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no recording to ask"),
        (["--example", "7"], "no example 7"),
        (["--example", "0"], "no example 0"),
    ],
)
def test_without_a_recording_it_says_what_can_be_asked(arguments: list[str], words: str) -> None:
    import argparse

    from voicebench.commands import ask
    from voicebench.errors import ConfigError

    parser = argparse.ArgumentParser()
    ask.add_parser(parser.add_subparsers())
    with pytest.raises(ConfigError, match=words):
        ask.run(parser.parse_args(["ask", *arguments]))


def test_the_examples_are_six_recordings_that_can_be_decoded() -> None:
    from voicebench.audio import load_audio
    from voicebench.bundled.examples import examples

    assert len(examples()) == 6
    for example in examples():
        assert len(load_audio(example.path)) > 16_000
