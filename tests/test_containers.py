"""The container files are well-formed, and say the same as the rest of the project.

Images are not built here: their install step is the script that sets up every clone.
"""

from __future__ import annotations

import json
import os
import re
import shlex
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
    service = COMPOSE["services"]["gpu"]
    assert "${MODELS:-./models}:/models:ro" in service["volumes"]
    assert service["environment"]["VOICEBENCH_MODELS"] == "/models"


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_mirrors_reach_the_build_of_every_stage(name: str) -> None:
    named = COMPOSE["services"][name]["build"]["args"].keys()
    assert named == {"BASE", "APT_MIRROR", "PIP_INDEX_URL", "PIP_FIND_LINKS"}
    assert {"BASE", "APT_MIRROR"} <= set(re.findall(r"^ARG (\w+)=", DOCKERFILE, re.M))
    declared = set(re.findall(r"^ARG (\w+)", STAGES[name], re.M))
    assert declared == {"PIP_INDEX_URL", "PIP_FIND_LINKS"}
    assert STAGES[name].index("ARG PIP_INDEX_URL") < STAGES[name].index("RUN")


def test_what_the_image_copies_is_in_its_context() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = {
        each for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.M) for each in line.split()
    }
    assert copied == kept
    assert all((ROOT / each).exists() for each in copied)


def container_environment(stage: str) -> list[str]:
    """VARIABLE=VALUE of an image, with its virtual environment where this one is, and of its service."""
    source = DOCKERFILE.split("FROM source AS")[0]
    lines = re.findall(r"^ENV ((?:.*\\\n)*.*)$", source + STAGES[stage], re.M)
    pairs = shlex.split(" ".join(lines).replace("\\\n", " "))
    pairs += [f"{k}={v}" for k, v in COMPOSE["services"][stage].get("environment", {}).items()]
    here = f"PATH={ROOT}/.venv/bin:/usr/bin:/bin"
    return [here if pair.startswith("PATH=") else pair for pair in pairs]


def run_like_a_container(
    stage: str, models: Path, *command: str
) -> subprocess.CompletedProcess[str]:
    script = [ROOT / "tests" / "container_like.sh", ROOT, models, *container_environment(stage)]
    return subprocess.run(
        [*script, f"PYTHONPATH={ROOT}", "--", *command], capture_output=True, text=True
    )


needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0
    or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0
    or not (ROOT / ".venv").exists(),
    reason="needs root, mount namespaces and the clone's .venv",
)


@needs_namespaces
def test_models_mounted_into_the_container_are_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    command = ("python", "-m", "voicebench", "doctor", "--profile", "4090d", "--json")
    answer = run_like_a_container("gpu", tmp_path, *command)
    details = {each["check"]: each["detail"] for each in json.loads(answer.stdout)["findings"]}
    assert details["recogniser"] == "model paraformer-zh is not in /models"
    assert details["caches"] == "/home/voicebench/.cache can be written"
    assert details["C compiler"].startswith("/")


COMPILE = """
import torch
compiled = torch.compile(lambda x: torch.sin(x) * 2 + x)
print(torch.allclose(compiled(torch.ones(64)), torch.sin(torch.ones(64)) * 2 + 1))
"""


@needs_namespaces
def test_what_torch_compiles_in_the_container_can_be_loaded(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    answer = run_like_a_container("gpu", tmp_path, "python", "-c", COMPILE)
    assert answer.stdout.strip() == "True", answer.stderr
