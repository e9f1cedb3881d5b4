"""Fetching a model from ModelScope or Hugging Face, through their own client libraries.

A transfer goes on where an earlier one was cut off, within a file too, and every file is compared with
what the hub and the catalogue say of it before the model counts as there. Mirrors are named in the
environment, as the clients themselves have it: MODELSCOPE_ENDPOINT, HF_ENDPOINT.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from voicebench.bundled.manifest import hash_file
from voicebench.errors import ConfigError, MissingPackageError, ModelError, StorageError
from voicebench.hub.catalogue import HubName, Origin, find_model
from voicebench.hub.checksums import check_hashes, git_blob_sha1, model_files, require_files
from voicebench.hub.inspection import inspect, require_model_of
from voicebench.hub.store import (
    StoredModel,
    has_other_weights,
    model_folder,
    pull_command,
    read_record,
    write_record,
)

Say = Callable[[str], None]
WANTED = (
    "*.json", "*.yaml", "*.txt", "*.mvn", "*.jinja", "*.safetensors", "*.pt", "*.bin", "seg_dict",
    "tokenizer.model", "README.md", "LICENSE*",
)  # fmt: skip
"""What a model is made of; examples and pictures are left where they are."""
PARTIAL_FOLDER = ".partial"
_SPARE_BYTES = 200_000_000  # left free after a download
_ENDPOINTS: dict[HubName, tuple[str, str]] = {
    "modelscope": ("MODELSCOPE_ENDPOINT", "https://modelscope.cn"),
    "huggingface": ("HF_ENDPOINT", "https://huggingface.co"),
}


_MIRRORS: dict[HubName, str] = {"huggingface": "https://hf-mirror.com"}
"""Public ones, reached from mainland China."""


def pull(name: str, hub: HubName | None = None, say: Say = print) -> StoredModel:
    """Fetches a model into the store, or finds it there.

    Args:
        name: A model of the catalogue.
        hub: Where from; None takes the hub of `CatalogueModel.origin`.
        say: Told one line at a time what is going on.

    Returns:
        What was written down about it.

    Raises:
        ConfigError: The mirror that the environment names is no address.
        ModelError: No such model, repository or revision; no network; another model than the
            catalogue's; a file that does not fit its checksum. What arrived whole stays, so the
            same command continues from there.
        StorageError: The disk is full or refuses.
        MissingPackageError: The hub's client is not installed.
    """
    model, folder = find_model(name), model_folder(name)
    record = read_record(folder)
    if record is not None and has_other_weights(record):
        say(f"{name}: {folder} holds the other weights of {record.repo}, which are replaced")
        shutil.rmtree(folder)
    elif record is not None:
        say(f"{name}: already in {folder}, {record.repo} at {record.revision or 'import'}")
        return record
    chosen, origin = model.origin(hub)
    endpoint = endpoint_of(chosen)
    say(f"{name}: {origin.repo} from {endpoint}, about {model.size_bytes / 1e6:,.0f} MB")
    say(f"{name}: licence {model.licence}, {model.licence_url}")
    _require_space(folder, model.size_bytes)
    fetch = _fetch_modelscope if chosen == "modelscope" else _fetch_huggingface
    with _one_line(name, chosen, endpoint):
        folder.mkdir(parents=True, exist_ok=True)
        revision, licence = fetch(name, origin, endpoint, folder)
    shutil.rmtree(folder / PARTIAL_FOLDER, ignore_errors=True)
    files = model_files(folder)
    require_files(name, model, files)
    if contents := inspect(folder):
        require_model_of(name, contents, folder)
    record = StoredModel(
        name=name,
        hub=chosen,
        repo=origin.repo,
        revision=revision,
        licence=licence or model.licence,
        files=check_hashes(name, files, model.files, "the catalogue"),
    )
    write_record(folder, record)
    say(f"{name}: {len(files)} files checked, revision {revision}, in {folder}")
    return record


def endpoint_of(hub: HubName) -> str:
    """The hub's address, or the mirror that the environment names.

    Raises:
        ConfigError: The mirror is no address of the web.
    """
    variable, default = _ENDPOINTS[hub]
    address = (os.environ.get(variable) or default).rstrip("/")
    if not address.startswith(("https://", "http://")):
        raise ConfigError(
            f"{variable}={address} has neither https:// nor http://",
            f"Write {variable}=https://{address.rpartition('://')[2]}",
        )
    return address


def _fetch_huggingface(name: str, origin: Origin, endpoint: str, folder: Path) -> tuple[str, str]:
    """Downloads; returns the commit and what the model's card says of its licence.

    File by file with the client's own transfer function: its `snapshot_download` throws away what
    it has of a file when the process ends, and here that may be gigabytes.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile
    except ImportError as error:
        raise _no_client("huggingface_hub") from error
    api = HfApi(endpoint=endpoint)
    info = api.model_info(origin.repo, revision=origin.revision)
    commit = str(info.sha)
    for entry in api.list_repo_tree(origin.repo, revision=commit, recursive=True):
        if isinstance(entry, RepoFile) and any(fnmatch(entry.path, each) for each in WANTED):
            _fetch_entry(name, entry, (origin.repo, commit, endpoint), folder)
    card: Any = info.card_data or {}
    return commit, str(card.get("license_name") or card.get("license") or "")


