"""A run's references and hypotheses in the files of other scorers.

Each variant and repeat gets a folder with both sides of the same turns, after the same normaliser,
so that a scorer is given two files and its word error rate is our CER (`units="characters"`) or MER
(`units="mixed"`). A turn whose transcript is not counted in our CER is in neither file.

    voicebench export reports/RUN
    sclite -r reports/RUN/scoring/seed/ref.stm stm -h reports/RUN/scoring/seed/hyp.ctm ctm
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from voicebench.errors import RecordError, StorageError
from voicebench.metrics.error_rate import align, characters, mixed_units
from voicebench.metrics.measures import is_transcript_counted
from voicebench.metrics.normalize import get_normalizer
from voicebench.metrics.score_formats import (
    ScoredSegment,
    ScoredWord,
    to_ctm,
    to_kaldi,
    to_seglst,
    to_stm,
)
from voicebench.runs.record import read_cases, read_run, read_turns
from voicebench.types import Case, SpokenSegment, Token, Turn, join_tokens

Units = Literal["characters", "mixed"]
UNITS: dict[str, Callable[[str], list[str]]] = {"characters": characters, "mixed": mixed_units}
FORMATS = ("stm", "ctm", "seglst", "kaldi")
USER, RECOGNIZER = "user", "recognizer"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: Every file.
        num_turns: Turns in them, over all folders.
        num_left_out: Turns whose transcript is not counted: they failed before there was one, or
            belong to no case.
    """

    files: tuple[Path, ...]
    num_turns: int
    num_left_out: int


@dataclass(frozen=True)
class Sides:
    """Both sides of some turns: references, hypotheses by turn, hypotheses by word."""

    references: tuple[ScoredSegment, ...]
    hypotheses: tuple[ScoredSegment, ...]
    words: tuple[ScoredWord, ...]


def export_run(
    folder: Path,
    out: Path,
    formats: Sequence[str] = FORMATS,
    *,
    units: Units = "characters",
    normalizer: str = "basic",
) -> Exported:
    """Writes the files.

    Args:
        folder: The run.
        out: Where the folders of its variants are made.
        formats: Of `FORMATS`.
        units: What the words of the files are.
        normalizer: Name of the transcript normaliser, the same on both sides.

    Raises:
        RecordError: The folder is no run, its records are damaged, or it holds no transcript.
        ConfigError: There is no such normaliser.
        StorageError: A file cannot be written.
    """
    run, cases = read_run(folder), read_cases(folder)
    turns = [turn for turn in read_turns(folder).turns if not turn.is_warm_up]
    counted = [t for t in turns if (t.suite, t.case_id) in cases and is_transcript_counted(t)]
    if not counted:
        raise RecordError(f"{folder} holds no transcript", "Run it again: voicebench run")
    groups: dict[str, list[Turn]] = {}
    for turn in counted:
        repeat = f".{turn.repeat + 1}" if run.repeats > 1 else ""
        groups.setdefault(_word(turn.variant) + repeat, []).append(turn)
    files: list[Path] = []
    for name, members in groups.items():
        sides = both_sides(members, cases, units=units, normalizer=normalizer)
        files += _write(out / name, sides, formats)
    return Exported(tuple(files), len(counted), len(turns) - len(counted))


def both_sides(
    turns: Iterable[Turn],
    cases: dict[tuple[str, str], Case],
    *,
    units: Units = "characters",
    normalizer: str = "basic",
) -> Sides:
    """References and hypotheses of turns, normalised and cut into units.

    Raises:
        ConfigError: There is no such normaliser.
        RecordError: Two turns get the same session name.
    """
    references: list[ScoredSegment] = []
    hypotheses: list[ScoredSegment] = []
    words: list[ScoredWord] = []
    sessions: list[str] = []
    for turn in turns:
        session = session_name(turn)
        references += _reference(turn, cases[turn.suite, turn.case_id], session, units, normalizer)
        timed = timed_units(turn.hypothesis.tokens, session, units=units, normalizer=normalizer)
        words += timed
        hypotheses += _hypothesis(turn, timed, session, units, normalizer)
        sessions.append(session)
    if len(set(sessions)) < len(sessions):
        double = next(name for name in sessions if sessions.count(name) > 1)
        raise RecordError(f"two turns are both called {double} when white space is taken out")
    return Sides(tuple(references), tuple(hypotheses), tuple(words))


