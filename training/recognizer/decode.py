"""Greedy recognition with a model in memory, and error rates of token ids: to follow a training."""

from __future__ import annotations

from typing import Any

from training.recognizer.batches import IGNORED, Batch

CONTROL_IDS = frozenset((0, 1, 2))


def greedy(model: Any, batch: Batch) -> list[list[int]]:
    """The token ids that a Paraformer of FunASR hears in each row of a batch."""
    import torch

    with torch.no_grad():
        encoded, lengths = model.encode(batch.speech, batch.speech_lengths)
        embeds, counts = model.calc_predictor(encoded, lengths)[:2]
        counts = counts.round().long()
        if counts.max() < 1:
            return [[] for _ in range(len(batch.ids))]
        best = model.decoder(encoded, lengths, embeds, counts)[0].argmax(-1)
    return [
        [token for token in row[:count].tolist() if token not in CONTROL_IDS]
        for row, count in zip(best, counts.tolist(), strict=True)
    ]


def error_rate(references: list[list[int]], hypotheses: list[list[int]]) -> float:
    """Token errors over reference tokens, over the corpus."""
    import jiwer

    def spelled(rows: list[list[int]]) -> list[str]:  # every token one character, none a space
        return ["".join(chr(0x4E00 + token) for token in row) for row in rows]

    return float(jiwer.cer(spelled(references), spelled(hypotheses)))


def batch_references(batch: Batch) -> list[list[int]]:
    """The ids of a batch without padding."""
    return [[token for token in row if token != IGNORED] for row in batch.ids.tolist()]
