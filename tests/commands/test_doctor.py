from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from voicebench.cli import main
from voicebench.commands.doctor import Finding, examine
from voicebench.profiles.loader import load_profile


def found(check: str, profile: str = "bundled") -> list[Finding]:
    return [finding for finding in examine(profile) if finding.check == check]


def own_profile(folder: Path, asr: Path) -> str:
    path = folder / "own.yaml"
    path.write_text(
        f"asr: {{folder: {asr}}}\nllm: {{folder: {load_profile('bundled').llm.folder}}}\n"
    )
    return str(path)


def test_whatever_is_missing_comes_with_a_way_to_mend_it(tmp_path: Path) -> None:
    findings = examine(own_profile(tmp_path, tmp_path / "absent"))
    missing = [finding for finding in findings if finding.status == "missing"]
    assert "recogniser" in {finding.check for finding in missing}
    assert all(finding.fix for finding in missing)


def test_a_healthy_profile_is_found_and_verified() -> None:
    (recogniser,) = found("recogniser")
    (llm,) = found("LLM")
    assert (recogniser.status, llm.status) == ("ok", "ok")
    assert "asr" in recogniser.detail
    assert "llm" in llm.detail


def test_a_damaged_model_is_missing(tmp_path: Path) -> None:
    shipped = Path(load_profile("bundled").asr.folder)
    shutil.copytree(shipped, tmp_path / "asr")
    shutil.copy(shipped.parent / "manifest.json", tmp_path)
    (tmp_path / "asr" / "tokens.json").write_text("[]")
    (recogniser,) = found("recogniser", own_profile(tmp_path, tmp_path / "asr"))
    assert recogniser.status == "missing"
    assert "tokens.json" in recogniser.detail


def test_an_unknown_profile_is_missing_and_the_others_are_still_examined() -> None:
    findings = examine("bundld")
    (profile,) = [finding for finding in findings if finding.check == "profile"]
    assert profile.status == "missing"
    assert "bundled" in profile.fix
    assert {"python", "disk", "port"} <= {finding.check for finding in findings}


def test_a_taken_port_is_named_with_the_command_that_shows_its_holder() -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", 7860))
            holder.listen()
        except OSError:
            pass  # somebody else holds it: the finding is the same
        ports = [finding for finding in found("port") if "7860" in finding.detail]
    assert [(port.status, port.fix) for port in ports] == [("note", "ss -ltnp 'sport = :7860'")]


@pytest.mark.parametrize("profile", ["bundled", "bundld"])
def test_json_says_the_same_as_the_exit_code(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code = main(["doctor", "--profile", profile, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] == (exit_code == 0)
    statuses = {finding["status"] for finding in document["findings"]}
    assert document["ok"] == ("missing" not in statuses)


def test_the_table_ends_with_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--profile", "bundld"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("not ready")


def test_random_weights_are_made_on_first_use_and_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEBENCH_CACHE", str(tmp_path))
    (recogniser,) = found("recogniser", "dummy-0.6b")
    assert (recogniser.status, "first use" in recogniser.detail) == ("ok", True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (llm,) = found("LLM", "dummy-0.6b")
    assert (llm.status, "dashscope" in llm.fix) == ("missing", True)
    assert list(tmp_path.iterdir()) == []


def with_driver(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(
        f"#!/bin/sh\necho 'NVIDIA GeForce RTX 4090 D, {version}, 24564 MiB, 425 W'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("driver", "status"), [("535.183.01", "missing"), ("550.54.14", "missing"), ("580.65.06", "ok")]
)
def test_a_profile_on_cuda_needs_a_driver_that_its_torch_runs_on(
    driver: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(tmp_path, driver, monkeypatch)
    (card,) = found("GPU", "4090d")
    assert (card.status, driver in card.detail) == ("ok", True)
    (finding,) = found("driver", "4090d")
    assert finding.status == status
    if status == "missing":
        assert driver in finding.detail
        assert "nvidia-driver-580" in finding.fix


def test_an_old_driver_is_no_matter_of_a_profile_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(tmp_path, "470.82", monkeypatch)
    assert found("driver", "bundled") == []


def test_a_missing_compiler_matters_on_a_gpu_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    (on_cpu,) = found("C compiler", "bundled")
    (on_gpu,) = found("C compiler", "4090d")
    assert (on_cpu.status, on_gpu.status) == ("note", "missing")
    assert "apt-get install gcc" in on_gpu.fix
