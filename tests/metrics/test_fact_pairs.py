"""Answers with the verdict that a person gives them, one a line of `fact_pairs.tsv`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from voicebench.metrics.agreement import agreement

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import run_agreement  # noqa: E402

PAIRS = run_agreement.read_pairs()
BEYOND_IT = {
    "周四不开会。",
    "3/15。",
    "买小米14。",
    "两杯奶茶。",
    "会议在周四，由刘洋主持。",
    "联系中国联通。",
}
"""Answers that the judge gets wrong, as docs/facts.md says."""


def _case(pair):
    marks = [pytest.mark.xfail(strict=True)] if pair["answer"] in BEYOND_IT else []
    return pytest.param(pair, id=f"{pair['answer']}/{pair['value']}", marks=marks)


@pytest.mark.parametrize("pair", [_case(pair) for pair in PAIRS])
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
    assert shown == run_agreement.markdown(run_agreement.cells(run_agreement.table(PAIRS)))


def test_kappa_is_agreement_beyond_chance():
    assert agreement([("a", "a"), ("b", "b")]).kappa == 1.0
    assert agreement([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]).kappa == 0.0
    assert agreement([("a", "a")]).kappa is None
    sums = agreement([("a", "b")]) + agreement([("a", "a")])
    assert (sums.recall("a"), sums.precision("a"), sums.precision("b")) == (0.5, 1.0, 0.0)
