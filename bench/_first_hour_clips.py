"""What the first hour listens to: the user's recordings and turns of suites."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AUDIO_SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".webm")


@dataclass(frozen=True)
class Clip:
    """A recording; `text` None where no transcript is known, `t_eos_s` where no end is."""

    name: str
    samples: NDArray[np.float32]
    text: str | None
    t_eos_s: float | None


def clips(args: argparse.Namespace) -> list[Clip]:
    """The user's recordings, with NAME.txt beside them as transcripts, and turns of a suite."""
    turns = itertools.chain.from_iterable(map(_suite_turns, args.suites.split(",")))
    return [*_recordings(args.recordings), *itertools.islice(turns, args.cases)]


def _recordings(folder: str | None) -> Iterator[Clip]:
    from voicebench.audio import load_audio

    paths = sorted(Path(folder).rglob("*")) if folder else []
    for path in paths:
        if path.suffix.lower() in AUDIO_SUFFIXES:
            beside = path.with_suffix(".txt")
            text = beside.read_text(encoding="utf-8").strip() if beside.is_file() else None
            yield Clip(path.name, load_audio(path), text, None)


def _suite_turns(name: str) -> Iterator[Clip]:
    from voicebench.suites.load import load_suite
    from voicebench.suites.render import render_turn

    suite = load_suite(name)
    for case in suite.cases:
        for turn in case.turns:
            samples, t_eos_s = render_turn(turn, suite.folder)
            yield Clip(case.id, samples, turn.reference, t_eos_s)
