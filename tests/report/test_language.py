"""Reports, notebooks, index and tables in Chinese and in English."""

from __future__ import annotations

import re
import string
from pathlib import Path

import nbformat
import pytest

from tests.report.runs import latency_turns, make_turn, quality_turns, write
from voicebench.cli import main
from voicebench.report.comparison import compare_report, comparison_tables
from voicebench.report.data import load_report
from voicebench.report.digest import digest_table
from voicebench.report.figures import draw_figures
from voicebench.report.findings import findings, matrix
from voicebench.report.index import write_index
from voicebench.report.notebooks import NOTEBOOKS, markdown_blocks, translate_markdown
from voicebench.report.render import definitions, write_report
from voicebench.report.tables import Table, attribution_table, tables_of_mode
from voicebench.words import (
    LANGUAGES,
    catalogue,
    current_language,
    default_language,
    translate,
    use_language,
)

HANZI = re.compile(r"[\u4e00-\u9fff]")
THE_SAME = {"", "CER", "cpCER", "MER", "RTF", "p", "%", "s", "+ / −", "GiB"}


@pytest.fixture(params=["quality", "latency"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    turns = quality_turns() if request.param == "quality" else latency_turns()
    return write(tmp_path / "r1", turns, mode=request.param)


def tables_of(folder: Path) -> list[Table]:
    report = load_report(folder)
    compared = compare_report(report)
    assert compared is not None
    whole = matrix(compared)
    assert whole is not None
    return [digest_table(report), whole, *tables_of_mode(report), *comparison_tables(compared),
            attribution_table(report)]  # fmt: skip


def test_titles_columns_units_captions_and_sentences_are_chinese(run: Path) -> None:
    with use_language("zh"):
        for table in tables_of(run):
            shown = [translate(table.title), translate(table.caption)]
            for column in table.columns:
                if not column.is_name:
                    shown += [column.shown_title, translate(column.unit)]
            for text in shown:
                assert HANZI.search(text) or text in THE_SAME, (table.title, text)
        report = load_report(run)
        compared = compare_report(report)
        assert compared is not None
        assert all(map(HANZI.search, findings(compared)))
        assert all(map(HANZI.search, definitions(report).values()))


def test_labels_of_figures_are_chinese(run: Path) -> None:
    with use_language("zh"):
        for figure in draw_figures(load_report(run)):
            drawn = figure.drawing.figure
            labels = [axes.get_xlabel() for axes in drawn.axes if axes.get_xlabel()]
            for text in (figure.caption, *labels, drawn.get_suptitle()):
                assert HANZI.search(text) or text in THE_SAME, (figure.name, text)


def test_the_page_and_the_terminal_take_the_language(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for language, tag, text in (("zh", "zh-CN", "第一版自称"), ("en", "en", "claimed by")):
        assert main(["report", str(run), "--language", language]) == 0
        assert text in capsys.readouterr().out
        page = (run / "report.html").read_text(encoding="utf-8")
        assert f'<html lang="{tag}">' in page
        assert text in page
        assert main(["index", str(run.parent), "--language", language]) == 0
        capsys.readouterr()
        assert f'<html lang="{tag}">' in (run.parent / "index.html").read_text(encoding="utf-8")


def test_a_language_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "r1", "--language", "fr"])
    assert "invalid choice: 'fr'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_default_is_that_of_the_locale(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert default_language() == language


def test_a_language_holds_within_its_block() -> None:
    before = current_language()
    with use_language("zh"):
        with use_language("en"):
            assert current_language() == "en"
        assert current_language() == "zh"
        with use_language(None):
            assert current_language() == "zh"
    assert current_language() == before


def test_names_of_variants_are_never_translated(tmp_path: Path) -> None:
    from voicebench.types import Variant

    variants = (Variant(name="turns"), Variant(name="answer", cleaning="full"))
    turns = [make_turn(case, variant.name) for case in "abc" for variant in variants]
    run = write(tmp_path / "r1", turns, variants=variants)
    with use_language("zh"):
        report = load_report(run)
        assert [column.shown_title for column in digest_table(report).columns[1:3]] == [
            "turns", "answer",
        ]  # fmt: skip
        html = write_report(report, run / "report.html").read_text(encoding="utf-8")
    assert "<b>answer</b>" in html


def test_the_languages_have_the_same_words_and_the_same_places_for_values() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    assert set(LANGUAGES) == {"zh", "en"}
    for name in ("stages", "kinds", "page"):
        assert getattr(zh, name).keys() == getattr(en, name).keys()
    for english, chinese in zh.texts.items():
        fields = [sorted({f[1] or "" for f in string.Formatter().parse(text)} - {""})
                  for text in (english, chinese)]  # fmt: skip
        assert fields[0] == fields[1], english


def test_every_sentence_of_the_notebooks_has_a_translation() -> None:
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for _, text in markdown_blocks(cell.source):
                    assert text in catalogue("zh").texts, (path.name, text)


def test_headings_stay_headings_and_paragraphs_are_joined() -> None:
    assert markdown_blocks("# A\nb\nc\n\nd") == [("# ", "A"), ("", "b c"), ("", "d")]
    with use_language("zh"):
        assert translate_markdown("## The run\nSort by a column, or filter\nby a word.") == (
            "## 这次运行\n\n可以按列排序，或按词筛选。"
        )


def test_the_index_of_several_runs_is_chinese(tmp_path: Path) -> None:
    for name, day in (("old", 5), ("new", 6)):
        write(tmp_path / name, quality_turns(), created_at=f"2026-01-0{day}T08:00:00+08:00")
    with use_language("zh"):
        html = write_index(tmp_path).read_text(encoding="utf-8")
    assert "随提交的趋势" in html
    assert "事实遗漏" in html
