"""What a voice activity detector costs, per 32 ms of a stream.

    pytest bench/micro/test_vad.py

Silero as it is; fsmn-vad in its published dimensions, whose weights are drawn from a seed: the cost is
that of the real one, and what it hears is nothing. Times are shown, never asserted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from voicebench.asr.fsmn_vad import FsmnVad
from voicebench.asr.funasr_imports import import_funasr
from voicebench.asr.vad import FRAME_SAMPLES, SileroVad

if TYPE_CHECKING:
    from voicebench.asr.companions import StreamVad

# FunASR's config of speech_fsmn_vad_zh-cn-16k-common (its model card): 0.4 M parameters
PUBLISHED = {
    "input_dim": 400, "input_affine_dim": 140, "fsmn_layers": 4, "linear_dim": 250, "proj_dim": 128,
    "lorder": 20, "rorder": 0, "lstride": 1, "rstride": 0, "output_affine_dim": 140, "output_dim": 248,
}  # fmt: skip
FRONTEND = {
    "fs": 16000, "window": "hamming", "n_mels": 80, "frame_length": 25, "frame_shift": 10,
    "dither": 0.0, "lfr_m": 5, "lfr_n": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _fsmn_vad() -> StreamVad:
    import torch
    from funasr.frontends.wav_frontend import WavFrontendOnline

    tables = import_funasr()

    torch.manual_seed(0)
    model = tables.model_classes["FsmnVADStreaming"](
        encoder="FSMN", encoder_conf=PUBLISHED, sil_pdf_ids=[0]
    ).eval()
    assert sum(weight.numel() for weight in model.parameters()) > 400_000
    return FsmnVad(model, {"frontend": WavFrontendOnline(**FRONTEND)}).stream()


@pytest.mark.parametrize("make", [SileroVad, _fsmn_vad], ids=["silero", "fsmn-vad"])
def test_a_frame(benchmark: Any, make: Any) -> None:
    stream = make()
    frames = np.random.default_rng(0).normal(0, 0.05, (100, FRAME_SAMPLES)).astype(np.float32)
    for frame in frames[:10]:
        stream.speech_probability(frame)
    turn = iter(range(10**9))
    heard = benchmark(lambda: stream.speech_probability(frames[next(turn) % 100]))
    assert 0 <= heard <= 1
