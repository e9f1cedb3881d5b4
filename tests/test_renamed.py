"""Names that changed: the old one does what the new one does, with one line that says so."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import pytest

from voicebench.cleaning.presets import clean
from voicebench.cli import build_parser
from voicebench.llm.prompts import find_prompt
from voicebench.renamed import warn_renamed
from voicebench.runs.planfile import load_plan
from voicebench.runs.settings import build_variants
from voicebench.types import Variant


@pytest.fixture(autouse=True)
def first_time() -> None:
    warn_renamed.cache_clear()


def parse(line: str) -> argparse.Namespace:
    return build_parser().parse_args(line.split())


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("run --limit 3", "run --max-cases 3", "--limit is now --max-cases"),
        ("run --pace real-time", "run --pace real_time",
         "--pace real-time is now --pace real_time"),
        ("ask --pace real-time", "ask --pace real_time",
         "--pace real-time is now --pace real_time"),
        ("ask --prompt seed", "ask --prompt baseline", "preset seed is now baseline"),
        ("serve --cleaning seed", "serve --cleaning baseline", "preset seed is now baseline"),
        ("serve --limit a=1 --limit b=2", "serve --set-limit a=1 --set-limit b=2",
         "--limit is now --set-limit"),
        ("attribute RUN --limit 5", "attribute RUN --max-facts 5", "--limit is now --max-facts"),
        ("suites new mine --from F", "suites new mine --source F", "--from is now --source"),
        ("suites import aishell1 F --name a --limit 5",
         "suites import aishell1 F --name a --max-cases 5", "--limit is now --max-cases"),
        ("models pull fsmn-vad --from modelscope", "models pull fsmn-vad --hub modelscope",
         "--from is now --hub"),
    ],
)  # fmt: skip
def test_an_old_option_does_what_the_new_one_does(
    old: str, new: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = vars(parse(new))
    assert capsys.readouterr().err == ""
    assert vars(parse(old)) == wanted
    assert capsys.readouterr().err == f"warning: {line}\n"


def test_a_suite_of_own_recordings_needs_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("suites new mine")
    assert "--source is required" in capsys.readouterr().err


def test_old_records_plans_and_names_hold_the_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = msgspec.json.decode(
        b'{"name": "seed", "cleaning": "seed", "prompt": "seed"}', type=Variant
    )
    assert (old.name, old.cleaning, old.prompt) == ("seed", "baseline", "baseline")
    assert clean("那个我想订票", "seed") == clean("那个我想订票", "baseline")
    assert find_prompt("seed") is find_prompt("baseline")
    assert capsys.readouterr().err == ""
    (made,) = build_variants(["seed"], ["plain"], [], 0)
    assert (made.name, made.cleaning) == ("baseline+plain", "baseline")
    (tmp_path / "plan.yaml").write_text("grid:\n  cleaning: [none, seed]\n")
    planned = load_plan(tmp_path / "plan.yaml").variants
    assert [variant.cleaning for variant in planned] == ["none", "baseline"]
    assert capsys.readouterr().err == "warning: preset seed is now baseline\n"
