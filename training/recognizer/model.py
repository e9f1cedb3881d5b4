"""The small Paraformer: its shape, its FunASR folder, and the classes that FunASR itself brings.

It is trained as FunASR's `Paraformer` (whose `CifPredictorV2` integrates in one vectorised step) and
saved as `SeacoParaformer`, the class of paraformer-zh: the same weights under the same names, plus a
time-stamp head trained afterwards and a hotword branch that is left neutral.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_MELS = 80
LFR_STACK, LFR_STEP = 7, 6  # as in paraformer-zh: 7 frames of 10 ms side by side, every 60 ms
UPSAMPLING = 3  # time stamps in steps of 20 ms
BLANK, START, END, UNKNOWN = "<blank>", "<s>", "</s>", "<unk>"

WIDTH = 192
HEADS = 4
ENCODER_BLOCKS = 6
ENCODER_UNITS = 640
DECODER_BLOCKS = 2
DECODER_UNITS = 512


def token_list(characters: Sequence[str], words: Sequence[str]) -> list[str]:
    """The vocabulary in FunASR's order: control tokens, Hanzi, Latin words, `<unk>` last."""
    return [BLANK, START, END, *sorted(set(characters)), *sorted(set(words)), UNKNOWN]


def folder_config(num_tokens: int) -> dict[str, Any]:
    """The `config.yaml` of the saved folder, for a vocabulary of `num_tokens`."""
    decoder = {
        "attention_heads": HEADS,
        "linear_units": DECODER_UNITS,
        "num_blocks": DECODER_BLOCKS,
        "att_layer_num": DECODER_BLOCKS,
        "kernel_size": 11,
        "sanm_shfit": 0,
        "dropout_rate": 0.0,
        "positional_dropout_rate": 0.0,
        "self_attention_dropout_rate": 0.0,
        "src_attention_dropout_rate": 0.0,
    }
    hotword_decoder = {
        **decoder,
        "linear_units": 64,
        "num_blocks": 1,
        "att_layer_num": 1,
        "use_output_layer": False,
        "wo_input_layer": True,
    }
    return {
        "model": "SeacoParaformer",
        "model_conf": {
            "ctc_weight": 0.0,
            "lsm_weight": 0.0,
            "length_normalized_loss": True,
            "predictor_weight": 1.0,
            "predictor_bias": 1,
            "sampling_ratio": 0.75,
            "inner_dim": WIDTH,
            "bias_encoder_type": "lstm",
            "bias_encoder_bid": False,
            "seaco_decoder": "ParaformerSANMDecoder",
            "seaco_decoder_conf": hotword_decoder,
            "NO_BIAS": num_tokens - 1,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": {
            "output_size": WIDTH,
            "attention_heads": HEADS,
            "linear_units": ENCODER_UNITS,
            "num_blocks": ENCODER_BLOCKS,
            "input_layer": "pe",
            "pos_enc_class": "SinusoidalPositionEncoder",
            "normalize_before": True,
            "kernel_size": 11,
            "sanm_shfit": 0,
            "selfattention_layer_type": "sanm",
            "dropout_rate": 0.0,
            "positional_dropout_rate": 0.0,
            "attention_dropout_rate": 0.0,
        },
        "decoder": "ParaformerSANMDecoder",
        "decoder_conf": decoder,
        "predictor": "CifPredictorV3",
        "predictor_conf": {
            "idim": WIDTH,
            "threshold": 1.0,
            "l_order": 1,
            "r_order": 1,
            "tail_threshold": 0.45,
            "smooth_factor2": 0.25,
            "noise_threshold2": 0.01,
            "upsample_times": UPSAMPLING,
            "use_cif1_cnn": False,
            "upsample_type": "cnn_blstm",
        },
        "frontend": "WavFrontend",
        "frontend_conf": {
            "fs": 16000,
            "window": "hamming",
            "n_mels": NUM_MELS,
            "frame_length": 25,
            "frame_shift": 10,
            "lfr_m": LFR_STACK,
            "lfr_n": LFR_STEP,
            "dither": 0.0,
        },
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": UNKNOWN, "split_with_space": True},
    }


