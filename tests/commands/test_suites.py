"""`voicebench suites` prints tables or JSON, and its exit code tells sound from unsound."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from voicebench.commands import suites
from voicebench.errors import SuiteError

_CASE = (
    '{"id":"tiny-001","suite":"tiny","clock":"2026-03-02T09:00:00","turns":[{"reference":"三点见",'
    '"meaning":"三点见","t_eos_s":1.5,"segments":[{"voice":"cmn","spoken":"三点见"}],'
    '"facts":[{"id":"when","type":"time","value":"%s"}]}]}\n'
)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "suite.yaml").write_text("name: tiny\ntitle: Tiny\ndescription: One case.\n")
    (folder / "cases.jsonl").write_text(_CASE % "三点", encoding="utf-8")
    return folder


def _run(*argv: str | Path) -> int:
    parser = argparse.ArgumentParser()
    suites.add_parser(parser.add_subparsers())
    args = parser.parse_args(["suites", *map(str, argv)])
    code: int = args.func(args)
    return code


def test_list_names_every_suite(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == sorted(each["name"] for each in listed)
    assert _run("list") == 0
    table = capsys.readouterr().out
    assert all(each["name"] in table and each["sha256"][:12] in table for each in listed)


def test_show_prints_the_cases(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("show", tiny) == 0
    shown = capsys.readouterr().out
    assert "1 cases, 1 turns, 1 facts" in shown
    assert "tiny-001" in shown
    assert _run("show", tiny, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["num_turns"], document["speech_s"]) == (1, 1.5)
    assert document["cases"][0]["turns"][0]["reference"] == "三点见"


def test_check_tells_sound_from_unsound(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("check", "--no-audio", tiny) == 0
    assert capsys.readouterr().out.strip() == f"{tiny}: no problems"
    (tiny / "cases.jsonl").write_text(_CASE % "四点", encoding="utf-8")
    assert _run("check", "--no-audio", tiny) == 2
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{tiny / 'cases.jsonl'}:1: case tiny-001, turn 1: fact when")
    assert _run("check", "--no-audio", "--json", tiny) == 2
    problems = json.loads(capsys.readouterr().out)[str(tiny)]
    assert problems[0]["place"] == f"{tiny / 'cases.jsonl'}:1"


@pytest.mark.parametrize("action", ["show", "check"])
def test_an_unknown_suite_is_an_error(action: str) -> None:
    with pytest.raises(SuiteError, match="no suite 'nowhere'"):
        _run(action, "nowhere")
