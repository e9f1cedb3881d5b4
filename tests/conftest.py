"""Fixtures that many tests share: each bundled model is loaded once a session, as late as possible.

A test that takes `bundled_recognizer` or `bundled_generator` fails when the weights are missing or
damaged: they are part of the project. Recordings are not, so `speech_dir` skips without them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by numpy and torch when they are imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import hypothesis
import pytest

from voicebench.asr.base import Recognizer
from voicebench.asr.kinds import build_recognizer
from voicebench.llm.base import Generator
from voicebench.llm.kinds import build_generator
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import Profile
from voicebench.runs.plan import Models

MODEL_FIXTURES = ("bundled_recognizer", "bundled_generator")
SLOW_FILES = (
    "bench/test_help.py", "hub/test_bundle.py", "notebooks/test_lab.py", "notebooks/test_rendered.py",
    "suites/test_make.py", "test_containers.py", "test_wheel.py",
)  # fmt: skip
"""Whole files of what a commit seldom breaks and minutes are needed for: `make test-all` alone."""
SPEECH_VARIABLE = "VOICEBENCH_SPEECH_DIR"

# without a deadline, since a busy machine proves nothing
hypothesis.settings.register_profile("commit", deadline=None)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=500)
hypothesis.settings.load_profile("commit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first; then those of the recognizer; those that need vLLM last.

    With several workers (`-n 2`) all that share the bundled models go to one of them; last, since an
    engine in the process keeps the hub's client offline and freezes garbage.
    """

    def cost(item: pytest.Item) -> int:
        names = getattr(item, "fixturenames", ())
        return max(
            (MODEL_FIXTURES.index(name) + 1 for name in names if name in MODEL_FIXTURES), default=0
        )

    for item in items:
        if item.path.as_posix().endswith(SLOW_FILES):
            item.add_marker("slow")
        if cost(item):
            item.add_marker("models")
            item.add_marker(pytest.mark.xdist_group("models"))
    items.sort(key=lambda item: cost(item) or int(item.get_closest_marker("models") is not None))


@pytest.fixture(scope="session")
def bundled_profile() -> Profile:
    return load_profile("bundled")


@pytest.fixture(scope="session")
def bundled_recognizer(bundled_profile: Profile) -> Iterator[Recognizer]:
    recognizer = build_recognizer(bundled_profile.asr)
    yield recognizer
    recognizer.close()


@pytest.fixture(scope="session")
def bundled_generator(bundled_profile: Profile) -> Iterator[Generator]:
    """The one vLLM engine of the session; a second one in the process would not fit."""
    generator = build_generator(bundled_profile.llm)
    yield generator
    generator.close()


@pytest.fixture(scope="session")
def bundled_models(bundled_recognizer: Recognizer, bundled_generator: Generator) -> Models:
    """Both, for runs, which close what they are given."""
    return Models(bundled_recognizer, bundled_generator).lent()


@pytest.fixture(scope="session")
def speech_dir() -> Path:
    """The folder of recordings that belong to no suite and are not committed."""
    folder = os.environ.get(SPEECH_VARIABLE, "")
    if not folder:
        pytest.skip(f"needs recordings: set {SPEECH_VARIABLE} to their folder")
    if not Path(folder).is_dir():
        pytest.skip(f"needs recordings: {SPEECH_VARIABLE}={folder} is not a folder")
    return Path(folder)
