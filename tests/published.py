"""The published models of profile 4090d: architecture and settings of each, for random weights.

Facts of the published config files, in this project's own layout. Each is confirmed by the size of
the published checkpoint (`checkpoint_bytes`), which FunASR's count of the same settings comes to
within 2 %: the rest are names and indices in the file.

    paraformer-zh  ModelScope, iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch
    fsmn-vad       ModelScope, iic/speech_fsmn_vad_zh-cn-16k-common-pytorch
    ct-punc        ModelScope, iic/punc_ct-transformer_zh-cn-common-vocab272727-pytorch
    cam++          ModelScope, iic/speech_campplus_sv_zh-cn_16k-common
    qwen3-4b-int4  JunHowie/Qwen3-4B-Instruct-2507-GPTQ-Int4 on both hubs
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from voicebench.asr.funasr_imports import import_funasr

_DROPOUT = {"dropout_rate": 0.1, "positional_dropout_rate": 0.1}
_DECODER = {
    "attention_heads": 4, "self_attention_dropout_rate": 0.1, "src_attention_dropout_rate": 0.1,
    "sanm_shfit": 0, **_DROPOUT,
}  # fmt: skip
_SANM = {
    "input_layer": "pe", "pos_enc_class": "SinusoidalPositionEncoder", "normalize_before": True,
    "kernel_size": 11, "sanm_shfit": 0, "selfattention_layer_type": "sanm", **_DROPOUT,
}  # fmt: skip
_FBANK = {"fs": 16000, "window": "hamming", "n_mels": 80, "frame_length": 25, "frame_shift": 10}


@dataclass(frozen=True)
class Published:
    """One published model."""

    config: dict[str, Any]
    num_tokens: int
    checkpoint_bytes: int
    sizes: Mapping[str, int] = field(default_factory=dict)
    """What FunASR gives the model's class besides its config."""

    @property
    def is_funasr(self) -> bool:
        return "model" in self.config

    def write(self, folder: Path) -> Path:
        """The small files: configuration and a vocabulary of the published size."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.is_funasr:
            text = yaml.safe_dump(self.config, allow_unicode=True)
            (folder / "config.yaml").write_text(text, encoding="utf-8")
            if self.num_tokens:
                fillers = [chr(0x4E00 + index) for index in range(self.num_tokens - 4)]
                tokens = ["<blank>", "<s>", "</s>", *fillers, "<unk>"]
                (folder / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
        else:
            (folder / "config.json").write_text(json.dumps(self.config), encoding="utf-8")
            vocabulary = {f"t{index}": index for index in range(self.num_tokens)}
            tokenizer = {"model": {"vocab": vocabulary}, "added_tokens": []}
            (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
        return folder

    def write_whole(self, folder: Path, checkpoint: str = "model.pt") -> Path:
        """The small files, and a checkpoint of random weights in half precision."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            weights = self.random_model().state_dict()
        halves = {
            name: each.half() if each.is_floating_point() else each
            for name, each in weights.items()
        }
        torch.save(halves, self.write(folder) / checkpoint)
        return folder

    def random_model(self) -> Any:
        """FunASR's model of this configuration with the random weights of its classes."""
        tables = import_funasr()
        model_class = tables.model_classes[self.config["model"]]
        return model_class(**self.config, **self.config["model_conf"], **self.sizes).eval()


