"""What the scripts of clients share: what they are given, and a line of JSON for each check.

It runs in the environments of the clients, so nothing but Python's own library is imported here.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import inspect
import json
import sys
import wave
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 120.0
CHUNK_S = 0.1


class CheckError(Exception):
    """A client got something else than it should."""


@dataclass(frozen=True)
class Given:
    """What a script works with.

    Attributes:
        url: Address of the service, without a path.
        model: Name of its model.
        question: A WAV file of a spoken question, 16-bit mono.
    """

    url: str
    model: str
    question: Path

    @property
    def base_url(self) -> str:
        """What OpenAI's clients call so."""
        return f"{self.url}/v1"

    def pcm(self, silence_s: float = 1.5) -> tuple[bytes, int]:
        """The question and silence after it, as 16-bit samples, and their rate in Hz."""
        with wave.open(str(self.question), "rb") as file:
            rate_hz = file.getframerate()
            return file.readframes(file.getnframes()) + bytes(2 * int(silence_s * rate_hz)), rate_hz


Check = Callable[[Given], Awaitable[str]]


def expect(holds: object, problem: str) -> None:
    """Ends a check.

    Raises:
        CheckError: It does not hold.
    """
    if not holds:
        raise CheckError(problem)


def chunks(pcm: bytes, rate_hz: int) -> Iterator[bytes]:
    """Pieces of `CHUNK_S`."""
    size = 2 * int(CHUNK_S * rate_hz)
    return (pcm[start : start + size] for start in range(0, len(pcm), size))


def run(package: str, checks: Sequence[Check]) -> None:
    """Runs the checks and prints `{client, version, what, passed, result}` for each; the exit code is
    1 where one failed.

    Args:
        package: The client's name on PyPI.
        checks: Each with a docstring that says what it does; they return what the client got.
    """
    parser = argparse.ArgumentParser(description=package)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the service")
    parser.add_argument("--model", default="bundled", help="name of its model")
    parser.add_argument("--question", type=Path, required=True, help="WAV file, 16-bit mono")
    args = parser.parse_args()
    given = Given(args.url, args.model, args.question)
    version = importlib.metadata.version(package)
    passed = True
    for check in checks:
        try:
            is_passed, result = True, asyncio.run(asyncio.wait_for(check(given), TIMEOUT_S))
        except Exception as error:
            is_passed, result = False, f"{type(error).__name__}: {error}"
        passed = passed and is_passed
        line = {
            "client": package, "version": version, "what": (inspect.getdoc(check) or "").rstrip("."),
            "passed": is_passed, "result": " ".join(result.split())[:300],
        }  # fmt: skip
        print(json.dumps(line, ensure_ascii=False), flush=True)
    sys.exit(0 if passed else 1)
