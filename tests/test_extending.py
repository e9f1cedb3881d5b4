"""docs/extending.md: its blocks work as they stand."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.scripted import LoudnessVad, tone
from voicebench.asr.kinds import build_recognizer
from voicebench.audio import chunk_audio
from voicebench.llm.kinds import build_generator
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.profiles.loader import load_profile
from voicebench.types import ToolCall, Variant

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
BLOCK = re.compile(r"```\w+\n# (\S+)\n(.*?)```", re.DOTALL)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("voicebench.asr.vad.SileroVad", LoudnessVad)
    names = []
    for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        names.append(name)
    yield names
    for name in names:
        sys.modules.pop(Path(name).stem, None)


def test_a_recognizer_and_a_generator_of_ones_own_hold_a_turn(page: list[str]) -> None:
    assert page == ["my_recognizer.py", "my_llm.py", "my_profile.yaml", "my_tools.py"]
    profile = load_profile("my_profile.yaml")
    assistant = Assistant(
        build_recognizer(profile.asr), build_generator(profile.llm), Variant(cleaning="none")
    )

    async def turn() -> list[Any]:
        clock = make_clock("fast")
        chunks = paced(chunk_audio(tone(2.0)), clock)
        return [e async for e in assistant.run_turn(chunks, Conversation(), clock=clock)]

    events = asyncio.run(turn())
    answer = "".join(e.text for e in events if e.kind == "answer_token")
    assert events[-1].kind == "answer_finished"
    assert "明天下午三点开会" in answer
    assert answer.endswith("。")


def test_a_tool_of_ones_own_is_run(page: list[str]) -> None:
    toolbox = importlib.import_module("my_tools").toolbox
    call = ToolCall(name="get_stock", arguments={"item": "牛奶"})
    result = asyncio.run(toolbox.run(call, datetime(2026, 3, 2, 9, 30), timeout_s=10))
    assert result.outcome == "done"
    assert "09:30" in result.content
