"""Checks a Hugging Face model folder before anything heavy is loaded.

A missing or truncated file is found here in milliseconds and named, instead of as a stack trace
after twenty seconds of loading. Weights are checked by their safetensors headers (the file must be
as long as its header says), not by content: `bundled.manifest.verify_model` compares checksums.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from voicebench.errors import ModelError

_TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "tokenizer.model")
_WAY_OUT = "Copy the folder again, or name another one in the profile (llm.folder)."
_MAX_HEADER_BYTES = 100_000_000  # the safetensors format's own limit


def check_llm_folder(folder: Path, *, needs_weights: bool = True) -> None:
    """Refuses a folder that vLLM cannot load.

    Args:
        folder: A folder with `config.json`, a tokenizer and weights.
        needs_weights: False where weights are made up (`load_format="dummy"`).

    Raises:
        ModelError: Something is missing, truncated or not what its name says.
    """
    if not folder.is_dir():
        raise ModelError(f"LLM folder {str(folder)!r} does not exist", _WAY_OUT)
    config = _read_json(folder / "config.json")
    if not config.get("architectures"):
        raise ModelError(f"{folder / 'config.json'} names no model architecture", _WAY_OUT)
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise ModelError(f"LLM folder {str(folder)!r} has no tokenizer.json", _WAY_OUT)
    if (folder / "tokenizer.json").is_file():
        _read_json(folder / "tokenizer.json")
    if needs_weights:
        for path in _weight_files(folder):
            _check_safetensors(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({error})", _WAY_OUT) from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object", _WAY_OUT)
    return content


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = set(_read_json(index).get("weight_map", {}).values())
        return [folder / name for name in sorted(names)]
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise ModelError(f"LLM folder {str(folder)!r} has no *.safetensors weights", _WAY_OUT)
    return found


def _check_safetensors(path: Path) -> None:
    try:
        with path.open("rb") as file:
            (header_bytes,) = struct.unpack("<Q", file.read(8))
            if header_bytes > _MAX_HEADER_BYTES:
                raise ValueError(f"header of {header_bytes} bytes")
            header = json.loads(file.read(header_bytes))
        data_bytes = max(
            (entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"),
            default=0,
        )
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise ModelError(
            f"{path} is not a readable safetensors file ({error})", _WAY_OUT
        ) from error
    expected_bytes = 8 + header_bytes + data_bytes
    if path.stat().st_size != expected_bytes:
        raise ModelError(
            f"{path} has {path.stat().st_size} bytes where its header promises {expected_bytes}",
            _WAY_OUT,
        )
