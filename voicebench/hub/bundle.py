"""Everything an installation needs in one .tar: wheels, models, suites and the script that installs.

The tar is written as a stream, a batch of wheels at a time, so that the disk never holds the whole set
twice. Checksums of all files come last in it; the installer compares every one before it begins.

    voicebench-bundle/
      install.sh  requirements.txt  PROFILE  manifest.json
      wheels/*.whl  models/NAME/*  datasets/SUITE/*
      SHA256SUMS
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from voicebench.errors import ConfigError, ModelError, StorageError
from voicebench.hub.checksums import verify_stored
from voicebench.hub.dependencies import dependencies
from voicebench.hub.installer import INSTALLER
from voicebench.hub.store import RECORD_NAME, model_folder, require_model
from voicebench.profiles.loader import load_profile
from voicebench.types import Record

Say = Callable[[str], None]
TOP = "voicebench-bundle"
_NO_CACHES = shutil.ignore_patterns("__pycache__")
_BATCH = 25  # wheels gathered before they are packed and removed


class Contents(Record):
    """What a bundle was made of."""

    profile: str
    extras: tuple[str, ...]
    python: str
    packages: dict[str, str]
    left_out: tuple[str, ...]
    """Packages that others ask for and this installation does without."""
    models: tuple[str, ...]
    num_files: int
    num_bytes: int


def make_bundle(out: Path, profile_name: str, extras: Sequence[str], say: Say = print) -> Contents:
    """Writes a bundle for a profile.

    Args:
        out: The .tar; written under another name and renamed when whole.
        profile_name: Whose models go in.
        extras: Of voicebench: `cpu` or `gpu`, and others.
        say: Told one line at a time what is going on.

    Raises:
        ModelError: A model is missing or damaged, or is a folder of the user's own.
        ConfigError: A wheel cannot be had, or voicebench's own source is not here.
        StorageError: The disk is full or refuses.
    """
    profile = load_profile(profile_name)
    models = [_bundled_model(part.model, part.folder) for part in profile.parts.values()]
    names = list(dict.fromkeys(name for name in models if name))
    packages, absent = dependencies("voicebench", extras)
    source = source_folder()
    partial = out.with_name(f"{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(partial, "w|", format=tarfile.GNU_FORMAT) as tar:
            writer = _Writer(tar)
            writer.add_bytes("install.sh", INSTALLER.encode(), mode=0o755)
            writer.add_bytes("PROFILE", f"{profile.name}\n".encode())
            pins = [f"{name}=={version}" for name, version in packages.items()]
            version = metadata.version("voicebench")
            requirements = "\n".join([*pins, f"voicebench=={version}", ""])
            writer.add_bytes("requirements.txt", requirements.encode())
            for number, wheel in enumerate(_wheels(pins, source, out.parent), start=1):
                writer.add_file(f"wheels/{wheel.name}", wheel)
                say(f"wheels {number}/{len(pins) + 1}: {wheel.name}")
            for name in names:
                say(f"model {name}")
                writer.add_folder(f"models/{name}", model_folder(name))
            for suite in sorted((source / "datasets").glob("*/suite.yaml")):
                writer.add_folder(f"datasets/{suite.parent.name}", suite.parent)
            contents = Contents(
                profile=profile.name,
                extras=tuple(extras),
                python=f"{sys.version_info.major}.{sys.version_info.minor}",
                packages=packages,
                left_out=tuple(absent),
                models=tuple(names),
                num_files=len(writer.sums),
                num_bytes=writer.num_bytes,
            )
            writer.add_bytes("manifest.json", _json(contents))
            sums = "".join(f"{sha256}  {name}\n" for name, sha256 in writer.sums.items())
            writer.add_bytes("SHA256SUMS", sums.encode())
        partial.replace(out)
    except OSError as error:
        raise StorageError(
            f"{out} cannot be written: {error.strerror or error}",
            "Free some space, or write the bundle to a larger disk",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return contents


def check_bundle(path: Path) -> Contents:
    """Reads a bundle through, comparing every file with its checksum.

    Raises:
        ConfigError: No bundle, or a damaged one; the file is named.
    """
    found: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|") as tar:
            for member in tar:
                name = member.name.removeprefix(f"{TOP}/")
                content = tar.extractfile(member)
                if content is None:
                    continue
                text = content.read() if name in ("SHA256SUMS", "manifest.json") else None
                found[name] = _hash(io.BytesIO(text) if text is not None else content)
                if text is not None:
                    texts[name] = text
    except (OSError, tarfile.TarError) as error:
        raise ConfigError(
            f"{path} is not a whole bundle: {error}", "Make or copy it again"
        ) from error
    if set(texts) != {"SHA256SUMS", "manifest.json"}:
        raise ConfigError(f"{path} is not a whole bundle", "Make or copy it again")
    for line in texts["SHA256SUMS"].decode().splitlines():
        sha256, _, name = line.partition("  ")
        if found.get(name) != sha256:
            raise ConfigError(
                f"{name} in {path} does not fit its checksum", "Make or copy it again"
            )
    import msgspec

    return msgspec.json.decode(texts["manifest.json"], type=Contents)


def source_folder() -> Path:
    """Where voicebench's own source lies: it is built into a wheel from there.

    Raises:
        ConfigError: It was installed from a wheel, and its source is not here.
    """
    folder = Path(__file__).resolve().parents[2]
    if (folder / "pyproject.toml").is_file():
        return folder
    text = metadata.distribution("voicebench").read_text("direct_url.json")
    url = str(json.loads(text)["url"]) if text else ""
    found = Path(unquote(urlsplit(url).path))
    if url.startswith("file:") and (found / "pyproject.toml").is_file():
        return found
    raise ConfigError(
        "voicebench's own source is not here, so no wheel can be made of it",
        "Make the bundle from a clone: make setup, then .venv/bin/voicebench bundle",
    )


def _bundled_model(name: str | None, folder: str) -> str | None:
    """The catalogue's name of a model to pack; None for one that is part of voicebench."""
    if name is not None:
        verify_stored(name, model_folder(name), require_model(name))
        return name
    if Path(folder).is_relative_to(Path(__file__).resolve().parents[1]):
        return None
    raise ModelError(
        f"model folder {folder} has no name in the catalogue, so a bundle has no place for it",
        "Import it (voicebench models import), and write `model:` in the profile",
    )


