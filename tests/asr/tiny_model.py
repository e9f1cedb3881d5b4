"""A FunASR folder of a tiny Paraformer with random weights: the layout of the real one."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from voicebench.asr.funasr_imports import import_funasr

TOKENS = ["<blank>", "<s>", "</s>", *"今天去上海开会明后北京几点", "he@@", "llo", "ppt", "<unk>"]

SEG_DICT = [*(f"{token} {token}" for token in TOKENS[3:-4]), "hello he@@ llo", "ppt ppt"]
"""Words and their tokens, as the published model's file has them."""


def config(model: str = "SeacoParaformer", width: int = 16) -> dict[str, object]:
    """Settings of a tiny model of one of the classes Paraformer, BiCifParaformer, SeacoParaformer."""
    decoder = {
        "attention_heads": 2, "linear_units": 2 * width, "num_blocks": 1, "att_layer_num": 1,
        "kernel_size": 11, "sanm_shfit": 0, "dropout_rate": 0.0, "positional_dropout_rate": 0.0,
        "self_attention_dropout_rate": 0.0, "src_attention_dropout_rate": 0.0,
    }  # fmt: skip
    predictor: dict[str, object] = {
        "idim": width, "threshold": 1.0, "l_order": 1, "r_order": 1, "tail_threshold": 0.45,
    }  # fmt: skip
    settings: dict[str, object] = {
        "model": model,
        "model_conf": {"ctc_weight": 0.0, "predictor_bias": 1, "length_normalized_loss": True},
        "encoder": "SANMEncoder",
        "encoder_conf": {
            "output_size": width, "attention_heads": 2, "linear_units": 2 * width, "num_blocks": 2,
            "input_layer": "pe", "pos_enc_class": "SinusoidalPositionEncoder", "kernel_size": 11,
            "normalize_before": True, "sanm_shfit": 0, "selfattention_layer_type": "sanm",
            "dropout_rate": 0.0, "positional_dropout_rate": 0.0, "attention_dropout_rate": 0.0,
        },
        "decoder": "ParaformerSANMDecoder",
        "decoder_conf": decoder,
        "predictor": "CifPredictorV2" if model == "Paraformer" else "CifPredictorV3",
        "predictor_conf": predictor,
        "frontend": "WavFrontend",
        "frontend_conf": {
            "fs": 16000, "window": "hamming", "n_mels": 80, "frame_length": 25, "frame_shift": 10,
            "lfr_m": 7, "lfr_n": 6,
        },
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
    }  # fmt: skip
    if model != "Paraformer":
        predictor |= {
            "smooth_factor2": 0.25, "noise_threshold2": 0.01, "upsample_times": 3,
            "use_cif1_cnn": False, "upsample_type": "cnn_blstm",
        }  # fmt: skip
    if model == "SeacoParaformer":
        settings["model_conf"] = {
            **settings["model_conf"],  # type: ignore[dict-item]
            "inner_dim": width, "bias_encoder_type": "lstm", "NO_BIAS": len(TOKENS) - 1,
            "seaco_decoder": "ParaformerSANMDecoder",
            "seaco_decoder_conf": {**decoder, "use_output_layer": False, "wo_input_layer": True},
        }  # fmt: skip
    return settings


def write_tiny_model(folder: Path, model: str = "SeacoParaformer", seed: int = 0) -> Path:
    """Writes config.yaml, tokens.json, seg_dict, am.mvn and model.pt with weights drawn from `seed`."""
    import torch

    tables = import_funasr()

    folder.mkdir(parents=True, exist_ok=True)
    settings = config(model)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (folder / "tokens.json").write_text(json.dumps(TOKENS, ensure_ascii=False), encoding="utf-8")
    (folder / "seg_dict").write_text("".join(f"{word}\n" for word in SEG_DICT), encoding="utf-8")
    shifts, scales = " ".join(["-10.0"] * 560), " ".join(["0.2"] * 560)
    (folder / "am.mvn").write_text(
        f"<Nnet>\n<AddShift> 560 560\n<LearnRateCoef> 0 [ {shifts} ]\n"
        f"<Rescale> 560 560\n<LearnRateCoef> 0 [ {scales} ]\n</Nnet>\n",
        encoding="utf-8",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = tables.model_classes[model](
            **settings,
            **settings["model_conf"],
            input_size=560,
            vocab_size=len(TOKENS),  # type: ignore[dict-item]
        )
        torch.save({"state_dict": network.state_dict()}, folder / "model.pt")
    return folder
