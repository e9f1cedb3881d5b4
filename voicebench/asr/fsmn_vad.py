"""FunASR's FSMN VAD: how likely is speech in each frame, and where a recording holds speech.

Of a stream the network's own frame probabilities are taken, 10 ms each, and the endpointer decides
on them as it does on Silero's: FunASR's segmenter speaks up only after 800 ms of silence, which is
later than a turn is over here. Of a whole recording FunASR's segmenter decides.

A frame is speech for FunASR where its probability exceeds that of silence by `speech_noise_thres`
(0.6 in the published model); that is where the endpointer's threshold lies. It has no second, lower
one: the network looks back 20 frames in each of its layers and hardly flickers.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.vad import FRAME_SAMPLES

_STEP_SAMPLES = 160
"""FunASR's frames are 10 ms apart."""
_STEP_LENGTH = 400


class FsmnVad:
    """A `Vad` on a FunASR model.

    Args:
        model: A FsmnVADStreaming.
        settings: FunASR's, its frontend among them.
    """

    def __init__(self, model: Any, settings: dict[str, Any]) -> None:
        self._model = model
        self._frontend = _streaming(settings)
        self._frontend.dither = 0.0  # dither is noise: the same audio must give the same frames
        self._lock = threading.Lock()

    def stream(self) -> FsmnStream:
        """For a stream that begins."""
        return FsmnStream(self)

    def segments(self, samples: NDArray[np.float32]) -> list[tuple[float, float]]:
        """See `Vad.segments`; by FunASR's own segmenter, with the silences of its model's config."""
        import torch

        if len(samples) < FRAME_SAMPLES:
            return []
        options = self._model.vad_opts
        with self._lock, torch.inference_mode():
            found, _ = self._model.inference(
                [torch.from_numpy(np.array(samples, np.float32))],
                key=["recording"],
                frontend=self._frontend,
                device="cpu",
                cache={},
                max_end_silence_time=options.max_end_silence_time,
            )
        return [(start_ms / 1000, end_ms / 1000) for start_ms, end_ms in found[0]["value"]]

    @property
    def speech_above(self) -> float:
        """Where FunASR takes a frame for speech: p >= 1 - p + `speech_noise_thres`."""
        return (1.0 + float(self._model.vad_opts.speech_noise_thres)) / 2

    def probabilities(
        self, samples: NDArray[np.float32], cache: dict[str, Any]
    ) -> NDArray[np.float32]:
        """Probability of speech in every 10 ms that the samples complete.

        Args:
            samples: The next of a stream, any number.
            cache: The stream's, changed; empty at its beginning.

        Returns:
            Shape (num_frames,); the first 25 ms and two frames of look-ahead give none yet.
        """
        import torch

        wave = torch.from_numpy(np.array(samples, np.float32))[None]
        # FunASR's threads are no matter here, but one model has one set of buffers
        with self._lock, torch.inference_mode():
            features, _ = self._frontend(
                wave,
                torch.tensor([wave.size(1)]),
                cache=cache.setdefault("frontend", {}),
                is_final=False,
            )
            if not features.numel():
                return np.zeros(0, np.float32)
            scores = self._model.encoder(features, cache=cache.setdefault("encoder", {}))
            silence = scores[0, :, self._model.vad_opts.sil_pdf_ids].sum(-1)
        return np.asarray(1.0 - silence.numpy(), np.float32)


class FsmnStream:
    """A `StreamVad` of one stream."""

    def __init__(self, vad: FsmnVad) -> None:
        self._vad = vad
        self._cache: dict[str, Any] = {}
        self._last = 0.0
        self._num_samples = 0
        self.speech_above = self.silence_below = vad.speech_above

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        """Mean over the 10 ms frames that this one completes; the last one known where it completes
        none.

        Args:
            frame: Shape (512,), 16 kHz mono float32.
        """
        if frame.shape != (FRAME_SAMPLES,):
            raise ValueError(f"a frame has {FRAME_SAMPLES} samples, got shape {frame.shape}")
        return float(self.speech_probabilities(frame)[0])

    def speech_probabilities(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same of many frames in one call: shape (num_frames,).

        Args:
            samples: Shape (num_frames * 512,), 16 kHz mono float32.
        """
        num_frames, rest = divmod(len(samples), FRAME_SAMPLES)
        if rest:
            raise ValueError(f"frames have {FRAME_SAMPLES} samples, got {len(samples)} in all")
        if not num_frames:
            return np.zeros(0)
        steps = self._vad.probabilities(samples, self._cache)
        self._num_samples += len(samples)
        # a step is complete with its last sample: the last one now, the others 10 ms apart
        since = (self._num_samples - _STEP_LENGTH) % _STEP_SAMPLES
        ends = len(samples) - since - _STEP_SAMPLES * np.arange(len(steps))[::-1]
        of_frame = np.clip((ends - 1) // FRAME_SAMPLES, 0, num_frames - 1)
        found = np.empty(num_frames)
        for frame in range(num_frames):
            completed = steps[of_frame == frame]
            self._last = float(completed.mean()) if len(completed) else self._last
            found[frame] = self._last
        return found


def _streaming(settings: dict[str, Any]) -> Any:
    """The settings' frontend, or its streaming twin: FunASR's example config names the other one."""
    frontend = settings["frontend"]
    if hasattr(frontend, "init_cache"):
        return frontend
    from funasr.frontends.wav_frontend import WavFrontendOnline

    return WavFrontendOnline(**settings["frontend_conf"])
