"""Paraformer through FunASR: tokens with times, confidence and top-k readings.

The model's parts are called one by one (`asr.forward`), not through `generate()`, because only so are
the posteriors to be had, and because `generate()` keeps state between calls. Every class of
the family works: Paraformer, BiCifParaformer, SeacoParaformer. How long a token lasts comes from
the timestamp head where the model has one (20 ms), else from the predictor (60 ms); where it is,
from the predictor, which does not drift.

A Paraformer has no token for silence: it makes words up in noise. Where it doubts a token, only
tokens near speech, as a VAD hears it, are kept.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.asr.companions import NO_COMPANIONS, Companions
from voicebench.asr.cost_emulation import CostEmulatingRecognizer
from voicebench.asr.folder import hotword_ids, load_folder
from voicebench.asr.forward import Forward
from voicebench.asr.funasr_companions import load_companions
from voicebench.asr.hotwords import MODEL_CLASS, refused_hotwords
from voicebench.asr.tokens import Floats, centred, join_pieces, token_centres, token_times
from voicebench.asr.vad import speech_times
from voicebench.errors import ModelError
from voicebench.profiles.schema import AsrProfile
from voicebench.types import SAMPLE_RATE_HZ, Alternative, Hypothesis, Token

if TYPE_CHECKING:
    import torch

NUM_ALTERNATIVES = 5
_FRAME_SAMPLES = SAMPLE_RATE_HZ * 25 // 1000  # one frame of the filter bank
_MAX_BATCH_S = 120.0  # padded audio of one call: bounds memory, not results
_DOUBT_BELOW = 0.6  # mean confidence of right tokens is 0.9, of tokens made up in noise 0.35
_REACH_S = 0.3  # the VAD hears speech a little late, and not in every closure
_SILENT_TOKENS = frozenset({"<blank>", "<s>", "</s>", "<unk>"})


def load_recognizer(profile: AsrProfile) -> Recognizer:
    """The recogniser of a profile, one model or one for the cost and one for the words, and what
    comes with it.

    Raises:
        ModelError, ConfigError, MissingPackageError, StorageError: See `load_folder`.
    """
    companions = load_companions(profile)
    if profile.transcript_source is None:
        return ParaformerRecognizer(profile, companions=companions)
    # Doubt is all that random weights have: asking the VAD of every token is no part of their cost.
    costly = ParaformerRecognizer(profile, only_speech=False)
    words = AsrProfile(
        folder=profile.transcript_source, device=profile.device, num_threads=profile.num_threads
    )
    return CostEmulatingRecognizer(costly, ParaformerRecognizer(words), companions)


class ParaformerRecognizer:
    """A `Recognizer` on a FunASR folder, which `TakesSpeechTimes`.

    Args:
        profile: The folder, the device and the number of threads.
        only_speech: Whether doubtful tokens must be near speech.
        companions: What comes with it.

    Raises:
        ModelError: The folder is missing or corrupt, or holds another kind of model.
        ConfigError: The device is not there, or the model has no tokens for a hotword.
        MissingPackageError: FunASR is not installed.
    """

    def __init__(
        self,
        profile: AsrProfile,
        *,
        only_speech: bool = True,
        companions: Companions = NO_COMPANIONS,
    ) -> None:
        self.companions = companions
        self.takes_speech_times = only_speech
        model, settings = load_folder(profile)
        if not all(hasattr(model, part) for part in ("encode", "calc_predictor", "decoder")):
            raise ModelError(
                f"model folder {profile.folder} holds a {type(model).__name__}, not a Paraformer",
                "Give a Paraformer, BiCifParaformer or SeacoParaformer folder in the profile",
            )
        self._model: Any = model
        self._frontend: Any = settings["frontend"]
        self._frontend.dither = 0.0  # dither is noise: the same audio must give the same text
        self._device: str = settings["device"]
        self._token_list: list[str] = settings["token_list"]
        self._frame_s = self._frontend.frame_shift * self._frontend.lfr_n / 1000
        self._profile = profile
        self._hotwords = hotword_ids(model, profile)
        self._stream = _own_stream(self._device)
        self._only_speech = only_speech
        self._lock = threading.Lock()
        self._forward = Forward(model)

    @property
    def vocabulary(self) -> Sequence[str]:
        """See `Recognizer.vocabulary`: tokens.json, pieces of words (`pre@@`) included."""
        return self._token_list

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        """See `Recognizer.recognize`."""
        return self.recognize_batch([samples])[0]

    def recognize_batch(
        self,
        pieces: Sequence[NDArray[np.float32]],
        speech_s: Sequence[Floats | None] | None = None,
    ) -> list[Hypothesis]:
        """See `TakesSpeechTimes.recognize_batch`."""
        import torch

        hypotheses = [Hypothesis(is_final=True) for _ in pieces]
        with self._lock, self._on_stream(), torch.inference_mode():
            if self._model is None:
                raise RuntimeError("the recogniser is closed")
            for indices in _batches([len(piece) for piece in pieces]):
                recognised = self._recognize([pieces[index] for index in indices])
                for index, tokens in zip(indices, recognised, strict=True):
                    if self._only_speech:
                        known_s = speech_s[index] if speech_s else None
                        tokens = _spoken(tokens, pieces[index], known_s)
                    hypotheses[index] = Hypothesis(tokens=tokens, is_final=True)
        return hypotheses

    def refused_hotwords(self, words: Sequence[str]) -> dict[str, str]:
        """See `TakesHotwords.refused_hotwords`."""
        if type(self._model).__name__ != MODEL_CLASS:
            return dict.fromkeys(words, f"a {type(self._model).__name__} takes no hotwords")
        return refused_hotwords(Path(self._profile.folder), words)

    def with_hotwords(self, words: Sequence[str]) -> ParaformerRecognizer:
        """See `TakesHotwords.with_hotwords`."""
        hotwords = tuple(dict.fromkeys((*self._profile.hotwords, *words)))
        listening = copy.copy(self)  # model, lock and stream are the same
        listening._profile = msgspec.structs.replace(self._profile, hotwords=hotwords)
        listening._hotwords = hotword_ids(self._model, listening._profile)
        return listening

    def close(self) -> None:
        """Frees the model; recognising afterwards is an error."""
        with self._lock:
            self._model = None
            del self._forward

    def _recognize(self, pieces: Sequence[NDArray[np.float32]]) -> list[tuple[Token, ...]]:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        waves = [torch.from_numpy(np.array(piece, dtype=np.float32)) for piece in pieces]
        lengths = torch.tensor([len(wave) for wave in waves])
        features, num_frames = self._frontend(pad_sequence(waves, batch_first=True), lengths)
        frames: list[int] = num_frames.tolist()
        states = self._forward.encode(features.to(self._device), frames)
        embeddings, counts, weights = self._forward.predict(states, frames)
        results: list[tuple[Token, ...]] = [() for _ in pieces]
        spoken = [index for index, count in enumerate(counts) if count]
        if not spoken:
            return results
        if len(spoken) < len(pieces):
            frames, counts = [frames[i] for i in spoken], [counts[i] for i in spoken]
            states, embeddings = states[spoken, : max(frames)], embeddings[spoken]
        logits = self._decode(states, frames, embeddings[:, : max(counts)], counts)
        top = logits.float().softmax(-1).topk(min(NUM_ALTERNATIVES, logits.size(-1)))
        top_p, top_id = top.values.cpu(), top.indices.cpu()
        heads = [weights[i][:n] for i, n in zip(spoken, frames, strict=True)]
        if self._forward.has_timestamps:
            heads = self._forward.timestamp_weights(states, frames)
        for row, index in enumerate(spoken):
            results[index] = self._tokens(
                top_p[row, : counts[row]].tolist(),
                top_id[row, : counts[row]].tolist(),
                token_centres(weights[index], counts[row], self._frame_s),
                heads[row],
                self._frame_s * frames[row] / len(heads[row]),
            )
        return results

    def _decode(
        self,
        states: torch.Tensor,
        frames: Sequence[int],
        embeddings: torch.Tensor,
        counts: Sequence[int],
    ) -> torch.Tensor:
        """Logits of the tokens, (pieces, tokens, vocabulary); with hotwords, turned towards them."""
        import torch

        if not self._hotwords:
            return self._forward.decode(states, frames, embeddings, counts)
        num_frames, num_tokens = (torch.tensor(e, device=states.device) for e in (frames, counts))
        biased: torch.Tensor = self._model._seaco_decode_with_ASF(
            states, num_frames, embeddings, num_tokens, self._hotwords
        )
        return biased

    def _on_stream(self) -> contextlib.AbstractContextManager[Any]:
        """The recogniser's own CUDA stream, where there is one."""
        if self._stream is None:
            return contextlib.nullcontext()
        import torch

        return torch.cuda.stream(self._stream)

    def _tokens(
        self,
        top_p: list[list[float]],
        top_id: list[list[int]],
        centres_s: Floats,
        weights: NDArray[np.float32],
        frame_s: float,
    ) -> tuple[Token, ...]:
        is_said = [self._token_list[ids[0]] not in _SILENT_TOKENS for ids in top_id]
        kept = [
            [
                Alternative(text=self._token_list[id_], probability=min(probability, 1.0))
                for id_, probability in zip(ids, probabilities, strict=True)
            ]
            for ids, probabilities, said in zip(top_id, top_p, is_said, strict=True)
            if said
        ]
        times = centred(
            token_times(weights, len(kept), frame_s), centres_s[is_said], len(weights) * frame_s
        )
        pieces = [
            Token(
                text=readings[0].text,
                start_s=start_s,
                end_s=end_s,
                confidence=readings[0].probability,
                alternatives=tuple(r for r in readings if r.text not in _SILENT_TOKENS),
            )
            for readings, (start_s, end_s) in zip(kept, times, strict=True)
        ]
        return join_pieces(pieces)


