"""Log lines: all of them, in order, in few writes when there are many, and at once when it matters."""

from __future__ import annotations

import json
import logging
import logging.config
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicebench.serving.logs import LineWriter, new_id

ROOT = Path(__file__).resolve().parents[2]


class Stream:
    """Keeps what each write brought."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.is_broken = False

    def write(self, text: str) -> None:
        if self.is_broken:
            raise BrokenPipeError
        self.writes.append(text)

    def flush(self) -> None: ...

    @property
    def messages(self) -> list[str]:
        return [json.loads(line)["message"] for line in "".join(self.writes).splitlines()]


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def logger(stream: Stream) -> Iterator[logging.Logger]:
    handler = LineWriter(stream)  # type: ignore[arg-type]
    logger = logging.Logger("voicebench.serving.alone", logging.INFO)
    logger.addHandler(handler)
    yield logger
    handler.close()


def wait_for(stream: Stream, num_lines: int) -> None:
    until = time.monotonic() + 10
    while len(stream.messages) < num_lines and time.monotonic() < until:
        time.sleep(0.005)


def test_many_lines_come_whole_in_their_order_and_in_few_writes(
    logger: logging.Logger, stream: Stream
) -> None:
    for number in range(500):
        logger.info("line %d", number)
    wait_for(stream, 500)  # without another line that would bring them along
    assert stream.messages == [f"line {number}" for number in range(500)]
    assert len(stream.writes) < 100


def test_a_line_right_after_another_is_written_with_logging_configured_anew(
    logger: logging.Logger, stream: Stream
) -> None:
    """As vLLM does while the service starts: it closes every handler there is."""
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    logger.info("listening")
    logger.info("READY")
    wait_for(stream, 2)
    assert stream.messages == ["listening", "READY"]


def test_tracebacks_and_warnings_of_libraries_are_json_without_their_values() -> None:
    program = """
import logging, threading, warnings
from voicebench.serving.logs import configure
configure()
logging.getLogger("elsewhere").warning("cannot read %s", "secret")
warnings.warn("careful\\nsecond line")
def fail(): raise ValueError("secret")
thread = threading.Thread(target=fail); thread.start(); thread.join()
fail()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [(line["message"], line.get("logger"), line.get("error")) for line in lines] == [
        ("cannot read %s", "elsewhere", None),
        ("warning", None, None),
        ("unhandled exception in a thread", None, "ValueError"),
        ("unhandled exception", None, "ValueError"),
    ]
    assert lines[1]["category"] == "UserWarning"
    assert "secret" not in done.stderr


def test_a_warning_takes_along_what_waits_and_waits_for_nothing(
    logger: logging.Logger, stream: Stream
) -> None:
    for message in ("first", "second"):
        logger.info(message)
    logger.warning("third")
    assert stream.messages == ["first", "second", "third"]


def test_shutting_down_writes_what_waits(logger: logging.Logger, stream: Stream) -> None:
    logger.info("first")
    logger.info("second")
    logging.shutdown([weakref.ref(handler) for handler in logger.handlers])
    assert stream.messages == ["first", "second"]


def test_a_log_that_nobody_reads_ends_no_request(
    logger: logging.Logger, stream: Stream, capsys: pytest.CaptureFixture[str]
) -> None:
    stream.is_broken = True
    logger.warning("lost")
    logger.info("lost, too")
    time.sleep(0.15)
    stream.is_broken = False
    logger.warning("there again")
    assert stream.messages[-1] == "there again"


def test_ids_are_all_different() -> None:
    ids = [new_id("req") for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert {len(each) for each in ids} == {len("req_") + 24}
