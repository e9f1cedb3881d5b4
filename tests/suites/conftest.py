"""A small sound suite on disk, to be spoiled one way at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.natural_sentences import natural_sentences

__all__ = ["natural_sentences"]

_INFO = "name: tiny\ntitle: A tiny suite\ndescription: Two cases.\n"
_CASES: list[dict[str, Any]] = [
    {
        "id": "tiny-001",
        "suite": "tiny",
        "clock": "2026-03-02T09:00:00",
        "tags": ["self_correction"],
        "turns": [
            {
                "reference": "我两点不对是三点见李明",
                "meaning": "我三点见李明",
                "t_eos_s": 2.0,
                "segments": [{"voice": "cmn", "spoken": "我两点，不对，是三点见李明。"}],
                "facts": [
                    {
                        "id": "when",
                        "type": "time",
                        "value": "三点",
                        "accepted": ["3点"],
                        "forbidden": ["两点"],
                    }
                ],
                "max_sentences": 3,
            }
        ],
    },
    {
        "id": "tiny-002",
        "suite": "tiny",
        "clock": "2026-03-02T09:00:00",
        "turns": [
            {
                "reference": "谁带ppt",
                "meaning": "谁带 PPT",
                "t_eos_s": 1.0,
                "segments": [{"voice": "cmn", "spoken": "谁带PPT？"}],
                "expects": "refusal",
            }
        ],
    },
]

WriteSuite = Callable[..., Path]


@pytest.fixture
def cases() -> list[dict[str, Any]]:
    """The case lines of the small suite, as a copy to change."""
    return copy.deepcopy(_CASES)


@pytest.fixture
def write_suite(tmp_path: Path) -> WriteSuite:
    """Writes case lines (objects, or raw text) as the suite `tiny` and gives its folder."""

    def write(lines: list[dict[str, Any] | str], info: str = _INFO) -> Path:
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        (folder / "suite.yaml").write_text(info, encoding="utf-8")
        texts = [
            line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
            for line in lines
        ]
        (folder / "cases.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")
        return folder

    return write
