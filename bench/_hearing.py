"""What the recogniser makes of suites under settings of its windows; no LLM, no pace."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.errors import StageError
from voicebench.metrics.error_rate import cer
from voicebench.metrics.seams import seam_errors
from voicebench.metrics.stats import paired_bootstrap, ratio_interval
from voicebench.pipeline.assistant import Transcript
from voicebench.runs.batching import transcribe_many
from voicebench.runs.turns import turn_audio
from voicebench.suites.load import load_suite
from voicebench.types import SAMPLE_RATE_HZ, Case, Variant

BATCH_TURNS = 16
Samples = NDArray[np.float32]
ByConversation = dict[Any, tuple[float, float]]


@dataclass(frozen=True)
class Said:
    """One turn of a suite: where it is from, what was said, and its audio."""

    case: Case
    turn_index: int
    samples: Samples

    @property
    def conversation(self) -> tuple[str, str]:
        return (self.case.suite, self.case.id)

    @property
    def reference(self) -> str:
        return self.case.turns[self.turn_index].reference


@dataclass
class Heard:
    """Counts of one variant by conversation, and what they cost."""

    characters: ByConversation = field(default_factory=dict)
    seams: ByConversation = field(default_factory=dict)
    num_turns: int = 0
    audio_s: float = 0.0
    cpu_s: float = 0.0
    num_windows: int = 0
    num_again: int = 0

    def add(self, said: Said, transcript: Transcript) -> None:
        """Counts one turn."""
        errors = cer(said.reference, transcript.hypothesis.text)
        seams = seam_errors(said.reference, transcript.hypothesis.tokens, transcript.windows)
        _count(self.characters, said.conversation, errors.errors, errors.total)
        _count(self.seams, said.conversation, seams.errors, errors.total)
        self.num_turns += 1
        self.audio_s += len(said.samples) / SAMPLE_RATE_HZ
        self.num_windows += sum(window.pass_number == 1 for window in transcript.windows)
        self.num_again += sum(window.pass_number == 2 for window in transcript.windows)

    def figures(self, default: Heard) -> dict[str, Any]:
        """Rates with intervals, and the difference from the default, paired by conversation."""
        return {
            "num_turns": self.num_turns,
            "cer": _rate(self.characters, default.characters),
            "seam_errors_per_character": _rate(self.seams, default.seams),
            "cpu_ms_per_audio_s": 1000 * self.cpu_s / self.audio_s,
            "num_windows": self.num_windows,
            "num_recognised_again": self.num_again,
        }


def load_said(suites: Sequence[str], limit: int, limit_meetings: int) -> list[Said]:
    """Turns of the first cases of each suite, as audio."""
    said = []
    for name in suites:
        suite = load_suite(name)
        num = limit_meetings if name == "long_meeting" else limit
        for case in suite.cases[:num]:
            for index, turn in enumerate(case.turns):
                said.append(Said(case, index, turn_audio(turn, suite.folder, Variant())[0]))
    return said


def hear(recognizer: Recognizer, said: Sequence[Said], variant: Variant) -> Iterator[Transcript]:
    """The transcripts of turns, in order.

    Raises:
        StageError: The recogniser failed.
    """
    for transcript in transcribe_many(recognizer, [(each.samples, variant) for each in said]):
        if isinstance(transcript, StageError):
            raise transcript
        yield transcript


def sweep_hearing(
    recognizer: Recognizer, said: Sequence[Said], variants: Sequence[Variant]
) -> dict[str, Heard]:
    """Every variant on every turn, variants next to one another."""
    heard = {variant.name: Heard() for variant in variants}
    for first in range(0, len(said), BATCH_TURNS):
        batch = said[first : first + BATCH_TURNS]
        for variant in variants:
            started_s = time.process_time()
            transcripts = list(hear(recognizer, batch, variant))
            heard[variant.name].cpu_s += time.process_time() - started_s
            for each, transcript in zip(batch, transcripts, strict=True):
                heard[variant.name].add(each, transcript)
    return heard


def with_noise(samples: Samples, snr_db: float, seed: int) -> Samples:
    """White noise beneath the speech: `snr_db` below the mean power of what is not silent."""
    loud = samples[np.abs(samples) > 1e-3]
    power = float(np.mean(loud**2)) if len(loud) else 0.0
    deviation = np.sqrt(power / 10 ** (snr_db / 10))
    noise = np.random.default_rng(seed).normal(0.0, deviation, len(samples))
    return np.clip(samples + noise, -1.0, 1.0).astype(np.float32)


def _count(sums: ByConversation, key: Any, above: float, below: float) -> None:
    old = sums.get(key, (0.0, 0.0))
    sums[key] = (old[0] + above, old[1] + below)


def _rate(counts: ByConversation, default: ByConversation) -> dict[str, Any]:
    above, below = (sum(column) for column in zip(*counts.values(), strict=True))
    interval = ratio_interval(counts, is_share=False)
    change = paired_bootstrap(default, counts)
    change_interval = change.interval if change else None
    return {
        "value": above / below if below else None,
        "n": int(below),
        "interval": [interval.low, interval.high] if interval else None,
        "against_default": change.difference if change else None,
        "against_default_interval": [change_interval.low, change_interval.high]
        if change_interval
        else None,
    }