def _fetch_entry(name: str, entry: Any, place: tuple[str, str, str], folder: Path) -> None:
    """Downloads one file, from where an earlier attempt stopped, and checks it."""
    target = folder / entry.path
    if target.is_file() and _fits(target, entry):
        return
    # named by content: what is left of another revision is not gone on with
    partial = folder / PARTIAL_FOLDER / (entry.lfs.sha256 if entry.lfs else entry.blob_id)
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab") as file:
        if file.tell() < entry.size:
            _transfer(entry, place, file)
    if not _fits(partial, entry):
        partial.unlink()
        raise ModelError(
            f"{entry.path} of {name} does not fit the checksum that the hub lists, and was removed",
            pull_command(name),
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.replace(target)


def _transfer(entry: Any, place: tuple[str, str, str], file: BinaryIO) -> None:
    from huggingface_hub.file_download import get_hf_file_metadata, hf_hub_url, http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    repo, commit, endpoint = place
    url = hf_hub_url(repo, entry.path, revision=commit, endpoint=endpoint)
    location = get_hf_file_metadata(url, endpoint=endpoint).location
    headers = build_hf_headers()
    if urlsplit(location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # the storage behind the hub has keys of its own
    http_get(
        location,
        file,
        resume_size=file.tell(),
        headers=headers,
        expected_size=entry.size,
        displayed_filename=entry.path,
    )


def _fits(path: Path, entry: Any) -> bool:
    """Whether a file is what the hub's listing says it is."""
    if path.stat().st_size != entry.size:
        return False
    if entry.lfs is not None:
        return bool(hash_file(path) == entry.lfs.sha256)
    return bool(git_blob_sha1(path) == entry.blob_id)


def _fetch_modelscope(name: str, origin: Origin, endpoint: str, folder: Path) -> tuple[str, str]:
    """Downloads; the client compares each file with the SHA-256 that the hub lists."""
    try:
        from modelscope_hub import HubApi
    except ImportError as error:
        raise _no_client("modelscope") from error
    revision = origin.revision or "master"
    HubApi(endpoint=endpoint).download_repo(
        origin.repo, "model", revision=revision, local_dir=folder, allow_patterns=list(WANTED)
    )
    return revision, ""


def _no_client(package: str) -> MissingPackageError:
    return MissingPackageError(
        f"package {package} is not installed, so nothing can be fetched",
        f"pip install {package}, or copy the folder here and use `voicebench models import`",
    )


def _require_space(folder: Path, num_bytes: int) -> None:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(existing).free
    if folder.is_dir():  # what an earlier attempt left counts as fetched
        num_bytes -= sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if free < num_bytes + _SPARE_BYTES:
        raise StorageError(
            f"{existing} has {free / 1e9:.1f} GB free and {num_bytes / 1e9:.1f} are to come",
            "Free some space, or set VOICEBENCH_MODELS to a folder on a larger disk",
        )


@contextlib.contextmanager
def _one_line(name: str, hub: HubName, endpoint: str) -> Iterator[None]:
    """Turns whatever a client raises into one line that says what to do."""
    again = f"Run the same command again to continue: voicebench models pull {name}"
    try:
        yield
    except (ModelError, MissingPackageError):
        raise
    except Exception as error:  # each client has a dozen of its own, over two HTTP libraries
        causes = list(_causes(error))
        if any(getattr(each, "errno", None) in (errno.ENOSPC, errno.EDQUOT) for each in causes):
            raise StorageError(f"the disk is full while {name} is fetched", again) from error
        status = next(filter(None, (_status(each) for each in causes)), None)
        if status in (401, 403):
            problem = f"{endpoint} does not give {name} to everyone (HTTP {status})"
            raise ModelError(
                problem, f"Log in with the hub's own client, or: {_elsewhere(name, hub)}"
            ) from error
        if status == 404:
            problem = f"{endpoint} has no such repository or revision for {name}"
            raise ModelError(problem, f"Try: {_elsewhere(name, hub)}") from error
        if any(type(each).__name__.startswith("FileIntegrity") for each in causes):
            raise ModelError(f"a file of {name} does not fit its checksum", again) from error
        raise ModelError(
            f"{name} could not be fetched from {endpoint}: {_sentence(causes[-1])}",
            f"{again}. Or: {_elsewhere(name, hub)}",
        ) from error


def _elsewhere(name: str, hub: HubName) -> str:
    """The other ways to a model: another hub, a mirror of this one, a folder."""
    ways = [
        f"voicebench models pull {name} --hub {other}"
        for other in find_model(name).origins
        if other != hub
    ]
    mirror = _MIRRORS.get(hub, "")
    ways.append(f"a mirror, named in {_ENDPOINTS[hub][0]}{f'={mirror}' if mirror else ''}")
    ways.append(f"without network, voicebench models import FOLDER {name}")
    return "; ".join(ways)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it came from, and the errors that it gathers."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        waiting += list(getattr(each, "failed_files", {}).values())


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__} {' '.join(str(error).split())[:160]}"
