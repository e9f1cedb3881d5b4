"""The bundled LLM's tokenizer: byte-level BPE as Qwen's, in which every Hanzi is one token.

One token a Hanzi makes copying a name one attention step a character. The merges of Hanzi are
constructed (three UTF-8 bytes are two merges); those of Latin words are trained on the texts that
tool calls and JSON are made of. Control tokens are Qwen's, in Qwen's order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from training.language import lexicon as lx
from training.language.long_tasks import (
    NOUNS,
    PARAMETERS,
    TOOLS,
    VERBS,
    hermes_call,
    tool_schema,
)
from training.language.sentences import characters
from training.language.values import ALL_HANZI

CONTROL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>",
)  # fmt: skip
MARKER_TOKENS = (
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
"""Single tokens that are not special: they stay visible when an answer is decoded."""
PUNCTUATION = "，。？！：；、“”‘’（）《》【】…—·￥％"
SPLIT = r"[一-鿿]|\p{N}| ?[a-zA-Z]+| ?[!-/:-@\[-`{-~]+|\s+|[^\s\p{L}\p{N}]+?|\p{L}"

CHAT_TEMPLATE = """\
{%- set first = 0 -%}
{%- if tools -%}
{{- '<|im_start|>system\\n' -}}
{%- if messages[0].role == 'system' -%}{{- messages[0].content + '\\n\\n' -}}{%- endif -%}
{{- '# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\nYou are provided with function signatures within <tools></tools> XML tags:\\n<tools>' -}}
{%- for tool in tools -%}{{- '\\n' + (tool | tojson) -}}{%- endfor -%}
{{- '\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\\n<tool_call>\\n{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call><|im_end|>\\n' -}}
{%- elif messages[0].role == 'system' -%}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'tool' -%}
{%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}{{- '<|im_start|>user' -}}{%- endif -%}
{{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' -}}
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' -%}{{- '<|im_end|>\\n' -}}{%- endif -%}
{%- elif message.role != 'system' or not loop.first -%}
{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') -}}
{%- for call in (message.tool_calls or []) -%}
{%- set function = call.function if call.function else call -%}
{{- ('\\n' if message.content or not loop.first else '') + '<tool_call>\\n{"name": "' + function.name + '", "arguments": ' -}}
{{- (function.arguments if function.arguments is string else function.arguments | tojson) + '}\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""
"""Qwen3-Instruct-2507's prompt format: ChatML, tools in the hermes form."""


def _hanzi() -> list[str]:
    return sorted({*ALL_HANZI, *characters(), *PUNCTUATION})


def _latin_corpus() -> list[str]:
    tools = [json.dumps(tool_schema(tool), ensure_ascii=False) for tool in TOOLS]
    calls = [hermes_call(tool[0], dict.fromkeys(tool[2], "")) for tool in TOOLS]
    words = [*lx.LATIN, *(word.upper() for word in lx.LATIN), *VERBS, *NOUNS, *PARAMETERS]
    return [CHAT_TEMPLATE, *tools, *calls, " ".join(words)] * 20


def _byte_chars() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte, as `tokenizers` uses it."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = [byte for byte in range(256) if byte not in kept]
    return {**{b: chr(b) for b in kept}, **{b: chr(256 + i) for i, b in enumerate(shifted)}}


def build_tokenizer() -> Tokenizer:
    """The tokenizer, the same at every call."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = _pre_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + 420, initial_alphabet=sorted(_byte_chars().values()), show_progress=False
    )
    ascii_only = ["".join(c for c in text if c.isascii()) for text in _latin_corpus()]
    trained.train_from_iterator(ascii_only, trainer)
    state = json.loads(trained.to_str())["model"]
    vocab: dict[str, int] = dict(state["vocab"])
    merges: list[tuple[str, str]] = [tuple(merge) for merge in state["merges"]]
    to_char = _byte_chars()
    for char in _hanzi():
        symbols = [to_char[byte] for byte in char.encode()]
        left = symbols[0]
        for right in symbols[1:]:
            if left + right not in vocab:
                vocab[left + right] = len(vocab)
                merges.append((left, right))
            left += right
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in CONTROL_TOKENS]
    )
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in MARKER_TOKENS])
    return tokenizer


def _pre_tokenizer() -> Any:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def save_tokenizer(folder: Path) -> Any:
    """Writes the tokenizer as transformers reads it; returns the loaded fast tokenizer."""
    from transformers import PreTrainedTokenizerFast

    new_tokenizer: Any = PreTrainedTokenizerFast  # untyped in transformers
    fast = new_tokenizer(
        tokenizer_object=build_tokenizer(),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return fast
