"""`suites new` and `suites import`: a suite that passes its check, or every problem and no suite."""

from __future__ import annotations

import importlib.util
import json
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.suites.tones import write_tone
from voicebench.cli import main
from voicebench.commands import _make_suite, _progress
from voicebench.report.export import export_run
from voicebench.report.render import load_report, write_report
from voicebench.runs.plan import Models
from voicebench.runs.runner import execute
from voicebench.runs.settings import RunSettings, build_variants
from voicebench.suites.importers import FORMATS
from voicebench.suites.load import load_suite
from voicebench.suites.render import TRAILING_SILENCE_S
from voicebench.suites.speech import end_of_speech_s, synthesize
from voicebench.types import Segment

SAID = {"a": "明天下午三点在二楼开会", "b": "我要付三百块给王经理"}
needs_synthesis = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None,
    reason="making speech needs the extra `synth` (espeakng-loader)",
)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of speech with texts beside them."""
    folder = tmp_path_factory.mktemp("speech") / "recordings"
    folder.mkdir()
    for name, text in SAID.items():
        samples = synthesize(Segment(voice="cmn+f2", spoken=text), folder.parent / "cache")
        padded = np.pad(samples, (4_800, round(TRAILING_SILENCE_S * 16_000)))
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes((padded * 32767).astype(np.int16).tobytes())
        (folder / f"{name}.txt").write_text(f"{text}。", encoding="utf-8")
    return folder


def _end_s(path: Path) -> float:
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return end_of_speech_s(samples.astype(np.float32) / 32767)


@needs_synthesis
def test_own_recordings_become_a_suite(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["suites", "new", "own", "--source", str(speech), "--into", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'own'}: 2 cases, 0.1 min of speech\n")
    assert main(["suites", "check", str(tmp_path / "own")]) == 0
    for case in load_suite(tmp_path / "own").cases:
        turn = case.turns[0]
        assert turn.reference == SAID[case.id]
        assert turn.t_eos_source == "vad"
        assert turn.t_eos_s == pytest.approx(_end_s(speech / f"{case.id}.wav"), abs=0.1)
    assert main(["suites", "new", "own", "--source", str(speech), "--into", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err


@needs_synthesis
def test_every_problem_is_printed_and_nothing_made(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(speech, tmp_path / "recordings"))
    write_tone(folder / "c.wav").with_suffix(".txt").write_text("好")  # nobody speaks
    (folder / "b.txt").write_text("")
    argv = ["suites", "new", "own", "--source", str(folder), "--into", str(tmp_path)]
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert err == "1 problem so far; looking at the audio for more\n"
    first, second, last = out.splitlines()
    assert first == f"{folder}/b.txt:1: the text is empty"
    assert second.startswith(f"{folder}/c.txt:1: no speech is heard in {folder}/c.wav")
    assert last.startswith("own: 2 problems, so no suite was made")
    assert main([*argv, "--json", "--skip-bad"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["num_cases"], document["problems"]) == (1, [])
    assert [Path(each["place"]).name for each in document["left_out"]] == ["b.txt:1", "c.txt:1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "recordings"]


@needs_synthesis
def test_digits_and_traditional_script_are_named(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(speech, tmp_path / "recordings"))
    (folder / "a.txt").write_text("下午3點在2樓開會", encoding="utf-8")
    argv = ["suites", "new", "own", "--source", str(folder), "--into", str(tmp_path)]
    assert main(argv) == 0
    err = capsys.readouterr().err
    assert f"warning: {folder}/a.txt:1: the text has digits (3點, 2樓)" in err
    assert "1 of 2 texts are in traditional script" in err
    assert load_suite(tmp_path / "own").cases[0].turns[0].reference == "下午3點在2樓開會"
    argv = ["suites", "new", "more", "--source", str(folder), "--into", str(tmp_path), "--json"]
    assert main(argv) == 0
    document = json.loads(capsys.readouterr().out)
    assert (len(document["warnings"]), document["num_traditional"]) == (1, 1)


@needs_synthesis
def test_a_corpus_is_referred_to(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = Path(shutil.copytree(speech, tmp_path / "zh-HK" / "clips"))
    rows = "".join(f"x\t{name}.wav\t{text}？\n" for name, text in SAID.items())
    (clips.parent / "dev.tsv").write_text(f"client_id\tpath\tsentence\n{rows}", encoding="utf-8")
    argv = ["suites", "import", "common_voice", str(clips.parent), "--name", "cv",
            "--split", "dev", "--max-cases", "1", "--into", str(tmp_path)]  # fmt: skip
    assert main(argv) == 0
    suite = load_suite(tmp_path / "cv")
    assert (suite.language, suite.licence, len(suite.cases)) == ("yue", "CC0-1.0", 1)
    assert suite.cases[0].turns[0].audio == str(clips / "a.wav")
    info = " ".join((tmp_path / "cv" / "suite.yaml").read_text(encoding="utf-8").split())
    assert f"import common_voice {clips.parent} --name cv --split dev --max-cases 1" in info
    capsys.readouterr()


def test_a_true_recording_of_aishell_is_imported(
    speech_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody real, who stops speaking before the recording ends."""
    name = "BAC009S0724W0121"
    wav = tmp_path / "data_aishell" / "wav" / "dev" / "S0724" / f"{name}.wav"
    wav.parent.mkdir(parents=True)
    shutil.copy(speech_dir / f"aishell_{name}.wav", wav)
    transcript = tmp_path / "data_aishell" / "transcript" / "aishell_transcript_v0.8.txt"
    transcript.parent.mkdir()
    transcript.write_text(f"{name} 广州市 房地产 中介 协会 分析\n", encoding="utf-8")
    argv = ["suites", "import", "aishell1", str(tmp_path / "data_aishell"), "--name", "dev",
            "--split", "dev", "--into", str(tmp_path)]  # fmt: skip
    assert main(argv) == 0
    assert main(["suites", "check", str(tmp_path / "dev")]) == 0
    turn = load_suite(tmp_path / "dev").cases[0].turns[0]
    with wave.open(str(wav), "rb") as file:
        duration_s = file.getnframes() / file.getframerate()
    assert turn.reference == "广州市房地产中介协会分析"
    assert 0.5 * duration_s < turn.t_eos_s < duration_s - 0.1
    assert turn.t_eos_source == "vad"
    capsys.readouterr()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["new", "own", "--source", "nowhere"], "there is no folder nowhere"),
        (["new", "a b", "--source", "."], "'a b' cannot be a suite's name"),
        (["new", "own", "--source", ".", "--max-cases", "0"], "--max-cases 0"),
        (["new", "own", "--source", ".", "--clock", "soon"], "--clock 'soon'"),
        (["new", "own", "--source", ".", "--language", "xx"], "--language"),
        (["new", "own"], "--source"),
        (["import", "aishell", ".", "--name", "x"], "Did you mean 'aishell1'?"),
        (["import", "aishell1", "nowhere", "--name", "x"], "there is no folder nowhere"),
        (["import", "aishell1", "."], "--name"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    argv: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    try:
        code: Any = main(["suites", *argv])
    except SystemExit as exit_:
        code = exit_.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["suites", "import", "--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in FORMATS)
    assert _make_suite.LANGUAGES == ("zh", "yue", "en")


class _Nobody:
    def planned(self, *args: Any) -> None: ...

    def stage(self, text: str) -> None: ...

    def recorded(self, turn: Any) -> None: ...


@needs_synthesis
def test_own_recordings_run_through_the_bundled_models_and_out_to_other_scorers(
    speech: Path, tmp_path: Path, bundled_models: Models,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main(["suites", "new", "own", "--source", str(speech), "--into", str(tmp_path)]) == 0
    settings = RunSettings(
        suites=(str(tmp_path / "own"),), variants=build_variants(["none"], [], [], 0), repeats=1
    )

    execute(settings, tmp_path / "run", _Nobody(), load=lambda _: bundled_models)
    report = load_report(tmp_path / "run")
    assert {turn.t_eos_source for turn in report.turns} == {"vad"}
    assert all(turn.failure is None and turn.answer for turn in report.turns)
    metrics = report.groups[0]["metrics"]
    assert "factual_error_rate" not in metrics
    assert write_report(report, tmp_path / "run" / "report.html").is_file()
    exported = export_run(tmp_path / "run", tmp_path / "scoring")
    assert exported.num_turns == 2
    import jiwer

    from voicebench.metrics.score_formats import parse_kaldi

    (folder,) = (tmp_path / "scoring").iterdir()
    reference, hypothesis = (
        parse_kaldi((folder / f"{side}.txt").read_text(encoding="utf-8")) for side in ("ref", "hyp")
    )
    sides = [[" ".join(side[name]) for name in reference] for side in (reference, hypothesis)]
    assert jiwer.wer(*sides) == pytest.approx(metrics["cer"]["value"])
    capsys.readouterr()


def test_progress_is_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 10.0, 30.0, 30.0, 30.0, 40.0])
    monkeypatch.setattr(_progress, "now_s", lambda: next(clock))
    with _progress.ItemProgress("recordings") as progress:
        progress.done(1, 4, "a")
        progress.done(2, 4, "b")
        progress.done(3, 4, "c")
    assert capsys.readouterr().err == "2 of 4 recordings, about 0:00:30 left\n"
