"""The shipped suites are sound, of the promised size, and unknown to the bundled models."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import importlib.util
import itertools
import random
import re
from collections import Counter

import msgspec
import pytest

from training import suites as recipe_cases
from training.language import meeting_lines, sentences
from training.language.dialogues import dialogues
from training.language.frames import DIALECT_FRAMES, FRAMES
from voicebench.commands.suites import summary
from voicebench.metrics.conditions import heard_under
from voicebench.metrics.facts import judge_answer
from voicebench.pipeline.sample_tools import sample_toolbox
from voicebench.suites.check import TEMPLATE_TAG, Training, check_suite, fold, split_symbols
from voicebench.suites.load import CASES_FILE, DATASETS_FOLDER, INFO_FILE, list_suites, load_suite
from voicebench.types import Case

SUITES = recipe_cases.SUITES
MIN_CASES = 60
MIN_CASES_OF = {"long_meeting": 34}  # 22 short and 12 long
CASES_BEFORE_GROWTH = {"daily_qa": 40, "dialect_mix": 24, "long_meeting": 23, "multi_turn": 24,
                       "self_correction": 40}  # fmt: skip
FIRST_CASES_SHA256 = {
    "daily_qa": "98c9167b2021b7a9",
    "dialect_mix": "6aad7d29a3e11ef8",
    "long_meeting": "1237dd3f6f2495ae",
    "multi_turn": "7c71a4a886e67166",
    "self_correction": "556d751e5a60344c",
}
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
@pytest.mark.parametrize("name", [name for name in SUITES if name != "long_meeting"])
def test_annotated_ends_of_speech_are_where_speech_ends(name: str) -> None:
    assert check_suite(name, resynthesise=True) == ()


@needs_synthesis
@pytest.mark.parametrize("name", SUITES)
def test_the_recipe_gives_the_same_bytes_again(name: str) -> None:
    shipped = (DATASETS_FOLDER / name / CASES_FILE).read_bytes()
    assert recipe_cases.cases_bytes(name) == shipped, "run `python -m training.suites`"


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_has_the_promised_number_of_cases(name: str) -> None:
    cases = load_suite(name).cases
    assert len(cases) >= MIN_CASES_OF.get(name, MIN_CASES)
    assert all(
        turn.facts or turn.expects in ("refusal", "degraded")
        for case in cases
        for turn in case.turns
    )


def test_template_tags_name_held_out_templates_only() -> None:
    held_out = {
        template_id
        for frame in FRAMES + DIALECT_FRAMES
        for template_id, _ in (
            *frame.statement_templates(held_out=True),
            *(each for slot in frame.slots for each in frame.question_templates(slot, True)),
        )
    }
    meetings = (
        meeting_lines.DECISIONS,
        meeting_lines.TODOS,
        meeting_lines.RISK_LINES,
        meeting_lines.ASKS,
    )
    held_out |= {f"meeting/{lines[-1]}" for lines in meetings}
    tagged = {
        tag.removeprefix(TEMPLATE_TAG)
        for name in SUITES
        for case in load_suite(name).cases
        for tag in case.tags
        if tag.startswith(TEMPLATE_TAG)
    }
    assert tagged <= held_out


def test_names_are_held_out_from_training() -> None:
    from training.language.lexicon import is_held_out

    names = {
        fact.value
        for suite in SUITES
        for case in load_suite(suite).cases
        for turn in case.turns
        for fact in turn.facts
        if fact.id == "person" or re.fullmatch(r"todo\d_person", fact.id)
    }
    assert len(names) > 30
    assert all(is_held_out(name, 5) for name in names)


def test_no_utterance_is_said_twice() -> None:
    said = Counter(
        case.turns[0].reference
        for name in SUITES
        for case in load_suite(name).cases
        if case.turns[0].condition is msgspec.UNSET and case.turns[0].segments
    )
    assert [text for text, times in said.items() if times > 1] == []


def test_every_self_correction_takes_something_back() -> None:
    for case in load_suite("self_correction").cases:
        turn = case.turns[0]
        forbidden = [value for fact in turn.facts for value in fact.forbidden]
        assert forbidden, case.id
        assert all(fold(value) not in fold(turn.meaning) for value in forbidden), case.id


def test_long_meetings_last_five_to_ten_minutes_with_voices_that_overlap() -> None:
    cases = load_suite("long_meeting").cases
    long = [case.turns[0] for case in cases if "long" in case.tags]
    assert len(long) == 12
    voices = [len({segment.voice for segment in turn.segments}) for turn in long]
    assert set(voices) == {3, 4, 5, 6}
    for turn in long:
        assert 300 <= turn.t_eos_s <= 620
        assert sum(segment.start_s is not None for segment in turn.segments) >= 8
        assert len(split_symbols(turn.reference)) > len(split_symbols(turn.meaning))
    first_long = [("long" in case.tags) for case in cases].index(True)
    assert not any("short" in case.tags for case in cases[first_long:])


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


@needs_synthesis
def test_dialect_turns_hold_more_than_eighty_terms_with_their_meanings() -> None:
    from training.suites.dialect_mix import cases, terms_tsv

    shipped = (DATASETS_FOLDER / "dialect_mix" / "terms.tsv").read_bytes()
    assert terms_tsv(cases()) == shipped, "run `python -m training.suites`"
    rows = [line.split("\t") for line in shipped.decode().splitlines()[1:]]
    assert ["落单", "下单"] in [row[:2] for row in rows]
    assert len({term for term, means, _ in rows if term != means}) > 81


def test_noise_has_every_condition_on_the_same_sentences() -> None:
    by_condition: dict[str, set[str]] = {}
    for case in load_suite("noise").cases:
        by_condition.setdefault(heard_under(case.turns[0]).label, set()).add(
            case.turns[0].reference
        )
    assert {"clean", "noise 0 dB", "babble 20 dB", "reverberation 0.6 s", "clipping 30 %",
            "packet_loss 20 %"} <= by_condition.keys()  # fmt: skip
    assert len(by_condition) == 20
    assert len({frozenset(sentences) for sentences in by_condition.values()}) == 1


def test_pauses_are_longer_than_an_endpointer_waits_and_end_before_t_eos() -> None:
    thinking = [c.turns[0] for c in load_suite("pauses").cases if "thinking" in c.tags]
    assert all(max(s.pause_before_s for s in turn.segments) >= 0.6 for turn in thinking)
    assert all(sum(s.pause_before_s for s in turn.segments) < turn.t_eos_s for turn in thinking)


@pytest.mark.parametrize(
    "case", [c for c in load_suite("tools").cases if c.turns[0].tool_calls], ids=lambda c: c.id
)
def test_the_expected_calls_are_ones_that_the_sample_tools_answer(case: Case) -> None:
    now = datetime.datetime.fromisoformat(case.clock)
    (call,) = case.turns[0].tool_calls or ()
    result = asyncio.run(sample_toolbox().run(call, now, timeout_s=10))
    assert result.outcome == "done", result


@pytest.mark.parametrize("name", CASES_BEFORE_GROWTH)
def test_ids_stay_with_their_cases(name: str) -> None:
    """Older runs compare as long as a case keeps its id: what is added comes after."""
    cases = load_suite(name).cases
    assert [case.id for case in cases] == [f"{name}-{n:03d}" for n in range(1, len(cases) + 1)]
    kept = b"".join(map(msgspec.json.encode, cases[: CASES_BEFORE_GROWTH[name]]))
    assert hashlib.sha256(kept).hexdigest()[:16] == FIRST_CASES_SHA256[name]


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


def test_the_documented_sizes_are_those_of_the_files() -> None:
    text = (DATASETS_FOLDER.parent / "docs" / "suites.md").read_text(encoding="utf-8")
    for name in SUITES:
        sizes = summary(load_suite(name))
        row = re.search(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        cells = [cell.strip() for cell in row[0].split("|")[3:-1]] if row else []
        speech = f"{sizes['speech_s'] / 60:.1f}"
        counts = [str(sizes[each]) for each in ("num_cases", "num_turns", "num_facts")]
        assert cells == [*counts, speech], name
