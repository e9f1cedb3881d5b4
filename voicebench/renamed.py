"""Names that changed: the old ones work for one more version, with a line that says the new name."""

from __future__ import annotations

import argparse
import functools
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from voicebench.errors import ConfigError

_LOGGER = logging.getLogger("voicebench")

RENAMED_PRESETS = {"seed": "baseline"}
"""Cleanings and prompts by their names in older records and plans."""
RENAMED_ASR_SETTINGS = {"words_from": "transcript_source"}
"""Of a profile's recognizer."""


@functools.cache
def warn_renamed(old: str, new: str) -> None:
    """Says once on stderr that a name is now another."""
    print(f"warning: {old} is now {new}", file=sys.stderr)


def preset_name(name: str) -> str:
    """The name of a cleaning or prompt as a user gives it, under its present name."""
    if name in RENAMED_PRESETS:
        warn_renamed(f"preset {name}", RENAMED_PRESETS[name])
    return RENAMED_PRESETS.get(name, name)


def pace_name(name: str) -> str:
    """A pace as a user gives it, under its present name."""
    if name == "real-time":
        warn_renamed("--pace real-time", "--pace real_time")
        return "real_time"
    return name


class _RenamedOption(argparse.Action):
    """Passes the values of an old option on to the new one."""

    def __init__(
        self, option_strings: Sequence[str], dest: str, new: argparse.Action, **settings: Any
    ) -> None:
        super().__init__(option_strings, dest, **settings)
        self._new = new

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        warn_renamed(str(option_string), self._new.option_strings[0])
        self._new(parser, namespace, values, option_string)


def add_renamed(
    parser: argparse._ActionsContainer, old: str, new: argparse.Action
) -> argparse.Action:
    """Lets an option be given by its old name too, which `--help` does not list.

    Args:
        parser: Where the new option is; a group that requires one of its options, for a required one.
        old: The old option.
        new: The new option's action.
    """
    return parser.add_argument(
        old, action=_RenamedOption, new=new, dest=new.dest, type=new.type or str, choices=new.choices,
        default=argparse.SUPPRESS, help=argparse.SUPPRESS,
    )  # fmt: skip


def new_names(
    settings: Mapping[str, Any], renames: Mapping[str, str], place: str
) -> dict[str, Any]:
    """Settings under today's names; each old name is reported once on the log.

    Args:
        settings: As the user wrote them.
        renames: New name by old name.
        place: Where they stand, for the message.

    Raises:
        ConfigError: A setting is there under both names.
    """
    renamed = dict(settings)
    for old in renames.keys() & settings.keys():
        new = renames[old]
        if new in settings:
            raise ConfigError(f"{place} has both {old!r} and {new!r}", f"Remove {old!r}.")
        renamed[new] = renamed.pop(old)
        _LOGGER.warning("%s: %r is now %r", place, old, new)
    return renamed
