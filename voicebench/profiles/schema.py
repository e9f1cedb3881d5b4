"""The types of a profile: pure data, validated when made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from voicebench.types import Record

AUXILIARY_MODELS = ("vad", "punctuation", "speakers")
"""FunASR models beside the recognizer, by what they do."""

Positive = Annotated[int, Meta(ge=1)]


class AuxiliaryModelProfile(Record):
    """A small FunASR model beside the recognizer."""

    folder: str
    """A FunASR model folder; absolute once loaded. Left out where `model` is set."""
    model: str | None = None
    """A FunASR model of the catalogue."""


class AsrProfile(Record):
    """How the recognizer is loaded."""

    kind: str = "paraformer"
    """A name in `asr.kinds.KINDS`, or a factory of your own: `package.module:function`. The function
    takes this profile and returns a `Recognizer`."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of a factory of your own; the kinds here take none."""
    folder: str = ""
    """A FunASR model folder; absolute once loaded. Left out where one of the next two is set."""
    model: str | None = None
    """A FunASR model of the catalogue."""
    random_weights: Literal["paraformer-zh"] | None = None
    """Dimensions of a model with random weights, made on first use: true times, no quality."""
    transcript_source: str | None = None
    """A second FunASR folder. `folder`'s model computes every piece and its output is discarded; this
    model gives tokens, times and confidences. So random weights cost what they cost, and the pipeline
    has a transcript to work with. The time of both is included."""
    device: Annotated[str, Meta(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    """`cpu`, `cuda` or `cuda:N`."""
    int8: bool = False
    """Linear and LSTM layers in int8, inputs quantized at run time; on a CPU only."""
    num_threads: Positive = 1
    """More than one thread beside an LLM slows both down."""
    hotwords: tuple[str, ...] = ()
    """Names and terms to listen for; needs a SeacoParaformer, as paraformer-zh is."""
    vad: AuxiliaryModelProfile | None = None
    """FunASR's VAD, for the endpoint of variants with `vad: profile`; without it, silero-vad."""
    punctuation: AuxiliaryModelProfile | None = None
    """Sets punctuation before cleaning, in variants with `punctuation: profile`."""
    speakers: AuxiliaryModelProfile | None = None
    """Diarization in variants with `speakers: true`; loaded when one does. Needs `vad`."""

    @property
    def auxiliary_models(self) -> dict[str, AuxiliaryModelProfile]:
        """Those that are named, by what they do."""
        named = {name: getattr(self, name) for name in AUXILIARY_MODELS}
        return {name: each for name, each in named.items() if each}

    def __post_init__(self) -> None:
        _require_model(self)
        if self.speakers and not self.vad:
            raise ValueError("diarization needs the segments of a VAD: set vad as well")


class LlmProfile(Record):
    """How the language model is loaded; the names are vLLM's own where it has one."""

    kind: str = "vllm"
    """A name in `llm.kinds.KINDS`, or a factory of your own: `package.module:function`. The function
    takes this profile and returns a `Generator`."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of a factory of your own; the kinds here take none."""
    folder: str = ""
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
    """Tokens of one step, which bounds how long a prompt delays the answers beside it; None: vLLM's
    own choice."""
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

    def __post_init__(self) -> None:
        _require_model(self)


class Profile(Record):
    """The two models of a run."""

    name: str
    asr: AsrProfile
    llm: LlmProfile

    @property
    def parts(self) -> dict[str, AsrProfile | AuxiliaryModelProfile | LlmProfile]:
        """Every model: the recognizer, its auxiliary models, the LLM."""
        return {"recogniser": self.asr, **self.asr.auxiliary_models, "LLM": self.llm}

    @property
    def folders(self) -> dict[str, Path]:
        """Model folders that are there, by `asr`, `llm` and the names of auxiliary models."""
        folders = {"asr": self.asr.folder, "llm": self.llm.folder}
        folders |= {name: model.folder for name, model in self.asr.auxiliary_models.items()}
        return {
            name: Path(folder)
            for name, folder in folders.items()
            if folder and Path(folder).is_dir()
        }

    @property
    def catalogue_models(self) -> tuple[str, ...]:
        """The models of the catalogue that it names, each once."""
        return tuple(dict.fromkeys(part.model for part in self.parts.values() if part.model))

    @property
    def has_random_weights(self) -> bool:
        """Whether its figures are times only, never quality."""
        return bool(self.asr.random_weights) or self.llm.load_format == "dummy"


def is_own_factory(kind: str) -> bool:
    """Whether a kind names a factory outside this package: `package.module:function`."""
    return ":" in kind


def _require_model(part: AsrProfile | LlmProfile) -> None:
    if is_own_factory(part.kind):
        return
    if part.options:
        raise ValueError(f"kind {part.kind!r} takes no options: they are for a factory of your own")
    if not part.folder:
        raise ValueError("no model: set folder, model or random_weights")
