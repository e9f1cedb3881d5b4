from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.errors import ConfigError
from voicebench.metrics.error_rate import (
    NORMALIZERS,
    ErrorRate,
    align,
    cer,
    characters,
    cp_cer,
    mer,
    wer,
)

texts = st.text(alphabet="今天气很好三百abc 。，", max_size=12)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "counts"),
    [
        # (substitutions, deletions, insertions, reference units); jiwer's documented cases
        ("hello world", "hello duck", (1, 0, 0, 2)),
        ("i can spell", "i kan cpell", (2, 0, 0, 3)),
        ("i hope", "i really hope we see it", (0, 0, 4, 2)),
        ("hi", "hi", (0, 0, 0, 1)),
        ("a b c d e", "a b d e f", (0, 1, 1, 5)),
    ],
)
def test_word_errors_with_known_answers(reference, hypothesis, counts):
    rate = wer(reference, hypothesis)
    assert (
        rate.substitutions, rate.deletions, rate.insertions, rate.reference_units
    ) == counts  # fmt: skip


def distance(a, b):
    """Levenshtein's distance by its textbook recurrence."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


@given(texts, texts)
def test_errors_are_the_edit_distance_of_normalised_characters(reference, hypothesis):
    normalize = NORMALIZERS["basic"]
    expected = distance(characters(normalize(reference)), characters(normalize(hypothesis)))
    assert cer(reference, hypothesis).errors == expected


@given(st.lists(st.tuples(texts, texts), max_size=6))
def test_the_corpus_rate_is_the_rate_of_summed_counts(pairs):
    rates = [cer(reference, hypothesis) for reference, hypothesis in pairs]
    total = sum(rates, ErrorRate())
    assert total.errors == sum(rate.errors for rate in rates)
    assert total.total == sum(rate.total for rate in rates)
    if total.total:
        assert total.rate == pytest.approx(total.errors / total.total)


@given(texts)
def test_normalisation_is_the_same_on_both_sides(text):
    assert cer(text, NORMALIZERS["basic"](text)).errors == 0
    assert cer(NORMALIZERS["basic"](text), text).errors == 0


@given(st.text(max_size=30))
def test_basic_is_idempotent(text):
    once = NORMALIZERS["basic"](text)
    assert NORMALIZERS["basic"](once) == once


@pytest.mark.parametrize("name", ["itn", "tn"])
def test_number_forms_are_brought_together(name):
    assert cer("一共三百块", "一共300块", name).errors == 0
    assert cer("一共三百块", "一共300块", "basic").errors == 3


def test_what_was_invented_against_silence_counts_on_both_sides():
    rate = cer("", "嗯嗯") + cer("今天天气", "今天天气")
    assert (rate.errors, rate.total) == (2, 6)
    assert cer("", "").rate is None


def test_mixed_speech_counts_hanzi_singly_and_latin_by_word():
    rate = mer("打开PPT和App", "打开PVT和App")
    assert (rate.substitutions, rate.reference_units) == (1, 5)
    assert mer("用 WiFi 上网", "用wifi上网").errors == 0


def test_an_unknown_normaliser_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'x'.*basic"):
        cer("a", "a", "x")


def test_an_alignment_shows_what_happened():
    assert str(align(list("三百块钱"), list("三白块钱啊"))) == "三[百→白]块钱[+啊]"
    assert str(align(list("下周三"), list("周三"))) == "[-下]周三"
    assert str(align(["hello", "world"], ["hello", "duck"])) == "hello [world→duck]"


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="more substitutions"):
        ErrorRate(substitutions=3, reference_units=2)


@given(
    st.dictionaries(st.sampled_from("ABC"), texts, max_size=3),
    st.dictionaries(st.sampled_from("xyz"), texts, max_size=3),
)
def test_cp_cer_is_the_best_of_all_permutations(references, hypotheses):
    size = max(len(references), len(hypotheses))
    said = [*references.values()] + [""] * (size - len(references))
    heard = [*hypotheses.values()] + [""] * (size - len(hypotheses))
    best = min(
        sum(cer(r, h).errors for r, h in zip(said, order, strict=True))
        for order in itertools.permutations(heard)
    )
    assert cp_cer(references, hypotheses).errors == best


def test_cp_cer_forgives_names_of_speakers_but_not_mixed_up_speech():
    assert cp_cer({"A": "你好", "B": "再见"}, {"1": "再见", "2": "你好"}).errors == 0
    assert cp_cer({"A": "你好", "B": "再见"}, {"1": "你好再见"}).errors == 4
