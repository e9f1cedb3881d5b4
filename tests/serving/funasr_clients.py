"""FunASR's own clients and those on PyPI: where they come from, and how a test gets them.

FunASR's are taken from a clone that `VOICEBENCH_FUNASR_DIR` names (its history too):

    git clone https://github.com/modelscope/FunASR
    VOICEBENCH_FUNASR_DIR=FunASR pytest tests/serving/test_funasr_clients.py -rs

Those on PyPI are installed into a temporary folder at test time. What cannot be had is skipped with
the reason; nothing of it is part of this project.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

VARIABLE = "VOICEBENCH_FUNASR_DIR"
SCRIPT = "runtime/python/websocket/funasr_wss_client.py"
PAGE = "runtime/html5/static"
COMMITS = {
    "2024-04": "861147c7308b91068ffa02724fdf74ee623a909e",
    "2025-02": "5052ca8bf03c178d9ae73cb68785cd4afb0144d2",
    "today": "HEAD",
}


def show(path: str, commit: str = "HEAD") -> bytes:
    """A file of FunASR's repository as of a commit; skips where it cannot be had."""
    folder = os.environ.get(VARIABLE, "")
    if not folder:
        pytest.skip(f"needs a clone of FunASR: set {VARIABLE} to its folder")
    command = ["git", "-C", folder, "show", f"{commit}:{path}"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"{VARIABLE}={folder}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def page_files() -> list[str]:
    """Paths of FunASR's page."""
    show(f"{PAGE}/index.html")
    command = ["git", "-C", os.environ[VARIABLE], "ls-tree", "--name-only", "HEAD", f"{PAGE}/"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()


def install(folder: Path, *requirements: str) -> Path:
    """Installs packages without their dependencies into a folder; skips where that fails."""
    target = folder / "packages"
    pip = [sys.executable, "-m", "pip"]
    if not any(
        importlib.metadata.distributions(name="pip")
    ):  # finding the module warns of distutils
        pip = ["uv", "pip"]
    command = [*pip, "install", "--quiet", "--no-deps", "--target", str(target), *requirements]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{' '.join(requirements)} cannot be installed: {error}")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"{' '.join(requirements)} cannot be installed: {reason}")
    return target
