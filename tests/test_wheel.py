"""The wheel by itself, as an installation on another machine has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "voicebench", "datasets")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but what the wheel holds."""
    source = tmp_path_factory.mktemp("source")
    for name in PARTS:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", str(source / "out"), str(source)], check=True)
    (wheel,) = (source / "out").glob("*.whl")
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_a_wheel_has_the_suites_and_the_models(installed: Path) -> None:
    asked = [sys.executable, "-m", "voicebench", "suites", "list", "--json"]
    env = os.environ | {"PYTHONPATH": str(installed)}
    shown = subprocess.run(
        asked, cwd=installed, env=env, check=True, capture_output=True, text=True
    ).stdout
    shipped = {path.parent.name for path in (ROOT / "datasets").glob("*/suite.yaml")}
    assert len(shipped) > 5
    assert all(f'"{name}"' in shown for name in shipped)
    for name in ("asr/model.pt", "asr/tokens.json", "llm/model.safetensors", "manifest.json"):
        assert (installed / "voicebench" / "bundled" / name).is_file()


def test_a_wheel_has_what_reports_are_made_of(installed: Path) -> None:
    package = installed / "voicebench"
    for name in ("report.html", "index.html", "table.html", "style.css", "tables.js"):
        assert (package / "report" / name).is_file()
    for name in ("zh.yaml", "en.yaml"):
        assert (package / "words" / name).is_file()