def build_trainable(num_tokens: int, ctc_weight: float) -> Any:
    """FunASR's `Paraformer` of this shape, with a CTC branch that helps it align while training."""
    import torch
    from funasr.models.paraformer.model import Paraformer

    conf = folder_config(num_tokens)
    kept = ("idim", "threshold", "l_order", "r_order", "tail_threshold")
    seaco = {"inner_dim", "bias_encoder_type", "bias_encoder_bid", "seaco_decoder"}
    seaco |= {"seaco_decoder_conf", "NO_BIAS", "ctc_weight"}
    model = Paraformer(
        input_size=NUM_MELS * LFR_STACK,
        vocab_size=num_tokens,
        encoder=conf["encoder"],
        encoder_conf=conf["encoder_conf"],
        decoder=conf["decoder"],
        decoder_conf=conf["decoder_conf"],
        predictor="CifPredictorV2",
        predictor_conf={key: conf["predictor_conf"][key] for key in kept},
        ctc_weight=ctc_weight,
        **{key: value for key, value in conf["model_conf"].items() if key not in seaco},
    )
    with torch.no_grad():
        model.predictor.cif_output.bias.fill_(-1.0)  # near one token per four frames from the start
    return model


def build_final(num_tokens: int, trained: dict[str, Any]) -> Any:
    """FunASR's `SeacoParaformer` with the trained weights and a hotword branch that never fires."""
    import torch
    from funasr.models.seaco_paraformer.model import SeacoParaformer

    conf = folder_config(num_tokens)
    parts = ("encoder", "encoder_conf", "decoder", "decoder_conf", "predictor", "predictor_conf")
    model = SeacoParaformer(
        input_size=NUM_MELS * LFR_STACK,
        vocab_size=num_tokens,
        **{part: conf[part] for part in parts},
        **conf["model_conf"],
    )
    unknown = model.load_state_dict(
        {name: weight for name, weight in trained.items() if not name.startswith("ctc.")},
        strict=False,
    ).unexpected_keys
    if unknown:
        raise RuntimeError(f"weights that SeacoParaformer does not have: {unknown}")
    with torch.no_grad():
        model.hotword_output_layer.weight.zero_()
        model.hotword_output_layer.bias.zero_()
        model.hotword_output_layer.bias[num_tokens - 1] = 20.0  # NO_BIAS wins for every hotword
    return model


def write_cmvn(path: Path, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> None:
    """Writes `am.mvn` (Kaldi nnet text) from the (80,) statistics of one mel frame."""
    size = NUM_MELS * LFR_STACK
    shift = " ".join(f"{value:.6f}" for value in np.tile(-mean, LFR_STACK))
    scale = " ".join(f"{value:.6f}" for value in np.tile(1.0 / deviation, LFR_STACK))
    path.write_text(
        f"<Nnet>\n<Splice> {size} {size}\n[ 0 ]\n"
        f"<AddShift> {size} {size}\n<LearnRateCoef> 0 [ {shift} ]\n"
        f"<Rescale> {size} {size}\n<LearnRateCoef> 0 [ {scale} ]\n</Nnet>\n"
    )


def save_folder(
    folder: Path,
    model: Any,
    tokens: Sequence[str],
    mean: NDArray[np.float32],
    deviation: NDArray[np.float32],
) -> None:
    """Writes what `funasr.AutoModel(model=folder)` loads, weights in half precision."""
    import torch
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_dump(folder_config(len(tokens)), sort_keys=False, allow_unicode=True)
    (folder / "config.yaml").write_text(config)
    (folder / "tokens.json").write_text(json.dumps(list(tokens), ensure_ascii=False, indent=0))
    # without it FunASR reads a hotword of several characters as <unk>
    words = [token for token in tokens if not token.startswith("<")]
    (folder / "seg_dict").write_text("".join(f"{word} {word}\n" for word in words))
    write_cmvn(folder / "am.mvn", mean, deviation)
    weights = {name: weight.detach().cpu().half() for name, weight in model.state_dict().items()}
    torch.save({"state_dict": weights}, folder / "model.pt")
