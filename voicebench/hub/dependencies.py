"""Which installed packages a bundle needs: the requirements of voicebench, and theirs, as installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from voicebench.errors import ConfigError

Find = Callable[[str], "metadata.Distribution | None"]


def find_installed(name: str) -> metadata.Distribution | None:
    """An installed package, or None."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def dependencies(
    root: str, extras: Iterable[str], find: Find = find_installed
) -> tuple[dict[str, str], list[str]]:
    """Versions of everything that a package needs, from what is installed here.

    Args:
        root: The package; it is not part of the result.
        extras: Its extras that count.
        find: Looks an installed package up.

    Returns:
        Version by canonical name, sorted; and the names that are asked for and not installed, such
        as what an override keeps out.

    Raises:
        ConfigError: The root or one of its own requirements is not installed.
    """
    versions: dict[str, str] = {}
    absent: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(canonicalize_name(root), frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        found = find(name)
        if found is None:
            absent.add(name)
            continue
        versions[name] = found.version
        for requirement in map(Requirement, found.requires or ()):
            if _applies(requirement, wanted):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    if versions.pop(canonicalize_name(root), None) is None:
        raise ConfigError(f"package {root} is not installed", "Install it: make setup")
    return dict(sorted(versions.items())), sorted(absent)


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, ""))
