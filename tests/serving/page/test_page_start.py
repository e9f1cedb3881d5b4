"""The page beside the API in a process of its own: started, asked, ended by a signal."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving.served import KEY
from voicebench.commands import serve
from voicebench.errors import MissingPackageError
from voicebench.pipeline.ready import READY_LINE

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = f"""
from tests.pipeline.scripted import ScriptedRecognizer
from tests.serving.served import ServedGenerator, make_settings
from voicebench.serving.server import run

settings = make_settings(api_key="{KEY}")
run(settings, lambda: (ScriptedRecognizer(), ServedGenerator()), "127.0.0.1", 0, page_port=0)
"""


def test_the_page_is_there_when_all_is_ready_and_leaves_nothing_behind(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stderr=subprocess.PIPE, text=True,
        env=environment,
    ) as process:  # fmt: skip
        try:
            assert process.stderr
            said: list[dict[str, Any]] = []
            while not said or said[-1]["message"] != READY_LINE:
                line = process.stderr.readline()
                assert line, said
                said += [json.loads(line)] if line.startswith("{") else []
            assert [line["message"] for line in said] == ["listening", "page", READY_LINE]
            api, page = said[0]["url"], said[1]["url"]
            with httpx.Client(timeout=30, trust_env=False) as client:
                assert client.get(api + "/ready").status_code == 200
                assert client.get(page + "/zh/").status_code == 401
                assert client.get(page + "/zh/", auth=("me", KEY)).status_code == 200
            assert list(tmp_path.glob("voicebench-page-*"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert not list(tmp_path.glob("voicebench-page-*"))
        finally:
            process.kill()


def test_a_service_without_gradio_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    parser = argparse.ArgumentParser()
    serve.add_parser(parser.add_subparsers())
    with pytest.raises(MissingPackageError, match="gradio"):
        serve.run(parser.parse_args(["serve"]))
