"""Every notebook executed on fresh runs, and looked at in a browser at two widths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voicebench.cli import main

pytestmark = pytest.mark.models  # the session's models ran what is shown

WITHIN_S = 180  # a busy machine; nothing is measured
SHOWN = {
    "02_latency_report": ("Mean of each stage over the turns", "Early work", "Provenance"),
    "03_compare_variants": ("Paired by case, repeat and turn", "side by side"),
    "04_scenarios": ("CER of each suite", "Lost facts by the stage", "worst turns"),
    "05_listen": ("<audio", "heard, by confidence", "Events: "),
    "06_gpu_budget": ("without a GPU", "Speed"),
}


@pytest.fixture(scope="module")
def pages(workplace: Path) -> Path:
    """`reports/`, with the pages of both runs."""
    reports = workplace / "reports"
    assert main(["notebooks", str(reports / "latency"), "--only", "02,05,06"]) == 0
    assert main(["notebooks", str(reports / "quality"), "--only", "03,04"]) == 0
    return reports


def page_of(pages: Path, name: str) -> Path:
    return next(pages.glob(f"*/{name}.html"))


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_shows_what_it_is_for_and_no_code(pages: Path, name: str) -> None:
    html = page_of(pages, name).read_text(encoding="utf-8")
    for text in SHOWN[name]:
        assert text in html
    assert "open_run" not in html
    assert "jp-CodeCell" in html
    for stream in ("application/vnd.jupyter.stderr", "application/vnd.jupyter.stdout"):
        assert stream not in html  # warnings would stand there


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", [*SHOWN, "index"])
def test_a_page_opens_without_a_word_in_the_console(
    pages: Path, browser: Any, name: str, width: int
) -> None:
    path = pages / "index.html" if name == "index" else page_of(pages, name)
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(1000 * WITHIN_S)
    said: list[str] = []
    fetched: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(path.as_uri())
    if name != "index":
        page.wait_for_function("document.querySelectorAll('.vb table').length > 0")
    broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
    too_wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    page.close()
    assert (said, broken, too_wide) == ([], 0, False)
    assert [url for url in fetched if not url.startswith(("data:", "blob:"))] == [path.as_uri()]


def test_tables_sort_by_number_filter_and_are_saved(pages: Path, browser: Any) -> None:
    page = browser.new_page()
    page.set_default_timeout(1000 * WITHIN_S)
    page.goto(page_of(pages, "02_latency_report").as_uri())
    turns = page.locator(".table", has=page.locator("h3", has_text="Turns"))
    turns.locator("th", has_text="response").click()

    def column() -> list[float]:
        return [float(cell) for cell in turns.locator("tbody td:nth-child(4)").all_inner_texts()]

    ascending = column()
    assert len(ascending) > 1
    assert ascending == sorted(ascending)
    with page.expect_download() as saved:
        turns.locator("button.csv").click()
    lines = saved.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith('"case","","variant","","turn",""')
    assert len(lines) == 1 + len(ascending)
    turns.locator("input[type=search]").fill("joint")
    variants = turns.locator("tbody tr:visible td:nth-child(2)").all_inner_texts()
    page.close()
    assert variants
    assert {variant.splitlines()[0] for variant in variants} == {"joint"}


BAD: list[tuple[str, Callable[[Path], str], str]] = [
    ("02", lambda reports: str(reports / "none"), "there is no run"),
    ("03", lambda reports: "latncy", "Did you mean 'latency'?"),
]


@pytest.mark.parametrize(("name", "run", "said"), BAD)
def test_a_mistake_is_one_line_on_the_command_line(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    name: str, run: Callable[[Path], str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(workplace)
    assert main(["notebooks", run(workplace / "reports"), "--only", name]) == 2
    assert said in capsys.readouterr().err


def test_a_mistake_in_a_cell_is_one_line_in_the_page(
    workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A comparison of a run's only variant, in the real kernel: no stack trace."""
    import shutil

    import msgspec

    folder = tmp_path / "one"
    shutil.copytree(workplace / "reports" / "latency", folder)
    run = msgspec.json.decode((folder / "run.json").read_bytes())
    (folder / "run.json").write_bytes(msgspec.json.encode(run | {"variants": run["variants"][:1]}))
    assert main(["notebooks", str(folder), "--only", "03"]) == 1
    captured = capsys.readouterr()
    assert "error: 03_compare_variants: nothing to compare: there is plain" in captured.err
    html = (folder / "03_compare_variants.html").read_text(encoding="utf-8")
    assert "error: nothing to compare: there is plain. Name a run with several variants" in html
    assert "Traceback" not in html


def test_a_warning_of_a_cell_is_an_error_and_a_librarys_own_is_not(
    workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    cells = [
        "exec(\"import warnings; warnings.warn('of a library')\", {'__name__': 'library'})",
        "import warnings; warnings.warn('of a cell')",
    ]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, tmp_path / "07_warns.ipynb")
    run, pages = workplace / "reports" / "latency", tmp_path / "pages"
    command = ["notebooks", str(run), "--notebooks", str(tmp_path), "--out", str(pages)]
    assert main(command) == 1
    assert "error: 07_warns: of a cell" in capsys.readouterr().err
    assert "UserWarning" in (pages / "07_warns.html").read_text(encoding="utf-8")
