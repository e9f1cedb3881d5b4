"""Bytes and operations of a Paraformer, from the dimensions in its FunASR config.yaml.

Covers Paraformer, BiCifParaformer and SeacoParaformer with the SANM encoder and decoder. One frame
is 60 ms (10 ms shift, 6 at a time). Everything is computed in float32 unless the profile says int8,
which quantises the linear and LSTM layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from voicebench.errors import ModelError
from voicebench.types import Record

_TOKENS_PER_S = 5.0  # Mandarin read aloud, 4 to 5 characters a second
_DEFAULT_ATTENDING = 6  # FunASR's `att_layer_num`, which counts apart from `num_blocks`
_KNOWN = ("Paraformer", "BiCifParaformer", "SeacoParaformer")


class Stack(Record):
    """An encoder, a decoder or the decoder for hotwords."""

    num_blocks: int
    """Of a decoder, those that attend to the encoder."""
    linear: int
    kernel: int
    num_memory_blocks: int = 0
    """Of a decoder, those that do not: a memory and a feed-forward."""


class AsrShape(Record):
    """The dimensions that decide size and speed."""

    model: str
    width: int
    input_width: int
    vocab: int
    encoder: Stack
    decoder: Stack
    hotwords: Stack | None = None
    has_timestamps: bool = False
    predictor_kernel: int = 3
    upsample: int = 3
    frame_s: float = 0.06

    @property
    def num_parameters(self) -> int:
        """All of them, biases and norms included."""
        d = self.width
        encoder = self._encoder_block(self.input_width) + 2 * d
        encoder += (self.encoder.num_blocks - 1) * self._encoder_block(d)
        decoder = self._decoder(self.decoder) + 2 * self.vocab * d + self.vocab
        predictor = self.predictor_kernel * d * d + 2 * d + 1
        if self.has_timestamps:
            predictor += self.upsample * d * d + d + 2 * self._lstm_layer() + 2 * d + 1
        hotwords = 0
        if self.hotwords:
            hotwords = self._decoder(self.hotwords) + 2 * self._lstm_layer()
            hotwords += self.vocab * d + self.vocab
        return encoder + decoder + predictor + hotwords

    def weight_bytes(self, dtype: str = "float32") -> int:
        """Bytes of the weights in memory; int8 leaves biases, convolutions and tables in float32."""
        if dtype != "int8":
            return 4 * self.num_parameters
        linear = self._encoder_macs(self.input_width)
        linear += (self.encoder.num_blocks - 1) * self._encoder_macs(self.width)
        for stack in filter(None, (self.decoder, self.hotwords)):
            linear += self._decoder_macs(stack) + self.vocab * self.width
        linear += 8 * self.width**2 * 2 * (self.has_timestamps + bool(self.hotwords))  # LSTMs
        return 4 * (self.num_parameters - linear) + linear

    def operations(self, audio_s: float) -> int:
        """Operations (a multiply and an add are two) to recognise so much speech in one piece."""
        frames = max(1, round(audio_s / self.frame_s))
        tokens = max(1, round(audio_s * _TOKENS_PER_S))
        d = self.width
        encoder = self._encoder_macs(self.input_width)
        encoder += (self.encoder.num_blocks - 1) * self._encoder_macs(d)
        encoder += self.encoder.num_blocks * 2 * frames * d  # scores and sums over values
        predictor = self.predictor_kernel * d * d
        if self.has_timestamps:
            predictor += self.upsample * (d * d + 2 * 8 * d * d)
        keys = self.decoder.num_blocks * 2 * d * d
        decoder = self._decoder_macs(self.decoder) - keys
        decoder += self.decoder.num_blocks * 2 * frames * d + self.vocab * d
        return 2 * (frames * (encoder + predictor + keys) + tokens * decoder)

    def activation_bytes(self, audio_s: float) -> int:
        """Largest tensors of one encoder block alive at once: an allowance, not a measurement."""
        frames = max(1, round(audio_s / self.frame_s))
        scores = 2 * 4 * frames * frames  # of the usual four heads, before and after softmax
        return 4 * (frames * (5 * self.width + self.encoder.linear) + scores)

    def _encoder_macs(self, inputs: int) -> int:
        d = self.width
        return 3 * inputs * d + d * d + 2 * d * self.encoder.linear

    def _encoder_block(self, inputs: int) -> int:
        d, linear = self.width, self.encoder.linear
        small = 3 * d + d + d * self.encoder.kernel + linear + d + 2 * inputs + 2 * d
        return self._encoder_macs(inputs) + small

    def _decoder_macs(self, stack: Stack) -> int:
        """Of all its layers and the feed-forward that ends them."""
        feed_forwards = stack.num_blocks + stack.num_memory_blocks + 1
        attention = 4 * self.width * self.width
        return stack.num_blocks * attention + feed_forwards * 2 * self.width * stack.linear

    def _decoder(self, stack: Stack) -> int:
        """Its layers, the feed-forward that ends them and the last norm, without tables."""
        d = self.width
        feed_forward = 2 * d * stack.linear + 3 * stack.linear
        memory_block = feed_forward + d * stack.kernel + 4 * d
        attention = 4 * d * d + 6 * d
        blocks = (stack.num_blocks + stack.num_memory_blocks) * memory_block
        return blocks + stack.num_blocks * attention + feed_forward + 4 * d

    def _lstm_layer(self) -> int:
        return 8 * self.width * self.width + 8 * self.width


def asr_shape(config: Mapping[str, Any], vocab: int, place: str = "config.yaml") -> AsrShape:
    """Reads a FunASR model's config.yaml.

    Args:
        config: Its content.
        vocab: How many tokens its tokens.json lists.
        place: Where it came from, for errors.

    Raises:
        ModelError: Another kind of model, or a dimension is missing.
    """
    model = str(config.get("model"))
    if model not in _KNOWN:
        raise ModelError(
            f"{place} is of a {model!r}, whose size is not known here",
            f"A budget covers: {', '.join(_KNOWN)}",
        )
    try:
        front = config["frontend_conf"]
        predictor = config["predictor_conf"]
        # FunASR passes both to the model; the published config has it at the top
        settings = {**config, **config.get("model_conf", {})}
        return AsrShape(
            model=model,
            width=int(config["encoder_conf"]["output_size"]),
            input_width=int(front["n_mels"]) * int(front["lfr_m"]),
            vocab=vocab,
            encoder=_stack(config["encoder_conf"]),
            decoder=_decoder_stack(config["decoder_conf"]),
            hotwords=(
                _decoder_stack(settings["seaco_decoder_conf"])
                if model == "SeacoParaformer"
                else None
            ),
            has_timestamps=model != "Paraformer",
            predictor_kernel=int(predictor["l_order"]) + int(predictor["r_order"]) + 1,
            upsample=int(predictor.get("upsample_times", 3)),
            frame_s=float(front.get("frame_shift", 10)) * int(front["lfr_n"]) / 1000,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{place} lacks a dimension: {error}", "Give a whole FunASR config.yaml"
        ) from error


def _decoder_stack(settings: Mapping[str, Any]) -> Stack:
    attending = int(settings.get("att_layer_num", _DEFAULT_ATTENDING))
    memory_blocks = max(0, int(settings["num_blocks"]) - attending)
    return msgspec.structs.replace(
        _stack(settings), num_blocks=attending, num_memory_blocks=memory_blocks
    )


def _stack(settings: Mapping[str, Any]) -> Stack:
    return Stack(
        num_blocks=int(settings["num_blocks"]),
        linear=int(settings["linear_units"]),
        kernel=int(settings["kernel_size"]),
    )
