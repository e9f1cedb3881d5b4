"""FunASR folders of a VAD, a punctuation and a speaker model: the layout and classes of the real ones.

Small, and with weights drawn from a seed, but for two whose output can be foretold: the VAD hears
speech where it is loud, and the punctuation model sets the mark that stands behind a character in
`MARK_BEHIND`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from voicebench.asr.funasr_imports import import_funasr

VAD_UNITS = 4
MARKS = ["<unk>", "_", "，", "。", "？", "、"]
MARK_BEHIND = {"了": "。", "吗": "？", "么": "，", "和": "、"}
"""What the punctuation model says behind these; behind others nothing."""
PUNCTUATED_WORDS = [
    *"今天去上海开会明后北京几点我你他好的是了吗么和不在",
    "hello",
    "world",
    "<unk>",
]


def write_vad(folder: Path, *, threshold: float = 0.0, frontend: str = "WavFrontendOnline") -> Path:
    """A FsmnVADStreaming whose silence is certain below a mean log energy, and speech above it.

    Args:
        folder: Made.
        frontend: Name of FunASR's class.
        threshold: On the mean of the normalised features: 0 is a log mel energy of 10.
    """
    settings: dict[str, Any] = {
        "model": "FsmnVADStreaming",
        "model_conf": {
            "sample_rate": 16000, "detect_mode": 1, "max_end_silence_time": 800,
            "max_start_silence_time": 3000, "window_size_ms": 200,
            "sil_to_speech_time_thres": 150, "speech_to_sil_time_thres": 150,
            "lookback_time_start_point": 200, "lookahead_time_end_point": 100,
            "speech_noise_thres": 0.6, "frame_in_ms": 10, "frame_length_ms": 25,
        },
        "encoder": "FSMN",
        "encoder_conf": {
            "input_dim": 400, "input_affine_dim": VAD_UNITS, "fsmn_layers": 2,
            "linear_dim": VAD_UNITS, "proj_dim": VAD_UNITS, "lorder": 20, "rorder": 0, "lstride": 1,
            "rstride": 0, "output_affine_dim": VAD_UNITS, "output_dim": 3,
        },
        "frontend": frontend,
        "frontend_conf": {
            "fs": 16000, "window": "hamming", "n_mels": 80, "frame_length": 25, "frame_shift": 10,
            "dither": 0.0, "lfr_m": 5, "lfr_n": 1,
        },
    }  # fmt: skip
    model = _make(folder, settings)
    weights = {name: weight.zero_() for name, weight in model.state_dict().items()}
    eye = weights["encoder.in_linear2.linear.weight"].clone().fill_diagonal_(1.0)
    # unit 0 carries how far the mean lies above the threshold, unit 1 how far below
    weights["encoder.in_linear1.linear.weight"][0] = 1 / 400
    weights["encoder.in_linear1.linear.weight"][1] = -1 / 400
    weights["encoder.in_linear1.linear.bias"][:2] = weights["encoder.in_linear1.linear.bias"].new(
        [-threshold, threshold]
    )
    for name, weight in weights.items():
        is_square = tuple(weight.shape) == (VAD_UNITS, VAD_UNITS)
        if is_square and "in_linear1" not in name:
            weight.copy_(eye)  # the rest of the network passes both on
    loudness = 2.5 * eye[:2].new([[-1, 1], [1, -1], [0, 0]])  # classes: silence, speech, speech
    weights["encoder.out_linear2.linear.weight"][:, :2] = loudness
    weights["encoder.out_linear2.linear.bias"][2] = -10.0
    _write(folder, settings, weights)
    write_statistics(folder, 400)
    return folder


def write_punctuation(folder: Path) -> Path:
    """A CTTransformer that sets the marks of `MARK_BEHIND`."""
    width = 8
    settings: dict[str, Any] = {
        "model": "CTTransformer",
        "model_conf": {
            "ignore_id": 0, "embed_unit": width, "att_unit": width, "dropout_rate": 0.0,
            "punc_list": MARKS, "punc_weight": [1.0] * len(MARKS), "sentence_end_id": 3,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": {
            "input_size": width, "output_size": width, "attention_heads": 2, "linear_units": 16,
            "num_blocks": 1, "dropout_rate": 0.0, "positional_dropout_rate": 0.0,
            "attention_dropout_rate": 0.0, "input_layer": "pe",
            "pos_enc_class": "SinusoidalPositionEncoder", "normalize_before": True,
            "kernel_size": 11, "sanm_shfit": 0, "selfattention_layer_type": "sanm", "padding_idx": 0,
        },
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>"},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    words = json.dumps(PUNCTUATED_WORDS, ensure_ascii=False)
    (folder / "tokens.json").write_text(words, encoding="utf-8")
    model = _make(folder, settings, vocab_size=len(PUNCTUATED_WORDS))
    weights = {name: weight.zero_() for name, weight in model.state_dict().items()}
    for name, weight in weights.items():
        if "norm" in name and name.endswith("weight"):
            weight.fill_(1.0)
    # an embedding says which mark follows; with an encoder of zeros it comes through to the decoder
    for index, word in enumerate(PUNCTUATED_WORDS):
        mark = MARKS.index(MARK_BEHIND.get(word, "_"))
        weights["embed.weight"][index, mark] = 100.0  # far above the positional encoding
    for mark in range(len(MARKS)):
        weights["decoder.weight"][mark, mark] = 1.0
    _write(folder, settings, weights)
    return folder


def write_speakers(folder: Path, *, checkpoint: str = "campplus_cn_common.bin") -> Path:
    """A CAMPPlus of the real class with random weights; its checkpoint has no wrapping."""
    import torch

    settings: dict[str, Any] = {
        "model": "CAMPPlus",
        "model_conf": {
            "feat_dim": 80, "embedding_size": 16, "growth_rate": 4, "bn_size": 2,
            "init_channels": 16, "config_str": "batchnorm-relu", "memory_efficient": False,
            "output_level": "segment",
        },
        "frontend": "WavFrontend",
        "frontend_conf": {"fs": 16000, "n_mels": 80, "frame_length": 25, "frame_shift": 10},
    }  # fmt: skip
    model = _make(folder, settings)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    torch.save(model.state_dict(), folder / checkpoint)
    return folder


def _make(folder: Path, settings: dict[str, Any], seed: int = 0, **more: Any) -> Any:
    import torch

    tables = import_funasr()

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = tables.model_classes[settings["model"]](
            **settings, **settings["model_conf"], **more
        )
    return model.eval()


def _write(folder: Path, settings: dict[str, Any], weights: dict[str, Any]) -> None:
    import torch

    (folder / "config.yaml").write_text(
        yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8"
    )
    torch.save({"state_dict": weights}, folder / "model.pt")


def write_statistics(folder: Path, num_features: int) -> None:
    """am.mvn, about that of speech."""
    shifts, scales = " ".join(["-10.0"] * num_features), " ".join(["0.2"] * num_features)
    square = f"{num_features} {num_features}"
    (folder / "am.mvn").write_text(
        f"<Nnet>\n<AddShift> {square}\n<LearnRateCoef> 0 [ {shifts} ]\n"
        f"<Rescale> {square}\n<LearnRateCoef> 0 [ {scales} ]\n</Nnet>\n",
        encoding="utf-8",
    )
