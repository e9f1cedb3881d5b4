"""Import, verification, what is missing, and a disk that fills up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.hub.conftest import ASR, LLM
from tests.hub.mirror import COMMIT, Mirror
from voicebench.asr.base import Recognizer
from voicebench.asr.kinds import build_recognizer
from voicebench.cli import main
from voicebench.errors import ConfigError, ModelError
from voicebench.hub.importing import import_folder
from voicebench.hub.store import RECORD_NAME, read_record
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import Profile

OWN = f"asr: {{model: {ASR}}}\nllm: {{model: {LLM}, dtype: float32, kv_cache_gib: 0.1}}\n"


def own_profile(folder: Path) -> Path:
    path = folder / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def imported(profile: Profile) -> None:
    import_folder(Path(profile.asr.folder), ASR, lambda _: None)
    import_folder(Path(profile.llm.folder), LLM, lambda _: None)


def test_every_model_of_a_profile_is_pulled_by_its_name(
    tmp_path: Path, mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", str(own_profile(tmp_path))]) == 0
    assert main(["models", "verify", str(own_profile(tmp_path))]) == 0
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    here = {row["name"]: row["revision"] for row in document if row["here"]}
    assert here == {ASR: "v2.0.9", LLM: COMMIT}


def test_an_imported_folder_serves_a_profile(
    shipped_catalogue: object, tmp_path: Path, store: Path, bundled_profile: Profile
) -> None:
    imported(bundled_profile)
    profile = load_profile(str(own_profile(tmp_path)))
    assert profile.asr.folder == str(store / ASR)
    assert read_record(store / ASR).hub == "folder"
    shipped, taken = Path(bundled_profile.asr.folder), Path(profile.asr.folder)
    assert (taken / "model.pt").read_bytes() == (shipped / "model.pt").read_bytes()


def test_a_pulled_recogniser_hears_what_the_shipped_one_hears(
    tmp_path: Path, mirror: Mirror, bundled_recognizer: Recognizer
) -> None:
    assert main(["models", "pull", ASR]) == 0
    recognizer = build_recognizer(load_profile(str(own_profile(tmp_path))).asr)
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    assert recognizer.recognize(noise) == bundled_recognizer.recognize(noise)
    recognizer.close()


def test_another_machines_store_is_imported_with_its_origin(
    mirror: Mirror, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["models", "pull", LLM]) == 0
    stick = tmp_path / "stick"
    shutil.copytree(store / LLM, stick)
    monkeypatch.setenv("VOICEBENCH_MODELS", str(tmp_path / "other machine"))
    assert main(["models", "import", str(stick), LLM]) == 0
    record = read_record(tmp_path / "other machine" / LLM)
    assert (record.hub, record.revision) == ("huggingface", COMMIT)


def test_a_file_that_rotted_on_the_way_is_refused(
    mirror: Mirror, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["models", "pull", LLM]) == 0
    stick = tmp_path / "stick"
    shutil.copytree(store / LLM, stick)
    (stick / "config.json").write_bytes(b"{}" + (stick / "config.json").read_bytes()[2:])
    monkeypatch.setenv("VOICEBENCH_MODELS", str(tmp_path / "other"))
    with pytest.raises(ModelError, match=r"config\.json does not fit"):
        import_folder(stick, LLM, lambda _: None)
    assert not (tmp_path / "other" / LLM).exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda folder: (folder / "am.mvn").write_text("x"), "am.mvn does not fit"),
        (lambda folder: (folder / "tokens.json").unlink(), "lacks tokens.json"),
        (lambda folder: (folder / "more.bin").write_text("x"), "more.bin is not in"),
        (lambda folder: (folder / RECORD_NAME).write_text("{"), "cannot be read"),
    ],
)
def test_verify_names_the_damage(
    change: object,
    named: str,
    shipped_catalogue: object,
    store: Path,
    bundled_profile: Profile,
    capsys: pytest.CaptureFixture[str],
) -> None:
    imported(bundled_profile)
    change(store / ASR)
    assert main(["models", "verify", ASR]) == 2
    assert named in capsys.readouterr().err


def test_verify_looks_at_every_model_whatever_it_finds(
    shipped_catalogue: object,
    store: Path,
    bundled_profile: Profile,
    capsys: pytest.CaptureFixture[str],
) -> None:
    imported(bundled_profile)
    (store / ASR / "am.mvn").write_text("x")
    (store / "cam++").mkdir()  # a pull that was cut off at once
    assert main(["models", "verify"]) == 2
    printed = capsys.readouterr()
    assert f"{LLM}: " in printed.out
    errors = [line for line in printed.err.splitlines() if line.startswith("error:")]
    assert ["am.mvn" in errors[0], "only partly" in errors[1]] == [True, True]
    assert printed.err.splitlines()[-1] == f"damaged or missing: {ASR}, cam++ (2 of 3)"


def test_a_model_that_is_not_here_is_one_line_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = own_profile(tmp_path)
    with pytest.raises(ModelError) as error:
        build_recognizer(load_profile(str(own)).asr)
    assert error.value.way_out == f"Run: voicebench models pull {ASR}"
    assert main(["run", "--profile", str(own), "--out", str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"voicebench models pull {ASR}" in line
    assert main(["doctor", "--profile", str(own)]) == 1
    assert f"voicebench models pull {LLM}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["pull", "paraformer-zn"], "Did you mean 'paraformer-zh'"),
        (["pull", "paraformer-zh", "--hub", "huggingface"], "without timestamps"),
        (["pull", "ct-punc", "--hub", "huggingface"], "471,067 words"),
        (["import", "/nowhere", "paraformer-zh"], "no folder /nowhere"),
        (["verify", "paraformer-zh"], "voicebench models pull paraformer-zh"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line


@pytest.mark.parametrize("arguments", [["list"], ["verify"], ["pull", "cam++"]])
def test_a_store_that_is_a_file_is_named(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = tmp_path / "store"
    store.touch()
    monkeypatch.setenv("VOICEBENCH_MODELS", str(store))
    assert main(["models", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: VOICEBENCH_MODELS={store} is not a folder. Name a folder, or unset it"


@pytest.mark.parametrize("profile", ["bundled", "dummy-4b"])
def test_a_profile_without_models_to_fetch_says_so(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", profile]) == 0
    assert "nothing to fetch" in capsys.readouterr().out


def test_a_profile_cannot_have_both_a_folder_and_a_model(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN.replace("asr: {", "asr: {folder: /x, "))
    with pytest.raises(ConfigError, match="both folder and model"):
        load_profile(str(own))


FULL_DISK = f"""
import sys, msgspec
from voicebench.hub import catalogue, fetch
known = dict(catalogue.catalogue())
origin = catalogue.Origin(repo="Qwen/Qwen3-0.6B", revision="{COMMIT}")
known["{LLM}"] = msgspec.structs.replace(known["{LLM}"], size_bytes=0, huggingface=origin)
catalogue.catalogue = lambda: known
fetch._SPARE_BYTES = 0
from voicebench.asr.base import Recognizer
from voicebench.cli import main
sys.exit(main(["models", "pull", "{LLM}", "--hub", sys.argv[1]]))
"""


@pytest.mark.parametrize("hub", ["huggingface", "modelscope"])
def test_a_disk_that_fills_up_is_one_line_that_says_how_to_go_on(
    hub: str, mirror: Mirror, store: Path
) -> None:
    """4 MB of disk and 8 MB of weights, in a mount namespace of its own."""
    store.mkdir(parents=True)
    mount = f'mount -t tmpfs -o size=4m tmpfs {store} && exec {sys.executable} -c "$CODE" {hub}'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    if subprocess.run([*command[:4], "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no namespaces")
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_environment(CODE=FULL_DISK)
    )
    assert done.returncode == 1, done.stderr
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("error:")]
    assert "disk is full" in line
    assert f"voicebench models pull {LLM}" in line


def _environment(**more: str) -> dict[str, str]:
    # a generator that was built in this process has told the hub's client to stay offline
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")}
    return {**inherited, "TQDM_DISABLE": "1", **more}
