"""`check_suite` finds every case that does not mean what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voicebench.errors import SuiteError
from voicebench.suites.check import Training, check_suite, fold, load_vocabulary, split_symbols

Lines = list[Any]
WriteSuite = Callable[..., Path]


def _turn(cases: Lines) -> dict[str, Any]:
    turn: dict[str, Any] = cases[0]["turns"][0]
    return turn


def _messages(folder: Path, **options: Any) -> list[str]:
    problems = check_suite(folder, resynthesise=False, **options)
    assert all(problem.place.startswith(str(folder)) for problem in problems)
    return [str(problem).removeprefix(str(folder)) for problem in problems]


def test_a_sound_suite_has_no_problems(write_suite: WriteSuite, cases: Lines) -> None:
    vocabulary = frozenset("我两点不对是三见李明谁带") | {"ppt"}
    training = Training(texts=frozenset({"别的话"}), template_ids=frozenset({"meeting.ask"}))
    assert _messages(write_suite(cases), vocabulary=vocabulary, training=training) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c[0].update(clock="tomorrow"), "clock 'tomorrow' is not an ISO 8601 time"),
        (lambda c: _turn(c).update(t_eos_s=0), "t_eos_s must be positive"),
        (lambda c: _turn(c).update(max_sentences=-1), "max_sentences must not be negative"),
        (lambda c: _turn(c).update(meaning="。"), "must not be empty"),
        (lambda c: _turn(c).update(meaning="我见李明"), "fact when: '三点' is not in the meaning"),
        (lambda c: _turn(c)["facts"][0].update(value="四点", accepted=[]), "not in the reference"),
        (lambda c: _turn(c)["facts"][0].update(forbidden=["3点"]), "is part of an accepted form"),
        (lambda c: _turn(c)["facts"][0].update(forbidden=["点"]), "is part of an accepted form"),
        (lambda c: _turn(c)["facts"][0].update(forbidden=["四点"]), "never said"),
        (lambda c: _turn(c)["facts"][0].update(forbidden=[]), "no fact names the value that was"),
        (lambda c: _turn(c)["facts"].append(_turn(c)["facts"][0]), "two facts have the same id"),
        (lambda c: _turn(c)["facts"][0].update(accepted=["-"]), "an accepted form is empty"),
        (lambda c: _turn(c).update(facts=[]), "must list at least one fact"),
        (lambda c: _turn(c).update(expects="refusal"), "it must list no facts"),
        (lambda c: _turn(c)["segments"][0].update(spoken="我2点"), "spoken text has digits"),
        (lambda c: _turn(c)["segments"][0].update(spoken="我三点"), "do not say the reference"),
        (lambda c: _turn(c).update(segments=[], audio="no.wav"), "recording 'no.wav' is not in"),
    ],
)
def test_a_case_that_lies_is_found(
    write_suite: WriteSuite, cases: Lines, spoil: Callable[[Lines], None], message: str
) -> None:
    spoil(cases)
    messages = _messages(write_suite(cases))
    assert any(message in each for each in messages), messages
    assert all(each.startswith("/cases.jsonl:1: case tiny-001, ") for each in messages)


def test_punctuation_in_a_reference_is_found(write_suite: WriteSuite, cases: Lines) -> None:
    _turn(cases)["reference"] = "我两点，不对是三点见李明"
    assert ["reference has punctuation '，'" in each for each in _messages(write_suite(cases))] == [
        True
    ]


def test_a_fact_of_an_earlier_turn_counts_as_said(write_suite: WriteSuite, cases: Lines) -> None:
    cases[1]["turns"][0] = {**_turn(cases), "facts": cases[1]["turns"][0].get("facts", [])}
    question = {
        "reference": "几点见",
        "meaning": "几点见",
        "t_eos_s": 1.0,
        "segments": [{"voice": "cmn", "spoken": "几点见"}],
        "facts": [{"id": "when", "type": "time", "value": "三点"}],
    }
    cases[1]["turns"] = [_turn(cases), question]
    assert _messages(write_suite(cases)) == []
    cases[1]["turns"] = [question]
    assert len(_messages(write_suite(cases))) == 2


def test_symbols_outside_the_vocabulary_are_named(write_suite: WriteSuite, cases: Lines) -> None:
    messages = _messages(write_suite(cases), vocabulary=frozenset("我两点不对是三见李明谁"))
    assert messages == ["/cases.jsonl:2: case tiny-002, turn 1: the recogniser cannot write ppt 带"]


def _record(cases: Lines, folder: Path, **changes: Any) -> None:
    (folder / "a.wav").write_bytes(b"")
    cases[1]["turns"][0] |= {"segments": [], "audio": "a.wav", **changes}


def test_what_a_person_said_need_not_be_writable(write_suite: WriteSuite, cases: Lines) -> None:
    _record(cases, write_suite(cases))
    assert _messages(write_suite(cases), vocabulary=frozenset("我两点不对是三见李明")) == []


def test_suggestions_are_not_checked(write_suite: WriteSuite, cases: Lines) -> None:
    fact = {"id": "answer", "type": "term", "value": "Lima"}
    cases[1]["turns"][0] |= {"expects": "transcript", "facts": [fact]}
    assert _messages(write_suite(cases)) == []
    cases[1]["turns"][0]["expects"] = "answer"
    assert ["'Lima' is not in" in each for each in _messages(write_suite(cases))] == [True, True]


@pytest.mark.parametrize(
    ("text", "end_s", "told"),
    [
        ("谁带ppt", 0.9, []),
        ("谁带", 0.9, ["turn 1: the spoken segments are not the reference"]),
        ("谁带ppt", 1.2, ["turn 1: somebody speaks after t_eos_s, 1.0"]),
    ],
)
def test_speakers_must_say_the_reference_in_time(
    write_suite: WriteSuite, cases: Lines, text: str, end_s: float, told: list[str]
) -> None:
    spoken = [{"speaker": "A", "text": text, "start_s": 0.0, "end_s": end_s}]
    _record(cases, write_suite(cases), spoken=spoken)
    assert [each.split(", ", 1)[1] for each in _messages(write_suite(cases))] == told


def test_what_was_trained_on_is_found(write_suite: WriteSuite, cases: Lines) -> None:
    cases[1]["tags"] = ["template:meeting.ask"]
    training = Training(
        texts=frozenset({fold("我三点见李明")}), template_ids=frozenset({"meeting.ask"})
    )
    messages = _messages(write_suite(cases), training=training)
    assert [each.split(", ", 1)[1] for each in messages] == [
        "turn 1: the reference is a sentence of the training texts",
        "template 'meeting.ask' is one of the training templates",
    ]


def test_form_problems_are_all_told_at_once(write_suite: WriteSuite, cases: Lines) -> None:
    del cases[0]["id"]
    cases[1]["turns"] = []
    messages = _messages(write_suite(cases))
    assert [each.split(":")[1] for each in messages] == ["1", "2"]


def test_vocabulary_is_read_from_a_recogniser_folder(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text(json.dumps(["<blank>", "三", "PPT"]))
    assert load_vocabulary(tmp_path) == {"<blank>", "三", "ppt"}
    with pytest.raises(SuiteError, match=r"tokens\.json is no vocabulary"):
        load_vocabulary(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("用PPT讲三点", ["用", "ppt", "讲", "三", "点"]),
        ("app it's 好", ["app", "it's", "好"]),
        ("，。 ", []),
    ],
)
def test_symbols_are_hanzi_and_latin_words(text: str, symbols: list[str]) -> None:
    assert split_symbols(text) == symbols
