"""What a profile takes of a card's memory, and the least time its steps can take on it.

Weights and key-value cache are exact. Activations, CUDA graphs and the driver's share are allowances
and say so. A floor is the larger of two times: bytes that must be read over the card's bandwidth, and
operations over its peak rate. Nothing runs faster; launches, attention kernels and the framework come
on top, which is what stands beside it once it is measured.

    decode   layers, output layer and the context's cache are read once a token
    prefill  two operations a weight and token, and attention
    ASR      the same, over the frames of a window
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from voicebench.budget.asr_size import AsrShape
from voicebench.budget.cards import GIB, Card
from voicebench.budget.llm_size import LlmShape
from voicebench.profiles.schema import LlmProfile, Profile
from voicebench.types import Record, Variant

CONTEXT_BYTES = GIB // 2
"""Allowance for the CUDA context, its libraries' workspaces and the allocator's slack."""
GRAPH_BYTES = 16 * 2**20
"""Allowance for one captured size; vLLM captures up to 51 of them when not told."""
_DEFAULT_GRAPHS = 51
_DEFAULT_STEP_TOKENS = 8192  # vLLM's own on a card of 24 GB or more, at most
_COMPANIONS = {"vad": "VAD", "punctuation": "punctuation", "speakers": "speaker"}
LONGEST_PIECE_S = 30.0
"""Of speech recognised in one piece, for the recogniser's activations."""


class MemoryLine(Record):
    """One part of the memory."""

    part: str
    num_bytes: int
    kind: Literal["exact", "allowance", "rest"]
    detail: str


class RooflineBound(Record):
    """The least time of one step, from bytes and from operations."""

    step: str
    num_bytes: int
    operations: int
    bytes_s: float
    operations_s: float
    detail: str

    @property
    def floor_s(self) -> float:
        """What nothing beats: reading and computing overlap at best."""
        return max(self.bytes_s, self.operations_s)

    @property
    def bound(self) -> str:
        """Which of the two it is."""
        return "bytes" if self.bytes_s >= self.operations_s else "operations"


class Workload(Record):
    """The turn that the floors are of."""

    prompt_tokens: int = 200
    cached_tokens: int = 0
    """Of the prompt, found in the prefix cache."""
    context_tokens: int = 300
    """Before the token being decoded."""
    window_s: float = round(Variant().window_s + Variant().context_s, 3)
    """With the context that is recognised with it."""


class Budget(Record):
    """A profile on a card."""

    profile: str
    card: Card
    load: Workload
    memory: tuple[MemoryLine, ...]
    floors: tuple[RooflineBound, ...]
    kv_bytes_per_token: int
    kv_tokens: int
    """Tokens of all conversations together that the cache holds."""
    max_model_len: int
    problems: tuple[str, ...]
    """Why it does not fit; empty where it does."""

    @property
    def fits(self) -> bool:
        """Whether everything has its place."""
        return not self.problems


def step_tokens(llm: LlmProfile, shape: LlmShape) -> int:
    """Most tokens that one step computes."""
    return llm.max_num_batched_tokens or min(
        _DEFAULT_STEP_TOKENS, max(2048, llm.max_model_len or shape.max_positions)
    )


def llm_activation_bytes(llm: LlmProfile, shape: LlmShape) -> int:
    """Allowance for one step: the feed-forward's tensors, and the sampler's float32 logits."""
    layer = step_tokens(llm, shape) * (3 * shape.intermediate + 4 * shape.hidden)
    return layer * shape.dtype_bytes + 2 * llm.max_num_seqs * shape.vocab * 4


def graph_bytes(llm: LlmProfile, *, on_cpu: bool) -> int:
    """Allowance for captured CUDA graphs."""
    if on_cpu or llm.enforce_eager:
        return 0
    return GRAPH_BYTES * (len(llm.cudagraph_capture_sizes) or _DEFAULT_GRAPHS)


def estimate(
    profile: Profile,
    asr: AsrShape,
    llm: LlmShape,
    card: Card,
    load: Workload | None = None,
    companions: Mapping[str, int] | None = None,
) -> Budget:
    """The budget of a profile on a card; a pure function of dimensions and settings.

    Args:
        profile: Its settings.
        asr: Dimensions of its recogniser.
        llm: Dimensions of its language model.
        card: Where they are to run.
        load: The turn that the floors are of.
        companions: Bytes of VAD, punctuation and speakers, by what they do.
    """
    load = load or Workload()
    on_cpu = card.name == "cpu"
    max_len = profile.llm.max_model_len or llm.max_positions
    lines, kv_bytes = _memory(profile, asr, llm, card, on_cpu=on_cpu)
    lines += _companion_lines(profile, companions or {}, on_cpu=on_cpu)
    kv_tokens = max(0, kv_bytes) // llm.kv_bytes_per_token
    return Budget(
        profile=profile.name,
        card=card,
        load=load,
        memory=lines,
        floors=_floors(profile, asr, llm, card, load),
        kv_bytes_per_token=llm.kv_bytes_per_token,
        kv_tokens=kv_tokens,
        max_model_len=max_len,
        problems=tuple(_problems(profile, lines, card, kv_tokens, max_len, on_cpu=on_cpu)),
    )


