"""Two small runs on the bundled models, fresh in every session, and a browser to look with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.runs.test_planfile import Watcher
from voicebench.asr.base import Recognizer
from voicebench.llm.base import Generator
from voicebench.report.notebooks import NOTEBOOKS
from voicebench.runs.plan import Models
from voicebench.runs.runner import execute
from voicebench.runs.settings import RunSettings, build_variants

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Borrowed:
    """A model of the session, which a run must not close."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def close(self) -> None: ...


@pytest.fixture(scope="session")
def models(bundled_recognizer: Recognizer, bundled_generator: Generator) -> Models:
    return Models(Borrowed(bundled_recognizer), Borrowed(bundled_generator))


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, models: Models) -> Path:
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
        run = execute(settings, folder / "reports" / name, Watcher(), load=lambda _: models)
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
