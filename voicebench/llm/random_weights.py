"""Hugging Face folders of Qwen3's dimensions without weights: vLLM makes them up (`dummy`).

    ensure_random_weights(folder, "qwen3-0.6b")

The tokenizer has Qwen's true vocabulary, so prompts have their true lengths: its 151,643 byte pairs
come in the package `dashscope`, Alibaba's SDK; the control tokens follow them. The chat template is
the bundled model's, which lays a conversation out as Qwen3's instruct models do.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

from voicebench.bundled.manifest import BUNDLED_FOLDER
from voicebench.cache import make_once
from voicebench.errors import MissingPackageError

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen's tokenizers cut text before byte pairs are merged."""
SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
"""In the order of their ids, which follow the byte pairs."""
MARKS = (
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>",
    "<think>", "</think>",
)  # fmt: skip
"""They follow the special tokens and are shown as text."""
_END_OF_TEXT, _END_OF_TURN = 151643, 151645

_QWEN3: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": False,
    "attention_dropout": 0.0, "bos_token_id": _END_OF_TEXT, "eos_token_id": _END_OF_TURN,
    "head_dim": 128, "hidden_act": "silu", "initializer_range": 0.02, "num_key_value_heads": 8,
    "rms_norm_eps": 1e-6, "sliding_window": None, "tie_word_embeddings": True,
    "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False,
    "vocab_size": 151936, "transformers_version": "4.51.0",
}  # fmt: skip
_W4A16: dict[str, Any] = {
    "quant_method": "compressed-tensors", "format": "pack-quantized",
    "quantization_status": "compressed", "ignore": ["lm_head"], "kv_cache_scheme": None,
    "config_groups": {
        "group_0": {
            "targets": ["Linear"], "input_activations": None, "output_activations": None,
            "weights": {
                "num_bits": 4, "type": "int", "symmetric": True, "strategy": "group",
                "group_size": 128, "dynamic": False, "actorder": None, "observer": "minmax",
                "observer_kwargs": {}, "block_structure": None,
            },
        }
    },
}  # fmt: skip
"""Weights of four bits in groups of 128, activations of sixteen, as llm-compressor writes them."""
CONFIGS: dict[str, dict[str, Any]] = {
    "qwen3-0.6b": _QWEN3 | {
        "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
        "num_attention_heads": 16, "max_window_layers": 28, "max_position_embeddings": 40960,
        "rope_theta": 1_000_000,
    },
    "qwen3-4b-int4": _QWEN3 | {
        "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
        "num_attention_heads": 32, "max_window_layers": 36, "max_position_embeddings": 262144,
        "rope_theta": 5_000_000, "quantization_config": _W4A16,
    },
}  # fmt: skip
"""Published: Qwen3-0.6B, and Qwen3-4B-Instruct-2507 quantised."""


def ensure_random_weights(folder: Path, name: str) -> None:
    """Makes the folder of a config in `CONFIGS`, unless it is there.

    Raises:
        MissingPackageError: The package dashscope, which carries the vocabulary, is not installed.
        StorageError: The disk refused.
    """
    make_once(
        folder,
        lambda partial: write_folder(partial, CONFIGS[name]),
        f"the config and tokenizer of {name} (19 MB, some seconds)",
    )


def write_folder(folder: Path, config: dict[str, Any]) -> None:
    """Writes config, generation config, tokenizer and chat template into an empty folder.

    Raises:
        MissingPackageError: See `find_vocabulary`.
    """
    vocabulary = find_vocabulary()
    documents: dict[str, dict[str, Any]] = {
        "config.json": config,
        "generation_config.json": {
            "do_sample": False,
            "eos_token_id": [_END_OF_TURN, _END_OF_TEXT],
            "pad_token_id": _END_OF_TEXT,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "model_max_length": config["max_position_embeddings"],
        },
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(BUNDLED_FOLDER / "llm" / "chat_template.jinja", folder / "chat_template.jinja")
    build_tokenizer(vocabulary).save(str(folder / "tokenizer.json"))


def find_vocabulary() -> Path:
    """The file of byte pairs in the package dashscope; the package is not imported.

    Raises:
        MissingPackageError: It is not installed, or carries no such file.
    """
    spec = importlib.util.find_spec("dashscope")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "resources" / "qwen.tiktoken"
        if path.is_file():
            return path
    raise MissingPackageError(
        "package dashscope, which carries the vocabulary of Qwen's tokenizers, is not installed",
        "pip install dashscope",
    )


def build_tokenizer(vocabulary: Path) -> Any:
    """A `tokenizers.Tokenizer` of a file of byte pairs, with Qwen's control tokens after them."""
    from tokenizers import AddedToken, normalizers
    from transformers.convert_slow_tokenizer import TikTokenConverter

    make: Any = TikTokenConverter  # untyped in transformers
    converter = make(str(vocabulary), pattern=PATTERN)
    # Its own reading goes through tiktoken, which keeps a copy in the system's temp folder.
    converter.load_tiktoken_bpe = _read_ranks
    tokenizer = converter.converted()
    tokenizer.normalizer = normalizers.NFC()
    added = [AddedToken(text, normalized=False, special=True) for text in SPECIAL_TOKENS]
    tokenizer.add_special_tokens(added)
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in MARKS])
    return tokenizer


def _read_ranks(path: str) -> dict[bytes, int]:
    lines = Path(path).read_bytes().splitlines()
    return {
        base64.b64decode(token): int(rank) for token, rank in map(bytes.split, filter(None, lines))
    }
