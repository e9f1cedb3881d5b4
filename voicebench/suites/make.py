"""A suite's folder from recordings: checked whole before anything is there under its name.

    NAME/suite.yaml  NAME/cases.jsonl  NAME/README.md  NAME/audio/

Audio is copied, so that the suite can be moved and its hash stays true, or referred to where it
lies, which suits a corpus of gigabytes. A case is one recording with one turn. Nothing is known of a
good answer yet, so a turn expects `transcript`, and the facts in it are suggestions.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.audio import load_audio
from voicebench.errors import AudioError, StorageError, SuiteError
from voicebench.suites.load import CASES_FILE, INFO_FILE, Problem
from voicebench.suites.recordings import Found, Recording, to_reference
from voicebench.suites.schema import SuiteInfo
from voicebench.types import SAMPLE_RATE_HZ, Case, CaseTurn, Fact

DEFAULT_CLOCK = "2026-01-05T09:00:00"
"""Fixed, so that the same folder gives the same suite byte for byte."""
AUDIO_FOLDER = "audio"
_END_TOLERANCE_S = 0.05  # annotations are rounded

EndOfSpeech = Callable[[NDArray[np.float32]], float | None]
Suggest = Callable[[str, str], tuple[Fact, ...]]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Making:
    """How a suite is made.

    Attributes:
        info: What `suite.yaml` will say.
        folder: Where it will lie; its name is the suite's.
        copies_audio: Copy the audio into it, or refer to it where it lies.
        skips_bad: Leave out what cannot be used, or refuse to make the suite.
        end_of_speech: Samples (num_samples,) at 16 kHz to the end of speech in seconds, None where
            nobody speaks; asked where nobody annotated it.
        suggest: Transcript and clock to facts that it probably holds.
        clock: The cases' now, ISO 8601.
        progress: Told of each recording: how many are done, of how many, which one.
    """

    info: SuiteInfo
    folder: Path
    copies_audio: bool
    end_of_speech: EndOfSpeech
    suggest: Suggest = lambda text, clock: ()
    clock: str = DEFAULT_CLOCK
    skips_bad: bool = False
    progress: Progress = lambda done, total, name: None


@dataclass
class Made:
    """What came of it.

    Attributes:
        folder: The suite; None when problems kept it from being made.
        num_cases: Its cases.
        speech_s: Seconds of audio up to each end of speech.
        problems: What was wrong.
        warnings: What was taken and makes figures hard to believe.
        left_out: What was left out: known gaps of a corpus, and what was wrong but skipped.
    """

    folder: Path | None = None
    num_cases: int = 0
    speech_s: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    left_out: list[Problem] = field(default_factory=list)


def pick(recordings: Sequence[Recording], limit: int | None) -> list[Recording]:
    """At most `limit` recordings, evenly spread, so that they are not all of one speaker.

    >>> pick(["a1", "a2", "b1", "b2"], 2)
    ['a1', 'b1']
    """
    if limit is None or limit >= len(recordings):
        return list(recordings)
    return [recordings[index * len(recordings) // limit] for index in range(limit)]


def check_name(name: str) -> None:
    """Refuses a name that is no folder's, or that tables give another meaning.

    Raises:
        SuiteError: The name cannot be a suite's.
    """
    if not re.fullmatch(r"\w[\w-]*", name) or name == "all":
        way_out = "Take letters, digits, _ and -; `all` stands for all suites together."
        raise SuiteError(f"{name!r} cannot be a suite's name", way_out)


def make_suite(found: Found, making: Making, limit: int | None = None) -> Made:
    """Makes a suite of what was found.

    Args:
        found: Recordings, and what is wrong already.
        making: How.
        limit: At most so many recordings.

    Returns:
        The suite's folder, or every problem and no folder.

    Raises:
        SuiteError: The name cannot be a suite's, the folder is there already, or nothing is left to
            make a suite of.
        MissingPackageError: The end of speech is asked for and its model is not installed.
        StorageError: The disk refused; nothing is left behind.
    """
    check_name(making.info.name)
    if making.folder.exists():
        raise SuiteError(f"{making.folder} is there already", "Take another name or remove it.")
    made = Made(problems=list(found.problems), left_out=list(found.left_out))
    recordings = pick(found.recordings, limit)
    places = {each.place for each in recordings}
    made.warnings = [each for each in found.warnings if each.place in places]
    part = making.folder.parent / f".{making.folder.name}.{os.getpid()}.part"
    try:
        part.mkdir(parents=True)
        cases = _make_cases(recordings, making, part, made)
        if not cases and not made.problems:
            raise SuiteError(f"no recording was found to make {making.info.name} of")
        if cases and making.skips_bad:
            made.problems, made.left_out = [], made.left_out + made.problems
        if not made.problems:
            _write(part, making, cases)
            part.rename(making.folder)
            made.folder, made.num_cases = making.folder, len(cases)
            made.speech_s = sum(case.turns[0].t_eos_s for case in cases)
    except OSError as error:
        raise StorageError(
            f"{making.folder} cannot be written: {error.strerror or error}",
            "Make room or name another folder; nothing was left behind",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return made


def _make_cases(
    recordings: Sequence[Recording], making: Making, part: Path, made: Made
) -> list[Case]:
    cases = []
    for number, recording in enumerate(recordings, start=1):
        try:
            cases.append(_make_case(recording, making, part))
        except (AudioError, SuiteError) as error:
            made.problems.append(Problem(recording.place, error.problem, error.way_out))
        making.progress(number, len(recordings), recording.id)
    return cases


def _make_case(recording: Recording, making: Making, part: Path) -> Case:
    source = recording.audio if isinstance(recording.audio, Path) else recording.audio()
    samples = load_audio(source)
    duration_s = len(samples) / SAMPLE_RATE_HZ
    t_eos_s = recording.t_eos_s
    if t_eos_s is not None and t_eos_s > duration_s + _END_TOLERANCE_S:
        raise SuiteError(
            f"speech ends at {t_eos_s} s, but {_name(recording)} has {duration_s:.2f} s"
        )
    if t_eos_s is None:
        t_eos_s = making.end_of_speech(samples)
        if t_eos_s is None:
            raise SuiteError(
                f"no speech is heard in {_name(recording)}",
                "Record it again, or say where speech ends: column t_eos_s of transcripts.tsv.",
            )
    reference = to_reference(recording.text)
    turn = CaseTurn(
        reference=reference,
        meaning=to_reference(recording.meaning) or reference,
        t_eos_s=round(min(t_eos_s, duration_s), 3),
        audio=_place_audio(recording, source, making, part),
        facts=recording.facts or making.suggest(reference, making.clock),
        expects="transcript",
        t_eos_source=msgspec.UNSET if recording.t_eos_s is not None else "vad",
        spoken=recording.spoken or msgspec.UNSET,
    )
    return Case(
        id=recording.id,
        suite=making.info.name,
        clock=making.clock,
        turns=(turn,),
        tags=recording.tags,
        licence=making.info.licence,
    )


def _name(recording: Recording) -> str:
    return str(recording.audio) if isinstance(recording.audio, Path) else recording.id


def _place_audio(recording: Recording, source: Path | bytes, making: Making, part: Path) -> str:
    if isinstance(source, Path) and not making.copies_audio:
        return str(source.resolve())
    suffix = source.suffix.lower() if isinstance(source, Path) else _suffix(source)
    copy = part / AUDIO_FOLDER / f"{recording.id}{suffix}"
    copy.parent.mkdir(exist_ok=True)
    if isinstance(source, Path):
        shutil.copyfile(source, copy)
    else:
        copy.write_bytes(source)
    return f"{AUDIO_FOLDER}/{copy.name}"


def _suffix(content: bytes) -> str:
    """The reader goes by content; the suffix is for people."""
    magics = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"\xff": ".mp3"}
    return next((suffix for magic, suffix in magics.items() if content.startswith(magic)), ".audio")


def _write(part: Path, making: Making, cases: Sequence[Case]) -> None:
    lines = b"".join(msgspec.json.encode(case) + b"\n" for case in cases)
    (part / CASES_FILE).write_bytes(lines)
    (part / "README.md").write_text(_readme(making, cases), encoding="utf-8")
    (part / INFO_FILE).write_bytes(msgspec.yaml.encode(making.info))


def _readme(making: Making, cases: Sequence[Case]) -> str:
    info, turns = making.info, [case.turns[0] for case in cases]
    num_vad = sum(turn.t_eos_source == "vad" for turn in turns)
    speech_s = sum(turn.t_eos_s for turn in turns)
    audio = (
        f"copied into `{AUDIO_FOLDER}/`"
        if making.copies_audio
        else "referred to where it lies: if it is moved or changed, this is another suite"
    )
    return f"""# {info.name}

{info.description}

| | |
|---|---|
| recordings | {len(cases)}, {speech_s / 60:.1f} minutes of speech |
| language | {info.language} |
| licence | {info.licence} |
| audio | {audio} |
| end of speech | annotated in {len(cases) - num_vad}, found by the VAD in {num_vad} |
| suggested facts | {sum(len(turn.facts) for turn in turns)}, reviewed by nobody |

## What is scored
The transcript: `expects` is `transcript` in every turn. To score answers too, read a turn's facts,
keep what a good answer must state, add what it must not (`forbidden`), and set `expects` to `answer`
(or `refusal`). `voicebench suites check {info.name}` says what does not hold.

`reference` is what was said, word for word; `meaning` is the same until somebody writes it down
without hesitations and corrections. 今天 is {making.clock[:10]} (`clock`).

## Made by
`{info.made_by}`
"""
