"""A run's measured turns as a Parquet file, so that a long run opens at once.

    with columns for pandas and DuckDB       one row a turn, typed, named as in the metric definitions
    and `kept`                               what a report needs of the turn, exactly

It is made on first opening and made again when the records, the cases, the run or the code of the
metrics have changed since. It lies in the user's cache folder, since opening a run only reads it: a run
on read-only storage opens like any other. It holds nothing that the records do not: it may be deleted.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib.util
import json
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import voicebench.metrics
from voicebench.cache import cache_folder
from voicebench.errors import MissingPackageError, RecordError, StorageError
from voicebench.metrics.registry import METRICS
from voicebench.report.data import KeptTurn, keep_turns, without_collection
from voicebench.runs.record import (
    CASES_FILE,
    RUN_FILE,
    TURNS_FILE,
    iter_placed_turns,
    read_cases,
    split_turns,
)
from voicebench.types import Case

if TYPE_CHECKING:
    import pyarrow as pa

STORE_FILE = "turns.parquet"
_STORES, _RUN_LINK = "turns", "run"
KEPT = "kept"
_ROWS_AT_ONCE = 2000
_PART_BYTES = 32 * 2**20
_KEY = ("suite", "case_id", "variant", "repeat", "turn_index")
_PACKAGES = ("pyarrow", "duckdb", "pandas")
_FINGERPRINT = b"voicebench"
Progress = Callable[[float], None]
"""Told which share of the records is measured."""


def require_packages() -> None:
    """Refuses to go on without what notebooks need.

    Raises:
        MissingPackageError: A package is not installed.
    """
    if missing := _missing():
        raise MissingPackageError(
            f"opening a run in a notebook needs the package {missing[0]}",
            "Install it in a clone: pip install -e '.[notebooks]'",
        )


def is_installed() -> bool:
    """Whether all of them are there."""
    return not _missing()


def _missing() -> list[str]:
    return [name for name in _PACKAGES if importlib.util.find_spec(name) is None]


def open_store(folder: Path, progress: Progress = lambda _: None) -> Path:
    """The run's Parquet file, made or made again where it must be.

    Raises:
        RecordError: The records are damaged.
        StorageError: The file cannot be written, neither into the cache nor as a temporary one.
        MissingPackageError: See `require_packages`.
    """
    require_packages()
    wanted = fingerprint(folder)
    own = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    place = Path(_STORES, own, STORE_FILE)
    beside = folder / STORE_FILE  # where older versions put it
    for path in (beside, cache_folder() / place, _scratch() / place):
        if _stored_fingerprint(path) == wanted:
            return path
    try:
        return _make(folder, cache_folder() / place, wanted, progress)
    except StorageError:  # the cache may be full or read-only
        return _make(folder, _scratch() / place, wanted, progress)


@functools.cache
def _scratch() -> Path:
    """A folder of this process, removed when it ends."""
    folder = tempfile.TemporaryDirectory(prefix="voicebench-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _make(folder: Path, path: Path, wanted: str, progress: Progress) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_gone_runs(path.parent.parent)
        with contextlib.suppress(FileExistsError):
            (path.parent / _RUN_LINK).symlink_to(folder.resolve())
    except OSError as error:
        raise _cannot_write(path, error) from error
    _write(folder, path, wanted, progress)
    return path


def _clear_gone_runs(stores: Path) -> None:
    """Removes the files of runs that are no longer where they were."""
    for each in stores.iterdir():
        if (each / _RUN_LINK).is_symlink() and not (each / _RUN_LINK).exists():
            shutil.rmtree(each, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}",
        "Make room, or set VOICEBENCH_CACHE to a folder that can be written",
    )


def iter_kept(path: Path) -> Iterator[KeptTurn]:
    """The turns of a store, in the order of the records."""
    import pyarrow.parquet as pq

    decoder = msgspec.msgpack.Decoder(KeptTurn)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=[KEPT]):
            for value in batch.column(0):
                yield decoder.decode(value.as_buffer())


def fingerprint(folder: Path) -> str:
    """What a store stands on, as text: the same text, the same content."""
    files = {}
    for name in (TURNS_FILE, CASES_FILE, RUN_FILE):
        path = folder / name
        stat = path.stat() if path.exists() else None
        files[name] = [stat.st_size, stat.st_mtime_ns] if stat else None
    return json.dumps({"files": files, "code": _code_sha256()})


@functools.cache
def _code_sha256() -> str:
    """Of everything that decides what is measured and how it is kept."""
    sources = [
        *sorted(Path(voicebench.metrics.__path__[0]).glob("*.py")),
        Path(__file__),
        Path(__file__).with_name("data.py"),
    ]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _stored_fingerprint(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return ""
    return bytes(metadata.get(_FINGERPRINT, b"")).decode()


def _write(folder: Path, path: Path, wanted: str, progress: Progress) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema().with_metadata({_FINGERPRINT: wanted.encode()})
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    parts = split_turns(folder, _PART_BYTES)
    try:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for number, content in enumerate(_measured_parts(folder, parts), 1):
                writer.write_table(pa.ipc.open_stream(content).read_all())
                progress(number / len(parts))
        _refuse_doubles(folder, temporary)
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # read-only storage refuses it although nothing is there
            temporary.unlink()


def _measured_parts(folder: Path, parts: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The rows of each part, in order; those of a long run are measured on every core."""
    num_workers = min(len(os.sched_getaffinity(0)), len(parts))
    if num_workers < 2 or _is_plain_script():
        for part in parts:
            yield measure_part(folder, *part)
        return
    context = multiprocessing.get_context("spawn")  # a notebook has threads, so no fork
    with ProcessPoolExecutor(num_workers, mp_context=context) as pool:
        waiting = [pool.submit(measure_part, folder, *part) for part in parts]
        try:
            for future in waiting:
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _is_plain_script() -> bool:
    """Whether a worker would run the caller's script again from its first line."""
    main = sys.modules["__main__"]
    return hasattr(main, "__file__") and getattr(main, "__spec__", None) is None


