"""The lean forward pass against FunASR's own functions, part by part, on tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.asr.tiny_model import write_tiny_model
from voicebench.asr.folder import load_folder
from voicebench.asr.forward import Forward, fire
from voicebench.profiles.schema import AsrProfile

pytestmark = pytest.mark.models

WIDTH = 16
NUM_FRAMES = 40
WEIGHTS = arrays.arrays(
    np.float32, st.integers(1, 80), elements=st.floats(0, 1, width=32) | st.sampled_from([0.0, 1.0])
)


@settings(max_examples=300)
@given(WEIGHTS)
def test_frames_are_shared_out_as_funasr_shares_them_out_to_the_bit(
    weights: np.ndarray[Any, np.dtype[np.float32]],
) -> None:
    import torch
    from funasr.models.bicif_paraformer.cif_predictor import cif

    # with a state for each frame that holds it alone, the embeddings are the shares
    states, alphas = torch.eye(len(weights))[None], torch.from_numpy(weights)[None]
    ours = fire(weights, 1.0)
    assume(len(ours) <= int(alphas.sum(-1).round()))  # FunASR fails where its two sums disagree
    theirs = cif(states, alphas, 1.0)[0][0].numpy()
    assert np.array_equal(ours, theirs[: len(ours)])
    assert not theirs[len(ours) :].any()


@pytest.fixture(scope="module", params=["Paraformer", "BiCifParaformer", "SeacoParaformer"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = write_tiny_model(tmp_path_factory.mktemp("model") / "m", request.param, seed=2)
    return load_folder(AsrProfile(folder=str(folder)))[0]


def features_of(*lengths: int) -> tuple[Any, list[int]]:
    """Noise, padded with noise."""
    import torch

    noise = torch.Generator().manual_seed(4)
    return torch.randn(len(lengths), max(lengths), 560, generator=noise), list(lengths)


def masked(states: Any, lengths: list[int]) -> Any:
    import torch

    return states * (torch.arange(states.size(1)) < torch.tensor(lengths)[:, None])[:, :, None]


@pytest.mark.parametrize("lengths", [(NUM_FRAMES,), (NUM_FRAMES, NUM_FRAMES), (40, 7, 23), (1,)])
def test_every_part_gives_what_funasr_gives(model: Any, lengths: tuple[int, ...]) -> None:
    import torch

    features, frames = features_of(*lengths)
    forward, ends = Forward(model), torch.tensor(frames)
    with torch.inference_mode():
        expected = masked(model.encode(features, ends)[0], frames)
        states = forward.encode(features, frames)
        assert torch.equal(states, expected)

        their_embeddings, totals, alphas, _ = model.calc_predictor(expected, ends)[:4]
        embeddings, counts, weights = forward.predict(states, frames)
        assert counts == totals.round().int().tolist()
        for row, each in enumerate(weights):
            assert np.array_equal(each, alphas[row, : frames[row] + 1].numpy())
        assert torch.equal(embeddings, their_embeddings)

        if not min(counts):
            return
        logits = forward.decode(states, frames, embeddings, counts)
        their_logits = model.decoder(expected, ends, embeddings, torch.tensor(counts))[0]
        for row, count in enumerate(counts):
            assert torch.equal(logits[row, :count], their_logits[row, :count])


def test_the_timestamp_head_gives_the_weights_that_funasr_scales(model: Any) -> None:
    import torch

    forward = Forward(model)
    if not forward.has_timestamps:
        assert not hasattr(model.predictor, "get_upsample_timestamp")
        return
    features, frames = features_of(40, 7, 23)
    with torch.inference_mode():
        states = forward.encode(features, frames)
        together = forward.timestamp_weights(states, frames)
        for row, length in enumerate(frames):
            alone = states[row : row + 1, :length]
            (ours,) = forward.timestamp_weights(alone, [length])
            count = torch.tensor([5])
            theirs = model.calc_predictor_timestamp(alone, torch.tensor([length]), count)[2][0]
            assert ours * (5 / ours.sum()) == pytest.approx(theirs.numpy(), rel=1e-5)
            assert together[row] == pytest.approx(ours, abs=1e-6)
