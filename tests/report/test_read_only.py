"""A run on storage that cannot be written: read and printed like any other, or refused in one line.

The storage is a read-only mount in a namespace of its own, for to root the mode of a file is nothing.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.runs import make_turn, quality_turns, write
from voicebench.cli import main
from voicebench.report import open_run

ROOT = Path(__file__).resolve().parents[2]


def listing(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Two runs, one of which was stopped in the middle of a record."""
    write(tmp_path / "reports" / "r1", quality_turns(), num_turns_planned=6)
    stopped = write(tmp_path / "reports" / "r2", [make_turn("a")], num_turns_planned=6,
                    created_at="2026-01-01T08:00:00+08:00")  # fmt: skip
    with (stopped / "turns.jsonl").open("ab") as file:
        file.write(b'{"run_id"')
    return tmp_path / "reports"


class ReadOnly:
    """Runs commands to which one folder is read-only storage."""

    def __init__(self, folder: Path, cache: Path) -> None:
        if shutil.which("unshare") is None or self._run(folder, ["true"], {}).returncode:
            pytest.skip("needs unshare and a mount of its own")
        self.folder, self.cache = folder, cache

    def __call__(self, *argv: str) -> subprocess.CompletedProcess[str]:
        env = {"VOICEBENCH_CACHE": str(self.cache), "PYTHONPATH": str(ROOT)}
        before = listing(self.folder)
        done = self._run(self.folder, [sys.executable, *argv], env)
        assert listing(self.folder) == before
        assert "Traceback" not in done.stderr
        return done

    @staticmethod
    def _run(
        folder: Path, argv: list[str], env: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        at = shlex.quote(str(folder))
        mount = f"mount --bind {at} {at} && mount -o remount,bind,ro {at}"
        script = f"{mount} && cd {at} && exec {shlex.join(argv)}"  # entered before, it is another
        return subprocess.run(
            ["unshare", "--mount", "--map-root-user", "sh", "-c", script],
            capture_output=True, text=True, check=False, env=os.environ | env,
        )  # fmt: skip


@pytest.fixture
def read_only(reports: Path, tmp_path: Path) -> ReadOnly:
    return ReadOnly(reports, tmp_path / "cache")


TRY = "import os\ntry: os.mkdir('x')\nexcept OSError as error: print(error.strerror)"


def test_it_cannot_be_written_indeed(read_only: ReadOnly) -> None:
    assert read_only("-c", TRY).stdout == "Read-only file system\n"


OPENED = """
from voicebench.report import open_run
for name in ("r1", "r2", "r1"):
    run = open_run(name)
    counted = run.sql("SELECT count(*) AS n FROM turns")["n"][0]
    print(name, len(run.to_pandas()), run.report.num_turns, counted)
    repr(run), run._repr_html_(), run.turn()
"""


@pytest.mark.parametrize("cache", ["../cache", "cache"], ids=["", "and the cache is read-only too"])
def test_it_opens_like_any_other(reports: Path, cache: str) -> None:
    done = ReadOnly(reports, reports / cache)("-c", OPENED)
    assert (done.stdout, done.stderr) == ("r1 6 6 6\nr2 1 1 1\nr1 6 6 6\n", "")


COMMANDS = """
import contextlib, io, json, sys
from voicebench.cli import main

results = []
for argv in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(argv)
    results.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(results))
"""


def run_all(read_only: ReadOnly, commands: list[list[str]]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of each command."""
    done = read_only("-c", COMMANDS, json.dumps(commands))
    assert done.returncode == 0, done.stderr
    return [tuple(each) for each in json.loads(done.stdout)]


def test_what_only_reads_works(read_only: ReadOnly) -> None:
    commands = ["report", "compare", "attribute"]
    for code, out, err in run_all(read_only, [[each, "r1", "--json"] for each in commands]):
        assert code == 0
        assert err.count("\n") <= 1
        assert err.startswith("note: r1/report.html cannot be written") == bool(err)
        assert json.loads(out)


def test_what_writes_takes_another_place_or_says_so_in_one_line(
    read_only: ReadOnly, tmp_path: Path
) -> None:
    page, index, scores = tmp_path / "page.html", tmp_path / "index.html", tmp_path / "scores"
    elsewhere = [
        ["report", "r1", "--out", str(page)],
        ["index", ".", "--out", str(index)],
        ["export", "r1", "--out", str(scores)],
    ]
    assert [code for code, _, _ in run_all(read_only, elsewhere)] == [0, 0, 0]
    assert page.is_file()
    assert scores.is_dir()
    assert "6 turns" in index.read_text(encoding="utf-8")

    here = [["report", "r1"], ["index", "."], ["export", "r1"], ["notebooks", "r1", "--only", "01"]]
    found = run_all(read_only, here)
    why = "cannot be written: Read-only file system"
    assert [err for _, _, err in found] == [
        f"error: r1/report.html {why}. Make room, or name another place: voicebench report r1 --out FILE\n",
        f"error: index.html {why}. Name another place: voicebench index . --out FILE\n",
        f"error: r1/scoring/plain {why}. Make room or name another --out\n",
        f"error: r1 {why}. Name another folder: voicebench notebooks r1 --out DIR\n",
    ]
    assert all(code for code, _, _ in found)
    assert "CER" in found[0][1]  # the tables come before the line


def _cell(source: str, *tags: str) -> dict[str, object]:
    return {"cell_type": "code", "id": tags[0] if tags else "cell", "metadata": {"tags": [*tags]},
            "source": source, "outputs": [], "execution_count": None}  # fmt: skip


def test_a_notebook_runs_on_it(read_only: ReadOnly, tmp_path: Path) -> None:
    count = "from voicebench.report import open_run\nprint(open_run(run).report.num_turns, 'turns')"
    kernel = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    cells = [_cell("run = 'latest'", "parameters"), _cell(count)]
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "01_own.ipynb").write_text(json.dumps(notebook))
    argv = ["notebooks", "r1", "--notebooks", str(tmp_path), "--out", str(tmp_path / "pages")]
    ((code, _, err),) = run_all(read_only, [argv])
    assert (code, err) == (0, "")
    assert "6 turns" in (tmp_path / "pages" / "01_own.html").read_text(encoding="utf-8")


def test_nothing_is_written_into_a_run_that_is_only_read(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(reports)
    repr(open_run(reports / "r1"))
    for command in ("compare", "attribute"):
        assert main([command, str(reports / "r1")]) == 0
    capsys.readouterr()
    assert listing(reports) == before


def test_links_of_an_index_elsewhere_lead_back(reports: Path, tmp_path: Path) -> None:
    (reports / "r1" / "report.html").write_text("")
    out = tmp_path / "pages" / "index.html"
    out.parent.mkdir()
    assert main(["index", str(reports), "--out", str(out)]) == 0
    assert 'href="../reports/r1/report.html"' in out.read_text(encoding="utf-8")