PUBLISHED = {
    "paraformer-zh": Published(
        num_tokens=8404,
        checkpoint_bytes=989_763_045,
        sizes={"input_size": 560, "vocab_size": 8404},
        config={
            "model": "SeacoParaformer",
            "model_conf": {
                "ctc_weight": 0.0, "lsm_weight": 0.1, "length_normalized_loss": True,
                "predictor_weight": 1.0, "predictor_bias": 1, "sampling_ratio": 0.75,
                "inner_dim": 512, "bias_encoder_type": "lstm", "bias_encoder_bid": False,
                "seaco_lsm_weight": 0.1, "train_decoder": True, "NO_BIAS": 8377,
            },
            "encoder": "SANMEncoder",
            "encoder_conf": {
                "output_size": 512, "attention_heads": 4, "linear_units": 2048, "num_blocks": 50,
                "attention_dropout_rate": 0.1, **_SANM,
            },
            "decoder": "ParaformerSANMDecoder",
            "decoder_conf": {
                **_DECODER, "linear_units": 2048, "num_blocks": 16, "att_layer_num": 16,
                "kernel_size": 11,
            },
            "seaco_decoder": "ParaformerSANMDecoder",
            "seaco_decoder_conf": {
                **_DECODER, "linear_units": 1024, "num_blocks": 4, "att_layer_num": 6,
                "kernel_size": 21, "use_output_layer": False, "wo_input_layer": True,
            },
            "predictor": "CifPredictorV3",
            "predictor_conf": {
                "idim": 512, "threshold": 1.0, "l_order": 1, "r_order": 1, "tail_threshold": 0.45,
                "smooth_factor2": 0.25, "noise_threshold2": 0.01, "upsample_times": 3,
                "use_cif1_cnn": False, "upsample_type": "cnn_blstm",
            },
            "frontend": "WavFrontend",
            "frontend_conf": {**_FBANK, "lfr_m": 7, "lfr_n": 6},
            "tokenizer": "CharTokenizer",
            "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
        },
    ),
    "fsmn-vad": Published(
        num_tokens=0,
        checkpoint_bytes=1_721_366,
        config={
            "model": "FsmnVADStreaming",
            "model_conf": {
                "sample_rate": 16000, "detect_mode": 1, "max_end_silence_time": 800,
                "max_start_silence_time": 3000, "window_size_ms": 200,
                "sil_to_speech_time_thres": 150, "speech_to_sil_time_thres": 150,
                "lookback_time_start_point": 200, "lookahead_time_end_point": 100,
                "max_single_segment_time": 60000, "speech_noise_thres": 0.6, "frame_in_ms": 10,
                "frame_length_ms": 25, "sil_pdf_ids": [0],
            },
            "encoder": "FSMN",
            "encoder_conf": {
                "input_dim": 400, "input_affine_dim": 140, "fsmn_layers": 4, "linear_dim": 250,
                "proj_dim": 128, "lorder": 20, "rorder": 0, "lstride": 1, "rstride": 0,
                "output_affine_dim": 140, "output_dim": 248,
            },
            "frontend": "WavFrontendOnline",
            "frontend_conf": {**_FBANK, "dither": 0.0, "lfr_m": 5, "lfr_n": 1},
        },
    ),
    "ct-punc": Published(
        num_tokens=272_727,
        checkpoint_bytes=291_979_892,
        sizes={"vocab_size": 272_727},
        config={
            "model": "CTTransformer",
            "model_conf": {
                "ignore_id": 0, "embed_unit": 256, "att_unit": 256, "dropout_rate": 0.1,
                "punc_list": ["<unk>", "_", "，", "。", "？", "、"], "punc_weight": [1.0] * 6,
                "sentence_end_id": 3,
            },
            "encoder": "SANMEncoder",
            "encoder_conf": {
                "input_size": 256, "output_size": 256, "attention_heads": 8, "linear_units": 1024,
                "num_blocks": 4, "attention_dropout_rate": 0.0, "padding_idx": 0, **_SANM,
            },
            "tokenizer": "CharTokenizer",
            "tokenizer_conf": {"unk_symbol": "<unk>"},
        },
    ),
    "cam++": Published(
        num_tokens=0,
        checkpoint_bytes=28_036_335,
        config={
            "model": "CAMPPlus",
            "model_conf": {
                "feat_dim": 80, "embedding_size": 192, "growth_rate": 32, "bn_size": 4,
                "init_channels": 128, "config_str": "batchnorm-relu", "memory_efficient": True,
                "output_level": "segment",
            },
            "frontend": "WavFrontend",
            "frontend_conf": {"fs": 16000},
        },
    ),
    "qwen3-4b-int4": Published(
        num_tokens=151_669,
        checkpoint_bytes=2_670_000_000,
        config={
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 2560,
            "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
            "head_dim": 128, "intermediate_size": 9728, "vocab_size": 151_936,
            "tie_word_embeddings": True, "max_position_embeddings": 262_144,
            "torch_dtype": "bfloat16", "rms_norm_eps": 1e-6, "rope_theta": 5_000_000,
            "quantization_config": {
                "quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True,
                "desc_act": False, "checkpoint_format": "gptq",
            },
        },
    ),
}  # fmt: skip


FUNASR_MODELS = [(name, each) for name, each in PUBLISHED.items() if each.is_funasr]