def session_name(turn: Turn) -> str:
    """A turn's name in the files, without white space: suite, case and turn, from 1."""
    return f"{_word(turn.suite)}-{_word(turn.case_id)}-t{turn.turn_index + 1}"


def _word(text: str) -> str:
    return re.sub(r"[\s/\\]+", "_", text) or "_"


def _hypothesis(
    turn: Turn, timed: Sequence[ScoredWord], session: str, units: Units, normalizer: str
) -> list[ScoredSegment]:
    """One segment a turn; where the run told speakers apart, one each time somebody speaks."""
    if turn.speakers:
        return _by_speaker(turn.speakers, session, units, normalizer)
    return [
        ScoredSegment(
            session=session,
            speaker=RECOGNIZER,
            start_s=timed[0].start_s if timed else 0.0,
            end_s=timed[-1].start_s + timed[-1].duration_s if timed else turn.audio_s,
            words=tuple(each.word for each in timed),
        )
    ]


def _by_speaker(
    spoken: Iterable[SpokenSegment], session: str, units: Units, normalizer: str
) -> list[ScoredSegment]:
    cut, normalize = UNITS[units], get_normalizer(normalizer)
    return [
        ScoredSegment(
            session, _word(said.speaker or RECOGNIZER), said.start_s, said.end_s,
            tuple(cut(normalize(said.text))),
        )
        for said in spoken
    ]  # fmt: skip


def _reference(
    turn: Turn, case: Case, session: str, units: Units, normalizer: str
) -> list[ScoredSegment]:
    """One segment a turn; of a recording of several people, one each time somebody speaks."""
    asked = case.turns[turn.turn_index]

    if asked.spoken is not msgspec.UNSET:
        return _by_speaker(asked.spoken, session, units, normalizer)
    words = tuple(UNITS[units](get_normalizer(normalizer)(asked.reference)))
    end_s = max(asked.t_eos_s, turn.audio_s)  # sclite gives a segment the words within its times
    return [ScoredSegment(session, USER, 0.0, end_s, words)]


def timed_units(
    tokens: Sequence[Token], session: str, *, units: Units, normalizer: str
) -> list[ScoredWord]:
    """A hypothesis as units of its normalised text, each with the time of the token it is from.

    A token of several units shares its time among them. Where the normaliser writes something else
    than the tokens (numbers in digits), the two are aligned, and what has no counterpart takes no
    time at the end of what is before it.
    """
    normalize, cut = get_normalizer(normalizer), UNITS[units]
    whole = cut(normalize(join_tokens([token.text for token in tokens])))
    single = [
        word for token in tokens for word in _share(token, cut(normalize(token.text)), session)
    ]
    if [word.word for word in single] == whole:
        return single
    return list(_retimed(single, whole, session))


def _share(token: Token, units: Sequence[str], session: str) -> Iterator[ScoredWord]:
    each_s = (token.end_s - token.start_s) / len(units) if units else 0.0
    confidence = min(token.confidence, 1.0)
    for index, unit in enumerate(units):
        yield ScoredWord(session, token.start_s + index * each_s, each_s, unit, confidence)


def _retimed(
    single: Sequence[ScoredWord], whole: Sequence[str], session: str
) -> Iterator[ScoredWord]:
    """The units of `whole` with the times of those of `single` that they stand for."""
    at, before = 0, ScoredWord(session, single[0].start_s if single else 0.0, 0.0, "", 0.0)
    for step in align([word.word for word in single], whole).steps:
        for index, unit in enumerate(step.hypothesis):
            if step.reference:
                before = replace(single[at + index], word=unit)
            else:
                end_s = before.start_s + before.duration_s
                before = replace(before, start_s=end_s, duration_s=0.0, word=unit)
            yield before
        at += len(step.reference)


def _write(folder: Path, sides: Sides, formats: Sequence[str]) -> list[Path]:
    contents: dict[str, dict[str, str]] = {
        "stm": {"ref.stm": to_stm(sides.references), "hyp.stm": to_stm(sides.hypotheses)},
        "ctm": {"ref.stm": to_stm(sides.references), "hyp.ctm": to_ctm(sides.words)},
        "seglst": {
            "ref.seglst.json": to_seglst(sides.references),
            "hyp.seglst.json": to_seglst(sides.hypotheses),
        },
        "kaldi": {"ref.txt": to_kaldi(sides.references), "hyp.txt": to_kaldi(sides.hypotheses)},
    }
    files = {name: text for each in formats for name, text in contents[each].items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written: {error.strerror}", "Make room or name another --out"
        ) from error
    return [folder / name for name in files]
