from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tests.hub.conftest import ASR, LLM
from tests.hub.mirror import COMMIT, Mirror, sha256
from voicebench.cli import main
from voicebench.errors import ModelError, StorageError
from voicebench.hub import catalogue
from voicebench.hub.catalogue import find_model
from voicebench.hub.fetch import pull
from voicebench.hub.store import read_record, require_model, write_record
from voicebench.profiles.loader import load_profile

BIG = {ASR: "model.pt", LLM: "model.safetensors"}


@pytest.mark.parametrize("name", [ASR, LLM])
def test_a_model_is_fetched_whole_and_written_down(name: str, mirror: Mirror, store: Path) -> None:
    lines: list[str] = []
    record = pull(name, say=lines.append)
    assert read_record(store / name) == record
    big = BIG[name]
    (repo,) = [each for each in mirror.repos.values() if big in each]
    assert (store / name / big).read_bytes() == repo[big]
    assert record.revision == (COMMIT if name == LLM else "v2.0.9")
    assert any("licence" in line for line in lines)


@pytest.mark.parametrize("name", [ASR, LLM])
def test_a_connection_cut_in_mid_file_goes_on_where_it_was(name: str, mirror: Mirror) -> None:
    big = BIG[name]
    mirror.faults[big].extend(["cut:3000000", "cut:1000000"])
    record = pull(name, say=lambda _: None)
    (repo,) = [each for each in mirror.repos.values() if big in each]
    assert record.files[big] == sha256(repo[big])
    assert mirror.num_sent[big] < 1.2 * len(repo[big])  # nothing large was sent twice
    resumed = [
        int(asked.removeprefix("bytes=").rstrip("-")) for asked in mirror.ranges(big) if asked
    ]
    assert len(resumed) >= 2
    assert resumed == sorted(resumed)


