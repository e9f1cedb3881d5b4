"""Reading a profile from YAML, strictly.

An unknown setting is refused with the nearest known name, because a misspelled one that is ignored
gives figures of something else; every mistake is named with its line. A model is a `folder`, relative
to the profile's own file, a `model` of the catalogue (`voicebench models list`), or dimensions
(`random_weights`): random weights of that published size, made in the cache on first use. Their times
are true, and their output means nothing.

    python -c "from voicebench.profiles.loader import load_profile; print(load_profile('bundled'))"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from voicebench import renamed
from voicebench.cache import cache_folder
from voicebench.errors import ConfigError, ModelError, nearest_name
from voicebench.hub.catalogue import find_model
from voicebench.hub.store import model_folder
from voicebench.profiles.schema import (
    AUXILIARY_MODELS,
    AsrProfile,
    AuxiliaryModelProfile,
    LlmProfile,
    Profile,
)
from voicebench.types import Record

PROFILES_FOLDER = Path(__file__).parent
RANDOM_WEIGHTS_FOLDER = "random-weights-1"
"""In the cache; its number is raised when what is made changes."""
_PARTS: dict[str, tuple[type[Record], str]] = {
    "asr": (AsrProfile, "funasr"),
    "llm": (LlmProfile, "huggingface"),
    **{f"asr.{name}": (AuxiliaryModelProfile, "funasr") for name in AUXILIARY_MODELS},
}
"""Type and kind of catalogue model of each part, by its path in the file."""


def list_profiles() -> list[str]:
    """Names of the shipped profiles, sorted."""
    return sorted(path.stem for path in PROFILES_FOLDER.glob("*.yaml"))


def load_profile(name_or_path: str) -> Profile:
    """Reads a profile by its shipped name or from a YAML file.

    Args:
        name_or_path: `bundled`, or a path that ends in .yaml or .yml.

    Returns:
        The profile, its model folders made absolute.

    Raises:
        ConfigError: No such profile, not YAML, an unknown setting or a value of the wrong type; the
            line is named.
    """
    path = _find_profile(name_or_path)
    settings, lines = _read_yaml(path)
    settings.setdefault("name", path.stem)
    _refuse_unknown(settings, Profile, str(path), "$", lines)
    for part, (part_type, kind) in _PARTS.items():
        *outer, name = part.split(".")
        holder = settings.get(outer[0]) if outer else settings
        if isinstance(holder, dict) and isinstance(holder.get(name), dict):
            place = f"{part} of {path}"
            if part == "asr":
                holder[name] = renamed.new_names(holder[name], renamed.RENAMED_ASR_SETTINGS, place)
            _refuse_unknown(holder[name], part_type, place, f"$.{part}", lines)
            line = _line(lines, f"$.{part}.model").rstrip(",")
            _place_model(holder[name], path.parent, kind, f"{place}{line}")
    try:
        return msgspec.convert(settings, Profile)
    except msgspec.ValidationError as error:
        where = re.search(r"at `(\$[^`]*)`", str(error))
        line = _line(lines, where[1] if where else "$")
        raise ConfigError(f"profile {path}{line} is not valid: {error}") from error


def _find_profile(name_or_path: str) -> Path:
    path = Path(name_or_path).expanduser()
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(
                f"no profile file {name_or_path!r}",
                f"Give an existing .yaml file, or one of: {', '.join(list_profiles())}.",
            )
        return path.resolve()
    if name_or_path not in list_profiles():
        raise ConfigError(
            f"unknown profile {name_or_path!r}",
            f"Known: {', '.join(list_profiles())}; or give the path of your own .yaml file.",
        )
    return PROFILES_FOLDER / f"{name_or_path}.yaml"


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The settings, and the line of each by its path (`$.llm.dtype`)."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        settings = yaml.safe_load(text)
        lines = dict(_lines_of(yaml.compose(text, Loader=yaml.SafeLoader), "$"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"profile {path} cannot be read: {reason}") from error
    if not isinstance(settings, dict):
        raise ConfigError(
            f"profile {path} is not a mapping of settings",
            f"See {PROFILES_FOLDER / 'bundled.yaml'} for an example.",
        )
    return settings, lines


def _lines_of(node: Any, place: str) -> Iterator[tuple[str, int]]:
    """Paths and line numbers (from 1) of a YAML node's mappings."""
    if node is None or node.id != "mapping":
        return
    for key, value in node.value:
        path = f"{place}.{key.value}"
        yield path, key.start_mark.line + 1
        yield from _lines_of(value, path)


def _line(lines: dict[str, int], path: str) -> str:
    """`, line N` of a setting, of the setting it is part of, or nothing."""
    path = path.partition("[")[0]
    while path not in lines and "." in path:
        path = path.rpartition(".")[0]
    return f", line {lines[path]}," if path in lines else ""


def _refuse_unknown(
    settings: dict[str, Any], record: type[Record], place: str, path: str, lines: dict[str, int]
) -> None:
    for name in settings:
        if name not in record.__struct_fields__:
            line = _line(lines, f"{path}.{name}").rstrip(",")
            raise ConfigError(
                f"unknown setting {str(name)!r} in {place}{line}",
                nearest_name(name, record.__struct_fields__),
            )


def _place_model(settings: dict[str, Any], base: Path, kind: str, place: str) -> None:
    """Makes folders absolute; a model of the catalogue and random weights get their own."""
    if ":" in str(settings.get("kind", "")):
        kind = ""  # what a factory of the user's own loads is its matter
    if isinstance(name := settings.get("model"), str):
        try:
            found = find_model(name)
        except ModelError as error:
            raise ConfigError(f"{error.problem} in {place}", error.way_out) from error
        if kind and found.kind != kind:
            raise ConfigError(f"model {name!r} in {place} is {found.about}", f"Give a {kind} model")
    sources = [name for name in ("folder", "model", "random_weights") if settings.get(name)]
    if len(sources) > 1:
        raise ConfigError(
            f"{place} has both {sources[0]} and {sources[1]}", "Leave one of them out."
        )
    if isinstance(name, str):
        settings["folder"] = str(model_folder(name))
    if size := settings.get("random_weights"):
        settings["folder"] = str(cache_folder() / RANDOM_WEIGHTS_FOLDER / str(size))
    for name in ("folder", "transcript_source"):
        if isinstance(settings.get(name), str):
            settings[name] = str((base / Path(settings[name]).expanduser()).resolve())
