"""Runs a plan and leaves records: begun, killed at any moment, continued, finished.

The executors (`latency`, `quality`) yield turns; this module is the only one that records them, so
what a kill can cost is the turns not yet yielded and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from voicebench.bundled.manifest import hash_folder
from voicebench.errors import ConfigError, RecordError, SuiteError
from voicebench.llm.handoff import check_handoff
from voicebench.pipeline.ready import load_and_warm_up, prepare_folders
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import Profile
from voicebench.runs import provenance
from voicebench.runs.definitions import in_use
from voicebench.runs.gpu_use import GpuWatch
from voicebench.runs.latency import run_latency
from voicebench.runs.plan import (
    Models,
    PlannedConversation,
    Work,
    plan_conversations,
    planned_turns,
    recorded_turns,
    remaining,
)
from voicebench.runs.quality import run_quality
from voicebench.runs.record import (
    RUN_FILE,
    SCHEMA_VERSION,
    TurnWriter,
    iter_turns,
    read_run,
    write_run,
)
from voicebench.runs.resume import begin_or_continue
from voicebench.runs.settings import RunSettings
from voicebench.suites.check import check_cases
from voicebench.suites.load import Suite, list_suites, load_suite
from voicebench.types import Case, Mode, Run, Turn, Variant


class Watcher(Protocol):
    """Who watches a run: a progress bar, or nobody."""

    def planned(self, folder: Path, run: Run, num_done: int, num_half_written: int) -> None:
        """The run is begun or continued; `num_done` turns are there already."""
        ...

    def stage(self, text: str) -> None:
        """What goes on now that takes long and yields no turn."""
        ...

    def recorded(self, turn: Turn) -> None:
        """A turn is on disk."""
        ...


Executor = Callable[[Work], Iterator[Turn]]
EXECUTORS: dict[Mode, Executor] = {"latency": run_latency, "quality": run_quality}


def load_models(profile: Profile, announce: Callable[[str], None] = lambda _: None) -> Models:
    """Loads both models and warms them up; takes seconds."""
    recognizer, generator = load_and_warm_up(profile, announce)
    return Models(recognizer=recognizer, generator=generator)


def settings_of(folder: Path) -> RunSettings:
    """What a run was begun with.

    Raises:
        RecordError: The folder is no run, or its settings cannot be read.
    """
    try:
        return msgspec.convert(read_run(folder).request, RunSettings)
    except msgspec.ValidationError as error:
        raise RecordError(f"{folder / RUN_FILE}: request: {error}") from None


def new_run_id(settings: RunSettings) -> str:
    """Date, time, mode and profile: sorts by date and says what it is."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{settings.mode}-{Path(settings.profile).stem}"


def execute(
    settings: RunSettings,
    folder: Path,
    watcher: Watcher,
    *,
    argv: Sequence[str] = (),
    load: Callable[[Profile], Models] = load_models,
) -> Run:
    """Runs what is left of a run and returns it finished.

    Args:
        settings: What to run; for a run that is continued, what it was begun with.
        folder: The run's folder; its name is the run id.
        watcher: Told of every step.
        argv: The command line, for provenance.
        load: Loads the models; called only when a turn is left to do.

    Raises:
        ConfigError, SuiteError, ModelError: The settings cannot be run.
        RecordError: The folder holds a run with other settings, or something else.
        StorageError: The disk refused; what was recorded stays and the run can be continued.
        KeyboardInterrupt: Likewise.
    """
    with in_use(settings.definitions):
        return _execute(settings.resolved(), folder, watcher, argv, load)


