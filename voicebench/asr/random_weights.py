"""A FunASR folder of the full size with random weights: its cost is true, what it hears is not.

    ensure_random_weights(folder, "paraformer-zh")

The dimensions are those of the published paraformer-zh (SeacoParaformer, 220 M parameters in encoder,
predictor and decoder, 8,404 tokens). One thing is not left to chance: how many tokens the predictor
finds, because the decoder's cost goes with it. It fires at the rate of Mandarin speech, whatever it
is given.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from voicebench.asr.funasr_imports import import_funasr
from voicebench.asr.global_state import preserve_global_state
from voicebench.cache import make_once
from voicebench.types import Record

SEED = 20
TOKENS_PER_S = 4.4
_FRAME_S = 0.06  # 10 ms frames, six to a step
_NUM_FEATURES = 560  # 80 mel bands, seven frames side by side


class ParaformerSize(Record):
    """Dimensions of a SeacoParaformer."""

    width: int
    heads: int
    units: int
    encoder_blocks: int
    decoder_blocks: int
    vocabulary: int
    hotword_units: int
    hotword_blocks: int
    hotword_attention_blocks: int


SIZES = {
    "paraformer-zh": ParaformerSize(
        width=512, heads=4, units=2048, encoder_blocks=50, decoder_blocks=16, vocabulary=8404,
        hotword_units=1024, hotword_blocks=4, hotword_attention_blocks=6,
    ),
}  # fmt: skip


def ensure_random_weights(folder: Path, name: str) -> None:
    """Makes the folder of a size in `SIZES`, unless it is there.

    Raises:
        StorageError: The disk refused.
    """

    def write(partial: Path) -> None:
        with preserve_global_state():
            write_random_paraformer(partial, SIZES[name])

    make_once(folder, write, f"random weights of the size of {name} (0.5 GB, half a minute)")


def write_random_paraformer(folder: Path, size: ParaformerSize, seed: int = SEED) -> None:
    """Writes config.yaml, tokens.json, am.mvn and model.pt; the same seed gives the same bytes.

    Args:
        folder: An empty folder.
        size: Dimensions.
        seed: Of the weights, which are stored in half precision.
    """
    import torch
    import yaml

    tables = import_funasr()

    settings = _settings(size)
    hanzi = [chr(0x4E00 + index) for index in range(size.vocabulary - 4)]
    tokens = ["<blank>", "<s>", "</s>", *hanzi, "<unk>"]
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (folder / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
    (folder / "am.mvn").write_text(_feature_statistics(), encoding="utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = tables.model_classes[settings["model"]](
            **settings,
            **settings["model_conf"],
            input_size=_NUM_FEATURES,
            vocab_size=size.vocabulary,
        )
    rate = TOKENS_PER_S * _FRAME_S
    model.predictor.cif_output.weight.data.zero_()
    model.predictor.cif_output.bias.data.fill_(math.log(rate / (1 - rate)))
    weights = {name: weight.half() for name, weight in model.state_dict().items()}
    torch.save({"state_dict": weights}, folder / "model.pt")


def _feature_statistics() -> str:
    """Mean and scale of log mel bands, about those of speech."""
    shifts, scales = " ".join(["-10.0"] * _NUM_FEATURES), " ".join(["0.2"] * _NUM_FEATURES)
    square = f"{_NUM_FEATURES} {_NUM_FEATURES}"
    return (
        f"<Nnet>\n<AddShift> {square}\n<LearnRateCoef> 0 [ {shifts} ]\n"
        f"<Rescale> {square}\n<LearnRateCoef> 0 [ {scales} ]\n</Nnet>\n"
    )


def _settings(size: ParaformerSize) -> dict[str, Any]:
    decoder = {
        "attention_heads": size.heads, "linear_units": size.units,
        "num_blocks": size.decoder_blocks, "att_layer_num": size.decoder_blocks,
        "kernel_size": 11, "sanm_shfit": 0, "dropout_rate": 0.1, "positional_dropout_rate": 0.1,
        "self_attention_dropout_rate": 0.1, "src_attention_dropout_rate": 0.1,
    }  # fmt: skip
    hotword_decoder = {
        **decoder, "linear_units": size.hotword_units, "num_blocks": size.hotword_blocks,
        "att_layer_num": size.hotword_attention_blocks, "kernel_size": 21,
        "use_output_layer": False, "wo_input_layer": True,
    }  # fmt: skip
    return {
        "model": "SeacoParaformer",
        "model_conf": {
            "ctc_weight": 0.0, "lsm_weight": 0.1, "length_normalized_loss": True,
            "predictor_weight": 1.0, "predictor_bias": 1, "sampling_ratio": 0.75,
            "inner_dim": size.width, "bias_encoder_type": "lstm", "bias_encoder_bid": False,
            "seaco_decoder": "ParaformerSANMDecoder", "seaco_decoder_conf": hotword_decoder,
            "NO_BIAS": size.vocabulary - 1,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": {
            "output_size": size.width, "attention_heads": size.heads,
            "linear_units": size.units, "num_blocks": size.encoder_blocks, "input_layer": "pe",
            "pos_enc_class": "SinusoidalPositionEncoder", "normalize_before": True,
            "kernel_size": 11, "sanm_shfit": 0, "selfattention_layer_type": "sanm",
            "dropout_rate": 0.1, "positional_dropout_rate": 0.1, "attention_dropout_rate": 0.1,
        },
        "decoder": "ParaformerSANMDecoder",
        "decoder_conf": decoder,
        "predictor": "CifPredictorV3",
        "predictor_conf": {
            "idim": size.width, "threshold": 1.0, "l_order": 1, "r_order": 1,
            "tail_threshold": 0.45, "smooth_factor2": 0.25, "noise_threshold2": 0.01,
            "upsample_times": 3, "use_cif1_cnn": False, "upsample_type": "cnn_blstm",
        },
        "frontend": "WavFrontend",
        "frontend_conf": {
            "fs": 16000, "window": "hamming", "n_mels": 80, "frame_length": 25, "frame_shift": 10,
            "lfr_m": 7, "lfr_n": 6, "dither": 0.0,
        },
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
    }  # fmt: skip
