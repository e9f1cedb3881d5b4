"""A Paraformer's forward pass: what FunASR computes, less what is never used.

On a GPU a window costs its launches, not its arithmetic. FunASR's own functions take 4,088 operations
for a window of 3.6 s. A third are loops over frames in the timestamp head, whose peaks are thrown away, a
fifth the same loops in the predictor (continuous integrate-and-fire, https://arxiv.org/abs/1905.11235).
Here it takes 1,394 (`bench/run_forward.py`):

- The predictor's weights are integrated on the host, which needs them for times anyway. The embeddings of
  all tokens are then summed side by side, in as many steps as the longest token has frames.
- The timestamp head gives its weights alone, and the predictor does not run it a second time.
- Masks are left out where nothing is padded, and lengths stay on the host.

Sums are in the order of FunASR's loops, so the results are the same to the bit on one machine. Two things
differ: the head's weights are not scaled, and in a padded batch its LSTM differs in the last bits
(`tests/asr/test_forward.py`). A model that is not built like the published ones, for example without a
timestamp head, goes through FunASR's own functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Weights = NDArray[np.float32]

_ONE = np.float32(1.0)
_UPSAMPLERS = ("cnn", "cnn_blstm")


def fire(weights: Weights, threshold: float) -> Weights:
    """How much of each frame is in each token: integrate-and-fire, as FunASR's `cif` rounds it.

    Args:
        weights: Shape (num_frames,), each in [0, 1].
        threshold: Sum at which a token is complete.

    Returns:
        Shape (num_fires, num_frames). A frame at which one token ends and the next begins is in both.
    """
    rows: list[Weights] = []
    row, integral = np.zeros_like(weights), np.float32(0.0)
    for at, weight in enumerate(weights):
        missing = _ONE - integral
        integral += weight
        if integral < threshold:
            row[at] = weight
            continue
        row[at] = missing
        rows.append(row)
        row, integral = np.zeros_like(weights), integral - _ONE
        row[at] = weight - missing
    return np.stack(rows) if rows else np.zeros((0, len(weights)), np.float32)


class Forward:
    """The passes of one model.

    Args:
        model: A Paraformer, BiCifParaformer or SeacoParaformer in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._predictor: Any = model.predictor
        encoder = model.encoder
        self._has_own_encoder = (
            type(encoder).__name__ == "SANMEncoder"
            and type(encoder.embed).__name__ == "SinusoidalPositionEncoder"
            and not encoder.interctc_layer_idx
        )
        self._has_own_decoder = type(model.decoder).__name__ == "ParaformerSANMDecoder"
        self._has_own_predictor = type(self._predictor).__name__ == "CifPredictorV3"
        self.has_timestamps = (
            self._has_own_predictor and self._predictor.upsample_type in _UPSAMPLERS
        )

    def encode(self, features: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """Encoder states, (batch, frames, width); 0 in the padding.

        FunASR leaves noise there, and its predictor looks one frame ahead.
        """
        import torch

        encoder = self._model.encoder
        mask = _mask(lengths, features.size(1), features.device)
        if self._has_own_encoder:
            states = encoder.embed(features * encoder.output_size() ** 0.5)
            spread = None if mask is None else mask[:, None, :]
            states = encoder.encoders(encoder.encoders0(states, spread)[0], spread)[0]
            if encoder.normalize_before:
                states = encoder.after_norm(states)
        else:
            states = self._model.encode(features, torch.tensor(lengths, device=features.device))[0]
        found: torch.Tensor = states if mask is None else states * mask[:, :, None]
        return found

    def predict(
        self, states: torch.Tensor, lengths: Sequence[int]
    ) -> tuple[torch.Tensor, list[int], list[Weights]]:
        """Finds the tokens of a batch.

        Args:
            states: From `encode`.
            lengths: Frames of each row.

        Returns:
            Embeddings, (batch, most tokens, width); tokens of each row; weights of each row, one
            frame more than it has: the predictor finishes the last token there.
        """
        import torch

        if not self._has_own_predictor:
            ends = torch.tensor(lengths, device=states.device)
            embeddings, totals, scores, _ = self._model.calc_predictor(states, ends)[:4]
            rows = scores.float().cpu().numpy()
            weights = [row[: end + 1] for row, end in zip(rows, lengths, strict=True)]
            return embeddings, totals.round().int().tolist(), weights
        predictor = self._predictor
        context = torch.relu(predictor.cif_conv1d(predictor.pad(states.transpose(1, 2))))
        scores = torch.sigmoid(predictor.cif_output(context.transpose(1, 2)))[:, :, 0]
        scores = torch.relu(scores * predictor.smooth_factor - predictor.noise_threshold)
        mask = _mask(lengths, states.size(1), states.device)
        scores = (scores if mask is None else scores * mask).float().cpu()
        tailed = torch.nn.functional.pad(scores, (0, 1))
        for row, end in enumerate(lengths):
            tailed[row, end] += predictor.tail_threshold
        counts: list[int] = tailed.sum(-1).nan_to_num().long().tolist()
        shares = np.zeros((len(lengths), max(counts), states.size(1)), np.float32)
        for row, (each, count) in enumerate(zip(tailed.numpy(), counts, strict=True)):
            found = fire(each, predictor.threshold)[:count, :-1]  # of the frame more the state is 0
            shares[row, : len(found)] = found
        weights = [row[: end + 1] for row, end in zip(tailed.numpy(), lengths, strict=True)]
        return _sum_frames(states, shares), counts, weights

    def decode(
        self,
        states: torch.Tensor,
        lengths: Sequence[int],
        embeddings: torch.Tensor,
        counts: Sequence[int],
    ) -> torch.Tensor:
        """Logits of the tokens, (batch, tokens, vocabulary)."""
        import torch

        decoder, device = self._model.decoder, states.device
        if not self._has_own_decoder:
            ends, totals = (torch.tensor(each, device=device) for each in (lengths, counts))
            whole: torch.Tensor = decoder(states, ends, embeddings, totals)[0]
            return whole
        tokens = _mask(counts, embeddings.size(1), device)
        frames = _mask(lengths, states.size(1), device)
        tokens = None if tokens is None else tokens[:, :, None]
        frames = None if frames is None else frames[:, None, :]
        hidden = embeddings
        for layers in (decoder.decoders, decoder.decoders2, decoder.decoders3):
            if layers is not None:
                hidden = layers(hidden, tokens, states, frames)[0]
        logits: torch.Tensor = decoder.output_layer(decoder.after_norm(hidden))
        return logits

    def timestamp_weights(self, states: torch.Tensor, lengths: Sequence[int]) -> list[Weights]:
        """Weights of the timestamp head, several a frame of each row; only where `has_timestamps`.

        Their sum means nothing: `token_times` scales it to the number of tokens.
        """
        import torch

        predictor, context = self._predictor, states.transpose(1, 2)
        if predictor.use_cif1_cnn:
            context = torch.relu(predictor.cif_conv1d(predictor.pad(context)))
        upsampled = predictor.upsample_cnn(context).transpose(1, 2)
        ends = [length * predictor.upsample_times for length in lengths]
        if predictor.upsample_type == "cnn_blstm":
            upsampled = _recur(predictor.blstm, upsampled, ends)
        scores = torch.sigmoid(predictor.cif_output2(upsampled))[:, :, 0]
        scores = torch.relu(scores * predictor.smooth_factor2 - predictor.noise_threshold2)
        rows = scores.float().cpu().numpy()
        return [row[:end] for row, end in zip(rows, ends, strict=True)]


def _mask(lengths: Sequence[int], size: int, device: Any) -> torch.Tensor | None:
    """Shape (batch, size), 1.0 where a row has something; None where no row is padded."""
    import torch

    if min(lengths) == size:
        return None
    ends = torch.tensor(lengths, device=device)[:, None]
    return (torch.arange(size, device=device) < ends).float()


def _sum_frames(states: torch.Tensor, shares: Weights) -> torch.Tensor:
    """Each token's states times its shares of them, added from its first frame to its last.

    Args:
        states: Shape (batch, frames, width).
        shares: Shape (batch, tokens, frames).

    Returns:
        Shape (batch, tokens, width).
    """
    import torch

    is_part = shares != 0
    most = int(is_part.sum(-1).max(initial=0))
    frames = np.argsort(~is_part, axis=-1, kind="stable")[:, :, :most]
    parts = torch.from_numpy(np.take_along_axis(shares, frames, -1)[..., None]).to(states.device)
    rows = np.arange(len(shares))[:, None, None] * states.size(1)
    places = torch.from_numpy(frames + rows).to(states.device)
    flat = states.flatten(0, 1)
    sums = states.new_zeros((*shares.shape[:2], states.size(2)))
    for at in range(most):
        sums = sums + parts[:, :, at] * flat[places[:, :, at]]
    return sums


def _recur(lstm: Any, inputs: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
    """An LSTM's outputs; of rows that are padded, it does not read the padding."""
    from torch.nn.utils import rnn

    if min(lengths) == inputs.size(1):
        outputs: torch.Tensor = lstm(inputs)[0]
        return outputs
    ends: Any = list(lengths)
    packed = rnn.pack_padded_sequence(inputs, ends, batch_first=True, enforce_sorted=False)
    return rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True)[0]