def _execute(
    settings: RunSettings,
    folder: Path,
    watcher: Watcher,
    argv: Sequence[str],
    load: Callable[[Profile], Models],
) -> Run:
    profile = load_profile(settings.profile)
    suites = [_sound_suite(name) for name in settings.suites or list_suites()]
    cases = [case for suite in suites for case in suite.cases[: settings.limit]]
    for variant in settings.variants:
        check_handoff(variant, profile.llm.enable_prompt_embeds)
        _check_speakers(variant, profile)
    conversations = plan_conversations(cases, settings.variants, settings.repeats or 1)
    with_speakers = any(variant.speakers for variant in settings.variants)
    prepare_folders(profile, with_speakers=with_speakers)
    wanted = _describe(settings, profile, suites, cases, conversations, folder.name, argv)
    run = begin_or_continue(folder, wanted, cases)
    with TurnWriter(folder) as writer, GpuWatch() as watch:
        done = recorded_turns(writer.recorded.turns)
        left = remaining(conversations, done.keys())
        watcher.planned(folder, run, len(done), len(writer.recorded.half_written))
        if left:
            models = load(profile)
            watcher.stage("recognising and answering")
            try:
                work = Work(run, left, done, {s.name: s.folder for s in suites}, models)
                for turn in EXECUTORS[settings.mode](work):
                    writer.append(turn)
                    watcher.recorded(turn)
            finally:
                models.generator.close()
                models.recognizer.close()
    return _finish(folder, run, watch.use(), has_worked=bool(left))


def _check_speakers(variant: Variant, profile: Profile) -> None:
    """Refuses a variant that tells speakers apart where the profile has no model for it.

    Raises:
        ConfigError: There is none.
    """
    if variant.speakers and profile.asr.speakers is None:
        raise ConfigError(
            f"variant {variant.name!r} tells speakers apart, and profile {profile.name!r} has no "
            "speaker model",
            "Name one in the profile (asr.speakers), or set speakers=false.",
        )


def _sound_suite(name: str) -> Suite:
    """A suite whose cases mean what they say: a case that is wrong makes every figure on it wrong.

    Raises:
        SuiteError: It has a problem; names file and line of the first.
    """
    suite = load_suite(name)
    problems = check_cases(suite, resynthesise=False)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise SuiteError(f"{problems[0]}{more}", f"Mend it; see voicebench suites check {name}")
    return suite


def _finish(
    folder: Path, run: Run, gpu_use: tuple[dict[str, Any], ...], *, has_worked: bool
) -> Run:
    if run.finished_at and not has_worked:
        return run
    finished = msgspec.structs.replace(
        run,
        finished_at=provenance.wall_clock(),
        gpu_use=gpu_use,
        load_average_after=provenance.load_average(),
        num_warm_up_turns=sum(turn.is_warm_up for turn in iter_turns(folder)),
    )
    write_run(folder, finished)
    return finished


def _describe(
    settings: RunSettings,
    profile: Profile,
    suites: Sequence[Suite],
    cases: Sequence[Case],
    conversations: Sequence[PlannedConversation],
    run_id: str,
    argv: Sequence[str],
) -> Run:
    commit, is_dirty = provenance.git_state()
    request = msgspec.structs.replace(settings, suites=settings.suites or tuple(list_suites()))
    return Run(
        schema_version=SCHEMA_VERSION,
        run_id=run_id,
        created_at=provenance.wall_clock(),
        mode=settings.mode,
        pace=settings.pace or "fast",
        profile=msgspec.to_builtins(profile),
        variants=settings.variants,
        suites=tuple(suite.name for suite in suites),
        suite_sha256={suite.name: suite.sha256 for suite in suites},
        suite_titles={suite.name: suite.title for suite in suites},
        model_sha256={name: hash_folder(folder) for name, folder in profile.folders.items()},
        repeats=settings.repeats or 1,
        seed=settings.seed,
        num_turns_planned=len(planned_turns(conversations)),
        git_commit=commit,
        git_dirty=is_dirty,
        packages=provenance.package_versions(),
        machine=provenance.machine(),
        load_average_before=provenance.load_average(),
        argv=tuple(argv),
        request=msgspec.to_builtins(request),
    )
