"""What models need of the machine itself: an NVIDIA driver, a torch for CUDA, a C compiler with headers."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import runpy
import shutil
import subprocess
import sysconfig
import warnings
from pathlib import Path

from voicebench.errors import ConfigError, MissingPackageError

MIN_DRIVERS = {12: 525, 13: 580}
"""Major release of CUDA -> the oldest driver that runs its programs on a GeForce card
(docs.nvidia.com/cuda/cuda-toolkit-release-notes, minor version compatibility)."""
GPU_SET_CUDA = "13.0"
"""Of the torch in requirements/gpu.txt."""

_LOGGER = logging.getLogger("voicebench")
_OTHER_SET = "rm -r .venv && make setup SET=gpu (docs/install.md)"
_HEADERS_TEST = "#include <stdlib.h>\n#include <Python.h>\n"


def gpus() -> tuple[dict[str, str], ...]:
    """`name`, `driver_version`, `memory.total` and `power.limit` of each GPU, as nvidia-smi prints them."""
    fields = ("name", "driver_version", "memory.total", "power.limit")
    program = shutil.which("nvidia-smi")
    if not program:
        return ()
    command = [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if answer.returncode:
        return ()
    rows = [line.split(", ") for line in answer.stdout.splitlines()]
    return tuple(dict(zip(fields, row, strict=True)) for row in rows if len(row) == len(fields))


def torch_cuda() -> str | None:
    """The CUDA release that the installed torch is built for; empty for a CPU build, None without torch.

    torch itself is not imported: it may not be importable.
    """
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        return runpy.run_path(str(Path(spec.origin).with_name("version.py"))).get("cuda") or ""
    except OSError:
        return None


def require_driver(cuda: str) -> None:
    """Checks the NVIDIA driver against a release of CUDA.

    Args:
        cuda: Such as `13.0`.

    Raises:
        ConfigError: No GPU answers, or its driver is too old.
    """
    needed = MIN_DRIVERS.get(int(cuda.split(".")[0]), max(MIN_DRIVERS.values()))
    install = f"Install driver {needed} or newer (sudo apt-get install nvidia-driver-{needed})"
    found = gpus()
    if not found:
        raise ConfigError(
            "no NVIDIA GPU: nvidia-smi is not here, or finds none",
            f"{install}; in a container, start it with --gpus all",
        )
    driver = found[0]["driver_version"]
    branch = re.match(r"\d+", driver)
    if branch and int(branch[0]) < needed:
        raise ConfigError(
            f"NVIDIA driver {driver} is too old: torch for CUDA {cuda} needs {needed} or newer",
            f"{install}; for CUDA 12.9 on an older driver see docs/install.md",
        )


def require_cuda() -> None:
    """Checks that torch computes on a GPU here. Imports torch; logs what it warns of.

    Raises:
        ConfigError: It does not; torch's own words are in the message.
        MissingPackageError: torch is not installed, or cannot be imported.
    """
    try:
        import torch
    except (ImportError, OSError) as error:
        raise MissingPackageError(f"torch cannot be imported ({error})", _OTHER_SET) from error
    if torch.version.cuda is None:
        raise ConfigError(f"torch {torch.__version__} is a build for CPUs", _OTHER_SET)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        is_available = torch.cuda.is_available()
    words = " ".join(str(each.message) for each in caught)
    if is_available:
        if words:
            _LOGGER.warning("warning: torch says: %s", words)
        return
    require_driver(torch.version.cuda)
    raise ConfigError(
        f"torch {torch.__version__} finds no GPU that it can use"
        + (f"; it says: {words}" if words else ""),
        "Compare with nvidia-smi; CUDA_VISIBLE_DEVICES may hide the card",
    )


def require_compiler() -> str:
    """Checks that Triton and torch can compile: the compiler they choose, and the headers of C and Python.

    Returns:
        The compiler's path.

    Raises:
        MissingPackageError: Something is missing; the command that installs it is named.
    """
    compiler = _find_compiler()
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").is_file():
        version = sysconfig.get_python_version()
        raise MissingPackageError(
            f"no Python headers: {headers}/Python.h is not there",
            f"sudo apt-get install python{version}-dev, or take uv's or conda's Python, which have them",
        )
    if reason := _compile_error([compiler, "-fsyntax-only", f"-I{headers}", "-x", "c", "-"]):
        raise MissingPackageError(
            f"{compiler} cannot compile against Python: {reason}",
            "sudo apt-get install gcc g++ libc6-dev",
        )
    return compiler


def _find_compiler() -> str:
    """The compiler that Triton takes: what CC names, as one path without options, else gcc or clang."""
    named = os.environ.get("CC")
    if named is not None:
        if path := shutil.which(named):
            return path
        raise MissingPackageError(
            f"CC={named!r} is no program, and Triton takes it as it is, without options",
            "unset CC, or set it to a compiler's path alone",
        )
    for name in ("gcc", "clang"):
        if path := shutil.which(name):
            return path
    raise MissingPackageError(
        "no C compiler: neither gcc nor clang is on the path, and CC names none",
        "sudo apt-get install gcc g++ libc6-dev, or conda install -c conda-forge gcc gxx",
    )


def _compile_error(command: list[str]) -> str:
    """The first error of a compiler that reads the headers, on one line; empty where it has none."""
    try:
        done = subprocess.run(
            command, input=_HEADERS_TEST, capture_output=True, text=True, errors="replace",
            check=False, env=os.environ | {"LC_ALL": "C"},
        )  # fmt: skip
    except OSError as error:
        return str(error)
    if not done.returncode:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line.strip() for line in lines if "error" in line]
    return next(iter(errors + lines), f"exit code {done.returncode}")
