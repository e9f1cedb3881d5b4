"""The notebooks as they are committed: pairs in step, no outputs, nothing defined, nothing computed."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
import pytest

from voicebench.errors import ConfigError
from voicebench.report.notebooks import NOTEBOOKS, find_notebooks

PAIRS = [pytest.param(path, id=path.stem) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
FORBIDDEN = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.BinOp, ast.AugAssign,
    ast.For, ast.While, ast.If, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp,
)  # fmt: skip


def cells(notebook: Any) -> list[tuple[str, str, list[str]]]:
    return [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in notebook.cells]


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def test_there_are_six_and_each_is_a_pair() -> None:
    names = [path.stem for path in sorted(NOTEBOOKS.glob("*.py"))]
    assert names == [path.stem for path in find_notebooks()]
    assert [name[:2] for name in names] == ["01", "02", "03", "04", "05", "06"]


@pytest.mark.parametrize("path", PAIRS)
def test_a_notebook_and_its_text_say_the_same(path: Path) -> None:
    text = jupytext.read(path.with_suffix(".py"))
    notebook = read(path)
    assert cells(notebook) == cells(text), "step: jupytext --sync notebooks/*.py"
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("path", PAIRS)
def test_no_output_is_committed(path: Path) -> None:
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("path", PAIRS)
def test_a_notebook_only_calls(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "code":
            source = "\n".join(line for line in cell.source.splitlines() if line[:1] != "%")
            assert not [n for n in ast.walk(ast.parse(source)) if isinstance(n, FORBIDDEN)]


@pytest.mark.parametrize("path", PAIRS)
def test_a_notebook_has_its_parameters(path: Path) -> None:
    tagged = [tags for _, _, tags in cells(read(path)) if tags]
    assert tagged == [["parameters"]]
    known = papermill.inspect_notebook(str(path))
    assert ("run" in known) != path.stem.startswith("01")


@pytest.mark.parametrize(
    ("folder", "only", "problem"),
    [
        (NOTEBOOKS, ["09"], "there is no notebook '09'. There are: 01_quickstart, "),
        (NOTEBOOKS / "none", [], "holds no notebook. Name the folder"),
    ],
)
def test_notebooks_that_are_not_there(folder: Path, only: list[str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        find_notebooks(folder, only)


def test_some_of_them_by_their_beginnings() -> None:
    assert [path.stem for path in find_notebooks(only=["02", "05_l"])] == [
        "02_latency_report", "05_listen",
    ]  # fmt: skip
