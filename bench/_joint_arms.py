"""The five arms as variants, and the utterances that all of them hear."""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.suites.load import load_suite
from voicebench.suites.render import render_turn
from voicebench.types import SAMPLE_RATE_HZ, Guard, Sampling, Variant

WHOLE_S = 60.0  # a window that no utterance fills: all audio is recognised after the end
SILENCE_AFTER_ENDPOINT_S = 0.5
ARMS = {
    "a": "(a) two services",
    "b": "(b) one process",
    "c": "(c) + windows",
    "d": "(d) + prefill",
    "e": "(e) + speculation",
}


@dataclass(frozen=True)
class Utterance:
    """One thing said, with silence after it, and where in a suite it stands."""

    suite: str
    case_id: str
    turn_index: int
    samples: NDArray[np.float32]
    t_eos_s: float


def variants(args: argparse.Namespace) -> dict[str, Variant]:
    """Each arm's switches; (a) uses those of (b)."""
    serial = Variant(
        name=ARMS["b"],
        window_s=WHOLE_S,
        endpoint_silence_s=args.endpoint_silence,
        sampling=Sampling(max_tokens=args.max_tokens),
        guard=Guard(min_confidence=0.0),
    )
    windows = msgspec.structs.replace(serial, name=ARMS["c"], window_s=Variant().window_s)
    prefill = msgspec.structs.replace(windows, name=ARMS["d"], prefill=True)
    return {
        "a": msgspec.structs.replace(serial, name=ARMS["a"]),
        "b": serial,
        "c": windows,
        "d": prefill,
        "e": msgspec.structs.replace(prefill, name=ARMS["e"], speculation=True),
    }


def choose_utterances(args: argparse.Namespace) -> list[Utterance]:
    """Utterances of the suites, as many and as long as asked for, drawn with the seed."""
    found = []
    for suite in map(load_suite, args.suites.split(",")):
        for case in suite.cases:
            for index, turn in enumerate(case.turns):
                if turn.t_eos_s <= args.longest:
                    found.append((suite, case.id, index, turn))
    chosen = random.Random(args.seed).sample(found, min(args.limit, len(found)))
    utterances = []
    for suite, case_id, index, turn in chosen:
        samples, t_eos_s = render_turn(turn, suite.folder)
        end = round((t_eos_s + args.endpoint_silence + SILENCE_AFTER_ENDPOINT_S) * SAMPLE_RATE_HZ)
        samples = np.pad(samples, (0, max(0, end - len(samples))))
        utterances.append(Utterance(suite.name, case_id, index, samples, t_eos_s))
    return utterances