@pytest.mark.parametrize("name", [ASR, LLM])
def test_what_a_dead_hub_leaves_is_taken_up_by_the_next_pull(
    name: str, mirror: Mirror, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = BIG[name]
    (repo,) = [each for each in mirror.repos.values() if big in each]
    mirror.faults[big].extend(["cut:4000000", *["500"] * 30])
    monkeypatch.setattr("time.sleep", lambda _: None)  # clients wait between attempts
    with pytest.raises(ModelError, match=f"voicebench models pull {name}"):
        pull(name, say=lambda _: None)
    assert read_record(store / name) is None
    with pytest.raises(ModelError, match="only partly"):
        require_model(name)
    mirror.faults[big].clear()
    sent_before = mirror.num_sent[big]
    pull(name, say=lambda _: None)
    assert mirror.num_sent[big] - sent_before <= len(repo[big]) - 3_000_000
    require_model(name)


@pytest.mark.parametrize("name", [ASR, LLM])
def test_bytes_that_do_not_fit_their_checksum_are_refused_and_fetched_anew(
    name: str, mirror: Mirror, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = BIG[name]
    mirror.faults[big].extend(["wrong"] * 30)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(ModelError, match="checksum"):
        pull(name, say=lambda _: None)
    assert read_record(store / name) is None
    mirror.faults[big].clear()
    assert pull(name, say=lambda _: None).files[big]


def test_a_hub_that_gives_other_weights_than_the_catalogue_knows_is_refused(
    mirror: Mirror, store: Path
) -> None:
    (repo,) = [each for each in mirror.repos.values() if "model.pt" in each]
    repo["model.pt"] += b"!"  # and the hub lists the changed file's own checksum
    with pytest.raises(ModelError, match="the catalogue says"):
        pull(ASR, say=lambda _: None)
    assert read_record(store / ASR) is None


@pytest.mark.parametrize("name", [ASR, LLM])
def test_a_repository_that_is_not_there_is_one_line(
    name: str, mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.repos.clear()
    assert main(["models", "pull", name]) == 2
    (line,) = errors(capsys)
    assert "no such repository" in line


@pytest.mark.parametrize(
    ("arguments", "ways"),
    [
        ([ASR], ["MODELSCOPE_ENDPOINT"]),
        ([LLM], ["HF_ENDPOINT=https://hf-mirror.com", f"models pull {LLM} --hub modelscope"]),
        (["cam++"], ["MODELSCOPE_ENDPOINT", "models pull cam++ --hub huggingface"]),
        (["qwen3-4b-int4"], ["MODELSCOPE_ENDPOINT", "--hub huggingface"]),
        (
            ["cam++", "--hub", "huggingface"],
            ["HF_ENDPOINT=https://hf-mirror.com", "models pull cam++ --hub modelscope"],
        ),
    ],
)
def test_no_network_is_one_line_that_names_mirror_other_hub_and_import(
    arguments: list[str], ways: list[str], dead_hubs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", *arguments]) == 2
    (line,) = errors(capsys)
    assert "127.0.0.1:9" in line
    for way in (*ways, f"voicebench models import FOLDER {arguments[0]}"):
        assert way in line


@pytest.mark.parametrize(
    ("variable", "hub"), [("HF_ENDPOINT", "huggingface"), ("MODELSCOPE_ENDPOINT", "modelscope")]
)
@pytest.mark.parametrize("address", ["hf-mirror.com", "ftp://hf-mirror.com/"])
def test_a_mirror_that_is_no_address_is_named_with_what_to_write(
    variable: str,
    hub: str,
    address: str,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, address)
    assert main(["models", "pull", "cam++", "--hub", hub]) == 2
    (line,) = errors(capsys)
    assert line.endswith(f"Write {variable}=https://hf-mirror.com")
    assert not (store / "cam++").exists()


def test_a_model_that_fails_does_not_keep_the_next_ones_away(
    mirror: Mirror, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.repos.pop(find_model(ASR).modelscope.repo)
    assert main(["models", "pull", ASR, "cam++", LLM]) == 2
    assert read_record(store / LLM) is not None
    lines = capsys.readouterr().err.splitlines()
    assert [ASR in line for line in lines if line.startswith("error:")] == [True, False]
    assert lines[-1] == f"missing: {ASR}, cam++ (2 of 3)"


def test_every_model_of_4090d_has_a_pinned_place_on_modelscope() -> None:
    """But for the int4 model, whose publisher has set no tag there."""
    names = load_profile("4090d").catalogue_models
    origins = {name: find_model(name).origin() for name in names}
    assert {hub for hub, _ in origins.values()} == {"modelscope"}
    unpinned = [name for name, (_, origin) in origins.items() if origin.revision is None]
    assert unpinned == ["qwen3-4b-int4"]
    pinned = {name: origin.revision for name, (_, origin) in origins.items() if origin.revision}
    assert pinned == {
        "paraformer-zh": "v2.0.9", "fsmn-vad": "v2.0.4", "ct-punc": "v2.0.4", "cam++": "v2.0.2",
    }  # fmt: skip
    assert all(find_model(name).files for name in names if name not in unpinned)


def test_the_older_name_of_an_option_still_works(
    mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", LLM, "--from", "huggingface"]) == 0
    assert "--from is now --hub" in capsys.readouterr().err


def test_another_model_under_the_repositorys_name_is_refused(mirror: Mirror, store: Path) -> None:
    """No checksum of it is known, as of the int4 model: its dimensions are."""
    repo = mirror.repos["Qwen/Qwen3-0.6B"]
    config = {**json.loads(repo["config.json"]), "hidden_size": 512}
    repo["config.json"] = json.dumps(config).encode()
    with pytest.raises(ModelError, match="hidden_size is 512, not 256"):
        pull(LLM, say=lambda _: None)
    assert read_record(store / LLM) is None


def test_weights_of_another_model_under_the_same_name_are_replaced(
    mirror: Mirror, store: Path
) -> None:
    """An older catalogue fetched another model for the name, from another hub."""
    record = pull(ASR, say=lambda _: None)
    other = {**record.files, "model.pt": "0" * 64}
    write_record(store / ASR, msgspec.structs.replace(record, repo="funasr/x", files=other))
    with pytest.raises(ModelError, match=f"funasr/x .* not those of {ASR}"):
        require_model(ASR)
    lines: list[str] = []
    assert pull(ASR, say=lines.append) == record
    assert "other weights of funasr/x" in lines[0]
    assert require_model(ASR) == record


def test_a_file_that_the_model_needs_and_the_hub_lacks_is_named(mirror: Mirror) -> None:
    (repo,) = [each for each in mirror.repos.values() if "am.mvn" in each]
    del repo["am.mvn"]
    with pytest.raises(ModelError, match=r"lacks am\.mvn"):
        pull(ASR, say=lambda _: None)


def test_a_second_pull_asks_nothing(mirror: Mirror) -> None:
    pull(LLM, say=lambda _: None)
    mirror.log.clear()
    pull(LLM, say=lambda _: None)
    assert not mirror.log


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = catalogue.catalogue()
    known[LLM] = msgspec.structs.replace(known[LLM], size_bytes=10**18)
    with pytest.raises(StorageError, match=r"1000000000\.0 are to come"):
        pull(LLM, say=lambda _: None)
    assert not mirror.log


def test_a_revision_that_nobody_pinned_is_pinned_by_the_pull(mirror: Mirror) -> None:
    known = catalogue.catalogue()
    origin = catalogue.Origin(repo="Qwen/Qwen3-0.6B", revision=None)
    known[LLM] = msgspec.structs.replace(known[LLM], huggingface=origin)
    assert pull(LLM, "huggingface", lambda _: None).revision == COMMIT


@pytest.fixture
def dead_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # clients wait between attempts
    for variable in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # discard: no server listens


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of error; the clients' own bars and logs are left out."""
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
