"""Two small runs on the bundled models, fresh in every session, and a browser to look with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.runs.test_planfile import Watcher
from voicebench.report.notebooks import NOTEBOOKS
from voicebench.runs.plan import Models
from voicebench.runs.runner import execute
from voicebench.runs.settings import RunSettings, build_variants

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, bundled_models: Models) -> Path:
    """A folder as a clone has it: `notebooks/` and `reports/` with a quality and a latency run."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copytree(NOTEBOOKS, folder / "notebooks")
    quality = RunSettings(  # of meetings the small models lose facts every time
        suites=("self_correction", "daily_qa", "long_meeting"), limit=2,
        variants=build_variants(["none", "self_correction"], [], [], seed=0),
    )  # fmt: skip
    early = "name=joint,prefill=true,speculation=true"
    latency = RunSettings(
        suites=("daily_qa",), limit=2, mode="latency", pace="fast", repeats=1,
        variants=build_variants([], [], ["name=plain", early], seed=0),
    )  # fmt: skip
    for name, settings in (("quality", quality), ("latency", latency)):
        run = execute(settings, folder / "reports" / name, Watcher(), load=lambda _: bundled_models)
        assert msgspec.json.encode(run)
    return folder


@pytest.fixture(scope="module")  # its event loop must not outlive the modules that want it
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"needs a browser: install one of {', '.join(BROWSERS)}")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        options = ["--no-sandbox", "--disable-gpu", "--disable-quic",
                   "--disable-background-networking", "--disable-component-update"]  # fmt: skip
        opened = started.chromium.launch(executable_path=path, args=options)
        yield opened
        opened.close()
