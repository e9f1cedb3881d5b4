"""Live work in a notebook: models that stay loaded, a question asked by voice, suites run.

    assistant = load("bundled")
    ask(assistant, "daily_qa-001")              a case, or a recording
    run_suites(assistant, "daily_qa", limit=3)  leaves a run; interrupted, it continues

A notebook has an event loop of its own, so the work is done on a thread beside it, and the bar with
the time left is drawn here. What an interrupt can cost is the turn that it meets.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.audio import chunk_audio, load_audio
from voicebench.commands._progress import RunProgress
from voicebench.errors import ConfigError, RecordError, VoicebenchError
from voicebench.metrics.conditions import is_meeting
from voicebench.pipeline.assistant import Assistant, collect_turn
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.pace import make_clock, paced
from voicebench.pipeline.ready import READY_LINE, load_and_warm_up
from voicebench.pipeline.turn import new_turn
from voicebench.pipeline.variants import check_variant
from voicebench.profiles.loader import load_profile
from voicebench.report.html import Note, fragment, note_html
from voicebench.report.listening import Listened
from voicebench.report.opened import OpenRun, find_reports, open_run, run_folders
from voicebench.report.progress import NotebookBar, running_notebook
from voicebench.runs.plan import Models
from voicebench.runs.record import read_run
from voicebench.runs.runner import Watcher, execute, new_run_id, settings_of
from voicebench.runs.settings import RunSettings, build_variants
from voicebench.suites.load import list_suites, load_suite
from voicebench.suites.render import render_turn
from voicebench.types import Case, Event, Guard, Mode, Pace, Run, Turn, Variant

T = TypeVar("T")
_SECONDS_BETWEEN_LOOKS = 0.1


class InterruptedRunError(VoicebenchError):
    """A person stopped a run; what was recorded is kept."""


@dataclass(frozen=True)
class LoadedAssistant:
    """A profile's two models, warmed up. `close` gives their memory back."""

    name: str
    models: Models
    has_own_recognizer: bool = False

    def close(self) -> None:
        """Closes both models."""
        self.models.generator.close()
        self.models.recognizer.close()

    def _repr_html_(self) -> str:
        return fragment(note_html(repr(self)))

    def __repr__(self) -> str:
        return f"{READY_LINE} (profile {self.name})"


def load(profile: str = "bundled", *, recognizer: Recognizer | None = None) -> LoadedAssistant:
    """Loads a profile's models and warms them up: half a minute for the shipped ones.

    Args:
        profile: Its name, or the path of a file.
        recognizer: An object of your own in place of the profile's recognizer, to `ask`. A run
            records its models, so it takes them from a profile: `asr.kind: package.module:function`.

    Raises:
        ConfigError, ModelError, MissingPackageError: They cannot be loaded.
    """
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # read when torch is imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    loaded = load_profile(profile)
    bar = NotebookBar("Loading ...")
    bar.say("Loading ...")
    with contextlib.redirect_stdout(io.StringIO()):  # FunASR prints while it loads
        models = Models(*load_and_warm_up(loaded, bar.say, recognizer=recognizer))
    bar.end("Loaded.")
    return LoadedAssistant(profile, models, has_own_recognizer=recognizer is not None)


def ask(
    assistant: LoadedAssistant,
    question: str,
    *,
    cleaning: str = "baseline",
    prompt: str = "baseline",
) -> Listened:
    """Asks one question by voice and shows every step of the answer.

    Args:
        assistant: Loaded models.
        question: A recording's path, or the id of a case of a shipped suite.
        cleaning: A cleaning preset.
        prompt: A named prompt.

    Raises:
        ConfigError: There is no such preset, prompt or case.
        AudioError: The recording cannot be read.
    """
    # one question is answered however badly it was heard: the person sees what was
    variant = Variant(name="ask", cleaning=cleaning, prompt=prompt, guard=Guard(min_confidence=0.0))
    check_variant(variant)
    asked = _Question.of_case(question) if _is_case(question) else _Question.of_file(question)
    bar = NotebookBar("listening")

    def show(event: Event) -> None:
        if event.kind in ("window_recognised", "transcript_final", "request_submitted"):
            bar.say(event.kind.replace("_", " "))

    turn = _beside(lambda: asyncio.run(_run_turn(assistant, variant, asked, show)), bar)
    bar.end(f"Answered from {turn.audio_s:.1f} s of speech.")
    footer = f"asked with profile {assistant.name}"
    return Listened(turn, asked.case, asked.samples, "", footer)


