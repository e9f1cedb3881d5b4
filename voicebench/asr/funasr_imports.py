"""Importing FunASR without every model it has.

`import funasr` walks its package and imports each module, 20 s of them, to fill its registry of classes.
Here the walk is held back, and the registry's tables import the module of a class when the class is
looked up. A module is found by the text of its registration, `@tables.register("table", "Class")`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
import re
import sys
import threading
from pathlib import Path
from typing import Any

from voicebench.asr.global_state import preserve_global_state

_REGISTRATION = re.compile(
    r"""tables\.register\(\s*["'](\w+)["']\s*,\s*(?:key\s*=\s*)?["']([^"']+)["']"""
)
_lock = threading.Lock()


class _Table(dict[str, Any]):
    """A table of the registry that imports what it lacks."""

    def __init__(self, name: str, known: dict[str, Any]) -> None:
        super().__init__(known)
        self._name = name

    def __missing__(self, key: str) -> Any:
        for module in _modules().get((self._name, key), ()):
            with preserve_global_state():
                importlib.import_module(module)
        if dict.__contains__(self, key):
            return dict.__getitem__(self, key)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or (self._name, key) in _modules()


@functools.cache
def _modules() -> dict[tuple[str, str], tuple[str, ...]]:
    """(table, class) -> the modules that register it."""
    spec = importlib.util.find_spec("funasr")
    assert spec, "the caller has checked that FunASR is installed"
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if "tables.register" not in text:
            continue
        parts = path.relative_to(root.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for table, key in _REGISTRATION.findall(text):
            found[table, key] = (*found.get((table, key), ()), module)
    return found


def import_funasr() -> Any:
    """FunASR's registry, `funasr.register.tables`, whose classes are imported when looked up.

    A FunASR that was imported before, as a whole, stays as it is.
    """
    with _lock:
        if "funasr" not in sys.modules:
            with preserve_global_state():
                _import_without_walk()
        tables = importlib.import_module("funasr.register").tables
        for name, table in list(vars(type(tables)).items()):
            if name.endswith("_classes") and type(table) is dict:
                setattr(type(tables), name, _Table(name, table))
        return tables


def _import_without_walk() -> None:
    walk = pkgutil.walk_packages
    pkgutil.walk_packages = lambda *_args, **_kwargs: iter(())
    try:
        importlib.import_module("funasr")
    finally:
        pkgutil.walk_packages = walk
