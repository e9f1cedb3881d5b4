"""A run on disk: one folder that a report needs nothing beside.

    run.json       provenance and settings, replaced atomically
    cases.jsonl    the cases that ran, so that a report never needs the suites
    turns.jsonl    one line a turn, appended and synced before the next turn begins

The newline at the end of a line is its commit mark: what follows the last one was cut off by a
kill or a full disk. Reading says so and goes on; writing moves it to `turns.jsonl.half_written` and
continues behind the last whole line. A broken line anywhere else is damage and is refused.
Nothing here imports torch, funasr or vllm.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from voicebench.errors import RecordError, StorageError
from voicebench.events import make_event
from voicebench.types import Case, Run, Turn

SCHEMA_VERSION = 2
_READABLE = (1, SCHEMA_VERSION)
"""Up to version 1 the data of an event lay in a field `data`."""
RUN_FILE = "run.json"
CASES_FILE = "cases.jsonl"
TURNS_FILE = "turns.jsonl"
HALF_WRITTEN_FILE = "turns.jsonl.half_written"

T = TypeVar("T")
_ANY = msgspec.json.Decoder(dict[str, Any])
_RUN = msgspec.json.Decoder(Run)
_CASE = msgspec.json.Decoder(Case)
_TURN = msgspec.json.Decoder(Turn)


@dataclass(frozen=True)
class TurnsRead:
    """What `turns.jsonl` holds.

    Attributes:
        turns: The whole records, in the order they were written.
        half_written: Bytes after the last whole record; empty when there are none.
        size: Bytes of the whole records: where the next one belongs.
    """

    turns: tuple[Turn, ...]
    half_written: bytes
    size: int


def read_run(folder: Path) -> Run:
    """Reads `run.json`.

    Raises:
        RecordError: The folder is no run, or the file does not fit this version's schema.
    """
    path = folder / RUN_FILE
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise RecordError(
            f"{folder} is not a run: it holds no {RUN_FILE}",
            "Name a folder that `voicebench run` wrote, such as one under reports/",
        ) from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    version = _decode(content, path, _ANY.decode).get("schema_version")
    if version not in _READABLE:
        raise RecordError(
            f"{path} has schema version {version!r}, this voicebench reads {_READABLE[0]} to {_READABLE[-1]}",
            "Read it with the voicebench of its git_commit",
        )
    return _decode(content, path, _RUN.decode)


def write_run(folder: Path, run: Run) -> None:
    """Replaces `run.json` atomically: a reader sees the old one or the new one, never a part.

    Raises:
        StorageError: The disk refused; the old file is untouched.
    """
    content = msgspec.json.format(msgspec.json.encode(run), indent=2)
    _replace(folder / RUN_FILE, content + b"\n")


def read_cases(folder: Path) -> dict[tuple[str, str], Case]:
    """The cases of a run by (suite, case id).

    Raises:
        RecordError: The file is missing or a line does not fit the schema.
    """
    path = folder / CASES_FILE
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    cases = [_decode(line, f"{path} line {n}", _CASE.decode) for n, line in enumerate(lines, 1)]
    return {(case.suite, case.id): case for case in cases}


def write_cases(folder: Path, cases: Iterable[Case]) -> None:
    """Writes `cases.jsonl` atomically.

    Raises:
        StorageError: The disk refused.
    """
    _replace(folder / CASES_FILE, b"".join(msgspec.json.encode(case) + b"\n" for case in cases))


def read_turns(folder: Path) -> TurnsRead:
    """Reads every whole record of `turns.jsonl`; a run without the file has none yet.

    Raises:
        RecordError: A line other than the last does not fit the schema, or a turn is there twice.
    """
    path = folder / TURNS_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return TurnsRead(turns=(), half_written=b"", size=0)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    turns: list[Turn] = []
    size = 0
    *lines, _ = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            turns.append(_decode(line, f"{path} line {number}", _turn))
        except RecordError:
            if number == len(lines):  # a power cut can keep the newline and lose bytes before it
                break
            raise
        size += len(line) + 1
    _refuse_doubles(turns, path)
    return TurnsRead(turns=tuple(turns), half_written=content[size:], size=size)


@dataclass(frozen=True)
class PlacedTurn:
    """A turn and where it lies: `size` bytes of `turns.jsonl` from `offset` on."""

    turn: Turn
    offset: int
    size: int


def iter_turns(folder: Path) -> Iterator[Turn]:
    """The whole records of `turns.jsonl` one by one, so that a long run need not fit in memory; a
    half-written last one is left out.

    Raises:
        RecordError: See `read_turns`; what comes before the damage has been yielded.
    """
    return (placed.turn for placed in iter_placed_turns(folder))


def iter_placed_turns(
    folder: Path, start: int = 0, end: float = float("inf")
) -> Iterator[PlacedTurn]:
    """The same as `iter_turns`, each with its place, for `read_turn_at`.

    Args:
        folder: The run's.
        start: Byte of `turns.jsonl` at which a line begins.
        end: Byte up to which lines may begin; with `split_turns` for several readers at once.

    Raises:
        RecordError: See `iter_turns`; lines are counted from `start`.
    """
    path = folder / TURNS_FILE
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    seen: set[tuple[str, str, str, int, int]] = set()
    offset = start
    with file:
        file.seek(start)
        line, number = file.readline(), 1
        while line.endswith(b"\n") and offset < end:
            following = file.readline()
            try:
                place = f"line {number}" if not start else f"line {number} from byte {start} on"
                turn = _decode(line, f"{path} {place}", _turn)
            except RecordError:
                if following.endswith(b"\n"):
                    raise
                return
            _refuse_double(turn, seen, path)
            yield PlacedTurn(turn, offset, len(line))
            offset += len(line)
            line, number = following, number + 1


def split_turns(folder: Path, part_bytes: int) -> list[tuple[int, int]]:
    """Cuts `turns.jsonl` between lines into (start, end) for `iter_placed_turns`.

    Raises:
        RecordError: The file cannot be read.
    """
    path = folder / TURNS_FILE
    try:
        size, cuts = path.stat().st_size, [0]
        with path.open("rb") as file:
            while cuts[-1] + part_bytes < size:
                file.seek(cuts[-1] + part_bytes)
                file.readline()
                cuts.append(file.tell())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    return list(itertools.pairwise(sorted({*cuts, size})))


def read_turn_at(folder: Path, offset: int, size: int) -> Turn:
    """One turn of a long run, from where `iter_placed_turns` found it.

    Raises:
        RecordError: The file cannot be read, or there is no turn at that place.
    """
    path = folder / TURNS_FILE
    try:
        with path.open("rb") as file:
            file.seek(offset)
            line = file.read(size)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    return _decode(line, f"{path} at byte {offset}", _turn)


class TurnWriter:
    """Appends turns to a run, each on disk before `append` returns. A context manager.

    Opening sets a half-written last line aside and locks the file, so two processes cannot continue
    one run at a time.

    Args:
        folder: The run's folder; it must exist.

    Attributes:
        recorded: What was there on opening.

    Raises:
        RecordError: See `read_turns`; or another process writes to this run.
        StorageError: The disk refused.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / TURNS_FILE
        with _storage(self._path):
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._lock()
            self.recorded = read_turns(folder)
            if self.recorded.half_written:
                self._set_aside(folder / HALF_WRITTEN_FILE)
            self._size = self.recorded.size
            _sync_folder(folder)
        except BaseException:
            os.close(self._file)
            raise

    def append(self, turn: Turn) -> None:
        """Writes one turn and syncs it.

        Raises:
            StorageError: The disk refused; the record is taken back whole, those before stay.
        """
        line = msgspec.json.encode(turn) + b"\n"
        with _storage(self._path):
            try:
                _write_all(self._file, line, self._size)
                os.fsync(self._file)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._size)
                raise
        self._size += len(line)

    def close(self) -> None:
        """Closes the file and gives up its lock."""
        os.close(self._file)

    def __enter__(self) -> TurnWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecordError(
                f"{self._path.parent} is being written by another process",
                "Wait for it to end, or choose another --out",
            ) from None

    def _set_aside(self, side_file: Path) -> None:
        with _storage(side_file):
            with side_file.open("ab") as file:
                file.write(self.recorded.half_written + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.ftruncate(self._file, self.recorded.size)
            os.fsync(self._file)


def _decode(content: bytes, place: Path | str, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(
            f"{place} does not fit the record schema: {error}", "Restore the file from a copy"
        ) from None


def _turn(content: bytes) -> Turn:
    try:
        return _TURN.decode(content)
    except msgspec.ValidationError:
        turn = msgspec.json.decode(content)
        if not (isinstance(turn, dict) and _has_old_events(turn.get("events"))):
            raise
        events = [make_event(e["kind"], e["t_s"], e.get("data", {})) for e in turn["events"]]
        return _TURN.decode(msgspec.json.encode({**turn, "events": events}))


def _has_old_events(events: Any) -> bool:
    """Whether they are of version 1, some with the field `data`."""
    return isinstance(events, list) and all(
        isinstance(e, dict) and {"kind", "t_s"} <= e.keys() <= {"kind", "t_s", "data"}
        for e in events
    )


def _refuse_doubles(turns: list[Turn], path: Path) -> None:
    seen: set[tuple[str, str, str, int, int]] = set()
    for turn in turns:
        _refuse_double(turn, seen, path)


def _refuse_double(turn: Turn, seen: set[tuple[str, str, str, int, int]], path: Path) -> None:
    if turn.is_warm_up:
        return
    if turn.key in seen:
        raise RecordError(f"{path} holds the turn {turn.key} twice", "Remove one of the lines")
    seen.add(turn.key)


def _write_all(file: int, content: bytes, offset: int) -> None:
    """A nearly full disk takes part of a write and refuses the rest only when asked again."""
    while content:
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    with _storage(path):
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            _write_all(file, content, 0)
            os.fsync(file)
        finally:
            os.close(file)
        temporary.replace(path)
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}; everything recorded before is kept",
            "Make room (or fix the permissions) and repeat the command with the same --out",
        ) from error