def _memory(
    profile: Profile, asr: AsrShape, llm: LlmShape, card: Card, *, on_cpu: bool
) -> tuple[tuple[MemoryLine, ...], int]:
    settings = profile.llm
    weights, activations = llm.weight_bytes, llm_activation_bytes(settings, llm)
    graphs = graph_bytes(settings, on_cpu=on_cpu)
    asr_on_card = on_cpu == (profile.asr.device == "cpu")
    asr_weights = asr.weight_bytes("int8" if profile.asr.int8 else "float32") * asr_on_card
    asr_activations = asr.activation_bytes(LONGEST_PIECE_S) * asr_on_card
    if on_cpu:
        kv, why = int(settings.kv_cache_gib * GIB), f"kv_cache_gib {settings.kv_cache_gib}"
    else:
        share = int(card.memory_bytes * settings.gpu_memory_utilization)
        kv = share - weights - activations - graphs
        why = f"what is left of gpu_memory_utilization {settings.gpu_memory_utilization}"
    bits = f"{llm.linear_bits}-bit layers, " if llm.linear_bits else ""
    lines = [
        MemoryLine(
            part="LLM weights", num_bytes=weights, kind="exact",
            detail=f"{llm.num_parameters / 1e9:.3f} G parameters, {bits}{llm.dtype}",
        ),
        MemoryLine(
            part="LLM key-value cache", num_bytes=kv, kind="exact" if on_cpu else "rest",
            detail=f"{why}; {llm.kv_bytes_per_token:,} bytes a token",
        ),
        MemoryLine(
            part="LLM activations", num_bytes=activations, kind="allowance",
            detail=f"{step_tokens(settings, llm):,} tokens a step, {settings.max_num_seqs} sequences",
        ),
        MemoryLine(
            part="CUDA graphs", num_bytes=graphs, kind="allowance",
            detail="none" if not graphs else f"{len(settings.cudagraph_capture_sizes) or _DEFAULT_GRAPHS} sizes",
        ),
        MemoryLine(
            part="ASR weights", num_bytes=asr_weights, kind="exact",
            detail=f"{asr.num_parameters / 1e6:.1f} M parameters" if asr_on_card else "on the CPU",
        ),
        MemoryLine(
            part="ASR activations", num_bytes=asr_activations, kind="allowance",
            detail=f"{LONGEST_PIECE_S:.0f} s in one piece" if asr_on_card else "on the CPU",
        ),
        MemoryLine(
            part="CUDA context", num_bytes=0 if on_cpu else CONTEXT_BYTES, kind="allowance",
            detail="none" if on_cpu else "driver, cuBLAS, allocator",
        ),
    ]  # fmt: skip
    return tuple(lines), kv


def _companion_lines(
    profile: Profile, companions: Mapping[str, int], *, on_cpu: bool
) -> tuple[MemoryLine, ...]:
    """VAD and punctuation are the CPU's; speakers are told apart where speech is recognised."""
    lines = []
    for name, num_bytes in companions.items():
        on_card = on_cpu == (name != "speakers" or profile.asr.device == "cpu")
        detail = f"{num_bytes / 1e6:.1f} MB{'' if on_card else ', on the CPU'}"
        if name == "speakers":
            detail += ", with speakers=true"
        lines.append(MemoryLine(part=f"{_COMPANIONS[name]} weights", num_bytes=num_bytes * on_card,
                                kind="exact", detail=detail))  # fmt: skip
    return tuple(lines)


def _problems(
    profile: Profile,
    lines: tuple[MemoryLine, ...],
    card: Card,
    kv_tokens: int,
    max_len: int,
    *,
    on_cpu: bool,
) -> list[str]:
    problems = []
    needed = sum(max(0, line.num_bytes) for line in lines)
    if needed > card.memory_bytes:
        setting = "kv_cache_gib" if on_cpu else "gpu_memory_utilization"
        problems.append(
            f"{needed / GIB:.2f} GiB are needed and {card.name} has {card.memory_gib:.2f}: "
            f"lower llm.{setting}, or take a smaller model"
        )
    if kv_tokens < max_len:
        more = "llm.kv_cache_gib" if on_cpu else "llm.gpu_memory_utilization"
        problems.append(
            f"the key-value cache holds {kv_tokens:,} tokens and one conversation may have "
            f"{max_len:,}: lower llm.max_model_len, or raise {more}"
        )
    return problems


def _floors(
    profile: Profile, asr: AsrShape, llm: LlmShape, card: Card, load: Workload
) -> tuple[RooflineBound, ...]:
    asr_dtype = "int8" if profile.asr.int8 else "float32"
    bandwidth = card.bandwidth_gb_s * 1e9

    def floor(step: str, num_bytes: int, operations: int, dtype: str, detail: str) -> RooflineBound:
        return RooflineBound(
            step=step,
            num_bytes=num_bytes,
            operations=operations,
            bytes_s=num_bytes / bandwidth,
            operations_s=operations / card.operations_per_s(dtype),
            detail=detail,
        )

    return (
        floor(
            "ASR window", asr.weight_bytes(asr_dtype), asr.operations(load.window_s), asr_dtype,
            f"{load.window_s:g} s of speech, {asr_dtype}",
        ),
        floor(
            "prefill", llm.decode_bytes(load.cached_tokens),
            llm.operations(load.prompt_tokens - load.cached_tokens, load.cached_tokens), llm.dtype,
            f"{load.prompt_tokens} tokens, {load.cached_tokens} of them cached",
        ),
        floor(
            "decode, a token", llm.decode_bytes(load.context_tokens),
            llm.operations(1, load.context_tokens), llm.dtype,
            f"after {load.context_tokens} tokens, one conversation",
        ),
    )  # fmt: skip
