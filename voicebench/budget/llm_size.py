"""Bytes and operations of a dense decoder-only LLM, from the dimensions in its config.json.

Covers Qwen3, Qwen2 and Llama: attention with grouped keys and values, a gated feed-forward, weights
in 16 or 32 bits or in groups of 4 or 8 bits (GPTQ, AWQ, compressed-tensors). Norms, embeddings and
the output layer stay in the model's own type, as the quantisers leave them. Mixtures of experts and
hybrid layers are refused rather than guessed.

    Qwen3-4B, GPTQ int4, groups of 128:
    36 x (2560 x 6144 + 4096 x 2560 + 3 x 2560 x 9728) weights x 4 bits + scales and zeros + the table
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicebench.errors import ModelError
from voicebench.types import Record

DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_KNOWN_TYPES = ("qwen3", "qwen2", "llama")
_SCALE_BYTES = 2  # one float16 a group


class LlmShape(Record):
    """The dimensions that decide size and speed."""

    model_type: str
    num_layers: int
    hidden: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool
    """Whether the output layer is the embedding table."""
    dtype: str
    """Type of what is not quantised, and of what is computed."""
    max_positions: int
    qk_norm: bool = False
    attention_bias: bool = False
    linear_bits: int = 0
    """Bits of a weight of the layers; 0: not quantised."""
    group_size: int = 128

    @property
    def layer_weights(self) -> int:
        """Weights of one layer's matrices."""
        attention = self.hidden * self.head_dim * (2 * self.num_heads + 2 * self.num_kv_heads)
        return attention + 3 * self.hidden * self.intermediate

    @property
    def table_weights(self) -> int:
        """Weights of the embedding table, which is also the size of the output layer."""
        return self.vocab * self.hidden

    @property
    def small_weights(self) -> int:
        """Norms and biases."""
        layer = 2 * self.hidden + (2 * self.head_dim if self.qk_norm else 0)
        if self.attention_bias:
            layer += self.head_dim * (self.num_heads + 2 * self.num_kv_heads)
        return self.num_layers * layer + self.hidden

    @property
    def num_parameters(self) -> int:
        """Parameters before quantising; tied tables count once."""
        tables = self.table_weights * (1 if self.tied else 2)
        return self.num_layers * self.layer_weights + tables + self.small_weights

    @property
    def dtype_bytes(self) -> int:
        """Bytes of one value that is not quantised."""
        return DTYPE_BYTES[self.dtype]

    @property
    def layers_bytes(self) -> int:
        """Bytes of all layers' matrices, with scales and zero points of quantised ones."""
        weights = self.num_layers * self.layer_weights
        if not self.linear_bits:
            return weights * self.dtype_bytes
        groups = weights // self.group_size
        return weights * self.linear_bits // 8 + groups * (8 * _SCALE_BYTES + self.linear_bits) // 8

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights in memory."""
        tables = self.table_weights * (1 if self.tied else 2)
        return self.layers_bytes + (tables + self.small_weights) * self.dtype_bytes

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of one token in all layers."""
        return 2 * self.num_layers * self.num_kv_heads * self.head_dim * self.dtype_bytes

    def decode_bytes(self, context_tokens: int) -> int:
        """Bytes read to make one token: every layer, the output layer, and the context's cache."""
        output = (self.table_weights + self.small_weights) * self.dtype_bytes
        return self.layers_bytes + output + context_tokens * self.kv_bytes_per_token

    def operations(self, new_tokens: int, cached_tokens: int = 0) -> int:
        """Operations (a multiply and an add are two) to take tokens in and sample once after them."""
        linear = 2 * new_tokens * self.num_layers * self.layer_weights
        # each new token looks at those before it: a score and a sum over values, per head
        looked_at = new_tokens * cached_tokens + new_tokens * (new_tokens + 1) // 2
        attention = 4 * self.num_layers * self.num_heads * self.head_dim * looked_at
        return linear + attention + 2 * self.table_weights


def llm_shape(
    config: Mapping[str, Any], dtype: str = "auto", place: str = "config.json"
) -> LlmShape:
    """Reads a model's config.json.

    Args:
        config: Its content.
        dtype: The profile's; `auto` takes the config's own.
        place: Where it came from, for errors.

    Raises:
        ModelError: Another kind of model, or a dimension is missing.
    """
    model_type = str(config.get("model_type"))
    if model_type not in _KNOWN_TYPES:
        raise ModelError(
            f"{place} is of a {model_type!r} model, whose size is not known here",
            f"A budget covers: {', '.join(_KNOWN_TYPES)}",
        )
    own_dtype = str(config.get("dtype") or config.get("torch_dtype") or "bfloat16")
    bits, group_size = _quantisation(config.get("quantization_config") or {})
    try:
        heads = int(config["num_attention_heads"])
        return LlmShape(
            model_type=model_type,
            num_layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            num_heads=heads,
            num_kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or config["hidden_size"] // heads),
            intermediate=int(config["intermediate_size"]),
            vocab=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            dtype=own_dtype if dtype == "auto" else dtype,
            max_positions=int(config["max_position_embeddings"]),
            qk_norm=model_type == "qwen3",
            attention_bias=bool(config.get("attention_bias", model_type == "qwen2")),
            linear_bits=bits,
            group_size=group_size,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{place} lacks a dimension: {error}", "Give a whole config.json"
        ) from error


def _quantisation(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Bits and group size, from the forms of GPTQ and AWQ and of compressed-tensors."""
    if groups := settings.get("config_groups"):
        weights = next(iter(groups.values())).get("weights") or {}
        return int(weights.get("num_bits") or 0), int(weights.get("group_size") or 128)
    return int(settings.get("bits") or 0), int(settings.get("group_size") or 128)