def _wheels(pins: Sequence[str], source: Path, near: Path) -> Iterator[Path]:
    """Wheels of pinned packages, and of voicebench, each there until the next batch is asked for."""
    for first in range(0, len(pins), _BATCH):
        yield from _gathered(pins[first : first + _BATCH], near)
    with tempfile.TemporaryDirectory(prefix=".source-", dir=near) as folder:
        # a copy: building leaves a folder behind, from which the next build takes removed files
        copy = Path(folder)
        shutil.copytree(source / "voicebench", copy / "voicebench", ignore=_NO_CACHES)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copyfile(source / name, copy / name)
        yield from _gathered(["--no-build-isolation", str(copy)], near)


def _gathered(arguments: Sequence[str], near: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=near) as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            folder,
        ]
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or [done.stderr]
            raise ConfigError(
                f"pip cannot get a wheel: {' '.join(lines[-1].split())[:300]}",
                "Make the bundle where pip reaches an index that has it (PIP_INDEX_URL, "
                "PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS)",
            )
        yield from sorted(Path(folder).glob("*.whl"))


class _Writer:
    """Adds files to a tar stream and keeps their checksums."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.sums: dict[str, str] = {}
        self.num_bytes = 0

    def add_bytes(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._add(name, io.BytesIO(content), len(content), mode)

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            self._add(name, file, path.stat().st_size, 0o644)

    def add_folder(self, name: str, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            hidden = any(part.startswith(".") for part in relative.parts)
            if path.is_file() and (not hidden or path.name == RECORD_NAME):
                self.add_file(f"{name}/{relative.as_posix()}", path)

    def _add(self, name: str, file: IO[bytes], size: int, mode: int) -> None:
        member = tarfile.TarInfo(f"{TOP}/{name}")
        member.size, member.mode = size, mode
        reader = _Hashing(file)
        self._tar.addfile(member, reader)
        self.sums[name] = reader.digest.hexdigest()
        self.num_bytes += size


class _Hashing(io.RawIOBase):
    """Hashes a file while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        return block


def _hash(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(2**20), b""):
        digest.update(block)
    return digest.hexdigest()


def _json(contents: Contents) -> bytes:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(contents), indent=2) + b"\n"
