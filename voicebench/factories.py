"""Objects made by name: `{kind: "module:function"}`, imported when used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from voicebench.errors import ConfigError, nearest_name


def import_factory(kind: str, kinds: Mapping[str, str], setting: str) -> Callable[..., Any]:
    """The function that makes objects of a kind.

    Args:
        kind: A key of `kinds`, or a function of the user's own, `package.module:function`. Modules in
            the current folder are found.
        kinds: `module:function` by kind.
        setting: The setting that names it, for errors.

    Raises:
        ConfigError: An unknown kind, or a module or function that is not there.
    """
    if ":" not in kind and kind not in kinds:
        raise ConfigError(
            f"unknown {setting} {kind!r}",
            f"{nearest_name(kind, kinds)} A factory of your own is package.module:function.",
        )
    module_name, _, name = kinds.get(kind, kind).partition(":")
    if kind in kinds:
        return getattr(importlib.import_module(module_name), name)  # type: ignore[no-any-return]
    try:
        factory = getattr(_import_own(module_name), name)
    except (ImportError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{setting} {kind!r} cannot be imported: {error}",
            "Name a function as package.module:function, in an installed package or in this folder.",
        ) from error
    if not callable(factory):
        raise ConfigError(
            f"{setting} {kind!r} is not a function", "Name a function that makes one."
        )
    return factory  # type: ignore[no-any-return]


def require_members(made: object, members: tuple[str, ...], what: str, setting: str) -> None:
    """Refuses an object that lacks something of a protocol.

    Raises:
        ConfigError: The missing members are named.
    """
    if missing := [name for name in members if not hasattr(made, name)]:
        raise ConfigError(
            f"{setting}: a {type(made).__name__} is no {what}, it lacks {', '.join(missing)}",
            f"See {what} in docs/extending.md.",
        )


def _import_own(name: str) -> Any:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)