@dataclass(frozen=True)
class _Question:
    """What is asked: its sound, and where there is a case, when its speech ends."""

    name: str
    samples: NDArray[np.float32]
    case: Case | None = None
    t_eos_s: float | None = None

    @staticmethod
    def of_case(case_id: str) -> _Question:
        suite = load_suite(_suite_of(case_id))
        case = next(case for case in suite.cases if case.id == case_id)
        samples, t_eos_s = render_turn(case.turns[0], suite.folder)
        return _Question(case_id, samples, case, t_eos_s)

    @staticmethod
    def of_file(path: str) -> _Question:
        return _Question(path, load_audio(path))


def _is_case(question: str) -> bool:
    return not Path(question).exists() and bool(_suite_of(question))


def _suite_of(case_id: str) -> str:
    """The shipped suite that has a case; empty where none has."""
    for name in list_suites():
        if case_id.startswith(name) and any(c.id == case_id for c in load_suite(name).cases):
            return name
    return ""


async def _run_turn(
    assistant: LoadedAssistant, variant: Variant, asked: _Question, show: Callable[[Event], None]
) -> Turn:
    begun = new_turn(
        "live", "fast", suite=asked.case.suite if asked.case else "live", case_id=asked.name,
        variant=variant.name, t_eos_s=asked.t_eos_s,
        t_eos_source="none" if asked.t_eos_s is None else "annotated",
    )  # fmt: skip
    models, case = assistant.models, asked.case
    clock, events = make_clock(begun.pace), []
    pipeline = Assistant(models.recognizer, models.generator, variant)
    async for event in pipeline.run_turn(
        paced(chunk_audio(asked.samples), clock),
        Conversation(variant.history_budget_tokens, case.clock if case else None),
        clock=clock,
        endpointing=case is not None and not is_meeting(case.turns[0]),
        tools=case.tools if case else (),
    ):
        events.append(event)
        show(event)
    return collect_turn(events, begun)


def run_suites(
    assistant: LoadedAssistant,
    suites: str,
    *,
    limit: int | None = 3,
    mode: Mode = "quality",
    pace: Pace | None = None,
    repeats: int | None = None,
    cleaning: str = "",
    prompt: str = "",
) -> OpenRun | Note:
    """Runs suites and leaves a run under `reports/`; an unfinished one of the same kind goes on.

    Args:
        assistant: Loaded models.
        suites: Names with commas between them; empty for none.
        limit: At most so many cases of each suite; None for all.
        mode: `quality` or `latency`.
        pace: Of latency mode: `real_time` (by default) or `fast`.
        repeats: How often each case runs; None for what the mode asks for.
        cleaning: Presets with commas between them, each a variant.
        prompt: Likewise.

    Raises:
        InterruptedRunError: It was interrupted; what was recorded is kept.
        ConfigError, SuiteError, StorageError: See `runs.runner.execute`.
    """
    if assistant.has_own_recognizer:
        raise ConfigError(
            "a run records its models, and this recognizer is an object",
            "Name its factory in a profile: asr.kind: package.module:function.",
        )
    if not suites:
        return Note("No suites are named, so nothing was run.")
    variants = build_variants(_split(cleaning), _split(prompt), [], seed=0)
    settings = RunSettings(
        profile=assistant.name, suites=tuple(_split(suites)), variants=variants, mode=mode,
        pace=pace, repeats=repeats, limit=limit,
    )  # fmt: skip
    folder = _unfinished(settings) or find_reports() / new_run_id(settings)
    bar = NotebookBar("beginning")
    with _watcher(bar) as shown:
        watcher = _Stoppable(shown)
        lent = assistant.models.lent()
        _beside(
            lambda: execute(settings, folder, watcher, argv=("notebook",), load=lambda _: lent),
            bar,
            watcher,
            f"{folder.name} keeps what was recorded. Run the cell again to go on",
        )
    bar.end(f"Run {folder.name} is finished.")
    return open_run(folder)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _unfinished(settings: RunSettings) -> Path | None:
    """The latest run of the same settings that was stopped."""
    wanted = settings.resolved()
    for folder in reversed(run_folders(find_reports())):
        with contextlib.suppress(RecordError):
            if read_run(folder).finished_at is None and settings_of(folder) == wanted:
                return folder
    return None


