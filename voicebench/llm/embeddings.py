"""Prompts as vLLM takes them: token ids, or rows of the model's live embedding table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicebench.errors import ModelError
from voicebench.llm.base import Prompt
from voicebench.llm.engine_thread import token_input

if TYPE_CHECKING:
    import torch

_WAY_OUT = (
    "Set llm.enable_prompt_embeds: false in the profile, and use a hand-off of token ids: text, "
    "token_map or marked."
)


def engine_input(engine: Any, prompt: Prompt) -> dict[str, Any]:
    """A prompt as vLLM takes it: all of it as embeddings, or none.

    vLLM can mix ids and embeddings in one prompt, but leaves out of its prefix cache's key which
    position is which.

    Raises:
        ModelError: The engine was loaded without embeddings as input; see `embedding_table`.
    """
    if not prompt.as_embeddings:
        return token_input(engine, prompt)
    if not engine.model_config.enable_prompt_embeds:
        raise ModelError(
            "this language model was loaded without embeddings as input",
            "Set llm.enable_prompt_embeds: true in the profile.",
        )
    return {"type": "embeds", "prompt_embeds": embed(prompt, embedding_table(engine))}


def embedding_table(engine: Any) -> torch.Tensor:
    """The engine's input embeddings: the model's own storage, not a copy.

    Args:
        engine: A vLLM engine with its model in this process; call on its owner thread.

    Returns:
        Shape (vocabulary, hidden), floating point.

    Raises:
        ModelError: The model has no such table, or it does not have the model's hidden size. vLLM
            itself notices only in a step, where it costs the other requests too.
    """
    tables = engine.apply_model(_find_table)
    table: torch.Tensor | None = tables[0] if len(tables) == 1 else None
    if table is None or table.dim() != 2 or not table.is_floating_point():
        raise ModelError("the model has no embedding table that can be read in one piece", _WAY_OUT)
    hidden_size = engine.model_config.get_hidden_size()
    if table.shape[1] != hidden_size:
        raise ModelError(
            f"embeddings of size {table.shape[1]} do not fit a model of hidden size {hidden_size}",
            _WAY_OUT,
        )
    return table


def _find_table(model: Any) -> torch.Tensor | None:
    embed_tokens = getattr(getattr(model, "model", None), "embed_tokens", None)
    weight: torch.Tensor | None = getattr(embed_tokens, "weight", None)
    return weight


def embed(prompt: Prompt, table: torch.Tensor) -> torch.Tensor:
    """A prompt's embeddings.

    Args:
        prompt: Token ids and mixtures.
        table: Shape (vocabulary, hidden).

    Returns:
        Shape (num_tokens, hidden) in the table's type, on the CPU, where vLLM takes them. Mixtures
        are summed in float32.

    Raises:
        ModelError: An id outside the table.
    """
    import torch

    ids = {*prompt.token_ids, *(i for mixture in prompt.mixtures for i in mixture.token_ids)}
    if outside := [i for i in ids if not 0 <= i < len(table)]:
        raise ModelError(f"token id {outside[0]} is not in an embedding table of {len(table)} rows")
    with torch.inference_mode():
        rows = table[torch.tensor(prompt.token_ids, device=table.device)]
        for mixture in prompt.mixtures:
            weights = torch.tensor(mixture.probabilities, device=table.device)
            mixed = table[torch.tensor(mixture.token_ids, device=table.device)]
            rows[mixture.position] = (weights @ mixed.float()).to(rows.dtype)
    return rows.cpu()
