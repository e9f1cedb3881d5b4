from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.hub.conftest import ASR, LLM
from tests.hub.mirror import COMMIT, Mirror, sha256
from voicebench.cli import main
from voicebench.errors import ModelError, StorageError
from voicebench.hub import catalogue
from voicebench.hub.fetch import pull
from voicebench.hub.store import read_record, require_model

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


@pytest.mark.parametrize("name", [ASR, LLM])
def test_no_network_is_one_line_that_names_the_way_without(
    name: str, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    for variable in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # discard: nobody listens
    assert main(["models", "pull", name]) == 2
    (line,) = errors(capsys)
    assert "voicebench models import" in line
    assert "127.0.0.1:9" in line


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


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of error; the clients' own bars and logs are left out."""
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
