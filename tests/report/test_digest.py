"""What opens a report: six lines on a run, and the answer of a comparison in words and as a matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.report.runs import HEARD_WRONG, SAID, latency_turns, make_case, make_turn, timed, write
from voicebench.report.comparison import compare_report
from voicebench.report.data import Report, load_report
from voicebench.report.digest import digest_table
from voicebench.report.findings import findings, matrix
from voicebench.report.formatting import quantiles_text, significant
from voicebench.report.tables import Table, tables_of_mode
from voicebench.types import Degradation, Variant


def rows_of(table: Table) -> dict[str, list[str]]:
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


def test_six_lines_of_a_latency_run_beside_the_claims(tmp_path: Path) -> None:
    run = write(tmp_path / "r1", latency_turns(), mode="latency")
    table = digest_table(load_report(run))
    titles = [column.title for column in table.columns]
    assert titles == ["", "plain", "full", "claimed by the first version"]
    assert table.columns[-1].unit == "another machine, other models"
    rows = rows_of(table)
    assert len(rows) == 6
    assert rows["end of speech to first token"] == [
        "1.100 / 1.190", "0.700 / 0.790", "1.32 / 1.41 / 1.38 / 2.15 / 1.47",
    ]  # fmt: skip
    assert rows["most of it is"][0].startswith("First token 0.500 s (45 %)")
    assert rows["RTF"] == ["0.0250", "0.0250", "0.28"]
    assert rows["CER"][:2] == ["0.0", "0.0"]
    assert rows["factual errors / facts missed"][:2] == ["0.0 / 0.0", "0.0 / 0.0"]
    assert rows["fell back or failed"][:2] == ["0 of 3 turns", "0 of 3 turns"]


def test_one_turn_is_one_value(tmp_path: Path) -> None:
    run = write(tmp_path / "r1", [timed("a")], mode="latency", variants=(Variant(name="plain"),))
    report = load_report(run)
    assert rows_of(digest_table(report))["end of speech to first token"][0] == "1.000"
    latency = tables_of_mode(report)[0]
    response = [column.title for column in latency.columns].index("response")
    assert latency.rows[0][response].text == "1.000"


def test_what_fell_back_is_counted_with_its_reason(tmp_path: Path) -> None:
    silent = Degradation(reason="silence", hint="")
    turns = [make_turn("a"), make_turn("b", degraded=silent, answer="", heard="")]
    run = write(tmp_path / "r1", turns, variants=(Variant(name="plain"),))
    (cell,) = [row[1] for row in digest_table(load_report(run)).rows if "fell" in row[0].text]
    assert (cell.text, cell.detail) == ("1 of 2 turns", "silence 1")


def compared(folder: Path, wrong: dict[str, int], num: int = 20) -> Report:
    """`wrong` of the `num` cases of two suites are answered wrongly under each variant."""
    turns = [
        make_turn(f"{suite}{n}", name, HEARD_WRONG if n < count else SAID, suite=suite)
        for suite in ("daily_qa", "noise")
        for name, count in wrong.items()
        for n in range(num)
    ]
    cases = [make_case(f"{s}{n}", s) for s in ("daily_qa", "noise") for n in range(num)]
    variants = tuple(Variant(name=n, window_s=2.4 + at) for at, n in enumerate(wrong))
    return load_report(write(folder, turns, cases, variants=variants, suites=("daily_qa", "noise")))


def answer_of(report: Report) -> tuple[list[str], Table]:
    found = compare_report(report)
    assert found is not None
    table = matrix(found)
    assert table is not None
    return findings(found), table


def test_the_answer_names_who_is_better_by_how_much_and_how_surely(tmp_path: Path) -> None:
    lines, table = answer_of(compared(tmp_path / "r1", {"base": 16, "good": 2}))
    assert lines[0].startswith("Factual errors: better than base: good −70.0 points [−")
    assert lines[0].endswith("]; 40 conversations.")
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert [column.shown_title for column in table.columns] == [
        "variant", "all suites", "daily_qa", "noise",
    ]  # fmt: skip
    assert rows["base"] == ["80.0 / 0.0"] * 3
    assert rows["good"] == ["10.0★ / 0.0"] * 3
    shades = {row[0].text: row[1].shade for row in table.rows}
    assert (shades["base"], shades["good"]) == (1.0, pytest.approx(0.125))


def test_what_may_be_chance_is_not_marked_and_says_what_it_would_take(tmp_path: Path) -> None:
    lines, table = answer_of(compared(tmp_path / "r1", {"base": 5, "other": 4}))
    assert lines[0].startswith(
        "Factual errors: no difference can be seen. The largest is −5.0 points"
    )
    assert "which may be chance. To see a difference of 1 point takes " in lines[0]
    assert lines[1] == "Facts missed: the same in every turn."
    assert not any(mark in cell.text for row in table.rows for cell in row for mark in "★▼")


def test_what_is_worse_is_marked_and_the_lowest_is_not(tmp_path: Path) -> None:
    lines, table = answer_of(compared(tmp_path / "r1", {"base": 1, "bad": 15}))
    assert lines[0].startswith("Factual errors: worse than base: bad +70.0 points")
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert rows["bad"][0] == "75.0▼ / 0.0"
    assert rows["base"][0] == "5.0 / 0.0"


def test_of_many_variants_there_is_the_first_and_the_range(tmp_path: Path) -> None:
    report = compared(tmp_path / "r1", {"base": 4, "b": 4, "c": 8, "d": 2})
    table = digest_table(report)
    assert [c.title for c in table.columns][1:3] == ["base", "all variants"]
    (cell,) = [row[2] for row in table.rows if row[0].text.startswith("factual")]
    assert (cell.text, cell.detail) == ("10.0 / 0.0 … 40.0 / 0.0", "d … c")


def test_what_variants_share_is_shown_once(tmp_path: Path) -> None:
    report = compared(tmp_path / "r1", {"base": 4, "b": 4, "c": 4})
    different = [
        msgspec.structs.replace(turn, answer="下午四点开会。") if turn.variant == "b" else turn
        for turn in (report.read(kept) for kept in report.kept)
    ]
    cases = list(report.cases.values())
    run = write(tmp_path / "r2", different, cases, variants=report.run.variants,
                suites=report.run.suites)  # fmt: skip
    own, shared = tables_of_mode(load_report(run))[:2]
    assert "CER" not in [column.title for column in own.columns]
    assert "factual errors" in [column.title for column in own.columns]
    assert shared.title == "The same under every variant"
    assert [row[0].text for row in shared.rows] == ["daily_qa", "noise", "all"]
    cer = [column.title for column in shared.columns].index("CER")
    assert {row[cer].text for row in shared.rows} == {"1.8"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(1010.0, "1,010"), (1234567.0, "1,234,567"), (86.04, "86.0"), (0.00123, "0.00123"), (0, "0")],
)
def test_numbers_have_no_exponent(value: float, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ({"n": 1, "p50": 1.0, "p95": 1.0}, "1.000"),
        ({"n": 3, "p50": 1.0, "p95": 2.0}, "1.000 / 2.000"),
    ],
)
def test_quantiles_of_few_are_one_value(metric: dict[str, Any], text: str) -> None:
    assert quantiles_text(metric) == text
