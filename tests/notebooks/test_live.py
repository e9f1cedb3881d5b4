"""Questions asked and suites run from a notebook, on the bundled models; interrupted, continued."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import papermill
import pytest

from voicebench import live
from voicebench.errors import ConfigError, VoicebenchError
from voicebench.report.html import Note
from voicebench.report.notebooks import NOTEBOOKS
from voicebench.report.opened import OpenRun
from voicebench.runs.plan import Models
from voicebench.runs.record import read_run, read_turns


@pytest.fixture
def assistant(bundled_models: Models) -> live.LoadedAssistant:
    return live.LoadedAssistant("bundled", bundled_models)


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reports").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reports"


def test_a_case_is_asked_by_voice(assistant: live.LoadedAssistant) -> None:
    shown = live.ask(assistant, "daily_qa-001")
    assert shown.case is not None
    assert shown.turn.answer
    assert shown.samples is not None
    page = shown._repr_html_()
    for text in ("<audio", "reference → heard", "person 张培根: ", "this turn"):
        assert text in page


def test_a_recording_is_asked(assistant: live.LoadedAssistant, speech_dir: Path) -> None:
    recording = str(speech_dir / "aishell_BAC009S0724W0121.wav")
    shown = live.ask(assistant, recording, cleaning="none", prompt="plain")
    assert (shown.case, shown.turn.failure) == (None, None)
    assert shown.turn.hypothesis.text
    assert "<audio" in shown._repr_html_()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"question": "daily_qa-1"}, "daily_qa-1"),
        ({"question": "daily_qa-001", "cleaning": "sed"}, "'sed'"),
        ({"question": "daily_qa-001", "prompt": "sed"}, "'sed'"),
    ],
)
def test_what_cannot_be_asked(
    assistant: live.LoadedAssistant, settings: dict[str, str], problem: str
) -> None:
    with pytest.raises(VoicebenchError, match=problem):
        live.ask(assistant, **settings)


def test_no_suite_is_no_run(assistant: live.LoadedAssistant, reports: Path) -> None:
    assert isinstance(live.run_suites(assistant, ""), Note)
    assert not list(reports.iterdir())


def test_an_interrupted_run_keeps_its_turns_and_goes_on(
    assistant: live.LoadedAssistant, reports: Path, interrupt_after: list[int]
) -> None:
    settings: dict[str, Any] = {"limit": 2, "mode": "latency", "pace": "fast", "repeats": 1}
    interrupt_after[:] = [1]
    with pytest.raises(live.InterruptedRunError, match="keeps what was recorded"):
        live.run_suites(assistant, "daily_qa", **settings)
    (folder,) = reports.iterdir()
    kept = [turn.key for turn in read_turns(folder).turns if not turn.is_warm_up]
    assert read_run(folder).finished_at is None
    assert len(kept) == 1
    interrupt_after[:] = []
    run = live.run_suites(assistant, "daily_qa", **settings)
    assert isinstance(run, OpenRun)
    assert (run.folder, list(reports.iterdir())) == (folder, [folder])
    turns = [turn.key for turn in read_turns(folder).turns if not turn.is_warm_up]
    assert turns[:1] == kept
    assert len(turns) == len(set(turns)) == read_run(folder).num_turns_planned == 2


@pytest.fixture
def interrupt_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Interrupts this process, as a kernel is interrupted, once so many turns are recorded."""
    # as in a kernel: what another test's server left may not raise
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    wanted: list[int] = []
    seen: list[int] = []
    recorded = live.RunProgress.recorded

    def watched(progress: Any, turn: Any) -> None:
        recorded(progress, turn)
        seen.append(int(not turn.is_warm_up))
        if wanted and sum(seen) == wanted[0]:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            assert is_told.wait(60)  # the main thread has to see it before the next turn

    def stop(stoppable: Any) -> None:
        told(stoppable)
        is_told.set()

    is_told, told = threading.Event(), live._Stoppable.stop
    monkeypatch.setattr(live._Stoppable, "stop", stop)
    monkeypatch.setattr(live.RunProgress, "recorded", watched)
    yield wanted
    signal.signal(signal.SIGINT, before)


def test_the_quick_start_runs_as_it_is(tmp_path: Path) -> None:
    """With models of its own, in a kernel of its own."""
    from traitlets.config import Config

    config = Config({"KernelManager": {"transport": "ipc"}})
    done = papermill.execute_notebook(
        str(NOTEBOOKS / "01_quickstart.ipynb"), str(tmp_path / "out.ipynb"), kernel_name="python3",
        progress_bar=False, config=config,
    )  # fmt: skip
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.get("name") == "stderr" or o.output_type == "error"]
    pages = [o.data.get("text/html", "") for o in outputs if "data" in o]
    assert any("<audio" in page and "张培根" in page for page in pages)


def test_an_unknown_profile_is_told_before_anything_is_loaded() -> None:
    with pytest.raises(ConfigError, match="bundeld"):
        live.load("bundeld")
