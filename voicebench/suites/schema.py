"""The form of a suite's two files, as types and as JSON Schema.

A suite is a folder with `suite.yaml` (one `SuiteInfo`) and `cases.jsonl` (one `types.Case` a line).
The types are the definition; the JSON Schema files beside this module are written from them, for
editors and other languages:

    python -m voicebench.suites.schema
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from voicebench.types import Case, Record

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class SuiteInfo(Record, frozen=True):
    """What `suite.yaml` says about a suite."""

    name: str
    """The folder's own name."""
    title: str
    """A few words for tables."""
    description: str
    """What the suite asks of an assistant, in a sentence or two."""
    language: str = "zh"
    licence: str = "CC0-1.0"
    made_by: str = ""
    """The command that makes `cases.jsonl` again; empty for cases collected by hand."""


SCHEMA_TYPES: dict[str, type[Record]] = {
    "case.schema.json": Case,
    "suite.schema.json": SuiteInfo,
}
"""Each shipped schema file and the type it is written from."""


def json_schema(record: type[Record]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record type, with docstrings on one line."""
    schema = {"$schema": _DIALECT, **msgspec.json.schema(record)}
    for definition in schema["$defs"].values():
        if "description" in definition:
            definition["description"] = " ".join(definition["description"].split())
    return schema


def schema_text(record: type[Record]) -> str:
    """The text of a record type's schema file."""
    return json.dumps(json_schema(record), ensure_ascii=False, indent=2) + "\n"


def field_names(record: type[Record]) -> set[str]:
    """Every field name that occurs in a record type, at any depth."""
    definitions = json_schema(record)["$defs"].values()
    return {name for definition in definitions for name in definition.get("properties", {})}


def write_schema_files(folder: Path) -> None:
    """Writes the shipped schema files into `folder`."""
    for file_name, record in SCHEMA_TYPES.items():
        (folder / file_name).write_text(schema_text(record), encoding="utf-8")


if __name__ == "__main__":
    write_schema_files(Path(__file__).parent)
