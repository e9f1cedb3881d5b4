"""Which model a folder holds, from its small files alone, in milliseconds and without a model library.

    inspect(folder)                     what its configuration says
    require_role(folder, "recogniser")  refuses a VAD, a language model, half a checkpoint, ...

A folder that no configuration describes passes: presence of files is checked elsewhere.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from voicebench.errors import ModelError
from voicebench.hub.catalogue import find_model
from voicebench.hub.store import pull_command
from voicebench.types import Record

ROLE_CLASSES = {"vad": "FsmnVADStreaming", "punctuation": "CTTransformer", "speakers": "CAMPPlus"}
"""FunASR's class of the model of each role; a recogniser may be of several."""
_SETTINGS = {"recogniser": "asr.folder", "LLM": "llm.folder"}
_CHECKPOINTS = ("model.pt", "campplus_cn_common.bin")
_MAX_ROWS_WITHOUT_TOKEN = 0.05
"""Of a language model's table. Publishers pad it: Qwen3 has 0.2 % such rows, DeepSeek-V2 2.3 %."""


FIXED = (
    "model", "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "intermediate_size", "vocab_size", "quantization_config",
)  # fmt: skip
"""Settings that the weights were made for, so that a folder with others is another model."""


class FolderContents(Record):
    """What the configuration in a folder says."""

    kind: Literal["funasr", "huggingface"]
    model: str
    """FunASR's class, or Hugging Face's `model_type`."""
    config: dict[str, Any]
    architecture: str = ""
    """Hugging Face's first architecture."""
    num_tokens: int | None = None
    """Of the vocabulary beside it; None without one."""

    def __str__(self) -> str:
        """As a message names it: `a FsmnVADStreaming (vad)`."""
        role = next((role for role, name in ROLE_CLASSES.items() if name == self.model), "")
        if self.kind == "huggingface":
            role = self.architecture or "language model"
        return f"a {self.model}{f' ({role})' if role else ''}"


def inspect(folder: Path) -> FolderContents | None:
    """What a folder holds; None where neither config.yaml nor config.json names a model.

    Raises:
        ModelError: A configuration or vocabulary that cannot be read.
    """
    if (folder / "config.yaml").is_file():
        config = read_config(folder / "config.yaml")
        if "model" not in config:
            return None
        tokens = folder / "tokens.json"
        num_tokens = len(read_config(tokens)) if tokens.is_file() else None
        return FolderContents(
            kind="funasr", model=str(config["model"]), config=config, num_tokens=num_tokens
        )
    if (folder / "config.json").is_file():
        config = read_config(folder / "config.json")
        if "model_type" not in config:
            return None
        architectures = config.get("architectures") or [""]
        return FolderContents(
            kind="huggingface",
            model=str(config["model_type"]),
            architecture=str(architectures[0]),
            config=config,
            num_tokens=_num_tokenizer_ids(folder / "tokenizer.json"),
        )
    return None


def require_role(folder: Path, role: str, name: str | None = None) -> FolderContents | None:
    """Refuses a folder whose model cannot take a role, or that is not the model of a name.

    Args:
        folder: A FunASR or Hugging Face folder.
        role: What the profile needs it for, by its name in `Profile.parts`.
        name: The model of the catalogue that it should be.

    Returns:
        What it holds; None where no configuration says so.

    Raises:
        ModelError: Another model, another vocabulary, or a checkpoint that was cut off.
    """
    contents = inspect(folder)
    if contents is None:
        return None
    if not _fits(contents, role):
        wanted = ROLE_CLASSES.get(role) or {"LLM": "language model"}.get(role, role)
        raise ModelError(
            f"{role} folder {folder} holds {contents}, not a {wanted}", _way_out(role, name)
        )
    if name:
        require_model_of(name, contents, folder)
    if role == "LLM":
        _require_own_tokenizer(folder, contents)
    for each in _CHECKPOINTS:
        _require_whole(folder / each, _way_out(role, name))
    return contents


def require_model_of(name: str, contents: FolderContents, place: Path) -> None:
    """Refuses a folder that is not the named model of the catalogue.

    Raises:
        ModelError: The first dimension or setting that differs.
    """
    known = find_model(name)
    fixed = {key: known.shape[key] for key in FIXED if key in known.shape}
    differing = _differing(fixed, contents.config)
    if contents.kind != known.kind:
        differing = f"it holds {contents}"
    elif known.vocab and contents.num_tokens not in (None, known.vocab):
        differing = f"tokens.json has {contents.num_tokens:,} tokens, not {known.vocab:,}"
    if differing:
        raise ModelError(
            f"{place} is not {name} ({known.about}): {differing}",
            f"Give the folder of that model, or {pull_command(name).lower()}",
        )


def read_config(path: Path) -> Any:
    """The content of a JSON or YAML file.

    Raises:
        ModelError: It cannot be read.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        if not isinstance(content, dict | list):
            raise ValueError("neither a mapping nor a list")
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ModelError(
            f"{path} cannot be read: {' '.join(str(error).split())}", "Copy the folder again"
        ) from error
    return content


def _fits(contents: FolderContents, role: str) -> bool:
    if role == "LLM":
        return contents.kind == "huggingface" and contents.architecture.endswith("ForCausalLM")
    if role in ROLE_CLASSES:
        return contents.model == ROLE_CLASSES[role]
    return contents.model not in ROLE_CLASSES.values() and not contents.architecture.endswith(
        "ForCausalLM"
    )


def _way_out(role: str, name: str | None) -> str:
    if name:
        return pull_command(name)
    return f"Change {_SETTINGS.get(role, f'asr.{role}.folder')} of the profile"


def _differing(expected: Mapping[str, Any], found: Mapping[str, Any], place: str = "") -> str:
    """The first setting with another value, in words; empty where none has. An absent one is none."""
    for key, value in expected.items():
        other = found.get(key)
        if isinstance(value, Mapping):
            inner = other if isinstance(other, Mapping) else {"quant_method": "none"}
            if differing := _differing(value, inner, f"{place}{key}."):
                return differing
        elif other is not None and other != value:
            return f"{place}{key} is {other}, not {value}"
    return ""


def _num_tokenizer_ids(path: Path) -> int | None:
    """One more than the largest token id."""
    if not path.is_file():
        return None
    content = read_config(path)
    try:
        vocab = content["model"]["vocab"]
        ids: list[int] = list(vocab.values()) if isinstance(vocab, dict) else [len(vocab) - 1]
        largest: int = max(ids + [each["id"] for each in content.get("added_tokens", ())])
    except (KeyError, TypeError, ValueError):
        return None  # a tokenizer of another make: its own library reads it
    return largest + 1


def _require_own_tokenizer(folder: Path, contents: FolderContents) -> None:
    rows, num_tokens = contents.config.get("vocab_size"), contents.num_tokens
    if not isinstance(rows, int) or num_tokens is None:
        return
    if num_tokens > rows or num_tokens < rows * (1 - _MAX_ROWS_WITHOUT_TOKEN):
        raise ModelError(
            f"{folder / 'tokenizer.json'} has {num_tokens:,} tokens and config.json says "
            f"{rows:,}: it is the vocabulary of another model",
            "Copy tokenizer.json, tokenizer_config.json and config.json from one folder",
        )


def _require_whole(path: Path, way_out: str) -> None:
    """Refuses a checkpoint whose end is missing: torch's zip files have their index there."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    if (is_zip and not zipfile.is_zipfile(path)) or not path.stat().st_size:
        raise ModelError(f"{path} was cut off at {path.stat().st_size:,} bytes", way_out)
