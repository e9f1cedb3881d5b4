"""Suites load by name or path, and every mistake is told with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voicebench.errors import SuiteError
from voicebench.suites.load import list_suites, load_suite

Lines = list[Any]
WriteSuite = Callable[..., Path]


def test_a_suite_loads_from_its_folder(write_suite: WriteSuite, cases: Lines) -> None:
    suite = load_suite(write_suite([cases[0], "", cases[1]]))
    assert (suite.name, suite.title) == ("tiny", "A tiny suite")
    assert [case.id for case in suite.cases] == ["tiny-001", "tiny-002"]
    assert suite.place(1).endswith("cases.jsonl:3")


def test_the_hash_follows_the_content(write_suite: WriteSuite, cases: Lines) -> None:
    first = load_suite(write_suite(cases)).sha256
    again = load_suite(write_suite(cases)).sha256
    cases[1]["turns"][0]["t_eos_s"] = 1.1
    changed = load_suite(write_suite(cases)).sha256
    assert first == again != changed


def test_the_hash_follows_recordings(write_suite: WriteSuite, cases: Lines) -> None:
    turn = cases[1]["turns"][0]
    turn["audio"], turn["segments"] = "a.wav", []
    folder = write_suite(cases)
    hashes = set()
    for content in (b"one", b"two"):
        (folder / "a.wav").write_bytes(content)
        hashes.add(load_suite(folder).sha256)
    assert len(hashes) == 2


def test_every_listed_suite_loads_under_its_name() -> None:
    names = list_suites()
    assert {"daily_qa", "dialect_mix", "long_meeting", "multi_turn", "self_correction"} <= {*names}
    assert [load_suite(name).name for name in names] == names


def test_an_unknown_suite_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SuiteError, match=r"no suite 'dayly_qa'.*Did you mean 'daily_qa'\?"):
        load_suite("dayly_qa")


def test_an_unknown_suite_unlike_any_lists_what_exists() -> None:
    with pytest.raises(SuiteError, match="Suites here: daily_qa, "):
        load_suite("qqqqqqqqqqqqq")


def test_a_folder_that_is_no_suite_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"has no suite\.yaml"):
        load_suite(tmp_path)


def _spoil_field(cases: Lines) -> None:
    cases[1]["turns"][0]["referense"] = cases[1]["turns"][0].pop("reference")


def _spoil_type(cases: Lines) -> None:
    cases[1]["turns"][0]["t_eos_s"] = "soon"


def _spoil_json(cases: Lines) -> None:
    cases[1] = "{"


def _spoil_choice(cases: Lines) -> None:
    cases[1]["turns"][0]["expects"] = "silence"


def _spoil_source(cases: Lines) -> None:
    cases[1]["turns"][0]["segments"] = []


def _spoil_turns(cases: Lines) -> None:
    cases[1]["turns"] = []


def _spoil_id(cases: Lines) -> None:
    cases[1]["id"] = "tiny-001"


def _spoil_suite(cases: Lines) -> None:
    cases[1]["suite"] = "huge"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_spoil_field, r"unknown field `referense`.*Did you mean 'reference'\?"),
        (_spoil_type, r"Expected `float`, got `str`.*turns\[0\]\.t_eos_s"),
        (_spoil_json, "malformed|truncated"),
        (_spoil_choice, "Invalid enum value 'silence'"),
        (_spoil_source, r"either synthesised \(segments\) or recorded"),
        (_spoil_turns, "case tiny-002 has no turns"),
        (_spoil_id, "'tiny-001' is already on line 1"),
        (_spoil_suite, "says it is of suite 'huge'"),
    ],
)
def test_a_bad_case_is_refused_with_file_and_line(
    write_suite: WriteSuite, cases: Lines, spoil: Callable[[Lines], None], message: str
) -> None:
    spoil(cases)
    with pytest.raises(SuiteError, match=r"cases\.jsonl:2: .*(" + message + ")"):
        load_suite(write_suite(cases))


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("name: tiny\ntitel: x\ndescription: y\n", r":2: .*`titel`.*Did you mean 'title'\?"),
        ("name: tiny\ntitle: x\ndescription: 3\n", ":3: Expected `str`, got `int`"),
        ("name: other\ntitle: x\ndescription: y\n", "named 'other' but lies in the folder 'tiny'"),
        ("name: tiny\ntitle: [x\n", ":[23]: is not YAML"),
        ("title: x\ndescription: y\n", ":1: .*missing required field `name`"),
    ],
)
def test_a_bad_suite_file_is_refused_with_file_and_line(
    write_suite: WriteSuite, cases: Lines, info: str, message: str
) -> None:
    with pytest.raises(SuiteError, match=r"suite\.yaml" + f".*{message}|{message}"):
        load_suite(write_suite(cases, info))


def test_an_empty_or_binary_cases_file_is_refused(write_suite: WriteSuite, cases: Lines) -> None:
    folder = write_suite(cases)
    (folder / "cases.jsonl").write_bytes(b"")
    with pytest.raises(SuiteError, match=r"cases\.jsonl:1: holds no case"):
        load_suite(folder)
    (folder / "cases.jsonl").write_bytes(b'{"id": "\xff\xfe"}')
    with pytest.raises(SuiteError, match=r"cases\.jsonl:1: "):
        load_suite(folder)
    (folder / "cases.jsonl").unlink()
    with pytest.raises(SuiteError, match=r"cases\.jsonl:1: cannot be read"):
        load_suite(folder)
