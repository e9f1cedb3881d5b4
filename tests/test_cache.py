"""A folder that is made once: whole, or not there, whatever happens while it is made."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from voicebench.cache import cache_folder, make_once
from voicebench.errors import StorageError


def write_slowly(folder: Path) -> None:
    (folder / "first").write_text("1")
    time.sleep(30)
    (folder / "second").write_text("2")


def write_both(folder: Path) -> None:
    for name in ("first", "second"):
        (folder / name).write_text(str(os.getpid()))


def make(folder: Path, slowly: bool = False) -> None:
    make_once(folder, write_slowly if slowly else write_both, "a test's folder")


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [
        ("/own", "/shared", "/own"),
        ("", "/shared", "/shared/voicebench"),
        ("", "", "/home/me/.cache/voicebench"),
        ("~/own", "", "/home/me/own"),
    ],
)
def test_where_the_cache_is(
    own: str, shared: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("VOICEBENCH_CACHE", own)
    monkeypatch.setenv("XDG_CACHE_HOME", shared)
    assert cache_folder() == Path(expected)


def test_it_is_made_once_and_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "model"
    make(folder)
    assert "a test's folder" in capfd.readouterr().err
    (folder / "second").unlink()
    make(folder)
    assert capfd.readouterr().err == ""
    assert not (folder / "second").exists(), "a folder that is there is not looked into"


def test_one_that_was_killed_half_way_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    process = multiprocessing.get_context("fork").Process(target=make, args=(folder, True))
    process.start()
    while not list(tmp_path.glob(".*/first")):
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not folder.exists()
    make(folder)
    assert {path.name for path in folder.iterdir()} == {"first", "second"}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["model"]


def test_an_error_while_it_is_made_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        write_both(folder)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        make_once(tmp_path / "model", fail, "nothing")
    assert not (tmp_path / "model").exists()
    make(tmp_path / "model")
    assert (tmp_path / "model" / "first").is_file()


def test_processes_that_want_it_at_once_get_the_work_of_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=make, args=(tmp_path / "model",)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    makers = {path.read_text() for path in (tmp_path / "model").iterdir()}
    assert len(makers) == 1


def test_a_disk_that_refuses_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="VOICEBENCH_CACHE") as error:
        make(tmp_path / "file" / "model")
    assert str(tmp_path) in str(error.value)
