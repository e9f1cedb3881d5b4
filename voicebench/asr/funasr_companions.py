"""Loading FunASR's VAD, punctuation and speaker models from their folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voicebench.asr.companions import Companions
from voicebench.asr.ct_punc import CtPunctuation
from voicebench.asr.folder import build_whole, require_funasr
from voicebench.asr.fsmn_vad import FsmnVad
from voicebench.asr.speakers import CamSpeakers
from voicebench.errors import ModelError
from voicebench.profiles.schema import AsrProfile, AuxiliaryModelProfile

_WAY_OUT = "Run: voicebench models pull {name}; or give the folder of such a model in the profile"
_CLASSES = {"vad": "FsmnVADStreaming", "punctuation": "CTTransformer", "speakers": "CAMPPlus"}
_CATALOGUE_NAMES = {"vad": "fsmn-vad", "punctuation": "ct-punc", "speakers": "cam++"}
_CHECKPOINTS = ("model.pt", "campplus_cn_common.bin")
_OTHER_FILES = {"vad": ("am.mvn",), "punctuation": ("tokens.json",), "speakers": ()}


def load_companions(profile: AsrProfile) -> Companions:
    """Loads what a profile names beside its recogniser.

    VAD and punctuation compute on the CPU whatever the recogniser's device: a frame of 32 ms is a
    million multiplications in dozens of launches, and on the GPU it would wait behind windows and
    decoding. Speakers, told offline from whole recordings, are on the recogniser's device, and
    loaded at the first recording.

    Raises:
        ModelError: A folder or file is missing or corrupt, or holds another kind of model.
        MissingPackageError: FunASR is not installed.
    """
    vad = punctuation = speakers = None
    if profile.vad:
        vad = FsmnVad(*load_companion("vad", profile.vad, "cpu", profile.num_threads))
    if profile.punctuation:
        punctuation = CtPunctuation(
            *load_companion("punctuation", profile.punctuation, "cpu", profile.num_threads)
        )
    if (wanted := profile.speakers) and vad:
        speakers = CamSpeakers(
            vad,
            lambda: load_companion("speakers", wanted, profile.device, profile.num_threads),
        )
    return Companions(vad=vad, punctuation=punctuation, speakers=speakers)


def load_companion(
    role: str, companion: AuxiliaryModelProfile, device: str, num_threads: int
) -> tuple[Any, dict[str, Any]]:
    """FunASR's model of a companion's folder and its settings.

    Args:
        role: `vad`, `punctuation` or `speakers`.
        companion: Its folder.
        device: `cpu`, `cuda` or `cuda:N`.
        num_threads: Set for the whole process.

    Raises:
        ModelError, MissingPackageError: See `load_companions`.
    """
    import yaml

    require_funasr()
    folder, expected = Path(companion.folder), _CLASSES[role]
    way_out = _WAY_OUT.format(name=companion.model or _CATALOGUE_NAMES[role])
    if not folder.is_dir():
        raise ModelError(f"there is no {role} model folder {folder}", way_out)
    weights = next((name for name in _CHECKPOINTS if (folder / name).is_file()), _CHECKPOINTS[0])
    if not (folder / "config.yaml").is_file():
        raise ModelError(f"{role} model folder {folder} lacks config.yaml", way_out)
    try:
        found = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["model"]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise ModelError(
            f"{folder / 'config.yaml'} is corrupt: {type(error).__name__}", way_out
        ) from None
    if found != expected:
        raise ModelError(f"{role} model folder {folder} holds a {found}, not a {expected}", way_out)
    for name in (*_OTHER_FILES[role], weights):
        if not (folder / name).is_file():
            raise ModelError(f"{role} model folder {folder} lacks {name}", way_out)
    return build_whole(folder, expected, device, num_threads, weights)
