"""Answers with the verdict that a person gives them, one a line of `fact_pairs.tsv`."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from voicebench.metrics.facts import judge_answer
from voicebench.types import Fact

with (Path(__file__).parent / "fact_pairs.tsv").open(encoding="utf-8", newline="") as lines:
    PAIRS = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def split(field):
    return tuple(form for form in field.split("|") if form)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['answer']}/{pair['value']}")
def test_the_verdict_of_a_person(pair):
    fact = Fact(
        id="fact",
        type=pair["type"],
        value=pair["value"],
        accepted=split(pair["accepted"]),
        forbidden=split(pair["forbidden"]),
    )
    found = judge_answer(pair["answer"], [fact], clock=pair["clock"], context=[pair["context"]])
    verdict = found.facts[0].verdict + ("+unsupported" if found.unsupported else "")
    assert verdict == pair["verdict"], found


def test_the_table_is_large_and_holds_every_verdict():
    assert len(PAIRS) >= 120
    verdicts = {pair["verdict"].split("+")[0] for pair in PAIRS}
    assert verdicts == {"correct", "missing", "contradicted"}
