"""Profiles: which two models a run uses, and how they are loaded.

A profile is a YAML file, read strictly: an unknown setting is refused with the nearest known name,
because a misspelled one that is ignored gives figures of something else. `load_profile` takes the
name of a shipped profile (`voicebench/profiles/NAME.yaml`) or the path of the user's own file; a
mistake is named with its line. A model is a `folder`, relative to the profile's own file, a `model`
of the catalogue (`voicebench models list`), which lies where `voicebench models pull` puts it, or
dimensions (`random_weights`): random weights of that published size, made in the cache on first use.
Their times are true; what they hear and say means nothing.

    python -c "from voicebench.config import load_profile; print(load_profile('bundled'))"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from voicebench.bundled.manifest import verify_model
from voicebench.cache import cache_folder
from voicebench.errors import ConfigError, ModelError
from voicebench.hub.catalogue import find_model
from voicebench.hub.inspection import require_role
from voicebench.hub.store import model_folder, require_model
from voicebench.types import Record

if TYPE_CHECKING:
    from voicebench.asr.base import Recognizer
    from voicebench.llm.base import Generator

__all__ = [
    "AsrProfile",
    "CompanionProfile",
    "LlmProfile",
    "Profile",
    "build_generator",
    "build_recognizer",
    "list_profiles",
    "load_profile",
    "require_asr",
    "require_part",
]

PROFILES_FOLDER = Path(__file__).parent / "profiles"
RANDOM_WEIGHTS_FOLDER = "random-weights-1"
"""In the cache; its number is raised when what is made changes."""
KINDS = {"asr": "funasr", "llm": "huggingface"}
"""What kind of model each part takes."""


COMPANIONS = ("vad", "punctuation", "speakers")
"""FunASR models beside the recogniser, by what they do."""


Positive = Annotated[int, Meta(ge=1)]


class CompanionProfile(Record):
    """A small FunASR model beside the recogniser."""

    folder: str
    """A FunASR model folder; absolute once loaded. Left out where `model` is set."""
    model: str | None = None
    """A FunASR model of the catalogue."""


class AsrProfile(Record):
    """How FunASR loads the recogniser."""

    folder: str
    """A FunASR model folder; absolute once loaded. Left out where one of the next two is set."""
    model: str | None = None
    """A FunASR model of the catalogue."""
    random_weights: Literal["paraformer-zh"] | None = None
    """Dimensions of a model with random weights, made on first use: true times, no quality."""
    words_from: str | None = None
    """A second FunASR folder. Every piece goes through `folder`'s model, whose output is thrown away,
    and then through this one's, which gives tokens, times and confidences: a model that hears
    nonsense costs what it costs, and the pipeline has something to work with. Both are paid."""
    device: Annotated[str, Meta(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    """`cpu`, `cuda` or `cuda:N`."""
    int8: bool = False
    """Linear and LSTM layers in int8, their inputs quantised as they come; on a CPU only."""
    num_threads: Positive = 1
    """More than one thread beside an LLM slows both down."""
    hotwords: tuple[str, ...] = ()
    """Names and terms to listen for; needs a SeacoParaformer, as paraformer-zh is."""
    vad: CompanionProfile | None = None
    """FunASR's VAD, for the endpoint of variants with `vad: profile`; without it, silero-vad."""
    punctuation: CompanionProfile | None = None
    """Sets marks before cleaning, in variants with `punctuation: profile`."""
    speakers: CompanionProfile | None = None
    """Tells speakers apart in variants with `speakers: true`; loaded when one does. Needs `vad`."""

    @property
    def companions(self) -> dict[str, CompanionProfile]:
        """Those that are named, by what they do."""
        named = {name: getattr(self, name) for name in COMPANIONS}
        return {name: each for name, each in named.items() if each}

    def __post_init__(self) -> None:
        if self.speakers and not self.vad:
            raise ValueError("speakers are told apart where a VAD hears speech: set vad as well")