def _own_stream(device: str) -> Any:
    """A CUDA stream of the highest priority, or None on a CPU.

    On the default stream a window would wait for whatever the LLM has queued there; the scheduler
    takes blocks of a stream of higher priority first as others finish.
    """
    if not device.startswith("cuda"):
        return None
    import torch

    make_stream: Any = torch.cuda.Stream
    return make_stream(device=device, priority=-1)


def _spoken(
    tokens: tuple[Token, ...], samples: NDArray[np.float32], known_s: Floats | None
) -> tuple[Token, ...]:
    """The tokens near speech; all of them where none is doubtful, which saves running the VAD.

    Args:
        tokens: Of the piece.
        samples: The piece.
        known_s: Where a VAD has found speech in it; None: silero-vad looks for it, 0.4 ms a frame.
    """
    if all(token.confidence >= _DOUBT_BELOW for token in tokens):
        return tokens
    heard_s = speech_times(samples) if known_s is None else known_s
    return tuple(
        token
        for token in tokens
        if np.any((heard_s > token.start_s - _REACH_S) & (heard_s < token.end_s + _REACH_S))
    )


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of the pieces of each call: like lengths together, `_MAX_BATCH_S` at most.

    Pieces shorter than a frame are in none: there is nothing to recognise.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if lengths[index] < _FRAME_SAMPLES:
            continue
        if batch and (len(batch) + 1) * lengths[index] > _MAX_BATCH_S * SAMPLE_RATE_HZ:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
