from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipeline.scripted import LoudnessVad
from tests.serving.served import Served, serving


@pytest.fixture(scope="module")
def loudness_vad() -> Iterator[None]:
    """Hums are speech: scripted models need no torch, and no voice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("voicebench.asr.vad.SileroVad", LoudnessVad)
        yield


@pytest.fixture(scope="module")
def served(loudness_vad: None) -> Iterator[Served]:
    """A service on scripted models, shared by the tests of a file."""
    with serving() as running:
        yield running
