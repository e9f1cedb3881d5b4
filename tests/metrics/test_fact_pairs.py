"""Answers with the verdict that a person gives them, one a line of `fact_pairs.tsv`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import run_agreement  # noqa: E402
from _agreement import agreement  # noqa: E402

PAIRS = run_agreement.read_pairs()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['answer']}/{pair['value']}")
def test_the_verdict_of_a_person(pair):
    assert run_agreement.verdict_of(pair) == pair["verdict"]


def test_the_table_is_large_and_holds_every_verdict():
    assert len(PAIRS) >= 300
    verdicts = Counter(pair["verdict"].split("+")[0] for pair in PAIRS)
    assert verdicts.keys() == {"correct", "missing", "contradicted"}
    assert min(verdicts.values()) >= 15
    assert len({tuple(pair.values())[:7] for pair in PAIRS}) == len(PAIRS)


def test_the_page_shows_the_agreement_that_there_is():
    page = (ROOT / "docs" / "facts.md").read_text(encoding="utf-8")
    shown = page.split(run_agreement.BEGIN)[1].split(run_agreement.END)[0].strip()
    assert shown == run_agreement.markdown(
        run_agreement.cells(run_agreement.table(PAIRS, run_agreement.read_held_out()))
    )


def test_kappa_is_agreement_beyond_chance():
    assert agreement([("a", "a"), ("b", "b")]).kappa == 1.0
    assert agreement([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]).kappa == 0.0
    assert agreement([("a", "a")]).kappa is None
    sums = agreement([("a", "b")]) + agreement([("a", "a")])
    assert (sums.recall("a"), sums.precision("a"), sums.precision("b")) == (0.5, 1.0, 0.0)
