"""How far the judge of facts agrees with a person, on the hand-written pairs of the tests.

    python bench/run_agreement.py                         # prints the table
    python bench/run_agreement.py --docs docs/facts.md    # and writes it into the page

`tests/metrics/fact_pairs.tsv` holds an answer, a fact, and the verdict that a person gave from the
meaning alone. The column `first` holds what the judge said when it met the pair for the first time:
only that is agreement on pairs that the judge was not mended on. "now" says that it was mended.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from _common import ROOT, finish

from voicebench.metrics.agreement import JudgeAgreement, agreement
from voicebench.metrics.facts import judge_answer
from voicebench.types import Fact

PAIRS = ROOT / "tests" / "metrics" / "fact_pairs.tsv"
COLUMNS = ("pairs", "n", "agreed", "kappa", "false: precision", "false: recall",
           "missing: recall")  # fmt: skip
BEGIN, END = (
    "<!-- agreement: python bench/run_agreement.py --docs docs/facts.md -->",
    "<!-- end -->",
)

Pair = Mapping[str, str]


def read_pairs(path: Path = PAIRS) -> list[Pair]:
    """The pairs, a mapping of column to text each."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def verdict_of(pair: Pair) -> str:
    """What the judge makes of a pair's answer."""
    fact = Fact(
        id="fact",
        type=pair["type"],  # type: ignore[arg-type]
        value=pair["value"],
        accepted=_forms(pair["accepted"]),
        forbidden=_forms(pair["forbidden"]),
    )
    found = judge_answer(pair["answer"], [fact], clock=pair["clock"], context=[pair["context"]])
    return found.facts[0].verdict + ("+unsupported" if found.unsupported else "")


def _forms(field: str) -> tuple[str, ...]:
    return tuple(form for form in field.split("|") if form)


def _plain(verdict: str) -> str:
    """An answer that states anything false is a false one, whatever else it says."""
    return "false" if "contradicted" in verdict or "unsupported" in verdict else verdict


def table(pairs: Sequence[Pair]) -> dict[str, JudgeAgreement]:
    """JudgeAgreement on each round at first sight, and on all pairs now, by type of fact."""
    rows = {}
    for round_, title in (("2", "first sight, before mending"), ("3", "first sight, mended once")):
        met = [pair for pair in pairs if pair["round"] == round_]
        rows[title] = _agreement((pair, pair["first"]) for pair in met)
    judged = [(pair, verdict_of(pair)) for pair in pairs]
    for kind in sorted({pair["type"] for pair in pairs}):
        rows[f"now, {kind}"] = _agreement((p, v) for p, v in judged if p["type"] == kind)
    rows["now, all"] = _agreement(judged)
    return rows


def _agreement(judged: Iterable[tuple[Pair, str]]) -> JudgeAgreement:
    return agreement((_plain(pair["verdict"]), _plain(found)) for pair, found in judged)


def cells(rows: Mapping[str, JudgeAgreement]) -> list[list[str]]:
    """The table as text."""
    return [
        [title, str(row.n), f"{row.agreed / row.n:.1%}", *map(_two_digits, (
            row.kappa, row.precision("false"), row.recall("false"), row.recall("missing")))]
        for title, row in rows.items()
    ]  # fmt: skip


def _two_digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The table as it stands in the page."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--docs", type=Path, help="page whose table is written anew")
    args = parser.parse_args()
    found = table(read_pairs())
    rows = cells(found)
    if args.docs:
        text = args.docs.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        text = before + BEGIN + "\n" + markdown(rows) + "\n" + END + rest.split(END, 1)[1]
        args.docs.write_text(text, encoding="utf-8")
    finish("agreement", COLUMNS, rows, {"rows": {
        title: {"n": row.n, "agreed": row.agreed, "kappa": row.kappa} for title, row in found.items()
    }})  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
