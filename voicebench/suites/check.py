"""Whether a suite's cases mean what they say: what a schema cannot see.

A case that is wrong makes every figure computed on it wrong, so the checks are about truth: a fact
must really be said, a forbidden value must really have been taken back, the annotated end of
speech must be where the audio ends, and nothing may have been learned by heart in training.

    voicebench suites check daily_qa
"""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import msgspec

from voicebench.errors import SuiteError
from voicebench.suites.load import Problem, Suite, find_suite, read_suite
from voicebench.types import Case, CaseTurn, Record, Segment

T_EOS_TOLERANCE_S = 0.05
SELF_CORRECTION_TAG = "self_correction"
SAME_SOUND_TAG = "same_sound"
"""A case with names of one sound and several writings: its wrong writings were never said."""
TEMPLATE_TAG = "template:"
"""Prefix of the tag that names the frame a case was made from."""


class Training(Record, frozen=True):
    """What a bundled model was trained on, as far as a suite must keep away from it."""

    texts: frozenset[str]
    """Sentences and user turns, folded by `fold`."""
    template_ids: frozenset[str]


def fold(text: str) -> str:
    """Letters and digits only, NFKC, lower case: the form in which texts are compared here.

    >>> fold("三点，用 PPT！")
    '三点用ppt'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())


def split_symbols(text: str) -> list[str]:
    """The recogniser's symbols in a text: each Hanzi alone, each Latin word whole, lower case.

    >>> split_symbols("用PPT讲")
    ['用', 'ppt', '讲']
    """
    return re.findall(r"[a-z]+(?:'[a-z]+)*|[^\W_]", text.casefold())


def load_vocabulary(recognizer_folder: Path) -> frozenset[str]:
    """The symbols of a FunASR recogniser folder (`tokens.json`).

    Raises:
        SuiteError: The folder holds no readable `tokens.json`.
    """
    path = recognizer_folder / "tokens.json"
    try:
        tokens: list[str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SuiteError(f"{path} is no vocabulary: {error}", "Name a recogniser folder.") from None
    return frozenset(token.casefold() for token in tokens)


def check_suite(
    name_or_path: str | Path,
    *,
    resynthesise: bool = True,
    vocabulary: frozenset[str] | None = None,
    training: Training | None = None,
) -> tuple[Problem, ...]:
    """Checks a suite: its form first and, when that holds, every case.

    Args:
        name_or_path: A suite's name under `datasets/`, or its folder.
        resynthesise: Also measure every synthesised turn's end of speech again.
        vocabulary: The recogniser's symbols; None to leave spelling unchecked.
        training: What the models were trained on; None to leave disjointness unchecked.

    Returns:
        Every problem with its `file:line`, in file order; empty for a sound suite.

    Raises:
        SuiteError: There is no such suite.
        MissingPackageError: `resynthesise`, and the speech synthesiser is not installed.
    """
    suite, problems = read_suite(find_suite(name_or_path))
    if suite is None:
        return tuple(problems)
    return check_cases(suite, resynthesise=resynthesise, vocabulary=vocabulary, training=training)


def check_cases(
    suite: Suite,
    *,
    resynthesise: bool = True,
    vocabulary: frozenset[str] | None = None,
    training: Training | None = None,
) -> tuple[Problem, ...]:
    """Checks the cases of a suite that is loaded already. Arguments and result as `check_suite`."""
    problems: list[Problem] = []
    for index, case in enumerate(suite.cases):
        messages = [*_case_messages(case), *_turn_messages(suite, case)]
        if vocabulary is not None:
            messages += _unknown_symbols(case, vocabulary)
        if training is not None:
            messages += _learned(case, training)
        if resynthesise:
            messages += _wrong_ends(suite, case)
        problems += [Problem(suite.place(index), f"case {case.id}, {text}") for text in messages]
    return tuple(problems)


def _case_messages(case: Case) -> Iterator[str]:
    try:
        datetime.datetime.fromisoformat(case.clock)
    except ValueError:
        yield f"clock {case.clock!r} is not an ISO 8601 time"
    is_correction = SELF_CORRECTION_TAG in case.tags
    if is_correction and not any(fact.forbidden for turn in case.turns for fact in turn.facts):
        yield f"tagged {SELF_CORRECTION_TAG} but no fact names the value that was taken back"


def _turn_messages(suite: Suite, case: Case) -> Iterator[str]:
    references, meanings = "", ""
    for number, turn in enumerate(case.turns, start=1):
        references += fold(turn.reference) + "\n"
        meanings += fold(turn.meaning) + "\n"
        is_scored = turn.expects != "transcript"
        all_said = SAME_SOUND_TAG not in case.tags
        facts = _fact_messages(turn, references, meanings, all_said) if is_scored else iter(())
        calls = _call_messages(case, turn, references)
        for message in (*_form_messages(turn), *_speech_messages(suite, turn), *facts, *calls):
            yield f"turn {number}: {message}"


def _form_messages(turn: CaseTurn) -> Iterator[str]:
    has_speech = turn.sound is msgspec.UNSET
    if has_speech and not (fold(turn.reference) and fold(turn.meaning)):
        yield "reference and meaning must not be empty"
    if not has_speech and (turn.reference or turn.meaning or turn.t_eos_s):
        yield "nobody speaks (sound), so reference and meaning are empty and t_eos_s is 0"
    marks = sorted({char for char in turn.reference if unicodedata.category(char)[0] in "PS"})
    if [mark for mark in marks if mark not in "'-."]:
        yield f"reference has punctuation {''.join(marks)!r}; a recogniser gives none"
    if has_speech and turn.t_eos_s <= 0:
        yield f"t_eos_s must be positive, got {turn.t_eos_s}"
    if turn.max_sentences < 0:
        yield f"max_sentences must not be negative, got {turn.max_sentences}"
    if turn.expects in ("refusal", "degraded") and turn.facts:
        yield f"expects {turn.expects}, so it must list no facts"
    if turn.expects == "answer" and not turn.facts:
        yield "expects an answer, so it must list at least one fact"


def _speech_messages(suite: Suite, turn: CaseTurn) -> Iterator[str]:
    if turn.audio and not (suite.folder / turn.audio).is_file():
        yield f"recording {turn.audio!r} is not in {suite.folder}"
    for segment in turn.segments:
        if re.search(r"\d", segment.spoken):
            yield f"spoken text has digits: {segment.spoken!r}; spell numbers in Hanzi"
    if turn.segments and not _says(turn.segments, turn.reference):
        yield "the segments do not say the reference"
    if turn.spoken is not msgspec.UNSET:
        if fold("".join(segment.text for segment in turn.spoken)) != fold(turn.reference):
            yield "the spoken segments are not the reference"
        if any(segment.end_s > turn.t_eos_s + T_EOS_TOLERANCE_S for segment in turn.spoken):
            yield f"somebody speaks after t_eos_s, {turn.t_eos_s}"


def _says(segments: tuple[Segment, ...], reference: str) -> bool:
    """Whether the spoken texts are the reference; unknown where that writes numbers in digits."""
    spoken = fold("".join(segment.spoken for segment in segments))
    return spoken == fold(reference) or bool(re.search(r"\d", reference))


def _call_messages(case: Case, turn: CaseTurn, references: str) -> Iterator[str]:
    """Expected tool calls against the tools offered and what was said."""
    if turn.tool_calls and turn.expects != "tool":
        yield f"lists tool_calls but expects {turn.expects!r}"
    offered = {each["function"]["name"]: each["function"] for each in case.tools}
    for call in turn.tool_calls or ():
        if call.name not in offered:
            yield f"calls {call.name!r}, which the case does not offer"
            continue
        parameters = offered[call.name]["parameters"]
        for name in sorted(set(parameters["required"]) - set(call.arguments)):
            yield f"the call of {call.name} lacks {name!r}"
        for name, value in call.arguments.items():
            if name not in parameters["properties"]:
                yield f"the call of {call.name} has an unknown {name!r}"
            elif fold(str(value)) not in references:
                yield f"the call of {call.name} has {name} {value!r}, which was not said"


def _fact_messages(turn: CaseTurn, references: str, meanings: str, all_said: bool) -> Iterator[str]:
    """Facts against everything the user has said so far, as words and as meant; `all_said`:
    whether a forbidden value must have been said and taken back."""
    if len({fact.id for fact in turn.facts}) < len(turn.facts):
        yield "two facts have the same id"
    for fact in turn.facts:
        forms = [fold(form) for form in (fact.value, *fact.accepted)]
        if not all(forms):
            yield f"fact {fact.id}: an accepted form is empty"
            continue
        for said, where in ((references, "reference"), (meanings, "meaning")):
            if not any(form in said for form in forms):
                yield f"fact {fact.id}: {fact.value!r} is not in the {where}"
        for value in fact.forbidden:
            if not fold(value) or any(fold(value) in form for form in forms):
                yield f"fact {fact.id}: forbidden {value!r} is part of an accepted form"
            elif all_said and fold(value) not in references:
                yield f"fact {fact.id}: forbidden {value!r} was never said, so never taken back"


def _unknown_symbols(case: Case, vocabulary: frozenset[str]) -> Iterator[str]:
    for number, turn in enumerate(case.turns, start=1):
        if turn.audio or turn.expects == "degraded":
            continue  # what was said is the reference, whether or not it can be written
        unknown = sorted(set(split_symbols(turn.reference)) - vocabulary)
        if unknown:
            yield f"turn {number}: the recogniser cannot write {' '.join(unknown)}"


def _learned(case: Case, training: Training) -> Iterator[str]:
    for number, turn in enumerate(case.turns, start=1):
        if {fold(turn.reference), fold(turn.meaning)} & training.texts:
            yield f"turn {number}: the reference is a sentence of the training texts"
    for tag in case.tags:
        template_id = tag.removeprefix(TEMPLATE_TAG)
        if tag.startswith(TEMPLATE_TAG) and template_id in training.template_ids:
            yield f"template {template_id!r} is one of the training templates"


def _wrong_ends(suite: Suite, case: Case) -> Iterator[str]:
    from voicebench.suites.render import render_turn

    for number, turn in enumerate(case.turns, start=1):
        if turn.segments:
            _, t_eos_s = render_turn(turn, suite.folder)
            if abs(t_eos_s - turn.t_eos_s) > T_EOS_TOLERANCE_S:
                yield f"turn {number}: t_eos_s is {turn.t_eos_s}, but speech ends at {t_eos_s:.3f}"
