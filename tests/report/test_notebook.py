"""Records shown by IPython once `%load_ext voicebench.report` has told it how."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from tests.report.runs import make_run, make_turn, quality_turns, write
from voicebench.metrics.attribution import Attribution
from voicebench.metrics.error_rate import ErrorRate
from voicebench.report import compare, load_ipython_extension, open_run
from voicebench.report.html import table_html
from voicebench.report.tables import Cell, Column, Table
from voicebench.runs.lost import lost_facts


@pytest.fixture(scope="module")
def formatter() -> DisplayFormatter:
    formatter = DisplayFormatter()
    load_ipython_extension(SimpleNamespace(display_formatter=formatter))
    return formatter


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return open_run(write(tmp_path_factory.mktemp("runs") / "r1", quality_turns()))


SHOWN = {
    "rate": (lambda run: ErrorRate(1, 0, 2, 10), "30.0", "3 of 10"),
    "attribution": (lambda run: Attribution(4, asr=1, llm=1), "50.0", "Of 4 expected facts."),
    "comparisons": (compare, "Differences in daily_qa", "factual"),
    "comparison": (lambda run: compare(run).differences[0], "CER", "full"),
    "lost": (
        lambda run: next(iter(lost_facts(run.run, map(run.report.read, run.report.kept), run.cases))),
        "time 三点 contradicted", "Lost by asr.",
    ),
    "turn": (lambda run: make_turn("a"), "heard, by confidence", "三"),
    "run": (lambda run: make_run(), "abcdef123456", "daily_qa"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_a_record_is_a_page_in_a_notebook(
    formatter: DisplayFormatter, opened: Any, name: str
) -> None:
    make, *texts = SHOWN[name]
    data, _ = formatter.format(make(opened))
    for text in texts:
        assert text in data["text/html"]
    if name not in ("turn", "run"):  # records print as what they are made of
        for text in texts:
            assert text in data["text/plain"]


def test_what_a_cell_says_is_never_markup() -> None:
    table = Table((Column("n", "%"),), ((Cell("<b>1</b>", "n = 2"),),), caption="c & d")
    html = table_html(table)
    assert '<td class="num"><b>&lt;b&gt;1&lt;/b&gt;</b><small>n\u00a0=\u00a02</small></td>' in html
    assert "c &amp; d" in html


def test_a_figure_is_saved_from_what_a_notebook_has(opened: Any, tmp_path: Path) -> None:
    from voicebench.report import conditions

    assert conditions(opened).save(tmp_path / "cer.png").stat().st_size > 5000
