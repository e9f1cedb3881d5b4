"""Speaks the six recordings that are bundled for trying out: `python -m training.examples`."""

from __future__ import annotations

from pathlib import Path

import av
import msgspec
import numpy as np
import soxr
from numpy.typing import NDArray

from voicebench.bundled.examples import Example
from voicebench.suites.load import load_suite
from voicebench.suites.render import render_turn
from voicebench.types import SAMPLE_RATE_HZ

CASES = (
    ("daily_qa", "daily_qa-002"), ("daily_qa", "daily_qa-006"), ("self_correction", "self_correction-002"),
    ("entities", "entities-002"), ("pauses", "pauses-004"), ("dialect_mix", "dialect_mix-004"),
)  # fmt: skip
_OPUS_RATE_HZ, _FRAME = 48_000, 960
FOLDER = Path(__file__).parent.parent / "voicebench" / "bundled" / "examples"


def main() -> None:
    """Writes the recordings and their list."""
    made = []
    for suite_name, case_id in CASES:
        suite = load_suite(suite_name)
        turn = next(each for each in suite.cases if each.id == case_id).turns[0]
        example = Example(file=f"{case_id}.ogg", text=turn.reference)
        write_opus(FOLDER / example.file, render_turn(turn, suite.folder)[0])
        made.append(example)
    (FOLDER / "examples.yaml").write_bytes(msgspec.yaml.encode(made))


def write_opus(path: Path, samples: NDArray[np.float32]) -> None:
    """Writes 16 kHz mono samples of shape (num_samples,) as Ogg Opus at 32 kbit/s."""
    pcm = soxr.resample(np.clip(samples, -1, 1), SAMPLE_RATE_HZ, _OPUS_RATE_HZ)
    pcm = np.round(pcm * 32767).astype(np.int16)
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=_OPUS_RATE_HZ, layout="mono")
        stream.bit_rate = 32_000
        for start in range(0, len(pcm), _FRAME):
            frame = np.pad(pcm[start : start + _FRAME], (0, max(0, start + _FRAME - len(pcm))))
            audio = av.AudioFrame.from_ndarray(frame[None], "s16", "mono")
            audio.sample_rate, audio.pts = _OPUS_RATE_HZ, start
            container.mux(stream.encode(audio))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
