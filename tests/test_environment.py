"""The conda environment, both locks and pyproject.toml say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
OTHER_SET = {"cpu": "gpu", "gpu": "cpu"}
SETS_DIFFER_IN = {"torch"}
CUDA_LINKED = {"torchvision", "torchaudio", "torchcodec"}


def read_lock(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pins = [re.split("===?", line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(package): version for package, version in pins}


def requirements_of(set_name: str) -> list[Requirement]:
    extras = [extra for extra in EXTRAS if extra != OTHER_SET[set_name]]
    texts = PROJECT["dependencies"] + [text for extra in extras for text in EXTRAS[extra]]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_a_lock_is_names_and_versions_and_nothing_else(name: str) -> None:
    header, *pins = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    assert header.startswith("# Made by `make lock`")
    for pin in pins:
        assert re.fullmatch(r"[a-z0-9._-]+===?[0-9][a-z0-9.+]*", pin), pin


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_a_lock_satisfies_every_requirement(name: str) -> None:
    locked = read_lock(name)
    for requirement in requirements_of(name):
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_what_both_sets_name_has_one_version() -> None:
    cpu, gpu = read_lock("cpu"), read_lock("gpu")
    named = {canonicalize_name(each.name) for each in requirements_of("cpu")}
    shared = (named & gpu.keys()) - SETS_DIFFER_IN
    assert {name: cpu[name] for name in shared} == {name: gpu[name] for name in shared}


def test_the_cpu_set_has_a_cpu_torch_and_nothing_linked_to_cuda() -> None:
    locked = read_lock("cpu")
    assert locked["torch"].endswith("+cpu")
    assert not CUDA_LINKED & locked.keys()
    assert not [name for name in locked if name.startswith("nvidia-")]
    overrides = (ROOT / "requirements" / "cpu-overrides.txt").read_text().splitlines()
    uninstallable = {Requirement(line).name for line in overrides if line[0] != "#"}
    assert uninstallable == CUDA_LINKED


def test_conda_installs_the_gpu_lock_and_all_extras_but_cpu() -> None:
    *_, pip_section = CONDA["dependencies"]
    lock, package = pip_section["pip"]
    assert lock == "-c requirements/gpu.txt"
    extras = re.fullmatch(r"-e \.\[(.+)\]", package)
    assert extras
    assert set(extras[1].split(",")) == EXTRAS.keys() - {"cpu"}


def test_conda_has_the_python_that_the_package_asks_for() -> None:
    (python,) = [each for each in CONDA["dependencies"] if str(each).startswith("python=")]
    requires = Requirement(f"python {PROJECT['requires-python']}").specifier
    assert requires.contains(python.removeprefix("python=") + ".0")