def measure_part(folder: Path, start: int, end: int) -> bytes:
    """The rows of some turns, as an Arrow stream. `start` and `end` as `split_turns` gives them."""
    import pyarrow as pa

    cases, schema = _cases_of(folder), _schema()
    with without_collection():
        placed = iter_placed_turns(folder, start, end)
        rows = [_row(kept, cases) for kept in keep_turns(placed, cases)]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema))
    return bytes(sink.getvalue())


@functools.lru_cache(maxsize=1)  # a worker measures many parts of one run
def _remembered_cases(folder: Path, stamp: tuple[int, int]) -> dict[tuple[str, str], Case]:
    return read_cases(folder)


def _cases_of(folder: Path) -> dict[tuple[str, str], Case]:
    stat = (folder / CASES_FILE).stat() if (folder / CASES_FILE).exists() else None
    return _remembered_cases(folder, (stat.st_size, stat.st_mtime_ns) if stat else (0, 0))


def _refuse_doubles(folder: Path, path: Path) -> None:
    """Each part has looked for turns that are there twice in itself; this looks across parts."""
    import duckdb

    with duckdb.connect() as database:
        name = str(path).replace("'", "''")
        found = database.execute(
            f"SELECT {', '.join(_KEY)} FROM read_parquet('{name}') WHERE NOT is_warm_up "
            f"GROUP BY {', '.join(_KEY)} HAVING count(*) > 1 LIMIT 1"
        ).fetchone()
    if found:
        raise RecordError(
            f"{folder / TURNS_FILE} holds the turn {found} twice", "Remove one of the lines"
        )


