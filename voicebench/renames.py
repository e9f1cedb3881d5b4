"""Old names of settings: accepted wherever a user wrote one, with a line that says the new name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from voicebench.errors import ConfigError

_LOGGER = logging.getLogger("voicebench")

ASR_PROFILE = {"words_from": "transcript_source"}


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
