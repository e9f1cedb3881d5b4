"""Who speaks when: FunASR's CAM++ embeddings of short pieces, clustered, as its own pipeline does.

    speech segments (VAD) -> pieces of 1.5 s, every 0.75 s -> embeddings -> clusters -> spans

Offline: the whole recording has to be there, and how many people speak comes from the clustering.
Under 20 pieces (15 s of speech) FunASR takes it for one person.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.companions import SpeakerSpan, Vad
from voicebench.asr.global_state import preserve_global_state
from voicebench.types import SAMPLE_RATE_HZ, SpokenSegment, Token, join_tokens

_BATCH_PIECES = 64
_CLUSTER_SEED = 0


class CamSpeakers:
    """`Speakers` on a FunASR model.

    Args:
        vad: Finds the speech.
        load: Gives a CAMPPlus and FunASR's settings; called at the first recording.
    """

    def __init__(self, vad: Vad, load: Callable[[], tuple[Any, dict[str, Any]]]) -> None:
        self._vad = vad
        self._load = load
        self._loaded: tuple[Any, dict[str, Any]] | None = None
        self._lock = threading.Lock()

    def spans(self, samples: NDArray[np.float32]) -> tuple[SpeakerSpan, ...]:
        """See `Speakers.spans`.

        Raises:
            ModelError: At the first recording, where the model cannot be loaded.
        """
        segments: list[list[Any]] = [
            [
                start_s,
                end_s,
                samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)],
            ]
            for start_s, end_s in self._vad.segments(samples)
        ]
        segments = [segment for segment in segments if len(segment[2])]
        if not segments:
            return ()
        with self._lock:
            self._loaded = self._loaded or self._load()
            return self._tell_apart(segments, *self._loaded)

    def _tell_apart(
        self, segments: list[list[Any]], model: Any, settings: dict[str, Any]
    ) -> tuple[SpeakerSpan, ...]:
        with preserve_global_state():
            from funasr.models.campplus.cluster_backend import ClusterBackend
            from funasr.models.campplus.utils import postprocess, sv_chunk

            pieces = sv_chunk(segments)
            embeddings = self._embed([piece[2] for piece in pieces], model, settings["device"])
            np.random.seed(
                _CLUSTER_SEED
            )  # k-means begins at random; `preserve_global_state` undoes this
            labels = ClusterBackend()(embeddings)
            found = postprocess(pieces, segments, labels, embeddings)
        return tuple(
            SpeakerSpan(start_s=float(start_s), end_s=float(end_s), speaker=int(speaker))
            for start_s, end_s, speaker in found
        )

    def _embed(
        self, pieces: Sequence[NDArray[np.float32]], model: Any, device: str
    ) -> NDArray[np.float32]:
        """Shape (num_pieces, embedding_size)."""
        import torch

        found = []
        with torch.inference_mode():
            for at in range(0, len(pieces), _BATCH_PIECES):
                waves = [
                    torch.from_numpy(np.array(p, np.float32))
                    for p in pieces[at : at + _BATCH_PIECES]
                ]
                given, _ = model.inference(waves, device=device)
                found.append(given[0]["spk_embedding"].cpu().numpy())
        return np.concatenate(found)


def said_by(spans: Sequence[SpeakerSpan], tokens: Sequence[Token]) -> tuple[SpokenSegment, ...]:
    """What each person said: tokens in order of time, a new segment at each change of speaker.

    A token belongs to the span that its middle is in, else to the nearest one.

    Args:
        spans: Who speaks when, in order of time.
        tokens: What was heard.
    """
    segments: list[SpokenSegment] = []
    run: list[Token] = []
    of_run: int | None = None
    for token in tokens:
        speaker = _speaker_at(spans, (token.start_s + token.end_s) / 2)
        if run and speaker != of_run:
            segments.append(_segment(run, of_run))
            run = []
        of_run = speaker
        run.append(token)
    return (*segments, _segment(run, of_run)) if run else tuple(segments)


def _speaker_at(spans: Sequence[SpeakerSpan], at_s: float) -> int | None:
    if not spans:
        return None
    return min(spans, key=lambda span: max(span.start_s - at_s, at_s - span.end_s, 0.0)).speaker


def _segment(tokens: Sequence[Token], speaker: int | None) -> SpokenSegment:
    return SpokenSegment(
        speaker="" if speaker is None else str(speaker),
        text=join_tokens([token.text for token in tokens]),
        start_s=tokens[0].start_s,
        end_s=max(token.end_s for token in tokens),
    )
