"""What the machine lacks is said with its value and the command that brings it.

The driver is simulated by an `nvidia-smi` on the path; compiler and headers by a path and `CC`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from voicebench.errors import ConfigError, MissingPackageError
from voicebench.prerequisites import (
    GPU_SET_CUDA,
    gpus,
    require_compiler,
    require_cuda,
    require_driver,
    torch_cuda,
)

GPU_LOCK = Path(__file__).parents[1] / "requirements" / "gpu.txt"


def executable(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole path."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CC", raising=False)
    return folder


def has_driver(path: Path, version: str, cards: int = 1) -> None:
    row = f"NVIDIA GeForce RTX 4090 D, {version}, 24564 MiB, 425.00 W"
    executable(path / "nvidia-smi", "\n".join([f"echo '{row}'"] * cards))


@pytest.mark.parametrize(
    ("driver", "cuda", "fits"),
    [
        ("550.54.14", "13.0", False),
        ("535.183.01", "13.0", False),
        ("570.211.01", "13.0", False),
        ("580.65.06", "13.0", True),
        ("615.10", "13.0", True),
        ("550.54.14", "12.9", True),
        ("525.60.13", "12.9", True),
        ("470.82", "12.9", False),
        ("580.65.06", "14.1", True),  # a release not known yet is taken for the newest that is
        ("550.54.14", "14.1", False),
    ],
)
def test_a_driver_is_compared_with_what_cuda_needs(
    path: Path, driver: str, cuda: str, fits: bool
) -> None:
    has_driver(path, driver)
    if fits:
        require_driver(cuda)
        return
    with pytest.raises(ConfigError) as raised:
        require_driver(cuda)
    assert driver in raised.value.problem
    assert cuda in raised.value.problem
    assert "nvidia-driver-" in raised.value.way_out


@pytest.mark.parametrize(
    "script", [None, "exit 9", "echo 'NVIDIA-SMI has failed'", "kill -9 $$", "exec /absent"]
)
def test_without_a_gpu_that_answers_there_is_none(path: Path, script: str | None) -> None:
    if script:
        executable(path / "nvidia-smi", script)
    assert gpus() == ()
    with pytest.raises(ConfigError, match="no NVIDIA GPU"):
        require_driver("13.0")


def test_every_card_is_listed(path: Path) -> None:
    has_driver(path, "580.65.06", cards=2)
    assert [card["driver_version"] for card in gpus()] == ["580.65.06"] * 2


def test_a_torch_for_cpus_is_named_with_the_command_that_replaces_it() -> None:
    if torch_cuda() != "":
        pytest.skip("torch is a CUDA build here")
    with pytest.raises(ConfigError, match=r"torch .*\+cpu is a build for CPUs.*make setup SET=gpu"):
        require_cuda()


def test_the_cuda_of_the_gpu_set_is_the_one_of_its_lock() -> None:
    (toolkit,) = re.findall(r"^cuda-toolkit==(\d+\.\d+)", GPU_LOCK.read_text(), re.MULTILINE)
    assert toolkit == GPU_SET_CUDA


def test_this_machine_compiles() -> None:
    assert Path(require_compiler()).is_file()


def test_without_a_compiler_the_packages_that_bring_one_are_named(path: Path) -> None:
    with pytest.raises(MissingPackageError) as raised:
        require_compiler()
    assert "no C compiler" in raised.value.problem
    assert "apt-get install gcc" in raised.value.way_out


def test_the_compiler_of_cc_is_taken_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(path / "own-cc", "exit 0")
    executable(path / "gcc", "exit 1")
    monkeypatch.setenv("CC", "own-cc")
    assert require_compiler() == str(path / "own-cc")


@pytest.mark.parametrize("named", ["", "/absent/cc", "gcc -O2", "ccache gcc"])
def test_a_cc_that_is_no_program_is_named_for_triton_takes_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    executable(path / "gcc", "exit 0")
    monkeypatch.setenv("CC", named)
    with pytest.raises(MissingPackageError) as raised:
        require_compiler()
    assert f"CC={named!r}" in raised.value.problem
    assert "unset CC" in raised.value.way_out


def test_a_compiler_that_cannot_be_run_is_named(path: Path) -> None:
    (path / "gcc").write_text("not a program")
    (path / "gcc").chmod(0o755)
    with pytest.raises(MissingPackageError, match=rf"{path}/gcc cannot .*Exec format error"):
        require_compiler()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("printf 'a\\n\\377\\nb\\n' >&2; exit 1", "a"),  # no word of an error, and no UTF-8
        ("exit 3", "exit code 3"),
        ('[ "$LC_ALL" = C ] && echo "x.c: error: English" >&2; exit 1', "x.c: error: English"),
    ],
)
def test_what_a_compiler_complains_of_is_one_line(path: Path, script: str, reason: str) -> None:
    executable(path / "gcc", script)
    with pytest.raises(MissingPackageError) as raised:
        require_compiler()
    assert raised.value.problem.endswith(f"cannot compile against Python: {reason}")


def test_compiling_needs_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    assert Path(require_compiler()).is_file()


def test_without_python_headers_the_package_that_brings_them_is_named(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(path / "gcc", "exit 0")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(MissingPackageError) as raised:
        require_compiler()
    assert str(tmp_path / "Python.h") in raised.value.problem
    assert re.search(r"python3\.\d+-dev", raised.value.way_out)


def test_without_the_headers_of_c_the_compiler_s_own_words_are_repeated(path: Path) -> None:
    executable(path / "gcc", "echo 'x.c:1: fatal error: stdlib.h: No such file' >&2; exit 1")
    with pytest.raises(MissingPackageError) as raised:
        require_compiler()
    assert "stdlib.h: No such file" in raised.value.problem
    assert "libc6-dev" in raised.value.way_out
