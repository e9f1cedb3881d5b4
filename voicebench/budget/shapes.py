"""The dimensions of a profile's two models: from their folders, or from the catalogue before any pull."""

from __future__ import annotations

from pathlib import Path

from voicebench.budget.asr_size import AsrShape, asr_shape
from voicebench.budget.llm_size import LlmShape, llm_shape
from voicebench.errors import ModelError
from voicebench.hub.catalogue import CatalogueModel, catalogue
from voicebench.hub.inspection import read_config
from voicebench.hub.store import pull_command
from voicebench.profiles.schema import AsrProfile, AuxiliaryModelProfile, LlmProfile, is_own_factory

_WEIGHTS = ("*.pt", "*.bin")
_CHECK_FOLDER = "Check the folder in the profile"


def llm_shape_of(profile: LlmProfile) -> LlmShape:
    """Dimensions of the language model.

    Raises:
        ModelError: Neither the folder nor the catalogue knows them, or the kind is not covered.
    """
    path = Path(profile.folder) / "config.json"
    if profile.folder and path.is_file():
        return llm_shape(read_config(path), profile.dtype, str(path))
    known = _known(profile)
    return llm_shape(known.shape, profile.dtype, f"model {profile.model}")


def asr_shape_of(profile: AsrProfile) -> AsrShape:
    """Dimensions of the recogniser.

    Raises:
        ModelError: Neither the folder nor the catalogue knows them, or the kind is not covered.
    """
    folder = Path(profile.folder)
    path = folder / "config.yaml"
    if profile.folder and path.is_file() and (folder / "tokens.json").is_file():
        return asr_shape(read_config(path), len(read_config(folder / "tokens.json")), str(path))
    known = _known(profile)
    return asr_shape(known.shape, known.vocab, f"model {profile.model}")


def companion_bytes_of(profile: AsrProfile) -> dict[str, int]:
    """Bytes of the weights of VAD, punctuation and speakers, of those that the profile names.

    Raises:
        ModelError: Neither the folder nor the catalogue knows them.
    """
    return {name: _weight_bytes(each) for name, each in profile.auxiliary_models.items()}


def _weight_bytes(companion: AuxiliaryModelProfile) -> int:
    """Of the files that hold the weights, in float32; before they are fetched, of the whole model."""
    folder = Path(companion.folder)
    files = [path for pattern in _WEIGHTS for path in folder.glob(pattern)]
    if files:
        return sum(path.stat().st_size for path in files)
    found = catalogue().get(companion.model or folder.name)
    if found is None:
        raise ModelError(f"the size of {folder} is not known: no weights there", _CHECK_FOLDER)
    return found.size_bytes


def _known(profile: AsrProfile | LlmProfile) -> CatalogueModel:
    """The catalogue's entry of a model that is not here: folders of both stores bear its name."""
    if is_own_factory(profile.kind):
        raise ModelError(
            f"the size of what {profile.kind} makes is not known", "Name a kind of voicebench"
        )
    name = profile.model or Path(profile.folder).name
    found = catalogue().get(name)
    if found is None or not found.shape:
        way_out = pull_command(name) if found else _CHECK_FOLDER
        raise ModelError(f"the size of {profile.folder} is not known: no config there", way_out)
    return found
