"""The shipped suites are sound, of the promised size, and unknown to the bundled models."""

from __future__ import annotations

import importlib.util
import itertools
import random
from collections import Counter

import pytest

from voicebench.bundled.recipe import cases as recipe_cases
from voicebench.bundled.recipe import long_tasks, sentences
from voicebench.bundled.recipe.dialogues import dialogues
from voicebench.bundled.recipe.frames import DIALECT_FRAMES, FRAMES
from voicebench.metrics.facts import judge_answer
from voicebench.suites.check import TEMPLATE_TAG, Training, check_suite, fold, split_symbols
from voicebench.suites.load import CASES_FILE, DATASETS_FOLDER, INFO_FILE, list_suites, load_suite

SUITES = recipe_cases.SUITES
MIN_CASES = {"daily_qa": 40, "self_correction": 40}
NUM_TRAINING_TEXTS = 4000
needs_synthesis = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None,
    reason="making speech needs the extra `synth` (espeakng-loader)",
)


@pytest.fixture(scope="module")
def training() -> Training:
    """The LLM's user turns and the recogniser's sentences as training draws them, a sample each."""
    rng = random.Random(7)
    made = list(itertools.islice(dialogues(rng, "train"), NUM_TRAINING_TEXTS))
    heard = itertools.islice(sentences.asr_texts(rng, "train"), NUM_TRAINING_TEXTS)
    turns = [m.content for each in made for m in each.messages if m.role == "user"]
    templates = {template_id for each in made for template_id in each.template_ids}
    texts = {fold(text) for text in (*turns, *(each.text for each in heard))}
    return Training(texts=frozenset(texts), template_ids=frozenset(templates))


def test_every_shipped_suite_has_a_recipe() -> None:
    own = ("voicebench suites new ", "voicebench suites import ")  # of whoever runs the tests
    infos = {name: (DATASETS_FOLDER / name / INFO_FILE).read_text() for name in list_suites()}
    assert tuple(n for n, info in infos.items() if not any(c in info for c in own)) == SUITES


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_is_sound_and_unknown_to_the_models(name: str, training: Training) -> None:
    vocabulary = frozenset((*sentences.characters(), *sentences.lx.LATIN))
    problems = check_suite(name, resynthesise=False, vocabulary=vocabulary, training=training)
    assert [str(problem) for problem in problems] == []


@needs_synthesis
@pytest.mark.parametrize("name", SUITES)
def test_annotated_ends_of_speech_are_where_speech_ends(name: str) -> None:
    assert check_suite(name, resynthesise=True) == ()


@needs_synthesis
@pytest.mark.parametrize("name", SUITES)
def test_the_recipe_gives_the_same_bytes_again(name: str) -> None:
    shipped = (DATASETS_FOLDER / name / CASES_FILE).read_bytes()
    assert recipe_cases.cases_bytes(name) == shipped, (
        "run `python -m voicebench.bundled.recipe.cases`"
    )


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_has_the_promised_number_of_cases(name: str) -> None:
    cases = load_suite(name).cases
    assert len(cases) >= MIN_CASES.get(name, 20)
    assert all(any(turn.facts for turn in case.turns) or "refusal" in case.tags for case in cases)


def test_template_tags_name_held_out_templates_only() -> None:
    held_out = {
        template_id
        for frame in FRAMES + DIALECT_FRAMES
        for template_id, _ in (
            *frame.statement_templates(held_out=True),
            *(each for slot in frame.slots for each in frame.question_templates(slot, True)),
        )
    }
    meeting_lines = (
        long_tasks.DECISIONS,
        long_tasks.TODOS,
        long_tasks.RISK_LINES,
        long_tasks.ASKS,
    )
    held_out |= {f"meeting/{lines[-1]}" for lines in meeting_lines}
    tagged = {
        tag.removeprefix(TEMPLATE_TAG)
        for name in SUITES
        for case in load_suite(name).cases
        for tag in case.tags
        if tag.startswith(TEMPLATE_TAG)
    }
    assert tagged <= held_out


def test_names_are_held_out_from_training() -> None:
    from voicebench.bundled.recipe.lexicon import is_held_out

    names = {
        fact.value
        for suite in SUITES
        for case in load_suite(suite).cases
        for turn in case.turns
        for fact in turn.facts
        if fact.id in ("person", "todo1_person", "todo2_person")
    }
    assert len(names) > 30
    assert all(is_held_out(name, 5) for name in names)


def test_no_utterance_is_said_twice() -> None:
    said = Counter(case.turns[0].reference for name in SUITES for case in load_suite(name).cases)
    assert [text for text, times in said.items() if times > 1] == []


def test_every_self_correction_takes_something_back() -> None:
    for case in load_suite("self_correction").cases:
        turn = case.turns[0]
        forbidden = [value for fact in turn.facts for value in fact.forbidden]
        assert forbidden, case.id
        assert all(fold(value) not in fold(turn.meaning) for value in forbidden), case.id


def test_the_long_meeting_lasts_eight_minutes_with_voices_that_overlap() -> None:
    long = [case for case in load_suite("long_meeting").cases if "long" in case.tags]
    assert len(long) == 1
    turn = long[0].turns[0]
    assert 470 < turn.t_eos_s < 520
    assert len({segment.voice for segment in turn.segments}) >= 4
    assert sum(segment.start_s is not None for segment in turn.segments) >= 10
    assert len(split_symbols(turn.reference)) > len(split_symbols(turn.meaning))


def test_short_meetings_last_half_a_minute_to_a_minute() -> None:
    short = [case for case in load_suite("long_meeting").cases if "short" in case.tags]
    assert len(short) >= 20
    assert all(30 <= case.turns[0].t_eos_s <= 60 for case in short)


def test_some_dialect_turns_are_spoken_by_the_cantonese_voice() -> None:
    voices = Counter(
        segment.voice.partition("+")[0]
        for case in load_suite("dialect_mix").cases
        for segment in case.turns[0].segments
    )
    assert min(voices["yue"], voices["cmn"]) >= 8


@pytest.mark.parametrize("name", SUITES)
def test_the_metrics_agree_with_the_facts(name: str) -> None:
    """An answer of the right values is right; one that says what was taken back is wrong."""
    for case in load_suite(name).cases:
        said: list[str] = []
        for turn in case.turns:
            said.append(turn.meaning)
            ideal = judge_answer(
                "，".join(fact.value for fact in turn.facts),
                turn.facts,
                clock=case.clock,
                context=said,
            )
            assert {each.verdict for each in ideal.facts} <= {"correct"}, case.id
            assert ideal.unsupported == (), case.id
            for fact in turn.facts:
                for old in fact.forbidden:
                    wrong = judge_answer(old, [fact], clock=case.clock, context=said)
                    assert wrong.facts[0].verdict == "contradicted", (case.id, old)