class LlmProfile(Record):
    """How vLLM loads the language model; the names are vLLM's own where it has one."""

    folder: str
    """A Hugging Face model folder; absolute once loaded. Left out where one of the next two is set."""
    model: str | None = None
    """A Hugging Face model of the catalogue."""
    random_weights: Literal["qwen3-0.6b", "qwen3-4b-int4"] | None = None
    """Dimensions of a model without weights, whose folder is made on first use; needs
    `load_format: dummy`."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: Positive | None = None
    """Prompt and answer tokens together; None: what the model's own config says."""
    max_num_seqs: Positive = 16
    max_num_batched_tokens: Positive | None = None
    """Tokens of one step, which bounds how long a prompt holds up the answers beside it; None:
    vLLM's own choice."""
    enable_chunked_prefill: bool | None = None
    """Whether a prompt longer than a step is taken in pieces; None: vLLM's own choice."""
    gpu_memory_utilization: Annotated[float, Meta(gt=0, le=1)] = 0.9
    kv_cache_gib: Annotated[float, Meta(gt=0)] = 0.5
    """KV cache on a CPU, in GiB; on a GPU `gpu_memory_utilization` decides."""
    num_threads: Positive = 1
    load_format: str = "auto"
    """`dummy` gives random weights of the true size: true latencies, no quality. Every answer then
    has all its `max_tokens`, and no token of it counts as illegal."""
    quantization: str | None = None
    enforce_eager: bool = False
    cudagraph_capture_sizes: tuple[Positive, ...] = ()
    """Numbers of sequences for which a CUDA graph is captured; empty: vLLM's own choice."""
    enable_prefix_caching: bool = True
    enable_prompt_embeds: bool = False
    """Whether prompts may be embeddings (hand-offs `embeds` and `soft_embeds`). Beside a GPU this
    takes the embedding layer out of vLLM's CUDA graphs, for prompts of token ids too."""
    block_size: Positive | None = None
    seed: int = 0


class Profile(Record):
    """The two models of a run."""

    name: str
    asr: AsrProfile
    llm: LlmProfile

    @property
    def parts(self) -> dict[str, AsrProfile | CompanionProfile | LlmProfile]:
        """Everything that has a model folder: the recogniser, what comes with it, the LLM."""
        return {"recogniser": self.asr, **self.asr.companions, "LLM": self.llm}

    @property
    def catalogue_models(self) -> tuple[str, ...]:
        """The models of the catalogue that it names, each once."""
        return tuple(dict.fromkeys(part.model for part in self.parts.values() if part.model))

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
        ConfigError: No such profile, not YAML, an unknown setting or a value of the wrong type; the
            line is named.
    """
    path = _find_profile(name_or_path)
    settings, lines = _read_yaml(path)
    settings.setdefault("name", path.stem)
    _refuse_unknown(settings, Profile, str(path), "$", lines)
    for part, part_type in (("asr", AsrProfile), ("llm", LlmProfile)):
        if isinstance(settings.get(part), dict):
            place = f"{part} of {path}"
            _refuse_unknown(settings[part], part_type, place, f"$.{part}", lines)
            line = _line(lines, f"$.{part}.model").rstrip(",")
            _place_model(settings[part], path.parent, KINDS[part], f"{place}{line}")
    if isinstance(asr := settings.get("asr"), dict):
        for name in COMPANIONS:
            if isinstance(asr.get(name), dict):
                place = f"asr.{name} of {path}"
                _refuse_unknown(asr[name], CompanionProfile, place, f"$.asr.{name}", lines)
                line = _line(lines, f"$.asr.{name}.model").rstrip(",")
                _place_model(asr[name], path.parent, "funasr", f"{place}{line}")
    try:
        return msgspec.convert(settings, Profile)
    except msgspec.ValidationError as error:
        where = re.search(r"at `(\$[^`]*)`", str(error))
        line = _line(lines, where[1] if where else "$")
        raise ConfigError(f"profile {path}{line} is not valid: {error}") from error


def build_recognizer(profile: Profile) -> Recognizer:
    """Loads the profile's recogniser; takes seconds, imports FunASR and torch.

    Raises:
        ModelError: The model folder is missing or does not fit its checksums.
        MissingPackageError: FunASR or torch is not installed.
    """
    from voicebench.asr.paraformer import load_recognizer

    require_asr(profile.asr)
    return load_recognizer(profile.asr)


def build_generator(profile: Profile) -> Generator:
    """Loads the profile's language model; takes seconds, imports vLLM and torch.

    Raises:
        ModelError: The model folder is missing or does not fit its checksums.
        MissingPackageError: vLLM is not installed.
    """
    from voicebench.llm.vllm_engine import VllmGenerator

    require_part(profile.llm)
    return VllmGenerator(profile.llm)


def require_asr(asr: AsrProfile, *, with_speakers: bool = False) -> None:
    """Refuses a recogniser whose models are missing or damaged, without loading them.

    Args:
        asr: The recogniser and what comes with it.
        with_speakers: Whether speakers will be told apart; that model is not looked for otherwise.

    Raises:
        ModelError: The command that fetches or mends it is named.
    """
    require_part(asr)
    if asr.words_from:
        verify_model(Path(asr.words_from))
    for name, companion in asr.companions.items():
        if with_speakers or name != "speakers":
            require_part(companion, name)


def require_part(part: AsrProfile | LlmProfile | CompanionProfile, role: str = "") -> None:
    """Refuses a model that is missing, damaged or of another kind, without loading it.

    Args:
        part: What a profile says of it.
        role: What a companion does; what the other two do goes with their type.

    Raises:
        ModelError: The command that fetches or mends it is named.
    """
    if getattr(part, "random_weights", None):  # made on first use, by whatever loads it
        return
    if part.model:
        require_model(part.model)
    verify_model(Path(part.folder))
    if isinstance(part, AsrProfile | LlmProfile):
        role = "recogniser" if isinstance(part, AsrProfile) else "LLM"
    require_role(Path(part.folder), role, part.model)


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


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The settings, and the line of each by its path (`$.llm.dtype`)."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        settings = yaml.safe_load(text)
        lines = dict(_lines_of(yaml.compose(text, Loader=yaml.SafeLoader), "$"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"profile {path} cannot be read: {reason}") from error
    if not isinstance(settings, dict):
        raise ConfigError(
            f"profile {path} is not a mapping of settings",
            f"See {PROFILES_FOLDER / 'bundled.yaml'} for an example.",
        )
    return settings, lines


def _lines_of(node: Any, place: str) -> Iterator[tuple[str, int]]:
    """Paths and line numbers (from 1) of a YAML node's mappings."""
    if node is None or node.id != "mapping":
        return
    for key, value in node.value:
        path = f"{place}.{key.value}"
        yield path, key.start_mark.line + 1
        yield from _lines_of(value, path)


