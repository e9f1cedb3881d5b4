"""`voicebench compare` and `attribute` on records made by hand: tables, JSON, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from tests.runs.arms import make_cases, make_run, make_turn, write_records
from tests.runs.toy import write_suite
from voicebench.cli import main
from voicebench.report.data import load_report
from voicebench.report.render import write_report

WRONG, RIGHT = "四点。", "三点。"


def records(folder: Path, wrong: dict[str, int], **changes: object) -> Path:
    """Twenty cases; the first `wrong[variant]` answers of each variant are wrong."""
    turns = [
        make_turn(f"c{n}", variant, WRONG if n < num else RIGHT)
        for variant, num in wrong.items()
        for n in range(20)
    ]
    run = make_run(tuple(wrong), **changes)  # type: ignore[arg-type]
    return write_records(folder, run, turns, make_cases(20))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return records(tmp_path / "run", {"none": 2, "seed": 18})


def test_the_answer_comes_in_words(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(run), "--changed", "0", "--language", "en"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Factual errors: worse than none: seed +80.0 points [" in shown
    assert "CER: " in shown
    assert "90.0▼ / " in shown
    assert "Differences in s" not in shown
    assert main(["compare", str(run), "--changed", "0", "--language", "zh"]) == 0
    assert "事实错误：比 none 差：seed +80.0 个百分点" in " ".join(capsys.readouterr().out.split())


def test_tables_say_what_is_worse(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(run), "--tables"]) == 0
    shown = capsys.readouterr().out
    for text in ("Differences in s", "factual errors", "+80.0 ▼", "mcnemar, alone < 0.001",
                 "Turns whose facts changed: 16", "6 more", "time 三点: correct → contradicted",
                 "Differences by type of fact", "16 / 0"):  # fmt: skip
        assert text in shown, text


def test_a_significant_regression_fails(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(run), "--fail-on", "factual_error_rate"]) == 1
    assert "factual_error_rate is worse in s: seed 0.9, none 0.1" in capsys.readouterr().err
    assert main(["compare", str(run), "--fail-on", "fact_miss_rate"]) == 0
    assert main(["compare", str(run), "--fail-on", "cer", "--baseline", "seed"]) == 0
    better = ["compare", str(run), "--fail-on", "factual_error_rate", "--baseline", "seed"]
    assert main(better) == 0


def test_a_regression_that_may_be_chance_does_not_fail(tmp_path: Path) -> None:
    run = records(tmp_path / "run", {"none": 2, "seed": 5})
    assert main(["compare", str(run), "--fail-on", "factual_error_rate"]) == 0


def test_json_holds_everything(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(run), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    found = {each["metric"]: each for each in document["differences"]}["factual_error_rate"]
    assert found["outcome"] == "worse"
    assert (found["first"], found["second"], found["only_second"]) == (0.1, 0.9, 16)
    assert len(document["changed"]) == 16
    assert document["warnings"] == []


def test_runs_are_compared_and_what_differs_between_them_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = records(tmp_path / "old", {"seed": 0}, run_id="old")
    new = records(tmp_path / "new", {"seed": 19}, run_id="new", machine={"cpu": "y"},
                  git_dirty=True)  # fmt: skip
    assert main(["compare", str(old), str(new), "--fail-on", "factual_error_rate"]) == 1
    shown = " ".join(capsys.readouterr().out.split())  # wherever its lines break
    assert "worse than old: new +95.0 points" in shown
    assert "different machines: cpu x / y" in shown
    assert "changes that are not in commit" in shown


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["compare", "RUN", "--fail-on", "facts"], "--fail-on 'facts' is no metric"),
        (["compare", "RUN", "--baseline", "sed"], "no variant 'sed' to compare with"),
        (["compare", "RUN", "OTHER"], "suite s is another in each run"),
        (["compare", "nowhere"], "nowhere is not a run"),
        (["compare", "OTHER"], "nothing to compare"),
        (["attribute", "RUN", "--variant", "sed"], "no variant 'sed'. Did you mean 'seed'"),
        (["attribute", "nowhere"], "nowhere is not a run"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    run: Path, tmp_path: Path, argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = records(tmp_path / "other", {"seed": 0}, run_id="r2", suite_sha256={"s": "zz"})
    places = {"RUN": str(run), "OTHER": str(other)}
    assert main([places.get(each, each) for each in argv]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_lost_facts_are_listed_with_their_stage(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attribute", str(run), "--max-facts", "1"]) == 0
    shown = capsys.readouterr().out
    for text in ("Lost facts: 20", "time 三点", "contradicted", "asr", "→ 四点。", "19 more",
                 "--audio DIR"):  # fmt: skip
        assert text in shown, text
    assert main(["attribute", str(run), "--variant", "seed", "--stage", "asr", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 18


def test_the_speech_of_what_is_shown_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = write_suite(tmp_path / "s")
    (suite / "0_0.wav").rename(suite / "a.wav")
    run = records(tmp_path / "run", {"none": 2}, request={"suites": [str(suite)]})
    assert main(["attribute", str(run), "--case", "c1", "--audio", str(tmp_path / "out")]) == 0
    with wave.open(str(tmp_path / "out" / "s_c1_1.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        assert file.getnframes() > 16_000
    assert "s_c1_1.wav" in capsys.readouterr().err


def test_the_report_of_several_variants_compares_them(run: Path) -> None:
    html = write_report(load_report(run), run / "report.html").read_text(encoding="utf-8")
    assert 'id="comparison"' in html
    answer, *_, details = html.partition('id="comparison"')[2].split('id="differences"')
    assert "worse than none: seed +80.0 points" in answer
    assert "+80.0 ▼" in details
    assert "Differences by type of fact" in details


def test_the_report_of_one_variant_has_no_comparison(tmp_path: Path) -> None:
    run = records(tmp_path / "run", {"seed": 1})
    html = write_report(load_report(run), run / "report.html").read_text(encoding="utf-8")
    assert 'id="comparison"' not in html


WITHOUT_MODELS = """
import sys
for name in ("torch", "funasr", "vllm", "transformers"):
    sys.modules[name] = None
from voicebench.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("command", ["compare", "attribute"])
def test_neither_needs_a_model_library(run: Path, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_MODELS, command, str(run), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
