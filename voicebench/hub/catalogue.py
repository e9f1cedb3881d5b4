"""The models that profiles name, read from catalogue.yaml: where published, at which revision."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

import msgspec

from voicebench.errors import ModelError, did_you_mean
from voicebench.types import Record

HubName = Literal["modelscope", "huggingface"]
CATALOGUE_FILE = Path(__file__).parent / "catalogue.yaml"


class Origin(Record):
    """A repository of a hub. `revision` None is pinned by the first pull."""

    repo: str
    revision: str | None


class CatalogueModel(Record):
    """One model that can be fetched."""

    kind: Literal["funasr", "huggingface"]
    about: str
    licence: str
    licence_url: str
    size_bytes: int
    """Of the download, about."""
    needs: tuple[str, ...]
    """File names or patterns without which the model cannot be loaded."""
    modelscope: Origin | None = None
    huggingface: Origin | None = None
    other_weights: dict[HubName, str] = msgspec.field(default_factory=dict)
    """Hubs where the name stands for another model, which is refused, and which model that is."""
    files: dict[str, str] = msgspec.field(default_factory=dict)
    """SHA-256 of files, the same on every hub."""
    shape: dict[str, Any] = msgspec.field(default_factory=dict)
    """What its config says of its dimensions."""
    vocab: int = 0
    """Tokens of a recogniser; a language model's config says it itself."""

    def origin(self, hub: HubName | None = None) -> tuple[HubName, Origin]:
        """Where to fetch it: where its revision is pinned, else from ModelScope, which is reached
        from everywhere.

        Raises:
            ModelError: It is not published there, or the name stands for another model there.
        """
        found = [(name, origin) for name, origin in self.origins.items() if hub in (None, name)]
        for name, origin in sorted(found, key=lambda each: each[1].revision is None):
            return name, origin
        reason = self.other_weights.get(hub) if hub else None
        raise ModelError(
            f"{self.about}: not fetched from {hub}" + (f", since {reason}" if reason else ""),
            f"Leave --hub out; it is published on {', '.join(self.origins)}",
        )

    @property
    def origins(self) -> dict[HubName, Origin]:
        """The hubs that publish it."""
        named: dict[HubName, Origin | None] = {
            "modelscope": self.modelscope,
            "huggingface": self.huggingface,
        }
        return {name: origin for name, origin in named.items() if origin}


@functools.cache
def catalogue() -> dict[str, CatalogueModel]:
    """All models by name."""
    import yaml

    content = yaml.safe_load(CATALOGUE_FILE.read_text(encoding="utf-8"))
    return msgspec.convert(content, dict[str, CatalogueModel])


def find_model(name: str) -> CatalogueModel:
    """A model by name.

    Raises:
        ModelError: No such model.
    """
    known = catalogue()
    if name not in known:
        raise ModelError(
            f"unknown model {name!r}",
            did_you_mean(name, known) or f"Known: {', '.join(known)}",
        )
    return known[name]