def _line(lines: dict[str, int], path: str) -> str:
    """`, line N` of a setting, of the setting it is part of, or nothing."""
    path = path.partition("[")[0]
    while path not in lines and "." in path:
        path = path.rpartition(".")[0]
    return f", line {lines[path]}," if path in lines else ""


def _refuse_unknown(
    settings: dict[str, Any], record: type[Record], place: str, path: str, lines: dict[str, int]
) -> None:
    known = record.__struct_fields__
    for name in settings:
        if name not in known:
            nearest = difflib.get_close_matches(str(name), known, n=1)
            line = _line(lines, f"{path}.{name}").rstrip(",")
            raise ConfigError(
                f"unknown setting {str(name)!r} in {place}{line}",
                f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(known)}.",
            )


def _place_model(settings: dict[str, Any], base: Path, kind: str, place: str) -> None:
    """Makes folders absolute; a model of the catalogue and random weights get their own."""
    if isinstance(name := settings.get("model"), str):
        try:
            found = find_model(name)
        except ModelError as error:
            raise ConfigError(f"{error.problem} in {place}", error.way_out) from error
        if found.kind != kind:
            raise ConfigError(f"model {name!r} in {place} is {found.about}", f"Give a {kind} model")
    given = [name for name in ("folder", "model", "random_weights") if settings.get(name)]
    if len(given) > 1:
        raise ConfigError(f"{place} has both {given[0]} and {given[1]}", "Leave one of them out.")
    if isinstance(name, str):
        settings["folder"] = str(model_folder(name))
    if made := settings.get("random_weights"):
        settings["folder"] = str(cache_folder() / RANDOM_WEIGHTS_FOLDER / str(made))
    for name in ("folder", "words_from"):
        if isinstance(settings.get(name), str):
            settings[name] = str((base / Path(settings[name]).expanduser()).resolve())
