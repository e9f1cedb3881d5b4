"""Notebooks executed on a run, each as one HTML file without code and without the network.

papermill executes them with the run as their parameter, nbconvert writes the page; what a page shows
of Chinese characters is embedded as a font. A notebook that fails leaves its page too, with the error
in its place. A warning that a cell or this package gives rise to is an error: a page handed on shows
figures, and no doubts about them that nobody has looked into.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebench.errors import ConfigError, MissingPackageError, StorageError
from voicebench.report.html import embedded_font
from voicebench.runs.record import read_run
from voicebench.types import Run
from voicebench.words import catalogue, current_language, translate

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
_PACKAGES = ("papermill", "nbconvert", "ipykernel", "pandas", "pyarrow", "duckdb")
_TEMPLATE = Path(__file__).with_name("notebook.html.j2")
_STRICT = (
    "import warnings; warnings.filterwarnings('error', module=r'(__main__|voicebench)(\\.|$)')"
)
"""What every kernel begins with; libraries may warn about themselves."""
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Rendered:
    """One notebook's page; `error` is what its failing cell says, empty where none failed."""

    name: str
    path: Path
    error: str


def find_notebooks(folder: Path = NOTEBOOKS, only: Sequence[str] = ()) -> list[Path]:
    """The notebooks of a folder, in order.

    Args:
        folder: Where they lie.
        only: Beginnings of names, such as `02`; none for all.

    Raises:
        ConfigError: There are none, or none of that name.
    """
    found = sorted(folder.glob("*.ipynb"))
    if not found:
        raise ConfigError(
            f"{folder} holds no notebook", "Name the folder notebooks/ of a clone with --notebooks"
        )
    names = ", ".join(path.stem for path in found)
    for name in only:
        if not any(path.stem.startswith(name) for path in found):
            raise ConfigError(f"there is no notebook {name!r}", f"There are: {names}")
    return [path for path in found if not only or path.stem.startswith(tuple(only))]


def render_notebooks(
    run_folder: Path,
    notebooks: Sequence[Path],
    out: Path,
    announce: Callable[[int, str], None] = lambda done, name: None,
) -> Iterator[Rendered]:
    """Executes notebooks on a run and writes `out/NAME.html`, one after the other.

    Args:
        run_folder: The run.
        notebooks: See `find_notebooks`.
        out: Folder of the pages; made if missing.
        announce: Told how many are done and which is next.

    Raises:
        RecordError: The folder is no run.
        MissingPackageError: A package for notebooks is not installed.
        StorageError: A page cannot be written.
    """
    _require_packages()
    run = read_run(run_folder)
    _check_writable(out, run_folder)
    with tempfile.TemporaryDirectory() as scratch:
        for done, notebook in enumerate(notebooks):
            announce(done, notebook.stem)
            executed = Path(scratch) / notebook.name
            parameters = _parameters(notebook, run, run_folder)
            translated = _translate(notebook, Path(scratch))
            error = _execute(translated, executed, parameters)
            yield Rendered(notebook.stem, _write(executed, out / f"{notebook.stem}.html"), error)


def translate_markdown(source: str) -> str:
    """A cell of text in the current language, heading by heading and paragraph by paragraph."""
    return "\n\n".join(marks + translate(text) for marks, text in markdown_blocks(source))


def markdown_blocks(source: str) -> list[tuple[str, str]]:
    """The headings and paragraphs of a cell, each as (its marks, such as `## `, its text)."""
    separated = re.sub(r"^(#+ .*)$", r"\1\n", source, flags=re.MULTILINE)
    blocks = (" ".join(block.split()) for block in re.split(r"\n\s*\n", separated))
    matches = [re.fullmatch(r"(#+ )?(.+)", block) for block in blocks if block]
    return [(found[1] or "", found[2]) for found in matches if found]


def _translate(notebook: Path, scratch: Path) -> Path:
    """The notebook with its text in the current language; itself where that is English."""
    if current_language() == "en":
        return notebook
    import nbformat

    content = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = translate_markdown(cell.source)
    path = scratch / f"{current_language()}_{notebook.name}"
    nbformat.write(content, path)  # type: ignore[no-untyped-call]
    return path


def _require_packages() -> None:
    for name in _PACKAGES:
        if importlib.util.find_spec(name) is None:
            raise MissingPackageError(
                f"executing notebooks needs the package {name}",
                "Install it in a clone: pip install -e '.[notebooks]'",
            )


def _parameters(notebook: Path, run: Run, run_folder: Path) -> dict[str, str]:
    """What of a run a notebook has parameters for."""
    import papermill

    offered = {
        "run": str(run_folder.resolve()),
        "profile": str(run.request.get("profile") or run.profile.get("name")),
    }
    known = papermill.inspect_notebook(str(notebook))
    return {name: value for name, value in offered.items() if name in known}


def _language_line() -> str:
    chosen = current_language()
    return f"from voicebench.words import choose_language; choose_language({chosen!r})"


def _check_writable(out: Path, run_folder: Path) -> None:
    """Refuses a folder that takes no page before a notebook has run for minutes."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise StorageError(
            f"{out} cannot be written: {error.strerror}",
            f"Name another folder: voicebench notebooks {run_folder} --out DIR",
        ) from error


def _kernel_config(scratch: Path) -> Any:
    """Sockets in a folder of our own: no port that others can read, nothing in the folder one is in."""
    from traitlets.config import Config

    return Config({"KernelManager": {"transport": "ipc", "ip": str(scratch / "kernel")}})


def _execute(notebook: Path, executed: Path, parameters: dict[str, str]) -> str:
    """Runs a notebook; what its failing cell said, or nothing."""
    import papermill

    try:
        papermill.execute_notebook(
            str(notebook),
            str(executed),
            parameters,
            kernel_name="python3",
            progress_bar=False,
            extra_arguments=[f"--IPKernelApp.exec_lines={_STRICT}; {_language_line()}"],
            config=_kernel_config(executed.parent),
        )
    except papermill.PapermillExecutionError as error:
        return " ".join(_ESCAPES.sub("", f"{error.evalue}").split())
    return ""


def page_of(executed: Path) -> str:
    """An executed notebook as a page that fetches nothing."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        template_file=str(_TEMPLATE),
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    page: str
    page, _ = exporter.from_filename(str(executed))
    font = embedded_font(page)
    face = (
        f'@font-face {{ font-family: "report-hanzi"; src: url("{font}") format("woff"); '
        "font-display: block; unicode-range: U+2E80-9FFF, U+FF00-FFEF; }"
        if font
        else ""
    )
    page = page.replace(
        '<html lang="en">', f'<html lang="{catalogue(current_language()).language}">', 1
    )
    return page.replace("/* font */", face, 1)


def _write(executed: Path, path: Path) -> Path:
    page = page_of(executed)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    return path


__all__ = ["NOTEBOOKS", "Rendered", "find_notebooks", "page_of", "render_notebooks"]
