"""The shipped JSON Schema files are what the types say."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import voicebench.suites
from voicebench.suites.schema import SCHEMA_TYPES, json_schema, schema_text
from voicebench.types import Case

_FOLDER = Path(voicebench.suites.__file__).parent
_CASE: dict[str, Any] = {
    "id": "a",
    "suite": "s",
    "clock": "2026-03-02T09:00:00",
    "turns": [
        {
            "reference": "三点见",
            "meaning": "三点见",
            "t_eos_s": 1.0,
            "segments": [{"voice": "cmn", "spoken": "三点见"}],
            "facts": [{"id": "t", "type": "time", "value": "三点"}],
        }
    ],
}


@pytest.mark.parametrize("file_name", sorted(SCHEMA_TYPES))
def test_shipped_schema_is_in_step_with_the_types(file_name: str) -> None:
    shipped = (_FOLDER / file_name).read_text(encoding="utf-8")
    assert shipped == schema_text(SCHEMA_TYPES[file_name]), (
        "run `python -m voicebench.suites.schema`"
    )


def test_a_sound_case_fits_schema_and_type() -> None:
    jsonschema.validate(_CASE, json_schema(Case))
    assert msgspec.convert(_CASE, Case).turns[0].facts[0].value == "三点"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("turns", 0, "expects"), "maybe"),
        (("turns", 0, "t_eos_s"), "1.0"),
        (("turns", 0, "facts", 0, "type"), "colour"),
        (("turns", 0, "facts", 0, "values"), []),
        (("turns", 0, "segments", 0, "speed"), 1),
        (("note",), "x"),
    ],
)
def test_schema_and_type_refuse_the_same(path: tuple[str | int, ...], value: object) -> None:
    case = copy.deepcopy(_CASE)
    at: Any = case
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(case, json_schema(Case))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(case, Case)
