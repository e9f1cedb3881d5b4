"""The two services that the joint engine is compared with, each a process of its own on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from asr_service import KEEP_ALIVE_S

from voicebench.errors import VoicebenchError
from voicebench.profiles.schema import Profile

MODEL_NAME = "llm"
_START_TIMEOUT_S = 900.0
_STOP_TIMEOUT_S = 30.0
_LOG_LINES = 15
_CPU_BLOCK_SIZE = 32  # as `voicebench.llm.vllm_engine` sets it


class ServiceError(VoicebenchError):
    """A service did not start, or ended while it was needed."""


class Service:
    """A process that answers HTTP; its output goes to a file.

    Args:
        name: Of the service and its log file.
        arguments: Of the Python interpreter.
        port: Where it listens.
        log_folder: Where the log goes.
        python: The interpreter; this one unless another is named.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        port: int,
        log_folder: Path,
        python: str = sys.executable,
    ) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self._log_path = log_folder / f"{name}.log"
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [python, *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_environment()},
                start_new_session=True,  # so that what it starts ends with it
            )

    def wait_until_ready(self) -> None:
        """Returns when `/health` answers.

        Raises:
            ServiceError: The process ended or takes too long; the end of its log is in the message.
        """
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            self.check()
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
                return
            time.sleep(0.5)
        raise ServiceError(f"{self.name} was not ready after {_START_TIMEOUT_S:g} s{self._tail()}")

    def check(self) -> None:
        """Raises ServiceError if the process has ended."""
        if (code := self._process.poll()) is not None:
            raise ServiceError(f"{self.name} ended with exit code {code}{self._tail()}")

    def stop(self) -> None:
        """Ends the process and what it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_TIMEOUT_S)

    def _tail(self) -> str:
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(["; the end of its log:", *lines[-_LOG_LINES:]])


@contextlib.contextmanager
def running(profile: Profile, log_folder: Path) -> Iterator[tuple[Service, Service]]:
    """Both services, started one after the other and stopped at the end: recogniser, LLM."""
    script = str(Path(__file__).with_name("asr_service.py"))

    def arguments(port: int) -> list[str]:
        return [script, "--profile", profile.name, "--port", str(port)]

    with (
        started("asr_service", arguments, log_folder) as recogniser,
        running_llm(profile, log_folder) as llm,
    ):
        yield recogniser, llm


@contextlib.contextmanager
def running_llm(profile: Profile, log_folder: Path) -> Iterator[Service]:
    """vLLM's server, stopped at the end."""
    with started("llm_service", lambda port: vllm_arguments(profile, port), log_folder) as service:
        yield service


@contextlib.contextmanager
def started(
    name: str,
    arguments: Callable[[int], Sequence[str]],
    log_folder: Path,
    python: str = sys.executable,
) -> Iterator[Service]:
    """A service on a free port, ready, and stopped at the end.

    Args:
        name: See `Service`.
        arguments: Of the interpreter, for a port.
        log_folder: See `Service`.
        python: See `Service`.
    """
    port = _free_port()
    service = Service(name, arguments(port), port, log_folder, python)
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()


def vllm_arguments(profile: Profile, port: int) -> list[str]:
    """vLLM's own OpenAI server with the profile's folder and settings."""
    llm = profile.llm
    arguments = [
        "-m", "vllm.entrypoints.openai.api_server",
        "--model", llm.folder, "--served-model-name", MODEL_NAME,
        "--host", "127.0.0.1", "--port", str(port),
        "--dtype", llm.dtype, "--load-format", llm.load_format, "--seed", str(llm.seed),
        "--max-num-seqs", str(llm.max_num_seqs),
        "--disable-log-stats", "--uvicorn-log-level", "warning",
    ]  # fmt: skip
    if profile.asr.device == "cpu":
        arguments += ["--kv-cache-memory-bytes", str(int(llm.kv_cache_gib * 2**30))]
        arguments += ["--block-size", str(llm.block_size or _CPU_BLOCK_SIZE)]
    else:
        arguments += ["--gpu-memory-utilization", str(llm.gpu_memory_utilization)]
    if llm.max_model_len:
        arguments += ["--max-model-len", str(llm.max_model_len)]
    if llm.quantization:
        arguments += ["--quantization", llm.quantization]
    return [*arguments, "--enforce-eager"] if llm.enforce_eager else arguments


def _environment() -> dict[str, str]:
    """One thread each, quiet, and the LLM's prefix cache to be emptied between turns."""
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    return {
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": str(KEEP_ALIVE_S),
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
