"""How far the judge of facts agrees with a person, on the hand-written pairs of the tests.

    python bench/run_agreement.py                         # prints the table
    python bench/run_agreement.py --docs docs/facts.md    # and writes it into the page
    python bench/run_agreement.py --held-out pairs.tsv    # further pairs, in rows of their own

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

from _agreement import JudgeAgreement, agreement
from _common import ROOT, finish

from voicebench.metrics.facts import judge_answer
from voicebench.types import Fact

PAIRS = ROOT / "tests" / "metrics" / "fact_pairs.tsv"
HELD_OUT = ROOT / "tests" / "metrics" / "held_out_pairs.tsv"
FIRST_SIGHT = {
    "2": "first sight, before mending",
    "3": "first sight, mended once",
    "5": "first sight, kinds that an audit found wrong",
    "6": "first sight, of the grammar",
    "7": "first sight, kinds that the grammar still had wrong",
    "8": "first sight, further pairs of those kinds",
    "9": "first sight, natural answers, open names",
    "10": "first sight, natural answers, mended once",
}
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


def read_held_out(path: Path = HELD_OUT) -> list[Pair]:
    """Pairs that were not looked at while mending; none where there is no such file."""
    return read_pairs(path) if path.exists() else []


def verdict_of(pair: Pair) -> str:
    """What the judge makes of a pair's answer."""
    fact = Fact(
        id="fact",
        type=pair["type"],  # type: ignore[arg-type]
        value=pair["value"],
        accepted=_forms(pair["accepted"]),
        forbidden=_forms(pair["forbidden"]),
    )
    answer = pair["answer"].replace("\\n", "\n")
    found = judge_answer(answer, [fact], clock=pair["clock"], context=[pair["context"]])
    return found.facts[0].verdict + ("+unsupported" if found.unsupported else "")


def _forms(field: str) -> tuple[str, ...]:
    return tuple(form for form in field.split("|") if form)


def _plain(verdict: str) -> str:
    """An answer that states anything false is a false one, whatever else it says."""
    return "false" if "contradicted" in verdict or "unsupported" in verdict else verdict


def table(pairs: Sequence[Pair], held_out: Sequence[Pair] = ()) -> dict[str, JudgeAgreement]:
    """Agreement on each round at first sight, and on all pairs now, by type of fact; then on pairs
    that were held out."""
    rows = {}
    for round_, title in FIRST_SIGHT.items():
        met = [pair for pair in pairs if pair["round"] == round_]
        rows[title] = _agreement((pair, pair["first"]) for pair in met)
    return rows | _by_type("now", pairs) | (_by_type("held out", held_out) if held_out else {})


def _by_type(title: str, pairs: Sequence[Pair]) -> dict[str, JudgeAgreement]:
    judged = [(pair, verdict_of(pair)) for pair in pairs]
    kinds = sorted({pair["type"] for pair in pairs})
    rows = {
        f"{title}, {kind}": _agreement((p, v) for p, v in judged if p["type"] == kind)
        for kind in kinds
    }
    return rows | {f"{title}, all": _agreement(judged)}


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
    parser.add_argument("--held-out", type=Path, default=HELD_OUT, metavar="TSV",
                        help="pairs that were not looked at while mending")  # fmt: skip
    args = parser.parse_args()
    found = table(read_pairs(), read_held_out(args.held_out))
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
