"""Profiles: which two models a run uses, and how they are loaded.

A profile is a YAML file, read strictly: an unknown setting is refused with the nearest known name,
because a misspelled one that is ignored gives figures of something else. `load_profile` takes the
name of a shipped profile (`voicebench/profiles/NAME.yaml`) or the path of the user's own file.
Model folders in a profile are relative to the profile's own file. In place of a folder a profile may
name dimensions (`random_weights`): a model of those published dimensions with random weights, which is
made in the cache on first use. Its times are true; what it hears and says means nothing.

    python -c "from voicebench.config import load_profile; print(load_profile('bundled'))"
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from voicebench.bundled.manifest import verify_model
from voicebench.cache import cache_folder
from voicebench.errors import ConfigError
from voicebench.types import Record

if TYPE_CHECKING:
    from voicebench.asr.base import Recognizer
    from voicebench.llm.base import Generator

__all__ = [
    "AsrProfile",
    "LlmProfile",
    "Profile",
    "build_generator",
    "build_recognizer",
    "list_profiles",
    "load_profile",
    "verify_model",
]

PROFILES_FOLDER = Path(__file__).parent / "profiles"
RANDOM_WEIGHTS_FOLDER = "random-weights-1"
"""In the cache; its number is raised when what is made changes."""


class AsrProfile(Record):
    """How FunASR loads the recogniser."""

    folder: str
    """A FunASR model folder; absolute once loaded. Left out where `random_weights` is set."""
    random_weights: Literal["paraformer-zh"] | None = None
    """Dimensions of a model with random weights, made on first use: true times, no quality."""
    words_from: str | None = None
    """A second FunASR folder. Every piece goes through `folder`'s model, whose output is thrown away,
    and then through this one's, which gives tokens, times and confidences: a model that hears
    nonsense costs what it costs, and the pipeline has something to work with. Both are paid."""
    int8: bool = False
    """Linear layers in int8, their inputs quantised as they come; on a CPU only."""
    device: str = "cpu"
    """`cpu`, `cuda` or `cuda:N`."""
    num_threads: int = 1
    """More than one thread beside an LLM slows both down."""


class LlmProfile(Record):
    """How vLLM loads the language model; the names are vLLM's own where it has one."""

    folder: str
    """A Hugging Face model folder; absolute once loaded. Left out where `random_weights` is set."""
    random_weights: Literal["qwen3-0.6b", "qwen3-4b-int4"] | None = None
    """Dimensions of a model without weights, whose folder is made on first use; needs
    `load_format: dummy`."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: int | None = None
    """Prompt and answer tokens together; None: what the model's own config says."""
    max_num_seqs: int = 16
    gpu_memory_utilization: float = 0.9
    kv_cache_gib: float = 0.5
    """KV cache on a CPU, in GiB; on a GPU `gpu_memory_utilization` decides."""
    num_threads: int = 1
    load_format: str = "auto"
    """`dummy` gives random weights of the true size: true latencies, no quality. Every answer then
    has all its `max_tokens`, and no token of it counts as illegal."""
    quantization: str | None = None
    enforce_eager: bool = False
    enable_prefix_caching: bool = True
    enable_prompt_embeds: bool = False
    """Whether prompts may be embeddings (hand-offs `embeds` and `soft_embeds`). Beside a GPU this
    takes the embedding layer out of vLLM's CUDA graphs, for prompts of token ids too."""
    block_size: int | None = None
    seed: int = 0


class Profile(Record):
    """The two models of a run."""

    name: str
    asr: AsrProfile
    llm: LlmProfile

    @property
    def has_random_weights(self) -> bool:
        """Whether its figures are times only, never quality."""
        return bool(self.asr.random_weights) or self.llm.load_format == "dummy"


def list_profiles() -> list[str]:
    """Names of the shipped profiles, sorted."""
    return sorted(path.stem for path in PROFILES_FOLDER.glob("*.yaml"))


def load_profile(name_or_path: str) -> Profile:
    """Reads a profile by its shipped name or from a YAML file.

    Args:
        name_or_path: `bundled`, or a path that ends in .yaml or .yml.

    Returns:
        The profile, its model folders made absolute.

    Raises:
        ConfigError: No such profile, not YAML, an unknown setting or a value of the wrong type.
    """
    path = _find_profile(name_or_path)
    settings = _read_yaml(path)
    settings.setdefault("name", path.stem)
    _refuse_unknown(settings, Profile, str(path))
    for part, part_type in (("asr", AsrProfile), ("llm", LlmProfile)):
        if isinstance(settings.get(part), dict):
            _refuse_unknown(settings[part], part_type, f"{part} of {path}")
            _place_folders(settings[part], path.parent, f"{part} of {path}")
    try:
        return msgspec.convert(settings, Profile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"profile {path} is not valid: {error}") from error


def build_recognizer(profile: Profile) -> Recognizer:
    """Loads the profile's recogniser; takes seconds, imports FunASR and torch.

    Raises:
        ModelError: The model folder is missing or does not fit its checksums.
        MissingPackageError: FunASR or torch is not installed.
    """
    from voicebench.asr.paraformer import load_recognizer

    if not profile.asr.random_weights:
        verify_model(Path(profile.asr.folder))
    if profile.asr.words_from:
        verify_model(Path(profile.asr.words_from))
    return load_recognizer(profile.asr)


def build_generator(profile: Profile) -> Generator:
    """Loads the profile's language model; takes seconds, imports vLLM and torch.

    Raises:
        ModelError: The model folder is missing or does not fit its checksums.
        MissingPackageError: vLLM is not installed.
    """
    from voicebench.llm.vllm_engine import VllmGenerator

    if not profile.llm.random_weights:
        verify_model(Path(profile.llm.folder))
    return VllmGenerator(profile.llm)


def _find_profile(name_or_path: str) -> Path:
    path = Path(name_or_path).expanduser()
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(
                f"no profile file {name_or_path!r}",
                f"Give an existing .yaml file, or one of: {', '.join(list_profiles())}.",
            )
        return path.resolve()
    if name_or_path not in list_profiles():
        raise ConfigError(
            f"unknown profile {name_or_path!r}",
            f"Known: {', '.join(list_profiles())}; or give the path of your own .yaml file.",
        )
    return PROFILES_FOLDER / f"{name_or_path}.yaml"


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"profile {path} cannot be read: {reason}") from error
    if not isinstance(settings, dict):
        raise ConfigError(
            f"profile {path} is not a mapping of settings",
            f"See {PROFILES_FOLDER / 'bundled.yaml'} for an example.",
        )
    return settings


def _refuse_unknown(settings: dict[str, Any], record: type[Record], place: str) -> None:
    known = record.__struct_fields__
    for name in settings:
        if name not in known:
            nearest = difflib.get_close_matches(str(name), known, n=1)
            raise ConfigError(
                f"unknown setting {str(name)!r} in {place}",
                f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(known)}.",
            )


def _place_folders(settings: dict[str, Any], base: Path, place: str) -> None:
    """Makes folders absolute, and gives random weights theirs."""
    if made := settings.get("random_weights"):
        if "folder" in settings:
            raise ConfigError(f"{place} has folder and random_weights", "Leave one of them out.")
        settings["folder"] = str(cache_folder() / RANDOM_WEIGHTS_FOLDER / str(made))
    for name in ("folder", "words_from"):
        if isinstance(settings.get(name), str):
            settings[name] = str((base / Path(settings[name]).expanduser()).resolve())
