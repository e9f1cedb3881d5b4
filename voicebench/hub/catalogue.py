"""The models that profiles name, read from catalogue.yaml: where published, at which revision."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

import msgspec

from voicebench.errors import ModelError
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
    files: dict[str, str] = msgspec.field(default_factory=dict)
    """SHA-256 of files, where more than one source agrees on them."""
    shape: dict[str, Any] = msgspec.field(default_factory=dict)
    """What its config says of its dimensions."""
    vocab: int = 0
    """Tokens of a recogniser; a language model's config says it itself."""

    def origin(self, hub: HubName | None = None) -> tuple[HubName, Origin]:
        """Where to fetch it: where its revision is pinned, else from Hugging Face, which names a
        commit for whatever is fetched, else from ModelScope.

        Raises:
            ModelError: It is not published there.
        """
        places: list[tuple[HubName, Origin | None]] = [
            ("huggingface", self.huggingface),
            ("modelscope", self.modelscope),
        ]
        found = [(name, origin) for name, origin in places if origin and hub in (None, name)]
        for name, origin in sorted(found, key=lambda each: each[1].revision is None):
            return name, origin
        raise ModelError(f"{self.about} is not published on {hub}", "Leave --from out")


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
    import difflib

    known = catalogue()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise ModelError(
            f"unknown model {name!r}",
            f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}",
        )
    return known[name]
