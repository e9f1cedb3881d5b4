"""The container files are well-formed, and say the same as the rest of the project.

Images are not built here: their install step is the script that sets up every clone.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
STAGES = dict(re.findall(r"^FROM source AS (\w+)\n(.*?)(?=^FROM|\Z)", DOCKERFILE, re.M | re.S))
BIN = Path(sys.executable).parent


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    found = subprocess.run(
        [BIN / "hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout


def test_the_compose_file_has_the_form_that_compose_reads() -> None:
    checked = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("stage", ["cpu", "gpu"])
def test_an_image_is_installed_by_the_script_that_sets_up_a_clone(stage: str) -> None:
    extras = re.search(r"^RUN requirements/install\.sh (\S+)", STAGES[stage], re.M)
    assert extras is not None
    assert extras[1].split(",") == [stage, "serve"]
    assert {stage, "serve"} <= EXTRAS.keys()


@pytest.mark.parametrize("stage", ["cpu", "gpu"])
def test_an_image_does_not_run_as_root(stage: str) -> None:
    *_, user = re.findall(r"^USER (\S+)", STAGES[stage], re.M)
    assert int(user) >= 10_000
    assert STAGES[stage].index("USER") > STAGES[stage].index("RUN")


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_a_service_is_one_stage_published_on_loopback_alone(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["build"]["target"] in STAGES
    assert service["ports"] == ["127.0.0.1:8000:8000", "127.0.0.1:7860:7860"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_models_of_the_gpu_come_from_a_folder_of_the_host() -> None:
    assert "${MODELS:-./models}:/models:ro" in COMPOSE["services"]["gpu"]["volumes"]


def test_what_the_image_copies_is_in_its_context() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = {
        each for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.M) for each in line.split()
    }
    assert copied == kept
    assert all((ROOT / each).exists() for each in copied)