def _schema() -> pa.Schema:
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    text, number, count, yes = pa.string(), pa.float64(), pa.int32(), pa.bool_()
    kinds: dict[str, pa.DataType] = {
        "suite": name, "case_id": text, "variant": name, "repeat": count, "turn_index": count,
        "mode": name, "pace": name, "is_warm_up": yes, "tags": pa.list_(pa.string()),
        "audio_s": number, "t_eos_s": number, "reference": text, "heard": text, "cleaned": text,
        "answer": text, "failure_stage": name, "degraded": name, "cer": number,
        "cer_errors": count, "cer_units": count, "mer": number, "entities": count,
        "entities_heard": count, "facts": count, "facts_correct": count, "facts_missing": count,
        "facts_contradicted": count, "unsupported": count, "is_wrong": yes, "lost_by_asr": count,
        "lost_by_cleaning": count, "lost_by_llm": count, "answer_tokens": count,
        "answer_characters": count, "asr_compute_s": number, "rtf": number,
        **dict.fromkeys(_TIMES, number), "itl_ms": number, "is_premature": yes,
        "kind": name, "is_fallback": yes, "is_cut_off": yes,
        "drafts": count, "drafts_kept": count, "tokens_discarded": count,
        "prompt_tokens": count, "cached_prompt_tokens": count,
        "offset": pa.int64(), "size": pa.int64(), KEPT: pa.binary(),
    }  # fmt: skip
    return pa.schema(kinds)


_TIMES = tuple(metric.name for metric in METRICS.values() if metric.value)


def _row(kept: KeptTurn, cases: Mapping[tuple[str, str], Case]) -> dict[str, Any]:
    turn, m = kept.turn, kept.measures
    case = cases.get((turn.suite, turn.case_id))
    asked = case.turns[turn.turn_index] if case and turn.turn_index < len(case.turns) else None
    row: dict[str, Any] = {
        "suite": turn.suite, "case_id": turn.case_id, "variant": turn.variant,
        "repeat": turn.repeat, "turn_index": turn.turn_index, "mode": turn.mode,
        "pace": turn.pace, "is_warm_up": turn.is_warm_up, "tags": list(case.tags) if case else [],
        "audio_s": turn.audio_s, "t_eos_s": turn.t_eos_s,
        "reference": asked.reference if asked else None, "heard": kept.heard,
        "cleaned": turn.cleaned, "answer": turn.answer,
        "failure_stage": turn.failure.stage if turn.failure else None,
        "degraded": turn.degraded.reason if turn.degraded else None,
        "answer_tokens": m.answer_tokens, "answer_characters": m.answer_characters,
        "asr_compute_s": turn.asr_compute_s, "rtf": m.rtf.rtf if m.rtf else None,
        **{name: m.latencies.get(name) for name in _TIMES},
        "itl_ms": statistics.median(m.itl_ms) if m.itl_ms else None,
        "is_premature": m.is_premature, "kind": m.kind, "is_fallback": m.is_fallback,
        "is_cut_off": m.is_cut_off, "offset": kept.offset, "size": kept.size,
        KEPT: msgspec.msgpack.encode(kept),
    }  # fmt: skip
    if m.cer and m.mer:
        row |= {"cer": m.cer.rate, "cer_errors": m.cer.errors, "cer_units": m.cer.total,
                "mer": m.mer.rate}  # fmt: skip
    if m.entities:
        row |= {"entities": m.entities.entities, "entities_heard": m.entities.recognised}
    if m.facts:
        row |= {"facts": m.facts.expected, "facts_correct": m.facts.correct,
                "facts_missing": m.facts.missing, "facts_contradicted": m.facts.contradicted,
                "unsupported": m.facts.unsupported, "is_wrong": bool(m.facts.answers_wrong)}  # fmt: skip
    if m.attribution:
        row |= {f"lost_by_{stage}": getattr(m.attribution, stage)
                for stage in ("asr", "cleaning", "llm")}  # fmt: skip
    if m.drafts:
        row |= {"drafts": m.drafts.dispatched, "drafts_kept": m.drafts.kept,
                "tokens_discarded": m.drafts.tokens_discarded}  # fmt: skip
    if m.cached:
        row |= {"prompt_tokens": m.cached.prompt, "cached_prompt_tokens": m.cached.cached}
    return row
