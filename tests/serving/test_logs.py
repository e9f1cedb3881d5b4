"""Log lines: all of them, in order, in few writes when there are many, and at once when it matters."""

from __future__ import annotations

import json
import logging
import time
import weakref
from collections.abc import Iterator

import pytest

from voicebench.serving.logs import LinesTogether, new_id


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
    handler = LinesTogether(stream)  # type: ignore[arg-type]
    logger = logging.Logger("alone", logging.INFO)
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
    logger.info("first")
    assert stream.messages == ["first"]  # nothing came shortly before: at once
    for number in range(500):
        logger.info("line %d", number)
    wait_for(stream, 501)  # without another line that would bring them along
    assert stream.messages == ["first", *(f"line {number}" for number in range(500))]
    assert len(stream.writes) < 100


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
