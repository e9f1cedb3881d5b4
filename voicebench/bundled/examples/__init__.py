"""Six recordings to try with the bundled models: synthetic speech, the only kind that they know.

`python -m training.examples` makes them again.
"""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recording.

    Attributes:
        file: Its name in this folder.
        text: What is said in it.
    """

    file: str
    text: str

    @property
    def path(self) -> Path:
        """The recording: Ogg Opus."""
        return _FOLDER / self.file


@functools.cache
def examples() -> tuple[Example, ...]:
    """The recordings, in the order in which they are offered."""
    return msgspec.yaml.decode((_FOLDER / "examples.yaml").read_bytes(), type=tuple[Example, ...])
