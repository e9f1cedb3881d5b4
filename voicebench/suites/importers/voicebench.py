"""VoiceBench (huggingface.co/datasets/hlt-lab/voicebench), one subset's folder.

    sd-qa/usa-00000-of-00001.parquet    prompt, audio {bytes, path}, reference
    alpacaeval/test-00000-of-00001.parquet

or the same unpacked, as datasets calls an audio folder:

    sd-qa/usa/metadata.jsonl            {"file_name": "0.wav", "prompt": ..., "reference": ...}

`prompt` is what is said. `reference`, a right answer where the subset has one, becomes a suggested
fact. `mtbench`, whose prompts are several turns, is not read.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from voicebench.errors import MissingPackageError, SuiteError
from voicebench.suites.importers.layout import unknown_split
from voicebench.suites.load import Problem
from voicebench.suites.recordings import Found, Recording, read_lines
from voicebench.types import Fact

METADATA = "metadata.jsonl"


def read(folder: Path, split: str) -> Found:
    """Reads one split; see the package."""
    found = Found(is_published=True)
    shards = sorted(folder.glob(f"{split}-*.parquet"))
    if shards:
        for number, (place, row, audio) in enumerate(_parquet_rows(shards), start=1):
            _take(found, f"{folder.name}-{split}-{number:05}", place, row, audio)
        return found
    metadata = folder / split / METADATA
    if not metadata.is_file():
        known = {path.name.split("-")[0] for path in folder.glob("*.parquet")}
        known |= {path.parent.name for path in folder.glob(f"*/{METADATA}")}
        raise unknown_split(split, known, folder)
    for line, text in read_lines(metadata):
        place = f"{metadata}:{line}"
        try:
            row = json.loads(text)
            audio = metadata.parent / row["file_name"]
        except (ValueError, TypeError, KeyError) as error:
            message = f"is no JSON object with file_name, prompt and perhaps reference: {error!r}"
            found.problems.append(Problem(place, message))
            continue
        _take(found, f"{folder.name}-{split}-{audio.stem}", place, row, audio)
    return found


def _take(
    found: Found, case_id: str, place: str, row: dict[str, Any], audio: Path | Callable[[], bytes]
) -> None:
    prompt, answer = row.get("prompt"), row.get("reference")
    if not isinstance(prompt, str):
        found.problems.append(Problem(place, f"has no prompt; its columns are {', '.join(row)}"))
        return
    is_answered = isinstance(answer, str) and any(char.isalnum() for char in answer)
    facts = (Fact(id="answer", type="term", value=str(answer).strip()),) if is_answered else ()
    found.add(Recording(case_id, place, prompt, audio, facts=facts))


def _parquet_rows(
    shards: list[Path],
) -> Iterator[tuple[str, dict[str, Any], Callable[[], bytes]]]:
    """Rows without their audio, which is read when it is called for."""
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MissingPackageError(
            f"{shards[0].name} is parquet, which needs the package pyarrow",
            "pip install pyarrow",
        ) from None
    for shard in shards:
        file = parquet.ParquetFile(shard)
        names = file.schema_arrow.names
        for name in ("prompt", "audio"):
            if name not in names:
                columns = f"Its columns: {', '.join(names)}."
                raise SuiteError(f"{shard}:1 has no column {name!r}", columns)
        texts = [name for name in names if name in ("prompt", "reference")]
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=texts).to_pylist()
            for index, row in enumerate(rows):
                place = f"{shard}:{group}.{index}"  # row group and row
                yield place, row, _audio_reader(file, group, index)


def _audio_reader(file: Any, group: int, index: int) -> Callable[[], bytes]:
    def read_audio() -> bytes:
        return bytes(_audio_column(file, group)[index].as_py()["bytes"])

    return read_audio


@functools.lru_cache(maxsize=1)  # rows of a group are asked for one after another
def _audio_column(file: Any, group: int) -> Any:
    return file.read_row_group(group, columns=["audio"]).column("audio")