# ---------------------------------------------------------------- watching and stopping


class _BarWatcher:
    """A `runs.runner.Watcher` that draws a bar in a notebook."""

    def __init__(self, bar: NotebookBar) -> None:
        self._bar = bar
        self._done = self._total = self._failed = 0

    def planned(self, folder: Path, run: Run, num_done: int, num_half_written: int) -> None:
        """See `Watcher`; a half-written turn is set aside and runs again."""
        self._done, self._total = num_done, run.num_turns_planned
        again = f", {num_half_written} bytes half-written set aside" if num_half_written else ""
        self._bar.say(f"{folder.name}: {num_done} of {self._total} turns are there{again}")

    def stage(self, text: str) -> None:
        """See `Watcher`."""
        self._bar.say(text)

    def recorded(self, turn: Turn) -> None:
        """See `Watcher`."""
        if turn.is_warm_up:
            self._bar.say("warming up")
            return
        self._done, self._failed = self._done + 1, self._failed + (turn.failure is not None)
        failed = f", {self._failed} failed" if self._failed else ""
        self._bar.show(
            self._done / self._total, f": {turn.suite}, {self._done} of {self._total} turns{failed}"
        )


@contextlib.contextmanager
def _watcher(bar: NotebookBar) -> Iterator[Watcher]:
    """A bar in a notebook, the command line's elsewhere."""
    if running_notebook() is not None:
        yield _BarWatcher(bar)
        return
    with RunProgress() as progress:
        yield progress


class _Stop(Exception):
    """Ends the work at the next turn that is on disk: no error, somebody wants to stop."""


class _Stoppable:
    """A watcher that ends the run it watches, once it is told to."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._is_told = threading.Event()

    def stop(self) -> None:
        """To be ended at the next turn."""
        self._is_told.set()

    def planned(self, folder: Path, run: Run, num_done: int, num_half_written: int) -> None:
        """See `Watcher`."""
        self._watcher.planned(folder, run, num_done, num_half_written)

    def stage(self, text: str) -> None:
        """See `Watcher`."""
        self._watcher.stage(text)

    def recorded(self, turn: Turn) -> None:
        """See `Watcher`; the turn is on disk, so this is where to stop."""
        self._watcher.recorded(turn)
        if self._is_told.is_set():
            raise _Stop


def _beside(
    work: Callable[[], T], bar: NotebookBar, watcher: _Stoppable | None = None, kept: str = ""
) -> T:
    """Does work on a thread of its own while this one waits and takes interrupts."""
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            is_over.set()

    is_over = threading.Event()  # a join that is interrupted takes the thread for ended
    threading.Thread(target=target, name="voicebench-live", daemon=True).start()
    try:
        while not is_over.wait(_SECONDS_BETWEEN_LOOKS):
            pass
    except KeyboardInterrupt:
        if watcher is None:
            raise InterruptedRunError("interrupted", "Run the cell again") from None
        bar.say("interrupted: the turn in progress is finished and recorded")
        watcher.stop()
        is_over.wait()
    if watcher is not None and errors and isinstance(errors[0], _Stop):
        bar.end("Interrupted.")
        raise InterruptedRunError("interrupted", kept)
    if errors:
        raise errors[0]
    return results[0]


__all__ = ["InterruptedRunError", "LoadedAssistant", "ask", "load", "run_suites"]
