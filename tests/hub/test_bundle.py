"""Selection, packing and installing, with a small package in place of the whole set of wheels."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.hub.conftest import ASR, LLM
from voicebench.cli import main
from voicebench.errors import ConfigError, ModelError
from voicebench.hub import bundle
from voicebench.hub.bundle import TOP, check_bundle, make_bundle
from voicebench.hub.dependencies import dependencies
from voicebench.hub.importing import import_folder
from voicebench.profiles.schema import Profile

INDEX = {
    "app": ("1.0", ["base>=1", "fast ; extra == 'gpu'", "win ; sys_platform == 'win32'"]),
    "base": ("1.2", ["leaf[more]", "app"]),  # a circle
    "leaf": ("3", ["extra-one ; extra == 'more'", "extra-two ; extra == 'less'"]),
    "extra-one": ("4", []),
    "fast": ("5", ["kept-out"]),
}


def find(name: str) -> Any:
    if name not in INDEX:
        return None
    version, requires = INDEX[name]
    return SimpleNamespace(version=version, requires=requires)


@pytest.mark.parametrize(
    ("extras", "versions", "absent"),
    [
        ((), {"base": "1.2", "extra-one": "4", "leaf": "3"}, []),
        (("gpu",), {"base": "1.2", "extra-one": "4", "fast": "5", "leaf": "3"}, ["kept-out"]),
    ],
)
def test_what_is_needed_is_followed_through_extras_markers_and_circles(
    extras: tuple[str, ...], versions: dict[str, str], absent: list[str]
) -> None:
    assert dependencies("App", extras, find) == (versions, absent)


def test_an_extra_adds_packages_to_those_that_are_installed_here() -> None:
    alone, _ = dependencies("voicebench", ())
    with_speech, _ = dependencies("voicebench", ("synth",))
    assert alone.items() < with_speech.items()
    assert {"msgspec", "numpy"} <= alone.keys()
    assert "espeakng-loader" in with_speech


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigError, match="app2"):
        dependencies("app2", (), find)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the least that answers --version: its wheels are really gathered by pip."""
    out = tmp_path_factory.mktemp("bundle") / "small.tar"
    with pytest.MonkeyPatch.context() as patch:
        version = metadata.version("msgspec")
        patch.setattr(bundle, "dependencies", lambda *_: ({"msgspec": version}, []))
        make_bundle(out, "bundled", (), lambda _: None)
    return out


@pytest.fixture
def small(made: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copy(made, tmp_path / "small.tar"))


def test_a_bundle_installs_without_network_and_says_its_version(
    small: Path, tmp_path: Path
) -> None:
    with tarfile.open(small) as tar:
        tar.extractall(tmp_path, filter="data")
    into = tmp_path / "into it"
    script = f'"{tmp_path / TOP / "install.sh"}" "{into}" && "{into / "voicebench"}" --version'
    # an empty network namespace: not even the loopback is up
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no namespaces")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHON": sys.executable}
    done = subprocess.run(
        [*alone, "bash", "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("voicebench ")
    assert (into / "datasets" / "daily_qa" / "suite.yaml").is_file()
    weights = list(into.glob(".venv/lib/*/site-packages/voicebench/bundled/llm/model.safetensors"))
    assert len(weights) == 1
    again = subprocess.run(
        [tmp_path / TOP / "install.sh", into], capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    assert again.returncode == 2
    assert "holds an installation" in again.stderr


def test_a_damaged_file_is_named_by_the_check_and_by_the_installer(
    small: Path, tmp_path: Path
) -> None:
    contents = check_bundle(small)
    assert contents.profile == "bundled"
    with tarfile.open(small) as tar:
        tar.extractall(tmp_path, filter="data")
        offset = tar.getmember(f"{TOP}/PROFILE").offset_data
    (tmp_path / TOP / "PROFILE").write_text("other\n")
    script = tmp_path / TOP / "install.sh"
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable}
    done = subprocess.run(
        [script, tmp_path / "into"], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 2
    assert "PROFILE" in done.stdout + done.stderr
    assert not (tmp_path / "into").exists()
    with small.open("r+b") as file:
        file.seek(offset)
        file.write(b"x")
    with pytest.raises(ConfigError, match=r"PROFILE .* does not fit"):
        check_bundle(small)


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_half_a_bundle_is_none(size: int, small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.write_bytes(small.read_bytes()[:size])
    assert main(["bundle", "check", str(small)]) == 2
    assert "not a whole bundle" in capsys.readouterr().err


def test_pulled_models_go_in_with_their_record(
    shipped_catalogue: object,
    bundled_profile: Profile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundle, "dependencies", lambda *_: ({}, []))
    monkeypatch.setattr(bundle, "_wheels", lambda *_: iter(()))
    own = tmp_path / "own.yaml"
    own.write_text(f"asr: {{model: {ASR}}}\nllm: {{model: {LLM}}}\n")
    with pytest.raises(ModelError, match=f"voicebench models pull {ASR}"):
        make_bundle(tmp_path / "none.tar", str(own), (), lambda _: None)
    assert not list(tmp_path.glob("none.tar*"))
    import_folder(Path(bundled_profile.asr.folder), ASR, lambda _: None)
    import_folder(Path(bundled_profile.llm.folder), LLM, lambda _: None)
    make_bundle(tmp_path / "own.tar", str(own), (), lambda _: None)
    with tarfile.open(tmp_path / "own.tar") as tar:
        names = set(tar.getnames())
        record = json.load(tar.extractfile(f"{TOP}/models/{ASR}/voicebench-model.json"))
    assert {f"{TOP}/models/{ASR}/{name}" for name in record["files"]} <= names


def test_a_folder_without_a_name_is_refused(bundled_profile: Profile, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"asr: {{folder: {tmp_path}}}\nllm: {{folder: {bundled_profile.llm.folder}}}\n")
    with pytest.raises(ModelError, match="models import"):
        make_bundle(tmp_path / "own.tar", str(own), (), lambda _: None)


def test_a_wheel_that_cannot_be_had_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bundle, "dependencies", lambda *_: ({"voicebench-nowhere": "1"}, []))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main(["bundle", "make", str(tmp_path / "x.tar")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "voicebench-nowhere" in line
    assert not list(tmp_path.iterdir())
