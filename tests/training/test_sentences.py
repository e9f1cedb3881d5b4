"""The recogniser's training texts: each word can be written, and the test's are never trained on."""

from __future__ import annotations

import itertools
import random

import pytest

from training.language import everyday, sentences
from training.language.values import World

KNOWN = frozenset(sentences.characters())


def test_every_everyday_word_can_be_written() -> None:
    lists = (*everyday.WORDS.values(), *everyday.CANTONESE_WORDS.values())
    assert [word for words in lists for word in words if not KNOWN.issuperset(word)] == []


@pytest.mark.parametrize("cantonese", [False, True])
def test_an_everyday_sentence_has_no_slot_left(cantonese: bool) -> None:
    rng, world = random.Random(1), World(spoken=True)
    said = [everyday.everyday(rng, world, cantonese=cantonese) for _ in range(500)]
    assert not any("{" in each or not each for each in said)
    assert len(set(said)) > 450


def test_words_of_the_dictionary_are_drawn_by_how_often_they_are_said() -> None:
    words, cumulative = sentences.dictionary()
    assert len(words) > 100_000
    assert all(KNOWN.issuperset(word) for word in words)
    weights = dict(zip(words, itertools.pairwise((0.0, *cumulative)), strict=True))
    often, rarely = (weights[word][1] - weights[word][0] for word in ("其他", "其它"))
    assert often > rarely > 0


@pytest.mark.parametrize("cantonese", [False, True])
def test_what_is_tested_is_never_trained_on(cantonese: bool) -> None:
    rng = random.Random(2)
    tested = list(itertools.islice(sentences.free_texts(rng, cantonese=cantonese), 40))
    assert all(sentences.is_test(text.text) for text in tested)
    trained = itertools.islice(sentences.asr_texts(rng, "train"), 400)
    assert not any(sentences.is_test(text.text) for text in trained)
