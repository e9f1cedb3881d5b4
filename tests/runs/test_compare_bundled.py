"""A plan on the bundled models, compared and attributed: everything from speech to verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runs.test_planfile import Watcher
from voicebench.cli import main
from voicebench.runs.plan import Models
from voicebench.runs.planfile import load_plan
from voicebench.runs.record import read_run, read_turns
from voicebench.runs.runner import execute

NUM_CASES = 6
PLAN = f"""
suites: [self_correction]
limit: {NUM_CASES}
python: rules.py
cleanings:
  mute: [say_nothing_of_it]
prompts:
  strict: 你是语音助手。只用一句话回答。
grid:
  cleaning: [none, self_correction, mute]
  prompt: [plain]
variants:
  - {{name: strict, cleaning: self_correction, prompt: strict}}
  - {{name: again, cleaning: none, prompt: plain}}
"""
RULES = """
def say_nothing_of_it(text):
    return "你好" if text else text
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, bundled_models: Models) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    (folder / "rules.py").write_text(RULES, encoding="utf-8")
    execute(
        load_plan(folder / "plan.yaml"), folder / "run", Watcher(), load=lambda _: bundled_models
    )
    return folder / "run"


def test_each_utterance_is_recognised_once_for_all_variants(run: Path) -> None:
    turns = read_turns(run).turns
    assert len(turns) == read_run(run).num_turns_planned == 5 * NUM_CASES
    assert not [turn.failure for turn in turns if turn.failure]
    assert sum("asr" not in turn.stage_cache_hits for turn in turns) == NUM_CASES
    assert {turn.messages[0].content for turn in turns if turn.variant == "strict"} == {
        "你是语音助手。只用一句话回答。"
    }
    assert {turn.cleaned for turn in turns if turn.variant == "mute+plain"} == {"你好"}


def test_a_cleaning_that_throws_everything_away_is_found_worse_and_blamed(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(run), "--json", "--baseline", "self_correction+plain"]) == 0
    found = json.loads(capsys.readouterr().out)
    missed = {
        each["variant"]: each for each in found["differences"] if each["metric"] == "fact_miss_rate"
    }
    mute = missed["mute+plain"]
    assert mute["second"] > mute["first"]
    assert mute["difference"] == pytest.approx(mute["second"] - mute["first"])
    assert found["changed"]

    assert main(["attribute", str(run), "--variant", "mute+plain", "--json"]) == 0
    lost = json.loads(capsys.readouterr().out)
    expected = [each for each in lost if each["fact_id"]]
    assert {each["lost_by"] for each in expected} <= {"cleaning", "llm"}
    assert all(each["gold_cleaned"]["transcript"] == "你好" for each in expected)


def test_the_same_variant_twice_is_the_same(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(run), "--json", "--baseline", "none+plain"]) == 0
    noise = json.loads(capsys.readouterr().out)["noise"]
    assert {each["variant"] for each in noise} == {"again"}
    assert {each["outcome"] for each in noise} == {"no difference seen"}


def test_the_report_shows_the_comparison(run: Path) -> None:
    assert main(["report", str(run)]) == 0
    assert 'id="comparison"' in (run / "report.html").read_text(encoding="utf-8")
